"""Walls: which buckets are candidates, what becomes of them, what they were worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.book import BID
from bot.signals import walls
from bot.signals.flow import on_reset
from bot.signals.state import WALLS
from bot.signals.walls import WallEnd, WallStage
from tests import reference
from tests.signals.worlds import NS_PER_MS, NS_PER_S, T0, OneMarket, ladder_of, one_market

MID = 100_000  # ticks; a bucket of 1 bps is 10 of them
WIDTH = 10
SIZES = st.lists(
    st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 20.0, 40.0, 400.0]), min_size=1, max_size=30
)


@given(SIZES)
def test_wall_z_equals_the_slow_reference(sizes):
    for k in range(len(sizes)):
        z, _ = walls.wall_z(np.array(sizes), len(sizes), k, np.zeros(64))
        want = reference.wall_z(sizes, k)
        assert math.isnan(z) if want is None else z == pytest.approx(want, rel=1e-9, abs=1e-9)


@given(SIZES)
def test_the_cheap_first_look_never_hides_a_candidate(sizes):
    for k in range(len(sizes)):
        z, usual = walls.wall_z(np.array(sizes), len(sizes), k, np.zeros(64))
        if z >= walls.Z_IN and sizes[k] >= walls.TIMES_MEDIAN * usual:
            assert walls.stands_out(np.array(sizes), len(sizes), k)


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
    walls.scan(market.sig, market.books, 0, T0)
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
    assert walls.bucket_lots(books, 0, 1, index + 200, WIDTH) == within(asks, 2_000 + index * WIDTH)


# one ask wall, 12 bps away or next to the touch, and what becomes of it

FAR_K, NEAR_K = 12, 3


class Street:
    """Ten lots in every bucket, a wall where asked, a message a second."""

    def __init__(self) -> None:
        self.market: OneMarket = one_market()
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


def test_a_wall_the_price_runs_away_from_is_dropped_without_a_label(street):
    street.step({FAR_K: 200.0}, 6)
    street.shift = -120 * WIDTH
    street.step({FAR_K: 200.0}, 3)
    assert not len(street.walls)
    assert not len(street.ended)


def test_a_reset_drops_walls_without_a_label_and_ids_are_never_used_again(street):
    street.step({FAR_K: 200.0}, 6)
    on_reset(street.market.sig, 0)
    assert not len(street.walls)
    assert not len(street.ended)
    street.step({FAR_K: 200.0}, 6)
    assert [w["id"] for w in street.walls] == [2]


def test_only_confirmed_genuine_walls_press(street):
    street.step({FAR_K: 200.0}, 3)
    assert walls.wall_pressure(street.market.sig, 0) == 0.0
    street.step({FAR_K: 200.0}, 60)
    (wall,) = street.walls
    g = wall["genuineness"]
    assert g > walls.GENUINE
    want = -(2 * g - 1) * math.exp(-wall["distance_bps"] / 15.0)
    assert walls.wall_pressure(street.market.sig, 0) == pytest.approx(want)
    street.walls["genuineness"] = 0.6
    assert walls.wall_pressure(street.market.sig, 0) == 0.0


def test_a_full_table_takes_no_more_walls_and_loses_none():
    market = one_market()
    bids = {MID - 5 - k * WIDTH: 10.0 for k in range(40, 40 + WALLS)}
    asks = {MID + 5 + k * WIDTH: 10.0 for k in range(30)} | {MID + 5 + FAR_K * WIDTH: 500.0}
    market.books = ladder_of(bids | {MID - 5: 10.0}, asks)
    rows = market.sig.walls[0]
    market.sig.grid["walls"], market.sig.grid["bucket"] = WALLS, WIDTH
    rows["id"], rows["side"] = range(1, WALLS + 1), 1
    rows["far"] = [MID - k * WIDTH - WIDTH for k in range(40, 40 + WALLS)]
    rows["near"] = rows["far"] + WIDTH - 1
    rows["quantity"] = rows["peak"] = 10.0
    walls.scan(market.sig, market.books, 0, T0)
    assert market.sig.grid["walls"][0] == WALLS
    assert rows["id"].tolist() == list(range(1, WALLS + 1))
    assert (rows["side"] == 1).all()
