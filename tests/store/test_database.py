from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database as Tables

from bot.core.errors import BadInput, SessionLocked
from bot.store import schema
from bot.store.database import FILE_NAME, Database, session_folder, session_names
from bot.store.lock import SessionLock, holder

HOLD_AND_DIE = """
import sys
from pathlib import Path
from bot.store.database import Database
database = Database.open(Path(sys.argv[1]))
database.put_state("wallet", {"USDT": 7}, 1)
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_new_session_has_every_table_and_the_newest_version(database: Database) -> None:
    found = set(database.tables.table_names())
    assert found >= {
        "sessions", "runs", "intents", "plans", "denials", "orders", "reports",
        "fills", "trades", "readings", "transitions", "equity", "audit", "state",
    }  # fmt: skip
    assert schema.version_of(database.tables) == schema.VERSION
    assert database.query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]


def test_money_columns_are_integers(database: Database) -> None:
    for table in database.tables.tables:
        for column in table.columns:
            if column.name.endswith(("_e8", "_ns")):
                assert column.type == "INTEGER", f"{table.name}.{column.name}"


def test_state_survives_reopening(tmp_path: Path) -> None:
    with Database.open(tmp_path / "s") as database:
        assert database.state("wallet") is None
        database.put_state("wallet", {"USDT": 10**12}, 5)
    with Database.open(tmp_path / "s") as database:
        assert database.state("wallet") == {"USDT": 10**12}
    with Database.open(tmp_path / "s", fresh=True) as database:
        assert database.state("wallet") is None


def test_reading_works_beside_the_writer_and_cannot_write(database: Database) -> None:
    database.put_state("wallet", 1, 0)
    with Database.read(database.path.parent) as reader:
        assert reader.state("wallet") == 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.put_state("wallet", 2, 0)


def test_a_second_writer_is_told_who_holds_the_session(database: Database) -> None:
    with pytest.raises(SessionLocked, match=f"'paper' is already running.*process {os.getpid()}"):
        Database.open(database.path.parent)
    assert holder(database.path.parent) == os.getpid()


def test_a_killed_process_leaves_its_state_and_no_lock(tmp_path: Path, repo: Path) -> None:
    folder = tmp_path / "s"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_DIE, str(folder)],
        cwd=repo,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(SessionLocked, match=str(child.pid)):
        Database.open(folder)
    child.kill()
    child.communicate()
    assert holder(folder) is None
    with Database.open(folder) as database:
        assert database.state("wallet") == {"USDT": 7}


def test_the_lock_is_free_again_after_a_refused_database(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / FILE_NAME).write_text("this is no database, it is a text of some length")
    with pytest.raises(BadInput, match="expected a lopside database"):
        Database.open(folder)
    with SessionLock(folder):
        pass
    with pytest.raises(BadInput, match="expected a lopside database"):
        Database.read(folder)


def test_an_absent_session_names_those_there_are(tmp_path: Path) -> None:
    Database.open(tmp_path / "mine").close()
    with pytest.raises(BadInput, match=r"no session 'yours'.*mine"):
        Database.read(tmp_path / "yours")
    assert session_names(tmp_path) == ["mine"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65])
def test_a_session_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="session name"):
        session_folder(tmp_path, name)


def test_runs_are_numbered_and_a_crashed_one_is_marked(database: Database) -> None:
    assert database.start_run("paper", {"seed": 1}, 5) == 1
    assert database.start_run("paper", {"seed": 2}, 6) == 2
    database.end_run(2, {"rows": 3}, 9, interrupted=False)
    assert database.query("SELECT id, state, ended_ns, summary FROM runs") == [
        {"id": 1, "state": "interrupted", "ended_ns": None, "summary": None},
        {"id": 2, "state": "ended", "ended_ns": 9, "summary": '{"rows":3}'},
    ]


def test_a_file_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    with Database.open(tmp_path / "s") as database:
        database.connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(BadInput, match="newer lopside"):
        Database.open(tmp_path / "s")


def test_migrations_run_once_in_order_and_a_failing_one_leaves_the_old_schema() -> None:
    def second(tables: Tables) -> None:
        tables.create_table("extra", {"id": int})

    def broken(tables: Tables) -> None:
        tables.create_table("half", {"id": int})
        raise RuntimeError("power cut")

    tables = Tables(sqlite3.connect(":memory:", isolation_level=None))
    schema.migrate(tables)
    with pytest.raises(RuntimeError):
        schema.migrate(tables, (*schema.MIGRATIONS, second, broken))
    assert schema.version_of(tables) == schema.VERSION + 1
    assert "extra" in tables.table_names()
    assert "half" not in tables.table_names()


def test_a_backup_is_a_whole_database(database: Database, tmp_path: Path) -> None:
    database.put_state("wallet", 3, 0)
    (tmp_path / "copy").mkdir()
    database.backup(tmp_path / "copy" / FILE_NAME)
    with Database.read(tmp_path / "copy") as copy:
        assert copy.state("wallet") == 3
