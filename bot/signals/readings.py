"""What counts as a reading: all figures of all cards and composites of a market, as one block."""

from __future__ import annotations

import numpy as np

from bot.signals.state import AWAKE, READING, Signals

_FIGURES = len(READING.names or ())


def reading_block(sig: Signals, market: int) -> np.ndarray:
    """All figures of one emission of a market, float64, in a fixed order; nan where asleep."""
    return np.concatenate(
        [
            sig.raw[market].ravel(),
            sig.scores[market].ravel(),
            sig.cards[market].view(np.float64).ravel(),
            sig.composites[market].view(np.float64).ravel(),
            sig.verdicts[market].ravel(),
        ]
    )


def awake_count(sig: Signals, market: int) -> int:
    """Cards that spoke at the last emission, counted once a card (not a mode)."""
    return int((~np.isnan(sig.cards["score"][market])).any(axis=1).sum())


def awake_in(sig: Signals, market: int, mode: int) -> int:
    count = sig.verdicts[market, mode, AWAKE]
    return 0 if np.isnan(count) else int(count)
