"""The synthetic book: resting lots and planted walls by price, with the touch kept exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.state import ASK, BID, FAR, FAR_ORDERS, MAX_SWEPT, MAX_WALLS
from bot.market.synthetic.wire import receive, tell_touch, tell_trade


@njit
def mid_of(lane: Any) -> float:
    """Mid in ticks."""
    return 0.5 * (lane.bid + lane.ask)


@njit
def ticks_of(lane: Any, bps: float) -> float:
    """A distance in bps of the mid as ticks, not rounded."""
    return bps * 1e-4 * mid_of(lane)


@njit
def displayed(lane: Any, price: int) -> int:
    """Signed lots anybody can see at a price: > 0 bid, < 0 ask."""
    return lane.resting[price] + lane.walls[price]


@njit
def note(lane: Any, price: int) -> None:
    """The level belongs into the next book message."""
    if not lane.marked[price]:
        lane.marked[price] = True
        lane.changed[lane.n_changed] = price
        lane.n_changed += 1


@njit
def place(lane: Any, ladder: np.ndarray, side: int, price: int, lots: int) -> None:
    """Adds lots to `ladder` (resting or walls); the price must not cross."""
    ladder[price] += side * lots
    note(lane, price)
    if side > 0:
        lane.bid = max(lane.bid, price)
    else:
        lane.ask = min(lane.ask, price)


@njit
def remove(lane: Any, ladder: np.ndarray, side: int, price: int, lots: int) -> None:
    """Takes lots out of `ladder` and moves the touch when its level is gone."""
    ladder[price] -= side * lots
    note(lane, price)
    while displayed(lane, lane.bid) <= 0:
        lane.bid -= 1
    while displayed(lane, lane.ask) >= 0:
        lane.ask += 1


@njit
def fill_far(lane: Any) -> None:
    """Keeps FAR levels on each side; a thin side could otherwise empty the book."""
    lots = FAR_ORDERS * lane.order_lots
    while lane.low > lane.bid - FAR:
        lane.low -= 1
        if displayed(lane, lane.low) == 0:
            place(lane, lane.resting, BID, lane.low, lots)
    while lane.high < lane.ask + FAR:
        lane.high += 1
        if displayed(lane, lane.high) == 0:
            place(lane, lane.resting, ASK, lane.high, lots)


@njit
def _execute(lane: Any, side: int, price: int, lots: int) -> None:
    """Fills `lots` of the level against an aggressor of `side`: resting orders first, then the wall."""
    from_resting = min(lots, -side * lane.resting[price])
    remove(lane, lane.resting, -side, price, from_resting)
    from_wall = lots - from_resting
    if from_wall == 0:
        return
    for k in range(MAX_WALLS):
        wall = lane.planted[k]
        if wall.type > 0 and wall.price == price:
            wall.executed += from_wall
    remove(lane, lane.walls, -side, price, from_wall)


@njit
def market_order(lane: Any, t_ns: int, side: int, lots: int, limit: int) -> int:
    """Walks the book to `limit` at most and tells each fill, then the touch. Returns the lots done."""
    receive(lane, t_ns)
    left = lots
    for _ in range(MAX_SWEPT):
        price = lane.ask if side > 0 else lane.bid
        if left == 0 or side * (price - limit) > 0:
            break
        done = min(left, -side * displayed(lane, price))
        tell_trade(lane, t_ns, side, price, done)
        _execute(lane, side, price, done)
        left -= done
    tell_touch(lane, t_ns)
    return lots - left
