"""A live session whose disk fails: it says so, enters nothing, protects on, and loses no row."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.app.session import SessionOptions, SessionResult, run_session
from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.rehearsal.server import Venue
from bot.store.database import FILE_NAME
from tests.app.test_live_session import KEYS, SYMBOLS, audits, config_for, exchange
from tests.rehearsing import ask

pytest.importorskip("ccxt")

LIVES_S = 12.0


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_API_KEY", KEYS.key)
    monkeypatch.setenv("LOPSIDE_API_SECRET", KEYS.secret)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    from bot.app.warm import compile_all

    compile_all()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, small enough to be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own needs root: run as root to see a full disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(disk).free == 0
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def locked(disk: Path) -> Iterator[None]:
    path = disk / "data" / "live" / FILE_NAME
    with closing(sqlite3.connect(path, isolation_level=None, timeout=20.0)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@dataclass
class Life:
    """A live session in a thread, with what it warned of."""

    options: SessionOptions
    warned: list[str] = field(default_factory=list)
    results: list[SessionResult] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        try:
            self.results.append(run_session(self.options))
        except BaseException as error:  # told by the test
            self.errors.append(error)

    def saw(self, what: str) -> Callable[[], bool]:
        return lambda: what in self.warned or bool(self.errors)


@contextmanager
def a_life(disk: Path, url: str) -> Iterator[Life]:
    warned: list[str] = []

    def warn(what: str, detail: Any) -> None:
        warned.append(what)

    options = SessionOptions(
        config_for(disk, url, **{"storage.min_free_mb": 1.0}),
        kind="live",
        market="live",
        session="live",
        symbols=SYMBOLS,
        duration_s=LIVES_S,
        speed=1.0,
        on_warning=warn,
    )
    life = Life(options, warned)
    thread = threading.Thread(target=life.run)
    thread.start()
    try:
        yield life
    finally:
        thread.join(60.0)


def until(condition: Callable[[], Any], what: str, within_s: float = 10.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"waited {within_s:g} s for {what}"
        time.sleep(0.05)


def trades(database: Path) -> bool:
    """Whether the session has proved that its stops work; nobody reads while its tables are made."""
    with suppress(BadInput, sqlite3.Error):
        return "stop_self_test" in audits(database)
    return False


def by_hand(venue: Venue, url: str) -> None:
    """A position that the bot did not open: it must get a stop, whatever the disk does."""
    import urllib.request

    ask(venue.exchange, "POST order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.02")
    urllib.request.urlopen(f"{url}/_control/state", timeout=5).close()


def stops(venue: Venue) -> list[tuple[Side, int]]:
    return [(a.side, a.lots) for a in venue.exchange.conditionals.table.open() if a.reduce_only]


@pytest.mark.parametrize("trouble", [full, locked], ids=["full", "locked"])
def test_protection_goes_on_and_nothing_is_lost(
    disk: Path, trouble: Callable[[Path], AbstractContextManager[None]]
) -> None:
    database = disk / "data" / "live" / FILE_NAME
    with exchange() as (venue, url):
        with a_life(disk, url) as life:
            until(lambda: trades(database), "a session that trades")
            with trouble(disk):
                by_hand(venue, url)
                until(life.saw("journal_failed"), "word of the trouble")
                until(lambda: stops(venue) == [(Side.SELL, 20)], "a stop for the position")
            until(life.saw("journal_works"), "word of its end")
        assert not life.errors, life.errors
    said = audits(database)
    assert {"unknown_position", "journal_failed", "journal_works"} <= set(said)


def test_the_end_of_a_session_that_could_not_be_written_is_one_clear_message(disk: Path) -> None:
    database = disk / "data" / "live" / FILE_NAME
    with exchange() as (_, url), a_life(disk, url) as life:
        until(lambda: trades(database), "a session that trades")
        with locked(disk):
            until(life.saw("journal_failed"), "word of the trouble")
            until(lambda: life.errors or life.results, "its end", LIVES_S + 30.0)
    (error,) = life.errors
    assert "could not be written" in str(error)
