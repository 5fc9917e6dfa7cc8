"""What the paper venue knows: orders, positions, consumed liquidity and unread reports, in fixed tables.

Arrays only, shared by the kernels and the Python face. Tables are bounded;
running full is always visible (a refused order, an early return, an error).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import NamedTuple

import numpy as np

from bot.core.jit import hot
from bot.market.instruments import Contract, Instrument

# Typed constants: numba would compile a kernel anew for each plain literal it is called with.
FOREVER = np.int64(2**62)
NONE = np.int64(-1)
ZERO = np.int64(0)
BUY = np.int64(1)
SELL = np.int64(-1)
_ONE, _NO_BITS = np.uint64(1), np.uint64(0)


class QueueModel(StrEnum):
    """How a resting order moves up in its queue when the level shrinks without a trade."""

    PESSIMISTIC = "pessimistic"  # whoever left stood behind us, until the level is smaller than our queue
    PROPORTIONAL = "proportional"  # they left ahead of and behind us in proportion


class Slot(IntEnum):
    """State of a row of the order table."""

    FREE = 0
    SENT = 1  # an order on its way to the venue
    CANCEL = 2  # a cancel request on its way; `target` is the order's id
    RESTING = 3  # a limit order in its queue
    ARMED = 4  # a stop waiting for its trigger


ORDER = np.dtype(
    [
        (name, "<i8")
        for name in (
            "id",  # serial number, also of cancel requests; ties in due_ns go by it
            "state",
            "due_ns",  # when the request reaches the venue
            "market",
            "type",
            "side",
            "lots",  # still open
            "price",
            "trigger",
            "trigger_by",
            "time_in_force",
            "reduce_only",
            "target",
            "ahead",  # lots of others in front of us at our price
            "traded",  # lots printed at our price since the level last changed
            "next",  # slot of the next live order of the market, in order of arrival
        )
    ],
    align=True,
)

MARK_WORDS = 16

MARKET = np.dtype(
    [
        ("first", "<i8"),  # slot of the oldest live order
        ("taken", "<i8"),  # first entry of the consumed levels
        # a book side: where something of ours is, so that most rows are dismissed by one bit
        ("marks", "<u8", (2, MARK_WORDS)),  # bit t: something is at a tick that is t modulo 1,024
        ("taken_marks", "<u8", (2, MARK_WORDS)),  # the same of consumed levels only
        ("best_buy", "<i8"),  # our highest resting bid, -1 none
        ("best_sell", "<i8"),  # our lowest resting ask, FOREVER none
        ("print_low", "<i8"),  # prints at or below matter
        ("print_high", "<i8"),  # prints at or above matter
        ("rebuilt", "<i8"),  # 1 from a snapshot's begin to its commit
        # the position
        ("position", "<i8"),  # signed lots
        ("average", "<f8"),  # entry, ticks; harmonic on inverse contracts
        ("liquidation", "<f8"),  # mark in ticks at which the position is closed by force, nan never
        ("funding_ns", "<i8"),  # armed settlement, FOREVER none
        ("funding_rate", "<f8"),
        ("funding_seen", "<i8"),  # head.funding_ns when last looked at
        ("funding_done", "<i8"),  # last settlement paid
        # from the instrument and the settings
        ("leverage", "<f8"),
        ("maintenance", "<f8"),
        ("inverse", "<i8"),
    ],
    align=True,
)

TAKEN = np.dtype([(n, "<i8") for n in ("market", "side", "tick", "lots", "next")], align=True)

REPORT = np.dtype(
    [
        ("visible_ns", "<i8"),
        ("venue_ns", "<i8"),
        ("id", "<i8"),  # order or cancel request, 0 the venue itself (liquidation, funding)
        ("market", "<i8"),
        ("kind", "<i8"),
        ("reason", "<i8"),
        ("side", "<i8"),
        ("lots", "<i8"),
        ("price", "<i8"),
        ("left", "<i8"),
        ("liquidity", "<i8"),
        ("mark", "<f8"),  # FUNDING: quote currency, nan: `price` (last trade) served instead
        ("rate", "<f8"),  # FUNDING
    ],
    align=True,
)


class Knob(IntEnum):
    """Fields of Matching.knobs."""

    REPORT_LATENCY = 0
    PROPORTIONAL = 1  # 1: QueueModel.PROPORTIONAL
    REPORTS = 2  # unread rows of the report table
    LAST_VISIBLE = 3  # reports never overtake each other
    FREE_TAKEN = 4  # first free entry of the consumed-levels table, -1 none
    OVERFLOW = 5  # reports that found no room: an error for the face to raise
    REQUESTS = 6  # orders and cancels on their way


_REPORT_LATENCY, _REPORTS, _REQUESTS = int(Knob.REPORT_LATENCY), int(Knob.REPORTS), int(Knob.REQUESTS)
_LAST_VISIBLE, _FREE_TAKEN, _OVERFLOW = int(Knob.LAST_VISIBLE), int(Knob.FREE_TAKEN), int(Knob.OVERFLOW)
_RESTING = int(Slot.RESTING)


class Matching(NamedTuple):
    """The paper venue's tables for M markets."""

    watch: np.ndarray  # (M,) int64: live orders + consumed levels + 1 while a position is open
    clock: np.ndarray  # (2,) int64: next due request or settlement ns, next visible report ns
    markets: np.ndarray  # (M,) MARKET
    orders: np.ndarray  # (256,) ORDER
    requests: np.ndarray  # (256,) int64: slots of what is on its way, by due time, then by serial number
    taken: np.ndarray  # (1024,) TAKEN
    reports: np.ndarray  # (4096,) REPORT
    knobs: np.ndarray  # (len(Knob),) int64


def new_matching(
    n_markets: int,
    instruments: Sequence[Instrument] | None = None,
    *,
    report_latency_ns: int = 0,
    queue_model: QueueModel = QueueModel.PESSIMISTIC,
    leverage: int = 1,
    orders: int = 256,
    levels: int = 1024,
    reports: int = 4096,
) -> Matching:
    """An idle venue. Leverage is capped by the instrument's; without instruments: linear, no maintenance."""
    markets = np.zeros(n_markets, MARKET)
    for name in ("first", "taken", "best_buy", "print_low"):
        markets[name] = NONE
    for name in ("best_sell", "print_high", "funding_ns"):
        markets[name] = FOREVER
    markets["average"] = 0.0
    markets["liquidation"] = np.nan
    markets["leverage"] = leverage
    for market, instrument in zip(markets, instruments or (), strict=False):
        market["leverage"] = min(leverage, instrument.max_leverage)
        market["maintenance"] = float(instrument.maintenance_rate)
        market["inverse"] = instrument.contract is Contract.INVERSE
    taken = np.zeros(levels, TAKEN)
    taken["next"] = np.arange(1, levels + 1)
    taken["next"][-1] = NONE
    knobs = np.zeros(len(Knob), np.int64)
    knobs[Knob.REPORT_LATENCY] = report_latency_ns
    knobs[Knob.PROPORTIONAL] = queue_model is QueueModel.PROPORTIONAL
    return Matching(
        watch=np.zeros(n_markets, np.int64),
        clock=np.full(2, FOREVER),
        markets=markets,
        orders=np.zeros(orders, ORDER),
        requests=np.zeros(orders, np.int64),
        taken=taken,
        reports=np.zeros(reports, REPORT),
        knobs=knobs,
    )


@hot
def enqueue(mt, slot):
    """The request of a slot is on its way: put it in line; ties of the due time go by serial number."""
    mine = mt.orders[slot]
    at = mt.knobs[_REQUESTS]
    mt.knobs[_REQUESTS] = at + 1
    while at > 0:
        before = mt.orders[mt.requests[at - 1]]
        if before.due_ns < mine.due_ns or (before.due_ns == mine.due_ns and before.id < mine.id):
            break
        mt.requests[at] = mt.requests[at - 1]
        at -= 1
    mt.requests[at] = slot
    mt.clock[0] = min(mt.clock[0], mine.due_ns)


@hot
def first_request(mt):
    """Slot of the request that is due next, -1 when none is on its way."""
    return mt.requests[0] if mt.knobs[_REQUESTS] > 0 else NONE


@hot
def dequeue(mt):
    """The first request has arrived."""
    mt.knobs[_REQUESTS] -= 1
    for i in range(mt.knobs[_REQUESTS]):
        mt.requests[i] = mt.requests[i + 1]


@hot
def report(mt, kind, order_id, market, side, lots, price, left, liquidity, reason, t):
    """Append a report; returns its index, -1 when the table is full (counted in OVERFLOW).

    A half-full table asks the loop to return at the next message.
    """
    n = mt.knobs[_REPORTS]
    if n >= mt.reports.size:
        mt.knobs[_OVERFLOW] += 1
        mt.clock[1] = 0
        return NONE
    visible = max(t + mt.knobs[_REPORT_LATENCY], mt.knobs[_LAST_VISIBLE])
    mt.knobs[_LAST_VISIBLE] = visible
    mt.knobs[_REPORTS] = n + 1
    row = mt.reports[n]
    row.visible_ns = visible
    row.venue_ns = t
    row.id = order_id
    row.market = market
    row.kind = kind
    row.reason = reason
    row.side = side
    row.lots = lots
    row.price = price
    row.left = left
    row.liquidity = liquidity
    row.mark = np.nan
    row.rate = np.nan
    mt.clock[1] = 0 if 2 * (n + 1) > mt.reports.size else min(mt.clock[1], visible)
    return n


@hot
def link(mt, m, slot):
    """The order of a slot is live: last in its market's line."""
    mt.orders[slot].next = NONE
    mt.watch[m] += 1
    last = mt.markets[m].first
    if last < 0:
        mt.markets[m].first = slot
        return
    while mt.orders[last].next >= 0:
        last = mt.orders[last].next
    mt.orders[last].next = slot


@hot
def unlink(mt, m, slot):
    """Take a live order out of its market's line and free its slot."""
    after = mt.orders[slot].next
    if mt.markets[m].first == slot:
        mt.markets[m].first = after
    else:
        before = mt.markets[m].first
        while mt.orders[before].next != slot:
            before = mt.orders[before].next
        mt.orders[before].next = after
    mt.orders[slot].state = 0
    mt.watch[m] -= 1


@hot
def tell(mt, kind, slot, reason, t):
    """Report something other than a fill about an order."""
    order = mt.orders[slot]
    report(mt, kind, order.id, order.market, order.side, ZERO, ZERO, order.lots, ZERO, reason, t)


@hot
def finish(mt, m, slot, kind, reason, t):
    """A live order ends unfilled or partly filled: report it and free its slot."""
    tell(mt, kind, slot, reason, t)
    unlink(mt, m, slot)


@hot
def find_taken(mt, m, side, tick):
    """Entry of a consumed level, -1 when nothing was taken there."""
    if not marked(mt.markets[m].taken_marks, side, tick):
        return NONE
    entry = mt.markets[m].taken
    while entry >= 0:
        if mt.taken[entry].tick == tick and mt.taken[entry].side == side:
            return entry
        entry = mt.taken[entry].next
    return NONE


@hot
def take_level(mt, m, side, tick, displayed, want):
    """Consume up to `want` of what is displayed and not yet consumed at a level.

    Returns the lots taken, -1 when they could not be remembered (table full).
    """
    entry = find_taken(mt, m, side, tick)
    gone = mt.taken[entry].lots if entry >= 0 else np.int64(0)
    got = min(want, displayed - gone)
    if got <= 0:
        return np.int64(0)
    if entry < 0:
        entry = mt.knobs[_FREE_TAKEN]
        if entry < 0:
            return NONE
        row = mt.taken[entry]
        mt.knobs[_FREE_TAKEN] = row.next
        row.market = m
        row.side = side
        row.tick = tick
        row.lots = 0
        row.next = mt.markets[m].taken
        mt.markets[m].taken = entry
        mt.watch[m] += 1
        _mark(mt.markets[m].taken_marks, side, tick)
    mt.taken[entry].lots += got
    return got


@hot
def free_taken(mt, m, entry):
    """Forget that a level was consumed."""
    after = mt.taken[entry].next
    if mt.markets[m].taken == entry:
        mt.markets[m].taken = after
    else:
        before = mt.markets[m].taken
        while mt.taken[before].next != entry:
            before = mt.taken[before].next
        mt.taken[before].next = after
    mt.taken[entry].next = mt.knobs[_FREE_TAKEN]
    mt.knobs[_FREE_TAKEN] = entry
    mt.watch[m] -= 1
    row = mt.markets[m]
    row.taken_marks[:, :] = _NO_BITS
    entry = row.taken
    while entry >= 0:
        _mark(row.taken_marks, mt.taken[entry].side, mt.taken[entry].tick)
        entry = mt.taken[entry].next


@hot
def reducible(mt, m, side):
    """Whether an order of this side would make the position smaller."""
    return mt.markets[m].position * side < 0


@hot
def fillable(mt, slot):
    """Lots of an order that may trade now; a reduce-only order is capped by the position."""
    order = mt.orders[slot]
    if order.reduce_only == 0:
        return order.lots
    return max(np.int64(0), min(order.lots, -mt.markets[order.market].position * order.side))


@hot
def look(mt, m):
    """Renew the prices that matter after orders or consumed levels of a market changed."""
    row = mt.markets[m]
    row.best_buy = row.print_low = NONE
    row.best_sell = row.print_high = FOREVER
    for side in range(2):
        for word in range(MARK_WORDS):
            row.marks[side, word] = row.taken_marks[side, word]
    slot = row.first
    while slot >= 0:
        order = mt.orders[slot]
        if order.state == _RESTING:
            side = 0 if order.side > 0 else 1
            _mark(row.marks, side, order.price)
            if order.side > 0:
                row.best_buy = max(row.best_buy, order.price)
            else:
                row.best_sell = min(row.best_sell, order.price)
        elif order.trigger_by == 0:
            if order.side > 0:
                row.print_high = min(row.print_high, order.trigger)
            else:
                row.print_low = max(row.print_low, order.trigger)
        slot = order.next
    row.print_low = max(row.print_low, row.best_buy)
    row.print_high = min(row.print_high, row.best_sell)


@hot
def _mark(marks, side, tick):
    marks[side, (tick >> 6) & (MARK_WORDS - 1)] |= _ONE << np.uint64(tick & 63)


@hot
def marked(marks, side, tick):
    """Whether something of ours may be at a tick; surely not where this says no."""
    return (marks[side, (tick >> 6) & (MARK_WORDS - 1)] >> np.uint64(tick & 63)) & _ONE != 0
