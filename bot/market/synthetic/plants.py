"""What is planted into the flow and when, and the steps of a market.

signals.md 11.2 and 11.3. Scripts that lead the price exclude each other. Only
a symbol's first venue is planted; the others follow it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.cascades import (
    play_cascade,
    play_exhaustion,
    recover_depth,
    start_cascade,
    start_exhaustion,
)
from bot.market.synthetic.draws import between, chance, exponential, uniform
from bot.market.synthetic.efficient import change_regime, drift, open_regime, sample_value
from bot.market.synthetic.faults import open_faults, tell_faulty_book
from bot.market.synthetic.flow import flow_step
from bot.market.synthetic.ladder import fill_far, market_order, mid_of, place, ticks_of
from bot.market.synthetic.perpetual import cross_clusters, force_orders, tell_perpetual
from bot.market.synthetic.state import (
    ABSORBING,
    ASK,
    BID,
    BURST,
    BURSTING,
    CASCADING,
    CLUSTER_TICKS,
    DRIVING,
    EDGE,
    GENUINE,
    IDLE,
    MAX_REFILLS,
    MAX_ROWS,
    PLANT,
    QUIET,
    ROOM,
    SPOOF,
    STEP_NS,
    SWEEP,
    SWEPT,
    THIN,
    THINNING,
    TICKS,
)
from bot.market.synthetic.truth import close_truth, moved_bps, open_truth
from bot.market.synthetic.venues import change_lag, note_value, wander
from bot.market.synthetic.walls import end_script, plant_wall, play_wall_script, watch_walls
from bot.market.synthetic.wire import tell_book, tell_touch


@dataclass(frozen=True, slots=True)
class Plants:
    """How much of what is planted: rates per symbol and hour, probabilities, bps, seconds."""

    genuine_per_h: float = 24.0
    spoof_per_h: float = 24.0
    thin_per_h: float = 16.0
    sweep_per_h: float = 12.0
    cascade_per_h: float = 0.0
    exhaustion_per_h: float = 0.0
    approach: float = 0.6  # the price is led to a new wall
    react: bool = True  # the price rests on a touched genuine wall ...
    turn: float = 0.85  # ... and turns there
    pull: float = 0.9  # a spoof is pulled ...
    pull_bps: float = 5.0  # ... when the price comes this near
    layered: float = 0.3
    genuine_life_s: float = 180.0  # mean, on top of 5 s
    spoof_life_s: float = 20.0
    thin_from: int = 3  # ticks from the opposite best; nearer levels stay as they are
    burst: float = 0.7  # market orders burst in the last 8 s of a thin side ...
    burst_push_low: float = 1.5  # ... at this many times their rate
    burst_push_high: float = 3.2
    burst_least_s: float = 20.0  # ... for so long ...
    burst_mean_s: float = 20.0  # ... and an exponential time with this mean

    @property
    def nothing(self) -> bool:
        """No phenomenon ever comes."""
        return not any(value for name, value in asdict(self).items() if name.endswith("_per_h"))


NO_PLANTS = Plants(genuine_per_h=0.0, spoof_per_h=0.0, thin_per_h=0.0, sweep_per_h=0.0)

_NS = 1e9
_S = 1_000_000_000
_NEVER = 1 << 62
_SWEEP_ORDERS = 80.0


@njit
def next_due(lane: Any, per_h: float) -> int:
    """When the next of a Poisson stream of phenomena is due."""
    if per_h <= 0.0:
        return _NEVER
    return lane.now_ns + int(exponential(lane.rng, PLANT, 3600.0 / per_h) * _NS)


@njit
def _start_thin(lane: Any) -> None:
    """A side becomes thin; the burst, if any, begins in the last 8 s of the announced length."""
    lane.thin_side = BID if uniform(lane.rng, PLANT) < 0.5 else ASK
    lane.script, lane.script_mid = THINNING, mid_of(lane)
    lane.script_truth = open_truth(lane, THIN, int(mid_of(lane)), lane.thin_side)
    length = 15.0 + exponential(lane.rng, PLANT, 20.0)
    lane.script_end_ns = lane.now_ns + int(length * _NS)
    lane.script_ns = _NEVER
    if chance(lane.rng, PLANT, lane.burst):
        lane.script_ns = lane.script_end_ns - 8 * _S


@njit
def _play_thin(lane: Any) -> None:
    if lane.script == THINNING and lane.now_ns >= lane.script_ns:
        lane.script, lane.script_side = BURSTING, lane.thin_side
        lane.push = between(lane.rng, PLANT, lane.burst_push_low, lane.burst_push_high)
        length = lane.burst_least_s + exponential(lane.rng, PLANT, lane.burst_mean_s)
        lane.script_end_ns = lane.now_ns + int(length * _NS)
        lane.truth[lane.script_truth].touched_ns = lane.now_ns
    if lane.script == BURSTING:
        lane.value += (mid_of(lane) + lane.thin_side * ticks_of(lane, 6.0) - lane.value) / 30.0
    if lane.now_ns >= lane.script_end_ns:
        lane.truth[lane.script_truth].move_bps = moved_bps(lane, lane.thin_side, lane.script_mid)
        close_truth(lane, lane.script_truth, BURST if lane.script == BURSTING else QUIET)
        end_script(lane)


@njit
def _schedule_refill(lane: Any, price: int, side: int, lots: int) -> None:
    for k in range(MAX_REFILLS):
        refill = lane.refills[k]
        if refill.lots == 0:
            refill.due_ns = lane.now_ns + int(between(lane.rng, PLANT, 0.5, 10.0) * _NS)
            refill.price, refill.side, refill.lots = price, side, lots
            return


@njit
def _refill_swept(lane: Any) -> None:
    """Places what is due, where it still rests."""
    for k in range(MAX_REFILLS):
        refill = lane.refills[k]
        if refill.lots > 0 and lane.now_ns >= refill.due_ns:
            rests = refill.price < lane.ask if refill.side > 0 else refill.price > lane.bid
            if rests:
                place(lane, lane.resting, refill.side, refill.price, refill.lots)
            refill.lots = 0


@njit
def _sweep(lane: Any) -> None:
    """One aggressive order through 5 to 30 bps; half of what rested there comes back within 10 s."""
    side = BID if uniform(lane.rng, PLANT) < 0.5 else ASK
    mid = mid_of(lane)
    depth = ticks_of(lane, between(lane.rng, PLANT, 5.0, 30.0))
    start = lane.ask if side > 0 else lane.bid
    limit = int(mid + side * depth)
    span = max(side * (limit - start) + 1, 0)
    before = (
        lane.resting[start : start + span].copy()
        if side > 0
        else lane.resting[start - span + 1 : start + 1].copy()
    )
    truth = open_truth(lane, SWEEP, limit, side)
    lots = int(_SWEEP_ORDERS * lane.order_lots)
    lane.truth[truth].lots = market_order(lane, lane.now_ns, side, lots, limit)
    first = start if side > 0 else start - span + 1
    for k in range(span):
        gone = abs(before[k]) - abs(lane.resting[first + k])
        if gone > 1:
            _schedule_refill(lane, first + k, -side, gone // 2)
    lane.truth[truth].move_bps = moved_bps(lane, side, mid)
    lane.value += 0.5 * (mid_of(lane) - mid)
    close_truth(lane, truth, SWEPT)


@njit
def _plant_due(lane: Any) -> None:
    """Starts what has become due; thin sides wait until no script plays."""
    if lane.now_ns >= lane.wall_due_ns:
        walls_per_h = lane.genuine_per_h + lane.spoof_per_h
        genuine = chance(lane.rng, PLANT, lane.genuine_per_h / walls_per_h)
        plant_wall(lane, GENUINE if genuine else SPOOF)
        lane.wall_due_ns = next_due(lane, walls_per_h)
    if lane.now_ns >= lane.sweep_due_ns:
        _sweep(lane)
        lane.sweep_due_ns = next_due(lane, lane.sweep_per_h)
    if lane.now_ns >= lane.thin_due_ns and lane.script == IDLE:
        _start_thin(lane)
        lane.thin_due_ns = next_due(lane, lane.thin_per_h)
    if lane.now_ns >= lane.cascade_due_ns and lane.script == IDLE:
        start_cascade(lane)
        lane.cascade_due_ns = next_due(lane, lane.cascade_per_h)
    if lane.now_ns >= lane.exhaustion_due_ns and lane.script == IDLE:
        start_exhaustion(lane)
        lane.exhaustion_due_ns = next_due(lane, lane.exhaustion_per_h)


@njit
def _direct(lane: Any) -> None:
    _plant_due(lane)
    _refill_swept(lane)
    watch_walls(lane)
    script = lane.script
    if script in (THINNING, BURSTING):
        _play_thin(lane)
    elif script == CASCADING:
        play_cascade(lane)
    elif script in (DRIVING, ABSORBING):
        play_exhaustion(lane)
    elif script != IDLE:
        play_wall_script(lane)
    recover_depth(lane)
    tell_touch(lane, lane.now_ns)


@njit
def _begin_clocks(lane: Any) -> None:
    """What is due first, and where time-dependent states begin."""
    lane.opened_ns = lane.now_ns
    every = lane.funding_ns_every
    lane.funding_ns = (lane.now_ns // every + 1) * every
    lane.bucket = int(mid_of(lane)) // CLUSTER_TICKS
    lane.trail[0] = lane.value
    lane.wall_due_ns = next_due(lane, lane.genuine_per_h + lane.spoof_per_h)
    lane.thin_due_ns = next_due(lane, lane.thin_per_h)
    lane.sweep_due_ns = next_due(lane, lane.sweep_per_h)
    lane.cascade_due_ns = next_due(lane, lane.cascade_per_h)
    lane.exhaustion_due_ns = next_due(lane, lane.exhaustion_per_h)
    open_faults(lane)
    if lane.regimes:
        open_regime(lane)


@njit
def open_market(lanes: np.ndarray, k: int) -> None:
    """The first book, told as a snapshot; `state` must hold bid, ask, low, high and the clock."""
    lane = lanes[k]
    lane.resting[lane.bid] = 2 * lane.order_lots
    lane.resting[lane.ask] = -2 * lane.order_lots
    fill_far(lane)
    lane.n_changed = 0
    for price in range(lane.low, lane.high + 1):
        lane.marked[price] = True
        lane.changed[lane.n_changed] = price
        lane.n_changed += 1
    _begin_clocks(lane)
    tell_book(lane, lane.now_ns)


@njit
def _move_value(lane: Any) -> None:
    """The efficient price of a leader; a follower learns of it in its flow."""
    if lane.market == lane.leader:
        drift(lane)
        note_value(lane)
    else:
        wander(lane)
        change_lag(lane)
    if lane.regimes:
        change_regime(lane)
    if lane.oracle:
        sample_value(lane)


@njit
def advance_market(lanes: np.ndarray, k: int, until_ns: int) -> int:
    """Steps of the kth market until `until_ns`, or until its rows are short of room.

    Returns 0 done, 1 call again once the rows are taken, -1 the price left the ladder.
    A market that follows needs its leader to have come as far before.
    """
    lane = lanes[k]
    leader = lanes[lane.leader]
    while lane.now_ns + STEP_NS <= until_ns:
        if lane.n_rows + ROOM > MAX_ROWS:
            return 1
        if lane.bid < EDGE or lane.ask > TICKS - EDGE:
            return -1
        first = lane.n_rows
        flow_step(lane, leader)
        lane.now_ns += STEP_NS
        lane.step += 1
        if lane.forced != 0:
            force_orders(lane)
        if lane.informed:
            _move_value(lane)
        _direct(lane)
        fill_far(lane)
        if lane.perpetual:
            cross_clusters(lane)
        if lane.faulty:
            tell_faulty_book(lane, first)
        else:
            tell_book(lane, lane.now_ns)
        tell_perpetual(lane)
    return 0
