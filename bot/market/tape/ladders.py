"""A plain book to judge a tape with: dictionaries and heaps, slow and obvious."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np

from bot.market.events import Flag, Kind

# Plain integers: an enumeration's member costs more than the rest of a row.
_SNAPSHOT, _LEVEL, _COMMIT = int(Kind.SNAPSHOT), int(Kind.LEVEL), int(Kind.COMMIT)
_GAP, _LOST = int(Kind.GAP), int(Kind.LOST)
_BOOK_KINDS = (_SNAPSHOT, _LEVEL, _COMMIT, _GAP, _LOST)
_BBO = int(Flag.BBO)


class PlainLadder:
    """Price → lots of both sides of one market."""

    def __init__(self) -> None:
        self.bids: dict[int, float] = {}
        self.asks: dict[int, float] = {}
        self._best_bids: list[int] = []  # negated; may hold prices that are gone
        self._best_asks: list[int] = []

    def set(self, side: int, price: int, lots: float) -> None:
        levels, heap, key = (
            (self.bids, self._best_bids, -price) if side > 0 else (self.asks, self._best_asks, price)
        )
        if lots == 0:
            levels.pop(price, None)
        else:
            if price not in levels:
                heappush(heap, key)
            levels[price] = lots

    def crossed(self) -> bool:
        """Is the best bid at or above the best ask?"""
        bid, ask = _best(self._best_bids, self.bids, -1), _best(self._best_asks, self.asks, 1)
        return bid is not None and ask is not None and bid >= ask


def _best(heap: list[int], levels: dict[int, float], sign: int) -> int | None:
    while heap and sign * heap[0] not in levels:
        heappop(heap)
    if len(heap) > 4 * len(levels) + 64:  # a level that comes and goes leaves a copy each time
        heap[:] = [sign * price for price in levels]
        heapify(heap)
    return sign * heap[0] if heap else None


class LadderChecks:
    """Feed batches to `add`; `crossed` lists (seq, market) of commits that leave a ladder crossed.

    A ladder is judged while it is synchronised: from a snapshot to the next gap or loss.
    """

    def __init__(self, most: int) -> None:
        self.commits = 0
        self.crossed_count = 0
        self.crossed: list[tuple[int, int]] = []
        self._most = most
        self._ladders: dict[int, PlainLadder] = {}  # a market is here while it is synchronised

    def add(self, rows: np.ndarray) -> None:
        book = rows[np.isin(rows["kind"], _BOOK_KINDS)]
        columns = ("seq", "kind", "market", "side", "price", "value", "flags")
        for row in zip(*(book[name].tolist() for name in columns), strict=True):
            self._apply(*row)

    def _apply(
        self, seq: int, kind: int, market: int, side: int, price: int, lots: float, flags: int
    ) -> None:
        if kind == _SNAPSHOT:
            self._ladders[market] = PlainLadder()
        elif kind == _LOST:  # whichever market the lost rows were of
            self._ladders.clear()
        elif kind == _GAP:
            self._ladders.pop(market, None)
        elif market in self._ladders:
            if kind == _LEVEL:
                self._ladders[market].set(side, price, lots)
            elif not flags & _BBO:
                self._judge(seq, market)

    def _judge(self, seq: int, market: int) -> None:
        self.commits += 1
        if self._ladders[market].crossed():
            self.crossed_count += 1
            if len(self.crossed) < self._most:
                self.crossed.append((seq, market))
