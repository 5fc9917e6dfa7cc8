"""Two scripts of violent markets: a liquidation cascade, and a drive whose flow is absorbed in the end.

signals.md 11.3. Cascade: the efficient price jumps through planted
liquidation levels, one order kicks the price into them, makers withdraw and
forced orders excite each other until the levels are spent; then depth recovers
with a half-life of 20 s. Exhaustion: the price is driven six times its usual
minute's move, then as much flow meets refills that hold it for a minute.
"""

from __future__ import annotations

from typing import Any

from bot.core.jit import njit
from bot.market.synthetic.draws import uniform
from bot.market.synthetic.ladder import displayed, market_order, mid_of, place, ticks_of
from bot.market.synthetic.perpetual import put_cluster
from bot.market.synthetic.state import (
    ABSORBED,
    ABSORBING,
    ASK,
    BID,
    CASCADE,
    CASCADING,
    DRIVING,
    EXHAUSTION,
    EXPIRED,
    PLANT,
    SPENT,
    STEP_S,
)
from bot.market.synthetic.truth import close_truth, moved_bps, open_truth
from bot.market.synthetic.walls import end_script

_S = 1_000_000_000
_JUMP_BPS, _FIRST_BPS, _KICK_BPS = 40.0, 4.0, 6.0
_KICK_ORDERS = 80.0
_CLUSTER_ORDERS = 120.0
_WITHDRAWN = 0.6
_RECOVERY = 1.0 - 0.5 ** (STEP_S / 20.0)
_CASCADE_PUSH = 2.0
_MOST_CASCADE_S, _MOST_DRIVE_S, _ABSORB_S = 120, 240, 60
_DRIVE_TICKS = 6.0 * 7.75  # standard deviations of a minute of the base book
_DRIVE_PUSH, _DRIVE_LEAD_BPS = 4.0, 8.0
_ABSORBING_ORDERS = 20


@njit
def _begin(lane: Any, script: int, type_: int, push: float, most_s: int) -> int:
    """Starts a script that pushes a random way; returns the way."""
    side = BID if uniform(lane.rng, PLANT) < 0.5 else ASK
    lane.script, lane.script_side, lane.push, lane.script_mid = script, side, push, mid_of(lane)
    lane.script_end_ns = lane.now_ns + most_s * _S
    lane.script_truth = open_truth(lane, type_, int(mid_of(lane)), side)
    return side


@njit
def _finish(lane: Any, outcome: int) -> None:
    lane.truth[lane.script_truth].move_bps = moved_bps(lane, lane.script_side, lane.script_mid)
    close_truth(lane, lane.script_truth, outcome)
    end_script(lane)


@njit
def start_cascade(lane: Any) -> None:
    side = _begin(lane, CASCADING, CASCADE, _CASCADE_PUSH, _MOST_CASCADE_S)
    first, last = int(ticks_of(lane, _FIRST_BPS)), int(ticks_of(lane, _JUMP_BPS))
    lots = _CLUSTER_ORDERS * lane.order_lots / (last - first + 1)
    row = 1 if side > 0 else 0
    for away in range(first, last + 1):
        put_cluster(lane, row, mid_of(lane) + side * away, lots)
    lane.truth[lane.script_truth].lots = int(_CLUSTER_ORDERS * lane.order_lots)
    lane.value += side * ticks_of(lane, _JUMP_BPS)
    lane.depth = _WITHDRAWN
    kick = int(mid_of(lane) + side * ticks_of(lane, _KICK_BPS))
    market_order(lane, lane.now_ns, side, int(_KICK_ORDERS * lane.order_lots), kick)


@njit
def play_cascade(lane: Any) -> None:
    record = lane.truth[lane.script_truth]
    moved = moved_bps(lane, lane.script_side, lane.script_mid)
    if record.touched_ns == 0 and lane.forced != 0:
        record.touched_ns = lane.now_ns
    if lane.forced == 0 and moved >= _JUMP_BPS:
        _finish(lane, SPENT)
    elif lane.now_ns >= lane.script_end_ns:
        _finish(lane, EXPIRED)


@njit
def recover_depth(lane: Any) -> None:
    """Makers come back."""
    if lane.script != CASCADING:
        lane.depth += (1.0 - lane.depth) * _RECOVERY


@njit
def start_exhaustion(lane: Any) -> None:
    _begin(lane, DRIVING, EXHAUSTION, _DRIVE_PUSH, _MOST_DRIVE_S)


@njit
def _hold(lane: Any) -> None:
    """Shows the absorbing level in full again, unless the price has passed it."""
    side, price = -lane.script_side, lane.absorb_price
    passed = price <= lane.bid if side < 0 else price >= lane.ask
    if passed:
        lane.absorb_price = lane.ask if side < 0 else lane.bid
        return
    missing = _ABSORBING_ORDERS * lane.order_lots - side * displayed(lane, price)
    if missing > 0:
        place(lane, lane.resting, side, price, missing)


@njit
def play_exhaustion(lane: Any) -> None:
    """One step of DRIVING or ABSORBING."""
    if lane.script == ABSORBING:
        _hold(lane)
        lane.value = mid_of(lane)
        if lane.now_ns >= lane.script_end_ns:
            _finish(lane, ABSORBED)
        return
    lead = lane.script_side * ticks_of(lane, _DRIVE_LEAD_BPS)
    lane.value += (mid_of(lane) + lead - lane.value) / 30.0
    if lane.script_side * (mid_of(lane) - lane.script_mid) >= _DRIVE_TICKS:
        lane.script = ABSORBING
        lane.absorb_price = lane.ask if lane.script_side > 0 else lane.bid
        lane.script_end_ns = lane.now_ns + _ABSORB_S * _S
        lane.truth[lane.script_truth].touched_ns = lane.now_ns
    elif lane.now_ns >= lane.script_end_ns:
        _finish(lane, EXPIRED)
