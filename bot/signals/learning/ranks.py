"""How well a card orders the moves that follow it: faded tables of (what it said, what came) in 17 x 17 bins.

Spearman's correlation only needs ranks, and the ranks of a table are exact up
to its bins; two days of half-life need no two weeks of samples. Reported,
never used for weights (signals.md 7.5).
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.learning.state import BINS, COPIES, CYCLE_NS

HALF_LIFE_NS = 2 * 86_400 * 1_000_000_000
SHRINK = 400.0
_FADE = tuple(0.5 ** (cycle / HALF_LIFE_NS) for cycle in CYCLE_NS)
_MIDDLE = BINS // 2


@hot
def bin_of(value):
    """Bin of a value in [-1, 1]; the bins are narrow around 0, where most values are."""
    root = math.sqrt(min(1.0, abs(value))) * _MIDDLE
    return _MIDDLE + int(math.copysign(math.floor(root + 0.5), value))


@rare
def note_ranks(row, mode, voices, prediction, move_bps):
    """Count a labelled round for every awake card and for the composite (last)."""
    learner, tables = row.learners[mode], row.tables[mode]
    fade = _FADE[mode]
    learner.moved = fade * learner.moved + abs(move_bps)
    learner.moves = fade * learner.moves + 1.0
    relative = 0.0 if learner.moved == 0.0 else move_bps * learner.moves / learner.moved
    column = bin_of(relative / (1.0 + abs(relative)))
    last = tables.shape[0] - 1
    for i in range(last + 1):
        # the composite's own display scale spreads what is close to 1/2
        x = voices[i] if i < last else math.tanh(2.0 * math.log(prediction / (1.0 - prediction)))
        table = tables[i]
        for j in range(BINS):
            for k in range(BINS):
                table[j, k] *= np.float32(fade)
        if x == x:
            table[bin_of(x), column] += np.float32(1.0)


def rank_correlation(table: np.ndarray) -> float:
    """Spearman's correlation of a table of counts, mid-ranks for what shares a bin; nan without spread."""
    counts = table.astype(float)
    total = counts.sum()
    if total <= 0.0:
        return math.nan
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    by_row = np.cumsum(rows) - 0.5 * rows - 0.5 * total
    by_column = np.cumsum(columns) - 0.5 * columns - 0.5 * total
    spread = math.sqrt(float(rows @ by_row**2) * float(columns @ by_column**2))
    return float(by_row @ counts @ by_column) / spread if spread > 0.0 else math.nan


def information_coefficient(table: np.ndarray, mode: int) -> float:
    """IC shrunk by n / (n + 400), n the faded number of labels that do not overlap."""
    labels = float(table.sum()) / COPIES[mode]
    return rank_correlation(table) * labels / (labels + SHRINK)
