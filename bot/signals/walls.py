"""Walls: large resting quantities, found, followed and judged (signals.md 2.1 to 2.3, first slice).

Ticks are gathered into buckets of about one basis point. A bucket is a
candidate when it stands out from its neighbours; a wall is followed until its
quantity is gone. With level data intent cannot be seen: a wall that vanishes
is pulled liquidity, nothing more.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from bot.core.jit import hot
from bot.market.book import ASK, BID, depth_between, flip_of
from bot.signals.features import mid_of
from bot.signals.rolling import median_of
from bot.signals.state import ENDED_WALLS, MINUTE_LOTS, WALLS

SCAN_S = 2
BUCKET_BPS = 1.0
BUCKETS = 30  # a side
NEIGHBOURS = 10  # non-empty buckets on each side of a candidate
Z_IN, Z_OUT = 3.0, 2.0
SCALE_FLOOR = 0.25
TIMES_MEDIAN = 4.0
KEEP_SHARE = 0.3
NEAR_BPS = 6.0
GONE_BPS = 100.0
GRACE_NS = 2_000_000_000
CONFIRM_NS = 2_000_000_000


class WallStage(IntEnum):
    CANDIDATE = 0
    ACTIVE = 1
    TESTED = 2


class WallEnd(IntEnum):
    CONSUMED = 1
    PULLED = 2
    EXPIRED = 3


_CANDIDATE, _ACTIVE, _TESTED = int(WallStage.CANDIDATE), int(WallStage.ACTIVE), int(WallStage.TESTED)
_CONSUMED, _PULLED, _EXPIRED = int(WallEnd.CONSUMED), int(WallEnd.PULLED), int(WallEnd.EXPIRED)


@hot
def log_odds(near_s, far_s, executed, added, cancelled_near, peak, base_rate, layering, flicker):
    """2.2: sequential log-odds that a wall is genuine."""
    odds = math.log(base_rate / (1.0 - base_rate))
    odds += min(2.3, near_s) + min(1.0, 0.02 * far_s) + 1.5 * min(2.0, executed / peak)
    if executed > 0.0:
        odds += 0.5 * min(1.0, added / executed)
    odds -= 4.0 * cancelled_near / (cancelled_near + executed + 0.25 * peak)
    return odds - layering - 0.5 * flicker


@hot
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@hot
def bucket_ticks(sig, market, mid):
    """Ticks a bucket; fixed at first sight, renewed when the price has moved by half."""
    grid = sig.grid[market]
    wanted = max(np.int64(1), np.int64(round(mid * BUCKET_BPS / 1e4)))
    if grid.bucket == 0 or wanted > 1.5 * grid.bucket or 1.5 * wanted < grid.bucket:
        grid.bucket = wanted
        grid.walls = 0
    return grid.bucket


@hot
def bucket_lots(books, market, side, index, width):
    """Lots in a bucket; bucket i holds the ticks i*width to (i+1)*width - 1."""
    first = index * width
    last = first + width - 1
    if side == BID:
        return depth_between(books, market, BID, last, first)
    flip = flip_of(books, ASK)
    return depth_between(books, market, ASK, flip - first, flip - last)


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
def _median(values, count):
    half = count >> 1
    return values[half] if count & 1 else 0.5 * (values[half - 1] + values[half])


@hot
def wall_z(sizes, count, k, scratch):
    """2.1: robust z of ln size against up to 10 non-empty neighbours on each side, nan with fewer than 4.

    Also returns the neighbours' median size. `scratch` holds at least 20 values.
    """
    if not sizes[k] > 0.0:
        return np.nan, np.nan
    found = 0
    for direction in (-1, 1):
        j = k + direction
        taken = 0
        while 0 <= j < count and taken < NEIGHBOURS:
            if sizes[j] > 0.0:
                scratch[found] = math.log(sizes[j])
                found += 1
                taken += 1
            j += direction
    if found < 4:
        return np.nan, np.nan
    _sort(scratch, found)
    middle = _median(scratch, found)
    for i in range(found):
        scratch[i] = abs(scratch[i] - middle)
    _sort(scratch, found)
    spread = max(1.4826 * _median(scratch, found), SCALE_FLOOR)
    return (math.log(sizes[k]) - middle) / spread, math.exp(middle)


@hot
def wall_traded(sig, market, side, tick, lots):
    """A trade by an aggressor of `side`: attribute it to the wall it hit."""
    for i in range(sig.grid[market].walls):
        wall = sig.walls[market, i]
        low, high = min(wall.near, wall.far), max(wall.near, wall.far)
        if wall.side == -side and low <= tick <= high:
            wall.executed += lots
            wall.pending += lots


@hot
def drop_walls(sig, market):
    """Forget all walls without a label."""
    sig.grid[market].walls = 0


@hot
def scan(sig, books, market, now_ns):
    """Follow the walls there are, then look for new ones. Called every SCAN_S on a usable book."""
    mid = mid_of(books, market)
    width = bucket_ticks(sig, market, mid)
    i = 0
    while i < sig.grid[market].walls:
        if _follow(sig, books, market, i, mid, width, now_ns):
            i += 1
        else:
            _remove(sig, market, i)
    for side in range(2):
        _look(sig, books, market, side, mid, width, now_ns)
    _judge(sig, market)


@hot
def _follow(sig, books, market, i, mid, width, now_ns):
    """Bring one wall up to date; False when it has ended."""
    wall = sig.walls[market, i]
    book_side = BID if wall.side > 0 else ASK
    low = min(wall.near, wall.far)
    shown = bucket_lots(books, market, book_side, low // width, width)
    change = shown - wall.quantity + wall.pending
    wall.distance_bps = 1e4 * wall.side * (mid - wall.near) / mid
    unit = sig.grid[market].volatility_unit
    near = wall.distance_bps <= NEAR_BPS * unit
    if change >= 0.0:
        if wall.executed > 0.0:
            wall.added += change
    else:
        wall.cancelled -= change
        if near:
            wall.cancelled_near -= change
    wall.pending = 0.0
    wall.quantity = shown
    wall.peak = max(wall.peak, shown)
    if near:
        wall.near_s += SCAN_S
    else:
        wall.far_s += SCAN_S
    if wall.stage == _CANDIDATE and now_ns - wall.strong_ns >= CONFIRM_NS:
        wall.stage = _ACTIVE
    if wall.stage == _ACTIVE and (near or wall.executed > 0.0):
        wall.stage = _TESTED
    if abs(wall.distance_bps) > GONE_BPS:
        return False
    if shown <= KEEP_SHARE * wall.peak:
        _end(sig, market, wall, near, now_ns)
        return False
    # what stopped standing out before it was confirmed never was a wall
    return wall.stage != _CANDIDATE or now_ns - wall.seen_ns <= GRACE_NS


@hot
def _end(sig, market, wall, near, now_ns):
    removed = wall.executed + wall.cancelled
    if removed > 0.0 and wall.executed >= 0.5 * removed:
        label = _CONSUMED
    else:
        label = _PULLED if near else _EXPIRED
    row = sig.ended[market, wall.id % ENDED_WALLS]
    row.id, row.side, row.near, row.far = wall.id, wall.side, wall.near, wall.far
    row.label, row.ended_ns, row.peak = label, now_ns, wall.peak
    row.executed, row.genuineness = wall.executed, wall.genuineness
    if wall.stage == _TESTED:
        which = 0 if wall.side > 0 else 1
        grid = sig.grid[market]
        grid.wall_wins[which] = 0.98 * grid.wall_wins[which] + (1.0 if label == _CONSUMED else 0.0)
        grid.wall_trials[which] = 0.98 * grid.wall_trials[which] + 1.0


@hot
def _remove(sig, market, i):
    last = sig.grid[market].walls - 1
    for k in range(i, last):
        sig.walls[market, k] = sig.walls[market, k + 1]
    sig.grid[market].walls = last


@hot
def _look(sig, books, market, side, mid, width, now_ns):
    sizes = sig.scratch[0]
    start = np.int64(math.floor(mid)) // width
    total = 0.0
    filled = 0
    for k in range(BUCKETS):
        sizes[k] = bucket_lots(books, market, side, start - k if side == BID else start + k, width)
        total += sizes[k]
        filled += sizes[k] > 0.0
    if filled < 5:
        return
    mean = total / filled
    traded = median_of(sig.bands, market, MINUTE_LOTS)
    for k in range(BUCKETS):
        # cheap first: a wall is above the mean of what surrounds it
        if sizes[k] < 1.5 * mean:
            continue
        z, median = wall_z(sizes, BUCKETS, k, sig.scratch[1])
        if not z >= Z_OUT:
            continue
        index = start - k if side == BID else start + k
        known = _find(sig, market, side, index, width)
        if known >= 0:
            sig.walls[market, known].seen_ns = now_ns
        elif z >= Z_IN and sizes[k] >= TIMES_MEDIAN * median and not sizes[k] < 0.5 * traded:
            _begin(sig, market, side, index, width, sizes[k], mid, now_ns)


@hot
def _find(sig, market, side, index, width):
    sign = 1 if side == BID else -1
    for i in range(sig.grid[market].walls):
        wall = sig.walls[market, i]
        if wall.side == sign and min(wall.near, wall.far) == index * width:
            return i
    return -1


@hot
def _begin(sig, market, side, index, width, lots, mid, now_ns):
    grid = sig.grid[market]
    if grid.walls == WALLS:
        return
    wall = sig.walls[market, grid.walls]
    grid.walls += 1
    wall.id = grid.next_wall
    grid.next_wall += 1
    wall.side = 1 if side == BID else -1
    low, high = index * width, index * width + width - 1
    wall.near, wall.far = (high, low) if side == BID else (low, high)
    wall.stage = _CANDIDATE
    wall.quantity = wall.peak = lots
    wall.executed = wall.pending = wall.added = wall.cancelled = wall.cancelled_near = 0.0
    wall.near_s = wall.far_s = wall.returns = 0.0
    wall.born_ns = wall.seen_ns = wall.strong_ns = now_ns
    wall.genuineness = 0.5
    wall.distance_bps = 1e4 * wall.side * (mid - wall.near) / mid


@hot
def _judge(sig, market):
    """2.2 for every wall: base rate of its side, its own history, layering."""
    grid = sig.grid[market]
    for i in range(grid.walls):
        wall = sig.walls[market, i]
        which = 0 if wall.side > 0 else 1
        base = (grid.wall_wins[which] + 1.0) / (grid.wall_trials[which] + 2.0)
        wall.genuineness = sigmoid(
            log_odds(
                wall.near_s,
                wall.far_s,
                wall.executed,
                wall.added,
                wall.cancelled_near,
                wall.peak,
                min(0.9, max(0.1, base)),
                _layering(sig, market, i),
                0.0,
            )
        )


@hot
def _layering(sig, market, i):
    """min(1, (n-1)/4) for n walls of the same side, size (CV <= 0.15) and birth (1 s), else 0."""
    wall = sig.walls[market, i]
    n = 0
    total = squares = 0.0
    for k in range(sig.grid[market].walls):
        other = sig.walls[market, k]
        if other.side == wall.side and abs(other.born_ns - wall.born_ns) <= 1_000_000_000:
            n += 1
            total += other.peak
            squares += other.peak * other.peak
    if n < 2:
        return 0.0
    mean = total / n
    variation = math.sqrt(max(0.0, squares / n - mean * mean)) / mean
    return min(1.0, (n - 1) / 4.0) if variation <= 0.15 else 0.0


@hot
def wall_pressure(sig, market):
    """The `wall` card: support minus resistance of genuine walls, nearer and larger counting more."""
    grid = sig.grid[market]
    if grid.walls == 0:
        return 0.0
    reference = median_of(sig.bands, market, MINUTE_LOTS)
    total = 0.0
    for i in range(grid.walls):
        wall = sig.walls[market, i]
        if wall.stage == _CANDIDATE:
            continue
        sure = max(0.0, 2.0 * wall.genuineness - 1.0)
        size = min(1.0, wall.quantity / reference) if reference > 0.0 else 1.0
        total += wall.side * sure * math.exp(-abs(wall.distance_bps) / 15.0) * size
    return total
