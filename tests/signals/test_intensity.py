"""Hawkes sums, likelihood and fit against direct sums over all trades."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals import intensity
from bot.signals.intensity import BETAS, BURST_S, EVENTS, REFIT_NS
from tests import reference
from tests.signals.worlds import NS_PER_S, T0

GAP_NS = st.one_of(st.just(0), st.integers(0, 3 * NS_PER_S))
PRINT = st.tuples(GAP_NS, st.sampled_from([1, -1, 0]), st.booleans())


@settings(max_examples=60)
@given(st.lists(PRINT, min_size=1, max_size=30), st.integers(0, 8 * NS_PER_S))
def test_sums_equal_the_direct_sum_over_strictly_earlier_trades(prints, wait):
    row, now, stamp = intensity.new_intensity(1)[0], T0, 0
    times: dict[int, list[float]] = {1: [], -1: []}
    last = {1: -1, -1: -1}
    for gap, side, same_order in prints:
        now += gap
        stamp += not same_order
        intensity.on_trade(row, side, now, stamp)
        if side != 0 and last[side] != stamp:
            last[side] = stamp
            times[side].append((now - T0) / NS_PER_S)
    end_ns = now + wait
    intensity.age(row, end_ns)
    end = (end_ns - T0) / NS_PER_S
    newest = max(times[1] + times[-1], default=-math.inf)
    for bank, beta in enumerate(BETAS):
        buyers, sellers = (reference.hawkes_intensity(times[s], 0.0, 1.0, beta, end) for s in (1, -1))
        assert row["sums"][0, bank] == pytest.approx(buyers, rel=1e-9, abs=1e-12)
        assert row["sums"][1, bank] == pytest.approx(sellers, rel=1e-9, abs=1e-12)
        got = intensity.imbalance(row, bank, end_ns)
        if end - newest > 5 / beta or buyers + sellers == 0.0:
            assert math.isnan(got)
        else:
            assert got == pytest.approx((buyers - sellers) / (buyers + sellers), abs=1e-9)
    both = times[1] + times[-1]
    fast, slow = (reference.hawkes_intensity(both, 0.0, 1.0, 1 / tau, end) / tau for tau in BURST_S)
    assert intensity.burst(row) == pytest.approx(fast / slow) if slow > 1e-9 else True
    assert row["events"].tolist() == [len(times[1]), len(times[-1])]


def test_prints_of_one_order_are_one_event_but_orders_in_the_same_instant_are_not():
    row = intensity.new_intensity(1)[0]
    for stamp in (7, 7, 7, 8):
        intensity.on_trade(row, 1, T0, stamp)
    intensity.on_trade(row, -1, T0, 8)
    assert row["events"].tolist() == [2, 1]


TIMES = st.lists(st.integers(0, 80), min_size=1, max_size=40).map(
    lambda ticks: [t / 4 for t in sorted(ticks)]
)


@settings(max_examples=60)
@given(TIMES, st.floats(0.05, 2.0), st.floats(0.0, 2.0), st.sampled_from(BETAS))
def test_the_likelihood_equals_the_double_sum(times, mu, alpha, beta):
    got = intensity.log_likelihood(np.array(times), mu, alpha, beta, 21.0)
    assert got == pytest.approx(reference.hawkes_loglik(times, mu, alpha, beta, 21.0), rel=1e-9, abs=1e-9)


def simulated(mu, alpha, beta, horizon, seed):
    """Ogata's thinning."""
    rng, t, times, excited = np.random.default_rng(seed), 0.0, [], 0.0
    while True:
        bound = mu + alpha * excited
        step = rng.exponential(1 / bound)
        t += step
        if t > horizon:
            return np.array(times)
        excited *= math.exp(-beta * step)
        if rng.random() * bound <= mu + alpha * excited:
            times.append(t)
            excited += 1.0


def test_a_fit_recovers_what_made_the_trades():
    times = simulated(0.4, 0.6, 1.0, 4_000.0, 11)
    found = intensity.fit(times, 4_000.0)
    assert found.beta == 1.0
    assert found.mu == pytest.approx(0.4, abs=0.05)
    assert found.branching == pytest.approx(0.6, abs=0.05)
    for mu, alpha in ((found.mu * 1.05, found.alpha), (found.mu, found.alpha * 0.95)):
        assert intensity.log_likelihood(times, mu, alpha, 1.0, 4_000.0) < found.log_likelihood


def test_a_fit_never_explodes():
    found = intensity.fit(np.arange(3_000) * 0.001, 3.0)
    assert found.branching <= 0.95
    assert math.isfinite(found.log_likelihood)


def test_each_side_is_fitted_hourly_from_its_last_trades():
    row, now = intensity.new_intensity(1)[0], T0
    assert not intensity.refit(row, now)
    for k in range(EVENTS + 300):
        now += NS_PER_S
        intensity.on_trade(row, 1, now, k)
    assert not intensity.refit(row, T0 + REFIT_NS - 1)
    assert intensity.refit(row, T0 + REFIT_NS)
    mu, alpha, beta = row["fit"][0]
    assert 0.0 < mu <= 1.1
    assert 0.0 <= alpha / beta <= 0.95
    assert np.isnan(row["fit"][1]).all()
    assert not intensity.refit(row, T0 + REFIT_NS + 1)
