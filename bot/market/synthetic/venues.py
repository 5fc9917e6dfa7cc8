"""Several venues of one symbol: those that follow learn the leader's efficient price late.

signals.md 11.2. The first venue leads. Another one quotes around the leader's
efficient price of `lag_ns` ago plus its own slowly wandering basis; where its
touch is left behind, whoever knows takes it at once and makers requote.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from bot.core.jit import njit
from bot.core.units import NS_PER_MS
from bot.market.synthetic.draws import normal
from bot.market.synthetic.ladder import market_order, place, ticks_of
from bot.market.synthetic.state import ASK, BID, CHANGED, CROSS_LAG, NONE, PLANT, STEP_NS, STEP_S, TRAIL
from bot.market.synthetic.truth import close_truth, open_truth
from bot.market.synthetic.wire import tell_touch

_BASIS_S = 300.0
_MOST_TAKEN = 8
_TOO_FAR = 2.0  # ticks beyond the touch
_REQUOTED = 2  # orders


@njit
def note_value(lane: Any) -> None:
    """After each step of a leader: what its followers will know later."""
    lane.trail[lane.step % TRAIL] = lane.value


@njit
def wander(lane: Any) -> None:
    """One step of the basis: an Ornstein-Uhlenbeck process of five minutes."""
    decay = STEP_S / _BASIS_S
    shock = ticks_of(lane, lane.basis_bps) * sqrt(2.0 * decay) * normal(lane.rng, PLANT)
    lane.basis += shock - lane.basis * decay


@njit
def change_lag(lane: Any) -> None:
    """Once in the life of a market, where its parameters say so."""
    if lane.lag_change_ns == 0 or lane.now_ns < lane.lag_change_ns:
        return
    slot = open_truth(lane, CROSS_LAG, int(lane.value), NONE)
    record = lane.truth[slot]
    record.before, record.after = lane.lag_ns / NS_PER_MS, lane.later_lag_ns / NS_PER_MS
    close_truth(lane, slot, CHANGED)
    lane.lag_ns, lane.lag_change_ns = lane.later_lag_ns, 0


@njit
def _known(lane: Any, leader: Any, t_ns: int) -> float:
    """The leader's efficient price of `lag_ns` ago, which it has held since the end of a step."""
    step = (t_ns - lane.lag_ns - leader.opened_ns) // STEP_NS
    return leader.trail[max(step, 0) % TRAIL]


@njit
def _chase(lane: Any, t_ns: int, side: int, price: int) -> None:
    """Takes all that is offered at `price` and quotes anew behind it."""
    lots = -side * (lane.resting[price] + lane.walls[price])
    market_order(lane, t_ns, side, lots, price)
    touch = lane.ask if side > 0 else lane.bid
    place(lane, lane.resting, side, touch - side, _REQUOTED * lane.order_lots)
    tell_touch(lane, t_ns)


@njit
def follow(lane: Any, leader: Any, t_ns: int) -> bool:
    """Keeps the quotes around the efficient price as far as it is known at t_ns; whether they had to move."""
    if lane.market != lane.leader:
        lane.value = _known(lane, leader, t_ns) + lane.basis
    for n in range(_MOST_TAKEN):
        if lane.value > lane.ask + _TOO_FAR:
            _chase(lane, t_ns, BID, lane.ask)
        elif lane.value < lane.bid - _TOO_FAR:
            _chase(lane, t_ns, ASK, lane.bid)
        else:
            return n > 0
    return True
