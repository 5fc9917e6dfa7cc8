"""Taking: what walks the displayed book in the paper venue, by our will or by force.

Market orders, crossing limits, triggered stops and forced closes consume the
displayed levels from the best on; what they took is remembered, level by
level, so that nothing is taken twice.
"""

from __future__ import annotations

import numpy as np

from bot.core.enums import Liquidity, RejectReason, ReportKind
from bot.core.jit import hot, rare
from bot.execution.positions import move_position
from bot.execution.venue_state import (
    BUY,
    FOREVER,
    SELL,
    ZERO,
    Slot,
    fillable,
    finish,
    reducible,
    report,
    take_level,
    tell,
    unlink,
)
from bot.market.book import ASK, BID, flip_of, key_at_or_below, lots_at_key

_ARMED = np.int64(Slot.ARMED)
_FILL, _LIQUIDATION = np.int64(ReportKind.FILL), np.int64(ReportKind.LIQUIDATION)
_CANCELED, _EXPIRED = np.int64(ReportKind.CANCELED), np.int64(ReportKind.EXPIRED)
_TRIGGERED = np.int64(ReportKind.TRIGGERED)
_TAKER = np.int64(Liquidity.TAKER)
_NOTHING_TO_REDUCE = np.int64(RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE)
_NO_LIQUIDITY, _TABLE_FULL = np.int64(RejectReason.NO_LIQUIDITY), np.int64(RejectReason.TABLE_FULL)
_NO_MARGIN = np.int64(RejectReason.INSUFFICIENT_MARGIN)
_BID, _ASK = np.int64(BID), np.int64(ASK)


@rare
def fill(mt, heads, m, slot, lots, price, liquidity, t):
    """Trade `lots` of a live order, at most what is open; frees the slot when none is left."""
    order = mt.orders[slot]
    order.lots -= lots
    report(mt, _FILL, order.id, m, order.side, lots, price, order.lots, liquidity, ZERO, t)
    side = order.side
    if order.lots == 0:
        unlink(mt, m, slot)
    move_position(mt, heads, m, side, lots, price, t)


@hot
def take(mt, books, heads, m, slot, limit, t):
    """Walk the displayed levels up to `limit`, one fill a level; frees the slot when filled.

    Returns whether the table of consumed levels ran full.
    """
    order = mt.orders[slot]
    opposite = _ASK if order.side > 0 else _BID
    flip = flip_of(books, opposite)
    key = books.best[m, opposite]
    want = fillable(mt, slot)
    while key >= 0 and want > 0 and ((key ^ flip) - limit) * order.side <= 0:
        tick = key ^ flip
        got = take_level(mt, m, opposite, tick, np.int64(lots_at_key(books, m, opposite, key)), want)
        if got < 0:
            return True
        if got > 0:
            fill(mt, heads, m, slot, got, tick, _TAKER, t)
            want -= got
        key = key_at_or_below(books, m, opposite, key - 1)
    return False


@rare
def take_or_expire(mt, books, heads, m, slot, limit, t):
    """For what never rests: take up to `limit`, the rest EXPIRES with its reason."""
    full = take(mt, books, heads, m, slot, limit, t)
    order = mt.orders[slot]
    if order.state == 0:
        return
    if order.reduce_only and not reducible(mt, m, order.side):
        finish(mt, m, slot, _EXPIRED, _NOTHING_TO_REDUCE, t)
    else:
        finish(mt, m, slot, _EXPIRED, _TABLE_FULL if full else _NO_LIQUIDITY, t)


@hot
def reached(stop, price):
    """Whether a price in ticks (nan: unknown) is at or beyond a stop's trigger."""
    return price >= stop.trigger if stop.side > 0 else price <= stop.trigger


@hot
def trigger_stops(mt, books, heads, m, by, price, t):
    """Trigger every armed stop of a market that watches this price (LAST or MARK), oldest first."""
    slot = mt.markets[m].first
    while slot >= 0:
        order = mt.orders[slot]
        after = order.next
        if order.state == _ARMED and order.trigger_by == by and reached(order, price):
            trigger(mt, books, heads, m, slot, t)
        slot = after


@hot
def trigger(mt, books, heads, m, slot, t):
    """An armed stop becomes a market order."""
    order = mt.orders[slot]
    tell(mt, _TRIGGERED, slot, ZERO, t)
    take_or_expire(mt, books, heads, m, slot, FOREVER * order.side, t)


@rare
def liquidate(mt, books, heads, m, price, t):
    """Close a position by force when `price` (ticks, nan: unknown) is at or beyond its liquidation price."""
    row = mt.markets[m]
    held = row.position
    if held == 0 or not (price <= row.liquidation if held > 0 else price >= row.liquidation):
        return
    while row.first >= 0:
        finish(mt, m, row.first, _CANCELED, _NO_MARGIN, t)
    side = SELL if held > 0 else BUY
    opposite = _ASK if side > 0 else _BID
    flip = flip_of(books, opposite)
    key = books.best[m, opposite]
    left = abs(held)
    while key >= 0 and left > 0:
        tick = key ^ flip
        got = take_level(mt, m, opposite, tick, np.int64(lots_at_key(books, m, opposite, key)), left)
        if got < 0:
            break
        if got > 0:
            left -= got
            report(mt, _LIQUIDATION, ZERO, m, side, got, tick, left, _TAKER, ZERO, t)
            move_position(mt, heads, m, side, got, tick, t)
        key = key_at_or_below(books, m, opposite, key - 1)
