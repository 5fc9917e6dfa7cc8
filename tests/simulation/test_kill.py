"""Kill −9 while paper-trading and recording: nothing that was decided is lost or unexplained."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bot
from bot.core.errors import BadInput
from bot.market.tape import open_tape, verify
from bot.store.database import Database
from tests.sessions import backtest, demo, stored

pytestmark = pytest.mark.slow

ORDERS = 8

CHILD = """
import sys
from pathlib import Path
from tests.sessions import demo
folder = Path(sys.argv[1])
demo(folder, session="killed", duration_s=3600.0, speed=150.0, record=folder / "tape")
"""


def database_of(folder: Path) -> Path:
    return folder / "killed" / "lopside.db"


def count(folder: Path, table: str) -> int:
    """Rows a reader of the running session's database sees; 0 before there is one."""
    try:
        return len(stored(database_of(folder), table))
    except (BadInput, sqlite3.Error):
        return 0


def kept_state(folder: Path) -> dict[str, Any]:
    opened = Database.read(database_of(folder).parent)
    try:
        return dict(opened.state("session"))
    finally:
        opened.close()


def eventually(condition: Callable[[], bool], child: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for a condition on a running child, looking again every 50 ms."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        try:
            child.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"the session ended by itself with status {child.returncode}")
    pytest.fail(f"not within {seconds} s")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a session that was killed once its journal held ORDERS orders."""
    folder = tmp_path_factory.mktemp("kill")
    code = Path(bot.__file__).parents[1]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], cwd=code, env={**os.environ, "PYTHONPATH": str(code)}
    )
    try:
        eventually(lambda: count(folder, "orders") >= ORDERS, child, 120.0)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL
    return folder


def test_every_order_of_the_journal_replays_from_the_log(killed: Path, tmp_path: Path) -> None:
    replayed = backtest(tmp_path, killed / "tape", session="replayed")

    for table in ("intents", "plans", "orders", "reports", "fills"):
        journal, replay = stored(database_of(killed), table), stored(replayed.database, table)
        # the log is always ahead of the journal, so the replay may know a little more
        assert journal == replay[: len(journal)], table
    assert count(killed, "orders") >= ORDERS


def test_verify_says_what_the_log_holds(killed: Path) -> None:
    tape = open_tape(killed / "tape")

    report = verify(tape, deep=True)

    assert report.ok, report.findings
    assert report.rows == tape.row_count == report.last_seq
    assert report.missing_seq == report.gap_count == report.lost_count == report.crossed_count == 0


def test_the_money_that_was_kept_is_that_of_the_journal(killed: Path) -> None:
    """State and rows are one transaction: wallet = deposits + realised - fees of the stored reports."""
    accounts = kept_state(killed)["venue"]["ledger"]["accounts"]["USDT"]
    reports = stored(database_of(killed), "reports")

    told = sum(r["realised_e8"] - r["fee_e8"] + r["funding_e8"] for r in reports)
    kept = accounts["realised_e8"] - accounts["fees_e8"] + accounts["funding_e8"]
    on_their_way = kept - told
    assert accounts["deposits_e8"] == 10_000 * 10**8
    # what the venue has done and we were not told yet is in the kept wallet, and is small
    assert abs(on_their_way) < 100 * 10**8


def test_a_restart_goes_on_with_wallet_and_log(killed: Path) -> None:
    before = kept_state(killed)
    rows_before = open_tape(killed / "tape").row_count

    result = demo(killed, session="killed", duration_s=60.0, speed=150.0, record=killed / "tape")

    assert result.summary["run"] == 2
    runs = stored(database_of(killed), "runs")
    assert [run["state"] for run in runs] == ["interrupted", "ended"]
    accounts = kept_state(killed)["venue"]["ledger"]["accounts"]["USDT"]
    assert accounts["deposits_e8"] == before["venue"]["ledger"]["accounts"]["USDT"]["deposits_e8"]
    assert kept_state(killed)["source"]["starts"] == 2
    tape = open_tape(killed / "tape")
    report = verify(tape, deep=True)
    assert report.ok, report.findings
    assert report.rows > rows_before
    assert report.gap_count == 3, "one gap a market, between the two runs"
