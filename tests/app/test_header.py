from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import header as header_module
from bot.app.header import session_header
from bot.app.plugins import load_strategies

STRATEGIES = load_strategies(("wall_fade", "thin_side_breakout"))


def test_it_holds_all_that_a_decision_depends_on() -> None:
    header = session_header({"a": 1}, 7, STRATEGIES)

    assert header["config"] == {"a": 1}
    assert header["seed"] == 7
    assert header["strategies"] == {name: one.source_hash for name, one in STRATEGIES.items()}
    assert set(header["libraries"]) == {"numpy", "numba", "llvmlite", "pyarrow"}
    assert header["cpu"]["name"]
    assert header["cpu"]["features"]
    assert len(header["source"]) == len(header["kernels"]) == 16


def test_it_is_json_and_the_same_twice() -> None:
    first, second = (session_header({"a": 1}, 7, STRATEGIES) for _ in range(2))

    assert json.loads(json.dumps(first)) == first == second


def test_another_strategy_source_makes_another_header() -> None:
    changed = {**STRATEGIES, "wall_fade": replace(STRATEGIES["wall_fade"], source_hash="0" * 16)}

    assert session_header({}, 1, changed) != session_header({}, 1, STRATEGIES)


@pytest.mark.parametrize("name", ["app/wiring.py", "core/enums.py", "risk/gate.py", "telling.py"])
def test_any_source_of_ours_changes_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "bot"
    shutil.copytree(header_module._PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(header_module, "_PACKAGE", copy)
    before = session_header({}, 1, {})
    with (copy / name).open("a") as file:
        file.write("# changed\n")
    header_module._source_hash.cache_clear()  # asked once a process

    changed = {key for key, value in session_header({}, 1, {}).items() if value != before[key]}
    assert changed == {"source"}
