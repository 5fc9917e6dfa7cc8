"""The edge gate: is a setup worth its cost? All distances and costs in bps (signals.md 9.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, expm1, isnan, sqrt
from typing import Any

from bot.core.enums import DenyReason, Mode
from bot.core.errors import BadConfig
from bot.core.units import utc_day


def barrier_win_prob(target: float, stop: float, drift: float, variance: float) -> float:
    """P(Brownian motion reaches +target before -stop); drift and variance per second."""
    if abs(drift) < 1e-12:
        return stop / (target + stop)
    k = 2.0 * drift / variance
    if k > 0:
        return expm1(-k * stop) / expm1(-k * (target + stop))
    # the same ratio times e^{k(T+L)} on both sides: no overflow for a strong adverse drift
    return exp(k * target) * expm1(k * stop) / expm1(k * (target + stop))


def expected_value(p_win: float, target: float, stop: float, cost: float) -> float:
    return p_win * target - (1.0 - p_win) * stop - cost


def breakeven_prob(target: float, stop: float, cost: float) -> float:
    return (stop + cost) / (target + stop)


def expected_hold_s(target: float, stop: float, drift: float, variance: float) -> float:
    """Mean seconds until either barrier is reached; drift and variance per second."""
    if abs(drift) * (target + stop) < 1e-6 * variance:
        return target * stop / variance
    p = barrier_win_prob(target, stop, drift, variance)
    return (p * target - (1.0 - p) * stop) / drift


@dataclass(frozen=True, slots=True)
class Costs:
    """What a round trip of our size costs. `entry` is "taker" or "maker"."""

    entry: str
    taker_bps: float = 5.0
    maker_bps: float = 2.0
    entry_walk_bps: float = 0.0  # against the mid: includes half the spread
    exit_walk_bps: float = 0.0
    adverse_bps: float = 0.0  # drift against a filled resting order

    def terms(self, side: int, funding_rate: float, settles_in_s: float, hold_s: float) -> dict[str, float]:
        """The cost by cause, bps. Funding counts when it falls inside the hold; funding income never does."""
        takes = self.entry == "taker"
        return {
            "fees_bps": (self.taker_bps if takes else self.maker_bps) + self.taker_bps,
            "walk_in_bps": self.entry_walk_bps if takes else 0.0,
            "walk_out_bps": self.exit_walk_bps,
            "adverse_bps": 0.0 if takes else self.adverse_bps,
            "funding_bps": max(0.0, side * funding_rate * 1e4) if settles_in_s <= hold_s else 0.0,
        }

    def round_trip(self, side: int, funding_rate: float, settles_in_s: float, hold_s: float) -> float:
        """All terms together, bps."""
        return sum(self.terms(side, funding_rate, settles_in_s, hold_s).values())


@dataclass(slots=True)
class SetupRecord:
    """How a setup's trades ended. A trade that went from its stop to its target counts 0 to 1: see `won`."""

    wins: float = 0.0
    count: int = 0


def won(gross_bps: float, target_bps: float, stop_bps: float) -> float:
    """The share of a win in a trade that made `gross_bps` before costs, 0 at its stop to 1 at its target.

    With it p T - (1-p) L is what the trade made: trades that end between the barriers (stop at
    break-even, time, a signal) neither count as the full win nor as the full loss they were not.
    """
    return min(1.0, max(0.0, (gross_bps + stop_bps) / (target_bps + stop_bps)))


@dataclass(frozen=True, slots=True)
class Posterior:
    p: float
    lcb: float


def posterior_win(p_model: float, wins: float, count: int, kappa: float = 50.0, z: float = 1.0) -> Posterior:
    """The model's probability with the setup's record, and its lower confidence bound."""
    p = (kappa * p_model + wins) / (kappa + count)
    return Posterior(p, p - z * sqrt(p * (1.0 - p) / (kappa + count + 1.0)))


@dataclass(frozen=True, slots=True)
class GateRules:
    """What an entry must show. `explore_per_day` is per symbol and UTC day, 0 without exploration."""

    z: float = 1.0
    explore_per_day: int = 0
    min_confidence: float = 0.5
    explore_confidence: float = 0.3
    min_target_cost_ratio: float = 2.0
    explore_target_cost_ratio: float = 0.5
    max_spread_ratio: float = 3.0
    kappa: float = 50.0

    def __post_init__(self) -> None:
        if self.z < 0 or self.explore_per_day < 0 or self.kappa <= 0 or self.max_spread_ratio < 1:
            raise BadConfig(
                "risk gate: expected z >= 0, explore_per_day >= 0, kappa > 0 and max_spread_ratio >= 1, "
                f"was z={self.z}, explore_per_day={self.explore_per_day}, kappa={self.kappa}, "
                f"max_spread_ratio={self.max_spread_ratio}"
            )
        if not 0 <= self.explore_confidence <= self.min_confidence <= 1:
            raise BadConfig(
                "risk gate: expected 0 <= explore_confidence <= min_confidence <= 1, "
                f"was {self.explore_confidence} and {self.min_confidence}"
            )

    @staticmethod
    def live() -> GateRules:
        return GateRules(z=1.0, explore_per_day=0)

    @staticmethod
    def paper() -> GateRules:
        return GateRules(z=0.0, explore_per_day=5)


@dataclass(frozen=True, slots=True)
class Setup:
    """A proposed trade in the gate's terms."""

    target_bps: float
    stop_bps: float
    cost_bps: float
    drift_bps: float  # expected move towards the trade's side over the horizon
    sigma_bps: float  # of the horizon
    horizon_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`failed` is the first rule broken (None: passed) with its limit and the value that broke it."""

    p_win: float
    p_post: float
    p_lcb: float
    ev_bps: float  # at the lower bound, after cost
    breakeven: float
    failed: DenyReason | None = None
    limit: float = 0.0
    value: float = 0.0
    may_explore: bool = False


def judge(setup: Setup, record: SetupRecord, rules: GateRules) -> Verdict:
    """The gate for one setup. `may_explore`: too poor for the gate, good enough for the budget."""
    target, stop, cost = setup.target_bps, setup.stop_bps, setup.cost_bps
    drift = setup.drift_bps / setup.horizon_s
    p_win = barrier_win_prob(target, stop, drift, setup.sigma_bps**2 / setup.horizon_s)
    post = posterior_win(p_win, record.wins, record.count, rules.kappa, rules.z)
    ev = expected_value(post.lcb, target, stop, cost)
    checks = (
        (DenyReason.LOW_CONFIDENCE, rules.min_confidence, setup.confidence),
        (DenyReason.TARGET_BELOW_COST, rules.min_target_cost_ratio * cost, target),
        (DenyReason.EDGE_BELOW_COST, 0.0, ev),
    )
    figures = (p_win, post.p, post.lcb, ev, breakeven_prob(target, stop, cost))
    for reason, limit, value in checks:
        # NaN fails; a zero edge is no edge
        passed = value > limit if reason is DenyReason.EDGE_BELOW_COST else value >= limit
        if not passed:
            return Verdict(*figures, reason, limit, value, _may_explore(setup, ev, rules))
    return Verdict(*figures)


def _may_explore(setup: Setup, ev_bps: float, rules: GateRules) -> bool:
    """Near enough to the gate to learn from; an edge that cannot be computed teaches nothing."""
    near = setup.target_bps >= rules.explore_target_cost_ratio * setup.cost_bps
    return near and setup.confidence >= rules.explore_confidence and not isnan(ev_bps)


@dataclass(slots=True)
class Exploration:
    """The paper exploration budget: trades spent by symbol on the current UTC day."""

    per_day: int
    day: int = 0
    spent: dict[str, int] = field(default_factory=dict)

    def left(self, symbol: str, now_ns: int) -> int:
        used = self.spent.get(symbol, 0) if utc_day(now_ns) == self.day else 0
        return max(0, self.per_day - used)

    def spend(self, symbol: str, now_ns: int) -> None:
        if utc_day(now_ns) != self.day:
            self.day, self.spent = utc_day(now_ns), {}
        self.spent[symbol] = self.spent.get(symbol, 0) + 1

    def refund(self, symbol: str, spent_ns: int) -> None:
        """Give back one that never filled, when its day is still the current one."""
        if utc_day(spent_ns) == self.day and self.spent.get(symbol, 0) > 0:
            self.spent[symbol] -= 1


@dataclass(slots=True)
class SetupRecords:
    """Records by `strategy|mode|symbol`, judged pooled over symbols; exploration trades count here only."""

    by_setup: dict[str, SetupRecord] = field(default_factory=dict)

    def of(self, strategy: str, mode: Mode) -> SetupRecord:
        """Of all symbols together."""
        key = f"{strategy}|{mode.value}|"
        mine = [record for name, record in self.by_setup.items() if name.startswith(key)]
        return SetupRecord(sum(r.wins for r in mine), sum(r.count for r in mine))

    def add(self, strategy: str, mode: Mode, symbol: str, share: float) -> None:
        """A trade ended with `share` of a win."""
        record = self.by_setup.setdefault(f"{strategy}|{mode.value}|{symbol}", SetupRecord())
        record.count += 1
        record.wins += share

    def to_state(self) -> dict[str, Any]:
        return {key: [r.wins, r.count] for key, r in self.by_setup.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Also what an earlier version kept, by `strategy|mode` only."""
        self.by_setup = {
            key if key.count("|") > 1 else f"{key}|": SetupRecord(wins, count)
            for key, (wins, count) in state.items()
        }
