"""What counts as a reading: all figures of all cards and composites of a market."""

from __future__ import annotations

import numpy as np

from bot.signals.state import READING, Signals

_SCORE = (READING.names or ()).index("score")
_FIGURES = len(READING.names or ())


class Readings:
    """Views of all figures of the last emission, float64, in a fixed order; nan where asleep."""

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        markets, cards, modes = signals.cards.shape
        arrays = (signals.raw, signals.scores, signals.cards, signals.composites, signals.verdicts)
        self._rows = tuple(array.view(np.float64).reshape(markets, -1) for array in arrays)
        figures = signals.cards.view(np.float64).reshape(markets, cards, modes, _FIGURES)
        self._scores = figures[..., _SCORE]

    def of(self, market: int) -> list[np.ndarray]:
        """The figures of a market, as the pieces of one block."""
        return [rows[market] for rows in self._rows]

    def awake(self, market: int) -> int:
        """Cards that spoke at the last emission, counted once a card (not a mode)."""
        scores = self._scores[market]
        return int(np.count_nonzero((scores == scores).any(axis=1)))
