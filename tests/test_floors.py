"""Imports go down only, never sideways between packages, and pure packages touch no outside world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FLOORS = {
    "bot.core": 0,
    "bot.market": 1,
    "bot.signals": 2,
    "strategies": 3,
    "bot.risk": 3,
    "bot.execution": 4,
    "bot.engine": 5,
    "bot.store": 5,
    "bot.operate": 5,
    "bot.telegram": 6,
    "bot.notify": 6,
    "bot.web": 6,
    "bot.pictures": 6,
    "bot.evaluation": 6,
    "bot.lab": 6,
    "bot.rehearsal": 6,
    "bot.app": 7,
    "bot.cli": 7,
}
SIDEWAYS = {("bot.cli", "bot.app")}  # the command line is a thin face over what app wires

PURE = (
    "bot/signals",
    "bot/risk",
    "bot/execution",
    "bot/engine/kernel.py",
    "bot/market/book.py",
    "strategies",
)
# sockets live here, decisions do not
SHELL = ("bot/execution/ccxt_broker.py", "bot/execution/rationing.py", "bot/execution/sender.py")
OUTSIDE_WORLD = {
    "asyncio", "datetime", "http", "multiprocessing", "os", "pathlib", "random", "requests", "secrets",
    "socket", "sqlite3", "subprocess", "threading", "time", "urllib", "uuid", "websockets",
}  # fmt: skip

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "bot").rglob("*.py")) + sorted((ROOT / "strategies").rglob("*.py"))


def imported_modules(source: str, package: str) -> Iterator[str]:
    """Every module that `source` imports anywhere, also inside functions, in absolute form."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def package_of(module: str) -> str | None:
    """The floor's package that a module belongs to, None for foreign modules and the bare `bot`."""
    return next((p for p in FLOORS if module == p or module.startswith(p + ".")), None)


def upward_imports(path: Path, source: str) -> list[str]:
    relative = path.relative_to(ROOT).with_suffix("")
    module = ".".join(relative.parts)
    home = package_of(module)
    if home is None:
        return []
    wrong = []
    for target in imported_modules(source, ".".join(relative.parts[:-1])):
        other = package_of(target)
        if other is None or other == home or (home, other) in SIDEWAYS:
            continue
        if FLOORS[other] >= FLOORS[home]:
            wrong.append(f"{module} imports {target}")
    return wrong


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    assert upward_imports(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("bot/core/x.py", "from bot.market import events"),
        ("bot/market/x.py", "import bot.signals.cards"),
        ("bot/risk/x.py", "def late():\n    from strategies import wall_fade"),
        ("bot/store/x.py", "from ..engine import kernel"),
        ("bot/app/x.py", "from bot.cli import main"),
    ],
)
def test_an_upward_import_is_noticed(where: str, line: str) -> None:
    assert upward_imports(ROOT / where, line)


def test_every_package_has_a_floor() -> None:
    packages = {f"bot.{p.name}" for p in (ROOT / "bot").iterdir() if (p / "__init__.py").exists()}
    assert packages <= set(FLOORS)


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if (name := str(p.relative_to(ROOT))).startswith(PURE) and name not in SHELL],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_pure_packages_touch_no_outside_world(path: Path) -> None:
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    roots = {module.split(".")[0] for module in imported_modules(path.read_text(), package)}
    assert roots & OUTSIDE_WORLD == set()


def test_only_the_clock_reads_the_time() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("time", "time"), ("time", "time_ns"), ("datetime", "now")}
    }
    assert readers <= {"bot/core/clock.py"}
