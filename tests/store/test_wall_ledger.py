from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.signals.walls import WallEnd, WallStage
from bot.store.database import Database
from bot.store.encoding import decode
from bot.store.journal import StoreJournal
from bot.store.wall_ledger import WallLedger
from tests.store.signal_arrays import MARKETS, T0, S, fake_signals


class Desk:
    """A ledger over arrays that the test fills, and the database behind it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(folder)
        self.journal = StoreJournal(self.database, self.database.start_run("paper", {}, 0))
        self.signals = fake_signals()
        self.ledger = WallLedger(self.journal, MARKETS, self.signals)

    def stand(self, market: int, *walls: dict[str, Any]) -> None:
        self.signals.grid["walls"][market] = len(walls)
        for k, values in enumerate(walls):
            self.signals.walls[market, k] = np.zeros((), self.signals.walls.dtype)
            for name, value in values.items():
                self.signals.walls[market, k][name] = value

    def end(self, market: int, slot: int, **values: Any) -> None:
        for name, value in values.items():
            self.signals.ended[market, slot][name] = value

    def rows(self) -> dict[tuple[str, int], dict[str, Any]]:
        self.journal.commit()
        return {(row["market"], row["id"]): row for row in self.database.query("SELECT * FROM walls")}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "paper")
    yield made
    made.database.close()


def wall(number: int, stage: WallStage = WallStage.ACTIVE, **values: Any) -> dict[str, Any]:
    return {"id": number, "side": 1, "near": 1000, "far": 991, "stage": stage, "born_ns": T0, **values}


CONSUMED: dict[str, Any] = {"label": WallEnd.CONSUMED, "ended_ns": T0 + 9 * S, "peak": 80.0, "executed": 60.0}


def test_a_standing_wall_is_a_row_without_an_end(desk: Desk) -> None:
    desk.stand(1, wall(7, peak=80.0, genuineness=0.7, touches=2))
    desk.ledger.note_standing(T0 + 5 * S, desk.signals)
    (row,) = desk.rows().values()
    assert (row["market"], row["id"], row["side"], row["near_ticks"]) == (MARKETS[1], 7, 1, 1000)
    assert (row["end"], row["ended_ns"], row["seen_ns"], row["stage"]) == (None, None, T0 + 5 * S, "active")
    assert (row["peak_lots"], row["genuineness"], row["tested"]) == (80.0, 0.7, 0)
    assert decode(row["figures"]) == {"touches": 2}


def test_candidates_are_no_walls(desk: Desk) -> None:
    desk.stand(0, wall(1, WallStage.CANDIDATE))
    desk.ledger.note_standing(T0, desk.signals)
    desk.end(0, 0, **wall(2, WallStage.CANDIDATE), **CONSUMED)
    desk.ledger.look(T0 + 10 * S, desk.signals)
    assert desk.rows() == {}


def test_an_ended_wall_takes_the_place_of_its_standing_row(desk: Desk) -> None:
    desk.stand(0, wall(3))
    desk.ledger.note_standing(T0, desk.signals)
    desk.stand(0)
    desk.end(0, 2, **wall(3, WallStage.TESTED), **CONSUMED)
    desk.ledger.look(T0 + 10 * S, desk.signals)
    desk.ledger.note_standing(T0 + 10 * S, desk.signals)
    (row,) = desk.rows().values()
    assert (row["end"], row["ended_ns"], row["tested"], row["executed_lots"]) == (
        "consumed",
        T0 + 9 * S,
        1,
        60.0,
    )


def test_a_wall_that_ended_between_two_ticks_is_not_called_lost(desk: Desk) -> None:
    desk.stand(0, wall(3))
    desk.ledger.note_standing(T0, desk.signals)
    desk.stand(0)
    desk.end(0, 2, **wall(3, WallStage.TESTED), **CONSUMED)
    desk.ledger.note_standing(T0 + 10 * S, desk.signals)
    assert desk.rows()[MARKETS[0], 3]["end"] == "consumed"


def test_a_wall_that_goes_without_an_end_is_lost_when_it_was_last_seen(desk: Desk) -> None:
    desk.stand(0, wall(3), wall(4))
    desk.ledger.note_standing(T0 + S, desk.signals)
    desk.stand(0, wall(4))
    desk.ledger.note_standing(T0 + 11 * S, desk.signals)
    rows = desk.rows()
    assert (rows[MARKETS[0], 3]["end"], rows[MARKETS[0], 3]["seen_ns"]) == ("lost", T0 + S)
    assert rows[MARKETS[0], 4]["end"] is None


def test_a_slot_used_again_is_another_wall_and_a_slot_unchanged_is_not(desk: Desk) -> None:
    desk.end(0, 1, **wall(5), **CONSUMED)
    desk.ledger.look(T0 + 10 * S, desk.signals)
    desk.ledger.look(T0 + 20 * S, desk.signals)
    desk.end(0, 1, **wall(21), **{**CONSUMED, "label": WallEnd.PULLED, "ended_ns": T0 + 25 * S})
    desk.ledger.look(T0 + 30 * S, desk.signals)
    assert {key: row["end"] for key, row in desk.rows().items()} == {
        (MARKETS[0], 5): "consumed",
        (MARKETS[0], 21): "pulled",
    }


def test_what_ended_before_the_run_is_of_an_earlier_one(desk: Desk) -> None:
    desk.end(0, 1, **wall(5), **CONSUMED)
    later = WallLedger(desk.journal, MARKETS, desk.signals)
    later.look(T0 + 10 * S, desk.signals)
    assert desk.rows() == {}
