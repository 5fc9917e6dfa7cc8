"""The exact lead-lag estimator for changes at any times (signals.md 5.2), for research.

Hayashi & Yoshida 2005; lags by Hoffmann, Rosenbaum & Yoshida 2013. Products of
returns count where their intervals overlap, so no grid is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


def hy_correlation(
    x_times: np.ndarray, x: np.ndarray, y_times: np.ndarray, y: np.ndarray, lag: float
) -> float:
    """Correlation with y shifted back by `lag` (> 0: x leads); nan when one never moves.

    Times are sorted, in the unit of the lag; values are prices or their logs. O(n log n).
    """
    y_times = np.asarray(y_times, float) - lag
    x_times = np.asarray(x_times, float)
    x_moves, y_moves = np.diff(np.asarray(x, float)), np.diff(np.asarray(y, float))
    norm = float(np.sqrt(np.sum(x_moves**2) * np.sum(y_moves**2)))
    if not norm > 0.0:
        return float("nan")
    # an interval without length overlaps nothing
    sums = np.concatenate([[0.0], np.cumsum(np.where(np.diff(y_times) > 0.0, y_moves, 0.0))])
    first = np.searchsorted(y_times[1:], x_times[:-1], side="right")
    last = np.searchsorted(y_times[:-1], x_times[1:], side="left")
    met = np.where(np.diff(x_times) > 0.0, sums[np.maximum(last, first)] - sums[first], 0.0)
    return float(np.sum(x_moves * met) / norm)


class LeadLag(NamedTuple):
    """Correlation at each lag, the lag of the largest one in size, and how much more x leads than y."""

    correlations: np.ndarray
    best_lag: float
    lead_ratio: float  # > 1: x leads; nan when nothing speaks for y


def lead_lag(
    x_times: np.ndarray, x: np.ndarray, y_times: np.ndarray, y: np.ndarray, lags: Sequence[float]
) -> LeadLag:
    """The estimator over a range of lags."""
    found = np.array([hy_correlation(x_times, x, y_times, y, lag) for lag in lags])
    shifts = np.asarray(lags, float)
    second = float(np.sum(found[shifts < 0.0] ** 2))
    first = float(np.sum(found[shifts > 0.0] ** 2))
    best = float(shifts[np.argmax(np.abs(found))])
    return LeadLag(found, best, first / second if second > 0.0 else float("nan"))
