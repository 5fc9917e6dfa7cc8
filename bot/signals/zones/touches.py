"""Approaches to zones and how they end: HOLD, BREAK, PULLED or nothing (signals.md 8, labels).

An approach begins when the mid comes within the near distance of an
established zone; where it holds and where it is broken is fixed then. It has a
winner once the mid has been at the near edge: HOLD when it leaves again far
enough, BREAK when it is far enough beyond the far edge. PULLED comes before
both: the zone's walls were cancelled until the mid was at the edge. The next
approach counts once a renewal has found the mid outside again.
"""

from __future__ import annotations

import math

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.signals.walls import WallEnd, WallStage
from bot.signals.zones.learning import learn, tally
from bot.signals.zones.scoring import is_established
from bot.signals.zones.state import OUTCOMES, Kind, Label, Touch
from bot.signals.zones.swings import note_bar

NEAR_BPS = 6.0
LEAVE_BPS = 8.0
BREAK_BPS = 3.0
BREAK_SIGMAS = 0.5
TIMEOUT_NS = 600 * NS_PER_S
SILENCE_NS = 5 * NS_PER_S
"""Without a mid for longer, nobody knows what was reached first: no label."""
PULLED_LEFT = 0.3
PULL_SLACK_NS = 2 * NS_PER_S
"""A wall may go before the mid of that second is noted as near."""

_NONE, _HOLD = int(Label.NONE), int(Label.HOLD)
_BREAK, _PULLED = int(Label.BREAK), int(Label.PULLED)
_NOT_NEAR, _APPROACHED, _REACHED = int(Touch.NOT_NEAR), int(Touch.APPROACHED), int(Touch.REACHED)
_TRAP = int(Kind.TRAP)
_CANDIDATE, _WALL_PULLED = int(WallStage.CANDIDATE), int(WallEnd.PULLED)


@hot
def note_mid(row, walls, wall_count, ended, model, now_ns, mid):
    """Every second, with the mid in ticks (nan: unknown).

    `row`: the market's ZONED. `walls`: the first `wall_count` WALL of
    bot.signals.state are in use; `ended`: its ENDED, label 0 where none is yet.
    `model`: the pooled one.
    """
    if not mid > 0.0:
        return
    market = row.market
    note_bar(market, now_ns, mid)
    if market.open > 0 and now_ns - market.mid_ns > SILENCE_NS:
        abandon(row)
    market.mid, market.mid_ns = mid, now_ns
    if market.open > 0 or not market.floor < mid < market.ceiling:
        _follow(row, walls, wall_count, ended, model, now_ns, mid)


@rare
def abandon(row):
    """End all approaches without a trace: after a gap, or when the walls were reset."""
    market = row.market
    for i in range(market.zones):
        row.zones[i].touch = _NOT_NEAR
        row.zones[i].armed = 0
    market.open = 0
    market.floor, market.ceiling = -math.inf, math.inf


@hot
def trigger_of(market, zone):
    """The mid from which on a zone is approached."""
    if zone.side > 0:
        return zone.high * (1.0 + market.near_bps / 1e4)
    return zone.low * (1.0 - market.near_bps / 1e4)


@rare
def arm(row):
    """After a renewal: which zones the mid is outside of, and how far is near, away and through."""
    market, around = row.market, row.around
    unit, sigma = around.volatility_unit, around.sigma_60s_bps
    market.near_bps = NEAR_BPS * unit
    market.leave_bps = sigma if sigma > LEAVE_BPS else LEAVE_BPS
    market.break_bps = BREAK_SIGMAS * sigma if BREAK_SIGMAS * sigma > BREAK_BPS else BREAK_BPS
    market.floor, market.ceiling = -math.inf, math.inf
    for i in range(market.zones):
        zone = row.zones[i]
        trigger = trigger_of(market, zone)
        outside = zone.side * (around.mid - trigger) > 0.0
        zone.armed = zone.touch == _NOT_NEAR and outside and is_established(zone)
        if zone.armed and zone.side > 0:
            market.floor = max(market.floor, trigger)
        elif zone.armed:
            market.ceiling = min(market.ceiling, trigger)


@rare
def _follow(row, walls, wall_count, ended, model, now_ns, mid):
    market = row.market
    for i in range(market.zones):
        zone = row.zones[i]
        if zone.touch == _NOT_NEAR:
            if not zone.armed or zone.side * (mid - trigger_of(market, zone)) > 0.0:
                continue
            _approach(market, zone, now_ns)
        label = _label(zone, walls, wall_count, ended, now_ns, mid)
        if label >= 0:
            _end(row, zone, model, label, now_ns)


@hot
def _approach(market, zone, now_ns):
    side = zone.side
    zone.touch = _APPROACHED
    zone.touch_ns = now_ns
    zone.reached_ns = 0
    zone.touch_side = side
    zone.near = zone.high if side > 0 else zone.low
    zone.far = zone.low if side > 0 else zone.high
    zone.leave = zone.near * (1.0 + side * market.leave_bps / 1e4)
    zone.turned = trigger_of(market, zone)
    if side * (zone.leave - zone.turned) > 0.0:
        zone.turned = zone.leave
    zone.broken = zone.far * (1.0 - side * market.break_bps / 1e4)
    for k in range(zone.features.size):
        zone.touch_features[k] = zone.features[k]
    zone.touch_hold = zone.hold
    zone.touch_trap = zone.kind == _TRAP
    zone.touches += 1
    market.open += 1


@hot
def _label(zone, walls, wall_count, ended, now_ns, mid):
    """Where an approach stands with this mid: a Label, -1 undecided."""
    side = zone.touch_side
    if zone.touch == _APPROACHED and side * (mid - zone.near) <= 0.0:
        zone.touch = _REACHED
        zone.reached_ns = now_ns
    if _pulled(zone, walls, wall_count, ended):
        return _PULLED
    if zone.touch == _REACHED:
        if side * (mid - zone.broken) <= 0.0:
            return _BREAK
        if side * (mid - zone.leave) >= 0.0:
            return _HOLD
        return _NONE if now_ns - zone.reached_ns >= TIMEOUT_NS else -1
    if side * (mid - zone.turned) > 0.0 or now_ns - zone.touch_ns >= TIMEOUT_NS:
        return _NONE
    return -1


@hot
def _in_touch(zone, side, near):
    low, high = min(zone.near, zone.far), max(zone.near, zone.far)
    return side == zone.touch_side and low <= near <= high


@hot
def _pulled(zone, walls, wall_count, ended):
    """Whether walls pulled between the approach and the edge were 70 % of the zone's.

    A wall ends as pulled when it has lost 70 % of its peak, more than half of it by cancellation.
    """
    lost = left = 0.0
    for k in range(ended.size):
        wall = ended[k]
        if wall.label == _WALL_PULLED and _in_touch(zone, wall.side, wall.near):
            in_time = wall.ended_ns >= zone.touch_ns - PULL_SLACK_NS
            if in_time and (zone.reached_ns == 0 or wall.ended_ns <= zone.reached_ns):
                lost += wall.peak
    if lost == 0.0:
        return False
    for k in range(wall_count):
        wall = walls[k]
        if wall.stage != _CANDIDATE and _in_touch(zone, wall.side, wall.near):
            left += wall.quantity
    return left <= PULLED_LEFT * (left + lost)


@rare
def _end(row, zone, model, label, now_ns):
    """Count an approach, remember it, learn from it."""
    market = row.market
    zone.touch = _NOT_NEAR
    zone.armed = 0
    market.open -= 1
    zone.holds += label == _HOLD
    zone.breaks += label == _BREAK
    zone.pulls += label == _PULLED
    zone.recent_pulls = ((zone.recent_pulls << 1) | (label == _PULLED)) & 7
    outcome = row.outcomes[market.outcomes % OUTCOMES]
    market.outcomes += 1
    outcome.zone, outcome.label, outcome.side = zone.id, label, zone.touch_side
    outcome.low, outcome.high = min(zone.near, zone.far), max(zone.near, zone.far)
    outcome.began_ns, outcome.ended_ns = zone.touch_ns, now_ns
    outcome.hold, outcome.trap = zone.touch_hold, zone.touch_trap
    if label != _NONE:
        held = 1.0 if label == _HOLD else 0.0
        tally(model, zone.touch_hold, held, zone.touch_trap, 1 if label == _PULLED else 0)
        learn(model, zone.touch_features, held)
