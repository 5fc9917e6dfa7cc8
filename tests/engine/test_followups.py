"""What the price did after entries, exits and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.enums import DenyReason, Mode
from bot.core.messages import Denied, Intent
from bot.core.units import NS_PER_S
from bot.engine.followups import MOST, Followups
from tests.engine.world import Scripted, World, a_long, opened
from tests.fakes import FakeJournal
from tests.trading import LONG, MID, SHORT, T0

ENTRY = replace(LONG, mid=MID, stop_bps=10.0, target_bps=20.0)


def followed(intent: Intent, moves_bps: list[float]) -> dict[str, Any]:
    """The row after the mid went through these moves, one a tick, from MID."""
    journal = FakeJournal()
    followups = Followups(journal)
    followups.entered(intent)
    for k, move in enumerate(moves_bps, start=1):
        mid = MID * (1 + move / 1e4)
        followups.tick(T0 + 10 * k * NS_PER_S, {0: mid}.__getitem__)
    followups.end()
    (row,) = journal.of("outcome")
    made: dict[str, Any] = row
    return made


def test_the_path_is_that_at_a_sixth_a_half_and_the_whole_horizon() -> None:
    row = followed(ENTRY, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 99.0])

    assert row["path"] == {
        "10": pytest.approx(1.0),
        "30": pytest.approx(3.0),
        "60": pytest.approx(6.0),
    }
    assert (row["what"], row["horizon_s"], row["best_bps"]) == ("entered", 60, pytest.approx(6.0))


def test_moves_are_towards_the_side_and_a_longer_mode_looks_further() -> None:
    short = replace(SHORT, mid=MID, mode=Mode.DAY, stop_bps=10.0, target_bps=20.0)
    row = followed(short, [-1.0] * 60)

    assert row["path"] == {seconds: pytest.approx(1.0) for seconds in ("100", "300", "600")}


@pytest.mark.parametrize(
    ("moves", "first"),
    [([5.0, 20.0, -30.0], "target"), ([5.0, -10.0, 30.0], "stop"), ([5.0, -9.9, 19.9], "")],
)
def test_it_says_which_barrier_came_first(moves: list[float], first: str) -> None:
    assert followed(ENTRY, moves)["first"] == first


def test_a_repeated_refusal_is_followed_once_until_its_horizon_is_over() -> None:
    journal = FakeJournal()
    followups = Followups(journal)
    for k in range(10):
        now_ns = T0 + 10 * k * NS_PER_S
        intent = replace(ENTRY, id=f"{k:016x}", now_ns=now_ns)
        followups.tick(now_ns, lambda market: MID)
        followups.refused(Denied(intent, DenyReason.EDGE_BELOW_COST, 0.0, -1.0))

    assert [row["id"] for row in journal.of("outcome")] == [f"{0:016x}"]
    assert len(followups) == 1


def test_while_the_mid_is_unknown_nothing_is_concluded() -> None:
    journal = FakeJournal()
    followups = Followups(journal)
    followups.entered(ENTRY)
    followups.tick(T0 + 600 * NS_PER_S, lambda market: float("nan"))

    assert journal.of("outcome") == []


def test_what_comes_beyond_the_limit_is_counted() -> None:
    followups = Followups(FakeJournal())
    for k in range(MOST + 3):
        followups.entered(replace(ENTRY, id=f"{k:016x}"))

    assert (len(followups), followups.dropped) == (MOST, 3)


def test_the_engine_follows_an_entry_from_its_decision_and_the_trade_from_its_end() -> None:
    entry = a_long(time_stop_ns=3 * NS_PER_S)
    world = World(Scripted(entry), modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 105.0, 0.1))

    rows = world.journal.of("outcome")
    assert [(row["what"], row["reason"]) for row in rows] == [("entered", ""), ("left", "time")]
    assert {row["id"] for row in rows} == {entry.id}
    assert rows[0]["from_ns"] < rows[1]["from_ns"]
    assert set(rows[0]["path"]) == {"10", "30", "60"}
