"""The golden vectors' one table: the name of a case's function -> production code that answers it.

Each module here has a dict `ADAPTERS`; an adapter takes the case's `args` as
keywords and returns the answer in the vector's units. A new module is found
by being here.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "signal_vectors.json").read_text()
)["cases"]


def _merged() -> dict[str, Callable[..., Any]]:
    table: dict[str, Callable[..., Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        own = import_module(f"{__name__}.{module.name}").ADAPTERS
        twice = sorted(table.keys() & own.keys())
        assert not twice, f"tests.vectors.{module.name} answers {twice}, which another module answers too"
        table |= own
    return table


ADAPTERS = _merged()
"""What answers each function of the vectors, through the code the bot runs."""


def cases_of(*names: str) -> list[dict[str, Any]]:
    """The cases of some functions."""
    return [case for case in CASES if case["fn"] in names]
