"""Robust figures of a rolling window against sorting it anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.fade import fade
from bot.signals.robust import median_distance, quantile, robust_z
from bot.signals.rolling import new_windows, push
from tests import reference

VALUES = st.lists(st.one_of(st.integers(-5, 5), st.floats(-1e6, 1e6)), min_size=1, max_size=40)


def windows_of(values, capacity=16):
    windows = new_windows(1, 1, capacity)
    for value in values:
        push(windows, 0, 0, capacity, float(value))
    return windows, [float(v) for v in values[-capacity:]]


@given(VALUES, st.floats(-1e6, 1e6), st.floats(0.001, 10.0))
def test_z_is_that_of_median_and_mad_of_what_the_window_holds(values, value, floor):
    windows, held = windows_of(values)
    want = reference.robust_z(value, held, floor)
    assert robust_z(windows, 0, 0, value, floor) == pytest.approx(want, rel=1e-9, abs=1e-9)


@given(VALUES, st.floats(-10, 10))
def test_the_distance_from_any_centre_is_exact(values, centre):
    windows, held = windows_of(values)
    want = float(np.median(np.abs(np.array(held) - centre)))
    assert median_distance(windows, 0, 0, centre) == pytest.approx(want, rel=1e-12, abs=1e-12)


@given(VALUES, st.floats(0, 1))
def test_a_quantile_is_numpys(values, share):
    windows, held = windows_of(values)
    assert quantile(windows, 0, 0, share) == pytest.approx(float(np.quantile(held, share)), abs=1e-6)


def test_an_empty_window_knows_nothing():
    windows = new_windows(1, 1, 4)
    assert math.isnan(robust_z(windows, 0, 0, 1.0, 1.0))
    assert math.isnan(quantile(windows, 0, 0, 0.5))
    assert math.isnan(median_distance(windows, 0, 0, 0.0))


def test_nothing_fades_when_time_stands_still_or_goes_back():
    assert (fade(0, 10.0), fade(-5, 10.0)) == (1.0, 1.0)
    assert fade(10_000_000_000, 10.0) == pytest.approx(math.exp(-1))
