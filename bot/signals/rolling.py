"""Rolling windows of the last `capacity` samples with exact medians and ranks, kept incrementally.

A window is two float64 rows, the samples in order of arrival and the same
samples sorted, plus (count, place of the oldest). A push is two binary
searches and one move of the samples between the two places: O(log n) plus a
memmove, and bit for bit what sorting the window again would give.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bot.core.jit import hot, rare

ARRIVED, SORTED = 0, 1
COUNT, OLDEST = 0, 1


class Windows(NamedTuple):
    """R windows for each of M markets, all of one capacity."""

    samples: np.ndarray  # (M, R, 2, capacity) float64: in order of arrival, sorted
    places: np.ndarray  # (M, R, 2) int64: count, place of the oldest


def new_windows(markets: int, rows: int, capacity: int) -> Windows:
    return Windows(np.zeros((markets, rows, 2, capacity)), np.zeros((markets, rows, 2), np.int64))


@hot
def lower_bound(ordered, count, value):
    """How many of the first `count` sorted samples are below `value`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@hot
def upper_bound(ordered, count, value):
    """How many of the first `count` sorted samples are at or below `value`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


@rare
def push(windows, market, row, capacity, value):
    """Add a finite sample; the oldest leaves once `capacity` (at most the array's) are held."""
    arrived = windows.samples[market, row, ARRIVED]
    ordered = windows.samples[market, row, SORTED]
    count = windows.places[market, row, COUNT]
    if count < capacity:
        to = upper_bound(ordered, count, value)
        for i in range(count, to, -1):
            ordered[i] = ordered[i - 1]
        ordered[to] = value
        arrived[count] = value
        windows.places[market, row, COUNT] = count + 1
        return
    oldest = windows.places[market, row, OLDEST]
    gone = arrived[oldest]
    arrived[oldest] = value
    windows.places[market, row, OLDEST] = oldest + 1 if oldest + 1 < capacity else 0
    if gone == value:
        return
    leave = lower_bound(ordered, count, gone)
    if value > gone:
        to = lower_bound(ordered, count, value) - 1
        for i in range(leave, to):
            ordered[i] = ordered[i + 1]
    else:
        to = upper_bound(ordered, count, value)
        for i in range(leave, to, -1):
            ordered[i] = ordered[i - 1]
    ordered[to] = value


@hot
def count_of(windows, market, row):
    return windows.places[market, row, COUNT]


@hot
def median_of(windows, market, row):
    """Exact median, the mean of the middle two for an even count; nan while empty."""
    count = windows.places[market, row, COUNT]
    if count == 0:
        return np.nan
    ordered = windows.samples[market, row, SORTED]
    half = count >> 1
    if count & 1:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2.0


@rare
def mid_rank(windows, market, row, value):
    """Share of the samples below `value` plus half the share equal to it; nan while empty."""
    count = windows.places[market, row, COUNT]
    if count == 0:
        return np.nan
    ordered = windows.samples[market, row, SORTED]
    below = lower_bound(ordered, count, value)
    return (below + 0.5 * (upper_bound(ordered, count, value) - below)) / count
