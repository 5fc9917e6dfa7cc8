"""What the market says: its state as EVENT rows, with a small latency that never reorders a market.

Book messages every step carry all changed levels; trades and touch changes
leave when they happen, so a trade always comes before the book message that
shows it. Faults of a feed are told as our feeds would show them (`faults.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.events import Flag, Kind
from bot.market.synthetic.draws import exponential
from bot.market.synthetic.state import ASK, BID, LATENCY, NONE

_SNAPSHOT, _LEVEL, _COMMIT, _TRADE, _BBO = np.array(
    [Kind.SNAPSHOT, Kind.LEVEL, Kind.COMMIT, Kind.TRADE, Kind.BBO]
)
_MARK, _INDEX, _FUNDING, _OPEN_INTEREST, _LIQUIDATION, _LONG_SHORT, _GAP = np.array(
    [Kind.MARK, Kind.INDEX, Kind.FUNDING, Kind.OPEN_INTEREST, Kind.LIQUIDATION, Kind.LONG_SHORT, Kind.GAP]
)
_PLAIN, _END_SNAPSHOT, _END_BBO = np.array([0, Flag.SNAPSHOT, Flag.BBO])

_LATENCY_NS = 2_000_000
_JITTER_NS = 1_500_000.0
_INTEREST = 1e-4  # per settlement, as venues have it per 8 h
_CLAMP = 5e-4


@njit
def _put(lane: Any, kind: int, t_ns: int, side: int, price: int, value: float, ref: int, flags: int) -> None:
    row = lane.out[lane.n_rows]
    row.seq = 0
    row.recv_ns = lane.recv_ns
    row.exch_ns = t_ns + lane.clock_offset_ns - lane.stamp_back_ns
    row.ref = ref
    row.price = price
    row.value = value
    row.market = lane.market
    row.kind = kind
    row.side = side
    row.flags = flags
    lane.n_rows += 1


@njit
def receive(lane: Any, t_ns: int) -> None:
    """Draws the latency of the message sent at t_ns; its rows carry this receive time."""
    due = t_ns + _LATENCY_NS + int(exponential(lane.rng, LATENCY, _JITTER_NS))
    lane.recv_ns = max(lane.recv_ns, due)


@njit
def _silent(lane: Any, t_ns: int) -> bool:
    """The whole venue says nothing."""
    return t_ns < lane.silent_until_ns


@njit
def tell_trade(lane: Any, t_ns: int, side: int, price: int, lots: int) -> None:
    lane.trade_id += 1
    if _silent(lane, t_ns):
        return
    _put(lane, _TRADE, t_ns, side, price, float(lots), lane.trade_id, _PLAIN)


@njit
def tell_touch(lane: Any, t_ns: int) -> None:
    """A BBO message, when the touch differs from the last one told."""
    bid_lots = lane.resting[lane.bid] + lane.walls[lane.bid]
    ask_lots = -(lane.resting[lane.ask] + lane.walls[lane.ask])
    same_bid = lane.bid == lane.bbo_bid and bid_lots == lane.bbo_bid_lots
    if same_bid and lane.ask == lane.bbo_ask and ask_lots == lane.bbo_ask_lots:
        return
    if _silent(lane, t_ns):
        return
    lane.bbo_bid, lane.bbo_bid_lots = lane.bid, bid_lots
    lane.bbo_ask, lane.bbo_ask_lots = lane.ask, ask_lots
    if lane.bbo == 0:
        return
    receive(lane, t_ns)
    _put(lane, _BBO, t_ns, BID, lane.bid, float(bid_lots), NONE, _PLAIN)
    _put(lane, _BBO, t_ns, ASK, lane.ask, float(ask_lots), NONE, _PLAIN)
    _put(lane, _COMMIT, t_ns, NONE, NONE, 0.0, lane.update_id, _END_BBO)


@njit
def _tell_level(lane: Any, t_ns: int, price: int) -> None:
    now = lane.resting[price] + lane.walls[price]
    before = lane.shown[price]
    if before > 0 and now <= 0:
        _put(lane, _LEVEL, t_ns, BID, price, 0.0, NONE, _PLAIN)
    elif before < 0 and now >= 0:
        _put(lane, _LEVEL, t_ns, ASK, price, 0.0, NONE, _PLAIN)
    if now > 0 and now != before:
        _put(lane, _LEVEL, t_ns, BID, price, float(now), NONE, _PLAIN)
    elif now < 0 and now != before:
        _put(lane, _LEVEL, t_ns, ASK, price, float(-now), NONE, _PLAIN)
    lane.shown[price] = now


@njit
def _tell_changes(lane: Any, t_ns: int) -> None:
    for k in range(lane.n_changed):
        lane.marked[lane.changed[k]] = False
        _tell_level(lane, t_ns, lane.changed[k])
    lane.n_changed = 0


@njit
def _tell_crossed(lane: Any, t_ns: int) -> None:
    """Shows a bid above the best ask, or takes back the one that the last message showed."""
    if lane.crossed_price < 0:
        lane.crossed_price = lane.ask + 1
        _put(lane, _LEVEL, t_ns, BID, lane.crossed_price, float(lane.order_lots), NONE, _PLAIN)
    elif lane.crossed_price > 0:
        bid_lots = max(lane.shown[lane.crossed_price], 0)
        _put(lane, _LEVEL, t_ns, BID, lane.crossed_price, float(bid_lots), NONE, _PLAIN)
        lane.crossed_price = 0


@njit
def tell_book(lane: Any, t_ns: int) -> None:
    """One book message with every level that changed since the last, if any did; first a snapshot.

    Nothing while the feed loses messages: changes gather until they can be told.
    """
    if _silent(lane, t_ns) or t_ns < lane.lost_until_ns:
        return
    receive(lane, t_ns)
    first = lane.n_rows
    snapshot = lane.update_id == 0
    if snapshot:
        _put(lane, _SNAPSHOT, t_ns, NONE, NONE, 0.0, lane.update_id, _PLAIN)
    _tell_changes(lane, t_ns)
    if lane.crossed_price != 0:
        _tell_crossed(lane, t_ns)
    if lane.n_rows > first:
        lane.update_id += 1
        _put(lane, _COMMIT, t_ns, NONE, NONE, 0.0, lane.update_id, _END_SNAPSHOT if snapshot else _PLAIN)


@njit
def tell_again(lane: Any, t_ns: int, first: int) -> None:
    """The rows from `first` on once more, with their exchange stamps, arriving together and later."""
    receive(lane, t_ns)
    for k in range(first, lane.n_rows):
        lane.out[lane.n_rows] = lane.out[k]
        lane.out[lane.n_rows].recv_ns = lane.recv_ns
        lane.n_rows += 1


@njit
def tell_gap(lane: Any, t_ns: int) -> None:
    """The feed has noticed that it lost messages."""
    receive(lane, t_ns)
    _put(lane, _GAP, t_ns, NONE, NONE, 0.0, lane.update_id, _PLAIN)


@njit
def tell_snapshot(lane: Any, t_ns: int) -> None:
    """The whole book anew."""
    receive(lane, t_ns)
    _put(lane, _SNAPSHOT, t_ns, NONE, NONE, 0.0, lane.update_id, _PLAIN)
    for k in range(lane.n_changed):
        lane.marked[lane.changed[k]] = False
    lane.n_changed = 0
    lane.crossed_price = 0
    for price in range(lane.low, lane.high + 1):
        lane.shown[price] = 0
        _tell_level(lane, t_ns, price)
    lane.update_id += 1
    _put(lane, _COMMIT, t_ns, NONE, NONE, 0.0, lane.update_id, _END_SNAPSHOT)


@njit
def tell_mark(lane: Any, t_ns: int, index: float) -> None:
    """Mark, index and the coming funding rate (signals.md 4.1), in price units and as a fraction."""
    if _silent(lane, t_ns):
        return
    average = lane.premium_sum / max(lane.premium_n, 1)
    rate = average + min(max(_INTEREST - average, -_CLAMP), _CLAMP)
    receive(lane, t_ns)
    _put(lane, _MARK, t_ns, NONE, NONE, lane.fair * lane.tick, NONE, _PLAIN)
    _put(lane, _INDEX, t_ns, NONE, NONE, index, NONE, _PLAIN)
    _put(lane, _FUNDING, t_ns, NONE, NONE, rate, lane.funding_ns, _PLAIN)


@njit
def tell_open_interest(lane: Any, t_ns: int) -> None:
    if _silent(lane, t_ns):
        return
    receive(lane, t_ns)
    _put(lane, _OPEN_INTEREST, t_ns, NONE, NONE, lane.open_lots * lane.lot, NONE, _PLAIN)


@njit
def tell_liquidation(lane: Any, t_ns: int, side: int, price: int, lots: int) -> None:
    """A forced order, with its own side."""
    if _silent(lane, t_ns):
        return
    receive(lane, t_ns)
    _put(lane, _LIQUIDATION, t_ns, side, price, float(lots), NONE, _PLAIN)


@njit
def tell_accounts(lane: Any, t_ns: int, ratio: float) -> None:
    """Long accounts to short accounts."""
    if _silent(lane, t_ns):
        return
    receive(lane, t_ns)
    _put(lane, _LONG_SHORT, t_ns, NONE, NONE, ratio, NONE, _PLAIN)
