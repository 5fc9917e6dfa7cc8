"""The wall ledger: birth, age, touches and a cause of death (2.1 to 2.3).

Age, distance and genuineness are renewed every second, candidates are looked
for every other. Between, `bot.signals.walls.feed` keeps each wall's quantities.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from bot.core.enums import WallEnd
from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.market.book import ASK, BID, best_tick
from bot.signals.features import mid_of
from bot.signals.rolling import median_of
from bot.signals.state import ENDED_WALLS, WALL_EVIDENCE, WALLS
from bot.signals.walls.candidates import (
    BAND_BPS,
    SHELF_S,
    TIMES_MEDIAN,
    Z_IN,
    Z_OUT,
    band_buckets,
    bucket_ticks,
    fill_buckets,
    hollow_before,
    learn_shelf,
    stands_out,
    wall_z,
)
from bot.signals.walls.feed import LATE_NS, distance_bps, is_near, mark, near_bps, on_commit, touch
from bot.signals.walls.genuineness import TRAP, judge, learn

SCAN_S = 1
LOOK_S = 2
TRADED_SHARE = 0.1  # of a median minute: at half of it none of the planted walls of 11.3 would pass
GRACE_NS = 2 * NS_PER_S
CONFIRM_NS = 2 * NS_PER_S
RETURN_NS = 60 * NS_PER_S
FLICKER_MOST = 6.0  # re-appearances a minute
ALIKE_NS = NS_PER_S
ALIKE_VARIATION = 0.15
ICEBERG_TIMES = 1.5


class WallStage(IntEnum):
    CANDIDATE = 0
    ACTIVE = 1
    TESTED = 2


CANDIDATE, _ACTIVE, _TESTED = int(WallStage.CANDIDATE), int(WallStage.ACTIVE), int(WallStage.TESTED)
_CONSUMED, _PULLED = int(WallEnd.CONSUMED), int(WallEnd.PULLED)
_EXPIRED, _MOVED = int(WallEnd.EXPIRED), int(WallEnd.MOVED)


@hot
def is_trap(wall):
    """Tested and likely to be pulled. Not to be flagged is no evidence that a wall is real (2.2)."""
    return wall.stage == _TESTED and wall.genuineness <= TRAP


@rare
def scan(sig, books, market, now_ns):
    """Follow the walls there are, then look for new ones. Called every SCAN_S on a usable book."""
    grid, walls = sig.grid, sig.walls
    mid = mid_of(books, market)
    bucket_ticks(grid, mid)
    on_commit(sig, mid)
    second = now_ns // NS_PER_S
    looks = second % LOOK_S == 0
    if looks:
        for side in range(2):
            _look(sig, books, market, side, mid, second % SHELF_S == 0, now_ns)
    i = 0
    while i < grid.walls:
        side = BID if walls[i].side > 0 else ASK
        label = _age(walls[i], grid, mid, best_tick(books, market, side), now_ns)
        if looks or label != 0:
            walls[i].layering = layering_of(sig, i)
        if looks or label != 0 or walls[i].near_s > 0.0:
            judge(walls[i], grid, walls[i].layering, min(1.0, walls[i].returns / FLICKER_MOST))
        if label != 0:
            _end(sig.ended, grid, walls[i], label, now_ns)
            _remove(sig, i)
        else:
            i += 1
    mark(sig)


@hot
def _age(wall, grid, mid, best, now_ns):
    """A second more of one wall; the label when it ended, else 0."""
    if wall.gone_ns != 0:
        if now_ns - wall.gone_ns <= LATE_NS:
            return 0  # the print that took it may yet come
        if is_near(wall, grid):
            wall.near_s += wall.gone_ns % NS_PER_S / NS_PER_S
        return _cause(wall, grid)
    wall.distance_bps = distance_bps(wall, mid)
    near = is_near(wall, grid)
    if now_ns > wall.born_ns:
        if near:
            wall.near_s += SCAN_S
        else:
            wall.far_s += SCAN_S
    if (best - wall.near) * wall.side <= 0:
        touch(wall)
    elif wall.distance_bps > 0.5 * near_bps(grid):
        wall.touching = 0
    if wall.executed >= ICEBERG_TIMES * wall.peak:
        wall.iceberg = 1
    if wall.stage == CANDIDATE and wall.strong_ns != 0 and now_ns - wall.strong_ns >= CONFIRM_NS:
        wall.stage = _ACTIVE
    if wall.stage == _ACTIVE and (near or wall.executed > 0.0):
        wall.stage = _TESTED
    if abs(wall.distance_bps) > BAND_BPS * grid.volatility_unit:
        return _MOVED
    if now_ns - wall.seen_ns > GRACE_NS:
        return _EXPIRED  # it is still there and nothing special any more
    return 0


@hot
def _cause(wall, grid):
    """2.3: what became of a wall most of which is gone."""
    removed = wall.executed + wall.cancelled
    if wall.executed > 0.0 and wall.executed >= 0.5 * removed:
        return _CONSUMED
    if is_near(wall, grid) and wall.cancelled > 0.5 * removed:
        return _PULLED
    return _EXPIRED


@hot
def _end(ended, grid, wall, label, now_ns):
    row = ended[wall.id % ENDED_WALLS]
    row.id, row.side, row.near, row.far = wall.id, wall.side, wall.near, wall.far
    row.label, row.stage = label, wall.stage
    row.born_ns = wall.born_ns
    row.ended_ns = wall.gone_ns if wall.gone_ns != 0 else now_ns
    row.born_lots, row.peak, row.executed = wall.born_lots, wall.peak, wall.executed
    row.grown, row.added = wall.grown, wall.added
    row.cancelled, row.cancelled_near = wall.cancelled, wall.cancelled_near
    row.near_s, row.far_s, row.touches = wall.near_s, wall.far_s, wall.touches
    row.returns, row.layering, row.iceberg = wall.returns, wall.layering, wall.iceberg
    row.decided, row.genuineness = wall.decided, wall.genuineness
    if wall.near_s > 0.0 and wall.decided != wall.decided:
        row.decided = wall.genuineness  # the verdict came before the decision
    row.distance_bps = wall.distance_bps
    if wall.stage == _TESTED:
        learn(grid, wall, 0.0 if label == _PULLED else 1.0)


@hot
def _remove(sig, i):
    last = sig.grid.walls - 1
    for k in range(i, last):
        sig.walls[k] = sig.walls[k + 1]
    sig.grid.walls = last


@hot
def _look(sig, books, market, side, mid, samples_shelf, now_ns):
    """How the walls of a side stand out, and which other buckets do (2.1)."""
    grid, walls = sig.grid, sig.walls
    sizes, scratch = sig.scratch[0], sig.scratch[1]
    width = grid.bucket
    away = -1 if side == BID else 1
    start = np.int64(math.floor(mid)) // width
    count = band_buckets(grid, mid)
    fill_buckets(books, market, side, start, width, count, sizes)
    for i in range(grid.walls):
        if walls[i].side == -away:
            _look_at(walls[i], grid, side, start, count, sizes, scratch, now_ns)
    least = TRADED_SHARE * median_of(sig.minute_lots)
    for k in range(count):
        size = sizes[k]
        if not size > 0.0 or size < least or size < grid.shelf_least[side, k]:
            continue
        low = (start + away * k) * width
        if _is_taken(walls, grid, -away, low, low + width - 1) or not stands_out(sizes, count, k):
            continue
        z, usual = wall_z(sizes, count, k, scratch)
        if z >= Z_IN and size >= TIMES_MEDIAN * usual:
            _begin(sig, -away, low, low + width - 1, size, mid, now_ns)
    if samples_shelf:
        learn_shelf(grid, side, sizes, count)
    nearest = count
    for i in range(grid.walls):
        if walls[i].side == -away and walls[i].stage != CANDIDATE:
            k = away * (walls[i].near // width - start)
            nearest = min(nearest, max(k, np.int64(0)))
    hollow = nearest < count and hollow_before(sizes, count, nearest, scratch)
    grid.hollow[side] = 1 if hollow else 0


@hot
def _look_at(wall, grid, side, start, count, sizes, scratch, now_ns):
    """See whether a wall still stands out; too far away or too alone to say counts as yes."""
    low, high = min(wall.near, wall.far), max(wall.near, wall.far)
    # buckets may have been cut anew since it was found
    largest = -1
    for index in range(low // grid.bucket, high // grid.bucket + 1):
        k = (start - index) if side == BID else (index - start)
        if 0 <= k < count and (largest < 0 or sizes[k] > sizes[largest]):
            largest = k
    z = np.nan
    if largest >= 0:
        z, _ = wall_z(sizes, count, largest, scratch)
    if not z < Z_OUT:
        wall.seen_ns = now_ns
    if not z >= Z_IN:
        wall.strong_ns = 0
    elif wall.strong_ns == 0:
        wall.strong_ns = now_ns


@hot
def _is_taken(walls, grid, sign, low, high):
    for i in range(grid.walls):
        wall = walls[i]
        if wall.side == sign and min(wall.near, wall.far) <= high and max(wall.near, wall.far) >= low:
            return True
    return False


@hot
def _begin(sig, sign, low, high, lots, mid, now_ns):
    grid = sig.grid
    if grid.walls == WALLS:
        return
    wall = sig.walls[grid.walls]
    grid.walls += 1
    wall.id = grid.next_wall
    grid.next_wall += 1
    wall.side = sign
    wall.near, wall.far = (high, low) if sign > 0 else (low, high)
    wall.stage = CANDIDATE
    wall.quantity = wall.born_lots = wall.peak = lots
    wall.executed = wall.grown = wall.added = 0.0
    wall.cancelled = wall.cancelled_near = wall.unplaced = wall.cut = 0.0
    wall.cut_ns = wall.gone_ns = wall.gone_cancelled = 0
    wall.near_s = wall.far_s = 0.0
    wall.touches = wall.touching = wall.iceberg = 0
    wall.returns = _returns(sig.ended, wall, now_ns)
    wall.layering = 0.0
    wall.born_ns = wall.seen_ns = wall.strong_ns = now_ns
    wall.genuineness = 0.5
    wall.decided = np.nan
    for j in range(WALL_EVIDENCE):
        wall.evidence[j] = 0.0
    wall.distance_bps = distance_bps(wall, mid)


@hot
def _returns(ended, wall, now_ns):
    """How often a wall came back to this bucket, decayed with a minute; 0 for one not seen there."""
    latest_ns = now_ns - RETURN_NS
    count = 0.0
    for k in range(ENDED_WALLS):
        row = ended[k]
        if row.side == wall.side and row.near == wall.near and row.ended_ns >= latest_ns:
            latest_ns = row.ended_ns
            count = row.returns * math.exp((row.ended_ns - now_ns) / RETURN_NS) + 1.0
    return count


@hot
def layering_of(sig, i):
    """min(1, (n-1)/4) for n walls of the same side, size (CV <= 0.15) and birth (1 s), else 0."""
    wall = sig.walls[i]
    n = 0
    total = squares = 0.0
    for k in range(sig.grid.walls):
        other = sig.walls[k]
        if other.side == wall.side and abs(other.born_ns - wall.born_ns) <= ALIKE_NS:
            n += 1
            total += other.peak
            squares += other.peak * other.peak
    if n < 2:
        return 0.0
    mean = total / n
    variation = math.sqrt(max(0.0, squares / n - mean * mean)) / mean
    return min(1.0, (n - 1) / 4.0) if variation <= ALIKE_VARIATION else 0.0
