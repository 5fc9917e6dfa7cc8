"""Reaches against the slow reference; vacuum and hollow sides."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals import reach
from bot.signals.rolling import window_of
from tests import reference
from tests.signals.worlds import ladder_of

CENTRE = 20_000
SIDE = st.dictionaries(st.integers(1, 300), st.integers(1, 50), min_size=1, max_size=30)


def measured(bids, asks, volume):
    up, down = np.zeros(3), np.zeros(3)
    reach.measure(ladder_of(bids, asks), 0, volume, up, down)
    return up, down


@given(SIDE, SIDE, st.integers(1, 200))
def test_reaches_of_all_multiples_equal_the_slow_reference(bid_offsets, ask_offsets, volume):
    bids = {CENTRE - o: q for o, q in bid_offsets.items()}
    asks = {CENTRE + o: q for o, q in ask_offsets.items()}
    plain = [list(level) for level in bids.items()], [list(level) for level in asks.items()]
    got = measured(bids, asks, float(volume))
    for side, reaches in zip(("up", "down"), got, strict=True):
        for times, found in zip(reach.MULTIPLES, reaches, strict=True):
            want = reference.reach_bps(*plain, side, times * volume)
            assert math.isinf(found) if want["exhausted"] else found == pytest.approx(want["bps"])
    mirrored = measured(
        {CENTRE - o: q for o, q in ask_offsets.items()},
        {CENTRE + o: q for o, q in bid_offsets.items()},
        volume,
    )
    for k in range(3):
        there, back = (reach.reach_asymmetry(u[k], d[k]) for u, d in (got, mirrored))
        assert math.isnan(there) or -1.0 <= there <= 1.0
        # the mid of the mirror image is not exactly the mirrored mid
        assert there == pytest.approx(-back, abs=0.02, nan_ok=True)


def test_a_side_that_ends_before_is_thin_and_two_that_do_say_nothing():
    up, down = measured({100: 9.0, 99: 50.0}, {101: 9.0}, 5.0)
    asymmetries = [reach.reach_asymmetry(u, d) for u, d in zip(up, down, strict=True)]
    assert asymmetries[0] == pytest.approx(0.0)
    assert asymmetries[1] == 1.0
    up, down = measured({100: 9.0}, {101: 9.0}, 500.0)
    assert math.isnan(reach.reach_asymmetry(up[0], down[0]))


@pytest.mark.parametrize(("bids", "asks"), [({}, {}), ({100: 1.0}, {}), ({101: 1.0}, {100: 1.0})])
def test_without_a_usable_book_or_a_volume_nothing_is_known(bids, asks):
    for up, down in (measured(bids, asks, 5.0), measured({100: 1.0}, {101: 1.0}, math.nan)):
        assert np.isnan(up).all()
        assert np.isnan(down).all()
        assert math.isnan(reach.reach_asymmetry(up[0], down[0]))


@given(st.floats(0.5, 20), st.integers(1, 3_000))
def test_the_usual_volume_of_a_steady_flow_is_ten_seconds_of_it(lots_per_s, seconds):
    times = [0.5 + i for i in range(seconds)]
    traded = reference.ew_sum(times, [lots_per_s] * seconds, 1800.0, float(seconds))
    assert reach.usual_volume(traded, 1800.0, float(seconds)) == pytest.approx(10 * lots_per_s, rel=1e-4)
    assert math.isnan(reach.usual_volume(0.0, 1800.0, 0.0))


def test_a_vacuum_is_half_as_far_again_as_usual():
    up, down = np.zeros(2, window_of(reach.SECONDS))
    for second in range(reach.LEAST_SECONDS):
        assert not reach.is_vacuum(up, 6.0 + 0.5 * (second % 3))
    assert not reach.is_vacuum(up, 9.7)  # 1.5 times the median of 6.5 is 9.75
    assert reach.is_vacuum(up, 9.8)
    assert reach.is_vacuum(up, math.inf)
    assert not reach.is_vacuum(up, math.nan)
    assert not reach.is_vacuum(down, 9.8)  # its own median is not known


@pytest.mark.parametrize(
    ("sizes", "hollow"),
    [
        ([2, 2, 2, 9], True),
        ([9, 2, 0, 2, 9], True),
        ([2, 2, 9, 2, 2], False),
        ([2, 2], False),
        ([], False),
        ([2.5, 2.5, 2.5], False),
    ],
)
def test_three_small_buckets_in_a_row_are_hollow(sizes, hollow):
    assert reach.is_hollow(np.array(sizes, float), len(sizes), 10.0) == hollow
