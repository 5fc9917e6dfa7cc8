"""Premium, funding and basis against the slow reference and whole histories."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals.derivatives import premium
from bot.signals.derivatives.premium import (
    BASIS_TAU_S,
    LEAST_MINUTES,
    LEAST_SETTLEMENTS,
    RATE_FLOOR,
    SETTLEMENTS,
)
from tests import reference
from tests.signals.worlds import NS_PER_S, T0, ladder_of

HOUR_NS = 3_600 * NS_PER_S
SIDE = st.dictionaries(st.integers(1, 200), st.integers(1, 50), min_size=1, max_size=12)


def fresh():
    return premium.new_premium(1)[0]


@given(SIDE, SIDE, st.integers(19_800, 20_200), st.integers(1, 120))
def test_the_premium_of_a_book_is_that_of_its_impact_prices(bid_offsets, ask_offsets, index, lots):
    bids = {20_000 - o: q for o, q in bid_offsets.items()}
    asks = {20_000 + o: q for o, q in ask_offsets.items()}
    plain = [list(level) for level in bids.items()], [list(level) for level in asks.items()]
    bid, ask = (reference.walk_cost(*plain, side, lots) for side in ("sell", "buy"))
    got = premium.book_premium(ladder_of(bids, asks), 0, float(index), float(lots))
    if bid["exhausted"] or ask["exhausted"]:
        assert math.isnan(got)
    else:
        assert got == pytest.approx(reference.premium_index(bid["vwap"], ask["vwap"], index), abs=1e-12)


@pytest.mark.parametrize(("bids", "asks"), [({}, {}), ({100: 9.0}, {}), ({101: 9.0}, {100: 9.0})])
def test_a_premium_needs_a_usable_book_and_an_index(bids, asks):
    assert math.isnan(premium.book_premium(ladder_of(bids, asks), 0, 100.0, 1.0))
    assert math.isnan(premium.book_premium(ladder_of({100: 9.0}, {101: 9.0}), 0, math.nan, 1.0))
    assert math.isnan(premium.basis_bps(ladder_of(bids, asks), 0, 100.0))


PREMIUMS = st.lists(
    st.tuples(st.integers(-2 * NS_PER_S, 80 * NS_PER_S), st.one_of(st.none(), st.floats(-0.01, 0.01))),
    min_size=1,
    max_size=20,
)


@given(PREMIUMS)
def test_expected_funding_comes_from_the_time_weighted_premium_of_the_interval(notes):
    row = fresh()
    now, area, known, held, newest = T0, 0.0, 0.0, None, None
    for gap, value in notes:
        now += gap
        if newest is not None and newest < now <= newest + 60 * NS_PER_S and held is not None:
            area += (now - newest) / NS_PER_S * held
            known += (now - newest) / NS_PER_S
        newest, held = max(now, newest or now), value
        premium.note(row, now, math.nan if value is None else value)
    got = premium.expected_funding(row, 0.003)
    if known == 0.0:
        assert math.isnan(got)
    else:
        assert got == pytest.approx(reference.funding_rate(area / known, cap=0.003), rel=1e-9, abs=1e-12)


def settled(row, rates, interval_ns=8 * HOUR_NS):
    for k, rate in enumerate(rates):
        at = T0 + k * interval_ns
        for now in (at - interval_ns + NS_PER_S, at - NS_PER_S):  # right after the last one and right before
            premium.on_funding(row, now, rate, at, 0)


def test_a_settlement_that_passes_joins_the_history_with_its_last_rate():
    row = fresh()
    premium.note(row, T0, 0.001)
    premium.note(row, T0 + NS_PER_S, 0.001)
    settled(row, [1e-4, 2e-4, 3e-4])
    # a new estimate of the same one
    premium.on_funding(row, T0 + 16 * HOUR_NS - 5, 3.5e-4, T0 + 16 * HOUR_NS, 0)
    assert row["settled"]["count"] == 2
    assert row["settled"]["arrived"][:2].tolist() == [1e-4, 2e-4]
    assert row["rate"] == 3.5e-4
    assert premium.yearly_funding(row) == pytest.approx(reference.annualised_funding(3.5e-4, 8))
    assert math.isnan(premium.expected_funding(row, math.inf))  # the premium starts anew each interval


def test_an_interval_that_the_venue_tells_is_known_at_once():
    row = fresh()
    premium.on_funding(row, T0, 1e-4, T0 + HOUR_NS, 4 * 3600)
    assert premium.yearly_funding(row) == pytest.approx(reference.annualised_funding(1e-4, 4))


def test_after_a_silence_neither_the_settled_rate_nor_the_interval_is_known():
    row = fresh()
    premium.on_funding(row, T0, 1e-4, T0 + HOUR_NS, 0)
    premium.on_funding(row, T0 + 20 * HOUR_NS, 2e-4, T0 + 24 * HOUR_NS, 0)
    assert row["settled"]["count"] == 0
    assert math.isnan(premium.yearly_funding(row))
    assert row["rate"] == 2e-4


@settings(max_examples=40)
@given(
    st.lists(st.floats(-0.002, 0.002), min_size=1, max_size=SETTLEMENTS + 15),
    st.floats(-0.005, 0.005),
    st.booleans(),
)
def test_the_funding_card_is_against_an_unusual_rate(rates, rate, crowding):
    row = fresh()
    settled(row, [*rates, rate])
    got = premium.funding_score(row, crowding)
    if len(rates) < LEAST_SETTLEMENTS:
        assert math.isnan(got)
        return
    z = reference.robust_z(rate, rates[-SETTLEMENTS:], RATE_FLOOR)
    want = reference.contrarian_score(z)
    assert got == pytest.approx(reference.clip(1.5 * want, -1, 1) if crowding else want, rel=1e-9, abs=1e-9)


BASES = st.lists(
    st.tuples(st.integers(0, 70), st.one_of(st.none(), st.floats(-30, 30))), min_size=1, max_size=30
)


@settings(max_examples=40)
@given(BASES, st.integers(0, LEAST_MINUTES))
def test_the_basis_is_centred_at_its_slow_mean_and_judged_by_earlier_minutes(steps, known):
    row = fresh()
    # a warm-up of one sample a minute, so that z is known in some examples
    steps = [(60, float(k % 7)) for k in range(known)] + steps
    now, times, values, history, minute = T0, [], [], [], None
    for gap, basis in steps:
        now += gap * NS_PER_S
        premium.on_basis(row, now, math.nan if basis is None else basis)
        t = (now - T0) / NS_PER_S
        num = den = 0.0
        for k, (t0, value) in enumerate(zip(times, values, strict=True)):
            t1 = times[k + 1] if k + 1 < len(times) else t
            weight = math.exp(-(t - t1) / BASIS_TAU_S) - math.exp(-(t - t0) / BASIS_TAU_S)
            if value is not None:
                num, den = num + weight * value, den + weight
        times.append(t)
        values.append(basis)
        if basis is None or den <= 1e-12:
            assert math.isnan(row["excess_z"])
            continue
        excess = basis - num / den
        assert row["excess_bps"] == pytest.approx(excess, abs=1e-6)
        if len(history) < LEAST_MINUTES:
            assert math.isnan(row["excess_z"])
            assert math.isnan(premium.basis_score(row))
        else:
            z = reference.robust_z(excess, history, premium.BASIS_FLOOR_BPS)
            assert row["excess_z"] == pytest.approx(z, rel=1e-6, abs=1e-6)
            assert premium.basis_score(row) == pytest.approx(reference.contrarian_score(z), abs=1e-6)
        if now // (60 * NS_PER_S) != minute:
            minute = now // (60 * NS_PER_S)
            history.append(excess)


def test_the_basis_is_the_mid_over_the_index():
    assert premium.basis_bps(ladder_of({10_009: 1.0}, {10_011: 1.0}), 0, 10_000.0) == pytest.approx(10.0)
    assert np.isnan(premium.new_premium(2)["rate"]).all()
