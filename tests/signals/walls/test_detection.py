"""Which buckets are walls: candidates against the slow reference, and the filter that hides none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.book import ASK, BID
from bot.signals import walls
from bot.signals.state import BUCKETS, WALLS, new_signals
from bot.signals.walls import candidates, feed
from tests import reference
from tests.signals.walls.street import FAR_K, MID, WIDTH
from tests.signals.worlds import T0, ladder_of, one_market

SIZES = st.lists(
    st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 20.0, 40.0, 400.0]), min_size=1, max_size=30
)


@given(SIZES)
def test_wall_z_equals_the_slow_reference(sizes):
    for k in range(len(sizes)):
        z, _ = walls.wall_z(np.array(sizes), len(sizes), k, np.zeros(128))
        want = reference.wall_z(sizes, k)
        assert math.isnan(z) if want is None else z == pytest.approx(want, rel=1e-9, abs=1e-9)


@given(SIZES)
def test_the_cheap_first_look_never_hides_a_candidate(sizes):
    for k in range(len(sizes)):
        z, usual = walls.wall_z(np.array(sizes), len(sizes), k, np.zeros(128))
        if z >= walls.Z_IN and sizes[k] >= candidates.TIMES_MEDIAN * usual:
            assert candidates.stands_out(np.array(sizes), len(sizes), k)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=30, max_size=30), st.lists(st.integers(0, 29), max_size=4))
def test_new_walls_are_exactly_the_buckets_that_stand_out(ordinary, large):
    """Oracle: every bucket of the side against 2.1 and four times the plain median of its neighbours."""
    sizes = [float(q) for q in ordinary]
    for k in large:
        sizes[k] = 60.0 + k
    first = MID // WIDTH
    asks = {(first + k) * WIDTH + 7: q for k, q in enumerate(sizes)}
    market = one_market()
    market.books = ladder_of({MID - 7: 1.0}, asks)
    assert (MID - 7 + min(asks)) / 2 == MID
    walls.scan(market.sig.rows[0], market.books, np.int64(0), T0)
    found = market.sig.walls[0, : market.sig.grid["walls"][0]]
    want = []
    for k, q in enumerate(sizes):
        around = sizes[max(0, k - 10) : k] + sizes[k + 1 : k + 11]
        if reference.wall_z(sizes, k) >= 3.0 and q >= 4.0 * np.median(around):
            want.append(((first + k) * WIDTH, (first + k) * WIDTH + WIDTH - 1, q))
    got = [(int(w["near"]), int(w["far"]), float(w["quantity"])) for w in found if w["side"] == -1]
    assert got == want
    assert [int(w["id"]) for w in found] == list(range(1, len(want) + 1))


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(1, 50)), max_size=25), st.integers(0, 11))
def test_a_bucket_holds_its_ticks_on_either_side(levels, index):
    bids = {tick: float(lots) for tick, lots in levels}
    asks = {tick + 2_000: float(lots) for tick, lots in levels}
    books = ladder_of(bids, asks)
    within = lambda side, low: sum(q for t, q in side.items() if low <= t < low + WIDTH)  # noqa: E731
    assert walls.bucket_lots(books, 0, BID, index, WIDTH) == within(bids, index * WIDTH)
    assert walls.bucket_lots(books, 0, ASK, index + 200, WIDTH) == within(asks, 2_000 + index * WIDTH)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 50)), max_size=40),
    st.integers(0, 1),
    st.sampled_from([1, 7, 64, 128]),
    st.integers(1, 40),
)
def test_all_buckets_of_a_side_are_read_in_one_walk(levels, side, width, count):
    base = 960  # the levels lie on both sides of a page's end
    side_levels = {base + tick: float(lots) for tick, lots in levels} | {base + 200: 1.0}
    books = ladder_of(side_levels, {}) if side == BID else ladder_of({}, side_levels)
    start = (base + (400 if side == BID else 0)) // width
    sizes = np.full(BUCKETS, np.nan)
    candidates.fill_buckets(
        books, 0, np.int64(side), np.int64(start), np.int64(width), np.int64(count), sizes
    )
    away = -1 if side == BID else 1
    for k in range(count):
        low = (start + away * k) * width
        assert sizes[k] == sum(q for t, q in side_levels.items() if low <= t < low + width)


@pytest.mark.parametrize(
    ("mid", "unit", "ticks"),
    [
        (3_000.0, 1.0, 1),  # never finer than a tick
        (12_000.0, 1.0, 1),
        (12_000.0, 2.0, 2),  # times the volatility unit
        (300_000.0, 1.0, 30),
        (500_000.0, 1.0, 64),  # whole blocks of the ladder
        (1_000_000.0, 1.0, 128),
        (1_000_000.0, 4.0, 384),
    ],
)
def test_a_bucket_is_about_a_basis_point_times_the_volatility_unit(mid, unit, ticks):
    sig = new_signals(1)
    sig.grid["volatility_unit"] = unit
    assert candidates.bucket_ticks(sig.grid[0], mid) == ticks
    assert candidates.bucket_ticks(sig.grid[0], 1.3 * mid) in (ticks, ticks + 1)


def test_what_is_always_large_at_a_distance_is_no_wall_there():
    market = one_market()
    first = MID // WIDTH
    shelf = {(first + k) * WIDTH + 7: (200.0 if k == FAR_K else 10.0) for k in range(40)}
    market.sig.grid["bucket"] = WIDTH
    market.books = ladder_of({MID - 7: 1.0}, shelf)
    sizes = np.zeros(128)
    sizes[:40] = [200.0 if k == FAR_K else 10.0 for k in range(40)]
    for _ in range(candidates.SHELF_LEAST):
        candidates.learn_shelf(market.sig.grid[0], ASK, sizes, np.int64(40))
    walls.scan(market.sig.rows[0], market.books, np.int64(0), T0)
    assert market.sig.grid["walls"][0] == 0
    # twice as usual is not enough, thrice is
    for lots, found in ((400.0, 0), (600.0, 1)):
        market.books = ladder_of({MID - 7: 1.0}, shelf | {(first + FAR_K) * WIDTH + 7: lots})
        walls.scan(market.sig.rows[0], market.books, np.int64(0), T0)
        assert market.sig.grid["walls"][0] == found


def test_the_usual_size_is_the_median_of_the_last_ten_minutes():
    rng = np.random.default_rng(7)
    grid = new_signals(1).grid[0]
    sizes = np.zeros(128)
    for k in range(600):
        sizes[0] = math.exp(rng.normal(3.0 if k < 300 else 5.0, 0.5))
        candidates.learn_shelf(grid, BID, sizes, np.int64(1))
        if k in (299, 599):
            assert grid["shelf"][0, 0] == pytest.approx(3.0 if k == 299 else 5.0, abs=0.3)
            # a median distance from the median is 0.6745 sigmas
            assert grid["shelf_spread"][0, 0] == pytest.approx(0.6745 * 0.5, abs=0.15)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 1)), min_size=1, max_size=WALLS), st.integers(0, 9)
)
def test_the_filter_never_hides_a_wall(spans, shift):
    sig = new_signals(1).rows[0]
    grid, table = sig["grid"], sig["walls"]
    grid["bucket"] = 1 << shift
    for place, (k, sign) in enumerate(spans):
        row = table[place]
        row["side"] = sign or 1
        row["near"] = row["far"] = 500_000 + 3_333 * k
        row["far" if sign == -1 else "near"] += (1 << shift) - 1
    grid["walls"] = len(spans)
    feed.mark(sig)
    for row in table[: len(spans)]:
        side = BID if row["side"] > 0 else ASK
        for tick in (row["near"], row["far"], (row["near"] + row["far"]) // 2):
            assert walls.wall_at(grid, side, tick)
    assert not walls.wall_at(grid, BID, 500_000 + 3_333 * 7 + 1_024)


def test_a_full_table_takes_no_more_walls_and_loses_none():
    market = one_market()
    bids = {MID - 5 - k * WIDTH: 10.0 for k in range(20, 20 + WALLS)}
    asks = {MID + 5 + k * WIDTH: 10.0 for k in range(30)} | {MID + 5 + FAR_K * WIDTH: 500.0}
    market.books = ladder_of(bids | {MID - 5: 10.0}, asks)
    rows = market.sig.walls[0]
    market.sig.grid["walls"], market.sig.grid["bucket"] = WALLS, WIDTH
    rows["id"], rows["side"] = range(1, WALLS + 1), 1
    rows["far"] = [MID - k * WIDTH - WIDTH for k in range(20, 20 + WALLS)]
    rows["near"] = rows["far"] + WIDTH - 1
    rows["quantity"] = rows["peak"] = 10.0
    rows["seen_ns"] = T0
    walls.scan(market.sig.rows[0], market.books, np.int64(0), T0)
    assert market.sig.grid["walls"][0] == WALLS
    assert rows["id"].tolist() == list(range(1, WALLS + 1))
    assert (rows["side"] == 1).all()
