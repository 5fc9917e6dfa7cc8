from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.units import E8, NS_PER_DAY, from_e8, to_e8, utc_day


@pytest.mark.parametrize(
    ("amount", "amount_e8"),
    [
        ("0.000000005", 0),  # ties go to the even neighbour
        ("0.000000015", 2),
        ("0.000000025", 2),
        ("-0.000000005", 0),
        ("-0.000000015", -2),
        ("0.0000000050000000001", 1),  # no tie
        ("1.23456789", 123_456_789),
        ("-7", -7 * E8),
        # more digits than a decimal context keeps: rounding twice would see a tie here
        ("0.0000000050000000000000000000000000000000000001", 1),
        ("123456789012345678901.000000005000000000000000001", 12345678901234567890100000001),
    ],
)
def test_money_rounds_half_even_once(amount: str, amount_e8: int) -> None:
    assert to_e8(Decimal(amount)) == amount_e8
    assert to_e8(Fraction(amount)) == amount_e8


@given(st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**12), max_value=10**12))
def test_a_decimal_and_its_fraction_are_worth_the_same(amount: Decimal) -> None:
    assert to_e8(amount) == to_e8(Fraction(amount))


@given(st.fractions(max_denominator=10**12))
def test_rounding_is_off_by_at_most_half_a_unit(amount: Fraction) -> None:
    assert abs(to_e8(amount) - amount * E8) <= Fraction(1, 2)


@given(st.integers(-(10**19), 10**19))
def test_an_e8_amount_survives_the_way_through_decimals(amount_e8: int) -> None:
    assert to_e8(from_e8(amount_e8)) == amount_e8
    assert Fraction(from_e8(amount_e8)) == Fraction(amount_e8, E8)


def test_whole_coins_need_no_rounding() -> None:
    assert to_e8(3) == 300_000_000


@pytest.mark.parametrize(("now_ns", "day"), [(0, 0), (NS_PER_DAY - 1, 0), (NS_PER_DAY, 1), (-1, -1)])
def test_a_day_begins_at_midnight_utc(now_ns: int, day: int) -> None:
    assert utc_day(now_ns) == day
