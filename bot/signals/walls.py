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

from bot.core.jit import hot, rare
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
TRADED_SHARE = 0.1
KEEP_SHARE = 0.3
NEAR_BPS = 6.0
GONE_BPS = 100.0
GRACE_NS = 2_000_000_000
CONFIRM_NS = 2_000_000_000
GENUINE = 0.65
RETURN_NS = 60_000_000_000
FLICKER_MOST = 6.0  # re-appearances a minute


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
def base_rate(wins, trials):
    """2.2: share of a side's tested walls that held, Beta(1, 1) prior, clipped to [0.1, 0.9]."""
    return min(0.9, max(0.1, (wins + 1.0) / (trials + 2.0)))


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
def _middle(values, count):
    half = count >> 1
    return values[half] if count & 1 else 0.5 * (values[half - 1] + values[half])


@hot
def _middle_distance(ordered, count, centre):
    """Median of |value - centre| for sorted values: the two sides of the centre merged from the inside."""
    above = 0
    while above < count and ordered[above] < centre:
        above += 1
    below = above - 1
    nearest = before = 0.0
    for _ in range((count >> 1) + 1):
        before = nearest
        if below < 0 or (above < count and ordered[above] - centre < centre - ordered[below]):
            nearest = ordered[above] - centre
            above += 1
        else:
            nearest = centre - ordered[below]
            below -= 1
    return nearest if count & 1 else 0.5 * (before + nearest)


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
                scratch[found] = sizes[j]
                found += 1
                taken += 1
            j += direction
    if found < 4:
        return np.nan, np.nan
    _sort(scratch, found)
    usual = _middle(scratch, found)
    for i in range(found):
        scratch[i] = math.log(scratch[i])
    centre = _middle(scratch, found)
    spread = max(1.4826 * _middle_distance(scratch, found, centre), SCALE_FLOOR)
    return (math.log(sizes[k]) - centre) / spread, usual


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
    return found >= 4 and 2 * small >= found


@rare
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


@rare
def scan(sig, books, market, now_ns):
    """Follow the walls there are, then look for new ones. Called every SCAN_S on a usable book."""
    mid = mid_of(books, market)
    width = bucket_ticks(sig, market, mid)
    start = np.int64(math.floor(mid)) // width
    for side in range(2):
        away = -1 if side == BID else 1
        sizes = sig.scratch[0]
        for k in range(BUCKETS):
            sizes[k] = bucket_lots(books, market, side, start + away * k, width)
        i = 0
        while i < sig.grid[market].walls:
            wall = sig.walls[market, i]
            if wall.side == -away:
                index = min(wall.near, wall.far) // width
                k = (index - start) * away
                shown, z = np.nan, np.nan
                if 0 <= k < BUCKETS:
                    shown = sizes[k]
                    z, _ = wall_z(sizes, BUCKETS, k, sig.scratch[1])
                else:
                    shown = bucket_lots(books, market, side, index, width)
                if not _follow(sig, market, i, shown, z, mid, now_ns):
                    _remove(sig, market, i)
                    continue
            i += 1
        _look(sig, market, side, start, mid, width, now_ns)
    _judge(sig, market)


@hot
def _follow(sig, market, i, shown, z, mid, now_ns):
    """Bring one wall up to date; False when it has ended. nan `z`: too far or too alone to say."""
    wall = sig.walls[market, i]
    change = shown - wall.quantity + wall.pending
    wall.distance_bps = 1e4 * wall.side * (mid - wall.near) / mid
    near = wall.distance_bps <= NEAR_BPS * sig.grid[market].volatility_unit
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
    _stage(wall, z, near, now_ns)
    if abs(wall.distance_bps) > GONE_BPS:
        return False
    if shown <= KEEP_SHARE * wall.peak or now_ns - wall.seen_ns > GRACE_NS:
        _end(sig, market, wall, near, now_ns)
        return False
    return True


@hot
def _stage(wall, z, near, now_ns):
    """2.3: strong for CONFIRM_NS makes a candidate a wall, price or trades reaching it test it."""
    if not z < Z_OUT:
        wall.seen_ns = now_ns
    if not z >= Z_IN:
        wall.strong_ns = 0
    elif wall.strong_ns == 0:
        wall.strong_ns = now_ns
    if wall.stage == _CANDIDATE and wall.strong_ns != 0 and now_ns - wall.strong_ns >= CONFIRM_NS:
        wall.stage = _ACTIVE
    if wall.stage == _ACTIVE and (near or wall.executed > 0.0):
        wall.stage = _TESTED


@hot
def _end(sig, market, wall, near, now_ns):
    removed = wall.executed + wall.cancelled
    if wall.executed > 0.0 and wall.executed >= 0.5 * removed:
        label = _CONSUMED
    elif near and wall.cancelled > 0.5 * removed:
        label = _PULLED
    else:
        label = _EXPIRED
    row = sig.ended[market, wall.id % ENDED_WALLS]
    row.id, row.side, row.near, row.far = wall.id, wall.side, wall.near, wall.far
    row.label, row.ended_ns, row.peak = label, now_ns, wall.peak
    row.executed, row.genuineness, row.returns = wall.executed, wall.genuineness, wall.returns
    if wall.stage == _TESTED:
        which = 0 if wall.side > 0 else 1
        grid = sig.grid[market]
        grid.wall_wins[which] = 0.98 * grid.wall_wins[which] + (0.0 if label == _PULLED else 1.0)
        grid.wall_trials[which] = 0.98 * grid.wall_trials[which] + 1.0


@hot
def _remove(sig, market, i):
    last = sig.grid[market].walls - 1
    for k in range(i, last):
        sig.walls[market, k] = sig.walls[market, k + 1]
    sig.grid[market].walls = last


@hot
def _look(sig, market, side, start, mid, width, now_ns):
    """Candidates among the buckets in scratch[0] (2.1)."""
    sizes = sig.scratch[0]
    away = -1 if side == BID else 1
    least = TRADED_SHARE * median_of(sig.bands, market, MINUTE_LOTS)
    for k in range(BUCKETS):
        if not sizes[k] > 0.0 or sizes[k] < least or not stands_out(sizes, BUCKETS, k):
            continue
        index = start + away * k
        if _find(sig, market, side, index, width) >= 0:
            continue
        z, usual = wall_z(sizes, BUCKETS, k, sig.scratch[1])
        if z >= Z_IN and sizes[k] >= TIMES_MEDIAN * usual:
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
    wall.near_s = wall.far_s = 0.0
    wall.returns = _returns(sig, market, wall, now_ns)
    wall.born_ns = wall.seen_ns = wall.strong_ns = now_ns
    wall.genuineness = 0.5
    wall.distance_bps = 1e4 * wall.side * (mid - wall.near) / mid


@hot
def _returns(sig, market, wall, now_ns):
    """How often a wall came back to this bucket, decayed with a minute; 0 for one not seen there."""
    latest_ns = now_ns - RETURN_NS
    count = 0.0
    for k in range(ENDED_WALLS):
        row = sig.ended[market, k]
        if row.side == wall.side and row.near == wall.near and row.ended_ns >= latest_ns:
            latest_ns = row.ended_ns
            count = row.returns * math.exp((row.ended_ns - now_ns) / RETURN_NS) + 1.0
    return count


@hot
def _judge(sig, market):
    """2.2 for every wall: base rate of its side, its own history, layering, flicker."""
    grid = sig.grid[market]
    for i in range(grid.walls):
        wall = sig.walls[market, i]
        which = 0 if wall.side > 0 else 1
        wall.genuineness = sigmoid(
            log_odds(
                wall.near_s,
                wall.far_s,
                wall.executed,
                wall.added,
                wall.cancelled_near,
                wall.peak,
                base_rate(grid.wall_wins[which], grid.wall_trials[which]),
                layering_of(sig, market, i),
                min(1.0, wall.returns / FLICKER_MOST),
            )
        )


@hot
def layering_of(sig, market, i):
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
        if wall.stage == _CANDIDATE or wall.genuineness < GENUINE:
            continue
        sure = max(0.0, 2.0 * wall.genuineness - 1.0)
        size = min(1.0, wall.quantity / reference) if reference > 0.0 else 1.0
        total += wall.side * sure * math.exp(-abs(wall.distance_bps) / 15.0) * size
    return total
