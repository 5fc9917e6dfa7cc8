"""What the doctor finds decides whether an account is traded; open trades are never left alone for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.app.config import Config
from bot.app.doctor import before_live, open_trades_of
from bot.core.errors import BadInput
from bot.store.database import FILE_NAME, Database
from tests.sessions import config_in

MORE_THAN_ANY_DISK_MB = 1e7


def a_session(folder: Path, trades: int = 0, **more: Any) -> Config:
    config = config_in(folder, **{"session.name": "s", **more})
    with Database.open(folder / "s") as database:
        database.put_state("session", {"trader": {"trades": [{}] * trades}}, 1)
    return config


def test_a_sound_session_starts_without_a_word(tmp_path: Path) -> None:
    told: list[str] = []
    little: dict[str, Any] = {"storage.min_free_mb": 1.0, "storage.live_tapes_mb": 1.0}
    before_live(a_session(tmp_path, 0, **little), told.append)
    assert told == []


def test_a_full_disk_is_no_start(tmp_path: Path) -> None:
    config = a_session(tmp_path, 0, **{"storage.min_free_mb": MORE_THAN_ANY_DISK_MB})
    with pytest.raises(BadInput, match=r"disk: .* MB free .* make room"):
        before_live(config, lambda text: None)


def test_a_full_disk_is_a_warning_while_trades_are_open(tmp_path: Path) -> None:
    told: list[str] = []
    before_live(a_session(tmp_path, 2, **{"storage.min_free_mb": MORE_THAN_ANY_DISK_MB}), told.append)
    assert len(told) == 1
    assert "2 trades are open" in told[0]


def test_open_trades_are_counted_before_anything_slow_is_loaded_for_them(tmp_path: Path) -> None:
    assert open_trades_of(config_in(tmp_path, **{"session.name": "never-run"})) == 0
    assert open_trades_of(a_session(tmp_path, 0)) == 0
    assert open_trades_of(a_session(tmp_path, 3)) == 3


def test_a_damaged_database_is_no_start(tmp_path: Path) -> None:
    config = a_session(tmp_path)
    path = tmp_path / "s" / FILE_NAME
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    with pytest.raises(BadInput, match=r"database: .*keep a copy"):
        before_live(config, lambda text: None)


def test_a_database_that_another_program_holds_is_no_start_and_not_called_damaged(tmp_path: Path) -> None:
    a_session(tmp_path)
    with closing(sqlite3.connect(tmp_path / "s" / FILE_NAME, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BadInput, match="another program holds it"):
            Database.open(tmp_path / "s")
