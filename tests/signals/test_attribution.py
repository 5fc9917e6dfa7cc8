"""What traded and has not shown in the book yet: matched price by price, once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals.attribution import (
    ATTRIBUTION,
    KEPT_NS,
    PLACES,
    TOLERANCE_NS,
    forget,
    on_trade,
    take_executed,
)

BID, ASK = np.int64(0), np.int64(1)
NOW = 1_700_000_000_000_000_000


@pytest.fixture
def row() -> np.void:
    return np.zeros(1, ATTRIBUTION)[0]


def test_what_traded_at_a_price_is_told_once(row):
    on_trade(row, ASK, 1000, 3.0, NOW)
    on_trade(row, ASK, 1000, 4.0, NOW + 1)
    assert take_executed(row, ASK, 1000, NOW + 2) == 7.0
    assert take_executed(row, ASK, 1000, NOW + 3) == 0.0


def test_sides_and_prices_do_not_mix(row):
    on_trade(row, ASK, 1000, 3.0, NOW)
    on_trade(row, BID, 1000, 5.0, NOW)
    on_trade(row, ASK, 2024, 7.0, NOW)
    assert take_executed(row, ASK, 1001, NOW) == 0.0
    assert take_executed(row, BID, 1000, NOW) == 5.0
    assert take_executed(row, ASK, 2024, NOW) == 7.0
    assert take_executed(row, ASK, 1000, NOW) == 3.0
    assert row["count"] == 0


def test_a_trade_later_than_the_update_waits_for_one_more_and_is_then_unmatched(row):
    on_trade(row, BID, 50, 2.0, NOW + TOLERANCE_NS)
    assert take_executed(row, BID, 50, NOW) == 2.0
    on_trade(row, BID, 50, 3.0, NOW + TOLERANCE_NS + 1)
    assert take_executed(row, BID, 50, NOW) == 0.0
    assert take_executed(row, BID, 50, NOW + 1) == 3.0
    on_trade(row, BID, 50, 4.0, NOW + 9 * TOLERANCE_NS)
    assert take_executed(row, BID, 50, NOW) == take_executed(row, BID, 50, NOW + 1) == 0.0
    assert row["unmatched"] == 4.0
    assert row["count"] == 0


def test_a_full_table_gives_up_its_oldest(row):
    for k in range(PLACES + 1):
        on_trade(row, BID, k, 1.0 + k, NOW + (k if k != 3 else -1))
    assert row["count"] == PLACES
    assert row["unmatched"] == 4.0
    assert take_executed(row, BID, 3, NOW) == 0.0
    assert take_executed(row, BID, PLACES, NOW) == 1.0 + PLACES


def test_nothing_is_matched_across_a_seam(row):
    on_trade(row, BID, 1, 1.0, NOW)
    on_trade(row, ASK, 2, 2.0, NOW)
    forget(row)
    assert (row["count"], row["unmatched"]) == (0, 3.0)


def test_a_trade_explains_no_update_that_comes_much_later(row):
    on_trade(row, BID, 10, 2.0, NOW)
    on_trade(row, BID, 11, 4.0, NOW)
    assert take_executed(row, BID, 10, NOW + KEPT_NS) == 2.0
    assert take_executed(row, BID, 11, NOW + KEPT_NS + 1) == 0.0
    assert (row["count"], row["unmatched"]) == (0, 4.0)


STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 1), st.sampled_from([3, 4, 1027, 2051]), st.integers(1, 9)),
    max_size=40,
)


@settings(max_examples=60)
@given(STEPS)
def test_it_equals_a_dictionary(steps):
    row, plain = np.zeros(1, ATTRIBUTION)[0], {}
    for is_trade, side, tick, lots in steps:
        if is_trade:
            on_trade(row, np.int64(side), tick, float(lots), NOW)
            plain[side, tick] = plain.get((side, tick), 0.0) + lots
        else:
            assert take_executed(row, np.int64(side), tick, NOW) == plain.pop((side, tick), 0.0)
    assert row["count"] == len(plain)
    assert row["unmatched"] == 0.0
