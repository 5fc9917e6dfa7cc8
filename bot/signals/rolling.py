"""Rolling windows of the last samples with exact medians and ranks, kept incrementally.

A window is one record: the samples in order of arrival and the same samples
sorted. A push is two binary searches and one move of the samples between the
two places: O(log n) plus a memmove, and bit for bit what sorting the window
again would give.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, prefetch, rare


def window_of(capacity: int) -> np.dtype:
    """The record of a window of the last `capacity` samples; all zero is an empty one."""
    return np.dtype(
        [
            ("count", "<i8"),
            ("oldest", "<i8"),  # place among `arrived` once the window is full
            ("arrived", "<f8", (capacity,)),
            ("ordered", "<f8", (capacity,)),
        ],
        align=True,
    )


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


@hot
def ask(window):
    """Have on its way what `push` and `mid_rank` read first of a window long left alone.

    A binary search waits for memory at every step; its first four go to one of fifteen places.
    """
    for k in range(1, 16):
        prefetch(window.ordered, (window.count * k) >> 4)
    prefetch(window.arrived, window.oldest)


@rare
def push(window, value):
    """Add a finite sample; the oldest leaves a full window."""
    window.oldest = _replace(
        window.arrived[:], window.ordered[:], window.count, window.oldest, np.float64(value)
    )
    window.count = min(window.count + 1, window.arrived.size)


@rare
def _replace(arrived, ordered, count, oldest, value):
    """Where the oldest is now. Takes the arrays, so that it is compiled once for windows of all sizes."""
    capacity = arrived.size
    if count < capacity:
        to = upper_bound(ordered, count, value)
        for i in range(count, to, -1):
            ordered[i] = ordered[i - 1]
        ordered[to] = value
        arrived[count] = value
        return oldest
    gone = arrived[oldest]
    arrived[oldest] = value
    oldest = oldest + 1 if oldest + 1 < capacity else 0
    if gone == value:
        return oldest
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
    return oldest


@rare
def clear(window):
    """Forget all samples."""
    window.count = window.oldest = 0


@rare
def median_of(window):
    """Exact median, the mean of the middle two for an even count; nan while empty."""
    return _median(window.ordered[:], window.count)


@rare
def _median(ordered, count):
    if count == 0:
        return np.nan
    half = count >> 1
    if count & 1:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2.0


@rare
def mid_rank(window, value):
    """Share of the samples below `value` plus half the share equal to it; nan while empty."""
    return _rank(window.ordered[:], window.count, value)


@rare
def _rank(ordered, count, value):
    if count == 0:
        return np.nan
    below = lower_bound(ordered, count, value)
    return (below + 0.5 * (upper_bound(ordered, count, value) - below)) / count
