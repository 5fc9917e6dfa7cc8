"""Walls: which buckets are candidates, what becomes of them, what they were worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market import book as ladder
from bot.market.book import ASK, BID, Books
from bot.signals import resting, walls
from bot.signals.state import BUCKETS, WALL, WALLS, new_signals
from bot.signals.walls import WallEnd, WallStage, candidates, feed, genuineness, ledger
from tests import reference
from tests.signals.worlds import NS_PER_MS, NS_PER_S, T0, Levels, OneMarket, ladder_of, one_market

MID = 100_000  # ticks; a bucket of 1 bps is 10 of them
WIDTH = 10
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


# one ask wall, 12 bps away or next to the touch, and what becomes of it

FAR_K, NEAR_K = 12, 3
QUIET = 10.0  # lots in the wall's bucket without it


class Watched(OneMarket):
    """A market whose every level change and trade the ledger sees, as the engine lets it."""

    now_ns = T0

    def book(self, bids: Levels, asks: Levels, now_ns: int) -> None:
        self.now_ns = now_ns
        super().book(bids, asks, now_ns)

    def touch(self, books: Books, now_ns: int) -> None:
        bid, ask = (ladder.best_tick(books, 0, side) for side in (BID, ASK))
        walls.on_commit(self.sig.rows[0], 0.5 * (bid + ask))
        super().touch(books, now_ns)

    def trade(self, side: int, tick: int, lots: float, now_ns: int) -> None:
        super().trade(side, tick, lots, now_ns)
        resting.on_print(self.sig.rows[0], np.int64(side), tick, lots, now_ns, now_ns)

    def _set(self, side: int, tick: int, lots: float) -> None:
        before = ladder.lots_at(self.books, 0, side, tick)
        super()._set(side, tick, lots)
        if before != lots:
            now_ns = self.now_ns
            sig = self.sig.rows[0]
            near = resting.watched_now(sig)
            resting.on_level(sig, near, side, tick, float(before), float(lots), now_ns, now_ns)


class Street:
    """Ten lots in every bucket, a wall where asked, a message a second."""

    def __init__(self) -> None:
        plain = one_market()
        self.market = Watched(plain.books, plain.heads, plain.sig)
        self.second = 0
        self.shift = 0
        self.step()

    def step(self, wall: dict[int, float] | None = None, seconds: int = 1) -> None:
        for _ in range(seconds):
            mid = MID + self.shift
            bids = {mid - 5 - k * WIDTH: 10.0 for k in range(40)}
            asks = {mid + 5 + k * WIDTH: 10.0 + (k % 3) for k in range(40)}
            asks |= {MID + 5 + k * WIDTH: lots for k, lots in (wall or {}).items()}
            if wall:
                asks = {tick: lots for tick, lots in asks.items() if lots}
            self.market.book(bids, asks, T0 + self.second * NS_PER_S + 100 * NS_PER_MS)
            self.second += 1

    def trade(self, k: int, lots: float, side: int = 1) -> None:
        now = T0 + self.second * NS_PER_S - 500 * NS_PER_MS
        self.market.trade(side, MID + 5 + k * WIDTH, lots, now)

    @property
    def walls(self) -> np.ndarray:
        return self.market.sig.walls[0, : self.market.sig.grid["walls"][0]]

    @property
    def waiting(self) -> dict[int, float]:
        """Lots at a tick that traded and the book has not shown yet."""
        row = self.market.sig.attribution[0]
        return {int(w["tick"]): float(w["lots"]) for w in row["waiting"][: row["count"]]}

    @property
    def ended(self) -> np.ndarray:
        rows = self.market.sig.ended[0]
        return rows[rows["label"] != 0]


@pytest.fixture
def street() -> Street:
    return Street()


def test_a_wall_is_confirmed_after_two_seconds_and_tested_when_price_is_near(street):
    street.step({FAR_K: 200.0}, 3)
    assert [w["stage"] for w in street.walls] == [WallStage.CANDIDATE]
    street.step({FAR_K: 200.0}, 3)
    assert [w["stage"] for w in street.walls] == [WallStage.ACTIVE]
    (wall,) = street.walls
    assert (wall["side"], wall["near"], wall["quantity"]) == (-1, MID + FAR_K * WIDTH, 200.0)
    street.shift = (FAR_K - 4) * WIDTH
    street.step({FAR_K: 200.0}, 4)
    (tested,) = street.walls
    assert tested["stage"] == WallStage.TESTED
    assert tested["id"] == wall["id"]
    assert tested["near_s"] > 0
    assert tested["far_s"] > 0


def test_a_candidate_that_stops_standing_out_is_no_wall(street):
    street.step({FAR_K: 200.0}, 2)
    assert len(street.walls) == 1
    # its neighbours grow: it is still large and no longer outstanding
    grown = dict.fromkeys(range(40), 180.0) | {FAR_K: 200.0}
    street.step(grown, 8)
    assert not len(street.walls)


def test_a_wall_that_is_traded_through_was_consumed_and_counts_as_having_held(street):
    street.step({NEAR_K: 200.0}, 6)
    for left in (150.0, 100.0, 40.0):
        street.trade(NEAR_K, 55.0)
        street.step({NEAR_K: left}, 2)
    street.step(seconds=2)
    assert [row["label"] for row in street.ended] == [WallEnd.CONSUMED]
    assert street.ended[0]["executed"] == 165.0
    grid = street.market.sig.grid[0]
    assert (grid["wall_wins"][1], grid["wall_trials"][1]) == (1.0, 1.0)


def test_only_aggressors_that_hit_the_wall_count_as_executed(street):
    street.step({NEAR_K: 200.0}, 6)
    street.trade(NEAR_K, 5.0, side=-1)
    street.trade(NEAR_K + 1, 5.0)
    street.trade(NEAR_K, 7.0)
    street.step({NEAR_K: 193.0}, 2)
    (wall,) = street.walls
    assert (wall["executed"], wall["cancelled"], wall["added"]) == (7.0, 0.0, 0.0)


def test_refills_after_an_execution_are_added_and_removals_cancelled(street):
    street.step({NEAR_K: 200.0}, 6)
    street.trade(NEAR_K, 50.0)
    street.step({NEAR_K: 180.0}, 2)  # 50 traded, 30 put back
    street.step({NEAR_K: 165.0}, 2)  # 15 taken away
    (wall,) = street.walls
    assert (wall["executed"], wall["added"], wall["cancelled"], wall["cancelled_near"]) == (
        50.0,
        30.0,
        15.0,
        15.0,
    )
    assert wall["peak"] == 200.0
    odds = reference.wall_genuineness(wall["near_s"], wall["far_s"], 50.0, 30.0, 15.0, 200.0)
    assert wall["genuineness"] == pytest.approx(odds["g"], rel=1e-12)


@pytest.mark.parametrize(("k", "label"), [(NEAR_K, WallEnd.PULLED), (FAR_K, WallEnd.EXPIRED)])
def test_a_wall_that_vanishes_was_pulled_when_price_was_near(street, k, label):
    street.step({k: 200.0}, 6)
    street.step(seconds=3)
    assert [row["label"] for row in street.ended] == [label]
    grid = street.market.sig.grid[0]
    # only a tested wall is evidence, and one that was pulled did not hold
    assert grid["wall_trials"][1] == (1.0 if label == WallEnd.PULLED else 0.0)
    assert grid["wall_wins"][1] == 0.0


def test_a_wall_that_comes_back_within_a_minute_is_remembered_as_flickering(street):
    street.step({FAR_K: 200.0}, 6)
    street.step(seconds=4)
    street.step({FAR_K: 200.0}, 6)
    (wall,) = street.walls
    assert wall["id"] == 2
    assert wall["returns"] == 1.0
    steady = reference.wall_genuineness(
        0.0, wall["far_s"], 0.0, 0.0, 0.0, 200.0, flicker=min(1.0, wall["returns"] / 6.0)
    )
    assert wall["genuineness"] == pytest.approx(steady["g"], rel=1e-12)
    street.step(seconds=4)
    street.step({FAR_K: 200.0}, 6)
    assert 1.8 < street.walls[0]["returns"] < 2.0
    street.step(seconds=70)
    street.step({FAR_K: 200.0}, 6)
    assert street.walls[0]["returns"] == 0.0


def test_a_wall_the_price_runs_away_from_has_moved(street):
    street.step({FAR_K: 200.0}, 6)
    street.shift = -120 * WIDTH
    street.step({FAR_K: 200.0}, 3)
    assert not len(street.walls)
    (row,) = street.ended
    assert row["label"] == WallEnd.MOVED
    assert row["distance_bps"] > 100.0
    assert street.market.sig.grid["wall_trials"].sum() == 0.0


def test_a_reset_drops_walls_without_a_label_and_ids_are_never_used_again(street):
    street.step({FAR_K: 200.0}, 6)
    walls.drop_walls(street.market.sig.rows[0])
    assert not len(street.walls)
    assert not len(street.ended)
    street.step({FAR_K: 200.0}, 6)
    assert [w["id"] for w in street.walls] == [2]


def test_a_wall_is_as_large_as_its_ticks_at_every_moment(street):
    street.step({FAR_K: 200.0}, 4)
    for lots in (180.0, 260.0, 240.0):
        street.step({FAR_K: lots})
        assert street.walls[0]["quantity"] == lots
    low = int(street.walls[0]["near"])
    assert walls.bucket_lots(street.market.books, 0, ASK, low // WIDTH, WIDTH) == 240.0
    wall = street.walls[0]
    assert (wall["born_lots"], wall["peak"], wall["grown"], wall["cancelled"]) == (200.0, 260.0, 80.0, 40.0)


def test_a_trade_told_after_the_book_showed_it_was_no_cancellation(street):
    street.step({NEAR_K: 200.0}, 6)
    street.step({NEAR_K: 120.0})
    assert street.walls[0]["cancelled_near"] == 80.0
    tick, now = MID + 5 + NEAR_K * WIDTH, street.market.now_ns
    street.market.trade(1, tick, 50.0, now + 100 * NS_PER_MS)
    street.market.trade(1, tick, 40.0, now + 200 * NS_PER_MS)
    (wall,) = street.walls
    assert (wall["executed"], wall["cancelled"], wall["cancelled_near"]) == (90.0, 0.0, 0.0)
    assert street.waiting == {tick: 10.0}
    street.step({NEAR_K: 110.0})
    (wall,) = street.walls
    assert (wall["executed"], wall["added"], wall["cancelled"]) == (90.0, 0.0, 0.0)
    assert not street.waiting


def test_prints_wait_for_the_book_where_a_wall_or_the_band_around_the_mid_is(street):
    street.step({FAR_K: 200.0}, 6)
    wall, beside, near = FAR_K, FAR_K + 3, 2
    street.trade(beside, 3.0)
    street.trade(wall, 4.0, side=-1)  # the other side's, where nothing rests
    assert not street.waiting
    street.trade(wall, 4.0)
    street.trade(near, 5.0)
    assert street.waiting == {MID + 5 + wall * WIDTH: 4.0, MID + 5 + near * WIDTH: 5.0}
    walls.drop_walls(street.market.sig.rows[0])
    assert not street.waiting


def test_what_traded_in_the_band_is_executed_there_and_not_cancelled(street):
    street.step(seconds=3)
    known = street.market.sig.known["resiliency"][0]
    assert known["cancelled"].tolist() == [0.0, 0.0]
    street.trade(1, 4.0)
    street.step({1: 7.0, 2: 9.0})  # 11 and 12 before: 4 executed, 3 cancelled; the mid of the walls stays
    assert known["executed"].tolist() == [0.0, 4.0]
    assert known["cancelled"].tolist() == [0.0, 3.0]
    street.step({1: 7.0, 2: 9.0, FAR_K: 0.0})  # what is cancelled beyond the band does not count
    assert known["cancelled"].tolist() == [0.0, 3.0]


def test_who_cancels_in_the_message_in_which_price_comes_near_was_near(street):
    street.step({FAR_K: 200.0}, 6)
    street.shift = (FAR_K - 4) * WIDTH
    street.step({FAR_K: 20.0})
    street.shift = 0
    street.step({FAR_K: 20.0})
    (row,) = street.ended
    assert row["label"] == WallEnd.PULLED
    assert row["cancelled_near"] == 180.0
    assert row["ended_ns"] == T0 + 7 * NS_PER_S + 100 * NS_PER_MS
    assert row["decided"] == row["genuineness"] < 0.5


def test_a_touch_counts_again_only_after_price_has_left(street):
    street.step({NEAR_K: 200.0}, 6)
    counts = []
    for shift in (NEAR_K, NEAR_K, NEAR_K - 1, NEAR_K, -4, NEAR_K):
        street.shift = shift * WIDTH
        street.step({NEAR_K: 200.0}, 2)
        counts.append(int(street.walls[0]["touches"]))
    assert counts == [1, 1, 1, 1, 1, 2]


def test_a_wall_that_gives_more_than_it_ever_showed_is_an_iceberg(street):
    street.step({NEAR_K: 200.0}, 6)
    flags = []
    for k in range(7):
        street.trade(NEAR_K, 50.0)
        street.step({NEAR_K: 200.0 - k % 2}, 2)
        flags.append(int(street.walls[0]["iceberg"]))
    assert flags == [0, 0, 0, 0, 0, 1, 1]
    assert street.walls[0]["added"] == 350.0


def test_what_ends_leaves_its_whole_record(street):
    street.step({NEAR_K: 200.0}, 6)
    street.trade(NEAR_K, 50.0)
    street.step({NEAR_K: 180.0})
    alive = street.walls[0].copy()
    street.step(seconds=3)
    (row,) = street.ended
    for name in (
        "id",
        "side",
        "near",
        "far",
        "born_ns",
        "born_lots",
        "peak",
        "executed",
        "grown",
        "added",
        "touches",
    ):
        assert row[name] == alive[name], name
    assert (row["stage"], row["label"]) == (WallStage.TESTED, WallEnd.PULLED)
    assert row["cancelled_near"] == alive["cancelled_near"] + 180.0 - QUIET
    assert row["near_s"] >= 2.0
    assert row["genuineness"] < row["decided"]


def test_walls_survive_a_new_division_into_buckets(street):
    street.step({FAR_K: 200.0}, 6)
    street.market.sig.grid["volatility_unit"] = 2.0
    street.step({FAR_K: 200.0}, 4)
    assert street.market.sig.grid["bucket"][0] == 2 * WIDTH
    (wall,) = street.walls
    assert (wall["id"], wall["near"], wall["far"]) == (
        1,
        MID + FAR_K * WIDTH,
        MID + FAR_K * WIDTH + WIDTH - 1,
    )
    street.step({FAR_K: 150.0})
    assert street.walls[0]["quantity"] == 150.0


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


# what the evidence is worth, and what is learned of it


def a_tested_wall(**evidence: float) -> np.void:
    wall = np.zeros(1, WALL)[0]
    wall["side"], wall["peak"], wall["decided"] = 1, 100.0, np.nan
    for name, value in evidence.items():
        wall[name] = value
    return wall


def judged(grid: np.void, **evidence: float) -> float:
    wall = a_tested_wall(**evidence)
    genuineness.judge(wall, grid, 0.0, 0.0)
    return float(wall["genuineness"])


def test_the_evidence_of_the_decision_is_kept_and_later_evidence_is_not_learned_from():
    grid = new_signals(1).grid[0]
    wall = a_tested_wall(near_s=2.0, executed=20.0)
    genuineness.judge(wall, grid, 0.0, 0.0)
    kept = wall["evidence"].copy()
    assert kept.tolist() == [0.0, 0.2, 0.0, 0.0, 0.0, 0.0]
    wall["near_s"], wall["cancelled_near"] = 3.0, 90.0
    genuineness.judge(wall, grid, 0.0, 0.0)
    assert wall["evidence"].tolist() == kept.tolist()
    assert wall["genuineness"] < wall["decided"]


def test_weights_follow_what_the_evidence_was_worth_and_stay_between_nothing_and_thrice():
    """Executed walls hold and refilled ones do not; the defaults say both hold."""
    rng = np.random.default_rng(3)
    grid = new_signals(1).grid[0]
    before = judged(grid, near_s=2.0, executed=10.0, added=10.0)
    for _ in range(1_500):
        refilled = float(rng.random() < 0.5)
        wall = a_tested_wall(near_s=2.0, executed=50.0, added=50.0 * refilled)
        genuineness.judge(wall, grid, 0.0, 0.0)
        genuineness.learn(grid, wall, float(rng.random() < (0.3 if refilled else 0.95)))
    learned = grid["wall_learned"].copy()
    assert learned[2] == pytest.approx(-0.5, abs=1e-3)  # refills: weight 0, never below
    assert learned[3] == learned[4] == learned[5] == 0.0  # nothing was seen of these
    assert judged(grid, near_s=2.0, executed=10.0, added=10.0) != before
    for _ in range(20_000):
        wall = a_tested_wall(near_s=2.0, cancelled_near=30.0)
        genuineness.judge(wall, grid, 0.0, 0.0)
        genuineness.learn(grid, wall, 0.0)
    assert 0.0 < grid["wall_learned"][3] <= 8.0


def test_without_a_decision_only_the_base_rate_learns():
    grid = new_signals(1).grid[0]
    genuineness.learn(grid, a_tested_wall(), 0.0)
    assert grid["wall_trials"].tolist() == [1.0, 0.0]
    assert not grid["wall_learned"].any()


def test_traps_push_away_from_where_they_stand_and_untested_walls_do_not():
    sig = new_signals(1)
    sig.grid["walls"] = 3
    for place, (side, stage, g) in enumerate([(1, 2, 0.2), (-1, 2, 0.36), (-1, 1, 0.1)]):
        row = sig.walls[0, place]
        row["side"], row["stage"], row["genuineness"], row["distance_bps"] = side, stage, g, 3.0
    assert walls.trap_pressure(sig.rows[0]) == pytest.approx(-0.8 * math.exp(-3.0 / 15.0))
    assert [bool(ledger.is_trap(row)) for row in sig.walls[0, :3]] == [True, False, False]
    sig.grid["walls"] = 0
    assert walls.trap_pressure(sig.rows[0]) == 0.0


def test_only_confirmed_genuine_walls_press(street):
    street.step({FAR_K: 200.0}, 3)
    assert walls.wall_pressure(street.market.sig.rows[0]) == 0.0
    street.step({FAR_K: 200.0}, 60)
    (wall,) = street.walls
    g = wall["genuineness"]
    assert g > walls.GENUINE
    want = -(2 * g - 1) * math.exp(-wall["distance_bps"] / 15.0)
    assert walls.wall_pressure(street.market.sig.rows[0]) == pytest.approx(want)
    street.walls["genuineness"] = 0.6
    assert walls.wall_pressure(street.market.sig.rows[0]) == 0.0


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
