"""What the market says: its state as EVENT rows, with a small latency that never reorders a market.

Book messages every step carry all changed levels; trades and touch changes
leave when they happen, so a trade always comes before the book message that
shows it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.events import Flag, Kind
from bot.market.synthetic.draws import exponential
from bot.market.synthetic.state import ASK, BID, LATENCY, NONE

_SNAPSHOT, _LEVEL, _COMMIT, _TRADE, _BBO, _MARK, _INDEX, _FUNDING, _OPEN_INTEREST = np.array(
    [
        Kind.SNAPSHOT,
        Kind.LEVEL,
        Kind.COMMIT,
        Kind.TRADE,
        Kind.BBO,
        Kind.MARK,
        Kind.INDEX,
        Kind.FUNDING,
        Kind.OPEN_INTEREST,
    ]
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
    row.exch_ns = t_ns + lane.clock_offset_ns
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
def tell_trade(lane: Any, t_ns: int, side: int, price: int, lots: int) -> None:
    lane.trade_id += 1
    _put(lane, _TRADE, t_ns, side, price, float(lots), lane.trade_id, _PLAIN)


@njit
def tell_touch(lane: Any, t_ns: int) -> None:
    """A BBO message, when the touch differs from the last one told."""
    bid_lots = lane.resting[lane.bid] + lane.walls[lane.bid]
    ask_lots = -(lane.resting[lane.ask] + lane.walls[lane.ask])
    same_bid = lane.bid == lane.bbo_bid and bid_lots == lane.bbo_bid_lots
    if same_bid and lane.ask == lane.bbo_ask and ask_lots == lane.bbo_ask_lots:
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
def tell_book(lane: Any, t_ns: int) -> None:
    """One book message with every level that changed since the last, if any did; first a snapshot."""
    receive(lane, t_ns)
    first = lane.n_rows
    snapshot = lane.update_id == 0
    if snapshot:
        _put(lane, _SNAPSHOT, t_ns, NONE, NONE, 0.0, lane.update_id, _PLAIN)
    for k in range(lane.n_changed):
        lane.marked[lane.changed[k]] = False
        _tell_level(lane, t_ns, lane.changed[k])
    lane.n_changed = 0
    if lane.n_rows > first:
        lane.update_id += 1
        _put(lane, _COMMIT, t_ns, NONE, NONE, 0.0, lane.update_id, _END_SNAPSHOT if snapshot else _PLAIN)


@njit
def tell_mark(lane: Any, t_ns: int) -> None:
    """Mark, index and the coming funding rate (signals.md 4.1), in price units and as a fraction."""
    mark = lane.fair * lane.tick
    average = lane.premium_sum / max(lane.premium_n, 1)
    rate = average + min(max(_INTEREST - average, -_CLAMP), _CLAMP)
    receive(lane, t_ns)
    _put(lane, _MARK, t_ns, NONE, NONE, mark, NONE, _PLAIN)
    _put(lane, _INDEX, t_ns, NONE, NONE, mark / (1.0 + lane.premium), NONE, _PLAIN)
    _put(lane, _FUNDING, t_ns, NONE, NONE, rate, lane.funding_ns, _PLAIN)


@njit
def tell_open_interest(lane: Any, t_ns: int) -> None:
    receive(lane, t_ns)
    _put(lane, _OPEN_INTEREST, t_ns, NONE, NONE, lane.open_lots * lane.lot, NONE, _PLAIN)
