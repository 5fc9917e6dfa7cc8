"""Rolling medians and ranks against sorting the last samples again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.rolling import clear, median_of, mid_rank, push, window_of

# few distinct values, so that equal samples arrive and leave
VALUES = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(-10, 10, allow_nan=False))


@given(st.lists(VALUES, max_size=80), st.sampled_from([1, 2, 5, 12]), VALUES)
def test_median_and_rank_equal_sorting_the_last_samples(values, capacity, probe):
    window = np.zeros(1, window_of(capacity))[0]
    assert math.isnan(median_of(window))
    assert math.isnan(mid_rank(window, probe))
    for i, value in enumerate(values):
        push(window, value)
        kept = np.array(values[max(0, i + 1 - capacity) : i + 1])
        assert window["count"] == kept.size
        assert median_of(window) == np.median(kept)
        rank = (np.sum(kept < probe) + 0.5 * np.sum(kept == probe)) / kept.size
        assert mid_rank(window, probe) == rank
        np.testing.assert_array_equal(window["ordered"][: kept.size], np.sort(kept))


def test_windows_do_not_touch_each_other():
    windows = np.zeros((2, 3), window_of(5))
    for value in range(10):
        push(windows[1, 1], float(value))
    assert median_of(windows[1, 1]) == pytest.approx(7.0)
    windows[1, 1] = np.zeros((), windows.dtype)
    assert not windows.view(np.uint8).any()


def test_a_cleared_window_starts_anew():
    window = np.zeros(1, window_of(5))[0]
    for value in np.arange(8.0):
        push(window, value)
    clear(window)
    assert math.isnan(median_of(window))
    for value in (20.0, 10.0):
        push(window, value)
    assert (window["count"], median_of(window)) == (2, 15.0)
