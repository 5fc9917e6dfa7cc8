"""Both sides of a book as they stood at a decision, to walk what an entry and its exit would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from bot.core.enums import Side


@dataclass(frozen=True, slots=True, eq=False)
class BookSide:
    """Levels of one side from the touch on: ticks, and sums over this and all nearer levels.

    Only the levels that were read are known; what lies beyond counts as nothing.
    """

    side: Side  # BUY: bids
    ticks: np.ndarray  # (n,) int64, best first
    lots: np.ndarray  # (n,) float64, cumulative
    worth: np.ndarray  # (n,) float64, cumulative lots x ticks

    @staticmethod
    def of(side: Side, ticks: Sequence[int] | np.ndarray, lots: Sequence[float] | np.ndarray) -> BookSide:
        at, held = np.asarray(ticks, np.int64), np.asarray(lots, np.float64)
        return BookSide(side, at, np.cumsum(held), np.cumsum(held * at))

    def walk_bps(self, lots: float, mid: float) -> float:
        """Average price of taking `lots` against the mid, in bps; inf when the known levels do not hold them.

        Half the spread for the first lot, and an average over levels after the touch.
        """
        if not self.ticks.size or not lots <= self.lots[-1]:
            return inf
        last = int(np.searchsorted(self.lots, lots))
        if last == 0:
            return abs(float(self.ticks[0]) / mid - 1.0) * 1e4
        beyond = lots - self.lots[last - 1]
        average = (self.worth[last - 1] + beyond * self.ticks[last]) / lots
        return abs(float(average) / mid - 1.0) * 1e4

    def lots_to(self, tick: int) -> float:
        """Lots from the touch to a price in ticks, inclusive."""
        return self._sum(int(np.count_nonzero(int(self.side) * (self.ticks - tick) >= 0)))

    def lots_within(self, bps: float, mid: float) -> float:
        """Lots at most `bps` from the mid."""
        return self._sum(int(np.count_nonzero(np.abs(self.ticks / mid - 1.0) * 1e4 <= bps)))

    def _sum(self, levels: int) -> float:
        return float(self.lots[levels - 1]) if levels else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """A book at a decision."""

    mid: float  # ticks
    bids: BookSide
    asks: BookSide

    def ahead(self, side: Side) -> BookSide:
        """What an order of `side` takes."""
        return self.asks if side > 0 else self.bids
