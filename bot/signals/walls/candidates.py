"""Which price buckets stand out from their neighbours and from what is usual at their distance (2.1).

A bucket is about a basis point times the volatility unit wide. From 48 ticks on
it is a whole number of the ladder's blocks of 64 ticks, whose sums are kept, so
that a side of ten thousand levels is read in a hundred additions.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.market.book import ASK, BID, PAGE, PAGE_BITS, WORDS, depth_between, flip_of
from bot.signals.reach import EMPTY_BUCKETS, is_hollow
from bot.signals.state import BUCKETS

BUCKET_BPS = 1.0
BAND_BPS = 100.0
BLOCK = 64  # ticks
NEIGHBOURS = 10  # non-empty buckets on each side of a candidate
LEAST_NEIGHBOURS = 4
Z_IN, Z_OUT = 3.0, 2.0
SCALE_FLOOR = 0.25
TIMES_MEDIAN = 4.0
SHELF_S = 20
SHELF_TAU = 30.0  # samples of SHELF_S: 10 min
SHELF_LEAST = 6  # samples before a distance is known

_ONE, _FOUR = np.uint64(1), np.uint64(4)
_DEVIATIONS = 1.4826


@hot
def bucket_ticks(grid, mid):
    """Ticks a bucket; renewed when price or volatility unit have moved it by half."""
    wanted = max(np.int64(1), np.int64(mid * BUCKET_BPS * grid.volatility_unit / 1e4))
    if 4 * wanted >= 3 * BLOCK:
        wanted = (wanted + BLOCK // 2) // BLOCK * BLOCK
    if grid.bucket == 0 or wanted > 1.5 * grid.bucket or 1.5 * wanted < grid.bucket:
        grid.bucket = wanted
        grid.shelf_samples[:, :] = 0
        grid.shelf_least[:, :] = 0.0
    return grid.bucket


@hot
def band_buckets(grid, mid):
    """Buckets a side within the band."""
    within = BAND_BPS * grid.volatility_unit * mid / 1e4 / grid.bucket
    return min(np.int64(BUCKETS), max(np.int64(1), np.int64(within)))


@hot
def bucket_lots(books, market, side, index, width):
    """Lots in a bucket; bucket i holds the ticks i*width to (i+1)*width - 1."""
    return lots_between(books, market, side, index * width, index * width + width - 1)


@hot
def lots_between(books, market, side, low, high):
    """Displayed lots on the ticks low to high of a side."""
    if side == BID:
        return depth_between(books, market, BID, high, low)
    flip = flip_of(books, ASK)
    return depth_between(books, market, ASK, flip - low, flip - high)


@rare
def fill_buckets(books, market, side, start, width, count, sizes):
    """sizes[k]: lots of the kth bucket outwards from bucket `start`, the mid's; (count,) of `sizes`."""
    for k in range(count):
        sizes[k] = 0.0
    if width & (BLOCK - 1) == 0:
        _fill_from_blocks(books, market, side, start, width, count, sizes)
    else:
        _fill_from_levels(books, market, side, start, width, count, sizes)


@hot
def _first_key(books, side, start, width):
    """The bucket's tick that is nearest to the other side, as a key."""
    if side == BID:
        return start * width + width - 1
    return flip_of(books, ASK) - start * width


@hot
def _page_of(books, market, side, slot):
    if slot < 0 or slot >= books.directory.shape[2]:
        return np.int64(-1)
    return np.int64(books.directory[market, side, slot])


@hot
def _fill_from_blocks(books, market, side, start, width, count, sizes):
    blocks = width // BLOCK
    block = _first_key(books, side, start, width) >> 6
    for k in range(count):
        for _ in range(blocks):
            page = _page_of(books, market, side, block >> (PAGE_BITS - 6))
            if page >= 0:
                sizes[k] += books.sums[page * WORDS + (block & (WORDS - 1))]
            block -= 1


@hot
def _fill_from_levels(books, market, side, start, width, count, sizes):
    key = _first_key(books, side, start, width)
    for k in range(count):
        last = key - width  # of the next bucket
        while key > last:
            slot = key >> PAGE_BITS
            begin = max(last + 1, slot << PAGE_BITS)
            page = _page_of(books, market, side, slot)
            if page >= 0:
                place = (page << PAGE_BITS) | (begin & (PAGE - 1))
                sizes[k] += _sum(books.lots, np.uint64(place), np.uint64(place + key - begin + 1))
            key = begin - 1


@hot
def _sum(values, begin, end):
    """In four chains, which the processor adds side by side."""
    a = b = c = d = 0.0
    i = begin
    while i + _FOUR <= end:
        a += values[i]
        b += values[i + _ONE]
        c += values[i + _ONE + _ONE]
        d += values[i + _FOUR - _ONE]
        i += _FOUR
    while i < end:
        a += values[i]
        i += _ONE
    return a + b + c + d


@hot
def _sort(values, count):
    for i in range(1, count):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value


@hot
def _ratio_median(ordered, count, centre):
    """Median of max(value/centre, centre/value), geometric for an even count; `ordered` rises.

    The two sides of the centre are merged from the inside.
    """
    above = 0
    while above < count and ordered[above] < centre:
        above += 1
    below = above - 1
    nearest = before = 1.0
    for _ in range((count >> 1) + 1):
        before = nearest
        if below < 0 or (above < count and ordered[above] * ordered[below] < centre * centre):
            nearest = ordered[above] / centre
            above += 1
        else:
            nearest = centre / ordered[below]
            below -= 1
    return nearest if count & 1 else math.sqrt(before * nearest)


@rare
def wall_z(sizes, count, k, scratch):
    """2.1: robust z of ln size against up to 10 non-empty neighbours on each side, nan with fewer than 4.

    Also returns the neighbours' median size. `scratch` holds at least 20 values.
    Medians of logarithms are logarithms of medians, so two are taken, not forty.
    """
    if not sizes[k] > 0.0:
        return np.nan, np.nan
    found = 0
    for direction in (-1, 1):
        j = k + direction
        taken = 0
        while 0 <= j < count and taken < NEIGHBOURS:
            if sizes[j] > 0.0:
                scratch[found] = sizes[j]
                found += 1
                taken += 1
            j += direction
    if found < LEAST_NEIGHBOURS:
        return np.nan, np.nan
    _sort(scratch, found)
    half = found >> 1
    usual = centre = scratch[half]
    if not found & 1:
        usual = 0.5 * (scratch[half - 1] + scratch[half])
        centre = math.sqrt(scratch[half - 1] * scratch[half])
    spread = max(_DEVIATIONS * math.log(_ratio_median(scratch, found, centre)), SCALE_FLOOR)
    return math.log(sizes[k] / centre) / spread, usual


@hot
def stands_out(sizes, count, k):
    """Whether TIMES_MEDIAN times the neighbours' median can be at most sizes[k]: a cheap first look.

    True whenever it is; rarely true when it is not.
    """
    most = sizes[k] / TIMES_MEDIAN
    found = small = 0
    for direction in (-1, 1):
        j = k + direction
        taken = 0
        while 0 <= j < count and taken < NEIGHBOURS:
            if sizes[j] > 0.0:
                found += 1
                small += sizes[j] <= most
                taken += 1
            j += direction
    return found >= LEAST_NEIGHBOURS and 2 * small >= found


@hot
def hollow_before(sizes, count, wall, scratch):
    """Whether there is hardly anything between the touch and the wall in bucket `wall` (2.4, vacuum)."""
    first = found = 0
    while first < count and not sizes[first] > 0.0:
        first += 1
    if wall - first < EMPTY_BUCKETS:
        return False
    for k in range(first, count):
        if sizes[k] > 0.0:
            scratch[found] = sizes[k]
            found += 1
    _sort(scratch, found)
    half = found >> 1
    median = scratch[half] if found & 1 else 0.5 * (scratch[half - 1] + scratch[half])
    return is_hollow(sizes[first:], wall - first, median)


@rare
def learn_shelf(grid, side, sizes, count):
    """A sample of what is usual at each distance: medians of ln size and of its distance from that.

    `shelf_least` is what stands out there (z = 3); 0 before enough is known.

    A median is followed by steps of one sign, as long as the spread: 1.25 of it
    over tau samples forgets like an average with that tau. Empty buckets say nothing.
    """
    for k in range(count):
        if not sizes[k] > 0.0:
            continue
        size = math.log(sizes[k])
        samples = grid.shelf_samples[side, k]
        if samples == 0:
            grid.shelf[side, k], grid.shelf_spread[side, k] = size, SCALE_FLOOR
        else:
            gain = 1.25 * max(1.0 / (samples + 1.0), 1.0 / SHELF_TAU)
            off = size - grid.shelf[side, k]
            step = gain * _DEVIATIONS * max(grid.shelf_spread[side, k], SCALE_FLOOR)
            grid.shelf[side, k] += min(step, max(-step, off))
            wide = abs(off) - grid.shelf_spread[side, k]
            grid.shelf_spread[side, k] += min(step, max(-step, wide))
        grid.shelf_samples[side, k] = samples + 1
        if samples + 1 >= SHELF_LEAST:
            spread = max(_DEVIATIONS * grid.shelf_spread[side, k], SCALE_FLOOR)
            grid.shelf_least[side, k] = math.exp(grid.shelf[side, k] + Z_IN * spread)
