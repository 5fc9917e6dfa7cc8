"""A disk that is full, read-only, held by somebody else or damaged: told, nothing lost, all written later."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from bot.store.database import FILE_NAME, Database
from bot.store.journal import StoreJournal

ROWS = 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a file system of its own needs root: run as root to see a full disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(folder).free == 0
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """As Linux does to a disk with errors."""
    subprocess.run(["mount", "-o", "remount,ro,size=2m", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw,size=2m", str(folder)], check=True, capture_output=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "s" / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def written(folder: Path) -> list[int]:
    with Database.read(folder / "s") as database:
        return [row["now_ns"] for row in database.query("SELECT now_ns FROM audit ORDER BY rowid")]


async def commit_fails(journal: StoreJournal) -> None:
    with pytest.raises(sqlite3.Error):
        await journal.commit_aside()


@pytest.mark.parametrize("trouble", [full, locked], ids=["full", "locked"])
def test_what_could_not_be_written_is_written_once_when_the_trouble_is_over(
    small_disk: Path, trouble: Callable[[Path], AbstractContextManager[None]]
) -> None:
    async def run() -> None:
        with Database.open(small_disk / "s") as database:
            database.survive_power_loss()
            journal = StoreJournal(database, database.start_run("live", {}, 0))
            note(journal, 0)
            await journal.commit_aside()
            with trouble(small_disk):
                note(journal, 1)
                await commit_fails(journal)
                note(journal, 2)
                await commit_fails(journal)
                assert written(small_disk) == [0] * ROWS
            note(journal, 3)
            await journal.commit_aside()

    asyncio.run(run())
    assert written(small_disk) == [nth for nth in range(4) for _ in range(ROWS)]


def note(journal: StoreJournal, nth: int) -> None:
    """More than a page of rows: they need room."""
    for _ in range(ROWS):
        journal.audit(nth, "note", {"text": "x" * 4000})


def test_a_session_does_not_start_on_a_read_only_disk(small_disk: Path) -> None:
    Database.open(small_disk / "s").close()
    with read_only(small_disk), pytest.raises(OSError, match="Read-only file system"):
        Database.open(small_disk / "s")


def test_flipped_bytes_are_told_and_the_session_does_not_start_on_them(tmp_path: Path) -> None:
    async def run() -> None:
        with Database.open(tmp_path / "s") as database:
            journal = StoreJournal(database, database.start_run("live", {}, 0))
            for nth in range(20):
                note(journal, nth)
            await journal.commit_aside()
            database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(tmp_path / "s" / FILE_NAME)
        with Database.open(tmp_path / "s") as database:
            journal = StoreJournal(database, database.start_run("live", {}, 0))
            note(journal, 21)
            await commit_fails(journal)

    asyncio.run(run())


def damage(path: Path) -> None:
    """Every page behind the first ones, as a dying disk would."""
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for at in range(30 * 4096, size, 4096):
            file.seek(at)
            file.write(b"\xff" * 64)


def test_commits_aside_are_written_in_the_order_of_their_making(tmp_path: Path) -> None:
    """The state of an older batch must never overwrite that of a newer one."""

    async def run() -> list[int]:
        with Database.open(tmp_path / "s") as database:
            journal = StoreJournal(database, database.start_run("live", {}, 0))
            made = 0

            def gather() -> None:
                nonlocal made
                made += 1
                journal.keep("state", made, made)

            async def decide(nth: int) -> int:
                journal.audit(nth, "decided", {})
                await journal.commit_aside(gather)
                kept: int = database.state("state")
                assert nth in {row["now_ns"] for row in database.query("SELECT now_ns FROM audit")}
                return kept

            kept = await asyncio.gather(*(decide(nth) for nth in range(50)))
            assert made < 50, "those who wait share a commit"
            return kept

    kept = asyncio.run(run())
    assert kept == sorted(kept)


def test_a_commit_whose_waiter_is_cancelled_is_written_once(tmp_path: Path) -> None:
    async def run() -> None:
        with Database.open(tmp_path / "s") as database:
            journal = StoreJournal(database, database.start_run("live", {}, 0))
            note(journal, 1)
            waiting = asyncio.create_task(journal.commit_aside())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            journal.commit()

    asyncio.run(run())
    assert written(tmp_path) == [1] * ROWS
