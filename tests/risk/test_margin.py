from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import Side
from bot.market.instruments import Tier, find
from bot.risk import margin
from tests.trading import INVERSE, LINEAR

TIERED = replace(
    LINEAR,
    maintenance_rate=Decimal("0.004"),
    tiers=(
        Tier(Decimal(300_000), Decimal("0.004")),
        Tier(Decimal(800_000), Decimal("0.005")),
        Tier(Decimal(3_000_000), Decimal("0.0065")),
    ),
)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@given(
    entry=st.integers(50_000, 200_000),
    leverage=st.floats(1.5, 20.0),
    maintenance=st.floats(0.001, 0.01),
)
def test_at_the_liquidation_price_margin_and_loss_leave_the_maintenance(
    inverse: bool, side: Side, entry: int, leverage: float, maintenance: float
) -> None:
    at = margin.liquidation_price(entry, leverage, maintenance, side, inverse)
    first, last = (1 / entry, 1 / at) if inverse else (float(entry), at)
    profit = side * (first - last) if inverse else side * (last - first)
    assert first / leverage + profit == pytest.approx(maintenance * last, rel=1e-6, abs=1e-12)


def test_an_unlevered_inverse_short_is_never_liquidated() -> None:
    assert margin.liquidation_price(100.0, 1.0, 0.005, Side.SELL, inverse=True) == float("inf")


@given(value=st.floats(1, 3e6))
def test_maintenance_is_charged_part_by_part(value: float) -> None:
    by_parts = min(value, 3e5) * 0.004 + min(max(value - 3e5, 0), 5e5) * 0.005 + max(value - 8e5, 0) * 0.0065
    assert margin.maintenance(TIERED, value) == pytest.approx(by_parts)


def test_the_venues_own_example() -> None:
    # Binance: long 0.02 BTC at 50,000 with an isolated wallet of 50: 47,690.8
    assert margin.liquidation_price(50_000.0, 20.0, 0.004, Side.BUY) == pytest.approx(47_690.8, abs=0.05)


@given(value=st.floats(1e4, 2.5e6), leverage=st.floats(3, 50), side=st.sampled_from(Side))
def test_at_the_tiered_liquidation_price_the_margin_left_is_the_maintenance(
    value: float, leverage: float, side: Side
) -> None:
    away = margin.liquidation_bps(TIERED, side, 100_000, leverage, value)
    then = value * (1 - side * away * 1e-4)
    left = value / leverage + side * (then - value)
    assert left == pytest.approx(margin.maintenance(TIERED, then), rel=1e-6)


def test_a_larger_position_is_liquidated_sooner() -> None:
    away = [margin.liquidation_bps(TIERED, Side.BUY, 100_000, 10, value) for value in (1e4, 1e6, 2e6)]
    assert away == sorted(away, reverse=True)
    assert away[0] > away[2]


def test_known_tiers_end_somewhere_and_unknown_ones_nowhere() -> None:
    assert margin.largest_value(find("binance-usdm:BTCUSDT")) == 800_000
    assert margin.largest_value(LINEAR) == inf
    assert margin.maintenance(LINEAR, 100.0) == pytest.approx(0.4)


def test_an_inverse_position_is_judged_in_its_coin() -> None:
    # 10 times: a long loses its margin of 0.1 coin sooner upwards of the price it would halve at
    assert 0 < margin.liquidation_bps(INVERSE, Side.BUY, 100_000, 10, 1.0) < 1_000
    assert margin.liquidation_bps(INVERSE, Side.SELL, 100_000, 10, 1.0) > 1_000
