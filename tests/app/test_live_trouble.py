"""A live session whose disk fails: it says so, enters nothing, protects on, and loses no row."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from bot.core.enums import Side
from bot.rehearsal.server import Venue
from bot.store.database import FILE_NAME
from tests.app.lives import LIVES_S, a_life, audits, by_hand, exchange, trades, until
from tests.rehearsing import KEYS

pytest.importorskip("ccxt")


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
