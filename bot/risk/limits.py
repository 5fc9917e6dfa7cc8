"""The figures of all limits, the form an entry must have, and rests after stops in a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bot.core.enums import Action, DenyReason
from bot.core.errors import BadConfig
from bot.core.messages import Intent
from bot.core.units import NS_PER_S
from bot.risk.sizing import SizeRules
from bot.risk.trades import ExitReason, Trade


class Refusal(NamedTuple):
    reason: DenyReason
    limit: float
    value: float


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Losses, drawdown and volatility are shares of equity, exposure is in times equity, per settle coin.

    Positions, sides, orders and failed stops are counted over all coins. `bot.risk.breakers`
    says what each is held against.
    """

    size: SizeRules = field(default_factory=SizeRules)
    max_exposure: float = 6.0
    max_beta: float = 2.0
    portfolio_volatility: float = 0.02
    max_positions: int = 5
    max_same_side: int = 3
    daily_loss: float = 0.02
    max_drawdown: float = 0.06
    cool_down_stops: int = 3
    cool_down_ns: int = 1800 * NS_PER_S
    max_failed_stops: int = 2
    max_order_rate: int = 120  # a minute
    max_data_age_ns: int = 12 * NS_PER_S
    settle_ns: int = 10 * NS_PER_S  # how long a book must be whole again after an interruption
    max_clock_skew_ns: int = 5 * NS_PER_S  # Binance refuses what is further off (its recvWindow)
    max_funding: float = 0.002  # of one settlement
    margin_leverage: float = 10.0  # the isolated leverage that positions have at the venue
    liquidation_stops: float = 3.0  # liquidation must be this many stops away
    exit_within_bps: float = 10.0  # how far from the mid a position must be closable
    exit_share: float = 0.5  # of what the book shows there, as it is when everybody leaves
    gap_stops: float = 3.0  # a stop may lose this many times its distance, more when one did

    def __post_init__(self) -> None:
        shares = {
            "portfolio_volatility": self.portfolio_volatility,
            "max_funding": self.max_funding,
            "exit_share": self.exit_share,
            "risk_per_trade": self.size.risk_per_trade,
            "kelly_share": self.size.kelly_share,
            "daily_volatility": self.size.daily_volatility,
            "daily_loss": self.daily_loss,
            "max_drawdown": self.max_drawdown,
        }
        for name, value in shares.items():
            _require(0 < value <= 1, name, "a share above 0 and at most 1", value)
        for name, value in (
            ("max_positions", self.max_positions),
            ("max_same_side", self.max_same_side),
            ("cool_down_stops", self.cool_down_stops),
            ("max_failed_stops", self.max_failed_stops),
            ("max_order_rate", self.max_order_rate),
            ("margin_leverage", self.margin_leverage),
            ("gap_stops", self.gap_stops),
        ):
            _require(value >= 1, name, "at least 1", value)
        for name, value in (
            ("max_beta", self.max_beta),
            ("max_data_age", self.max_data_age_ns),
            ("max_clock_skew", self.max_clock_skew_ns),
            ("exit_within_bps", self.exit_within_bps),
        ):
            _require(value > 0, name, "above 0", value)
        _require(self.size.max_leverage > 0, "max_leverage", "above 0", self.size.max_leverage)
        _require(
            self.max_exposure >= self.size.max_leverage,
            "max_exposure",
            f"at least max_leverage {self.size.max_leverage}",
            self.max_exposure,
        )
        _require(
            self.daily_loss <= self.max_drawdown,
            "daily_loss",
            f"at most max_drawdown {self.max_drawdown}",
            self.daily_loss,
        )
        _require(
            self.size.risk_per_trade <= self.daily_loss,
            "risk_per_trade",
            f"at most daily_loss {self.daily_loss}",
            self.size.risk_per_trade,
        )
        _require(self.cool_down_ns >= 0, "cool_down", "not negative", self.cool_down_ns)
        _require(self.liquidation_stops >= 1, "liquidation_stops", "at least 1", self.liquidation_stops)


def _require(holds: bool, name: str, expected: str, was: float) -> None:
    if not holds:  # NaN holds nothing
        raise BadConfig(f"risk.{name}: expected {expected}, was {was}; no trade could ever satisfy it")


@dataclass(slots=True)
class CoolDowns:
    """Stops in a row by `strategy|mode|symbol`, and until when such a setup rests."""

    stops_in_row: dict[str, int] = field(default_factory=dict)
    until_ns: dict[str, int] = field(default_factory=dict)

    def rest_ns(self, setup: str, now_ns: int) -> int:
        """How long a setup, `strategy|mode|symbol`, still rests; 0 when it may trade."""
        return max(0, self.until_ns.get(setup, 0) - now_ns)

    def closed(self, trade: Trade, limits: RiskLimits) -> None:
        """A stop before the first target adds to the row, any other end of a filled trade breaks it."""
        key = setup_of(trade.plan.intent)
        stopped = trade.reason is ExitReason.STOP and trade.targets_hit == 0
        row = self.stops_in_row.get(key, 0) + 1 if stopped else 0
        if row >= limits.cool_down_stops:
            self.until_ns[key] = trade.closed_ns + limits.cool_down_ns
            row = 0
        self.stops_in_row[key] = row

    def resting(self, now_ns: int) -> dict[str, int]:
        """Setups that rest, and until when."""
        return {key: until for key, until in self.until_ns.items() if until > now_ns}

    def end(self, setup: str) -> None:
        """Let a setup, `strategy|mode|symbol`, trade again at once."""
        self.until_ns.pop(setup, None)

    def to_state(self) -> dict[str, Any]:
        return {"stops_in_row": dict(self.stops_in_row), "until_ns": dict(self.until_ns)}

    def restore(self, state: dict[str, Any]) -> None:
        self.stops_in_row = dict(state["stops_in_row"])
        self.until_ns = dict(state["until_ns"])


def setup_of(intent: Intent) -> str:
    return f"{intent.strategy}|{intent.mode.value}|{intent.symbol}"


def intent_refusal(intent: Intent, reference: float) -> Refusal | None:
    """Is the entry well formed? `limit` is what was expected to be passed, `value` what came."""
    if intent.action is not Action.ENTER:
        raise ValueError(f"risk decides on entries only, was {intent.action}; exits go to Trader.apply")
    side = int(intent.side)
    if intent.entry is None or intent.limit <= 0 or intent.invalidation <= 0 or not reference > 0:
        return Refusal(DenyReason.BAD_INTENT, 1.0, min(intent.limit, intent.invalidation))
    for anchor in (reference, intent.limit):
        if side * (anchor - intent.invalidation) <= 0:
            return Refusal(DenyReason.BAD_INTENT, anchor, intent.invalidation)
    for price, share in intent.targets:
        if side * (price - reference) <= 0 or not share > 0:
            return Refusal(DenyReason.BAD_INTENT, reference, price)
    shares = sum(share for _, share in intent.targets)
    if shares > 1 + 1e-9:
        return Refusal(DenyReason.BAD_INTENT, 1.0, shares)
    return None
