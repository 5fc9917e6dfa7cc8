"""Strategies: the built-in ones and users' files, loaded by path under private names.

A user's file defines `STRATEGY`, an object with `name`, `enter` and `manage`
(see `bot.core.protocols.Strategy`). It is never put on `sys.path`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from bot.core.errors import BadConfig
from bot.core.protocols import Strategy


@dataclass(frozen=True, slots=True)
class Loaded:
    """A strategy with where it came from and the hash of its source."""

    strategy: Strategy
    path: Path
    source_hash: str


def load_strategies(names: tuple[str, ...], strategies_dir: Path | None = None) -> dict[str, Loaded]:
    """The named strategies, in the order of the names.

    Raises BadConfig for an unknown name, a clash of names, or a file without a usable STRATEGY.
    """
    builtin = Path(str(files("strategies")))
    found: dict[str, Loaded] = {}
    folders = [builtin]
    if strategies_dir is not None and strategies_dir.resolve() != builtin.resolve():
        folders.append(strategies_dir)
    for folder in folders:
        for path in sorted(folder.glob("*.py")):
            if path.name.startswith("_"):
                continue
            loaded = _load(path)
            clash = found.get(loaded.strategy.name)
            if clash is not None:
                raise BadConfig(
                    f"two strategies are named {loaded.strategy.name!r}: {clash.path} and {path}; rename one"
                )
            found[loaded.strategy.name] = loaded
    unknown = [name for name in names if name not in found]
    if unknown:
        raise BadConfig(f"unknown strategy {unknown[0]!r}; known are {', '.join(sorted(found))}")
    return {name: found[name] for name in names}


def _load(path: Path) -> Loaded:
    source = path.read_bytes()
    digest = blake2b(source, digest_size=8).hexdigest()
    name = f"_lopside_strategy_{path.stem}_{digest}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadConfig(f"{path}: cannot be loaded as Python")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        # compiled from the very bytes that were hashed; cached bytecode may be of an older source
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise BadConfig(f"{path}: {type(error).__name__}: {error}") from error
    strategy: Any = getattr(module, "STRATEGY", None)
    if isinstance(strategy, type):
        raise BadConfig(
            f"{path}: expected STRATEGY to be an object, was the class {strategy.__name__}; call it"
        )
    if not all(hasattr(strategy, part) for part in ("name", "enter", "manage")):
        raise BadConfig(f"{path}: expected STRATEGY with name, enter and manage, was {strategy!r}")
    return Loaded(strategy, path, digest)
