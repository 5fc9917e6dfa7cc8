"""The end of a session's log file, for people who are not at the machine."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILE_NAME = "lopside.log"
LEVELS = ("debug", "info", "warning", "error")
_FROM_THE_END = 512 * 1024


def last_entries(folder: Path, most: int, least: str = "info") -> Sequence[dict[str, Any]]:
    """The last entries of at least a level, oldest first; what is cut or no JSON is passed over."""
    path = folder / FILE_NAME
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _FROM_THE_END))
        lines = file.read().splitlines()
    wanted = LEVELS[LEVELS.index(least) :]
    entries = [entry for entry in map(_entry, lines) if entry.get("level") in wanted]
    return entries[-most:]


def in_words(entry: dict[str, Any]) -> str:
    """One line: when, how bad, what, and its figures."""
    figures = {name: value for name, value in entry.items() if name not in ("time", "level", "event")}
    figures.pop("traceback", None)
    said = ", ".join(f"{name} {value}" for name, value in figures.items())
    when = str(entry.get("time", ""))[:19].replace("T", " ")
    return f"{when} {entry['level']} {entry.get('event', '')}" + (f": {said}" if said else "")


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
