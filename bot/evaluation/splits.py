"""Index sets for fitting and testing without the test leaking into the fit (signals.md 10.3).

The label of sample i is known at i + horizon. After López de Prado, *Advances
in Financial Machine Learning* (2018), chapter 7.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Samples to fit on, and the half-open range [start, stop) to test on."""

    train: np.ndarray
    test: tuple[int, int]


def purged_walk_forward(n: int, folds: int, horizon: int, min_train: int) -> list[Split]:
    """Consecutive test blocks after the first `min_train` samples; a fit ends a horizon before its test."""
    edges = [round(min_train + k * (n - min_train) / folds) for k in range(folds + 1)]
    return [Split(np.arange(max(0, start - horizon)), (start, stop)) for start, stop in pairwise(edges)]


def purged_kfold(n: int, folds: int, horizon: int, embargo: int) -> list[Split]:
    """Test blocks that cover everything; fits leave out labels that reach into the test, and the
    `embargo` samples after the last label of the test."""
    edges = [round(k * n / folds) for k in range(folds + 1)]
    samples = np.arange(n)
    return [
        Split(samples[(samples + horizon < start) | (samples > stop - 1 + horizon + embargo)], (start, stop))
        for start, stop in pairwise(edges)
    ]
