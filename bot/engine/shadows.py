"""Shadows: what trading the same moments without the signal would have earned.

For every trade that fills, two shadows begin at that moment, one to its side
and one to the other, with the same size, stop distance, targets and time stop,
walked through the displayed book and charged the same fees. They send nothing.
A coin's expectation is the mean of the two; momentum is the one to which the
price moved before the decision; flat is zero. A shadow of a resting entry
enters at its own touch without queueing, which flatters the shadow.

Looked at once a second: a stop is filled where the book stands then, a target
at its price. Funding is left out on both sides of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from bot.core.enums import Entry, Side
from bot.core.protocols import Journal
from bot.core.units import to_e8
from bot.market.book import ASK, BID, Books, best_tick
from bot.market.instruments import Instrument
from bot.risk.sizing import lot_value
from bot.risk.trades import Trade
from bot.signals.features import walk


@dataclass(slots=True)
class Leg:
    """One shadow position; shares of its size, results in bps of its value at the entry."""

    trade: Trade
    instrument: Instrument
    side: Side
    momentum: int  # sign of the move before the decision
    lots: int
    entry: float
    entry_ns: int
    stop: float
    targets: list[tuple[float, float]]
    fees_bps: float
    left: float = 1.0
    gross_bps: float = 0.0
    exits: list[tuple[float, float]] = field(default_factory=list)  # price, share
    reason: str = ""

    def close(self, share: float, price: float, fee: float, reason: str) -> None:
        share = min(share, self.left)
        move = 1.0 - self.entry / price if self.instrument.inverse else price / self.entry - 1.0
        self.gross_bps += self.side * move * 1e4 * share
        self.fees_bps += fee * 1e4 * share
        self.exits.append((price, share))
        self.left = self.left - share if self.left - share > 1e-9 else 0.0
        self.reason = reason

    def row(self, now_ns: int) -> dict[str, Any]:
        trade = self.trade
        value = self.lots * lot_value(self.instrument, Fraction(self.entry))
        return {
            "trade_id": trade.id,
            "symbol": trade.symbol,
            "strategy": trade.strategy,
            "mode": trade.mode.value,
            "explore": trade.plan.explore,
            "side": int(self.side),
            "same": int(self.side == trade.side),
            "momentum": self.momentum,
            "entry_ns": self.entry_ns,
            "exit_ns": now_ns,
            "lots": self.lots,
            "value_e8": to_e8(value),
            "entry_price": self.entry,
            "exit_price": sum(price * share for price, share in self.exits),
            "reason": self.reason,
            "gross_bps": self.gross_bps,
            "fees_bps": self.fees_bps,
            "net_bps": self.gross_bps - self.fees_bps,
        }


class Shadows:
    """The shadows under way; each is written to the journal when it is closed."""

    def __init__(self, instruments: Mapping[int, Instrument], journal: Journal) -> None:
        self._instruments = instruments
        self._journal = journal
        self._momentum: dict[str, float] = {}  # of decided entries that have not filled
        self._legs: list[Leg] = []

    def __len__(self) -> int:
        return len(self._legs)

    def decided(self, trade_id: str, momentum: float) -> None:
        """An entry was approved; `momentum` is the move before it, any unit, nan unknown."""
        self._momentum[trade_id] = momentum

    def forget(self, trade_id: str) -> None:
        """Its entry ended without a fill."""
        self._momentum.pop(trade_id, None)

    def filled(self, trade: Trade, books: Books, now_ns: int) -> None:
        """The first fill of a trade: its two shadows begin, once."""
        momentum = self._momentum.pop(trade.id, None)
        if momentum is None:
            return
        sign = (momentum > 0.0) - (momentum < 0.0)
        legs = [self._leg(trade, side, sign, books, now_ns) for side in (trade.side, trade.side.opposite)]
        self._legs += [leg for leg in legs if leg is not None]

    def look(self, books: Books, usable: Mapping[int, bool], now_ns: int) -> None:
        """Once a second; a market without a usable book waits."""
        for leg in self._legs:
            if usable.get(leg.trade.market, False):
                _step(leg, books, now_ns)
        for leg in [leg for leg in self._legs if leg.left == 0.0]:
            self._legs.remove(leg)
            self._journal.shadow(leg.row(now_ns))

    def markets(self) -> set[int]:
        return {leg.trade.market for leg in self._legs}

    def _leg(self, trade: Trade, side: Side, sign: int, books: Books, now_ns: int) -> Leg | None:
        instrument, intent = self._instruments[trade.market], trade.plan.intent
        taker = intent.entry is not Entry.POST_ONLY
        lots = trade.filled_lots
        if taker:
            entry = float(walk(books, trade.market, int(side), float(lots))[0])
        else:
            entry = float(best_tick(books, trade.market, BID if side > 0 else ASK))
        if not entry > 0.0:
            return None
        own, flip = float(trade.entry_price), int(side * trade.side)
        return Leg(
            trade=trade,
            instrument=instrument,
            side=side,
            momentum=sign,
            lots=lots,
            entry=entry,
            entry_ns=now_ns,
            stop=entry * (1.0 + flip * (trade.plan.stop / own - 1.0)),
            targets=[(entry * (1.0 + flip * (price / own - 1.0)), share) for price, share in intent.targets],
            fees_bps=float(instrument.taker_fee if taker else instrument.maker_fee) * 1e4,
        )


def _step(leg: Leg, books: Books, now_ns: int) -> None:
    """Stop first, then targets, then time."""
    market, side = leg.trade.market, leg.side
    out = float(best_tick(books, market, BID if side > 0 else ASK))
    taker, maker = float(leg.instrument.taker_fee), float(leg.instrument.maker_fee)
    if side * (out - leg.stop) <= 0.0:
        leg.close(leg.left, _market_price(leg, books), taker, "stop")
        return
    while leg.targets and side * (out - leg.targets[0][0]) >= 0.0:
        price, share = leg.targets.pop(0)
        leg.close(share if leg.targets else leg.left, price, maker, "target")
        cost = leg.trade.plan.figures.get("cost_bps", 0.0) / 1e4
        away = min(leg.entry * cost, abs(price - leg.entry) / 2.0)
        # entry plus costs after the first target, as for the trade itself
        leg.stop = max(leg.stop * side, (leg.entry + side * away) * side) * side
    limit_ns = leg.trade.plan.intent.time_stop_ns
    if leg.left > 0.0 and limit_ns > 0 and now_ns >= leg.entry_ns + limit_ns:
        leg.close(leg.left, _market_price(leg, books), taker, "time")


def _market_price(leg: Leg, books: Books) -> float:
    """Average price of closing what is left at the market."""
    average = walk(books, leg.trade.market, -int(leg.side), max(1.0, leg.left * leg.lots))[0]
    return float(average)
