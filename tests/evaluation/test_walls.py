"""Walls followed through the tables of the signals, which are written by hand here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.evaluation.walls import DECISION_S, EARLY_S, End, WallTrack, WallWatch
from bot.signals.state import ENDED_WALLS, Signals, new_signals
from bot.signals.walls import WallEnd, WallStage

S = 1_000_000_000
T0 = 1_700_000_000 * S


class Table:
    """One wall of one market, looked at every two seconds."""

    def __init__(self) -> None:
        self.signals: Signals = new_signals(2)
        self.watch = WallWatch()
        self.second = 0
        row = self.signals.walls[1, 0]
        row["id"], row["side"], row["near"], row["far"] = 7, -1, 1000, 1009
        row["born_ns"], row["peak"], row["quantity"], row["genuineness"] = T0, 100.0, 100.0, 0.5
        row["decided"] = np.nan

    def look(self, *, shown: bool = True, **changes: float) -> Table:
        for name, value in changes.items():
            self.signals.walls[1, 0][name] = value
        self.signals.grid["walls"][1] = int(shown)
        self.watch.look(self.signals, T0 + self.second * S)
        self.second += 2
        return self

    def ends(self, label: int) -> Table:
        row = self.signals.ended[1, 7 % ENDED_WALLS]
        row["id"], row["label"], row["ended_ns"] = 7, label, T0 + self.second * S - S // 2
        row["genuineness"], row["executed"] = 0.25, 33.0
        return self.look(shown=False)

    def only(self) -> WallTrack:
        (track,) = self.watch.finish()
        return track


@pytest.fixture
def table() -> Table:
    return Table()


def test_a_wall_is_told_with_where_it_stood_and_how_it_ended(table):
    track = table.look().look(stage=WallStage.ACTIVE).look().ends(WallEnd.PULLED).only()
    assert (track.market, track.id, track.side, track.near, track.far) == (1, 7, -1, 1000, 1009)
    assert (track.born_ns, track.confirmed_ns, track.last_ns) == (T0, T0 + 2 * S, T0 + 5 * S + S // 2)
    assert (track.end, track.genuineness, track.executed) == (End.PULLED, 0.25, 33.0)
    assert track.age_s == 3.5


@pytest.mark.parametrize("end", WallEnd)
def test_every_label_has_its_end(table, end):
    assert table.look(stage=WallStage.ACTIVE).ends(end).only().end.name == end.name


def test_candidates_that_were_never_confirmed_are_not_told(table):
    table.look().ends(WallEnd.EXPIRED)
    assert table.watch.finish() == []


def test_a_wall_that_is_gone_without_a_label_was_lost_from_sight(table):
    assert table.look(stage=WallStage.ACTIVE).look(shown=False).only().end is End.DROPPED


def test_an_older_walls_label_in_the_same_place_is_not_taken_for_its_own(table):
    row = table.signals.ended[1, 7 % ENDED_WALLS]
    row["id"], row["label"] = 7 - ENDED_WALLS, WallEnd.PULLED
    assert table.look(stage=WallStage.ACTIVE).look(shown=False).only().end is End.DROPPED


def test_a_wall_that_is_there_at_the_end_is_open(table):
    track = table.look(stage=WallStage.TESTED).look().only()
    assert track.end is End.OPEN
    assert track.last_ns == T0 + 2 * S


def test_genuineness_is_kept_from_when_a_decision_was_due(table):
    table.look(stage=WallStage.TESTED, near_s=1.0, genuineness=0.5)
    table.look(near_s=3.0, decided=0.7, genuineness=0.8)  # it was due a second ago
    track = table.look(near_s=5.0, genuineness=0.9).only()
    assert (track.at_decision, track.genuineness) == (0.7, 0.9)


@pytest.mark.parametrize(("near_s", "known"), [(DECISION_S, True), (DECISION_S - 0.5, False)])
def test_a_wall_that_ends_between_two_looks_tells_what_was_decided_and_not_how_it_ended(table, near_s, known):
    table.look(stage=WallStage.TESTED, near_s=1.0)
    row = table.signals.ended[1, 7 % ENDED_WALLS]
    row["near_s"], row["decided"] = near_s, 0.6
    track = table.ends(WallEnd.PULLED).only()
    assert track.at_decision == 0.6 if known else math.isnan(track.at_decision)
    assert track.verdict == 0.6


def test_genuineness_is_kept_from_before_any_approach_at_a_fixed_age(table):
    table.look(stage=WallStage.ACTIVE, genuineness=0.5)
    while table.second <= EARLY_S + 2:
        table.look(genuineness=0.5 + 0.01 * table.second)
    track = table.look(near_s=1.0, genuineness=0.9).only()
    first = next(s for s in range(0, 100, 2) if s >= EARLY_S)
    assert track.early == pytest.approx(0.5 + 0.01 * first)
    assert math.isnan(track.at_decision)


@pytest.mark.parametrize("near", [{"near_s": 0.5}, {"executed": 1.0}])
def test_a_wall_that_was_approached_before_has_no_early_answer(table, near):
    for _ in range(6):
        table.look(stage=WallStage.TESTED, **near)
    assert math.isnan(table.only().early)


def test_the_executed_share_is_the_largest_while_it_stood(table):
    table.look(stage=WallStage.TESTED, executed=30.0)
    track = table.look(executed=30.0, peak=150.0).ends(WallEnd.CONSUMED).only()
    assert track.executed_share == pytest.approx(0.3)
