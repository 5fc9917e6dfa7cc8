"""What is traded where: by bucket since the last renewal, and faded over hours (signals.md 8.1).

Between two renewals a trade only adds to a bucket of about one basis point.
A renewal reads the flow inside each zone from the buckets, then pours them
into the profile, whose buckets of about five basis points are whole multiples.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.fade import fade
from bot.signals.zones.state import FLOW_BUCKETS, PROFILE_BUCKETS, RANGE_BPS

FLOW_BPS = 1.0
PROFILE_BPS = 5.0
RESIZE = 1.5
"""Buckets get a new size, and the profile starts again, when they are off by this factor."""
TAU_S = 6.0 * 3_600.0 / math.log(2.0)
NODE_SHARE = 0.1
LEAST_BUCKETS = 10  # traded in, before any is called a node

BUYERS, SELLERS = np.int64(0), np.int64(1)


@hot
def note_trade(market, side, tick, lots):
    """A trade by an aggressor of `side` (+1, -1; 0 unknown: half each). `market`: ZONED.market."""
    k = np.int64((tick + 0.5) * market.per_tick) - market.first
    if 0 <= k < FLOW_BUCKETS:
        bought = 0.5 * (1 + side) * lots
        market.flow[BUYERS, k] += bought
        market.flow[SELLERS, k] += lots - bought


@hot
def flow_between(market, low, high, which):
    """Lots by BUYERS or SELLERS since the last renewal in the buckets that overlap low to high."""
    total = 0.0
    if market.bucket == 0:
        return total
    begin = max(np.int64(0), np.int64(math.floor(low * market.per_tick)) - market.first)
    end = min(np.int64(FLOW_BUCKETS - 1), np.int64(math.floor(high * market.per_tick)) - market.first)
    for k in range(begin, end + 1):
        total += market.flow[which, k]
    return total


@rare
def pour(market, mid, elapsed_ns):
    """Fade the profile, add the flow to it, and begin to count again around the mid."""
    factor = fade(elapsed_ns, TAU_S)
    for k in range(PROFILE_BUCKETS):
        market.profile[k] *= factor
    for k in range(FLOW_BUCKETS):
        lots = market.flow[BUYERS, k] + market.flow[SELLERS, k]
        if lots > 0.0:
            number = market.first + k
            notional = lots * (number + 0.5) * market.bucket
            market.profile[(number // market.profile_buckets) % PROFILE_BUCKETS] += notional
            market.flow[BUYERS, k] = market.flow[SELLERS, k] = 0.0
    _resize(market, mid)
    market.first = np.int64(mid * market.per_tick) - FLOW_BUCKETS // 2


@hot
def _resize(market, mid):
    """Sizes of the buckets: as asked for in bps, at least a tick."""
    wanted = mid * FLOW_BPS / 1e4
    size = max(np.int64(1), np.int64(round(wanted)))
    if (
        market.bucket > 0
        and max(wanted, 1.0) <= RESIZE * market.bucket
        and RESIZE * max(wanted, 1.0) >= market.bucket
    ):
        return
    market.bucket = size
    market.per_tick = 1.0 / size
    market.profile_buckets = max(np.int64(1), np.int64(round(mid * PROFILE_BPS / 1e4 / size)))
    for k in range(PROFILE_BUCKETS):
        market.profile[k] = 0.0


@hot
def node_at(market, number, least):
    """Whether a profile bucket is a local maximum of at least so much notional; the lower one of a tie."""
    here = market.profile[number % PROFILE_BUCKETS]
    below = market.profile[(number - 1) % PROFILE_BUCKETS]
    above = market.profile[(number + 1) % PROFILE_BUCKETS]
    return here >= least and here > below and here >= above


@hot
def profile_range(market, mid):
    """First and last profile bucket whose middle is within the range."""
    width = market.profile_buckets * market.bucket
    reach = mid * RANGE_BPS / 1e4
    return (
        np.int64(math.ceil((mid - reach) / width - 0.5)),
        np.int64(math.floor((mid + reach) / width - 0.5)),
    )


@rare
def node_floor(market, first, last):
    """(90th percentile, largest) notional of the buckets traded in; inf percentile with fewer than ten.

    The percentile is a sample: the smallest one with less than a tenth above it.
    Quadratic in the sixty buckets of the range, and needs no scratch.
    """
    traded = 0
    largest = 0.0
    for k in range(first, last + 1):
        here = market.profile[k % PROFILE_BUCKETS]
        traded += here > 0.0
        largest = max(largest, here)
    if traded < LEAST_BUCKETS:
        return np.inf, largest
    floor = largest
    for k in range(first, last + 1):
        here = market.profile[k % PROFILE_BUCKETS]
        if 0.0 < here < floor:
            above = 0
            for j in range(first, last + 1):
                above += market.profile[j % PROFILE_BUCKETS] > here
            if above < NODE_SHARE * traded - 1e-9:
                floor = here
    return floor, largest
