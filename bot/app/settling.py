"""What is settled before a loop runs, so that nothing holds it up: memory and old objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

PAGE_BYTES = 4096


@contextmanager
def short_collections() -> Iterator[None]:
    """Keep the garbage collector off what exists already: libraries alone are 0.1 s of a full pass."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def hand_out_memory(tables: Any) -> None:
    """Write every page of a (nested) tuple of arrays once, and leave what they hold.

    The system hands fresh pages out when they are first written: 30 ms a market at the first tick.
    """
    if isinstance(tables, np.ndarray):
        pages = tables.reshape(-1).view(np.uint8)[::PAGE_BYTES]
        pages |= 0
    elif isinstance(tables, tuple):
        for part in tables:
            hand_out_memory(part)
