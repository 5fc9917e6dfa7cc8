"""A database that an earlier version wrote keeps its rows when this version opens it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.store import schema
from bot.store.database import FILE_NAME, Database
from bot.store.report import build_report


@pytest.fixture
def first_version(tmp_path: Path, repo: Path) -> Path:
    """The folder of a session as version 1 left it, with a row in every table."""
    folder = tmp_path / "paper"
    folder.mkdir()
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.executescript((repo / "tests/data/session_v1.sql").read_text())
    connection.close()
    return folder


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in sorted(tables)}
    connection.close()
    return found


def shape(database: Database) -> dict[str, str]:
    return {row["name"]: row["sql"] for row in database.query("SELECT name, sql FROM sqlite_master")}


def test_every_row_of_the_first_version_is_there_after_the_migration(first_version: Path) -> None:
    before = contents(first_version / FILE_NAME)
    assert all(before.values()), "the fixture has a row in every table"
    with Database.open(first_version) as database:
        assert schema.version_of(database.tables) == schema.VERSION > 1
        assert build_report(database).totals[0].net_e8 == 694
        assert database.state("session") == {"source": {"starts": 1}}
    after = contents(first_version / FILE_NAME)
    assert {name: after[name] for name in before} == before


def test_a_migrated_database_has_the_shape_of_a_new_one(first_version: Path, tmp_path: Path) -> None:
    with Database.open(first_version) as old, Database.open(tmp_path / "new") as new:
        assert shape(old) == shape(new)
