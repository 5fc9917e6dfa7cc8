"""Approaches to zones on hand-made paths: HOLD, BREAK, PULLED, or no label."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.enums import Side
from bot.signals.walls import WallEnd
from bot.signals.zones.state import OUTCOMES, Kind, Label
from bot.signals.zones.touches import abandon
from tests.signals.zones.worlds import MID, ZoneWorld

# The support at 100,000 is about 99,970 to 100,030. It is approached from 100,090 on and held at 100,110,
# broken at 99,940. The resistance at 100,500: 100,470 to 100,530, from 100,410, 100,390 and 100,560 on.
APPROACH, EDGE, HELD, BROKEN = 100_090.0, 100_030.0, 100_111.0, 99_939.0


@pytest.fixture
def world() -> ZoneWorld:
    return ZoneWorld().settle()


def labels(world: ZoneWorld) -> list[Label]:
    return [o.label for o in world.outcomes()]


def test_touched_at_its_edge_and_left_again_a_zone_held(world):
    world.go(APPROACH, 100_050.0, EDGE, 100_020.0, 100_100.0)
    assert labels(world) == []
    world.go(HELD)
    (outcome,) = world.outcomes()
    zone = world.at(100_000.0)
    assert (outcome.zone, outcome.label, outcome.side) == (zone.id, Label.HOLD, Side.BUY)
    assert (outcome.low, outcome.high) == pytest.approx((99_970.0, 100_030.0), abs=0.2)
    assert outcome.ended_ns - outcome.began_ns == 5_000_000_000
    assert (zone.touches, zone.holds, zone.breaks, zone.pulls) == (1, 1, 0, 0)


def test_passed_to_its_far_side_a_zone_broke(world):
    world.go(APPROACH, EDGE, 99_970.0, 99_945.0)
    assert labels(world) == []
    world.go(BROKEN)
    assert labels(world) == [Label.BREAK]
    assert [v.breaks for v in world.views(everything=True) if v.low < 100_000 < v.high] == [1]


def test_jumped_over_within_a_second_a_zone_broke(world):
    world.go(99_900.0)
    assert labels(world) == [Label.BREAK]


def test_a_resistance_is_the_mirror_image(world):
    world.go(100_411.0, 100_470.0, 100_389.0)
    world.stay(10)
    world.go(100_411.0, 100_480.0, 100_561.0)
    assert labels(world) == [Label.HOLD, Label.BREAK]
    assert {o.side for o in world.outcomes()} == {Side.SELL}


def test_turned_before_its_edge_an_approach_has_no_label(world):
    world.go(APPROACH, 100_040.0, HELD)
    assert labels(world) == [Label.NONE]
    assert world.model["labels"] == 0
    assert world.at(100_000.0).touches == 1


@pytest.mark.parametrize("at", [EDGE, 100_060.0])
def test_undecided_after_ten_minutes_there_is_no_label(world, at):
    world.go(APPROACH, at)
    world.stay(598)
    assert labels(world) == []
    world.stay(2)
    assert labels(world) == [Label.NONE]


def test_how_far_is_away_and_through_follows_the_volatility(world):
    world.around(sigma_60s_bps=20.0)  # away 20 bps, through 10
    world.renew()
    world.go(APPROACH, EDGE, HELD, BROKEN)
    assert labels(world) == []
    world.go(99_869.0)
    assert labels(world) == [Label.BREAK]


def test_the_next_approach_counts_once_a_renewal_found_the_mid_outside(world):
    world.go(APPROACH, EDGE, HELD, APPROACH, EDGE)
    world.stay(20)  # renewed meanwhile, but inside
    assert world.at(100_000.0).touches == 1
    world.go(HELD)
    world.stay(10)
    world.go(APPROACH, EDGE, HELD)
    assert labels(world) == [Label.HOLD, Label.HOLD]


def test_edges_are_those_of_the_moment_the_approach_began(world):
    world.go(APPROACH)
    world.wall(1, 99_975)  # the zone grows downwards at the next renewal
    world.stay(10)
    assert world.at(100_000.0).low == pytest.approx(99_945.0, abs=0.2)
    world.go(EDGE, BROKEN)
    assert labels(world) == [Label.BREAK]


def test_without_a_mid_for_more_than_five_seconds_nobody_knows(world):
    world.go(APPROACH, EDGE)
    world.go(*[math.nan] * 4, HELD)
    assert labels(world) == [Label.HOLD]
    world.stay(10)
    world.go(APPROACH, EDGE)
    world.go(*[math.nan] * 5, HELD)
    assert labels(world) == [Label.HOLD]
    assert world.market["open"] == 0


def test_abandoned_approaches_leave_no_trace_but_the_touch(world):
    world.go(APPROACH, EDGE)
    abandon(world.row)
    world.go(BROKEN)
    assert labels(world) == []
    assert world.market["open"] == 0


@pytest.fixture
def walled() -> ZoneWorld:
    """The support rests on a wall of 100 lots."""
    world = ZoneWorld()
    world.wall(1, 100_000)
    return world.settle()


def test_its_wall_cancelled_before_the_edge_a_zone_was_pulled(walled):
    walled.go(APPROACH, 100_050.0)
    walled.end_wall(0, WallEnd.PULLED)
    walled.go(100_045.0)
    assert labels(walled) == [Label.PULLED]
    walled.go(BROKEN)  # the same approach breaks nothing more
    assert labels(walled) == [Label.PULLED]


def test_pulled_within_the_second_of_the_approach_it_was_pulled(walled):
    walled.end_wall(0, WallEnd.PULLED)
    walled.go(100_020.0)
    assert labels(walled) == [Label.PULLED]


def test_pulled_after_the_edge_was_reached_it_is_a_break_or_a_hold(walled):
    walled.go(APPROACH, EDGE)
    walled.now += 1
    walled.end_wall(0, WallEnd.PULLED)
    walled.go(EDGE, BROKEN)
    assert labels(walled) == [Label.BREAK]


@pytest.mark.parametrize("end", [WallEnd.CONSUMED, WallEnd.EXPIRED])
def test_a_wall_that_was_eaten_or_that_expired_was_not_pulled(walled, end):
    walled.go(APPROACH)
    walled.end_wall(0, end)
    walled.go(EDGE, HELD)
    assert labels(walled) == [Label.HOLD]


@pytest.mark.parametrize(("left", "label"), [(42.0, Label.PULLED), (43.0, Label.HOLD)])
def test_seven_tenths_of_its_walls_must_be_gone(walled, left, label):
    walled.wall(1, 99_995, left)
    walled.renew()
    walled.go(APPROACH)
    walled.end_wall(0, WallEnd.PULLED)
    walled.go(EDGE, HELD)
    assert labels(walled) == [label]


def test_a_wall_pulled_long_before_or_on_the_other_side_does_not_count(walled):
    walled.wall(-1, 100_500)
    walled.end_wall(1, WallEnd.PULLED)
    row = walled.ended[0]
    row["side"], row["near"], row["label"], row["peak"] = 1, 100_000, WallEnd.PULLED, 500.0
    row["ended_ns"] = walled.now - 5_000_000_000
    walled.go(APPROACH, EDGE, HELD)
    assert labels(walled) == [Label.HOLD]


def test_pulled_twice_a_zone_is_a_trap_although_no_wall_is_left(walled):
    for _ in range(2):
        walled.go(APPROACH)
        walled.end_wall(0, WallEnd.PULLED)
        walled.go(100_050.0, MID)
        walled.wall(1, 100_000)
        walled.ended[:] = 0
        walled.stay(10)
    assert labels(walled) == [Label.PULLED, Label.PULLED]
    assert walled.at(100_000.0).kind == Kind.TRAP
    for _ in range(2):  # two approaches later it is forgiven
        walled.go(APPROACH, EDGE, HELD, MID)
        walled.stay(10)
    assert walled.at(100_000.0).kind != Kind.TRAP


def test_labels_are_compared_with_what_was_said_when_the_approach_began(walled):
    walled.around(book_probability=0.6)
    walled.renew()
    said = walled.at(100_000.0).hold
    walled.go(APPROACH)
    walled.around(book_probability=0.4)
    walled.stay(10)
    walled.go(EDGE, HELD)
    assert walled.outcomes()[-1].hold == said != 0.5
    assert walled.model["squares"] == pytest.approx((1 - said) ** 2)


def test_the_last_outcomes_are_kept(world):
    for _ in range(OUTCOMES + 3):
        world.go(APPROACH, EDGE, HELD, MID)
        world.stay(10)
    assert len(world.outcomes()) == OUTCOMES
    ends = [o.ended_ns for o in world.outcomes()]
    assert ends == sorted(ends)
    assert world.at(100_000.0).touches == OUTCOMES + 3


def plain_label(mids: list[float]) -> Label | None:
    """The support's first approach on a path that begins outside of it."""
    margin = 3e-4 * 100_200.0
    low, high = 100_000 - margin, 100_000 + margin
    start = next((k for k, mid in enumerate(mids) if mid <= high * 1.0006), None)
    reached = False
    for mid in mids[start:] if start is not None else []:
        reached = reached or mid <= high
        if reached and mid <= low * (1 - 3e-4):
            return Label.BREAK
        if mid >= high * 1.0008:
            return Label.HOLD if reached else Label.NONE
    return None


@settings(max_examples=60)
@given(st.lists(st.integers(-60, 60), min_size=1, max_size=80))
def test_the_first_label_of_a_path_equals_a_plain_walk_along_it(steps):
    mids = (100_130.0 + np.cumsum(steps)).tolist()
    world = ZoneWorld(mid=100_200.0).settle()
    world.note_mid(100_130.0)
    for mid in mids:
        world.now += 1_000_000_000  # no renewals: the zones stay as they are
        world.note_mid(float(mid))
    mine = [o for o in world.outcomes() if o.high == pytest.approx(100_030, abs=1)]
    assert [o.label for o in mine[:1]] == [label for label in [plain_label(mids)] if label is not None]


def world_of(steps: list[int]) -> ZoneWorld:
    world = ZoneWorld()
    world.wall(1, 100_000, genuineness=0.7)
    world.around(book_probability=0.53, impact=0.01, much_flow=5.0)
    world.settle()
    for k, step in enumerate(steps):
        world.trade(1 if step > 0 else -1, int(world.mid), float(abs(step)))
        if k == 40:
            world.end_wall(0, WallEnd.PULLED)
        world.second(world.mid + step)
    return world


def test_the_same_stream_gives_the_same_bytes():
    steps = np.random.default_rng(3).integers(-30, 30, 900).tolist()
    a, b = world_of(steps), world_of(steps)
    assert a.zones.rows.tobytes() == b.zones.rows.tobytes()
    assert a.zones.model.tobytes() == b.zones.model.tobytes()
    assert a.model["labels"] > 0


def test_a_copy_taken_in_the_middle_goes_on_like_the_original():
    steps = np.random.default_rng(4).integers(-30, 30, 600).tolist()
    world = world_of(steps[:300])
    copy = ZoneWorld(
        zones=type(world.zones)(*[array.copy() for array in world.zones]),
        now=world.now,
        mid=world.mid,
        walls=world.walls.copy(),
        wall_count=world.wall_count,
        ended=world.ended.copy(),
    )
    for name in ("found", "order", "spans", "estimates"):
        copy.zones.rows[name].view(np.uint8)[:] = 255  # scratch: nothing in it matters
    for step in steps[300:]:
        for one in (world, copy):
            one.second(one.mid + step)
    for name in ("markets", "zones", "outcomes", "model"):
        assert getattr(world.zones, name).tobytes() == getattr(copy.zones, name).tobytes(), name
