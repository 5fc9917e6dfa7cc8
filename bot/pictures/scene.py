"""What a picture is drawn from: looks at a book, one a column, and what was going on there.

Plain data, so that the process that draws loads none of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.core.enums import Side


@dataclass(frozen=True, slots=True)
class Column:
    """One market at one time, in ticks and lots; `levels` is (n, 2): tick and lots, of asks negative."""

    now_ns: int
    levels: np.ndarray[Any, Any]
    bid: float  # nan without a usable book
    ask: float
    trusted: bool
    bought: float  # lots since the column before
    sold: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A line at a price of a trade: its entry, stop, a target or its exit."""

    name: str
    price: float  # ticks
    from_ns: int
    until_ns: int = 0  # when the trade was over; 0: it is not


@dataclass(frozen=True, slots=True)
class Tag:
    """A wall as a claim: what stands there, and how much it is believed."""

    side: Side
    price: float  # ticks
    lots: float
    genuineness: float
    executed: float  # share of its peak that was traded


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture's content. `tick` and `lot` turn ticks and lots into what people read."""

    symbol: str
    tick: float
    lot: float
    columns: tuple[Column, ...]
    marks: tuple[Mark, ...] = ()
    tags: tuple[Tag, ...] = ()
    sentence: str = ""
