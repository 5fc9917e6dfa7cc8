"""`lopside risk` and `lopside risk reset` on a session that traded, broke a limit and stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.app.config import load
from bot.app.resuming import kept_state
from bot.app.wiring import wire
from bot.cli.main import main
from bot.cli.risk_page import markdown
from bot.core.units import NS_PER_S
from bot.market.instruments import find
from bot.store.database import Database
from bot.store.journal import StoreJournal
from tests.trading import T0


class NoSource:
    """What `kept_state` asks of a source."""

    instruments = (find("binance-usdm:BTCUSDT"),)

    def resume_state(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session `paper` whose equity fell from 10,000 to 9,300 and which was stopped then."""
    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", str(tmp_path))
    source: Any = NoSource()
    with Database.open(tmp_path / "paper") as database:
        journal = StoreJournal(database, database.start_run("paper", {}, T0))
        wired = wire(load(environ={}), source.instruments, {}, journal, trades=True, own_timers=False)
        trading = wired.trading
        assert trading is not None
        trading.venue.deposit("USDT", 10_000 * 10**8)
        wired.engine._watch("USDT", T0)
        trading.venue.deposit("USDT", -700 * 10**8)  # behind the tracker's back: a loss
        wired.engine._watch("USDT", T0 + NS_PER_S)
        journal.keep("session", kept_state(source, trading), T0 + NS_PER_S)
        journal.keep("limits", [row.to_json() for row in wired.engine.limits()], T0 + NS_PER_S)
        journal.commit()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_what_is_broken_is_said_first_with_its_figures(
    session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(said(capsys, "risk").split())
    for words in (
        "broken drawdown USDT since",
        "7.00%, limit 6.00%",
        "all positions are closed; resets by the operator only",
        "broken daily_loss USDT",
        "Exits, stops and targets are blocked by none",
        "order_rate",
    ):
        assert words in text, words
    made = json.loads(said(capsys, "risk", "show", "--json"))
    rows = {row["name"]: row for row in made["limits"]}
    assert rows["drawdown"]["value"] == pytest.approx(0.07)
    assert rows["drawdown"]["since_ns"] == T0 + NS_PER_S
    assert not rows["max_positions"]["broken"]
    assert [event["what"] for event in made["events"]] == ["limit_broken"] * 2


def test_a_reset_ends_the_halt_counts_the_peak_anew_and_is_audited(
    session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "drawdown reset for USDT" in said(capsys, "risk", "reset", "drawdown")
    with Database.read(session / "paper") as database:
        state = database.state("session")
        (row,) = database.query("SELECT * FROM audit WHERE what = 'limit_reset'")
    assert [trip[0] for trip in state["risk"]["latches"]] == ["daily_loss"]
    assert state["accounts"]["USDT"][2] == 9_300 * 10**8
    detail = json.loads(row["detail"])
    assert detail["peaks_e8"] == {"USDT": [10_000 * 10**8, 9_300 * 10**8]}
    assert detail["by"] == "cli"
    text = said(capsys, "risk")
    assert "broken drawdown" not in text
    assert "limit_reset" in text
    assert main(["risk", "reset", "drawdown"]) == 2
    assert "nothing to reset" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["reset", "daily_loss"], 2, "00:00 UTC"),
        (["reset", "drawdon"], 2, "did you mean 'drawdown'"),
        (["reset", "drawdown", "--session", "absent"], 2, "no session 'absent'"),
        (["show", "--session", "absent"], 2, "no session 'absent'"),
        (["--session", "absent"], 2, "no session 'absent'"),
        (["--session", "absent", "reset", "drawdown"], 2, "give options after the word"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], code: int, says: str, session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["risk", *arguments]) == code
    assert says in capsys.readouterr().err
    assert sorted(path.name for path in session.iterdir()) == ["paper"]


def test_a_running_session_is_not_reset_behind_its_back(
    session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Database.open(session / "paper"):
        assert main(["risk", "reset", "drawdown"]) == 4
    assert "already running" in capsys.readouterr().err


def test_the_page_of_limits_is_the_table(repo: Path) -> None:
    page = (repo / "docs" / "risk.md").read_text()
    assert page == markdown(), "run: python -m bot.cli.risk_page > docs/risk.md"
