"""Whole files or none: write beside, then rename; and make both survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

PARTIAL = ".partial"


def partial_path(path: Path) -> Path:
    """The name a file has until it is complete; always safe to remove."""
    return path.with_name(path.name + PARTIAL)


def publish(path: Path) -> None:
    """Give the complete partial file its real name, durably."""
    partial = partial_path(path)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make names created, renamed or removed in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
