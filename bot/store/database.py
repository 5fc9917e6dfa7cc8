"""A session's folder and its SQLite file: opened for writing by one process, for reading by any."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlite_utils import Database as Tables

from bot.core.errors import BadInput, LopsideError
from bot.store import schema
from bot.store.encoding import decode, encode
from bot.store.lock import SessionLock

FILE_NAME = "lopside.db"
BUSY_MS = 300
"""How long a live session waits for somebody who holds the database: stops do not wait for longer."""

LAST_BUSY_MS = 5_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def session_folder(root: Path, name: str) -> Path:
    """`root/name`, where a session keeps its database, log and recordings. Raises BadInput on a bad name."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"session name: expected letters, digits, '_', '.' or '-' (at most 64), was {name!r}")
    return root.expanduser() / name


def session_names(root: Path) -> list[str]:
    """Sessions that have a database under `root`, by name."""
    return sorted(path.parent.name for path in root.expanduser().glob(f"*/{FILE_NAME}"))


class StoreFailed(LopsideError):
    """What a session knew could not be written."""


class Database:
    """One session's file. `open` writes (and holds the session's lock), `read` does not.

    `tables` is the sqlite-utils database, `connection` its sqlite3 connection.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: SessionLock | None) -> None:
        self.path = path
        self.connection = connection
        self.tables = Tables(connection)
        self._lock = lock

    @classmethod
    def open(cls, folder: Path, *, fresh: bool = False) -> Database:
        """Open or create `folder/lopside.db` for writing.

        `fresh` forgets what the session had. Raises SessionLocked when another
        process runs the session, BadInput when the file is not ours.
        """
        lock = SessionLock(folder)
        path = folder / FILE_NAME
        try:
            if fresh:
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            made = cls(path, connection, lock)
            made._prepare()
        except BaseException:
            lock.release()
            raise
        return made

    @classmethod
    def read(cls, folder: Path) -> Database:
        """Open an existing session for reading. Raises BadInput when there is none or it is not ours."""
        path = folder / FILE_NAME
        if not path.is_file():
            known = ", ".join(session_names(folder.parent)) or "none"
            raise BadInput(
                f"no session {folder.name!r} in {folder.parent} (there: {known}); name one with --session"
            )
        made = cls(path, sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True), None)
        with _refused_when_damaged(path):
            found = schema.version_of(made.tables)
        if found != schema.VERSION:
            made.close()
            raise BadInput(
                f"{path}: expected schema version {schema.VERSION}, was {found}; "
                "run the session once with this version to bring it up to date"
            )
        return made

    def _prepare(self) -> None:
        with _refused_when_damaged(self.path):
            self.connection.execute("PRAGMA journal_mode = WAL")
            # A crash of the machine may lose the last commits, never consistency; of the process, nothing.
            self.connection.execute("PRAGMA synchronous = NORMAL")
            schema.migrate(self.tables)

    def survive_power_loss(self) -> None:
        """Every commit is on the disk when it returns; live trading sends only what is."""
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")

    def wait_for_others(self) -> None:
        """For the last commit of a session: there is nothing left that must not wait."""
        self.connection.execute(f"PRAGMA busy_timeout = {LAST_BUSY_MS}")

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows as dictionaries."""
        return list(self.tables.query(sql, values))

    def put_state(self, key: str, value: Any, now_ns: int) -> None:
        """Keep a JSON-able value under a key, for the next start."""
        self.connection.execute(
            "INSERT OR REPLACE INTO state (key, now_ns, value) VALUES (?, ?, ?)",
            (key, now_ns, encode(value)),
        )

    def state(self, key: str) -> Any:
        """The value kept under a key, None when there is none."""
        row = self.connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else decode(row[0])

    def remember_session(self, name: str, header: Mapping[str, Any], now_ns: int) -> None:
        """Write the session's row; the first start's header and time stay."""
        self.connection.execute(
            "INSERT OR IGNORE INTO sessions (name, created_ns, header) VALUES (?, ?, ?)",
            (name, now_ns, encode(header)),
        )

    def start_run(self, kind: str, header: Mapping[str, Any], now_ns: int) -> int:
        """Number of a new run. Runs left `running` by a crash become `interrupted`."""
        self.connection.execute("UPDATE runs SET state = 'interrupted' WHERE state = 'running'")
        cursor = self.connection.execute(
            "INSERT INTO runs (kind, state, started_ns, header) VALUES (?, 'running', ?, ?)",
            (kind, now_ns, encode(header)),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def end_run(self, run: int, summary: Mapping[str, Any], now_ns: int, *, interrupted: bool) -> None:
        self.connection.execute(
            "UPDATE runs SET state = ?, ended_ns = ?, summary = ? WHERE id = ?",
            ("interrupted" if interrupted else "ended", now_ns, encode(summary), run),
        )

    def backup(self, path: Path) -> None:
        """Copy the database while it is in use."""
        with sqlite3.connect(path) as target:
            self.connection.backup(target)
        target.close()

    def close(self) -> None:
        self.connection.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _refused_when_damaged:
    """Turns SQLite's complaint about a file that is no database into one of ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.OperationalError):
            raise BadInput(
                f"{self._path}: SQLite says: {error}; another program holds it, or the disk is full or "
                "read-only: end that, or use another --session"
            ) from None
        if isinstance(error, sqlite3.DatabaseError):
            raise BadInput(
                f"{self._path}: expected a lopside database, SQLite says: {error}; "
                "restore it from a backup, or use another --session"
            ) from None
