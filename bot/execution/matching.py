"""The paper venue's matching: our orders against the recorded or generated flow, row by row.

The venue holds only our orders and the displayed book; the two never mix, so
our orders cannot trade with each other. A request takes effect at its due
time, on the book as it stood then: before the first message at or after that time is applied. What we take
stays taken: the feed goes on showing it, so we may take only what the level shows
beyond it, until the level shrinks below it, empties, or a snapshot begins.

* resting: prints at our price first use up the queue ahead, then fill us; prints
  through our price fill us, best price and oldest order first, never more than
  was printed; at a commit whose opposite side reaches our price we are filled
  at our price with what is displayed there and not yet consumed
* taking: market orders, limits that cross (the rest of a GTC then rests) and
  triggered stops walk the displayed levels, one FILL a level; what the book
  cannot give EXPIRES with NO_LIQUIDITY
* reduce-only: refused without a position to reduce, capped at each fill, EXPIRES
  when there is nothing left to reduce
* stops: triggered by market prints or the mark at that very row; one that
  arrives when the last print or mark is already beyond triggers at once
* forced close: the market's live orders are CANCELED, then the position takes the
  book; what finds no liquidity is tried again at the next mark

Prints without an aggressor count for both sides. Queue positions are lots of
others; our own earlier orders at the price come before us by arrival.
"""

from __future__ import annotations

import numpy as np

from bot.core.enums import Liquidity, OrderType, RejectReason, ReportKind, TimeInForce, TriggerBy
from bot.core.jit import hot, rare
from bot.execution.positions import arm_funding, mark_ticks, settle_funding
from bot.execution.taking import fill, liquidate, reached, take, take_or_expire, trigger, trigger_stops
from bot.execution.venue_state import (
    BUY,
    FOREVER,
    NONE,
    SELL,
    ZERO,
    Knob,
    Matching,
    QueueModel,
    Slot,
    dequeue,
    fillable,
    find_taken,
    finish,
    first_request,
    free_taken,
    link,
    look,
    marked,
    new_matching,
    reducible,
    report,
    take_level,
    tell,
)
from bot.market.book import ASK, BID, flip_of, key_at_or_below, lots_at, lots_at_key
from bot.market.events import MAX_TICK

__all__ = [
    "Matching",
    "QueueModel",
    "new_matching",
    "on_arrivals",
    "on_clear",
    "on_commit",
    "on_level",
    "on_mark",
    "on_trade",
]

_PROPORTIONAL, _REPORTS = int(Knob.PROPORTIONAL), int(Knob.REPORTS)
_CANCEL = np.int64(Slot.CANCEL)
_RESTING, _ARMED = np.int64(Slot.RESTING), np.int64(Slot.ARMED)
_LIMIT, _STOP = np.int64(OrderType.LIMIT), np.int64(OrderType.STOP_MARKET)
_IOC, _POST_ONLY = np.int64(TimeInForce.IOC), np.int64(TimeInForce.POST_ONLY)
_LAST, _MARK = np.int64(TriggerBy.LAST), np.int64(TriggerBy.MARK)
_ACCEPTED, _REJECTED = np.int64(ReportKind.ACCEPTED), np.int64(ReportKind.REJECTED)
_CANCELED, _EXPIRED = np.int64(ReportKind.CANCELED), np.int64(ReportKind.EXPIRED)
_MAKER = np.int64(Liquidity.MAKER)
_WOULD_TAKE = np.int64(RejectReason.POST_ONLY_WOULD_TAKE)
_NOTHING_TO_REDUCE = np.int64(RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE)
_UNKNOWN_ORDER, _BAD_QUANTITY = np.int64(RejectReason.UNKNOWN_ORDER), np.int64(RejectReason.BAD_QUANTITY)
_BID, _ASK = np.int64(BID), np.int64(ASK)


# The first three hooks are on the path of most rows: they dismiss what cannot concern us by a
# few comparisons with the market's own row; the work is in the functions they call.


@hot
def on_level(mt, m, side, tick, before, lots):
    """A ladder level of `side` (0 bid, 1 ask) went from `before` to `lots`."""
    if marked(mt.markets[m].marks, side, tick):
        _level_changed(mt, m, side, tick, before, lots)


@hot
def on_trade(mt, books, heads, m, side, tick, lots, t_corr):
    """A market print; `side` +1 buying aggressor, -1 selling, 0 not told."""
    row = mt.markets[m]
    if (
        tick <= row.print_low
        or tick >= row.print_high
        or (row.position != 0 and heads[m].mark != heads[m].mark)
    ):
        _printed(mt, books, heads, m, side, tick, np.int64(lots), t_corr)


@hot
def on_commit(mt, books, heads, m, bid, ask, t_corr):
    """A book message is complete and settled; `bid`, `ask`: the touch, -1 where a side is empty."""
    row = mt.markets[m]
    if (
        (ask >= 0 and ask <= row.best_buy)
        or bid >= row.best_sell
        or row.rebuilt != 0
        or row.funding_seen != heads[m].funding_ns
    ):
        _committed(mt, books, heads, m, t_corr)


@rare
def on_mark(mt, books, heads, m, t_corr):
    """heads[m].mark was renewed: stops by mark, forced closing, the coming settlement."""
    mark = mark_ticks(heads, m)
    arm_funding(mt, heads, m, t_corr)
    trigger_stops(mt, books, heads, m, _MARK, mark, t_corr)
    liquidate(mt, books, heads, m, mark, t_corr)
    _close_event(mt, m, t_corr)


@rare
def on_clear(mt, m):
    """A snapshot begins: the ladder was emptied without level changes."""
    while mt.markets[m].taken >= 0:
        free_taken(mt, m, mt.markets[m].taken)
    mt.markets[m].rebuilt = 1
    look(mt, m)


@hot
def on_arrivals(mt, books, heads, t_corr):
    """Requests and settlements due at or before `t_corr`, in the order of their due times.

    Ties: settlements first, then by serial number.
    """
    while True:
        slot = first_request(mt)
        due = mt.orders[slot].due_ns if slot >= 0 else FOREVER
        m = _first_settlement(mt)
        if m >= 0 and mt.markets[m].funding_ns <= min(due, t_corr):
            settle_funding(mt, heads, m, t_corr)
        elif due <= t_corr:
            dequeue(mt)
            if mt.orders[slot].state == _CANCEL:
                _cancel(mt, slot, due)
            else:
                _arrive(mt, books, heads, slot, due)
        else:
            mt.clock[0] = due if m < 0 else min(due, mt.markets[m].funding_ns)
            return


@hot
def _first_settlement(mt):
    first = NONE
    for m in range(mt.markets.size):
        due = mt.markets[m].funding_ns
        if due < FOREVER and (first < 0 or due < mt.markets[first].funding_ns):
            first = np.int64(m)
    return first


@hot
def _cancel(mt, request, t):
    wanted = mt.orders[request].target
    m = mt.orders[request].market
    mt.orders[request].state = 0
    slot = mt.markets[m].first
    while slot >= 0:
        if mt.orders[slot].id == wanted:
            finish(mt, m, slot, _CANCELED, ZERO, t)
            look(mt, m)
            return
        slot = mt.orders[slot].next
    # filled, ended or not yet here: the order itself is not touched by this refusal
    report(mt, _REJECTED, wanted, m, ZERO, ZERO, ZERO, ZERO, ZERO, _UNKNOWN_ORDER, t)


@hot
def _refusal(mt, books, order):
    """Why an arriving order is refused, 0 when it is not."""
    if order.lots <= 0:
        return _BAD_QUANTITY
    if order.type == _LIMIT and (order.price <= 0 or order.price > MAX_TICK):
        return _BAD_QUANTITY
    if order.type == _STOP and (order.trigger <= 0 or order.trigger > MAX_TICK):
        return _BAD_QUANTITY
    if order.reduce_only and not reducible(mt, order.market, order.side):
        return _NOTHING_TO_REDUCE
    if (
        order.type == _LIMIT
        and order.time_in_force == _POST_ONLY
        and _would_take(mt, books, order.market, order.side, order.price)
    ):
        return _WOULD_TAKE
    return ZERO


@hot
def _would_take(mt, books, m, side, price):
    opposite = _ASK if side > 0 else _BID
    flip = flip_of(books, opposite)
    key = books.best[m, opposite]
    while key >= 0 and ((key ^ flip) - price) * side <= 0:
        entry = find_taken(mt, m, opposite, key ^ flip)
        gone = mt.taken[entry].lots if entry >= 0 else 0
        if lots_at_key(books, m, opposite, key) > gone:
            return True
        key = key_at_or_below(books, m, opposite, key - 1)
    return False


@hot
def _arrive(mt, books, heads, slot, t):
    order = mt.orders[slot]
    m = order.market
    reason = _refusal(mt, books, order)
    if reason != 0:
        order.state = 0
        tell(mt, _REJECTED, slot, reason, t)
        return
    link(mt, m, slot)
    tell(mt, _ACCEPTED, slot, ZERO, t)
    if order.type == _STOP:
        order.state = _ARMED
        last = np.float64(heads[m].trade_price) if heads[m].trade_price > 0 else np.nan
        now = mark_ticks(heads, m) if order.trigger_by == _MARK else last
        if reached(order, now):
            trigger(mt, books, heads, m, slot, t)
    elif order.type == _LIMIT and order.time_in_force != _IOC:
        # POST_ONLY was judged above: nothing is there to take
        order.state = _RESTING
        take(mt, books, heads, m, slot, order.price, t)
        if order.state == _RESTING:
            order.ahead = np.int64(lots_at(books, m, _BID if order.side > 0 else _ASK, order.price))
            order.traded = 0
    else:
        limit = order.price if order.type == _LIMIT else FOREVER * order.side
        take_or_expire(mt, books, heads, m, slot, limit, t)
    _close_event(mt, m, t)


@hot
def _close_event(mt, m, t):
    """After anything that may have traded: reduce-only orders without a purpose expire."""
    slot = mt.markets[m].first
    while slot >= 0:
        after = mt.orders[slot].next
        if mt.orders[slot].reduce_only and not reducible(mt, m, mt.orders[slot].side):
            finish(mt, m, slot, _EXPIRED, _NOTHING_TO_REDUCE, t)
        slot = after
    look(mt, m)


@hot
def _level_changed(mt, m, side, tick, before, lots):
    """Queues and consumed liquidity at one level."""
    entry = find_taken(mt, m, side, tick)
    if entry >= 0:
        # an increase is new and free to take; a decrease may be what we took leaving the feed
        row = mt.taken[entry]
        row.lots = min(row.lots, np.int64(lots))
        if row.lots == 0:
            free_taken(mt, m, entry)
            look(mt, m)
    sign = BUY if side == 0 else SELL
    slot = mt.markets[m].first
    while slot >= 0:
        order = mt.orders[slot]
        if order.state == _RESTING and order.price == tick and order.side == sign:
            order.ahead = _queue_after(
                order.ahead, order.traded, np.int64(before), np.int64(lots), mt.knobs[_PROPORTIONAL]
            )
            order.traded = 0
        slot = order.next


@hot
def _queue_after(ahead, traded, before, lots, proportional):
    """Lots ahead of us after our level went from `before` to `lots`.

    `traded` lots were printed there since its last change and have already moved us up; in the
    proportional model the rest of a reduction is shared (rounded in favour of the others).
    """
    if proportional and lots < before:
        explained = min(before - lots, traded)
        stood = before - explained
        left = stood - lots
        if left > 0:
            # float: the product of two lot counts may not fit 64 bits
            ahead -= np.int64(np.floor(np.float64(left) * np.float64(ahead) / np.float64(stood)))
    return max(np.int64(0), min(ahead, lots))


@hot
def _printed(mt, books, heads, m, side, tick, lots, t):
    left = lots
    before = mt.knobs[_REPORTS]
    if side <= 0:
        left = _hit(mt, heads, m, BUY, tick, left, t)
    if side >= 0:
        _hit(mt, heads, m, SELL, tick, left, t)
    trigger_stops(mt, books, heads, m, _LAST, np.float64(tick), t)
    if heads[m].mark != heads[m].mark:
        liquidate(mt, books, heads, m, np.float64(tick), t)
    if mt.knobs[_REPORTS] != before:  # what changes orders or the position is reported
        _close_event(mt, m, t)


@hot
def _best_resting(mt, m, side, limit):
    """Our best-priced, then oldest, resting order strictly better than `limit` that may trade; -1 none."""
    best = NONE
    slot = mt.markets[m].first
    while slot >= 0:
        order = mt.orders[slot]
        if (
            order.state == _RESTING
            and order.side == side
            and (order.price - limit) * side > 0
            and (best < 0 or (order.price - mt.orders[best].price) * side > 0)
            and fillable(mt, slot) > 0
        ):
            best = slot
        slot = order.next
    return best


@hot
def _hit(mt, heads, m, side, tick, printed, t):
    """A print against our orders of `side`; returns the lots that did not fill us."""
    lots = printed
    while lots > 0:
        slot = _best_resting(mt, m, side, tick)
        if slot < 0:
            break
        got = min(lots, fillable(mt, slot))
        lots -= got
        fill(mt, heads, m, slot, got, mt.orders[slot].price, _MAKER, t)
    slot = mt.markets[m].first
    while slot >= 0:
        order = mt.orders[slot]
        after = order.next
        if order.state == _RESTING and order.side == side:
            if (order.price - tick) * side > 0:
                order.ahead = 0  # the market traded through its whole level
            elif order.price == tick:
                order.traded += printed
                got = max(np.int64(0), min(lots - order.ahead, fillable(mt, slot)))
                order.ahead = max(np.int64(0), order.ahead - lots)
                if got > 0:
                    lots -= got
                    fill(mt, heads, m, slot, got, tick, _MAKER, t)
        slot = after
    return lots


@rare
def _committed(mt, books, heads, m, t):
    if mt.markets[m].rebuilt:
        _requeue(mt, books, m)
    arm_funding(mt, heads, m, t)
    _crossed(mt, books, heads, m, BUY, t)
    _crossed(mt, books, heads, m, SELL, t)
    _close_event(mt, m, t)


@hot
def _requeue(mt, books, m):
    """After a snapshot: nobody is ahead of us who is not displayed."""
    mt.markets[m].rebuilt = 0
    slot = mt.markets[m].first
    while slot >= 0:
        order = mt.orders[slot]
        if order.state == _RESTING:
            shown = np.int64(lots_at(books, m, _BID if order.side > 0 else _ASK, order.price))
            order.ahead = min(order.ahead, shown)
            order.traded = 0
        slot = order.next


@hot
def _crossed(mt, books, heads, m, side, t):
    """Fill our orders of `side` that the opposite side of the book has reached, at our price."""
    opposite = _ASK if side > 0 else _BID
    while True:
        slot = _best_resting(mt, m, side, -FOREVER * side)
        if slot < 0:
            return
        want = fillable(mt, slot)
        price = mt.orders[slot].price
        got = _gather(mt, books, m, opposite, price, side, want)
        if got > 0:
            fill(mt, heads, m, slot, got, price, _MAKER, t)
        if got < want:
            return  # what could reach the next order, at this price or worse, is used up


@hot
def _gather(mt, books, m, opposite, price, side, want):
    """Consume up to `want` lots displayed at `price` or better for us; a full table ends it early."""
    flip = flip_of(books, opposite)
    key = books.best[m, opposite]
    total = np.int64(0)
    while key >= 0 and total < want and ((key ^ flip) - price) * side <= 0:
        shown = np.int64(lots_at_key(books, m, opposite, key))
        got = take_level(mt, m, opposite, key ^ flip, shown, want - total)
        if got < 0:
            break
        total += got
        key = key_at_or_below(books, m, opposite, key - 1)
    return total
