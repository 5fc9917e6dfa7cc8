"""Long/short ratio, leverage and estimated clusters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.derivatives import clusters, crowd
from bot.signals.derivatives.clusters import LEVERAGES, LONGS, SHARES, SHORTS, bucket_of, mass_at
from bot.signals.derivatives.crowd import FLOOR, LEAST_HISTORY
from tests import reference
from tests.signals.worlds import NS_PER_S, T0

HOUR_NS = 3_600 * NS_PER_S


@given(st.lists(st.integers(-2, 40), min_size=1, max_size=80))
def test_a_ratio_is_judged_by_the_different_ones_before_it(tenths):
    row, history = crowd.new_crowd(1)[0], []
    for k, tenth in enumerate(tenths):
        crowd.on_ratio(row, T0 + k, tenth / 10)
        if tenth <= 0:  # no ratio
            continue
        value = math.log(tenth / 10)
        if history and value == history[-1]:
            continue
        if len(history) < LEAST_HISTORY:
            assert math.isnan(crowd.crowd_score(row))
        else:
            want = reference.contrarian_score(reference.robust_z(value, history, FLOOR))
            assert crowd.crowd_score(row) == pytest.approx(want, rel=1e-9, abs=1e-9)
        history.append(value)


def test_a_ratio_fades_with_five_minutes_and_a_repeated_one_is_fresh_again():
    row = crowd.new_crowd(1)[0]
    assert crowd.freshness(row, T0) == 0.0
    crowd.on_ratio(row, T0, 1.5)
    assert crowd.freshness(row, T0 + 300 * NS_PER_S) == pytest.approx(math.exp(-1))
    crowd.on_ratio(row, T0 + 300 * NS_PER_S, 1.5)
    assert crowd.freshness(row, T0 + 300 * NS_PER_S) == 1.0
    assert row["history"]["count"] == 1


def test_leverage_is_unknown_where_no_margin_is_told():
    assert crowd.estimated_leverage(500.0, 50.0) == 10.0
    assert math.isnan(crowd.estimated_leverage(500.0, 0.0))
    assert math.isnan(crowd.estimated_leverage(500.0, math.nan))


STEP = st.tuples(
    st.integers(0, 30 * HOUR_NS),
    st.floats(80.0, 125.0),
    st.one_of(st.just(0.0), st.floats(-10.0, 100.0)),
)


@given(st.lists(STEP, min_size=1, max_size=12))
def test_masses_equal_a_list_of_positions_that_fade_and_are_crossed(steps):
    row, now, mmr = clusters.new_clusters(1)[0], T0, 0.005
    open_: list[Any] = []  # which, bucket, mass, born
    place: int | None = None
    for gap, price, increase in steps:
        now += gap
        clusters.on_price(row, price)
        at = bucket_of(price)
        if place is not None and at < place:
            open_ = [p for p in open_ if not (p[0] == LONGS and at <= p[1] <= place)]
        if place is not None and at > place:
            open_ = [p for p in open_ if not (p[0] == SHORTS and place <= p[1] <= at)]
        place = at
        clusters.on_increase(row, now, price, increase, mmr)
        for leverage, share in zip(LEVERAGES, SHARES, strict=True):
            for book, side in ((LONGS, 1), (SHORTS, -1)):
                level = reference.liquidation_price(price, leverage, mmr, side)
                if increase > 0:
                    open_.append([book, bucket_of(level), share * increase, now])
    clusters.age(row, now)
    want: dict[tuple[float, float], float] = {}
    for which, bucket, mass, born in open_:
        left = mass * 0.5 ** ((now - born) / (24 * HOUR_NS))
        want[which, bucket] = want.get((which, bucket), 0.0) + left
    for (which, bucket), mass in want.items():
        assert mass_at(row, which, bucket) == pytest.approx(mass, rel=1e-9, abs=1e-12)
    assert row["mass"].sum() == pytest.approx(sum(want.values()), rel=1e-9, abs=1e-9)


def test_a_bucket_holds_the_price_in_its_middle():
    for price in (0.0123, 1.0, 64_321.5):
        assert clusters.bucket_price(bucket_of(price)) == pytest.approx(price, rel=6e-4)


def test_falling_interest_adds_nothing():
    row = clusters.new_clusters(1)[0]
    clusters.on_increase(row, T0, 100.0, -5.0, 0.005)
    clusters.on_increase(row, T0, 100.0, math.nan, 0.005)
    assert not np.any(row["mass"])
