from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import Side
from bot.risk.depth import BookSide
from tests.trading import MID, a_depth

LOTS = st.lists(st.integers(1, 50), min_size=1, max_size=8)


def by_the_lot(ticks: list[int], lots: list[int], wanted: int) -> float:
    """Average price of the first `wanted` lots, one by one."""
    each = [tick for tick, n in zip(ticks, lots, strict=True) for _ in range(n)]
    return sum(each[:wanted]) / wanted


@given(lots=LOTS, gaps=st.data(), side=st.sampled_from(Side))
def test_a_walk_costs_the_average_of_the_lots_it_takes(
    lots: list[int], gaps: st.DataObject, side: Side
) -> None:
    steps = gaps.draw(st.lists(st.integers(1, 30), min_size=len(lots), max_size=len(lots)))
    ticks = [100_000 - int(side) * sum(steps[: i + 1]) for i in range(len(steps))]
    wanted = gaps.draw(st.integers(1, sum(lots)))
    book = BookSide.of(side, ticks, [float(n) for n in lots])
    expected = abs(by_the_lot(ticks, lots, wanted) / MID - 1) * 1e4
    assert book.walk_bps(wanted, MID) == pytest.approx(expected)
    assert book.walk_bps(sum(lots) + 1, MID) == inf


def test_an_empty_side_holds_nothing() -> None:
    book = BookSide.of(Side.SELL, [], [])
    assert (book.walk_bps(1, MID), book.lots_to(10**9), book.lots_within(1e9, MID)) == (inf, 0.0, 0.0)


def test_lots_are_counted_to_a_price_and_to_a_distance() -> None:
    depth = a_depth(5.0, 10.0)
    asks, bids = depth.ahead(Side.BUY), depth.ahead(Side.SELL)
    assert [asks.lots_to(tick) for tick in (100_000, 100_001, 100_003)] == [0.0, 5.0, 25.0]
    assert [bids.lots_to(tick) for tick in (100_000, 99_999, 99_997)] == [0.0, 5.0, 25.0]
    assert [bids.lots_within(bps, MID) for bps in (0.05, 0.1, 0.35)] == [0.0, 5.0, 25.0]
