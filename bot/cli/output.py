"""What commands print: results on stdout (JSON for machines), progress and news on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[int, int], None]
"""Called with what is done and the total, in the unit of the work; a total of 0 is unknown."""


def print_json(value: Any) -> None:
    """One JSON document on stdout, indented for a person at a terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None, default=str)
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """One line of result."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """One line of news, kept apart from results."""
    sys.stderr.write(text + "\n")


def console() -> Console:
    """Rich on stdout; wide enough for every table where no terminal says how wide it is."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


@contextmanager
def progress(title: str) -> Iterator[Advance]:
    """A bar on stderr when that is a terminal, nothing otherwise."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
