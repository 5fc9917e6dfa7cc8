"""Limits that stand before any look at the edge: how many, how much, how lossy, how soon again.

They block entries only. Every one fails closed: a missing figure refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bot.core.enums import Action, DenyReason, Mode, Trust
from bot.core.errors import BadConfig
from bot.core.messages import Intent, MarketView
from bot.core.units import NS_PER_S
from bot.risk.account import AccountView
from bot.risk.sizing import SizeRules
from bot.risk.trades import ExitReason, Trade


class Refusal(NamedTuple):
    reason: DenyReason
    limit: float
    value: float


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Losses and drawdown are shares of equity, exposure is in times equity, per settle coin.

    Positions and sides are counted over all coins.
    """

    size: SizeRules = field(default_factory=SizeRules)
    max_exposure: float = 6.0
    max_positions: int = 5
    max_same_side: int = 3
    daily_loss: float = 0.02
    max_drawdown: float = 0.06
    cool_down_stops: int = 3
    cool_down_ns: int = 1800 * NS_PER_S
    liquidation_stops: float = 3.0  # liquidation must be this many stops away

    def __post_init__(self) -> None:
        shares = {
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
        ):
            _require(value >= 1, name, "at least 1", value)
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

    def rest_ns(self, intent: Intent) -> int:
        """How long the intent's setup still rests in its symbol, 0 when it may trade."""
        until = self.until_ns.get(_setup(intent.strategy, intent.mode, intent.symbol), 0)
        return max(0, until - intent.now_ns)

    def closed(self, trade: Trade, limits: RiskLimits) -> None:
        """A stop before the first target adds to the row, any other end of a filled trade breaks it."""
        key = _setup(trade.strategy, trade.mode, trade.symbol)
        stopped = trade.reason is ExitReason.STOP and trade.targets_hit == 0
        row = self.stops_in_row.get(key, 0) + 1 if stopped else 0
        if row >= limits.cool_down_stops:
            self.until_ns[key] = trade.closed_ns + limits.cool_down_ns
            row = 0
        self.stops_in_row[key] = row

    def to_state(self) -> dict[str, Any]:
        return {"stops_in_row": dict(self.stops_in_row), "until_ns": dict(self.until_ns)}

    def restore(self, state: dict[str, Any]) -> None:
        self.stops_in_row = dict(state["stops_in_row"])
        self.until_ns = dict(state["until_ns"])


def _setup(strategy: str, mode: Mode, symbol: str) -> str:
    return f"{strategy}|{mode.value}|{symbol}"


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


def conflict_refusal(intent: Intent, open_trades: Sequence[Trade], limits: RiskLimits) -> Refusal | None:
    """One open trade a symbol, a few in all, fewer in one direction.

    An opposite entry never turns or closes another strategy's trade: its own
    `manage` closes it. So both directions are refusals, told apart by reason.
    """
    for trade in open_trades:
        if trade.symbol == intent.symbol or trade.market == intent.market:
            reason = DenyReason.SYMBOL_BUSY if trade.side is intent.side else DenyReason.OPPOSITE_OPEN
            return Refusal(reason, 1, 1)
    if len(open_trades) >= limits.max_positions:
        return Refusal(DenyReason.MAX_POSITIONS, limits.max_positions, len(open_trades))
    same_side = sum(trade.side is intent.side for trade in open_trades)
    if same_side >= limits.max_same_side:
        return Refusal(DenyReason.MAX_SAME_SIDE, limits.max_same_side, same_side)
    return None


def account_refusal(account: AccountView, limits: RiskLimits) -> Refusal | None:
    if account.equity_e8 <= 0 or not account.drawdown < limits.max_drawdown:
        return Refusal(DenyReason.DRAWDOWN, limits.max_drawdown, account.drawdown)
    if not account.day_loss < limits.daily_loss:
        return Refusal(DenyReason.DAILY_LOSS, limits.daily_loss, account.day_loss)
    return None


def market_refusal(view: MarketView, max_spread_ratio: float) -> Refusal | None:
    if view.trust is not Trust.TRUSTED:
        return Refusal(DenyReason.BOOK_UNTRUSTED, Trust.TRUSTED, view.trust)
    if not view.spread_bps <= max_spread_ratio * view.spread_median_bps:
        return Refusal(DenyReason.SPREAD_WIDE, max_spread_ratio * view.spread_median_bps, view.spread_bps)
    if not view.sigma_h_bps > 0 or view.sigma_h_bps == float("inf"):
        return Refusal(DenyReason.NO_VOLATILITY, 0.0, view.sigma_h_bps)
    return None


def first_refusal(*checks: Callable[[], Refusal | None]) -> Refusal | None:
    """The first rule that refuses; the later ones are not asked."""
    for check in checks:
        found = check()
        if found is not None:
            return found
    return None
