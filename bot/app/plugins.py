"""Strategies: the built-in ones and users' files, loaded by path under private names.

A file that assigns `STRATEGY`, an object with `name`, `enter` and `manage` (see
docs/strategies.md), is a strategy. The other files of the folder are helpers:
they run only when a strategy imports them, relatively (`from ._levels import
nearest`). Nothing is ever put on `sys.path`, and no bytecode is left behind.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.machinery import ModuleSpec
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from bot.app.config import Config, StrategiesConfig
from bot.core.errors import BadConfig
from bot.core.protocols import Strategy

BUILT_IN = Path(str(files("strategies")))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A strategy with where it came from and the hash of its source and its folder's helpers."""

    strategy: Strategy
    path: Path
    source_hash: str

    @property
    def built_in(self) -> bool:
        return self.path.parent.resolve() == BUILT_IN.resolve()


def users_folder(config: Config) -> Path | None:
    """Where users' strategies are, None without any. Raises BadConfig when a folder was named that is not."""
    folder = config.strategies.folder.expanduser()
    if folder.is_dir():
        return folder
    if config.strategies.folder != StrategiesConfig().folder:
        raise BadConfig(
            f"strategies.folder: expected a folder, was {folder}; `lopside strategy new` makes it"
        )
    return None


def find_strategies(strategies_dir: Path | None = None) -> dict[str, Loaded]:
    """All strategies by name, the built-in ones first.

    Raises BadConfig for a clash of names, or a file whose STRATEGY cannot be used.
    """
    folders = [BUILT_IN]
    if strategies_dir is not None and strategies_dir.resolve() != BUILT_IN.resolve():
        folders.append(strategies_dir)
    found: dict[str, Loaded] = {}
    for folder in folders:
        sources = {path: path.read_bytes() for path in sorted(folder.glob("*.py"))}
        own = [path for path, source in sources.items() if path.name[0] != "_" and _defines(path, source)]
        helpers = b"".join(source for path, source in sources.items() if path not in own)
        package = _package(folder, blake2b(helpers, digest_size=8).hexdigest())
        for path in own:
            loaded = _load(path, sources[path], helpers, package)
            clash = found.get(loaded.strategy.name)
            if clash is not None:
                raise BadConfig(
                    f"two strategies are named {loaded.strategy.name!r}: {clash.path} and {path}; rename one"
                )
            found[loaded.strategy.name] = loaded
    return found


def load_strategies(names: tuple[str, ...], strategies_dir: Path | None = None) -> dict[str, Loaded]:
    """The named strategies, in the order of the names. Raises BadConfig as `find_strategies`, or for an
    unknown name.
    """
    found = find_strategies(strategies_dir)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise BadConfig(f"unknown strategy {unknown[0]!r}; known are {', '.join(sorted(found))}")
    return {name: found[name] for name in names}


@cache
def _defines(path: Path, source: bytes) -> bool:
    """Whether a file assigns or imports STRATEGY at its top level; it is read, not run."""
    try:
        body = ast.parse(source, str(path)).body
    except (SyntaxError, ValueError) as error:
        raise BadConfig(f"{path}: {type(error).__name__}: {error}") from error
    return any(name == "STRATEGY" for statement in body for name in _names(statement))


def _names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Assign):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id
    elif isinstance(statement, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in statement.names)


def _package(folder: Path, digest: str) -> str:
    """A private package over the folder, so that its files can import each other relatively."""
    place = blake2b(str(folder.resolve()).encode(), digest_size=4).hexdigest()
    name = f"_lopside_strategies_{place}_{digest}"
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        package.__spec__ = ModuleSpec(name, None, is_package=True)
        sys.modules[name] = package
    return name


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """A helper's cached bytecode could be of an older source of the same age and length."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _load(path: Path, source: bytes, helpers: bytes, package: str) -> Loaded:
    digest = blake2b(source + helpers, digest_size=8).hexdigest()
    name = f"{package}.{path.stem.replace('.', '_')}_{digest}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadConfig(f"{path}: cannot be loaded as Python")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _no_bytecode():
            # compiled from the very bytes that were hashed; cached bytecode may be of an older source
            exec(_code(path, source), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise BadConfig(f"{path}: {type(error).__name__}: {error}") from error
    return Loaded(_checked(path, getattr(module, "STRATEGY", None)), path, digest)


@cache
def _code(path: Path, source: bytes) -> CodeType:
    return compile(source, str(path), "exec", dont_inherit=True)


def _checked(path: Path, strategy: Any) -> Strategy:
    if isinstance(strategy, type):
        raise BadConfig(
            f"{path}: expected STRATEGY to be an object, was the class {strategy.__name__}; call it"
        )
    if not all(hasattr(strategy, part) for part in ("name", "enter", "manage")):
        raise BadConfig(f"{path}: expected STRATEGY with name, enter and manage, was {strategy!r}")
    if not isinstance(strategy.name, str) or not strategy.name:
        raise BadConfig(f"{path}: expected STRATEGY.name to be a word, was {strategy.name!r}")
    checked: Strategy = strategy
    return checked
