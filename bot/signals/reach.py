"""How far a given volume reaches into each side (signals.md 1.9), and vacuum (2.4)."""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, leading_zeros, rare
from bot.market.book import ASK, BID, PAGE_BITS, WORDS, flip_of
from bot.signals.features import mid_of, ratio
from bot.signals.rolling import median_of, push

MULTIPLES = (1.0, 3.0, 10.0)
"""Of the usual volume of ten seconds."""
VACUUM = 1.5  # times the usual reach
SECONDS = 600  # of reach the usual one is the median of
LEAST_SECONDS = 60
FARTHEST_BPS = 500.0
EMPTY_SHARE = 0.25  # of the median bucket
EMPTY_BUCKETS = 3

_BLOCK_BITS = PAGE_BITS - 6  # blocks of 64 ticks in a page, whose sums the ladder keeps
_ONE = np.uint64(1)


@hot
def usual_volume(traded_lots, tau_s, known_s):
    """Mean lots traded in ten seconds, from a sum decayed with tau that has run for `known_s`; nan at 0 s."""
    if not known_s > 0.0:
        return np.nan
    return 10.0 * traded_lots / (tau_s * (1.0 - math.exp(-known_s / tau_s)))


@rare
def side_reach(books, market, side, mid, volume, reaches):
    """Distance in bps at which a side's cumulative lots reach each multiple of `volume`, into reaches[0:3].

    inf where the visible book, or FARTHEST_BPS of it, ends before. One walk for all multiples, over the
    sums of whole blocks; only a block in which a multiple is reached is looked into.
    """
    flip = flip_of(books, side)
    depth = 0.0
    k = 0
    block = books.best[market, side] >> 6
    last = max(np.int64(0), block - (np.int64(mid * FARTHEST_BPS / 1e4) >> 6))
    while block >= last and k < len(MULTIPLES):
        page = np.int64(books.directory[market, side, block >> _BLOCK_BITS])
        if page < 0:
            block = (block >> _BLOCK_BITS << _BLOCK_BITS) - 1
            continue
        word = page * WORDS + (block & (WORDS - 1))
        after = depth + books.sums[word]
        bits = books.occupied[word] if after >= MULTIPLES[k] * volume - 1e-12 else np.uint64(0)
        while bits != 0 and k < len(MULTIPLES):
            bit = np.int64(63) - np.int64(leading_zeros(bits))
            bits ^= _ONE << np.uint64(bit)
            depth += books.lots[(word << 6) + bit]
            while k < len(MULTIPLES) and depth >= MULTIPLES[k] * volume - 1e-12:
                reaches[k] = 1e4 * abs((((block << 6) + bit) ^ flip) - mid) / mid
                k += 1
        depth = after
        block -= 1
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
