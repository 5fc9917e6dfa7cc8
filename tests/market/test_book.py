"""The paged ladder against a plain dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market import book as ladder

LEVEL = st.tuples(st.integers(0, 1), st.integers(-60, 60), st.sampled_from([0, 0, 1, 3, 70]))


class DictBook:
    """The obvious form: a price → lots dictionary a side."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, float], dict[int, float]] = ({}, {})

    def set(self, side: int, tick: int, lots: float) -> float:
        before = self.sides[side].pop(tick, 0.0)
        if lots:
            self.sides[side][tick] = lots
        return before

    def ordered(self, side: int) -> list[tuple[int, float]]:
        return sorted(self.sides[side].items(), reverse=bool(side == ladder.BID))


def put(books: ladder.Books, side: int, tick: int, lots: float) -> tuple[ladder.Books, float]:
    before = ladder.set_level(books, 0, side, tick, lots)
    while before == ladder.NO_ROOM:
        books = ladder.grow(books, tick)
        before = ladder.set_level(books, 0, side, tick, lots)
    return books, before


def assert_equal(books: ladder.Books, oracle: DictBook) -> None:
    for side in (ladder.BID, ladder.ASK):
        ticks, lots = ladder.levels(books, 0, side)
        assert list(zip(ticks.tolist(), lots.tolist(), strict=True)) == oracle.ordered(side)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1_000, 90_000), st.lists(LEVEL, min_size=1, max_size=40)),
        min_size=1,
        max_size=8,
    )
)
def test_ladder_equals_dictionary_while_price_jumps_across_pages_and_growth(episodes):
    """Prices jump by up to 89,000 ticks, from 4,096 ticks and 2 pages: page borders, pages, directories."""
    books = ladder.new_books(1, max_tick=4_095, pages=2)
    oracle = DictBook()
    sums = np.zeros(4)
    for centre, levels in episodes:
        for side, offset, lots in levels:
            tick = centre + offset
            books, before = put(books, side, tick, float(lots))
            assert before == oracle.set(side, tick, float(lots))
        ladder.settle(books, 0)
        assert_equal(books, oracle)
        for side in (ladder.BID, ladder.ASK):
            ordered = oracle.ordered(side)
            assert ladder.best_tick(books, 0, side) == (ordered[0][0] if ordered else -1)
            assert ladder.best_lots(books, 0, side) == (ordered[0][1] if ordered else 0.0)
            ladder.top_sums(books, 0, side, sums)
            assert sums.tolist() == [sum(lots for _, lots in ordered[:n]) for n in (1, 5, 10, 20)]
            assert ladder.whole_side(books, 0, side) == (len(ordered), sum(lots for _, lots in ordered))


@settings(max_examples=60, deadline=None)
@given(st.lists(LEVEL, min_size=1, max_size=80), st.integers(900, 1_200), st.integers(0, 1))
def test_depth_to_a_price_equals_the_sum_of_levels_up_to_it(levels, limit, side):
    books = ladder.new_books(1, max_tick=4_095)
    oracle = DictBook()
    for level_side, offset, lots in levels:
        books, _ = put(books, level_side, 1_024 + offset, float(lots))
        oracle.set(level_side, 1_024 + offset, float(lots))
    ladder.settle(books, 0)
    within = [
        lots
        for tick, lots in oracle.sides[side].items()
        if (tick >= limit if side == ladder.BID else tick <= limit)
    ]
    key = limit ^ ladder.flip_of(books, side)
    assert ladder.depth_to_key(books, 0, side, key) == sum(within)


@given(
    st.lists(st.sampled_from([0, 0, 1, 3, 70]), min_size=64, max_size=64),
    st.integers(0, 63),
    st.integers(0, 63),
)
def test_lots_of_neighbouring_levels_are_those_between_the_two_ends(block, first, last):
    """Few and many levels are summed differently; whole lots, so that the sums are equal to the last bit."""
    books = ladder.new_books(1)
    books.lots[64:128] = block
    bits = sum(1 << tick for tick in range(first, last + 1) if block[tick])

    assert ladder.block_lots(books, 1, np.uint64(bits)) == sum(block[first : last + 1])


def test_clearing_one_market_leaves_the_others():
    books = ladder.new_books(2, max_tick=4_095)
    for market in (0, 1):
        ladder.set_level(books, market, ladder.BID, 1_000, 5.0)
        ladder.set_level(books, market, ladder.ASK, 1_001, 7.0)
    ladder.clear(books, 0)
    assert ladder.levels(books, 0, ladder.BID)[0].size == 0
    assert ladder.best_tick(books, 0, ladder.ASK) == ladder.EMPTY
    assert ladder.best_lots(books, 1, ladder.BID) == 5.0
    counts = [[ladder.level_count(books, market, side) for side in (0, 1)] for market in (0, 1)]
    assert counts == [[0, 0], [1, 1]]


def test_a_refused_level_changes_nothing_until_there_is_room():
    books = ladder.new_books(1, max_tick=1_023, pages=1)
    before = [array.copy() for array in books]
    assert ladder.set_level(books, 0, ladder.BID, 5_000, 1.0) == ladder.NO_ROOM
    for then, now in zip(before, books, strict=True):
        np.testing.assert_array_equal(then, now)


def test_deleting_a_level_that_never_was_takes_no_page():
    books = ladder.new_books(1, max_tick=4_095)
    assert ladder.set_level(books, 0, ladder.ASK, 3_000, 0.0) == 0.0
    assert books.pages[0] == 0


@pytest.mark.parametrize("side", [ladder.BID, ladder.ASK])
def test_best_moves_to_the_next_level_when_the_touch_is_eaten(side):
    books = ladder.new_books(1, max_tick=100_000)
    away = -1 if side == ladder.BID else 1
    near, far = 50_000, 50_000 + away * 20_000
    ladder.set_level(books, 0, side, near, 1.0)
    ladder.set_level(books, 0, side, far, 2.0)
    ladder.set_level(books, 0, side, near, 0.0)
    ladder.settle(books, 0)
    assert ladder.best_tick(books, 0, side) == far
