"""A street of ten lots in every bucket, and one ask wall in it: 12 bps away or next to the touch."""

from __future__ import annotations

import numpy as np

from bot.market import book as ladder
from bot.market.book import ASK, BID, Books
from bot.signals import resting, walls
from tests.signals.worlds import NS_PER_MS, NS_PER_S, T0, Levels, OneMarket, one_market

MID = 100_000  # ticks; a bucket of 1 bps is 10 of them
WIDTH = 10
FAR_K, NEAR_K = 12, 3
QUIET = 10.0  # lots in the wall's bucket without it


class Watched(OneMarket):
    """A market whose every level change and trade the ledger sees, as the engine lets it."""

    now_ns = T0

    def book(self, bids: Levels, asks: Levels, now_ns: int) -> None:
        self.now_ns = now_ns
        super().book(bids, asks, now_ns)

    def touch(self, books: Books, now_ns: int) -> None:
        bid, ask = (ladder.best_tick(books, 0, side) for side in (BID, ASK))
        walls.on_commit(self.sig.rows[0], 0.5 * (bid + ask))
        super().touch(books, now_ns)

    def trade(self, side: int, tick: int, lots: float, now_ns: int) -> None:
        super().trade(side, tick, lots, now_ns)
        resting.on_print(self.sig.rows[0], np.int64(side), tick, lots, now_ns, now_ns)

    def _set(self, side: int, tick: int, lots: float) -> None:
        before = ladder.lots_at(self.books, 0, side, tick)
        super()._set(side, tick, lots)
        if before != lots:
            now_ns = self.now_ns
            sig = self.sig.rows[0]
            near = resting.watched_now(sig)
            resting.on_level(sig, near, side, tick, float(before), float(lots), now_ns, now_ns)


class Street:
    """Ten lots in every bucket, a wall where asked, a message a second."""

    def __init__(self) -> None:
        plain = one_market()
        self.market = Watched(plain.books, plain.heads, plain.sig)
        self.second = 0
        self.shift = 0
        self.step()

    def step(self, wall: dict[int, float] | None = None, seconds: int = 1, at_ms: int = 100) -> None:
        for _ in range(seconds):
            mid = MID + self.shift
            bids = {mid - 5 - k * WIDTH: 10.0 for k in range(40)}
            asks = {mid + 5 + k * WIDTH: 10.0 + (k % 3) for k in range(40)}
            asks |= {MID + 5 + k * WIDTH: lots for k, lots in (wall or {}).items()}
            if wall:
                asks = {tick: lots for tick, lots in asks.items() if lots}
            self.market.book(bids, asks, T0 + self.second * NS_PER_S + at_ms * NS_PER_MS)
            self.second += 1

    def trade(self, k: int, lots: float, side: int = 1) -> None:
        now = T0 + self.second * NS_PER_S - 500 * NS_PER_MS
        self.market.trade(side, MID + 5 + k * WIDTH, lots, now)

    @property
    def walls(self) -> np.ndarray:
        return self.market.sig.walls[0, : self.market.sig.grid["walls"][0]]

    @property
    def waiting(self) -> dict[int, float]:
        """Lots at a tick that traded and the book has not shown yet."""
        row = self.market.sig.attribution[0]
        return {int(w["tick"]): float(w["lots"]) for w in row["waiting"][: row["count"]]}

    @property
    def ended(self) -> np.ndarray:
        rows = self.market.sig.ended[0]
        return rows[rows["label"] != 0]
