"""Liquidation rates against sums over all of them, and the life of a cascade as a table."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.derivatives import liquidations
from bot.signals.derivatives.liquidations import Cascade
from tests import reference
from tests.signals.worlds import NS_PER_S, T0

EVENT = st.tuples(
    st.one_of(st.just(0), st.integers(0, 900 * NS_PER_S)), st.integers(1, 100_000), st.sampled_from([1, -1])
)


@given(st.lists(EVENT, max_size=20), st.integers(0, 3_600 * NS_PER_S))
def test_burst_and_direction_equal_the_slow_reference(events, wait):
    row, now, seen = liquidations.new_liquidations(1)[0], T0, []
    for gap, notional, side in events:
        now += gap
        liquidations.on_liquidation(row, now, side, float(notional), 0.0)
        seen.append([(now - T0) / NS_PER_S, float(notional), side])
    now += wait
    liquidations.age(row, now)
    want = reference.liquidation_ratio(seen, (now - T0) / NS_PER_S)
    assert liquidations.burst_of(row) == pytest.approx(want["burst"], rel=1e-9)
    got = liquidations.direction_of(row)
    if want["direction"] is None:
        assert math.isnan(got)
    elif sum(n for _, n, _ in seen) * math.exp(-wait / NS_PER_S / 10) > 1e-200:
        assert got == pytest.approx(want["direction"], rel=1e-9, abs=1e-9)


class Market:
    """A liquidation feed with cards every ten seconds."""

    def __init__(self):
        self.row = liquidations.new_liquidations(1)[0]
        self.now = T0
        self.card(100_000.0)

    def card(self, mid, *forced, interest=0.0, thin=0, after_s=10, open_interest=1e9):
        """Forced orders (signed notional) right before a card; its state."""
        self.now += after_s * NS_PER_S
        for notional in forced:
            side, size = (1 if notional > 0 else -1), float(abs(notional))
            # a unit of quantity is worth 100
            liquidations.on_liquidation(self.row, self.now, side, size, size / 100.0)
        liquidations.on_card(self.row, self.now, mid, 50_000.0, 5.0, open_interest, interest, thin)
        return Cascade(int(self.row["state"]))

    def cascade(self):
        assert self.card(99_950.0, -500_000) is Cascade.BURST
        assert self.card(99_800.0, -500_000, interest=-1.0) is Cascade.CASCADE
        return self


def test_a_burst_becomes_a_cascade_when_price_and_open_interest_follow():
    market = Market().cascade()
    assert market.row["direction"] == -1
    # from 100,000 before the burst: 20 bps, four sigma
    assert market.row["began_mid"] == 100_000.0
    assert liquidations.liquidation_score(market.row) < -0.5
    assert liquidations.forbids(market.row, 1)
    assert not liquidations.forbids(market.row, -1)


@pytest.mark.parametrize(
    ("mid", "interest", "thin"),
    [(99_950.0, -1.0, -1), (99_800.0, -0.4, 0), (99_800.0, math.nan, 1), (100_200.0, -1.0, -1)],
    ids=["moved too little", "interest stays", "the other side is thin", "moved the other way"],
)
def test_a_burst_alone_is_no_cascade(mid, interest, thin):
    market = Market()
    market.card(99_990.0, -500_000)
    assert market.card(mid, -500_000, interest=interest, thin=thin) is Cascade.BURST


def test_a_thin_side_in_the_direction_stands_in_for_open_interest():
    market = Market()
    market.card(99_990.0, -500_000)
    assert market.card(99_800.0, -500_000, interest=math.nan, thin=-1) is Cascade.CASCADE


@pytest.mark.parametrize(
    ("open_interest", "state"),
    [(3_900_000.0, Cascade.CASCADE), (4_100_000.0, Cascade.BURST), (math.nan, Cascade.BURST)],
)
def test_a_quarter_per_cent_closed_by_force_stands_in_for_open_interest(open_interest, state):
    market = Market()
    market.card(99_990.0, 400_000)  # what was forced before the burst, and the other way, does not count
    market.card(99_990.0, after_s=3_000)
    market.card(99_990.0, -500_000)
    assert market.card(99_800.0, -500_000, 90_000, open_interest=open_interest) is state


def test_a_burst_that_fades_goes_quiet():
    market = Market()
    assert market.card(99_990.0, -500_000) is Cascade.BURST
    assert market.card(99_990.0) is Cascade.BURST  # 37 % of its peak is left
    assert market.card(99_990.0) is Cascade.QUIET
    assert liquidations.liquidation_score(market.row) == 0.0


def test_small_liquidations_are_no_burst_whatever_their_ratio():
    market = Market()
    assert market.card(99_990.0, -2_499) is Cascade.QUIET
    assert liquidations.burst_of(market.row) > liquidations.BURST
    assert market.card(99_990.0, -500_000, after_s=3_600) is Cascade.BURST


def test_a_cascade_is_exhausted_when_spent_and_still_and_rests_a_minute():
    market = Market().cascade()
    assert market.card(99_700.0, after_s=10) is Cascade.CASCADE
    assert market.card(99_600.0, after_s=10) is Cascade.CASCADE  # spent, but a new extreme
    assert market.card(99_650.0, after_s=10) is Cascade.CASCADE  # still for 10 s only
    assert market.card(99_650.0, after_s=10) is Cascade.EXHAUST
    assert liquidations.liquidation_score(market.row) == 0.5
    assert not liquidations.forbids(market.row, 1)
    for _ in range(5):
        assert market.card(99_650.0) is Cascade.EXHAUST
    assert market.card(99_650.0) is Cascade.QUIET
    assert market.row["direction"] == 0


def exhausted_market():
    market = Market().cascade()
    for mid in (99_700.0, 99_700.0, 99_700.0):
        state = market.card(mid)
    assert state is Cascade.EXHAUST
    return market


def test_a_second_wave_to_a_new_extreme_is_the_cascade_again():
    market = exhausted_market()
    assert market.card(99_750.0, -500_000) is Cascade.EXHAUST  # strong, but no new extreme
    assert market.card(99_500.0, -500_000) is Cascade.CASCADE


def test_a_wave_the_other_way_is_a_burst_of_its_own():
    market = exhausted_market()
    assert market.card(99_900.0, 900_000) is Cascade.BURST
    assert market.row["direction"] == 1
    assert liquidations.liquidation_score(market.row) > 0.5


def test_an_unusable_mid_changes_nothing():
    market = Market().cascade()
    for _ in range(30):
        assert market.card(math.nan) is Cascade.CASCADE


def test_only_a_sell_cascade_of_bitcoin_stresses_the_others():
    market = Market()
    assert liquidations.stress_shift(market.row, 1.0) == 0.0
    market.cascade()
    for beta, shift in ((1.0, -0.4), (5.0, -0.8), (-1.0, 0.0), (0.5, -0.2)):
        assert liquidations.stress_shift(market.row, beta) == pytest.approx(shift)
    buying = Market()
    buying.card(100_050.0, 500_000)
    assert buying.card(100_300.0, 500_000, interest=-1.0) is Cascade.CASCADE
    assert liquidations.stress_shift(buying.row, 1.0) == 0.0
