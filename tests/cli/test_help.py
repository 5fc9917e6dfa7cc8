from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = [
    *("numpy", "numba", "llvmlite", "pyarrow", "sqlite_utils"),
    *("pydantic", "pydantic_settings", "ccxt", "telegram", "apscheduler"),
]


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_help_loads_nothing_heavy(repo: Path, arguments: list[str]) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(repo)!r})
from bot.cli.main import main
assert main({arguments!r}) == 0
print("loaded:", sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    assert run(code, repo).rstrip().endswith("loaded: []")


def test_help_of_a_command_does_not_load_the_bot(repo: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(repo)!r})
from bot.cli.main import main
assert main(["paper", "--help"]) == 0
print("loaded:", sorted({{"numpy", "numba", "pyarrow", "bot.app.config"}} & set(sys.modules)))
"""
    assert run(code, repo).rstrip().endswith("loaded: []")


def test_the_check_would_notice_a_heavy_module(repo: Path) -> None:
    assert run("import sys, numpy; print(sorted({'numpy'} & set(sys.modules)))", repo).strip() == "['numpy']"
