"""Step 1: prices that may matter within 150 bps of the mid: side, source, mass (signals.md 8.1).

When there are more than CANDIDATES, the last in this order are dropped:
walls, volume nodes, liquidation clusters, round numbers, swings from the
newest to the oldest. Masses between the sources are our choice: what is
resting or was traded counts by its size, what is only remembered, estimated
or customary counts less.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.derivatives.clusters import BUCKET_BPS, LONGS, SHORTS, bucket_of, bucket_price, mass_at
from bot.signals.walls import WallStage
from bot.signals.zones.flow import node_at, node_floor, profile_range
from bot.signals.zones.state import BARS, CANDIDATES, ESTIMATES, RANGE_BPS, Source

SWING_MASS = 0.3
ESTIMATE_MASS = 0.3  # of the largest cluster in range
ROUND_MASS = 0.2
ROUND_STEP_BPS = 50.0

_WALL, _VOLUME, _SWING = np.int64(Source.WALL), np.int64(Source.VOLUME), np.int64(Source.SWING)
_LIQUIDATIONS, _ROUND = np.int64(Source.LIQUIDATIONS), np.int64(Source.ROUND)
_CANDIDATE = int(WallStage.CANDIDATE)
_REACH = int(RANGE_BPS / BUCKET_BPS)


@rare
def collect(row, walls, wall_count, estimate_count):
    """Fill row.found; how many there are. The zones are those of the last renewal."""
    count = _add_walls(row, walls, wall_count)
    count = _add_nodes(row, count)
    count = _add_estimates(row, estimate_count, count)
    count = _add_rounds(row, count)
    return _add_swings(row, count)


@hot
def wall_mass(lots, reference):
    """1 for what trades in a minute and more."""
    return min(1.0, lots / reference) if reference > 0.0 else 1.0


@hot
def side_of(row, price):
    """+1 below the mid, -1 above; inside a zone that holds the mid too, that zone's side.

    So a zone is not torn in two while the price is in it.
    """
    mid = row.around.mid
    for i in range(row.market.zones):
        zone = row.zones[i]
        if zone.seen and zone.low <= mid <= zone.high and zone.low <= price <= zone.high:
            return zone.side
    return np.int64(1) if price < mid else np.int64(-1)


@hot
def round_step(price):
    """The largest 1, 2 or 5 times a power of ten that is at most 50 bps of a price."""
    most = price * ROUND_STEP_BPS / 1e4 * (1.0 + 1e-12)
    base = 10.0 ** math.floor(math.log10(most))
    if 5.0 * base <= most:
        return 5.0 * base
    return 2.0 * base if 2.0 * base <= most else base


@hot
def _in_range(mid, price):
    return abs(price - mid) * 1e4 <= RANGE_BPS * mid


@hot
def _put(row, count, price, side, source, mass):
    """The new count."""
    if count >= CANDIDATES:
        return count
    one = row.found[count]
    one.price, one.side, one.source, one.mass = price, side, source, mass
    return count + 1


@hot
def _add_walls(row, walls, wall_count):
    """Confirmed walls, at their near edge and on their own side."""
    around = row.around
    count = np.int64(0)
    for i in range(wall_count):
        wall = walls[i]
        price = float(wall.near)
        if wall.stage != _CANDIDATE and wall.quantity > 0.0 and _in_range(around.mid, price):
            mass = wall_mass(wall.quantity, around.reference_lots)
            count = _put(row, count, price, wall.side, _WALL, mass)
    return count


@hot
def _add_nodes(row, count):
    market = row.market
    first, last = profile_range(market, row.around.mid)
    least, largest = node_floor(market, first, last)
    width = market.profile_buckets * market.bucket
    for number in range(first, last + 1):
        if node_at(market, number, least):
            price = (number + 0.5) * width - 0.5  # the middle of its ticks
            side = side_of(row, price)
            mass = market.profile[number % market.profile.size] / largest
            count = _put(row, count, price, side, _VOLUME, mass)
    return count


@hot
def _add_estimates(row, estimate_count, count):
    estimates, mid = row.estimates, row.around.mid
    largest = 0.0
    for i in range(estimate_count):
        if _in_range(mid, estimates[i, 0]):
            largest = max(largest, estimates[i, 1])
    for i in range(estimate_count):
        price = estimates[i, 0]
        if estimates[i, 1] > 0.0 and _in_range(mid, price):
            side = side_of(row, price)
            mass = ESTIMATE_MASS * estimates[i, 1] / largest
            count = _put(row, count, price, side, _LIQUIDATIONS, mass)
    return count


@hot
def _add_rounds(row, count):
    mid, tick_size = row.around.mid, row.around.tick_size
    step = round_step(mid * tick_size) / tick_size
    number = math.ceil(mid * (1.0 - RANGE_BPS / 1e4) / step)
    while number * step <= mid * (1.0 + RANGE_BPS / 1e4):
        price = number * step
        side = side_of(row, price)
        count = _put(row, count, price, side, _ROUND, ROUND_MASS)
        number += 1.0
    return count


@hot
def _add_swings(row, count):
    market, mid = row.market, row.around.mid
    for back in range(BARS):
        k = (market.bar - back) % BARS
        for price in (market.swing_highs[k], market.swing_lows[k]):
            if _in_range(mid, price):  # false for nan
                side = side_of(row, price)
                count = _put(row, count, price, side, _SWING, SWING_MASS)
    return count


@rare
def nearby_estimates(clusters, mid, tick_size, estimates):
    """Copy a market's estimated liquidation clusters (4.4) around the mid in ticks; how many."""
    count = 0
    centre = bucket_of(mid * tick_size)
    for which in (LONGS, SHORTS):
        away = -1 if which == LONGS else 1
        for k in range(_REACH + 1):
            bucket = centre + away * k
            mass = mass_at(clusters, which, bucket)
            if mass > 0.0 and count < ESTIMATES:
                estimates[count, 0] = bucket_price(bucket) / tick_size
                estimates[count, 1] = mass
                count += 1
    return count
