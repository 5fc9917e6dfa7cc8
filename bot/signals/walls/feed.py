"""What happens at a wall as it comes: a level changed, a print, a whole message, a reset.

A wall follows every change of a level within it; what a change does not owe to
trades was added or cancelled. Trades count as executed at once, whether the
book shows them a little later or has shown them a little before. A filter of
one bit a unit of price says where there is no wall.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_MS
from bot.market.book import BID
from bot.signals import attribution
from bot.signals.state import WALL_WORDS

KEEP_SHARE = 0.3
NEAR_BPS, NEAR_UNITS = 6.0, 4.5
"""Near is within 4.5 bps times the volatility unit, and within 6 bps in any case."""
LATE_NS = 250 * NS_PER_MS

_ONE, _NO_BITS = np.uint64(1), np.uint64(0)
_LAST_WORD = np.uint64(WALL_WORDS - 1)


@hot
def wall_at(grid, side, tick):
    """Whether a wall of `side` (BID or ASK) may lie at a tick; surely none where this says no.

    For every level row. `grid`: the market's GRID row.
    """
    # unsigned: numba need not look for negative indices
    unit = np.uint64(tick) >> np.uint64(grid.wall_shift)
    word = grid.wall_marks[np.uint64(side), (unit >> np.uint64(6)) & _LAST_WORD]
    return (word >> (unit & np.uint64(63))) & _ONE != 0


@hot
def on_commit(sig, mid):
    """The message is complete; `mid` as it is now. For every usable commit.

    Who cancels because the price came near does so in the message that shows it.
    """
    if sig.grid.wall_cuts != 0:
        _place_cuts(sig, mid)


@rare
def drop_walls(sig):
    """A gap or a new snapshot: all walls are forgotten without a label, and what traded at them."""
    sig.grid.walls = 0
    sig.grid.wall_cuts = 0
    sig.grid.hollow[:] = 0
    attribution.forget(sig.attribution)
    mark(sig)


@rare
def mark(sig):
    """Renew the filter of `wall_at`: units of at most a bucket, a bit each, modulo 1,024."""
    grid = sig.grid
    shift = 0
    while grid.bucket >> (shift + 1) != 0:
        shift += 1
    grid.wall_shift = shift
    for word in range(WALL_WORDS):
        grid.wall_marks[0, word] = grid.wall_marks[1, word] = _NO_BITS
    for i in range(grid.walls):
        wall = sig.walls[i]
        side = 0 if wall.side > 0 else 1
        for unit in range(min(wall.near, wall.far) >> shift, (max(wall.near, wall.far) >> shift) + 1):
            grid.wall_marks[side, (unit >> 6) & (WALL_WORDS - 1)] |= _ONE << np.uint64(unit & 63)


@hot
def near_bps(grid):
    """Where a wall can be tested. 6 bps is right for walls pulled at 5 in a market of unit 1.35 (11.4)."""
    return max(NEAR_BPS, NEAR_UNITS * grid.volatility_unit)


@hot
def is_near(wall, grid):
    return wall.distance_bps <= near_bps(grid)


@hot
def touch(wall):
    """The price is at a wall; it counts again only after it has left."""
    if not wall.touching:
        wall.touches += 1
        wall.touching = 1


@hot
def distance_bps(wall, mid):
    return 1e4 * wall.side * (mid - wall.near) / mid


@hot
def _find(sig, sign, tick):
    """The wall of a side (+1 bid, -1 ask) at a tick, -1 none; walls of a side do not overlap."""
    for i in range(sig.grid.walls):
        wall = sig.walls[i]
        if wall.side == sign and (wall.near - tick) * sign >= 0 and (tick - wall.far) * sign >= 0:
            return i
    return -1


@hot
def changed(sig, side, tick, change, executed, now_ns):
    """The level of `side` (BID or ASK) at a tick changed by so many lots while `executed` traded there.

    `sig`: the market's record, its flow still of the commit before this message.
    """
    i = _find(sig, 1 if side == BID else -1, tick)
    if i >= 0:
        _change(sig.walls[i], sig.grid, 0.5 * (sig.flow.bid + sig.flow.ask), change, executed, now_ns)


@rare
def traded(sig, side, tick, lots, now_ns):
    """Lots resting on `side` (BID or ASK) were taken at a tick; returns those the book has yet to show."""
    i = _find(sig, 1 if side == BID else -1, tick)
    if i < 0:
        return lots
    wall = sig.walls[i]
    if wall.gone_ns != 0 and now_ns - wall.gone_ns > LATE_NS:
        return lots  # it went long before
    wall.executed += lots
    touch(wall)
    left = lots
    if now_ns - wall.cut_ns <= LATE_NS:  # what was cancelled a moment ago was this trade, told late
        told = min(lots, wall.cut)
        wall.cut -= told
        wall.cancelled -= told
        wall.cancelled_near = max(0.0, wall.cancelled_near - told)
        left -= told
    return left


@hot
def _change(wall, grid, mid, change, executed, now_ns):
    """Some tick of a wall changed by so many lots while `executed` traded there."""
    wall.quantity += change
    if wall.gone_ns == 0:
        wall.distance_bps = distance_bps(wall, mid)
    rest = change + executed
    if rest >= 0.0:
        if wall.executed > 0.0:
            wall.added += rest
        else:
            wall.grown += rest
        # orders of others in the bucket come and go: only what does not come back was taken away
        wall.cancelled = max(0.0, wall.cancelled - rest)
        wall.cancelled_near = max(0.0, wall.cancelled_near - rest)
    else:
        wall.cancelled -= rest
        if is_near(wall, grid):
            wall.cancelled_near -= rest
        else:
            wall.unplaced -= rest
            grid.wall_cuts = 1
        wall.cut = -rest if now_ns - wall.cut_ns > LATE_NS else wall.cut - rest
        wall.cut_ns = now_ns
    wall.peak = max(wall.peak, wall.quantity)
    if wall.quantity > KEEP_SHARE * wall.peak:
        if wall.gone_ns != 0 and wall.gone_cancelled:
            wall.returns += 1.0
        wall.gone_ns = 0
    elif wall.gone_ns == 0:
        wall.gone_ns = now_ns
        wall.gone_cancelled = -rest > executed


@rare
def _place_cuts(sig, mid):
    grid = sig.grid
    grid.wall_cuts = 0
    for i in range(grid.walls):
        wall = sig.walls[i]
        if wall.unplaced > 0.0:
            wall.distance_bps = min(wall.distance_bps, distance_bps(wall, mid))
            if is_near(wall, grid):
                wall.cancelled_near += wall.unplaced
            wall.unplaced = 0.0
