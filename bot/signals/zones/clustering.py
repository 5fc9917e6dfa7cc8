"""Step 2: candidates of one side become spans by single linkage in one dimension (signals.md 8.2).

Two neighbours belong together when they are at most the gap apart; what comes
out wider than the cap is cut at its largest gap. A span reaches a gap beyond
its outermost prices, but only half way to the next span of its side.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare

GAP_TICKS = 3.0
GAP_BPS = 3.0
WIDTH_BPS = 15.0

PLACES, CUTS = 0, 1


@hot
def gap_ticks(mid, unit):
    return max(GAP_TICKS, GAP_BPS * unit * mid / 1e4)


@hot
def extent_ticks(mid, unit):
    """How far apart the prices of one span may be, so that span and margins stay within the cap."""
    return max(0.0, WIDTH_BPS * unit * mid / 1e4 - 2.0 * gap_ticks(mid, unit))


@rare
def cluster(row, count, gap, extent):
    """Make row.spans of the first `count` of row.found; how many.

    Resistances come first, from the lowest on, then supports. `row`: ZONED.
    """
    total = np.int64(0)
    for side in (-1, 1):
        n = _sorted_side(row, count, side)
        _cut(row, n, gap, extent)
        begin = np.int64(0)
        before = total
        for k in range(n):
            if k + 1 == n or row.order[CUTS, k]:
                _fill(row, begin, k, gap, row.spans[total])
                total += 1
                begin = np.int64(k + 1)
        _part(row, n, gap, before)
    return total


@hot
def _sorted_side(row, count, side):
    """Places of one side's candidates by price, earlier found first among equals."""
    found, order = row.found, row.order
    n = 0
    for i in range(count):
        if found[i].side != side:
            continue
        price = found[i].price
        j = n - 1
        while j >= 0 and found[order[PLACES, j]].price > price:
            order[PLACES, j + 1] = order[PLACES, j]
            j -= 1
        order[PLACES, j + 1] = i
        n += 1
    return n


@hot
def _price(row, k):
    return row.found[row.order[PLACES, k]].price


@hot
def _cut(row, n, gap, extent):
    """Set order[CUTS, k] to 1 where a span ends after candidate k."""
    order = row.order
    for k in range(n):
        order[CUTS, k] = k + 1 < n and _price(row, k + 1) - _price(row, k) > gap
    begin = 0
    while begin < n:
        end = begin
        while end + 1 < n and not order[CUTS, end]:
            end += 1
        if _price(row, end) - _price(row, begin) <= extent:
            begin = end + 1
            continue
        widest = begin
        for k in range(begin, end):
            wide = _price(row, k + 1) - _price(row, k)
            if wide > _price(row, widest + 1) - _price(row, widest):
                widest = k
        order[CUTS, widest] = 1


@hot
def _fill(row, begin, end, gap, span):
    found, order = row.found, row.order
    missing = 1.0
    weight = total = 0.0
    sources = 0
    for k in range(begin, end + 1):
        one = found[order[PLACES, k]]
        weight += one.mass
        total += one.mass * one.price
        missing *= 1.0 - one.mass
        sources |= one.source
    low, high = _price(row, begin), _price(row, end)
    span.low, span.high = low - gap, high + gap
    span.centre = total / weight if weight > 0.0 else 0.5 * (low + high)
    span.mass = 1.0 - missing
    span.side = found[order[PLACES, begin]].side
    span.sources = sources
    span.taken = 0


@hot
def _part(row, n, gap, first):
    """Margins of neighbours that would overlap meet half way."""
    order, spans = row.order, row.spans
    at = first
    for k in range(n - 1):
        if order[CUTS, k]:
            upper, lower = _price(row, k + 1), _price(row, k)
            if upper - lower < 2.0 * gap:
                spans[at].high = spans[at + 1].low = 0.5 * (upper + lower)
            at += 1
