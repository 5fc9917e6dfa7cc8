"""Everything that limits are held against, gathered once for a decision or for a look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from bot.core.messages import Intent, MarketView
from bot.market.instruments import Instrument
from bot.risk.account import AccountView
from bot.risk.conditions import Conditions
from bot.risk.limits import RiskLimits
from bot.risk.portfolio import Holding, Ties
from bot.risk.sizing import lot_value
from bot.risk.trades import Trade


@dataclass(frozen=True, slots=True)
class Facts:
    """What the manager counts over all markets and coins."""

    paused: bool = False
    orders: int = 0  # sent within the last minute
    failed_stops: int = 0  # trades whose stop the venue refused, lost or did not answer for
    worst_stop: float = 0.0  # largest loss of a stopped trade, in times what was planned


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An entry under judgement, with what was derived from it."""

    intent: Intent
    instrument: Instrument
    new: Holding  # its notional is what is being decided
    stop_bps: float
    cost_bps: float

    @property
    def lot_worth(self) -> float:
        """Of one lot at the entry's limit, settle coin."""
        return float(lot_value(self.instrument, self.intent.limit))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A moment of one market and its coin. Without an entry in mind `side` is 0: the worse side counts."""

    now_ns: int
    limits: RiskLimits
    max_spread_ratio: float
    facts: Facts
    trades: tuple[Trade, ...]
    held: tuple[Holding, ...]  # of the coin, entries in flight at full size
    ties: Ties
    account: AccountView | None = None
    symbol: str = ""
    market: int = -1
    side: int = 0
    rest_ns: int = 0  # how long the entry's setup still rests in its symbol
    view: MarketView | None = None
    conditions: Conditions | None = None
    entry: Entry | None = None

    @property
    def equity(self) -> float:
        """In settle coin; nan when unknown, which no limit passes."""
        return self.account.equity_e8 / 1e8 if self.account is not None else float("nan")


def worst_lots(trade: Trade) -> int:
    """Lots that a trade holds, or will if all of its entry still fills."""
    return trade.open_lots + (trade.plan.lots - trade.filled_lots if trade.entry_working else 0)


def holding_of(trade: Trade, instrument: Instrument, sigma_day: float) -> Holding:
    """A trade at full size and its entry price; `sigma_day` serves when its plan had none."""
    price: Fraction | int = trade.entry_price or trade.plan.intent.limit
    value = worst_lots(trade) * lot_value(instrument, price)
    known = trade.plan.figures.get("sigma_day", sigma_day)
    return Holding(trade.market, int(trade.side), float(value), known)


def total(holdings: Iterable[Holding]) -> float:
    return sum(h.notional for h in holdings)
