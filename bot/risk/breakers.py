"""Every limit, in one table: what it measures, how much is allowed, what it blocks, when it resets.

The decision, the watch over open positions, `lopside risk` and docs/risk.md all
read this table; nothing else refuses or flattens. No entry blocks an exit.
A value that is not known passes no limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, nan

from bot.core.enums import DenyReason, Trust
from bot.risk.limits import Refusal
from bot.risk.margin import largest_value
from bot.risk.portfolio import beta_room, directed_beta, sigma_room, worst_sigma
from bot.risk.scene import Entry, Scene, total
from bot.risk.sizing import lot_value


class Blocks(StrEnum):
    """What happens while a limit is broken. Exits, stops and targets go on in every case."""

    ENTRIES = "new entries"
    FLATTEN = "new entries; all positions are closed"
    CUTS = "cuts a new entry to what fits, refuses it when that is below the smallest order"


class Resets(StrEnum):
    CLEARS = "by itself, as soon as it is within the limit"
    TIME = "by itself, after its time, or by the operator"
    MIDNIGHT = "at 00:00 UTC"
    OPERATOR = "by the operator only"


class Per(StrEnum):
    """What a limit is counted for."""

    BOT = "all markets"
    COIN = "settle coin"
    MARKET = "market"
    SIDE = "direction"
    SETUP = "strategy, mode and symbol"
    ENTRY = "entry"


class Unit(StrEnum):
    SHARE = "share"
    COIN = "coin"
    COUNT = "count"
    SECONDS = "s"
    BPS = "bps"
    FLAG = "flag"


class Sense(StrEnum):
    """How a value must lie to its limit."""

    BELOW = "<"
    AT_MOST = "<="
    AT_LEAST = ">="
    ABOVE = ">"

    def holds(self, value: float, limit: float) -> bool:
        """nan holds nothing."""
        if self is Sense.BELOW:
            return value < limit
        if self is Sense.AT_MOST:
            return value <= limit
        return value >= limit if self is Sense.AT_LEAST else value > limit


@dataclass(frozen=True, slots=True)
class Breaker:
    """One limit. `room` (CUTS) is the largest notional in settle coin that an entry may have."""

    reason: DenyReason
    per: Per
    measures: str
    unit: Unit
    limit: Callable[[Scene], float]
    value: Callable[[Scene], float]
    sense: Sense = Sense.AT_MOST
    keys: tuple[str, ...] = ()  # of the configuration
    blocks: Blocks = Blocks.ENTRIES
    resets: Resets = Resets.CLEARS
    latched: bool = False
    room: Callable[[Scene, Entry], float] | None = None

    @property
    def name(self) -> str:
        return self.reason.value

    def refusal(self, scene: Scene) -> Refusal | None:
        """What it says of a scene: None within the limit."""
        value, limit = self.value(scene), self.limit(scene)
        return None if self.sense.holds(value, limit) else Refusal(self.reason, limit, value)


def _own_side(scene: Scene) -> int:
    return sum(_same_market(scene, t.symbol, t.market) and t.side == scene.side for t in scene.trades)


def _other_side(scene: Scene) -> int:
    return sum(_same_market(scene, t.symbol, t.market) and t.side != scene.side for t in scene.trades)


def _same_market(scene: Scene, symbol: str, market: int) -> bool:
    """The same symbol at another venue is the same bet."""
    return symbol == scene.symbol or market == scene.market


def _on_a_side(scene: Scene) -> int:
    sides = [int(t.side) for t in scene.trades]
    if scene.side:
        return sides.count(scene.side)
    return max(sides.count(1), sides.count(-1))


def _day_loss(scene: Scene) -> float:
    return scene.account.day_loss if scene.account is not None else nan


def _drawdown(scene: Scene) -> float:
    account = scene.account
    if account is None:
        return nan
    return 1.0 if account.equity_e8 <= 0 else account.drawdown


def _trust(scene: Scene) -> float:
    if scene.view is None or scene.conditions is None:
        return nan
    settled = scene.conditions.since_gap_ns >= scene.limits.settle_ns
    return float(scene.view.trust if settled else min(scene.view.trust, Trust.SUSPECT))


def _age_s(scene: Scene) -> float:
    return scene.conditions.age_ns / 1e9 if scene.conditions is not None else nan


def _skew_s(scene: Scene) -> float:
    return abs(scene.conditions.skew_ns) / 1e9 if scene.conditions is not None else nan


def _spread(scene: Scene) -> float:
    return scene.view.spread_bps if scene.view is not None else nan


def _widest(scene: Scene) -> float:
    return scene.max_spread_ratio * scene.view.spread_median_bps if scene.view is not None else nan


def _funding(scene: Scene) -> float:
    """A market that has never announced a rate (spot, a recording without) has none."""
    if scene.view is None:
        return nan
    rate = scene.view.funding_rate
    return 0.0 if scene.view.funding_ns == 0 and not isfinite(rate) else abs(rate)


def _against(scene: Scene) -> float:
    """1 when the entry goes against a cascade; without an entry in mind, when there is one."""
    if scene.conditions is None:
        return nan
    directions = (scene.conditions.cascade, scene.conditions.stress)
    if not scene.side:
        return float(any(directions))
    return float(any(direction == -scene.side for direction in directions))


def _sigma(scene: Scene) -> float:
    sigma = scene.view.sigma_h_bps if scene.view is not None else nan
    return sigma if sigma < inf else nan


def _beta(scene: Scene) -> float:
    sides = (scene.side,) if scene.side else (1, -1)
    return max(directed_beta(scene.held, side, scene.ties) for side in sides)


def _margin(scene: Scene) -> float:
    return total(scene.held) / scene.limits.margin_leverage


def _margin_room(scene: Scene, entry: Entry) -> float:
    leverage = min(scene.limits.margin_leverage, float(entry.instrument.max_leverage))
    return max(0.0, scene.equity - _margin(scene)) * leverage


def _taken(scene: Scene, entry: Entry) -> float:
    """What a taker finds up to its own limit; an order that rests takes nothing."""
    if not _takes(entry) or scene.conditions is None:
        return inf if scene.conditions is not None else 0.0
    ahead = scene.conditions.depth.ahead(entry.intent.side)
    return ahead.lots_to(entry.intent.limit) * entry.lot_worth


def _takes(entry: Entry) -> bool:
    return entry.intent.entry == "ioc"


def _closable(scene: Scene, entry: Entry) -> float:
    """Settle coin that can be closed near the mid once half of what is displayed has fled."""
    if scene.conditions is None:
        return 0.0
    depth, limits = scene.conditions.depth, scene.limits
    behind = depth.ahead(entry.intent.side.opposite)
    lots = behind.lots_within(limits.exit_within_bps, depth.mid) * limits.exit_share
    return float(lots * lot_value(entry.instrument, round(depth.mid)))


def _gap_room(scene: Scene, entry: Entry) -> float:
    worst = max(scene.limits.gap_stops, scene.facts.worst_stop)
    loss = (worst * entry.stop_bps + entry.cost_bps) * 1e-4
    return scene.limits.daily_loss * scene.equity / loss if loss > 0 else 0.0


def _entry(measure: Callable[[Scene, Entry], float]) -> Callable[[Scene], float]:
    """A figure that exists only for an entry in mind."""
    return lambda scene: measure(scene, scene.entry) if scene.entry is not None else nan


R, P, U = DenyReason, Per, Unit

BREAKERS: tuple[Breaker, ...] = (
    Breaker(
        R.PAUSED, P.BOT, "whether the operator paused entries", U.FLAG,
        limit=lambda s: 0.0, value=lambda s: float(s.facts.paused), resets=Resets.OPERATOR,
    ),
    Breaker(
        R.DRAWDOWN, P.COIN,
        "fall of equity (realised and unrealised, at mark) from its highest reading", U.SHARE,
        limit=lambda s: s.limits.max_drawdown, value=_drawdown, sense=Sense.BELOW,
        keys=("risk.max_drawdown",), blocks=Blocks.FLATTEN, resets=Resets.OPERATOR, latched=True,
    ),
    Breaker(
        R.STOPS_FAILING, P.BOT,
        "trades since the last reset that were closed because the venue refused, lost or did not answer for "
        "their stop", U.COUNT,
        limit=lambda s: s.limits.max_failed_stops, value=lambda s: s.facts.failed_stops, sense=Sense.BELOW,
        resets=Resets.OPERATOR, latched=True,
    ),
    Breaker(
        R.DAILY_LOSS, P.COIN,
        "loss of equity (realised and unrealised, at mark) since 00:00 UTC, over what the day began with",
        U.SHARE,
        limit=lambda s: s.limits.daily_loss, value=_day_loss, sense=Sense.BELOW,
        keys=("risk.daily_loss",), resets=Resets.MIDNIGHT, latched=True,
    ),
    Breaker(
        R.ORDER_RATE, P.BOT, "orders of every kind sent within the last minute", U.COUNT,
        limit=lambda s: s.limits.max_order_rate, value=lambda s: s.facts.orders, sense=Sense.BELOW,
        keys=("risk.max_order_rate",),
    ),
    Breaker(
        R.SYMBOL_BUSY, P.ENTRY, "open trades in the symbol, on any venue, in the same direction", U.COUNT,
        limit=lambda s: 1, value=_own_side, sense=Sense.BELOW,
    ),
    Breaker(
        R.OPPOSITE_OPEN, P.ENTRY, "open trades in the symbol, on any venue, in the other direction", U.COUNT,
        limit=lambda s: 1, value=_other_side, sense=Sense.BELOW,
    ),
    Breaker(
        R.MAX_POSITIONS, P.BOT, "open trades, entries in flight counted", U.COUNT,
        limit=lambda s: s.limits.max_positions, value=lambda s: len(s.trades), sense=Sense.BELOW,
        keys=("risk.max_positions",),
    ),
    Breaker(
        R.MAX_SAME_SIDE, P.SIDE, "open trades in one direction, entries in flight counted", U.COUNT,
        limit=lambda s: s.limits.max_same_side, value=_on_a_side, sense=Sense.BELOW,
        keys=("risk.max_same_side",),
    ),
    Breaker(
        R.COOL_DOWN, P.SETUP, "time that a setup still rests after stops in a row before the first target",
        U.SECONDS,
        limit=lambda s: 0.0, value=lambda s: s.rest_ns / 1e9,
        keys=("risk.cool_down_stops", "risk.cool_down"), resets=Resets.TIME,
    ),
    Breaker(
        R.BOOK_UNTRUSTED, P.MARKET,
        "trust in the book: 2 trusted, 1 suspect (also for 10 s after an interruption), 0 quarantined",
        U.COUNT,
        limit=lambda s: float(Trust.TRUSTED), value=_trust, sense=Sense.AT_LEAST,
    ),
    Breaker(
        R.DATA_STALE, P.MARKET, "time since the last message of the book", U.SECONDS,
        limit=lambda s: s.limits.max_data_age_ns / 1e9, value=_age_s,
    ),
    Breaker(
        R.CLOCK_SKEW, P.MARKET,
        "difference of the venue's clock and ours, transport time not removed", U.SECONDS,
        limit=lambda s: s.limits.max_clock_skew_ns / 1e9, value=_skew_s, keys=("risk.max_clock_skew",),
    ),
    Breaker(
        R.SPREAD_WIDE, P.MARKET, "spread against a multiple of its own median", U.BPS,
        limit=_widest, value=_spread, keys=("risk.max_spread_ratio",),
    ),
    Breaker(
        R.FUNDING_EXTREME, P.MARKET, "size of the funding rate announced for the next settlement", U.SHARE,
        limit=lambda s: s.limits.max_funding, value=_funding, sense=Sense.BELOW, keys=("risk.max_funding",),
    ),
    Breaker(
        R.CASCADE, P.MARKET,
        "entries against a cascade of liquidations in the market, and longs while bitcoin has one of sales",
        U.FLAG,
        limit=lambda s: 0.0, value=_against,
    ),
    Breaker(
        R.NO_VOLATILITY, P.MARKET, "volatility over the horizon, without which there is no size", U.BPS,
        limit=lambda s: 0.0, value=_sigma, sense=Sense.ABOVE,
    ),
    Breaker(
        R.MAX_EXPOSURE, P.COIN, "value of all positions, entries in flight at full size", U.COIN,
        limit=lambda s: s.limits.max_exposure * s.equity, value=lambda s: total(s.held),
        keys=("risk.max_exposure",), blocks=Blocks.CUTS,
        room=lambda s, e: s.limits.max_exposure * s.equity - total(s.held),
    ),
    Breaker(
        R.BETA_EXPOSURE, P.SIDE,
        "value of all positions of a direction times their beta to bitcoin, entries in flight at full size; "
        "the other direction is not set off", U.COIN,
        limit=lambda s: s.limits.max_beta * s.equity, value=_beta,
        keys=("risk.max_beta",), blocks=Blocks.CUTS,
        room=lambda s, e: beta_room(s.held, e.new, s.ties, s.limits.max_beta * s.equity),
    ),
    Breaker(
        R.PORTFOLIO_VOLATILITY, P.COIN,
        "volatility a day of all positions together, entries in flight at full size, hedges not counted",
        U.COIN,
        limit=lambda s: s.limits.portfolio_volatility * s.equity, value=lambda s: worst_sigma(s.held, s.ties),
        keys=("risk.portfolio_volatility",), blocks=Blocks.CUTS,
        room=lambda s, e: sigma_room(s.held, e.new, s.ties, s.limits.portfolio_volatility * s.equity),
    ),
    Breaker(
        R.NO_MARGIN, P.COIN, "initial margin of all positions, entries in flight at full size", U.COIN,
        limit=lambda s: s.equity, value=_margin, blocks=Blocks.CUTS, room=_margin_room,
    ),
    Breaker(
        R.BEYOND_TIERS, P.ENTRY, "value of the position, up to where the venue's margin tiers are known",
        U.COIN,
        limit=_entry(lambda s, e: largest_value(e.instrument)), value=lambda s: 0.0, blocks=Blocks.CUTS,
        room=lambda s, e: largest_value(e.instrument),
    ),
    Breaker(
        R.BOOK_SHALLOW, P.ENTRY, "value displayed up to the limit price of an entry that takes", U.COIN,
        limit=_entry(_taken), value=lambda s: 0.0, blocks=Blocks.CUTS, room=_taken,
    ),
    Breaker(
        R.EXIT_ILLIQUID, P.ENTRY,
        "half of the value displayed within 10 bps of the mid on the side where the position is closed",
        U.COIN,
        limit=_entry(_closable), value=lambda s: 0.0, blocks=Blocks.CUTS, room=_closable,
    ),
    Breaker(
        R.DAILY_LOSS, P.ENTRY,
        "loss of one trade when its stop fills three distances away, or as far as the worst stop so far did",
        U.COIN,
        limit=lambda s: s.limits.daily_loss * s.equity, value=lambda s: 0.0,
        keys=("risk.daily_loss",), blocks=Blocks.CUTS, room=_gap_room,
    ),
)  # fmt: skip
"""In the order in which they are asked."""

STANDING = tuple(b for b in BREAKERS if b.room is None)
CUTTING = tuple(b for b in BREAKERS if b.room is not None)
LATCHED = tuple(b for b in BREAKERS if b.latched)


def named(name: str) -> Breaker | None:
    """The limit of a name, the standing one where a cut shares it."""
    return next((b for b in BREAKERS if b.name == name), None)
