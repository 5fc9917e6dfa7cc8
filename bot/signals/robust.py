"""Robust figures of a rolling window: exact quantiles and z by median and MAD (signals.md 4, 6)."""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import rare
from bot.signals.rolling import lower_bound, median_of

MAD_TO_SIGMA = 1.4826


@rare
def median_distance(ordered, count, centre):
    """Median of |sample - centre| of the first `count` sorted samples, exact; nan for none. O(samples).

    Takes the samples, not their window, so that it is compiled once for windows of all sizes.
    """
    if count == 0:
        return np.nan
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
def robust_z(window, value, floor):
    """(value - median) / max(1.4826 MAD, floor); nan while the window is empty."""
    if window.count == 0:
        return np.nan
    centre = median_of(window)
    distance = median_distance(window.ordered[:], window.count, centre)
    return (value - centre) / max(MAD_TO_SIGMA * distance, floor)


@rare
def quantile(window, share):
    """Sample quantile, linear between neighbours; nan while empty."""
    count = window.count
    if count == 0:
        return np.nan
    ordered = window.ordered
    place = share * (count - 1)
    first = np.int64(math.floor(place))
    last = min(first + 1, count - 1)
    return ordered[first] + (place - first) * (ordered[last] - ordered[first])
