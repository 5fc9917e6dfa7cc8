"""Order flow on the ten best levels, and their one common factor (signals.md 1.7).

Levels are compared by rank, the m-th best with the m-th best before (Xu, Gould
& Howison 2019), scaled by one common depth (Cont, Cucuringu & Zhang 2023, eq.
3) and joined by the first principal vector of their ten-second covariance (eq.
4). In books with small ticks, levels are buckets of half a basis point: else a
one-lot penny jump would shift every rank.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.market.book import ASK, BID, flip_of
from bot.signals.decay import HORIZONS, add_all, decay_factors, scale_all
from bot.signals.descent import seek, start, take, take_to
from bot.signals.features import mid_of

LEVELS = 10
BUCKET_BPS = 0.5
BIN_NS = 10 * NS_PER_S
BIN_FADE = 0.5 ** (10.0 / 21_600.0)  # half-life 6 h
LEAST_BINS = 120
LEAST_EXPLAINED = 0.5
REFIT_NS = 300 * NS_PER_S
ITERATIONS = 20
FRESH_NS = 100 * NS_PER_S
"""A sum stands for a time at most so long ago: exp(100 s / 5 s) is far from any limit of a float."""
_LEAST_WEIGHT = 1e-9
_EVERYWHERE = 1 << 62

MULTILEVEL = np.dtype(
    [
        ("seeded", "<i8"),  # 1 once a snapshot is known since the last reset
        ("width", "<i8"),  # ticks a bucket, 0 not set
        ("count", "<i8", (2,)),  # levels there were, a book side
        ("ticks", "<i8", (2, LEVELS)),  # of the last snapshot, best first
        ("lots", "<f8", (2, LEVELS)),
        ("low", "<i8"),  # ticks the snapshot covers: what changes elsewhere does not change it
        ("high", "<i8"),
        ("stale", "<i8"),  # 1: some level between them has changed since
        ("next_count", "<i8", (2,)),  # scratch: the snapshot being looked at
        ("next_ticks", "<i8", (2, LEVELS)),
        ("next_lots", "<f8", (2, LEVELS)),
        ("aged_ns", "<i8"),  # the time the sums below stand for: later entries weigh more instead
        ("flow", "<f8", (2, LEVELS, HORIZONS)),  # lots that came minus lots that went, a book side
        ("depth", "<f8", (LEVELS, HORIZONS)),  # sums of the mean size of the two sides, lots
        ("snapshots", "<f8", (LEVELS, HORIZONS)),  # sums of 1
        ("bin_flow", "<f8", (LEVELS,)),  # this bin's order-flow imbalance, lots
        ("bin_depth", "<f8"),
        ("bin_snapshots", "<f8"),  # levels and snapshots behind bin_depth
        ("bin_whole", "<i8"),  # 1: every level was there all the time
        ("bins", "<i8"),
        ("weight", "<f8"),  # faded number of bins behind the moments
        ("mean", "<f8", (LEVELS,)),
        ("scatter", "<f8", (LEVELS, LEVELS)),  # faded sum of squares about the mean
        ("product", "<f8", (LEVELS,)),  # scratch
        ("fitted_ns", "<i8"),
        ("explained", "<f8"),  # share of the variance along the first vector, nan before a fit
        ("weights", "<f8", (LEVELS,)),  # of the integrated flow, |weights| sum to 1
    ],
    align=True,
)


def new_multilevel(markets: int) -> np.ndarray:
    """(M,) MULTILEVEL rows: equal weights, nothing seen."""
    rows = np.zeros(markets, MULTILEVEL)
    rows["weights"] = 1.0 / LEVELS
    rows["explained"] = np.nan
    rows["high"] = _EVERYWHERE
    return rows


@hot
def collect(books, market, side, width, ticks, lots):
    """The best levels of a side into ticks and lots, gathered into buckets of `width` ticks; how many.

    A bucket of bids is named by its lowest tick, one of asks by its highest.
    """
    flip = flip_of(books, side)
    n = 0
    last = np.int64(0)  # key at which the bucket ends
    at = start(books, market, side)
    while True:
        at = seek(books, market, side, at)
        if at[0] < 0:
            return n
        if n > 0 and width > 1:
            more, at = take_to(books, at, last)
            lots[n - 1] += more
            if at[3] == 0:
                continue
        if n == ticks.size:
            return n
        key, place, at = take(at)
        name = key ^ flip
        if width > 1:
            name = name // width * width if side == BID else -(-name // width) * width
        last = name if side == BID else flip - name
        ticks[n] = name
        lots[n] = books.lots[place]
        n += 1


@hot
def bucket_width(row, mid):
    """Ticks a bucket; renewed when the price has moved by half, and then nothing is compared across."""
    wanted = max(np.int64(1), np.int64(round(mid * BUCKET_BPS / 1e4)))
    if row.width == 0 or wanted > 1.5 * row.width or 1.5 * wanted < row.width:
        row.width = wanted
        row.seeded = 0
    return row.width


@hot
def side_flow(away, tick, lots, next_tick, next_lots):
    """Lots that came minus lots that went at one rank of a side; `away` is -1 for bids, +1 for asks."""
    better = (tick - next_tick) * away
    flow = 0.0
    if better >= 0:
        flow += next_lots
    if better <= 0:
        flow -= lots
    return flow


@hot
def on_level(row, tick):
    """A level at a tick changed. For every level row: at a commit only a stale snapshot is taken anew."""
    if row.low <= tick <= row.high:
        row.stale = 1


@rare
def on_commit(row, books, market, now_ns):
    """A ladder was committed; an unusable one changes nothing. The first after a reset only seeds.

    To be called when `stale`; called more often it changes nothing.
    """
    mid = mid_of(books, market)
    if mid != mid:
        return
    row.stale = 0
    width = bucket_width(row, mid)
    row.next_count[0] = collect(books, market, BID, width, row.next_ticks[0], row.next_lots[0])
    row.next_count[1] = collect(books, market, ASK, width, row.next_ticks[1], row.next_lots[1])
    on_levels(row, now_ns)


@hot
def _unchanged(row):
    for side in range(2):
        if row.count[side] != row.next_count[side]:
            return False
        for m in range(row.count[side]):
            if row.ticks[side, m] != row.next_ticks[side, m] or row.lots[side, m] != row.next_lots[side, m]:
                return False
    return True


@hot
def on_levels(row, now_ns):
    """Compare the snapshot in `next_*` with the last one; a level that is missing starts from nothing."""
    if row.seeded and _unchanged(row):
        return
    row.low = row.next_ticks[0, LEVELS - 1] if row.next_count[0] == LEVELS else 0
    row.high = row.next_ticks[1, LEVELS - 1] if row.next_count[1] == LEVELS else _EVERYWHERE
    if not 0 <= now_ns - row.aged_ns <= FRESH_NS:
        age(row, now_ns)
    fades = decay_factors(now_ns - row.aged_ns)
    growth = (1.0 / fades[0], 1.0 / fades[1], 1.0 / fades[2], 1.0 / fades[3])
    before = min(row.count[0], row.count[1]) if row.seeded else 0
    known = min(row.next_count[0], row.next_count[1])
    row.bin_whole &= row.seeded & (known == LEVELS)
    for m in range(LEVELS):
        if m >= known:
            row.flow[0, m, :] = 0.0
            row.flow[1, m, :] = 0.0
            row.depth[m, :] = 0.0
            row.snapshots[m, :] = 0.0
            continue
        bid = ask = 0.0
        if m < before:
            bid = side_flow(-1, row.ticks[0, m], row.lots[0, m], row.next_ticks[0, m], row.next_lots[0, m])
            ask = side_flow(1, row.ticks[1, m], row.lots[1, m], row.next_ticks[1, m], row.next_lots[1, m])
        size = 0.5 * (row.next_lots[0, m] + row.next_lots[1, m])
        if bid != 0.0 or ask != 0.0:
            add_all(row.flow[0, m], bid, growth)
            add_all(row.flow[1, m], ask, growth)
            row.bin_flow[m] += bid - ask
        add_all(row.depth[m], size, growth)
        add_all(row.snapshots[m], 1.0, growth)
        row.bin_depth += size
        row.bin_snapshots += 1.0
    for side in range(2):
        row.count[side] = row.next_count[side]
        for m in range(row.count[side]):
            row.ticks[side, m] = row.next_ticks[side, m]
            row.lots[side, m] = row.next_lots[side, m]
    row.seeded = 1


@hot
def on_reset(row):
    """A gap or a new snapshot: no flow is concluded across the seam, nor is the bin it falls into used."""
    row.seeded = 0
    row.low, row.high = 0, _EVERYWHERE


@rare
def age(row, now_ns):
    """Make the sums stand for a time; to be called before they are read."""
    factors = decay_factors(now_ns - row.aged_ns)
    for m in range(LEVELS):
        scale_all(row.flow[0, m], factors)
        scale_all(row.flow[1, m], factors)
        scale_all(row.depth[m], factors)
        scale_all(row.snapshots[m], factors)
    row.aged_ns = max(row.aged_ns, now_ns)


@hot
def common_depth(row, horizon):
    """Mean size over levels and snapshots, lots: what every level is scaled by; nan when unknown."""
    depth = snapshots = 0.0
    for m in range(LEVELS):
        depth += row.depth[m, horizon]
        snapshots += row.snapshots[m, horizon]
    if not snapshots > _LEAST_WEIGHT or not depth > 0.0:
        return np.nan
    return depth / snapshots


@hot
def level_flow(row, level, horizon):
    """Order-flow imbalance of one rank in common depths; nan when the rank is missing."""
    if not row.snapshots[level, horizon] > _LEAST_WEIGHT:
        return np.nan
    return (row.flow[0, level, horizon] - row.flow[1, level, horizon]) / common_depth(row, horizon)


@hot
def integrated_flow(row, horizon):
    """The weighted sum over the ranks there are, in common depths: the raw value of the `ofi_int` card."""
    total = size = 0.0
    for m in range(LEVELS):
        if row.snapshots[m, horizon] > _LEAST_WEIGHT:
            total += row.weights[m] * (row.flow[0, m, horizon] - row.flow[1, m, horizon])
            size += abs(row.weights[m])
    if size == 0.0:
        return np.nan
    return total / size / common_depth(row, horizon)


@hot
def gather(mean, scatter, weight, sample, fade):
    """Exponentially weighted moments with one more sample; returns the new weight. fade 1: plain ones."""
    old = fade * weight
    new = old + 1.0
    for i in range(mean.size):
        for j in range(mean.size):
            apart = (sample[i] - mean[i]) * (sample[j] - mean[j])
            scatter[i, j] = fade * scatter[i, j] + old / new * apart
    for i in range(mean.size):
        mean[i] += (sample[i] - mean[i]) / new
    return new


@rare
def close_bin(row):
    """Every 10 s: the bin's flows join the moments, when no level was missing and no gap fell into it."""
    if row.bin_whole and row.seeded:
        depth = row.bin_depth / row.bin_snapshots if row.bin_snapshots > 0.0 else 1.0
        for m in range(LEVELS):
            row.bin_flow[m] /= depth
        row.weight = gather(row.mean, row.scatter, row.weight, row.bin_flow, BIN_FADE)
        row.bins += 1
    row.bin_flow[:] = 0.0
    row.bin_depth = row.bin_snapshots = 0.0
    row.bin_whole = row.seeded


@rare
def first_vector(scatter, vector, product):
    """Power iteration from `vector`, in place: sum of |vector| 1, sum of vector >= 0.

    Returns the share of the variance along it; nan, and the vector untouched,
    when nothing varies.
    """
    trace = 0.0
    for i in range(vector.size):
        trace += scatter[i, i]
    if not trace > 0.0:
        return np.nan
    explained = 0.0
    for step in range(ITERATIONS + 1):
        square = along = size = total = 0.0
        for i in range(vector.size):
            product[i] = 0.0
            for j in range(vector.size):
                product[i] += scatter[i, j] * vector[j]
            square += vector[i] * vector[i]
            along += vector[i] * product[i]
            size += abs(product[i])
            total += product[i]
        explained = along / square / trace
        if not size > 0.0 or step == ITERATIONS:
            break
        scale = 1.0 / size if total >= 0.0 else -1.0 / size
        for i in range(vector.size):
            vector[i] = product[i] * scale
    return explained


@rare
def refit(row, now_ns):
    """Every 5 min: new weights; equal ones before 120 bins or when one vector explains less than half."""
    if row.fitted_ns != 0 and 0 <= now_ns - row.fitted_ns < REFIT_NS:
        return
    row.fitted_ns = now_ns
    if row.bins >= LEAST_BINS:
        row.explained = first_vector(row.scatter, row.weights, row.product)
    if not row.explained >= LEAST_EXPLAINED:
        row.weights[:] = 1.0 / LEVELS
