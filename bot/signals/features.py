"""Features of one ladder: pure functions of (books, market), nan where undefined.

Prices are ticks, sizes lots, distances basis points of the mid. Sections are
those of the signal specification. All need a book with both sides and an
uncrossed spread (`usable`); everything is nan otherwise.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, trailing_zeros
from bot.market.book import (
    ASK,
    BID,
    PAGE_BITS,
    WORDS,
    best_lots,
    best_tick,
    depth_to_key,
    flip_of,
    key_at_or_below,
    lots_at_key,
    top_sums,
)
from bot.signals.descent import seek, start, take

SLACK_BPS = 1e-9
"""Band edges are inclusive up to this, so that rounding of the distance does not decide."""

BUY, SELL = 1, -1

_ONE = np.uint64(1)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


@hot
def usable(books, market):
    """Both sides present and the best bid below the best ask (1.0)."""
    bid = best_tick(books, market, BID)
    return 0 <= bid < best_tick(books, market, ASK)


@hot
def mid_of(books, market):
    """Mid price in ticks."""
    if not usable(books, market):
        return np.nan
    return 0.5 * (best_tick(books, market, BID) + best_tick(books, market, ASK))


@hot
def spread_bps(books, market):
    mid = mid_of(books, market)
    return 1e4 * (best_tick(books, market, ASK) - best_tick(books, market, BID)) / mid


@hot
def ratio(bid, ask):
    """(bid - ask) / (bid + ask), nan when there is nothing on either side."""
    total = bid + ask
    if not total > 0.0:
        return np.nan
    return (bid - ask) / total


@hot
def top_imbalance(books, market, which, bids, asks):
    """1.1 over the best 1, 5, 10 or 20 levels (`which` 0 to 3); bids and asks are (4,) scratch."""
    if not usable(books, market):
        return np.nan
    top_sums(books, market, BID, bids)
    top_sums(books, market, ASK, asks)
    return ratio(bids[which], asks[which])


@hot
def band_key(books, market, side, mid, distance_bps):
    """Key of the last tick within a distance of the mid on one side, inclusive."""
    reach = mid * (distance_bps + SLACK_BPS) / 1e4
    if side == BID:
        return np.int64(max(0.0, math.ceil(mid - reach)))
    top = flip_of(books, ASK)
    return np.int64(max(0, top - np.int64(math.floor(mid + reach))))


@hot
def band_depth(books, market, side, distance_bps):
    """Lots within a distance of the mid on one side (1.2)."""
    mid = mid_of(books, market)
    if mid != mid:
        return np.nan
    return depth_to_key(books, market, side, band_key(books, market, side, mid, distance_bps))


@hot
def band_imbalance(books, market, distance_bps):
    """1.2: of the lots within a distance of the mid."""
    return ratio(band_depth(books, market, BID, distance_bps), band_depth(books, market, ASK, distance_bps))


@hot
def _decayed_block(books, word, bits, anchor, powers):
    """Lots of the levels in `bits` of one block of 64 ticks, each times powers[anchor - its bit]."""
    total = 0.0
    while bits != 0:
        bit = np.int64(trailing_zeros(bits))
        total += books.lots[(word << 6) + bit] * powers[anchor - bit]
        bits &= bits - _ONE
    return total


@hot
def _decayed_depth(books, market, side, mid, kappa_bps, most_bps, powers):
    """Block by block from the best down: one exponential a block, a table inside it."""
    flip = flip_of(books, side)
    last = band_key(books, market, side, mid, most_bps)
    anchor = books.best[market, side]
    total = 0.0
    while anchor >= last:
        page = np.int64(books.directory[market, side, anchor >> PAGE_BITS])
        if page < 0:
            anchor = ((anchor >> PAGE_BITS) << PAGE_BITS) - 1
            continue
        word = page * WORDS + ((anchor >> 6) & (WORDS - 1))
        bits = books.occupied[word]
        if anchor >> 6 == last >> 6:
            bits &= _FULL << np.uint64(last & 63)
        if bits != 0:
            distance = 1e4 * abs((anchor ^ flip) - mid) / mid
            weight = math.exp(-distance / kappa_bps)
            total += weight * _decayed_block(books, word, bits, anchor & 63, powers)
        anchor = ((anchor >> 6) << 6) - 1
    return total


@hot
def decay_imbalance(books, market, kappa_bps, most_bps, powers):
    """1.3: levels weighted by exp(-distance / kappa) up to a largest distance; powers is (64,) scratch."""
    mid = mid_of(books, market)
    if mid != mid:
        return np.nan
    tick = math.exp(-1e4 / mid / kappa_bps)
    powers[0] = 1.0
    for i in range(1, 64):
        powers[i] = powers[i - 1] * tick
    return ratio(
        _decayed_depth(books, market, BID, mid, kappa_bps, most_bps, powers),
        _decayed_depth(books, market, ASK, mid, kappa_bps, most_bps, powers),
    )


@hot
def queue_imbalance(books, market):
    """1.4 at the touch (Gould & Bonart 2016)."""
    if not usable(books, market):
        return np.nan
    return ratio(best_lots(books, market, BID), best_lots(books, market, ASK))


@hot
def bucketed_queue_imbalance(books, market, bucket_bps):
    """1.4 with ticks gathered into buckets, so that a one-lot penny jump does not define it.

    Bids are floored to their bucket and asks raised to theirs; the best bucket
    of each side counts.
    """
    mid = mid_of(books, market)
    if mid != mid:
        return np.nan
    width = max(np.int64(1), np.int64(round(mid * bucket_bps / 1e4)))
    bid = best_tick(books, market, BID) // width * width
    ask = -(-best_tick(books, market, ASK) // width) * width
    return ratio(
        depth_to_key(books, market, BID, bid),
        depth_to_key(books, market, ASK, ask ^ flip_of(books, ASK)),
    )


@hot
def weighted_mid(books, market):
    """1.5: (ask x bid lots + bid x ask lots) / lots, ticks; the micro-price of this version."""
    if not usable(books, market):
        return np.nan
    bid_lots = best_lots(books, market, BID)
    ask_lots = best_lots(books, market, ASK)
    bid = best_tick(books, market, BID)
    ask = best_tick(books, market, ASK)
    return (ask * bid_lots + bid * ask_lots) / (bid_lots + ask_lots)


@hot
def ofi_increment(bid, bid_lots, ask, ask_lots, next_bid, next_bid_lots, next_ask, next_ask_lots):
    """1.6: e_n between two touches (Cont, Kukanov & Stoikov 2014, section 2)."""
    flow = 0.0
    if next_bid >= bid:
        flow += next_bid_lots
    if next_bid <= bid:
        flow -= bid_lots
    if next_ask <= ask:
        flow -= next_ask_lots
    if next_ask >= ask:
        flow += ask_lots
    return flow


@hot
def side_slope(books, market, side, mid, most_bps):
    """1.8 for one side: lots per bps, least squares through the origin."""
    flip = flip_of(books, side)
    last = band_key(books, market, side, mid, most_bps)
    depth = num = den = 0.0
    at = start(books, market, side)
    while True:
        at = seek(books, market, side, at)
        if at[0] < 0:
            break
        key, place, at = take(at)
        if key < last:
            break
        distance = 1e4 * abs((key ^ flip) - mid) / mid
        depth += books.lots[place]
        num += distance * depth
        den += distance * distance
    if den > 0.0:
        return num / den
    return np.nan


@hot
def slope_imbalance(books, market, most_bps):
    """1.8: of the slopes (lots per bps) of cumulative size over distance, + bids denser."""
    mid = mid_of(books, market)
    if mid != mid:
        return np.nan
    return ratio(side_slope(books, market, BID, mid, most_bps), side_slope(books, market, ASK, mid, most_bps))


@hot
def walk(books, market, direction, lots):
    """1.9: (average price in ticks, cost in bps of the mid, lots found, worst tick) of a market order.

    `direction` BUY takes asks. Fewer lots found than asked: the book is exhausted.
    """
    mid = mid_of(books, market)
    if mid != mid:
        return np.nan, np.nan, 0.0, np.int64(0)
    side = ASK if direction > 0 else BID
    flip = flip_of(books, side)
    key = books.best[market, side]
    paid = found = 0.0
    worst = np.int64(0)
    while key >= 0 and found < lots:
        take = min(lots - found, lots_at_key(books, market, side, key))
        worst = key ^ flip
        paid += take * worst
        found += take
        key = key_at_or_below(books, market, side, key - 1)
    if found == 0.0:
        return np.nan, np.nan, 0.0, worst
    average = paid / found
    return average, direction * 1e4 * (average / mid - 1.0), found, worst


@hot
def impact_asymmetry(books, market, lots):
    """1.9: (cost up - cost down) / their sum, + ask side thin. One side exhausted: +1 or -1; both: nan."""
    _, up, found_up, _ = walk(books, market, BUY, lots)
    _, down, found_down, _ = walk(books, market, SELL, lots)
    if up != up or down != down:
        return np.nan
    if found_up < lots or found_down < lots:
        if found_up < lots and found_down < lots:
            return np.nan
        return 1.0 if found_up < lots else -1.0
    return ratio(up, down)


@hot
def reach_bps(books, market, direction, lots):
    """1.9: (distance in bps at which cumulative size first reaches `lots`, 1 when it never does)."""
    mid = mid_of(books, market)
    if mid != mid:
        return np.nan, 0
    side = ASK if direction > 0 else BID
    flip = flip_of(books, side)
    key = books.best[market, side]
    depth = distance = 0.0
    while key >= 0:
        depth += lots_at_key(books, market, side, key)
        distance = 1e4 * abs((key ^ flip) - mid) / mid
        if depth >= lots - 1e-12:
            return distance, 0
        key = key_at_or_below(books, market, side, key - 1)
    return distance, 1


@hot
def log_depth_ratio(bid_depth, ask_depth, floor_lots):
    """1.9: ln((bid + f) / (ask + f)), + ask side thin."""
    return math.log((bid_depth + floor_lots) / (ask_depth + floor_lots))
