from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import Side
from bot.market.instruments import Instrument
from bot.risk import sizing
from bot.risk.sizing import SizeRules, size_notional
from tests.trading import INVERSE, LINEAR

TAKER = Fraction(LINEAR.taker_fee)


def test_exploration_ignores_kelly_but_no_other_part() -> None:
    plain = size_notional(10_000, 15, 5, 0.2, 30, 0.8, 0.03, SizeRules())
    explore = size_notional(10_000, 15, 5, 0.2, 30, 0.8, 0.03, SizeRules(), explore=True)
    assert plain.notional == 0.0
    assert (plain.binding, explore.binding) == ("kelly", "volatility")
    assert explore.notional == pytest.approx(0.8 * 0.01 * 10_000 / 0.03)


def test_exploration_at_the_least_confidence_still_has_a_size() -> None:
    size = size_notional(10_000, 15, 5, 0.2, 30, 0.0, 0.03, SizeRules(), explore=True)
    assert size.multiplier == SizeRules().explore_floor


@pytest.mark.parametrize(
    ("instrument", "price", "value"),
    [
        (LINEAR, 100_000, Fraction(1)),  # 0.001 x 1000.00
        (INVERSE, 100_000, Fraction(1, 10)),  # 100 USD at 1000.00
    ],
)
def test_a_lot_is_worth_what_the_contract_says(instrument: Instrument, price: int, value: Fraction) -> None:
    assert sizing.lot_value(instrument, price) == value


@given(notional=st.floats(0, 1e9), price=st.integers(1, 10_000_000), inverse=st.booleans())
def test_lots_are_rounded_down(notional: float, price: int, inverse: bool) -> None:
    instrument = INVERSE if inverse else LINEAR
    lots = sizing.whole_lots(instrument, notional, price)
    lot = sizing.lot_value(instrument, price)
    assert lots * lot <= Fraction(notional) < (lots + 1) * lot


@pytest.mark.parametrize("nothing", [0.0, -5.0, float("nan"), float("inf")])
def test_no_notional_is_no_lots(nothing: float) -> None:
    assert sizing.whole_lots(LINEAR, nothing, 100_000) == 0


def test_risk_of_a_linear_long_by_hand() -> None:
    # 2 units from 1000 to 990: 20, taker 0.05 % of 2000 and of 1980
    fee = Fraction(Decimal("0.0005"))
    assert sizing.risk_e8(LINEAR, 2_000, 100_000, 99_000, fee, TAKER) == 21_99000000


def test_risk_of_an_inverse_short_by_hand() -> None:
    # 10 contracts of 100 USD: 1 coin at 1000, 0.8 at 1250; maker in, taker out
    fee = Fraction(Decimal("0.0002"))
    assert sizing.risk_e8(INVERSE, 10, 100_000, 125_000, fee, TAKER) == 20_000_000 + 20_000 + 40_000


def test_an_inverse_long_loses_more_coin_than_the_price_falls() -> None:
    assert sizing.stop_loss_bps(LINEAR, Side.BUY, 1000.0, 900.0) == pytest.approx(1000.0)
    assert sizing.stop_loss_bps(INVERSE, Side.BUY, 1000.0, 900.0) == pytest.approx(1e4 / 9)
    assert sizing.stop_loss_bps(INVERSE, Side.SELL, 1000.0, 1100.0) == pytest.approx(1e4 / 11)
