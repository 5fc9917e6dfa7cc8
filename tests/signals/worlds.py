"""Builders for the signals' tests: ladders from plain lists, and one market with its state.

Prices are whole ticks and sizes whole lots; a vector's decimal book is scaled until it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market import book as ladder
from bot.market import trust
from bot.market.book import ASK, BID, Books
from bot.market.heads import HEAD
from bot.signals import inputs, multilevel
from bot.signals.flow import on_commit, on_trade
from bot.signals.grid import on_grid
from bot.signals.state import Signals, new_signals

T0 = 1_700_000_000 * NS_PER_S  # divisible by 100 s, not by 300 s
Levels = Mapping[int, float]


@dataclass
class OneMarket:
    """A market: ladder, head and signals, driven by whole messages."""

    books: Books
    heads: np.ndarray
    sig: Signals

    def book(self, bids: Levels, asks: Levels, now_ns: int) -> None:
        """The grid up to a time, then a message that turns the ladder into exactly these levels."""
        self.grid(now_ns)
        for side, levels in ((BID, bids), (ASK, asks)):
            ticks, _ = ladder.levels(self.books, 0, side)
            for tick in set(ticks.tolist()) - set(levels):
                self._set(side, tick, 0.0)
            for tick, lots in levels.items():
                self._set(side, tick, lots)
        ladder.settle(self.books, 0)
        self.heads["synced"] = 1
        bid, ask = ladder.best_tick(self.books, 0, BID), ladder.best_tick(self.books, 0, ASK)
        trust.judge(self.heads[0], bid, ask, now_ns)
        if self.heads["status"][0] == 0:
            self.touch(self.books, now_ns)

    def touch(self, books: Books, now_ns: int) -> None:
        """The touch of a book is committed."""
        quotes = [f(books, 0, side) for side in (BID, ASK) for f in (ladder.best_tick, ladder.best_lots)]
        row = self.sig.rows[0]
        if on_commit(row["flow"], *quotes, now_ns):
            inputs.on_touch(row, self.sig.pairs, self.heads["tick_size"][0], *quotes, now_ns)
        multilevel.on_commit(row["known"]["multilevel"], books, 0, now_ns)

    def grid(self, now_ns: int) -> None:
        if now_ns >= self.sig.next_grid_ns[0]:
            on_grid(self.sig, self.books, self.heads, 0, now_ns)

    def trade(self, side: int, tick: int, lots: float, now_ns: int) -> None:
        self.grid(now_ns)
        self.heads["trade_ns"] = now_ns
        on_trade(self.sig.flow[0], side, lots, now_ns)
        zoned = self.sig.zones.rows[0]
        inputs.on_trade(self.sig.rows[0], zoned, np.int64(side), tick, lots, now_ns, now_ns)

    def _set(self, side: int, tick: int, lots: float) -> None:
        while ladder.set_level(self.books, 0, side, tick, float(lots)) == ladder.NO_ROOM:
            self.books = ladder.grow(self.books, tick)


def one_market(max_tick: int = 1 << 17) -> OneMarket:
    heads = np.zeros(1, HEAD)
    heads["tick_size"] = 1.0
    heads["status"] = 1  # no book yet
    heads["mark"] = heads["funding_rate"] = np.nan
    return OneMarket(ladder.new_books(1, max_tick), heads, new_signals(1))


def ladder_of(bids: Levels, asks: Levels) -> Books:
    books = ladder.new_books(1, 1 << 17)
    for side, levels in ((BID, bids), (ASK, asks)):
        for tick, lots in levels.items():
            while ladder.set_level(books, 0, side, tick, float(lots)) == ladder.NO_ROOM:
                books = ladder.grow(books, tick)
    ladder.settle(books, 0)
    return books


@dataclass(frozen=True)
class Scaled:
    """A decimal book as ticks and lots: price = ticks x tick, size = lots x lot."""

    books: Books
    tick: float
    lot: float


def scaled(bids: Iterable[list[float]], asks: Iterable[list[float]]) -> Scaled:
    """A vector's book. Sizes of zero are set too: they delete a level that is not there."""
    sides = [[(Decimal(str(p)), Decimal(str(q))) for p, q in side] for side in (bids, asks)]
    tick = unit(p for side in sides for p, _ in side)
    lot = unit(q for side in sides for _, q in side)
    levels = [{int(p / tick): float(q / lot) for p, q in side} for side in sides]
    return Scaled(ladder_of(*levels), float(tick), float(lot))


def unit(values: Iterable[Decimal]) -> Decimal:
    """The largest power of ten, at most 1, that all values are whole multiples of."""
    places = [-int(v.normalize().as_tuple().exponent) for v in values]
    return Decimal(1).scaleb(-max([0, *places]))


def none_if_nan(value: Any) -> Any:
    """nan, wherever it is, as None: what the vectors call undefined."""
    if isinstance(value, dict):
        return {k: none_if_nan(v) for k, v in value.items()}
    return None if isinstance(value, float) and value != value else value


def give_sigma(sig: Signals, sigma_bps: float) -> None:
    """The volatility of the scalp horizon."""
    sig.grid["returns_h"][0, 0] = 100
    sig.grid["square_h"][0, 0] = 2.0 * sigma_bps**2
    sig.grid["weight_h"][0, 0] = 2.0


def arrays_of(state: Any) -> dict[str, np.ndarray]:
    """Every array of a state by its dotted name."""
    found = {}
    for name, value in state._asdict().items():
        if isinstance(value, np.ndarray):
            found[name] = value
        else:
            found |= {f"{name}.{inner}": array for inner, array in arrays_of(value).items()}
    return found


def assert_same_state(a: Signals, b: Signals) -> None:
    """Bit for bit, nan equal to nan."""
    theirs = arrays_of(b)
    for name, array in arrays_of(a).items():
        assert array.tobytes() == theirs[name].tobytes(), name


__all__ = [
    "NS_PER_MS",
    "NS_PER_S",
    "T0",
    "OneMarket",
    "Scaled",
    "arrays_of",
    "assert_same_state",
    "give_sigma",
    "ladder_of",
    "none_if_nan",
    "one_market",
    "scaled",
    "unit",
]
