"""Steps 5 to 7: does a zone hold, which way does it point, which are spoken of (signals.md 8)."""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.zones.state import FEATURES, LEAST_PRESENCE, Grade, Kind

TRAP_GENUINENESS = 0.35
TRAP_PULLS = 2  # of the last three approaches
HOLDS, GIVES = 0.6, 0.4
MOST_RANK = 3
FADE_BPS = 30.0
VOICE = 0.15
STRONG_UTILITY = 0.5
GENUINENESS_EDGE = 0.01
"""Genuineness is kept this far from 0 and 1, where its log-odds would drown all else."""

_UNCERTAIN, _SUPPORT, _RESISTANCE = int(Kind.UNCERTAIN), int(Kind.SUPPORT), int(Kind.RESISTANCE)
_BREAKABLE, _TRAP = int(Kind.BREAKABLE), int(Kind.TRAP)
_C, _B, _A, _S = int(Grade.C), int(Grade.B), int(Grade.A), int(Grade.S)


@hot
def hold_probability(theta, features):
    """Logistic in the features; `theta` and `features` in the order of FEATURES."""
    odds = 0.0
    for k in range(len(FEATURES)):
        odds += theta[k] * features[k]
    return 1.0 / (1.0 + math.exp(-odds))


@hot
def measure(zone, around):
    """Fill the zone's features; what is unknown says nothing (0)."""
    genuineness = min(1.0 - GENUINENESS_EDGE, max(GENUINENESS_EDGE, zone.genuineness))
    upside = 5.0 * (2.0 * around.book_probability - 1.0)
    zone.features[0] = math.log(genuineness / (1.0 - genuineness)) / 2.0
    zone.features[1] = zone.side * min(1.0, max(-1.0, upside)) if upside == upside else 0.0
    zone.features[2] = zone.side * zone.absorbed
    zone.features[3] = zone.refilled if zone.refilled == zone.refilled else 0.0
    zone.features[4] = 1.0 if around.cascade == -zone.side else 0.0
    zone.features[5] = min(1.0, max(0.0, zone.touches - 2.0) / 3.0)


@hot
def is_trap(zone):
    """Its walls look like they leave, or they left in two of the last three approaches."""
    pulls = (zone.recent_pulls & 1) + ((zone.recent_pulls >> 1) & 1) + ((zone.recent_pulls >> 2) & 1)
    return zone.genuineness <= TRAP_GENUINENESS or pulls >= TRAP_PULLS


@hot
def kind_of(side, hold, thin, trap):
    """`thin`: the side that is thin, +1 asks; a zone is breakable when the thin side is its own."""
    if trap:
        return _TRAP
    if hold <= GIVES or thin == -side:
        return _BREAKABLE
    if hold >= HOLDS:
        return _SUPPORT if side > 0 else _RESISTANCE
    return _UNCERTAIN


@hot
def grade_of(bias, voices, utility):
    """By the number of categories of cards that say the same: 5 and much utility S, 4 A, 3 B."""
    agree = 0
    for k in range(voices.size):
        agree += bias * voices[k] > 0.0 and abs(voices[k]) >= VOICE
    if agree >= 5 and utility >= STRONG_UTILITY:
        return _S
    if agree >= 4:
        return _A
    return _B if agree >= 3 else _C


@hot
def distance_bps(zone, mid):
    """Of the near edge from the mid, 0 inside."""
    return 1e4 * max(0.0, zone.low - mid, mid - zone.high) / mid


@rare
def judge(row, model):
    """Score every zone, then choose the ones that are spoken of and the card's value."""
    around = row.around
    for i in range(row.market.zones):
        zone = row.zones[i]
        measure(zone, around)
        zone.hold = hold_probability(model.theta, zone.features)
        trap = is_trap(zone)
        lean = 2.0 * zone.hold - 1.0
        # a trap points the other way, however strong it looks
        zone.bias = -zone.side * abs(lean) if trap else zone.side * lean
        zone.kind = kind_of(zone.side, zone.hold, around.thin, trap)
        zone.distance_bps = distance_bps(zone, around.mid)
        near = math.exp(-zone.distance_bps / (FADE_BPS * around.volatility_unit))
        zone.utility = abs(lean) * zone.mass * zone.presence * near
        zone.grade = grade_of(zone.bias, around.voices, zone.utility)
    _rank(row)


@hot
def is_established(zone):
    """Seen now, and for long enough to be spoken of."""
    return zone.seen and zone.presence >= LEAST_PRESENCE


@hot
def _rank(row):
    """Rank the three most useful of a side that are no traps, the older of equals first."""
    market, zones = row.market, row.zones
    market.card = np.nan
    nearest = math.inf
    for i in range(market.zones):
        zone = zones[i]
        zone.rank = zone.spoken = 0
        if not is_established(zone):
            continue
        if zone.kind != _TRAP:
            before = 0
            for k in range(market.zones):
                other = zones[k]
                if is_established(other) and other.kind != _TRAP and other.side == zone.side:
                    before += other.utility > zone.utility or (other.utility == zone.utility and k < i)
            if before >= MOST_RANK:
                continue
            zone.rank = before + 1
        zone.spoken = 1
        if zone.distance_bps < nearest:
            nearest = zone.distance_bps
            market.card = zone.bias
