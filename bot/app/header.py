"""The session header: everything a decision depends on besides the stream."""

from __future__ import annotations

import platform
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bot
from bot.app.plugins import Loaded
from bot.core.jit import CACHE_DIR

_PACKAGE = Path(bot.__file__).parent


def session_header(config: dict[str, Any], seed: int, strategies: dict[str, Loaded]) -> dict[str, Any]:
    """Same header and same stream give the same decision hash."""
    return {
        "lopside": bot.__version__,
        "config": config,
        "seed": seed,
        "strategies": {name: loaded.source_hash for name, loaded in strategies.items()},
        "source": _source_hash(_PACKAGE),
        **_process(),
    }


@cache
def _process() -> dict[str, Any]:
    """What does not change while the process runs."""
    return {
        "kernels": CACHE_DIR.name,
        "libraries": {name: version(name) for name in ("numpy", "numba", "llvmlite", "pyarrow")},
        "python": platform.python_version(),
        "cpu": _cpu(),
    }


@cache
def _source_hash(package: Path) -> str:
    digest = blake2b(digest_size=8)
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _cpu() -> dict[str, str]:
    """Name and features that machine code depends on."""
    from llvmlite import binding

    features = blake2b(binding.get_host_cpu_features().flatten().encode(), digest_size=8).hexdigest()
    return {"name": binding.get_host_cpu_name(), "features": features}
