"""Sentinels: small armed conditions, checked on every row that could fulfil them.

A sentinel fires once and disarms; the compiled loop then returns so that the
decision is taken within the same event. What a fired sentinel means is known
to whoever armed it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from bot.core.errors import LopsideError
from bot.core.jit import hot
from bot.market.book import ASK, BID, best_tick, depth_between, flip_of

CAPACITY = 256
NONE = -1


class Watch(IntEnum):
    """The condition; `tick`, `far` and `threshold` are the sentinel's fields."""

    WALL_SHRANK = 1  # displayed lots between `tick` and `far` fell below `threshold` (judged at commits)
    TOUCH_BELOW = 2  # best bid <= tick, or a market print or mark at or below it
    TOUCH_ABOVE = 3  # best ask >= tick, or a market print or mark at or above it


SENTINEL = np.dtype(
    [
        ("armed", "<i8"),
        ("market", "<i8"),
        ("kind", "<i8"),
        ("side", "<i8"),  # BID 0, ASK 1: of the wall
        ("tick", "<i8"),
        ("far", "<i8"),
        ("threshold", "<f8"),
    ],
    align=True,
)

_WALL = int(Watch.WALL_SHRANK)
_BELOW = int(Watch.TOUCH_BELOW)
_ABOVE = int(Watch.TOUCH_ABOVE)


class Sentinels(NamedTuple):
    table: np.ndarray  # (CAPACITY,) SENTINEL
    armed: np.ndarray  # (M,) int64: armed sentinels a market
    fired: np.ndarray  # (CAPACITY + 1,) int64: [0] how many fired at this row, then their slots


def new_sentinels(markets: int) -> Sentinels:
    return Sentinels(
        np.zeros(CAPACITY, SENTINEL), np.zeros(markets, np.int64), np.zeros(CAPACITY + 1, np.int64)
    )


def arm(
    sentinels: Sentinels,
    market: int,
    kind: Watch,
    tick: int,
    *,
    far: int = 0,
    side: int = BID,
    threshold: float = 0.0,
) -> int:
    """Arm a condition; returns its slot. Raises LopsideError when all CAPACITY slots are taken."""
    free = np.flatnonzero(sentinels.table["armed"] == 0)
    if free.size == 0:
        raise LopsideError(f"all {CAPACITY} sentinels are armed; disarm some or trade fewer symbols")
    slot = int(free[0])
    sentinels.table[slot] = (1, market, int(kind), side, tick, far or tick, threshold)
    sentinels.armed[market] += 1
    return slot


def disarm(sentinels: Sentinels, slot: int) -> None:
    """Disarm a slot; doing it twice, or to NONE, does nothing."""
    if slot == NONE:
        return
    row = sentinels.table[slot]
    if row["armed"]:
        row["armed"] = 0
        sentinels.armed[row["market"]] -= 1


def take_fired(sentinels: Sentinels) -> list[int]:
    """The slots that fired at the last row, lowest first; the list is then empty."""
    count = int(sentinels.fired[0])
    slots = sentinels.fired[1 : 1 + count].tolist()
    sentinels.fired[0] = 0
    return slots


@hot
def _fire(sentinels, slot):
    sentinels.table[slot].armed = 0
    sentinels.armed[sentinels.table[slot].market] -= 1
    sentinels.fired[0] += 1
    sentinels.fired[sentinels.fired[0]] = slot


@hot
def _wall_lots(books, market, side, tick, far):
    """Lots on one side between two ticks, either order, inclusive."""
    flip = flip_of(books, side)
    near = tick ^ flip
    deep = far ^ flip
    if near < deep:
        near, deep = deep, near
    return depth_between(books, market, side, near, deep)


@hot
def check_commit(sentinels, books, market):
    """Conditions on the ladder, after a commit."""
    for slot in range(sentinels.table.size):
        row = sentinels.table[slot]
        if row.armed == 0 or row.market != market:
            continue
        if row.kind == _WALL:
            if _wall_lots(books, market, row.side, row.tick, row.far) < row.threshold:
                _fire(sentinels, slot)
        elif row.kind == _BELOW:
            bid = best_tick(books, market, BID)
            if 0 <= bid <= row.tick:
                _fire(sentinels, slot)
        elif row.kind == _ABOVE and best_tick(books, market, ASK) >= row.tick:
            _fire(sentinels, slot)


@hot
def check_price(sentinels, market, ticks):
    """Conditions on a price: a market print, or the mark in (fractional) ticks."""
    for slot in range(sentinels.table.size):
        row = sentinels.table[slot]
        if row.armed == 0 or row.market != market:
            continue
        if (row.kind == _BELOW and ticks <= row.tick) or (row.kind == _ABOVE and ticks >= row.tick):
            _fire(sentinels, slot)
