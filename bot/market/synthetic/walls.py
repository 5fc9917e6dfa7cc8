"""Planted walls: genuine ones refill and hold, spoofed ones are pulled when the price comes near.

A genuine wall never leaves while the price is within 10 bps. Once a tenth of
it has been executed the price rests on it for a while (the script HOVER),
then turns, or seldom breaks through.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.draws import between, chance, exponential, uniform
from bot.market.synthetic.ladder import mid_of, place, remove, ticks_of
from bot.market.synthetic.state import (
    APPROACH,
    ASK,
    BID,
    BREAK,
    CONSUMED,
    EXPIRED,
    GENUINE,
    HOVER,
    IDLE,
    MAX_WALLS,
    NONE,
    PLANT,
    PULLED,
    SPOOF,
    TURN,
)
from bot.market.synthetic.truth import close_truth, open_truth

NEAR_BPS, FAR_BPS = 8.0, 22.0
"""Where walls are planted."""
STAY_BPS = 10.0
"""A genuine wall does not leave while the price is nearer."""
NOTICED = 0.1
"""Share of a wall that must be executed before the price reacts to it."""

_LOST_BPS = 100.0
_APART_TICKS = 3
_APPROACHED_LIFE_S = 150.0
_NS = 1e9
_ALONE = np.int64(-1)  # no group


@njit
def _free_slot(lane: Any, price: int) -> int:
    """A slot for a wall at `price`, -1 when there is none or another wall stands there."""
    slot = -1
    for k in range(MAX_WALLS):
        wall = lane.planted[k]
        if wall.type == 0:
            slot = k
        elif abs(wall.price - price) < _APART_TICKS:
            return -1
    return slot


@njit
def _raise_wall(
    lane: Any, type_: int, side: int, price: int, size: int, life_s: float, group: int, scripted: int
) -> int:
    """Plants one wall; returns its slot or -1."""
    slot = _free_slot(lane, price)
    if slot < 0:
        return -1
    wall = lane.planted[slot]
    wall.type, wall.side, wall.price, wall.size = type_, side, price, size
    wall.reserve = int(size * between(lane.rng, PLANT, 1.0, 3.0)) if type_ == GENUINE else 0
    wall.executed, wall.noticed, wall.decided, wall.touched_mid = 0, 0, 0, 0.0
    wall.end_ns = lane.now_ns + int(life_s * _NS)
    wall.truth = open_truth(lane, type_, price, side)
    record = lane.truth[wall.truth]
    wall.group = record.number if group < 0 else group
    record.lots, record.reserve, record.group, record.scripted = size, wall.reserve, wall.group, scripted
    place(lane, lane.walls, side, price, size)
    return slot


@njit
def _life_s(lane: Any, type_: int, scripted: int) -> float:
    if scripted:
        return _APPROACHED_LIFE_S
    mean = lane.genuine_life_s if type_ == GENUINE else lane.spoof_life_s
    return 5.0 + exponential(lane.rng, PLANT, mean)


@njit
def plant_wall(lane: Any, type_: int) -> None:
    """A new wall on a random side; copies behind a layered spoof; perhaps the price is led to it."""
    side = BID if uniform(lane.rng, PLANT) < 0.5 else ASK
    distance = ticks_of(lane, between(lane.rng, PLANT, NEAR_BPS, FAR_BPS))
    price = int(mid_of(lane) - side * distance + 0.5)
    size = int((25.0 + exponential(lane.rng, PLANT, 10.0)) * lane.order_lots)
    led = chance(lane.rng, PLANT, lane.approach)
    scripted = 1 if led and lane.script == IDLE else 0
    slot = _raise_wall(lane, type_, side, price, size, _life_s(lane, type_, scripted), _ALONE, scripted)
    if slot < 0:
        return
    if scripted:
        lane.script, lane.script_wall, lane.script_side, lane.push = APPROACH, slot, -side, 1.8
        lane.script_end_ns = lane.now_ns + int(_APPROACHED_LIFE_S * _NS)
    if type_ == SPOOF and chance(lane.rng, PLANT, lane.layered):
        first = lane.planted[slot]
        for n in range(1, 3):
            copy = int(size * between(lane.rng, PLANT, 0.95, 1.05))
            life_s = (first.end_ns - lane.now_ns) / _NS
            _raise_wall(lane, SPOOF, side, price - side * n * _APART_TICKS, copy, life_s, first.group, NONE)


@njit
def _end_wall(lane: Any, slot: int, outcome: int) -> None:
    wall = lane.planted[slot]
    left = wall.side * lane.walls[wall.price]
    if left > 0:
        remove(lane, lane.walls, wall.side, wall.price, left)
    close_truth(lane, wall.truth, outcome)
    wall.type = 0


@njit
def _pull_group(lane: Any, group: int) -> None:
    for k in range(MAX_WALLS):
        wall = lane.planted[k]
        if wall.type == SPOOF and wall.group == group:
            _end_wall(lane, k, PULLED)


@njit
def _refill(lane: Any, wall: Any) -> None:
    """Shows reserve again where executions took from the wall, unless the price has passed it."""
    passed = wall.price >= lane.ask if wall.side > 0 else wall.price <= lane.bid
    missing = wall.size - wall.side * lane.walls[wall.price]
    lots = min(missing, wall.reserve)
    if passed or lots <= 0:
        return
    wall.reserve -= lots
    place(lane, lane.walls, wall.side, wall.price, lots)


@njit
def _watch_touch(lane: Any, wall: Any) -> None:
    """Remembers when a tenth was executed, and the largest bounce since."""
    record = lane.truth[wall.truth]
    record.executed = wall.executed
    if wall.executed < NOTICED * wall.size:
        return
    mid = mid_of(lane)
    if wall.touched_mid == 0.0:
        wall.touched_mid = mid
        record.touched_ns = lane.now_ns
    bounce = wall.side * (mid - wall.touched_mid) / wall.touched_mid * 1e4
    record.move_bps = max(record.move_bps, bounce)


@njit
def _watch_wall(lane: Any, slot: int, distance_bps: float) -> None:
    """Ends, prolongs or refills one wall."""
    wall = lane.planted[slot]
    _refill(lane, wall)
    _watch_touch(lane, wall)
    if wall.side * lane.walls[wall.price] <= 0:
        _end_wall(lane, slot, CONSUMED)
    elif wall.type == SPOOF and wall.decided == 0 and distance_bps <= lane.pull_bps:
        wall.decided = 1
        if chance(lane.rng, PLANT, lane.pull):
            _pull_group(lane, wall.group)
    elif distance_bps > _LOST_BPS:
        _end_wall(lane, slot, EXPIRED)
    elif lane.now_ns >= wall.end_ns:
        if wall.type == GENUINE and distance_bps < STAY_BPS:
            wall.end_ns += int(20 * _NS)
        else:
            _end_wall(lane, slot, EXPIRED)


@njit
def _notice(lane: Any, slot: int) -> None:
    """The price starts to rest on a genuine wall that is being executed."""
    wall = lane.planted[slot]
    if lane.react == 0 or wall.type != GENUINE or wall.executed - wall.noticed < NOTICED * wall.size:
        return
    if lane.script == IDLE or (lane.script == APPROACH and lane.script_wall == slot):
        lane.script, lane.script_wall, lane.script_side, lane.push = HOVER, slot, -wall.side, 1.0
        lane.script_ns = lane.now_ns + int((10.0 + exponential(lane.rng, PLANT, 8.0)) * _NS)


@njit
def watch_walls(lane: Any) -> None:
    """One step of every wall."""
    for k in range(MAX_WALLS):
        wall = lane.planted[k]
        if wall.type > 0:
            mid = mid_of(lane)
            _watch_wall(lane, k, abs(wall.price - mid) / mid * 1e4)
            _notice(lane, k)


@njit
def _lead(lane: Any, target: float, tau_steps: float) -> None:
    """Moves the efficient price towards `target` ticks."""
    lane.value += (target - lane.value) / tau_steps


@njit
def end_script(lane: Any) -> None:
    lane.script, lane.script_side, lane.push, lane.thin_side = IDLE, 0, 1.0, 0


@njit
def _turn_or_break(lane: Any, wall: Any) -> None:
    wall.noticed = wall.executed
    if chance(lane.rng, PLANT, lane.turn):
        lane.script, lane.script_side, lane.push = TURN, wall.side, 2.0
        lane.script_end_ns = lane.now_ns + int((15.0 + exponential(lane.rng, PLANT, 20.0)) * _NS)
    else:
        wall.reserve = 0
        lane.script, lane.script_side, lane.push = BREAK, -wall.side, 5.0
        lane.script_end_ns = lane.now_ns + int(60 * _NS)


@njit
def play_wall_script(lane: Any) -> None:
    """One step of APPROACH, HOVER, TURN or BREAK."""
    wall = lane.planted[lane.script_wall]
    if lane.script == TURN:
        _lead(lane, mid_of(lane) + lane.script_side * ticks_of(lane, 6.0), 30.0)
    else:
        beyond = 1.0 if lane.script == HOVER else 3.0
        _lead(lane, wall.price + lane.script_side * ticks_of(lane, beyond), 30.0)
    if wall.type == 0 and lane.script != TURN:
        end_script(lane)
    elif lane.script == HOVER and lane.now_ns >= lane.script_ns:
        _turn_or_break(lane, wall)
    elif lane.script != HOVER and lane.now_ns >= lane.script_end_ns:
        end_script(lane)
