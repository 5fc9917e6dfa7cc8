"""What a position is worth, and by which price."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PriceSource(StrEnum):
    """What a position was valued at."""

    MARK = "mark"
    LAST = "last"  # no mark known: the last trade served
    ENTRY = "entry"  # no price known at all: unrealised counts as 0


class Unrealised(NamedTuple):
    amount_e8: int
    source: PriceSource
