from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import strategies
from bot.app.config import load
from bot.app.plugins import load_strategies, users_folder
from bot.core.errors import BadConfig
from tests.trading import VIEW

SOURCE = """
class Mine:
    name = "{name}"

    def enter(self, view):
        return ()

    def manage(self, view, trade):
        return ()


STRATEGY = Mine()
"""


def write(folder: Path, file: str, text: str) -> Path:
    path = folder / file
    path.write_text(text)
    return path


def test_the_built_in_strategies_are_there_in_the_order_asked_for() -> None:
    loaded = load_strategies(("wall_fade", "thin_side_breakout"))

    assert list(loaded) == ["wall_fade", "thin_side_breakout"]
    assert [one.strategy.name for one in loaded.values()] == list(loaded)
    assert all(one.path.is_file() for one in loaded.values())


def test_a_users_file_is_loaded_by_its_path_and_never_put_on_sys_path(tmp_path: Path) -> None:
    before = list(sys.path)
    path = write(tmp_path, "whatever.py", SOURCE.format(name="mine"))

    loaded = load_strategies(("mine", "wall_fade"), tmp_path)

    assert loaded["mine"].path == path
    assert loaded["mine"].strategy.enter(VIEW) == ()
    assert sys.path == before
    assert "whatever" not in sys.modules


def test_a_users_file_may_be_called_like_a_library(tmp_path: Path) -> None:
    write(tmp_path, "json.py", SOURCE.format(name="mine"))

    load_strategies(("mine",), tmp_path)

    import json

    assert json.loads("1") == 1


def test_the_hash_follows_the_source(tmp_path: Path) -> None:
    path = write(tmp_path, "mine.py", SOURCE.format(name="mine"))
    first = load_strategies(("mine",), tmp_path)["mine"]
    path.write_text(SOURCE.format(name="mine").replace("return ()", "return (view,)", 1))
    second = load_strategies(("mine",), tmp_path)["mine"]

    assert first.source_hash != second.source_hash
    assert len(second.strategy.enter(VIEW)) == 1
    assert load_strategies(("mine",), tmp_path)["mine"].source_hash == second.source_hash


def test_what_runs_is_what_was_hashed_although_the_file_looks_unchanged(tmp_path: Path) -> None:
    path = write(tmp_path, "mine.py", SOURCE.format(name="mine"))
    load_strategies(("mine",), tmp_path)
    stat = path.stat()
    path.write_text(SOURCE.format(name="nine"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert list(load_strategies(("nine",), tmp_path)) == ["nine"]
    assert [file.name for file in tmp_path.iterdir()] == ["mine.py"], "nothing is left beside it"


def test_a_strategy_may_hold_dataclasses(tmp_path: Path) -> None:
    text = "from dataclasses import dataclass\n\n@dataclass(slots=True)\nclass Rules:\n    n: int = 1\n"
    write(tmp_path, "mine.py", text + SOURCE.format(name="mine"))

    assert "mine" in load_strategies(("mine",), tmp_path)


def test_a_file_that_failed_leaves_no_module_behind(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", "raise RuntimeError('x')\nSTRATEGY = 1\n")
    before = set(sys.modules)

    with pytest.raises(BadConfig, match="RuntimeError: x"):
        load_strategies(("wall_fade",), tmp_path)
    assert not [name for name in set(sys.modules) - before if "mine" in name]


def test_a_name_that_is_taken_is_an_error_naming_both_files(tmp_path: Path) -> None:
    path = write(tmp_path, "mine.py", SOURCE.format(name="wall_fade"))

    with pytest.raises(BadConfig, match="two strategies are named 'wall_fade'") as error:
        load_strategies(("wall_fade",), tmp_path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("STRATEGY = object()\n", "expected STRATEGY"),
        ("STRATEGY: object = 1\n", "expected STRATEGY"),
        (SOURCE.format(name=""), "STRATEGY.name to be a word"),
        (SOURCE.format(name="mine").replace("Mine()", "Mine"), "was the class Mine"),
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module_at_all\nSTRATEGY = 1\n", "no_such_module_at_all"),
        ("raise SystemExit(3)\nSTRATEGY = 1\n", "SystemExit"),
    ],
)
def test_a_file_without_a_usable_strategy_is_an_error_naming_it(
    text: str, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path, "mine.py", text)

    with pytest.raises(BadConfig, match=message) as error:
        load_strategies(("wall_fade",), tmp_path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("_private.py", "raise RuntimeError\nSTRATEGY = 1\n"),
        ("helper.py", "raise RuntimeError('it ran')\n"),
        ("inner.py", "def make():\n    STRATEGY = 1\n    raise RuntimeError('it ran')\n"),
    ],
)
def test_a_file_that_is_no_strategy_is_not_run(file: str, text: str, tmp_path: Path) -> None:
    write(tmp_path, file, text)

    assert list(load_strategies(("wall_fade",), tmp_path)) == ["wall_fade"]


@pytest.mark.parametrize("helper", ["_levels.py", "levels.py"])
def test_a_strategy_imports_a_helper_relatively_and_its_hash_follows_the_helper(
    helper: str, tmp_path: Path
) -> None:
    module = helper.removesuffix(".py")
    write(tmp_path, helper, "NAME = 'mine'\n")
    text = SOURCE.format(name="").replace('name = ""', "name = NAME")
    write(tmp_path, "mine.py", f"from .{module} import NAME\n{text}")
    first = load_strategies(("mine",), tmp_path)["mine"]
    write(tmp_path, helper, "NAME = 'nine'\n")
    second = load_strategies(("nine",), tmp_path)["nine"]

    assert first.source_hash != second.source_hash
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted((helper, "mine.py")), "no bytecode"


def test_a_folder_that_was_named_must_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert users_folder(load(overrides={"strategies.folder": str(tmp_path)}, environ={})) == tmp_path
    with pytest.raises(BadConfig, match="expected a folder"):
        users_folder(load(overrides={"strategies.folder": str(missing)}, environ={}))


def test_an_unknown_name_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(BadConfig, match=r"unknown strategy 'wall_fad'.*thin_side_breakout, wall_fade"):
        load_strategies(("wall_fad",))


def test_the_folder_of_the_built_in_ones_is_not_read_twice() -> None:
    folder = Path(strategies.__file__).parent

    assert list(load_strategies(("wall_fade",), folder)) == ["wall_fade"]
