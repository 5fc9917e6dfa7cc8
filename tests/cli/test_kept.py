"""`walls`, `zones` and `weights` through the command line, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli.main import main
from tests.store.kept_session import fill


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions")
    fill(folder / "paper")
    return folder


@pytest.fixture(autouse=True)
def folder(sessions: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", str(sessions))
    return sessions


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_walls_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "walls")
    for word in (
        "How walls fared",
        "expired 40%",
        "33%",
        "30.0s",
        "Standing",
        "1000.0",
        "3.0bp",
        "Ended last",
    ):
        assert word in text, word
    made = json.loads(said(capsys, "walls", "--json", "--symbol", "BTCUSDT", "--last", "1"))
    assert (len(made["standing"]), len(made["ended"])) == (1, 1)


def test_zones_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "zones")
    for word in ("How zones fared", "60%", "support", "999.0", "1000.0", "genuineness +0.80 (+0.80)"):
        assert word in text, word
    assert json.loads(said(capsys, "zones", "--json"))["statistics"][0]["holds"] == 3


def test_weights_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "weights", "--symbol", "BTCUSDT")
    for word in ("binance:BTCUSDT scalp", "50 labels", "0.2000 published", "ob_near", "null", "Last changes"):
        assert word in text, word
    assert "ETHUSDT" not in text
    assert len(json.loads(said(capsys, "weights", "--json"))["learners"]) == 6


@pytest.mark.parametrize("command", ["walls", "zones", "weights"])
def test_a_wrong_symbol_or_session_is_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--symbol", "NOSUCH"]) == 2
    assert "unknown symbol 'NOSUCH'" in capsys.readouterr().err
    assert main([command, "--session", "absent"]) == 2
    assert "no session 'absent'" in capsys.readouterr().err


def test_a_session_without_walls_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.store.database import Database

    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", str(tmp_path))
    with Database.open(tmp_path / "paper") as database:
        database.start_run("paper", {}, 0)
    assert "no walls yet" in said(capsys, "walls")
    assert "no zones yet" in said(capsys, "zones")
    assert main(["weights"]) == 2


def test_the_scenarios_of_the_help_are_those_there_are() -> None:
    from bot.cli.scenarios import SCENARIOS
    from bot.market import synthetic

    assert {name: scenario.about for name, scenario in synthetic.SCENARIOS.items()} == SCENARIOS


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--scenario", "s-wal-easy"], "s-wall-easy"),
        (["--truth"], "--record"),
    ],
)
def test_what_the_demo_market_cannot_do_is_said_and_leaves_no_session(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", str(tmp_path / "sessions"))
    assert main(["watch", "--for", "1s", "--speed", "max", *arguments]) == 2
    assert expected in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
