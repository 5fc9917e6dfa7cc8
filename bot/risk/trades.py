"""The open trades: their stages, sums and excursions. Money is only added up here, never computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from bot.core.enums import Mode, Side, Stage
from bot.core.errors import IllegalTransition
from bot.core.messages import Intent, Plan, TradeView


class ExitReason(StrEnum):
    """Why a trade ended: the cause of the fill that brought it to zero."""

    STOP = "stop"
    TARGET = "target"
    TIME = "time"
    SIGNAL = "signal"
    WALL_PULLED = "wall_pulled"
    LIQUIDATION = "liquidation"
    OPERATOR = "operator"
    SESSION_END = "session_end"
    HALT = "halt"  # drawdown limit
    BOOK_LOST = "book_lost"  # no usable book for seconds: closed when it came back
    UNPROTECTED = "unprotected"  # the venue refused, lost or did not answer for a stop
    RECONCILED = "reconciled"  # the venue holds no position any more and never said why
    UNFILLED = "unfilled"  # the entry ended without a fill


def exit_reason(intent: Intent) -> ExitReason:
    """The reason of a closing intent: its own word where we know it, else SIGNAL."""
    word = intent.reason.split(":")[0].strip().lower().replace(" ", "_")
    try:
        return ExitReason(word)
    except ValueError:
        return ExitReason.WALL_PULLED if word.startswith("wall") else ExitReason.SIGNAL


_STEPS: dict[Stage, frozenset[Stage]] = {
    Stage.ENTERING: frozenset((Stage.OPEN, Stage.EXITING, Stage.CLOSED)),
    Stage.OPEN: frozenset((Stage.EXITING, Stage.CLOSED)),
    Stage.EXITING: frozenset((Stage.CLOSED,)),
    Stage.CLOSED: frozenset((Stage.EXITING,)),  # a fill that came after the cancel was confirmed
}


@dataclass(slots=True)
class Trade:
    """One trade from the entry order to the last report. Sums are exact integers."""

    plan: Plan
    opened_ns: int
    coin: str  # of settlement
    inverse: bool
    stop: int  # ticks, where the stop is wanted now
    stage: Stage = Stage.ENTERING
    entry_working: bool = True  # the entry order may still fill
    entries: dict[int, int] = field(default_factory=dict)  # lots by price
    exits: dict[int, int] = field(default_factory=dict)
    written_off: int = 0  # lots the venue no longer holds, without a report
    filled_ns: int = 0  # first fill
    flat_ns: int = 0  # fill that brought it to zero
    closed_ns: int = 0
    realised_e8: int = 0
    fees_e8: int = 0
    funding_e8: int = 0  # received; negative when paid
    targets_hit: int = 0
    best_bps: float = 0.0
    worst_bps: float = 0.0
    leaving: ExitReason | None = None  # why it is EXITING
    reason: ExitReason | None = None  # why it ended
    detail: str = ""  # words of the strategy, or of the venue
    mark_basis: float | None = None  # ticks of the mark above the mid when it filled; None not known yet
    reduced_for: list[str] = field(default_factory=list)  # reasons of partial closings, in their order
    exit_tries: int = 0
    retry_ns: int = 0  # not before this is a refused exit tried again
    exposed_since_ns: int = 0  # open without a proven stop since then, 0 while protected
    unprotected_ns: int = 0
    unprotected_max_ns: int = 0
    past_stop_ns: int = 0  # beyond the stop, or the stop triggered, and not out yet since then; 0: neither
    reopened: bool = False

    @property
    def id(self) -> str:
        return self.plan.intent.id

    @property
    def symbol(self) -> str:
        return self.plan.intent.symbol

    @property
    def market(self) -> int:
        return self.plan.intent.market

    @property
    def strategy(self) -> str:
        return self.plan.intent.strategy

    @property
    def mode(self) -> Mode:
        return self.plan.intent.mode

    @property
    def side(self) -> Side:
        return self.plan.intent.side

    @property
    def filled_lots(self) -> int:
        return sum(self.entries.values())

    @property
    def open_lots(self) -> int:
        return sum(self.entries.values()) - sum(self.exits.values()) - self.written_off

    @property
    def net_e8(self) -> int:
        return self.realised_e8 - self.fees_e8 + self.funding_e8

    @property
    def entry_price(self) -> Fraction:
        """Average entry in ticks, exact; 0 before the first fill."""
        return average_price(self.entries, self.inverse)

    def step(self, stage: Stage) -> None:
        """Raises IllegalTransition when the table does not hold the step."""
        if stage not in _STEPS[self.stage]:
            raise IllegalTransition(f"trade {self.id}: no step from {self.stage} to {stage}")
        self.stage = stage

    def add_entry(self, lots: int, price: int, now_ns: int) -> None:
        if self.filled_lots + lots > self.plan.lots:
            raise IllegalTransition(
                f"trade {self.id}: {self.filled_lots} + {lots} lots filled of {self.plan.lots} planned"
            )
        self.entries[price] = self.entries.get(price, 0) + lots
        self.filled_ns = self.filled_ns or now_ns

    def add_exit(self, lots: int, price: int, now_ns: int) -> None:
        if lots > self.open_lots:
            raise IllegalTransition(f"trade {self.id}: {lots} lots closed of {self.open_lots} open")
        self.see_price(price)
        self.exits[price] = self.exits.get(price, 0) + lots
        if self.open_lots == 0:
            self.flat_ns = now_ns

    def book(self, realised_e8: int = 0, fee_e8: int = 0, funding_e8: int = 0) -> None:
        """Add what the ledger booked."""
        self.realised_e8 += realised_e8
        self.fees_e8 += fee_e8
        self.funding_e8 += funding_e8

    @property
    def mark_stop(self) -> float:
        """Where the mark has moved against us as far as the stop is away, ticks; nan unknown.

        Mark and last price differ by a basis of the order of a scalp's stop.
        """
        return float("nan") if self.mark_basis is None else self.stop + self.mark_basis

    def see_mark(self, mark: float, mid: float) -> None:
        """The basis is that of the fill, or of the first look at which both are known."""
        if self.mark_basis is None and mark > 0.0 and mid > 0.0:
            self.mark_basis = mark - mid

    @property
    def slip_bps(self) -> float:
        """Average entry against the mid at the decision; + is worse for us, 0 while nothing filled."""
        mid = self.plan.intent.mid
        if not self.filled_lots or not mid > 0.0:
            return 0.0
        return int(self.side) * (float(self.entry_price) / mid - 1.0) * 1e4

    def see_price(self, price: float) -> None:
        """Widen the excursions; a NaN price and one without an open position change nothing."""
        if self.open_lots > 0 and price > 0:
            move = int(self.side) * (price / float(self.entry_price) - 1.0) * 1e4
            self.best_bps = max(self.best_bps, move)
            self.worst_bps = min(self.worst_bps, move)

    def tighter(self, stop: int) -> bool:
        """Whether a stop would lose less than the present one."""
        return stop > 0 and int(self.side) * (stop - self.stop) > 0

    def view(self) -> TradeView:
        intent, figures = self.plan.intent, self.plan.figures
        return TradeView(
            id=self.id,
            symbol=self.symbol,
            market=self.market,
            strategy=self.strategy,
            mode=self.mode,
            side=self.side,
            stage=self.stage,
            opened_ns=self.opened_ns,
            filled_ns=self.filled_ns,
            planned_lots=self.plan.lots,
            open_lots=self.open_lots,
            entry_price=float(self.entry_price),
            stop=self.stop,
            first_stop=self.plan.stop,
            targets_hit=self.targets_hit,
            wall=intent.wall,
            wall_lots=intent.wall_lots,
            entry_bias=figures.get("bias", 0.0),
            best_bps=self.best_bps,
            worst_bps=self.worst_bps,
            time_stop_ns=intent.time_stop_ns,
            entry_ttl_ns=intent.entry_ttl_ns,
            filled_lots=self.filled_lots,
            mid=intent.mid,
            zone=intent.zone,
            zone_breaks=intent.zone_breaks,
            reduced_for=tuple(self.reduced_for),
            conflicted=intent.conflicted,
        )

    def row(self) -> dict[str, Any]:
        """The trade as the journal keeps it; prices in ticks, `hold_ns` from first to last fill."""
        view = self.view()
        until = self.flat_ns or self.closed_ns
        return {
            "id": self.id,
            "symbol": self.symbol,
            "market": self.market,
            "strategy": self.strategy,
            "mode": self.mode.value,
            "side": int(self.side),
            "stage": self.stage.value,
            "explore": self.plan.explore,
            "coin": self.coin,
            "reason": self.reason.value if self.reason else None,
            "detail": self.detail,
            "opened_ns": self.opened_ns,
            "filled_ns": self.filled_ns,
            "closed_ns": self.closed_ns,
            "hold_ns": until - self.filled_ns if self.filled_ns and until else 0,
            "planned_lots": self.plan.lots,
            "filled_lots": self.filled_lots,
            "open_lots": self.open_lots,
            "entry_price": view.entry_price,
            "exit_price": float(average_price(self.exits, self.inverse)),
            "stop": self.stop,
            "first_stop": self.plan.stop,
            "targets": [list(target) for target in self.plan.intent.targets],  # ticks and share
            "targets_hit": self.targets_hit,
            "risk_e8": self.plan.risk_e8,
            "gross_e8": self.realised_e8,
            "fees_e8": self.fees_e8,
            "funding_e8": self.funding_e8,
            "net_e8": self.net_e8,
            "best_bps": self.best_bps,
            "worst_bps": self.worst_bps,
            "unprotected_ns": self.unprotected_ns,
            "unprotected_max_ns": self.unprotected_max_ns,
            "mid": self.plan.intent.mid,
            "slip_bps": self.slip_bps,
            "reduced_for": self.reduced_for,
        }


def average_price(lots_by_price: dict[int, int], inverse: bool) -> Fraction:
    """Exact average price of fills, harmonic on inverse contracts; 0 without fills."""
    lots = sum(lots_by_price.values())
    if lots == 0:
        return Fraction(0)
    if inverse:
        return lots / sum((Fraction(n, price) for price, n in lots_by_price.items()), Fraction(0))
    return Fraction(sum(n * price for price, n in lots_by_price.items()), lots)


@dataclass(slots=True)
class TradeBook:
    """The trades that are not closed, in the order they were opened. Risk reads it, execution drives it."""

    _open: dict[str, Trade] = field(default_factory=dict)

    def add(self, trade: Trade) -> None:
        self._open[trade.id] = trade

    def remove(self, trade: Trade) -> None:
        del self._open[trade.id]

    def get(self, trade_id: str) -> Trade | None:
        return self._open.get(trade_id)

    def of_market(self, market: int) -> Trade | None:
        """The open trade of a market: the oldest, should a late fill have revived one."""
        return next((t for t in self._open.values() if t.market == market), None)

    def all(self) -> tuple[Trade, ...]:
        return tuple(self._open.values())

    def __iter__(self) -> Iterator[Trade]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self._open)
