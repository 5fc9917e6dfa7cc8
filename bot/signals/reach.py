"""How far a given volume reaches into each side (signals.md 1.9), and vacuum (2.4)."""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.market.book import ASK, BID, flip_of
from bot.signals.descent import seek, start, take
from bot.signals.features import mid_of, ratio
from bot.signals.rolling import median_of, push

MULTIPLES = (1.0, 3.0, 10.0)
"""Of the usual volume of ten seconds."""
VACUUM = 1.5  # times the usual reach
SECONDS = 600  # of reach the usual one is the median of
LEAST_SECONDS = 60
EMPTY_SHARE = 0.25  # of the median bucket
EMPTY_BUCKETS = 3


@hot
def usual_volume(traded_lots, tau_s, known_s):
    """Mean lots traded in ten seconds, from a sum decayed with tau that has run for `known_s`; nan at 0 s."""
    if not known_s > 0.0:
        return np.nan
    return 10.0 * traded_lots / (tau_s * (1.0 - math.exp(-known_s / tau_s)))


@rare
def side_reach(books, market, side, mid, volume, reaches):
    """Distance in bps at which a side's cumulative lots reach each multiple of `volume`, into reaches[0:3].

    inf where the visible book ends before. One walk for all multiples.
    """
    flip = flip_of(books, side)
    depth = 0.0
    k = 0
    at = start(books, market, side)
    while k < len(MULTIPLES):
        at = seek(books, market, side, at)
        if at[0] < 0:
            break
        key, place, at = take(at)
        depth += books.lots[place]
        while k < len(MULTIPLES) and depth >= MULTIPLES[k] * volume - 1e-12:
            reaches[k] = 1e4 * abs((key ^ flip) - mid) / mid
            k += 1
    for i in range(k, len(MULTIPLES)):
        reaches[i] = np.inf


@rare
def measure(books, market, volume, up, down):
    """Reaches of the asks into up[0:3], of the bids into down[0:3]; nan without a usable book or volume."""
    mid = mid_of(books, market)
    if mid != mid or not volume > 0.0:
        up[:] = np.nan
        down[:] = np.nan
        return
    side_reach(books, market, ASK, mid, volume, up)
    side_reach(books, market, BID, mid, volume, down)


@hot
def reach_asymmetry(up, down):
    """(up - down) / (up + down), + thin ask. A side that ends before counts as thin; both: nan."""
    if up == np.inf or down == np.inf:
        if up == down:
            return np.nan
        return 1.0 if up == np.inf else -1.0
    return ratio(up, down)


@rare
def is_vacuum(window, reach):
    """Whether a reach is 1.5 times its median of the last ten minutes; then the reach joins them.

    Called every second for each direction, with its window of SECONDS. An
    endless reach is a vacuum and joins as the longest one known.
    """
    if reach != reach:
        return False
    known = window.count >= LEAST_SECONDS
    usual = median_of(window)
    vacuum = known and reach >= VACUUM * usual
    push(window, min(reach, 1e4))
    return vacuum


@hot
def is_hollow(sizes, count, median):
    """Whether three buckets in a row before the next wall hold less than a quarter of the median.

    `sizes[:count]` are the buckets before the wall, nearest first; `median` is
    that of the side's non-empty buckets.
    """
    run = 0
    for k in range(count):
        run = run + 1 if sizes[k] < EMPTY_SHARE * median else 0
        if run == EMPTY_BUCKETS:
            return True
    return False
