"""`lopside pause`, `close` and `flatten` against a running session, and the replay of its recording."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from bot.app.session import SessionResult
from bot.cli.main import main
from bot.operate.control import control_path
from bot.store.database import Database
from tests.sessions import backtest, demo, stored

pytestmark = pytest.mark.slow


def test_commands_reach_a_running_session_and_its_recording_replays_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", str(tmp_path))
    tape = tmp_path / "tape"
    ended: list[SessionResult] = []
    runner = threading.Thread(
        target=lambda: ended.append(demo(tmp_path, session="live", duration_s=900.0, speed=60.0, record=tape))
    )
    runner.start()
    try:
        while not control_path(tmp_path / "live").exists():
            runner.join(0.05)
            assert runner.is_alive(), "the session ended before it listened"
        assert main(["pause", "--session", "live"]) == 0
        assert main(["close", "NOSUCH", "--session", "live", "--yes"]) == 1
        assert main(["mode", "day", "swing", "--session", "live"]) == 0
        assert main(["mode", "noon", "--session", "live"]) == 1
        assert main(["mode", "scalp", "day", "--session", "live"]) == 0
        assert main(["arm", "5", "--session", "live", "--json"]) == 0
        assert main(["restart", "wall_fade", "--session", "live", "--yes"]) == 1
        assert main(["risk", "reset", "cool_down", "--session", "live", "--yes"]) == 1
        assert main(["backup", str(tmp_path / "copy.db"), "--session", "live"]) == 0
        assert main(["disarm", "--session", "live"]) == 0
        assert main(["resume", "--session", "live", "--json"]) == 0
        assert main(["flatten", "--session", "live", "--yes"]) == 0
    finally:
        runner.join()
    said = capsys.readouterr().out
    assert "paused: no new entries" in said
    assert "NOSUCH" in said
    assert "entries in scalp, day; swing only managed on" in said
    assert (tmp_path / "copy.db").read_bytes().startswith(b"SQLite format 3")

    live = ended[0]
    audits = [json.loads(r["detail"]) for r in stored(live.database, "audit") if r["what"] == "command"]
    assert [(a["verb"], a.get("done")) for a in audits] == [
        ("pause", True),
        ("close", None),
        ("close", False),
        ("mode", True),
        ("mode", False),
        ("mode", True),
        ("arm", True),
        ("restart", None),
        ("restart", False),
        ("reset", None),
        ("reset", False),
        ("disarm", True),
        ("resume", True),
        ("flatten", None),
        ("flatten", True),
    ]
    assert all(a["by"].startswith("local:") for a in audits)
    assert main(["pause", "--session", "live"]) == 2, "nobody listens any more"

    replayed = backtest(tmp_path, tape, session="replayed").summary
    assert replayed["decision_hash"] == live.summary["decision_hash"]
    again = demo(tmp_path, session="live", duration_s=60.0)
    assert again.summary["decisions"].get("intents", 0) == 0, "the pause survives a restart"
    with Database.read(tmp_path / "live") as database:
        assert database.state("session")["modes"] == ["scalp", "day"], "so do the modes"
