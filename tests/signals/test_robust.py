"""Robust figures of a rolling window against sorting it anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.fade import fade
from bot.signals.robust import median_distance, quantile, robust_z
from bot.signals.rolling import push, window_of
from tests import reference

VALUES = st.lists(st.one_of(st.integers(-5, 5), st.floats(-1e6, 1e6)), min_size=1, max_size=40)


CAPACITY = 16


def window_with(values):
    window = np.zeros(1, window_of(CAPACITY))[0]
    for value in values:
        push(window, float(value))
    return window, [float(v) for v in values[-CAPACITY:]]


@given(VALUES, st.floats(-1e6, 1e6), st.floats(0.001, 10.0))
def test_z_is_that_of_median_and_mad_of_what_the_window_holds(values, value, floor):
    window, held = window_with(values)
    want = reference.robust_z(value, held, floor)
    assert robust_z(window, value, floor) == pytest.approx(want, rel=1e-9, abs=1e-9)


@given(VALUES, st.floats(-10, 10))
def test_the_distance_from_any_centre_is_exact(values, centre):
    window, held = window_with(values)
    want = float(np.median(np.abs(np.array(held) - centre)))
    assert median_distance(window["ordered"], len(held), centre) == pytest.approx(want, rel=1e-12, abs=1e-12)


@given(VALUES, st.floats(0, 1))
def test_a_quantile_is_numpys(values, share):
    window, held = window_with(values)
    assert quantile(window, share) == pytest.approx(float(np.quantile(held, share)), abs=1e-6)


def test_an_empty_window_knows_nothing():
    window, _ = window_with([])
    assert math.isnan(robust_z(window, 1.0, 1.0))
    assert math.isnan(quantile(window, 0.5))
    assert math.isnan(median_distance(window["ordered"], 0, 0.0))


def test_nothing_fades_when_time_stands_still_or_goes_back():
    assert (fade(0, 10.0), fade(-5, 10.0)) == (1.0, 1.0)
    assert fade(10_000_000_000, 10.0) == pytest.approx(math.exp(-1))
