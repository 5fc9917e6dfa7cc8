"""Divergence of a venue against whole histories."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals.cross import divergence
from bot.signals.cross.divergence import FLOOR_BPS, LEAST_HISTORY, TAU_S
from tests import reference
from tests.signals.worlds import NS_PER_S, T0

MID = st.one_of(st.none(), st.integers(9_990, 10_010))
STEP = st.tuples(st.sampled_from([0, 10, 10, 10, 10, 400]), MID, MID, st.floats(0, 8))


@settings(max_examples=40)
@given(st.lists(STEP, min_size=1, max_size=20), st.sampled_from([0, 30, LEAST_HISTORY + 3]))
def test_each_excess_is_judged_by_the_ones_before_it(steps, warm):
    row = divergence.new_divergence(1)[0]
    steps = [(10, 10_000 + k * 7 % 5, 10_000, 0.0) for k in range(warm)] + steps
    now, times, values, history = T0, [], [], []
    for gap, mid, others, apart in steps:
        now += gap * NS_PER_S
        known = None not in (mid, others)
        divergence.on_mids(row, now, *(math.nan if m is None else float(m) for m in (mid, others)), apart)
        t = (now - T0) / NS_PER_S
        num = den = 0.0
        for k, (t0, value) in enumerate(zip(times, values, strict=True)):
            t1 = times[k + 1] if k + 1 < len(times) else t
            weight = math.exp(-(t - t1) / TAU_S) - math.exp(-(t - t0) / TAU_S)
            if value is not None:
                num, den = num + weight * value, den + weight
        value = 1e4 * math.log(mid / others) if known else None
        times.append(t)
        values.append(value)
        if value is None or den <= 1e-12:
            assert math.isnan(divergence.divergence_score(row))
            assert divergence.confidence_factor(row) == 0.0
            continue
        excess = value - num / den
        assert row["excess_bps"] == pytest.approx(excess, abs=1e-6)
        if abs(apart - abs(excess)) > 1e-6:
            assert divergence.confidence_factor(row) == float(apart <= abs(excess))
        if len(history) < LEAST_HISTORY:
            assert math.isnan(divergence.divergence_score(row))
        else:
            z = reference.robust_z(excess, history, FLOOR_BPS)
            assert divergence.divergence_score(row) == pytest.approx(-math.tanh(z / 2), abs=1e-6)
        history.append(excess)


MIDS = st.lists(st.tuples(st.one_of(st.just(math.nan), st.floats(90, 110)), st.floats(0, 5)), max_size=5)


@given(MIDS, st.integers(0, 5))
def test_the_consensus_is_the_weighted_mean_of_all_others(venues, skip):
    mids, weights = (np.array([v[k] for v in venues], float) for k in range(2))
    got, apart = divergence.consensus(mids, weights, skip)
    others = [(m, w) for k, (m, w) in enumerate(venues) if k != skip and m == m and w > 0]
    if not others:
        assert math.isnan(got)
        assert math.isnan(apart)
        return
    assert got == pytest.approx(sum(m * w for m, w in others) / sum(w for _, w in others), rel=1e-9)
    assert apart == pytest.approx(1e4 * math.log(max(others)[0] / min(others)[0]), abs=1e-9)
