"""Exact money: averages, partial closes, rounding once, state."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.execution.ledger import Ledger
from tests.execution.paper_world import INVERSE, LINEAR

BUY, SELL = Side.BUY, Side.SELL
NO_FEE = Decimal(0)


def test_a_linear_round_trip_realises_the_price_difference():
    ledger = Ledger([LINEAR])  # tick 0.1, lot 0.001
    ledger.deposit("USDT", 10_000_000)
    assert ledger.fill(0, BUY, 20, 1000, Decimal("0.0005")) == (100_000, 0)  # 0.02 at 100.0 is 2.0
    assert ledger.fill(0, SELL, 20, 1010, Decimal("-0.0001")) == (-20_200, 2_000_000)
    assert ledger.position_lots(0) == 0
    assert ledger.account("USDT").wallet_e8 == 10_000_000 - 100_000 + 20_200 + 2_000_000


def test_an_inverse_round_trip_realises_coin():
    ledger = Ledger([INVERSE])  # tick 0.5, contracts of 100
    ledger.fill(0, SELL, 10, 100, NO_FEE)  # 1000 at 50: 20 coin
    booked = ledger.fill(0, BUY, 10, 80, Decimal("0.001"))  # 1000 at 40: 25 coin
    assert booked == (2_500_000, 500_000_000)


def test_the_inverse_average_is_harmonic():
    ledger = Ledger([INVERSE])
    ledger.fill(0, BUY, 1, 100, NO_FEE)
    ledger.fill(0, BUY, 1, 50, NO_FEE)
    assert ledger.average_ticks(0) == Fraction(2, Fraction(1, 100) + Fraction(1, 50))


def test_partial_closes_keep_the_average_and_end_exactly_flat():
    ledger = Ledger([LINEAR])
    ledger.fill(0, BUY, 1, 1000, NO_FEE)
    ledger.fill(0, BUY, 2, 1001, NO_FEE)
    average = ledger.average_ticks(0)
    assert average == Fraction(3002, 3)
    realised = [ledger.fill(0, SELL, 1, 1002, NO_FEE).realised_e8 for _ in range(3)]
    # (1002 - 3002/3) * 0.0001 = 4/3 * 1e-4: 13333.33 e8 each
    assert realised == [13_333, 13_333, 13_333]
    assert ledger.average_ticks(0) is None


def test_a_fill_through_zero_closes_the_old_and_opens_the_new():
    ledger = Ledger([LINEAR])
    ledger.fill(0, BUY, 2, 1000, NO_FEE)
    assert ledger.fill(0, SELL, 5, 990, NO_FEE).realised_e8 == -200_000
    assert ledger.position_lots(0) == -3
    assert ledger.average_ticks(0) == Fraction(990)


@pytest.mark.parametrize(("fee_rate", "fee_e8"), [("0.00005", 0), ("0.00015", 2), ("0.00025", 2)])
def test_an_item_is_rounded_half_even_once(fee_rate, fee_e8):
    tiny = replace(LINEAR, tick=Decimal("0.1"), lot=Decimal("0.001"))
    assert Ledger([tiny]).fill(0, BUY, 1, 1, Decimal(fee_rate)).fee_e8 == fee_e8


def test_funding_goes_from_longs_to_shorts():
    ledger = Ledger([LINEAR])
    assert ledger.funding(0, 4, Fraction(201, 2), Fraction("0.0001")) == -402
    assert ledger.funding(0, -4, Fraction(201, 2), Fraction("0.0001")) == 402
    assert ledger.account("USDT").funding_e8 == 0


def test_coins_are_kept_apart():
    ledger = Ledger([LINEAR, INVERSE])
    ledger.deposit("USDT", 5)
    ledger.deposit("BTC", 7)
    ledger.deposit("BTC", -2)
    assert {c: ledger.account(c).wallet_e8 for c in ledger.coins()} == {"USDT": 5, "BTC": 5}


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.integers(90, 110)), max_size=40))
def test_realised_plus_unrealised_is_what_all_fills_are_worth_at_a_price(fills):
    ledger = Ledger([LINEAR])
    realised = sum(ledger.fill(0, s, n, p, NO_FEE).realised_e8 for s, n, p in fills)
    price = Fraction(97)
    worth = sum(s * n * (price - p) for s, n, p in fills) * 10_000  # e8 of a lot times a tick
    # each realised item and the unrealised one may be off by half a unit
    assert abs(realised + ledger.unrealised_e8(0, price) - worth) <= (len(fills) + 1) / 2


def test_a_long_life_of_adding_and_reducing_stays_quick_and_right():
    ledger = Ledger([INVERSE])
    for n in range(3_000):
        ledger.fill(0, BUY, 7, 9_000 + n % 977, NO_FEE)
        ledger.fill(0, SELL, 3, 9_500, NO_FEE)
    average = ledger.average_ticks(0)
    assert average is not None
    assert average.denominator.bit_length() < 10_000
    assert 9_000 < average < 9_977


def test_a_saved_position_of_a_missing_market_is_a_clear_error():
    ledger = Ledger([LINEAR])
    ledger.fill(0, BUY, 3, 1000, NO_FEE)
    with pytest.raises(BadInput, match="paper:LIN"):
        Ledger.from_state([INVERSE], ledger.to_state())


def test_state_comes_back_as_it_was():
    instruments = [LINEAR, INVERSE]
    ledger = Ledger(instruments)
    ledger.deposit("USDT", 123)
    ledger.fill(0, BUY, 3, 1000, Decimal("0.0005"))
    ledger.fill(1, SELL, 3, 77, Decimal("0.0005"))
    ledger.fill(1, SELL, 4, 78, Decimal("0.0005"))
    state = json.loads(json.dumps(ledger.to_state()))
    again = Ledger.from_state(list(reversed(instruments)), state)  # positions go by name, not by index
    assert again.average_ticks(0) == ledger.average_ticks(1)
    assert again.position_lots(1) == 3
    assert again.account("USDT") == ledger.account("USDT")
    assert again.to_state()["accounts"] == state["accounts"]
