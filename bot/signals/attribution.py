"""What traded at a watched price and has not shown in the book yet (signals.md 1.10).

A trade at a watched price waits here for the next update of its price, which it
explains. A trade stamped more than the tolerance after that update cannot be in
it and waits for one more. What is then still too early, what nothing asked for
in time, and what the table has no room for, is counted as unmatched. Times are
the venue's, of trades and book alike.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_MS, NS_PER_S

PLACES = 32
MARK_WORDS = 16
TOLERANCE_NS = 250 * NS_PER_MS
KEPT_NS = 10 * NS_PER_S
_ONE = np.uint64(1)
"""An update comes long before; later ones owe nothing to so old a trade."""

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
        ("marks", "<u8", (MARK_WORDS,)),  # a bit a tick, modulo 1,024: something may wait there
        ("waiting", WAITING, (PLACES,)),  # the first `count`, in no order
    ],
    align=True,
)
"""A market."""


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
    entry = row.waiting[place]
    entry.lots += lots
    entry.traded_ns = now_ns
    row.marks[_word(tick)] |= _bit(tick)


@hot
def may_wait(row, tick):
    """Whether lots may wait at a tick; surely none where this says no. For every level row."""
    return row.marks[_word(tick)] & _bit(tick) != 0


@hot
def _word(tick):
    return np.uint64(tick >> 6) & np.uint64(MARK_WORDS - 1)


@hot
def _bit(tick):
    return _ONE << np.uint64(tick & 63)


@rare
def take_executed(row, side, tick, now_ns):
    """Lots taken at a tick since its last update; they are forgotten."""
    if not may_wait(row, tick):
        return 0.0
    place = _find(row, side, tick)
    if place < 0:
        return 0.0
    entry = row.waiting[place]
    if entry.traded_ns > now_ns + TOLERANCE_NS:
        entry.missed += 1
        if entry.missed > 1:
            _drop(row, place)
        return 0.0
    if now_ns - entry.traded_ns > KEPT_NS:
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
    """The last entry takes its place."""
    tick = row.waiting[place].tick
    row.count -= 1
    row.waiting[place] = row.waiting[row.count]
    row.marks[_word(tick)] &= ~_bit(tick)
    for i in range(row.count):  # others may share the bit
        other = row.waiting[i].tick
        if _word(other) == _word(tick) and _bit(other) == _bit(tick):
            row.marks[_word(tick)] |= _bit(tick)
