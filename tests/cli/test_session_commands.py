"""A session run through the command line, and what the other commands then say about it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import main


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Ten minutes of the demo market as fast as possible, recorded; the folder and what `--json` said."""
    folder = tmp_path_factory.mktemp("session")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOPSIDE_STORAGE__FOLDER", str(folder))
        out = _captured(
            ["paper", "--for", "10m", "--speed", "max", "--json", "--record", str(folder / "tape")]
        )
    return folder, json.loads(out)


def _captured(arguments: list[str], code: int = 0) -> str:
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(arguments) == code
    return out.getvalue()


@pytest.fixture(autouse=True)
def folder(session: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", str(session[0]))
    return session[0]


def test_paper_says_as_json_what_the_report_says_later(session: tuple[Path, dict[str, Any]]) -> None:
    told = session[1]
    again = json.loads(_captured(["report", "--run", "1", "--json"]))
    assert again["trades"] == told["report"]["trades"]
    assert again["refusals"] == told["report"]["refusals"]
    assert told["rows"] > 100_000
    assert told["decisions"]["readings"] > 0
    assert (told["gaps"], told["lost_rows"], told["interrupted"]) == (0, 0, False)


def test_the_report_for_people_names_every_reason_of_refusal(session: tuple[Path, dict[str, Any]]) -> None:
    text = _captured(["report"])
    for refused in session[1]["report"]["refusals"]:
        assert f"{refused['reason']} {refused['count']:,}" in text


def test_trades_go_to_csv(session: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _captured(["report", "--csv", str(tmp_path / "trades.csv"), "--json"])
    written = list(csv.DictReader((tmp_path / "trades.csv").read_text().splitlines()))
    assert [row["id"] for row in written] == [trade["id"] for trade in session[1]["report"]["trades"]]


def test_why_tells_the_story_of_a_trade(session: tuple[Path, dict[str, Any]]) -> None:
    trade = session[1]["report"]["trades"][0]
    chain = json.loads(_captured(["why", trade["id"], "--json"]))
    assert chain["trade"]["net_e8"] == trade["net_e8"]
    assert chain["orders"]
    assert chain["intent"]["reason"]
    text = _captured(["why", trade["id"]])
    for order in chain["orders"]:
        assert order["client_id"] in text


def test_status_lists_the_session_as_ended(session: tuple[Path, dict[str, Any]]) -> None:
    (entry,) = json.loads(_captured(["status", "--json"]))
    assert (entry["session"], entry["state"], entry["running"]) == ("paper", "ended", False)
    assert "paper run 1 ended" in _captured(["status", "--session", "paper"])


def test_the_log_has_a_first_and_a_last_line(folder: Path) -> None:
    events = [
        json.loads(line)["event"] for line in (folder / "paper" / "lopside.log").read_text().splitlines()
    ]
    assert (events[0], events[-1]) == ("started", "ended")


def test_a_recording_can_be_looked_into(session: tuple[Path, dict[str, Any]], folder: Path) -> None:
    tape = str(folder / "tape")
    info = json.loads(_captured(["tape", "info", tape, "--json"]))
    assert info["rows"] == session[1]["rows"]
    assert json.loads(_captured(["tape", "verify", tape, "--deep", "--json"]))["ok"]
    middle = (info["first_ns"] + info["last_ns"]) // 2
    arguments = ["tape", "book", tape, "--at", str(middle), "--symbol", "BTCUSDT", "--json"]
    book = json.loads(_captured(arguments))
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])
    first = _captured(["tape", "cat", tape, "--limit", "3", "--json"]).splitlines()
    assert [json.loads(line)["seq"] for line in first] == [1, 2, 3]


def test_a_backtest_of_the_recording_makes_the_same_decisions(
    session: tuple[Path, dict[str, Any]], folder: Path
) -> None:
    told = json.loads(_captured(["backtest", str(folder / "tape"), "--json"]))
    assert told["decision_hash"] == session[1]["decision_hash"]


def test_a_locked_session_is_said_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bot.store.database import Database

    with Database.open(folder / "busy"):
        assert main(["paper", "--session", "busy", "--for", "1s", "--speed", "max"]) == 4
    assert "already running" in capsys.readouterr().err


def test_configuration_commands(capsys: pytest.CaptureFixture[str], repo: Path) -> None:
    assert main(["config", "check", str(repo / "config.example.yaml")]) == 0
    capsys.readouterr()
    assert main(["config", "example"]) == 0
    assert capsys.readouterr().out == (repo / "config.example.yaml").read_text()
    assert main(["config", "schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)
    assert main(["config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["market"]["source"] == "demo"
