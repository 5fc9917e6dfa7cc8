"""Lead and lag: the stream against a plain grid, the exact estimator against the slow reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.jit import njit
from bot.signals.cross import hayashi_yoshida, lead_lag
from bot.signals.cross.lead_lag import LAGS, LEAST_STEPS, SELECT_NS, STEP_NS, TAU_S
from tests import reference
from tests.signals.worlds import NS_PER_S, T0

GAP_NS = st.one_of(
    st.just(0),
    st.integers(0, 4 * STEP_NS),
    st.integers((LAGS - 4) * STEP_NS, (LAGS + 4) * STEP_NS),
    st.integers(0, 3_000 * STEP_NS),
)
CHANGE = st.tuples(GAP_NS, st.integers(0, 1), st.one_of(st.none(), st.integers(990, 1_010)))


def plain_grid(changes, end):
    """Returns of both venues at every grid point after the first message, in bps."""
    held: list[Any] = [None, None]
    last: list[Any] = [None, None]
    out = []
    step, waiting = T0 // STEP_NS, list(changes)
    while (step + 1) * STEP_NS <= end:
        step += 1
        while waiting and waiting[0][0] < step * STEP_NS:
            _, which, mid = waiting.pop(0)
            held[which] = mid
        moves = [
            1e4 * math.log(now / before) if None not in (now, before) else 0.0
            for now, before in zip(held, last, strict=True)
        ]
        last = list(held)
        out.append(moves)
    return np.array(out).reshape(-1, 2)


@settings(max_examples=40)
@given(st.lists(CHANGE, min_size=2, max_size=15))
def test_cross_products_equal_those_of_a_plain_grid(changes):
    row, now, seen = lead_lag.new_pairs(1)[0], T0, []
    lead_lag.advance(row, now)
    for gap, which, mid in changes:
        now += gap
        # a mid at a grid point itself counts from the next one on
        seen.append((now, which, mid))
        lead_lag.on_mid(row, now, which, math.nan if mid is None else float(mid))
    lead_lag.advance(row, now)
    grid = plain_grid(seen, now)
    n = len(grid)
    fades = np.exp(-(STEP_NS / NS_PER_S / TAU_S) * np.arange(n)[::-1])
    assert row["steps"] == n
    for which in range(2):
        assert row["square"][which] == pytest.approx(float(fades @ grid[:, which] ** 2), rel=1e-9, abs=1e-9)
    for lag in range(-LAGS, LAGS + 1):
        x, y = (grid[:, 0], grid[:, 1]) if lag >= 0 else (grid[:, 1], grid[:, 0])
        k = abs(lag)
        want = float(np.sum(fades[k:] * x[: n - k] * y[k:])) if n > k else 0.0
        assert row["cross"][LAGS + lag] == pytest.approx(want, rel=1e-9, abs=1e-6)


@njit
def follow(row, x, y, start_ns):
    for i in range(x.size):
        now = start_ns + i * STEP_NS + 1
        lead_lag.on_mid(row, now, 0, x[i])
        lead_lag.on_mid(row, now, 1, y[i])


def walk(lag, noise, seed, n=LEAST_STEPS + 2_000):
    """The second venue repeats the first `lag` steps later (or the other way round), and trembles."""
    rng = np.random.default_rng(seed)
    price = 1e5 * np.exp(np.cumsum(rng.normal(0, 1e-5, n)))
    other = np.roll(price, abs(lag)) * np.exp(rng.normal(0, noise, n))
    other[: abs(lag)] = price[0]
    return (price, other) if lag >= 0 else (other, price)


@pytest.mark.parametrize("lag", [3, -7, 20])
def test_a_planted_lag_is_selected_and_its_follower_told(lag):
    row = lead_lag.new_pairs(1)[0]
    x, y = walk(lag, 2e-6, 1)
    follow(row, x, y, T0)
    now = T0 + len(x) * STEP_NS
    lead_lag.select(row, now)
    assert row["lag"] == lag
    assert row["correlation"] > 0.5
    follower = 1 if lag > 0 else 0
    assert math.isnan(lead_lag.lead_score(row, 1 - follower, 1.0))
    # the leader now jumps by three bps and the follower has not moved yet
    jump = [x[-1], y[-1]]
    jump[1 - follower] *= 1.0003
    lead_lag.on_mid(row, now, 0, jump[0])
    lead_lag.on_mid(row, now, 1, jump[1])
    before = lead_lag.lead_score(row, follower, 1.0)
    lead_lag.advance(row, now + STEP_NS)
    assert lead_lag.lead_score(row, follower, 1.0) > max(before, 0.0)
    lead_lag.advance(row, now + (abs(lag) + 5) * STEP_NS)
    assert lead_lag.lead_score(row, follower, 1.0) == 0.0


@pytest.mark.parametrize(("lag", "noise"), [(0, 2e-6), (5, 2e-4)], ids=["together", "drowned in noise"])
def test_no_lag_is_selected_where_no_venue_clearly_leads(lag, noise):
    row = lead_lag.new_pairs(1)[0]
    x, y = walk(lag, noise, 2)
    follow(row, x, y, T0)
    lead_lag.select(row, T0 + len(x) * STEP_NS)
    assert row["selected_ns"] > 0
    assert row["lag"] == 0
    assert math.isnan(lead_lag.lead_score(row, 1, 1.0))


@pytest.mark.parametrize(
    ("first_leads", "second_leads", "lag"),
    [
        (0.5, 0.3, 4),
        (0.3, 0.5, -3),
        (0.5, 0.45, 0),
        (0.45, 0.5, 0),
        (0.19, 0.0, 0),
        (-0.5, 0.3, 4),
        (0.5, 0.0, 4),
    ],
)
def test_a_lead_must_be_strong_and_clearly_one_sided(first_leads, second_leads, lag):
    row = lead_lag.new_pairs(1)[0]
    row["steps"], row["square"] = LEAST_STEPS, 1.0
    row["cross"][LAGS + 4], row["cross"][LAGS - 3] = first_leads, second_leads
    lead_lag.select(row, T0)
    assert row["lag"] == lag


def test_a_lag_is_selected_after_ten_minutes_and_then_hourly():
    row = lead_lag.new_pairs(1)[0]
    x, y = walk(4, 2e-6, 3)
    follow(row, x[: LEAST_STEPS - 10], y[: LEAST_STEPS - 10], T0)
    lead_lag.select(row, T0)
    assert row["selected_ns"] == 0
    follow(row, x[LEAST_STEPS:], y[LEAST_STEPS:], T0 + LEAST_STEPS * STEP_NS)
    lead_lag.select(row, T0 + SELECT_NS)
    assert row["lag"] == 4
    row["cross"] = 0.0
    lead_lag.select(row, T0 + 2 * SELECT_NS - 1)
    assert row["lag"] == 4
    lead_lag.select(row, T0 + 2 * SELECT_NS)
    assert row["lag"] == 0


@pytest.mark.parametrize(("silent", "met"), [(LAGS - 1, True), (LAGS, True), (LAGS + 1, False)])
def test_a_lead_of_a_whole_second_is_still_seen_after_silence(silent, met):
    row = lead_lag.new_pairs(1)[0]
    for which in range(2):
        lead_lag.on_mid(row, T0, which, 100.0)
    now = T0 + 5 * STEP_NS
    lead_lag.on_mid(row, now, 0, 101.0)
    lead_lag.on_mid(row, now + silent * STEP_NS, 1, 101.0)
    lead_lag.advance(row, now + (silent + 1) * STEP_NS)
    assert (row["cross"] > 0.0).any() == met
    if met:
        assert row["cross"][LAGS + silent] > 0.0


def test_no_return_is_concluded_across_a_venue_that_was_away():
    row = lead_lag.new_pairs(1)[0]
    now = T0
    for mid in (100.0, math.nan, 200.0, 200.0):
        lead_lag.on_mid(row, now, 0, mid)
        now += STEP_NS
        lead_lag.advance(row, now)
    assert row["square"][0] == 0.0


SERIES = st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3)), min_size=2, max_size=15).map(
    lambda steps: (np.cumsum([s[0] for s in steps]) / 2.0, np.cumsum([s[1] for s in steps]).astype(float))
)


@given(SERIES, SERIES, st.integers(-6, 6).map(lambda lag: lag / 2))
def test_the_exact_estimator_equals_the_slow_reference(first, second, lag):
    """Also with several changes at one time."""
    got = hayashi_yoshida.hy_correlation(*first, *second, lag)
    want = reference.hy_corr(*first, *second, lag)
    assert math.isnan(got) if want is None else got == pytest.approx(want, abs=1e-12)


def test_stream_and_exact_estimator_agree_on_who_leads():
    x, y = walk(6, 1e-5, 4)
    times = np.arange(len(x)) * 0.05
    found = hayashi_yoshida.lead_lag(times, np.log(x), times, np.log(y), [k * 0.05 for k in range(-10, 11)])
    assert found.best_lag == pytest.approx(0.3)
    assert found.lead_ratio > lead_lag.LEAST_LEAD
