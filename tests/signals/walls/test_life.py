"""What becomes of a wall: birth, touches, executions, cancellations and how it ends."""

from __future__ import annotations

import pytest

from bot.market.book import ASK
from bot.signals import walls
from bot.signals.walls import WallEnd, WallStage
from tests import reference
from tests.signals.walls.street import FAR_K, MID, NEAR_K, QUIET, WIDTH
from tests.signals.worlds import NS_PER_MS, NS_PER_S, T0


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
    assert (wall["born_lots"], wall["peak"], wall["grown"], wall["cancelled"]) == (200.0, 260.0, 80.0, 20.0)


def test_what_others_cancel_and_put_back_in_its_bucket_was_not_pulled(street):
    street.step({NEAR_K: 200.0}, 6)
    for _ in range(40):
        street.step({NEAR_K: 185.0})
        street.step({NEAR_K: 200.0})
    (wall,) = street.walls
    assert (wall["cancelled"], wall["cancelled_near"]) == (0.0, 0.0)
    street.step({NEAR_K: 185.0})
    assert (street.walls[0]["cancelled"], street.walls[0]["cancelled_near"]) == (15.0, 15.0)
    for left in (120.0, 40.0):
        street.trade(NEAR_K, 70.0)
        street.step({NEAR_K: left}, 2)
    assert [row["label"] for row in street.ended] == [WallEnd.CONSUMED]


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


@pytest.mark.parametrize(("late_ms", "label"), [(150, WallEnd.CONSUMED), (350, WallEnd.PULLED)])
def test_a_wall_that_went_just_before_a_whole_second_waits_for_its_print(street, late_ms, label):
    street.step({NEAR_K: 200.0}, 6)
    street.step(at_ms=900)
    street.market.trade(1, MID + 5 + NEAR_K * WIDTH, 190.0, street.market.now_ns + late_ms * NS_PER_MS)
    street.second += 1
    street.step(seconds=2)
    assert [row["label"] for row in street.ended] == [label]
    assert street.ended[0]["ended_ns"] == T0 + 7 * NS_PER_S + 900 * NS_PER_MS
    assert street.ended[0]["near_s"] == pytest.approx(5.9, abs=1.0)


def test_a_side_is_hollow_while_hardly_anything_lies_before_a_wall(street):
    hollow = street.market.sig.grid["hollow"][0]
    street.step({FAR_K: 200.0}, 8)
    assert hollow.tolist() == [0, 0]
    street.step({FAR_K: 200.0, 4: 2.0, 5: 1.0, 6: 0.0}, 3)
    assert hollow.tolist() == [0, 1]
    assert street.market.sig.known["vacuum"][0] == 1
    street.step({FAR_K: 200.0, 4: 2.0, 5: 5.0, 6: 0.0}, 3)
    assert hollow.tolist() == [0, 0]
    street.step({FAR_K + 4: 200.0, FAR_K + 5: 1.0, FAR_K + 6: 1.0, FAR_K + 7: 1.0}, 8)
    assert hollow.tolist() == [0, 0]  # what lies behind it is not asked


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
