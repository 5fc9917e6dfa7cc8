"""Rolling medians and ranks against sorting the last samples again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.rolling import count_of, median_of, mid_rank, new_windows, push

# few distinct values, so that equal samples arrive and leave
VALUES = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(-10, 10, allow_nan=False))


@given(st.lists(VALUES, max_size=80), st.integers(1, 12), VALUES)
def test_median_and_rank_equal_sorting_the_last_samples(values, capacity, probe):
    windows = new_windows(2, 2, 12)
    assert math.isnan(median_of(windows, 1, 1))
    assert math.isnan(mid_rank(windows, 1, 1, probe))
    for i, value in enumerate(values):
        push(windows, 1, 1, capacity, value)
        kept = np.array(values[max(0, i + 1 - capacity) : i + 1])
        assert count_of(windows, 1, 1) == kept.size
        assert median_of(windows, 1, 1) == np.median(kept)
        rank = (np.sum(kept < probe) + 0.5 * np.sum(kept == probe)) / kept.size
        assert mid_rank(windows, 1, 1, probe) == rank
        np.testing.assert_array_equal(windows.samples[1, 1, 1, : kept.size], np.sort(kept))


def test_windows_do_not_touch_each_other():
    windows = new_windows(2, 3, 4)
    for value in range(10):
        push(windows, 1, 1, 4, float(value))
    others = windows.places.copy()
    others[1, 1] = 0
    assert not others.any()
    assert median_of(windows, 1, 1) == pytest.approx(7.5)
