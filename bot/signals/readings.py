"""What counts as a reading: all figures of all cards and composites of a market, and what its book holds."""

from __future__ import annotations

import numpy as np

from bot.signals.state import SIGNALS, Signals

_BLOCK = ("raw", "scores", "cards", "composites", "verdicts", "ladder")
_BEGIN = SIGNALS.fields[_BLOCK[0]][1]  # type: ignore[index]
_END = SIGNALS.fields[_BLOCK[-1]][1] + SIGNALS[_BLOCK[-1]].itemsize  # type: ignore[index]
_SIZES = sum(SIGNALS[name].itemsize for name in _BLOCK)
assert _SIZES == _END - _BEGIN, "the figures of a reading lie side by side"


class Readings:
    """Views of all figures of the last emission, float64, in a fixed order; nan where asleep."""

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        octets = signals.rows.view(np.uint8).reshape(signals.rows.size, -1)
        self._rows = [row[_BEGIN:_END].view(np.float64) for row in octets]
        self._scores = signals.cards["score"]

    def of(self, market: int) -> np.ndarray:
        """The figures of a market, one block."""
        return self._rows[market]

    def awake(self, market: int) -> int:
        """Cards that spoke at the last emission, counted once a card (not a mode)."""
        scores = self._scores[market]
        return int(np.count_nonzero(np.logical_or.reduce(scores == scores, axis=1)))
