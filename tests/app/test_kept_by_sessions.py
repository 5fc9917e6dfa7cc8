"""What a session leaves behind of its signals: readings, transitions, walls, what was learned, the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bot.app.session import SessionResult
from bot.signals.registry import card_names
from bot.store.database import Database
from bot.store.wall_report import wall_report
from tests.conftest import Recorded
from tests.sessions import backtest, config_in, demo, stored

SYMBOLS = ("BTCUSDT", "SOLUSDT")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[SessionResult, Path]:
    """Five minutes of the demo market, recorded with its truth; the tape's folder."""
    folder = tmp_path_factory.mktemp("kept")
    tape = folder / "tape"
    result = demo(folder, session="paper", symbols=SYMBOLS, duration_s=300.0, record=tape, truth=True)
    return result, tape


def audits(result: SessionResult, run: int) -> list[tuple[str, dict[str, Any]]]:
    return [(row["what"], json.loads(row["detail"])) for row in stored(result.database, "audit", run)]


def test_full_readings_of_every_tick_lie_beside_the_tape(kept: tuple[SessionResult, Path]) -> None:
    result, tape = kept
    assert result.summary["readings_to"] == str(tape / "readings")
    table = pq.read_table(tape / "readings")
    ticks, cards = result.summary["ticks"], len(card_names())
    assert ticks > 20
    assert table.num_rows == ticks * len(SYMBOLS) * (cards + 1) * 3
    awake = {card for card, score in zip(*table.select(["card", "score"]).to_pydict().values(), strict=True)
             if score is not None}  # fmt: skip
    assert {"composite", "ob_near"} <= awake


def test_the_database_keeps_transitions_and_readings_at_decisions_only(demo_session: Recorded) -> None:
    database = demo_session.result.database
    approved = [row["intent_id"] for row in stored(database, "plans")]
    causes = [row["cause"] for row in stored(database, "readings")]
    intents = {row["id"] for row in stored(database, "intents")}
    refused = {row["id"] for row in stored(database, "denials")}
    assert len(set(causes)) == len(causes)
    decided = "entries, refusals, and what strategies did about open trades"
    assert set(approved) < set(causes) <= intents | refused, decided
    transitions = stored(database, "transitions")
    assert {"trust", "thin", "composite"} <= {row["machine"] for row in transitions}
    for subject in {(row["machine"], row["subject"]) for row in transitions}:
        steps = [row for row in transitions if (row["machine"], row["subject"]) == subject]
        assert [row["old"] for row in steps] == ["", *(row["new"] for row in steps[:-1])]
        assert all(row["old"] != row["new"] for row in steps)


def test_walls_are_in_the_database_when_the_session_ends(demo_session: Recorded) -> None:
    with Database.read(demo_session.result.database.parent) as database:
        made = wall_report(database)
    assert sum(statistics["walls"] for statistics in made["statistics"]) > 0
    for row in [*made["standing"], *made["ended"]]:
        assert row["stage"] != "candidate"
        assert float(row["near"]) > 0.0


def test_what_was_learned_goes_on_without_the_checkpoint(tmp_path: Path) -> None:
    first = demo(tmp_path, session="paper", symbols=SYMBOLS, duration_s=60.0)
    names = {row["name"]: row["now_ns"] for row in stored(first.database, "learned")}
    assert set(names) == {"cards", "zones"}
    first.database.with_name("checkpoint.npz").unlink()
    second = demo(tmp_path, session="paper", symbols=SYMBOLS, duration_s=60.0)
    told = [(what, detail["learner"]) for what, detail in audits(second, 2) if what.startswith("learner")]
    assert told == [("learner_restored", "cards"), ("learner_restored", "zones")]
    later = {row["name"]: row["now_ns"] for row in stored(second.database, "learned")}
    assert all(later[name] > names[name] for name in names)


def test_a_damaged_learner_is_a_warning_and_the_session_runs(tmp_path: Path) -> None:
    first = demo(tmp_path, session="paper", symbols=SYMBOLS, duration_s=20.0)
    first.database.with_name("checkpoint.npz").unlink()
    with Database.open(first.database.parent) as database:
        database.connection.execute("UPDATE learned SET data = x'00' WHERE name = 'cards'")
    warnings: list[tuple[str, Mapping[str, Any]]] = []
    second = demo(
        tmp_path,
        session="paper",
        symbols=SYMBOLS,
        duration_s=20.0,
        on_warning=lambda what, detail: warnings.append((what, detail)),
    )
    assert [(what, detail["learner"]) for what, detail in warnings] == [("learner_ignored", "cards")]
    assert "learner_ignored" in [what for what, _ in audits(second, 2)]
    assert second.summary["ticks"] > 0
    with Database.read(second.database.parent) as database:
        (row,) = database.query("SELECT run FROM learned WHERE name = 'cards'")
    assert row["run"] == 2, "the next start has a sound one"


def test_the_truth_beside_the_tape_grows_with_it(kept: tuple[SessionResult, Path], tmp_path: Path) -> None:
    def truths(folder: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]

    tape = tmp_path / "tape"
    options: dict[str, Any] = {"session": "paper", "symbols": SYMBOLS, "record": tape, "truth": True}
    demo(tmp_path, duration_s=120.0, **options)
    first = truths(tape)
    demo(tmp_path, duration_s=120.0, **options)
    both = truths(tape)
    assert both[: len(first)] == first
    assert len(both) > len(first)
    assert both[len(first) :] == truths(tmp_path / "paper")
    assert truths(kept[1]) == truths(kept[0].database.parent)


def test_a_scenario_brings_its_venues(tmp_path: Path) -> None:
    result = demo(tmp_path, kind="watch", scenario="s-lag", symbols=("BTCUSDT",), duration_s=20.0)
    assert len(result.summary["markets"]) == 3
    assert result.summary["source"]["scenario"] == "s-lag"


def test_a_backtest_and_a_session_that_asked_for_none_write_no_readings(
    kept: tuple[SessionResult, Path], tmp_path: Path
) -> None:
    assert backtest(tmp_path, kept[1], session="back").summary["readings_to"] is None
    none = config_in(tmp_path, **{"storage.readings_days": 0})
    result = demo(tmp_path, config=none, session="none", symbols=SYMBOLS, duration_s=20.0)
    assert result.summary["readings_to"] is None
    assert not list(tmp_path.rglob("readings"))


def test_starting_over_forgets_the_readings_of_the_session(tmp_path: Path) -> None:
    options: dict[str, Any] = {"session": "paper", "symbols": SYMBOLS, "duration_s": 20.0}
    folder = tmp_path / "paper" / "readings"
    demo(tmp_path, **options)
    (first,) = folder.iterdir()
    demo(tmp_path, **options)
    assert len(list(folder.iterdir())) == 2
    demo(tmp_path, fresh=True, **options)
    assert [path.name for path in folder.iterdir()] == [first.name]
