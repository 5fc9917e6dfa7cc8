"""The ordinary order flow: Cont, Stoikov & Talreja (2010) with the rates of their Table 2.

"A stochastic model for order book dynamics", Operations Research 58(3). Per
second, i ticks from the opposite best: limit orders 1.92 i^-0.52 up to 30
ticks, cancels theta(i) per resting order, market orders .94 a side. Extended,
where the market's parameters say so (signals.md 11.2), by queue-reactive rates,
self-exciting market orders, orders of different sizes, and informed traders
who lean towards the efficient price. Walls are not part of the flow: it never
cancels them.
"""

from __future__ import annotations

from math import exp, log, tanh
from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.draws import exponential, uniform
from bot.market.synthetic.ladder import market_order, mid_of, place, remove, ticks_of
from bot.market.synthetic.perpetual import add_clusters
from bot.market.synthetic.state import (
    ASK,
    BID,
    EQUAL,
    FLOW,
    GEOMETRIC,
    IN_DEPTH,
    IN_FLOW,
    MAX_EVENTS,
    NONE,
    STEP_NS,
    STEP_S,
    TICKS,
)
from bot.market.synthetic.venues import follow
from bot.market.synthetic.wire import tell_touch

REACH = 30
"""Ticks from the opposite best that the flow reaches."""

_DISTANCE = np.arange(REACH + 1, dtype=np.float64)
LIMIT_RATE = np.where(_DISTANCE > 0, 1.92 * np.maximum(_DISTANCE, 1.0) ** -0.52, 0.0)
DEEP_FROM = 5
"""Where limit orders lean towards the efficient price in the regime IN_DEPTH."""

_THIN_LIMIT, _THIN_CANCEL = 0.6, 1.6
# Row n: from n ticks on a side is thin; row 0: none is.
_RATES = np.stack(
    [LIMIT_RATE] + [np.where(n > _DISTANCE, 1.0, _THIN_LIMIT) * LIMIT_RATE for n in range(1, REACH + 1)]
)
_TOTALS = np.array([rates.sum() for rates in _RATES])
_DEEP_TOTALS = np.array([rates[DEEP_FROM:].sum() for rates in _RATES])
CANCEL_RATE = np.full(REACH + 1, 0.55)
CANCEL_RATE[1:6] = (0.71, 0.81, 0.68, 0.56, 0.47)
MARKET_RATE = 0.94

_EXCITE_DECAY = 1.0  # per second
_LEAN = 0.6
_LEAN_BPS = 5.0
_REACTIVE_MOST, _REACTIVE_MARKET = 10.0, 0.05
_REACTIVE_ORDERS = np.arange(_REACTIVE_MOST + 1.0) ** 0.8  # that cancel of so many whole ones
_GEOMETRIC_STOP = 0.5  # mean 2
_BIG, _BIG_TAIL, _BIG_MOST = 0.02, 1.8, 20.0
_OPENING = 0.52  # share of trades that open rather than close positions
_EVENT_MOST = TICKS  # a market order of the flow has no price limit


@njit
def _order_size(lane: Any) -> int:
    """Lots: the mean size, or exponential with 2 % Pareto(1.8)."""
    if lane.sizes == EQUAL or lane.sizes == GEOMETRIC:
        return lane.order_lots
    if uniform(lane.rng, FLOW) < _BIG:
        factor = min((1.0 - uniform(lane.rng, FLOW)) ** (-1.0 / _BIG_TAIL), _BIG_MOST)
    else:
        factor = -log(1.0 - uniform(lane.rng, FLOW))
    return max(1, int(factor * lane.order_lots))


@njit
def _market_size(lane: Any) -> int:
    """Of a market order, lots: as any order's, or geometric with mean 2 orders and 2 % Pareto(1.8)."""
    if lane.sizes != GEOMETRIC:
        return _order_size(lane)
    if uniform(lane.rng, FLOW) < _BIG:
        factor = min((1.0 - uniform(lane.rng, FLOW)) ** (-1.0 / _BIG_TAIL), _BIG_MOST)
        return int(2.0 * factor * lane.order_lots)
    orders = 1 + int(log(1.0 - uniform(lane.rng, FLOW)) / log(_GEOMETRIC_STOP))
    return min(orders, int(_BIG_MOST)) * lane.order_lots


@njit
def _orders_at(lane: Any, side: int, price: int) -> float:
    """Resting orders at a level; what is smaller than one order counts as one, so no dust stays."""
    lots = side * lane.resting[price]
    if lots <= 0:
        return 0.0
    return max(lots / lane.order_lots, 1.0)


@njit
def _cancel_rate(lane: Any, side: int, i: int) -> float:
    """Of all orders of `side` that rest i ticks from the opposite best."""
    opposite = lane.ask if side > 0 else lane.bid
    orders = _orders_at(lane, side, opposite - side * i)
    if lane.queue_reactive:
        orders = _REACTIVE_ORDERS[int(min(orders, _REACTIVE_MOST))]
    rate = CANCEL_RATE[i] * orders
    if lane.thin_side == -side and i >= lane.thin_from:
        rate *= _THIN_CANCEL
    return rate


@njit
def _cancel_weight(lane: Any, side: int) -> float:
    total = 0.0
    for i in range(1, REACH + 1):
        total += _cancel_rate(lane, side, i)
    return total


@njit
def _cancel(lane: Any, side: int, weight: float) -> None:
    """Cancels (part of) an order at the level that `weight`, uniform over the side, falls on."""
    opposite = lane.ask if side > 0 else lane.bid
    for i in range(1, REACH + 1):
        weight -= _cancel_rate(lane, side, i)
        if weight < 0.0:
            price = opposite - side * i
            remove(lane, lane.resting, side, price, min(_order_size(lane), side * lane.resting[price]))
            return


@njit
def _lean(lane: Any, regime: int) -> float:
    """-.6 to .6: how far those who know the efficient price lean towards it, if this regime lets it show."""
    if lane.informed == 0 or lane.regime != regime:
        return 0.0
    return _LEAN * tanh((lane.value - mid_of(lane)) / ticks_of(lane, _LEAN_BPS))


@njit
def _thin_row(lane: Any, side: int) -> int:
    return lane.thin_from if lane.thin_side == -side else 0


@njit
def _limit_weight(lane: Any, side: int) -> float:
    """Rate of limit orders of a side."""
    row = _thin_row(lane, side)
    return lane.depth * (_TOTALS[row] + side * _lean(lane, IN_DEPTH) * _DEEP_TOTALS[row])


@njit
def _limit(lane: Any, side: int, weight: float) -> None:
    """Places an order at the distance that `weight`, uniform over the side, falls on."""
    opposite = lane.ask if side > 0 else lane.bid
    rates = _RATES[_thin_row(lane, side)]
    deep = 1.0 + side * _lean(lane, IN_DEPTH)
    weight /= lane.depth
    i = 1
    while i < REACH:
        rate = rates[i] * deep if i >= DEEP_FROM else rates[i]
        if weight <= rate:
            break
        weight -= rate
        i += 1
    place(lane, lane.resting, side, opposite - side * i, _order_size(lane))


@njit
def _take(lane: Any, t_ns: int, side: int) -> None:
    """A market order of the flow; excites later ones and moves open interest."""
    limit = _EVENT_MOST if side > 0 else NONE
    done = market_order(lane, t_ns, side, _market_size(lane), limit)
    lane.excite_buy += lane.excite_self if side > 0 else lane.excite_cross
    lane.excite_sell += lane.excite_cross if side > 0 else lane.excite_self
    opens = uniform(lane.rng, FLOW) < _OPENING
    lane.open_lots = max(lane.open_lots + (done if opens else -done), 0.0)
    if opens and lane.perpetual:
        add_clusters(lane, done)


@njit
def _market_rate(lane: Any, side: int) -> float:
    """Base rate of market orders of a side: scaled by the script's push and the informed lean."""
    rate = MARKET_RATE * (1.0 - lane.excite_self - lane.excite_cross)
    if lane.informed:
        rate *= 1.0 + side * _lean(lane, IN_FLOW)
    if lane.queue_reactive:
        touch = lane.ask if side > 0 else lane.bid
        rate *= exp(-_REACTIVE_MARKET * (max(_orders_at(lane, -side, touch), 1.0) - 1.0))
    if lane.script_side == side:
        rate *= lane.push
    return rate


@njit
def _decay_excitement(lane: Any, model_s: float) -> None:
    keep = exp(-_EXCITE_DECAY * model_s)
    lane.excite_buy *= keep
    lane.excite_sell *= keep


@njit
def _play_one(lane: Any, t_ns: int, pick: float, rates: np.ndarray) -> None:
    """The event that `pick`, uniform over the sum of `rates`, falls on (rates: see `flow_step`)."""
    kind = 0
    while kind < 5 and pick >= rates[kind]:
        pick -= rates[kind]
        kind += 1
    side = BID if kind % 2 == 0 else ASK
    if kind < 2:
        _limit(lane, side, pick)
        tell_touch(lane, t_ns)
    elif kind < 4:
        _cancel(lane, side, pick)
        tell_touch(lane, t_ns)
    else:
        now = _market_rate(lane, side) + (lane.excite_buy if side > 0 else lane.excite_sell)
        # The excitement decayed since the rates were summed: the excess is a non-event.
        if pick < now:
            _take(lane, t_ns, side)


@njit
def flow_step(lane: Any, leader: Any) -> None:
    """All events of one step, by Gillespie's method in time scaled by the market's activity.

    Rates are: limit bid, limit ask, cancel bid, cancel ask, market buy, market sell.
    """
    activity = lane.activity
    rates = np.empty(6)
    span = STEP_S * activity
    at = 0.0
    for _ in range(MAX_EVENTS):
        rates[0] = _limit_weight(lane, BID)
        rates[1] = _limit_weight(lane, ASK)
        rates[2] = _cancel_weight(lane, BID)
        rates[3] = _cancel_weight(lane, ASK)
        rates[4] = _market_rate(lane, BID) + lane.excite_buy
        rates[5] = _market_rate(lane, ASK) + lane.excite_sell
        total = rates.sum()
        wait = exponential(lane.rng, FLOW, 1.0 / total)
        _decay_excitement(lane, min(wait, span - at))
        at += wait
        if at >= span:
            return
        t_ns = lane.now_ns + int(at / span * STEP_NS)
        pick = uniform(lane.rng, FLOW) * total
        # Whoever chases the efficient price is first; the book that the pick was made for is gone then.
        if lane.follow and follow(lane, leader, t_ns):
            continue
        _play_one(lane, t_ns, pick, rates)
