"""What traded at a price and has not shown in the book yet (signals.md 1.10).

A trade waits here for the next update of its price, which it explains. A trade
stamped more than the tolerance after that update cannot be in it and waits for
one more; what is then still too early, and what the table has no room for, is
counted as unmatched. Times are the venue's, of trades and book alike.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_MS

PLACES = 32
TOLERANCE_NS = 250 * NS_PER_MS
WORDS = 16  # of the filter, a bit a tick modulo 1,024

WAITING = np.dtype(
    [
        ("tick", "<i8"),
        ("side", "<i8"),  # of the book: 0 bid, 1 ask
        ("lots", "<f8"),
        ("traded_ns", "<i8"),  # the last of them
        ("missed", "<i8"),  # updates of the price it was too late for
    ],
    align=True,
)

ATTRIBUTION = np.dtype(
    [
        ("count", "<i8"),
        ("unmatched", "<f8"),  # lots no update ever showed
        ("marks", "<u8", (WORDS,)),  # bit of each tick that something waits at
        ("waiting", WAITING, (PLACES,)),  # the first `count`, in no order
    ],
    align=True,
)
"""A market."""

_ONE = np.uint64(1)


def new_attribution(markets: int) -> np.ndarray:
    """(M,) ATTRIBUTION rows, nothing waiting."""
    return np.zeros(markets, ATTRIBUTION)


@hot
def is_waiting(row, tick):
    """Whether executed lots may wait at a tick; surely not where this says no. For every level row."""
    return (row.marks[(tick >> 6) & (WORDS - 1)] >> np.uint64(tick & 63)) & _ONE != 0


@rare
def on_trade(row, side, tick, lots, now_ns):
    """Lots of the book's `side` (BID or ASK) were taken at a tick."""
    place = _find(row, side, tick)
    if place < 0:
        if row.count == PLACES:
            _drop(row, _oldest(row))
        place = row.count
        row.count += 1
        entry = row.waiting[place]
        entry.tick, entry.side, entry.lots, entry.missed = tick, side, 0.0, 0
        row.marks[(tick >> 6) & (WORDS - 1)] |= _ONE << np.uint64(tick & 63)
    entry = row.waiting[place]
    entry.lots += lots
    entry.traded_ns = now_ns


@rare
def take_executed(row, side, tick, now_ns):
    """Lots taken at a tick since its last update; they are forgotten. To be asked when `is_waiting`."""
    place = _find(row, side, tick)
    if place < 0:
        return 0.0
    entry = row.waiting[place]
    if entry.traded_ns > now_ns + TOLERANCE_NS:
        entry.missed += 1
        if entry.missed > 1:
            _drop(row, place)
        return 0.0
    lots = entry.lots
    _remove(row, place)
    return lots


@rare
def forget(row):
    """A gap or a new snapshot: nothing is matched across the seam."""
    while row.count > 0:
        _drop(row, row.count - 1)


@hot
def _find(row, side, tick):
    for place in range(row.count):
        if row.waiting[place].tick == tick and row.waiting[place].side == side:
            return place
    return -1


@hot
def _oldest(row):
    oldest = 0
    for place in range(1, row.count):
        if row.waiting[place].traded_ns < row.waiting[oldest].traded_ns:
            oldest = place
    return oldest


@hot
def _drop(row, place):
    row.unmatched += row.waiting[place].lots
    _remove(row, place)


@hot
def _remove(row, place):
    """The last entry takes its place; the tick's bit goes unless another entry shares it."""
    bit = row.waiting[place].tick & (64 * WORDS - 1)
    row.count -= 1
    last = row.waiting[row.count]
    entry = row.waiting[place]
    entry.tick, entry.side, entry.lots = last.tick, last.side, last.lots
    entry.traded_ns, entry.missed = last.traded_ns, last.missed
    for other in range(row.count):
        if row.waiting[other].tick & (64 * WORDS - 1) == bit:
            return
    row.marks[bit >> 6] &= ~(_ONE << np.uint64(bit & 63))
