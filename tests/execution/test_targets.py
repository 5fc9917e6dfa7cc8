from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.targets import allocate, stop_after_first_target, wanted_lots
from bot.risk.trades import Trade
from tests.trading import LONG, SHORT, T0, a_plan


@pytest.mark.parametrize(
    ("lots", "shares", "parts"),
    [
        (10, (0.4, 0.3, 0.3), (4, 3, 3)),
        (1, (0.4, 0.3, 0.3), (0, 1, 0)),
        (2, (0.4, 0.3, 0.3), (1, 0, 1)),
        (10, (0.5,), (5,)),
        (7, (0.6, 0.4), (4, 3)),
        (0, (0.6, 0.4), (0, 0)),
    ],
)
def test_lots_are_shared_by_hand(lots: int, shares: tuple[float, ...], parts: tuple[int, ...]) -> None:
    assert allocate(lots, shares) == parts


@given(lots=st.integers(0, 10**9), raw=st.lists(st.floats(0.01, 1), min_size=1, max_size=5))
def test_shares_that_sum_to_one_use_every_lot_once(lots: int, raw: list[float]) -> None:
    shares = [part / sum(raw) for part in raw]
    parts = allocate(lots, shares)
    assert sum(parts) == lots
    assert all(abs(part - lots * share) <= 1 + 1e-6 for part, share in zip(parts, shares, strict=True))


@pytest.mark.parametrize(
    ("room", "filled", "wanted"),
    [
        (10, (0, 0, 0), (4, 3, 3)),
        (6, (4, 0, 0), (0, 3, 3)),
        (5, (0, 0, 0), (4, 1, 0)),
        (0, (4, 3, 3), (0, 0, 0)),
        (-2, (0, 0, 0), (0, 0, 0)),
    ],
)
def test_near_targets_are_served_first(room: int, filled: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    assert wanted_lots(room, (4, 3, 3), filled) == wanted


def filled_at(intent, price: int, inverse: bool = False) -> Trade:
    trade = Trade(a_plan(intent), T0, "USDT", inverse, intent.invalidation)
    trade.add_entry(10, price, T0)
    return trade


def test_the_stop_goes_to_entry_plus_costs_rounded_to_protect() -> None:
    # 12 bps of 100,003 are 120.0036 ticks
    assert stop_after_first_target(filled_at(LONG, 100_003)) == 100_124
    assert stop_after_first_target(filled_at(SHORT, 100_003)) == 99_882


def test_the_stop_goes_at_most_half_the_way_to_the_target() -> None:
    # target 100,400: half of 101 ticks is below 120
    assert stop_after_first_target(filled_at(LONG, 100_299)) == 100_350
