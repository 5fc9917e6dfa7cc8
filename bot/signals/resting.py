"""What the compiled loop tells of resting orders as it comes: a level, a print.

Two kinds of prices are watched: those of walls, and those of the band around
the mid whose resiliency is measured. A print there waits in
`bot.signals.attribution` for the update of the book that it explains; what an
update does not owe to trades was added or cancelled (signals.md 1.10). All
other rows are kept away by two comparisons and one bit.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.market.book import ASK, BID
from bot.signals import attribution, resiliency
from bot.signals.state import Awake
from bot.signals.walls import feed

_FEATURES = int(Awake.FEATURES)


@hot
def watch_band(grid, mid, bps):
    """Measure within so many bps of the mid (ticks; nan: nowhere) until told otherwise."""
    if mid != mid:
        grid.band_low, grid.band_width = -1, 0
        return
    reach = mid * bps / 1e4
    low = np.int64(np.ceil(mid - reach))
    grid.band_low = low
    grid.band_width = np.int64(mid + reach) - low


@hot
def in_band(grid, tick):
    return np.uint64(tick - grid.band_low) <= np.uint64(grid.band_width)


@hot
def watched_now(sig):
    """What `on_level` asks of every row, read once for the rows of a message, in which none of it changes.

    (band_low, band_width, whole, walled): `whole` when every change within the band is told, not only
    those that a trade may explain; `walled` when there is a wall.
    """
    grid = sig.grid
    whole = sig.active & _FEATURES != 0
    walled = grid.walls > 0
    if whole or sig.attribution.count > 0:
        return grid.band_low, grid.band_width, whole, walled
    return np.int64(-1), np.int64(0), whole, walled


@hot
def on_level(sig, watched, side, tick, before, after, venue_ns, now_ns):
    """A level of `side` (BID or ASK) went from `before` to `after` lots. For every level row.

    `sig`: the market's record, its flow still of the commit before this message; `watched`: by
    `watched_now`. `venue_ns`: corrected venue time of the message, for trades and book alike.
    """
    low, width, whole, walled = watched
    within = np.uint64(tick - low) <= np.uint64(width)
    if (within and (whole or attribution.may_wait(sig.attribution, tick))) or (
        walled and feed.wall_at(sig.grid, side, tick)
    ):
        _on_level(sig, side, tick, before, after, venue_ns, now_ns)


@hot
def on_print(sig, side, tick, lots, venue_ns, now_ns):
    """A market trade by an aggressor of `side` (+1 buys, -1 sells; 0, not told, is nobody's execution)."""
    if side != 0:
        resting = ASK if side > 0 else BID
        if in_band(sig.grid, tick) or feed.wall_at(sig.grid, resting, tick):
            left = feed.traded(sig, resting, tick, lots, now_ns)
            if left > 0.0:
                attribution.on_trade(sig.attribution, resting, tick, left, venue_ns)


@rare
def _on_level(sig, side, tick, before, after, venue_ns, now_ns):
    executed = attribution.take_executed(sig.attribution, side, tick, venue_ns)
    if in_band(sig.grid, tick) and sig.active & _FEATURES != 0:
        resiliency.on_change(sig.known.resiliency, now_ns, side, tick, before, after, executed)
    if feed.wall_at(sig.grid, side, tick):
        feed.changed(sig, side, tick, after - before, executed, now_ns)
