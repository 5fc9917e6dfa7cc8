"""What is settled before a loop runs, so that nothing holds it up: memory."""

from __future__ import annotations

from typing import Any

import numpy as np

PAGE_BYTES = 4096


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
