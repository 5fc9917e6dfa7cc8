"""What `walls`, `zones` and `weights` say, as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.errors import BadInput
from bot.signals.registry import card_names
from bot.store.database import Database
from bot.store.wall_report import wall_report
from bot.store.weight_report import weight_report
from bot.store.zone_report import zone_report
from tests.store.kept_session import fill
from tests.store.signal_arrays import MARKETS, T0


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Database]:
    fill(tmp_path / "paper")
    with Database.read(tmp_path / "paper") as opened:
        yield opened


def test_walls_fare_as_they_ended(kept: Database) -> None:
    made = wall_report(kept)
    first, second = made["statistics"]
    assert (first["market"], first["walls"], first["standing"]) == (MARKETS[0], 6, 1)
    assert first["ends"] == {"expired": 2, "consumed": 1, "pulled": 1, "lost": 1}
    assert first["shares"]["consumed"] == 0.2
    # lost at 5 and standing at 100 only count as having lived so long: (1 - 1/5) (1 - 1/4) (1 - 1/3) = 2/5
    assert first["median_life_s"] == 30.0
    assert (first["tested"], first["held"], first["hold_rate"]) == (3, 1, 1 / 3)
    assert 0.0 < first["hold_low"] < 1 / 3 < first["hold_high"] < 1.0
    assert (second["walls"], second["median_life_s"], second["hold_rate"]) == (1, None, None)


def test_walls_have_prices_and_all_their_figures(kept: Database) -> None:
    made = wall_report(kept, last=2)
    assert [row["id"] for row in made["standing"]] == [6, 7]
    assert (made["standing"][0]["near"], made["standing"][0]["near_ticks"]) == ("1000.0", 10_000)
    assert made["standing"][1]["near"] == "100.00"
    assert made["standing"][0]["figures"] == {"touches": 2}
    assert [row["id"] for row in made["ended"]] == [3, 4]
    assert wall_report(kept, last=0)["ended"] == []


def test_one_market_or_one_run_alone(kept: Database) -> None:
    assert [s["market"] for s in wall_report(kept, symbol="ETHUSDT")["statistics"]] == [MARKETS[1]]
    assert wall_report(kept, symbol="binance:ETHUSDT") == wall_report(kept, symbol="ETHUSDT")
    assert wall_report(kept, run=1)["statistics"] == []
    with pytest.raises(BadInput, match=r"unknown symbol 'DOGEUSDT'.*binance:BTCUSDT"):
        zone_report(kept, symbol="DOGEUSDT")
    with pytest.raises(BadInput, match="no run 9"):
        wall_report(kept, run=9)


def test_what_stood_when_an_earlier_run_ended_does_not_stand_now(tmp_path: Path) -> None:
    fill(tmp_path / "paper")
    with Database.open(tmp_path / "paper") as database:
        database.start_run("paper", {}, T0)
        assert wall_report(database)["standing"] == zone_report(database)["standing"] == []
        assert wall_report(database)["statistics"][0]["walls"] == 6


def test_zones_hold_as_their_approaches_ended(kept: Database) -> None:
    made = zone_report(kept)
    (stats,) = made["statistics"]
    assert (stats["zones"], stats["standing"], stats["touches"]) == (2, 1, 5)
    assert (stats["holds"], stats["breaks"], stats["pulls"], stats["hold_rate"]) == (3, 1, 1, 0.6)
    assert stats["median_life_s"] == 50.0
    assert [(row["id"], row["low"], row["high"]) for row in made["standing"]] == [(1, "999.0", "1000.0")]
    assert [row["id"] for row in made["gone"]] == [2]


def test_zones_say_what_touches_taught(kept: Database) -> None:
    learned = zone_report(kept)["learned"]
    assert (learned["labels"], learned["brier"], learned["brier_of_base_rate"]) == (4, 0.2, 0.25)
    assert learned["coefficients"]["cascade"] == learned["prior"]["cascade"] == -1.0


def test_weights_say_what_is_traded_learned_and_how_good_it_was(kept: Database) -> None:
    made = weight_report(kept)
    assert len(made["learners"]) == 2 * 3
    scalp, day = made["learners"][:2]
    assert (scalp["market"], scalp["mode"], scalp["labels"], scalp["killed"]) == (
        MARKETS[0],
        "scalp",
        50,
        False,
    )
    assert scalp["brier"] == {"published": pytest.approx(0.2), "unconstrained": 0.25, "null": 0.25}
    assert day["brier"]["published"] is None
    names = [*card_names(), "null"]
    assert [row["expert"] for row in scalp["experts"]] == names
    first, second = scalp["experts"][:2]
    assert first["prior"] - first["weight"] == pytest.approx(0.02)
    assert (second["theta"], second["learned"]) == (1.5, pytest.approx(second["prior"]))
    assert sum(row["weight"] for row in scalp["experts"]) == pytest.approx(1.0)
    assert sum(scalp["trust"].values()) == pytest.approx(1.0)
    assert [row["reason"] for row in made["changes"]] == ["learned", "killed"]
    assert [row["reason"] for row in weight_report(kept, last=1)["changes"]] == ["killed"]
    assert weight_report(kept, symbol="BTCUSDT")["changes"][-1]["market"] == MARKETS[0]


def test_everything_is_json(kept: Database) -> None:
    for made in (wall_report(kept), zone_report(kept), weight_report(kept)):
        json.dumps(made, allow_nan=False)


def test_damaged_or_absent_learning_is_said(tmp_path: Path) -> None:
    fill(tmp_path / "paper")
    with Database.open(tmp_path / "paper") as database:
        database.connection.execute("UPDATE learned SET data = x'00'")
        with pytest.raises(BadInput, match="learner"):
            weight_report(database)
        with pytest.raises(BadInput, match="zones"):
            zone_report(database)
        database.connection.execute("DELETE FROM learned")
        with pytest.raises(BadInput, match="nothing learned is kept yet"):
            weight_report(database)
        assert zone_report(database)["learned"] is None
