from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.signals.zones.state import Grade, Kind, Source, new_zones
from bot.store.database import Database
from bot.store.encoding import decode
from bot.store.journal import StoreJournal
from bot.store.zone_ledger import ZoneLedger
from tests.store.signal_arrays import MARKETS, T0, S


class Desk:
    def __init__(self, folder: Path) -> None:
        self.database = Database.open(folder)
        self.journal = StoreJournal(self.database, self.database.start_run("paper", {}, 0))
        self.zones = new_zones(2)
        self.ledger = ZoneLedger(self.journal, MARKETS)

    def place(self, market: int, *zones: dict[str, Any]) -> None:
        """The zones of a market, oldest first."""
        self.zones.markets["zones"][market] = len(zones)
        for k, values in enumerate(zones):
            self.zones.zones[market, k] = self.zones.zones[1, -1]
            for name, value in values.items():
                self.zones.zones[market, k][name] = value

    def rows(self) -> list[dict[str, Any]]:
        self.ledger.write()
        self.journal.commit()
        return self.database.query("SELECT * FROM zones ORDER BY market, id")

    def steps(self) -> list[tuple[str, str, str]]:
        self.journal.commit()
        rows = self.database.query("SELECT * FROM transitions WHERE machine = 'zone' ORDER BY rowid")
        return [(row["subject"], row["old"], row["new"]) for row in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "paper")
    yield made
    made.database.close()


def zone(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": number,
        "side": 1,
        "spoken": 1,
        "rank": 1,
        "kind": Kind.SUPPORT,
        "grade": Grade.A,
        "low": 990.5,
        "high": 1000.0,
        "centre": 995.0,
        "hold": 0.7,
        "born_ns": T0,
        "sources": Source.WALL | Source.ROUND,
        **values,
    }


def test_a_zone_is_written_when_it_is_first_spoken_of(desk: Desk) -> None:
    desk.place(0, zone(1, spoken=0, rank=0))
    desk.ledger.look(T0, desk.zones)
    assert desk.rows() == []
    desk.place(0, zone(1))
    desk.ledger.look(T0 + 10 * S, desk.zones)
    (row,) = desk.rows()
    assert (row["market"], row["id"], row["kind"], row["grade"], row["rank"]) == (
        MARKETS[0],
        1,
        "support",
        "A",
        1,
    )
    assert (row["low_ticks"], row["high_ticks"], row["hold"], row["sources"]) == (
        990.5,
        1000.0,
        0.7,
        "wall, round",
    )
    assert (row["changed_ns"], row["gone_ns"]) == (T0 + 10 * S, None)
    assert desk.steps() == [("binance:BTCUSDT 1", "", "support A")]


def test_figures_move_with_changes_only(desk: Desk) -> None:
    desk.place(0, zone(1))
    desk.ledger.look(T0, desk.zones)
    desk.place(0, zone(1, hold=0.8))
    desk.ledger.look(T0 + 10 * S, desk.zones)
    assert (desk.rows()[0]["hold"], desk.rows()[0]["changed_ns"]) == (0.7, T0)
    desk.place(0, zone(1, hold=0.8, touches=1))
    desk.ledger.look(T0 + 20 * S, desk.zones)
    assert (desk.rows()[0]["hold"], desk.rows()[0]["touches"]) == (0.8, 1)
    assert len(desk.steps()) == 1, "an approach is no new kind or grade"


def test_a_change_of_kind_is_a_step_with_its_reasons(desk: Desk) -> None:
    desk.place(1, zone(4))
    desk.ledger.look(T0, desk.zones)
    desk.place(1, zone(4, kind=Kind.TRAP, grade=Grade.C, rank=0, hold=0.3))
    desk.ledger.look(T0 + 10 * S, desk.zones)
    assert desk.steps()[-1] == ("binance:ETHUSDT 4", "support A", "trap C")
    detail = decode(desk.database.query("SELECT detail FROM transitions ORDER BY rowid DESC")[0]["detail"])
    assert detail["hold"] == 0.3


def test_a_forgotten_zone_is_gone(desk: Desk) -> None:
    desk.place(0, zone(1), zone(2))
    desk.ledger.look(T0, desk.zones)
    desk.place(0, zone(2))
    desk.ledger.look(T0 + 10 * S, desk.zones)
    first, second = desk.rows()
    assert (first["id"], first["gone_ns"], first["rank"], first["kind"]) == (1, T0 + 10 * S, 0, "support")
    assert (second["id"], second["gone_ns"], second["rank"]) == (2, None, 1)
    assert desk.steps()[-1] == ("binance:BTCUSDT 1", "support A", "")
