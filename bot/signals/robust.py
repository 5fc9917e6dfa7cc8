"""Robust figures of a rolling window: exact quantiles and z by median and MAD (signals.md 4, 6)."""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import rare
from bot.signals.rolling import SORTED, count_of, lower_bound, median_of

MAD_TO_SIGMA = 1.4826


@rare
def median_distance(windows, market, row, centre):
    """Median of |sample - centre|, exact; nan while empty. O(samples)."""
    count = count_of(windows, market, row)
    if count == 0:
        return np.nan
    ordered = windows.samples[market, row, SORTED]
    # both sides of the centre are sorted by distance already: merge them from the inside
    above = lower_bound(ordered, count, centre)
    below = above - 1
    nearest = before = 0.0
    for _ in range((count >> 1) + 1):
        before = nearest
        if below < 0 or (above < count and ordered[above] - centre < centre - ordered[below]):
            nearest = ordered[above] - centre
            above += 1
        else:
            nearest = centre - ordered[below]
            below -= 1
    return nearest if count & 1 else 0.5 * (before + nearest)


@rare
def robust_z(windows, market, row, value, floor):
    """(value - median) / max(1.4826 MAD, floor); nan while the window is empty."""
    if count_of(windows, market, row) == 0:
        return np.nan
    centre = median_of(windows, market, row)
    return (value - centre) / max(MAD_TO_SIGMA * median_distance(windows, market, row, centre), floor)


@rare
def quantile(windows, market, row, share):
    """Sample quantile, linear between neighbours; nan while empty."""
    count = count_of(windows, market, row)
    if count == 0:
        return np.nan
    ordered = windows.samples[market, row, SORTED]
    place = share * (count - 1)
    first = np.int64(math.floor(place))
    last = min(first + 1, count - 1)
    return ordered[first] + (place - first) * (ordered[last] - ordered[first])
