"""Steps 2 and 3: spans continue the zones of the last renewal, presence grows and fades (signals.md 8).

The oldest zone chooses first: the span it overlaps most, of its own side if
there is one, by at least half of the narrower of the two. A zone whose place
an older one took is forgotten at once, others when they were not seen for so
long that their presence is below LEAST_PRESENCE. When the table is full a new
span takes the row of the unseen zone with the least presence; if all are
seen, the new one is dropped.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.signals.fade import fade
from bot.signals.zones.state import LEAST_PRESENCE, ZONES

PRESENCE_TAU_S = 600.0
CYCLE_NS = 10 * NS_PER_S
"""Most that one renewal adds: nothing was seen during a longer gap."""
LEAST_OVERLAP = 0.5


@hot
def overlap(low, high, other_low, other_high):
    """Common length over that of the narrower."""
    common = min(high, other_high) - max(low, other_low)
    return max(0.0, common) / min(high - low, other_high - other_low)


@rare
def identify(row, count, now_ns, elapsed_ns):
    """Carry zones over to the first `count` spans, those of this renewal, forget some, begin others."""
    market, zones, spans = row.market, row.zones, row.spans
    keep_share = fade(elapsed_ns, PRESENCE_TAU_S)
    gain = 1.0 - fade(min(elapsed_ns, CYCLE_NS), PRESENCE_TAU_S)
    kept = np.int64(0)
    for i in range(market.zones):
        zone = zones[i]
        span, displaced = _choose(row, zone, count)
        zone.seen = span >= 0
        zone.presence = zone.presence * keep_share + gain * zone.seen
        if span >= 0:
            spans[span].taken = 1
            _move(zone, spans[span])
        elif zone.touch == 0 and (displaced or zone.presence < LEAST_PRESENCE):
            continue
        if kept != i:
            _copy(row, kept, i)
        kept += 1
    market.zones = kept
    for k in range(count):
        if not spans[k].taken and _make_room(row):
            _begin(row, spans[k], now_ns, gain)


@hot
def _choose(row, zone, count):
    """(span it continues or -1, whether one was there but taken)."""
    spans = row.spans
    best = -1
    most = 0.0
    displaced = False
    for k in range(count):
        span = spans[k]
        share = overlap(zone.low, zone.high, span.low, span.high)
        if share < LEAST_OVERLAP:
            continue
        if span.taken:
            displaced = True
            continue
        common = min(zone.high, span.high) - max(zone.low, span.low)
        same = span.side == zone.side
        better = best >= 0 and same and spans[best].side != zone.side
        worse = best >= 0 and not same and spans[best].side == zone.side
        if better or (not worse and common > most):
            best = k
            most = common
    return best, displaced and best < 0


@rare
def _copy(row, to, source):
    """One place for it: copying a whole zone is long machine code."""
    row.zones[to] = row.zones[source]


@hot
def _move(zone, span):
    zone.low, zone.high, zone.centre = span.low, span.high, span.centre
    zone.mass, zone.side, zone.sources = span.mass, span.side, span.sources


@hot
def _make_room(row):
    """Whether there is a free row, after the unseen zone with the least presence has left if need be."""
    zones = row.zones
    if row.market.zones < ZONES:
        return True
    victim = -1
    for i in range(ZONES):
        zone = zones[i]
        if not zone.seen and zone.touch == 0 and (victim < 0 or zone.presence < zones[victim].presence):
            victim = i
    if victim < 0:
        return False
    for i in range(victim, ZONES - 1):
        _copy(row, i, i + 1)
    row.market.zones = ZONES - 1
    return True


@rare
def _begin(row, span, now_ns, presence):
    market = row.market
    zone = row.zones[market.zones]
    market.zones += 1
    zone.id = market.next_zone
    market.next_zone += 1
    zone.seen = 1
    zone.born_ns = now_ns
    _move(zone, span)
    zone.presence = presence
    zone.absorbed = 0.0
    zone.touches = zone.holds = zone.breaks = zone.pulls = zone.recent_pulls = 0
    zone.touch = zone.armed = 0
    zone.hold = 0.5
    zone.bias = zone.utility = 0.0
    zone.rank = zone.spoken = 0
    zone.refilled = np.nan
