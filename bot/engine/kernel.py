"""The compiled loop: one function that every row passes, live and replayed alike.

`advance` applies rows in order until they end or until Python is needed. It is
called with the rows of one frame when live and with millions when replaying;
where a batch ends changes nothing. The stages live on their own floors: the
ladder and trust in `market`, flow and walls in `signals`, our own orders
against the flow in `execution.matching`, armed conditions in `sentinels`.

Time is the receive time of the row at hand. Whatever falls due between two
messages (a timer, our orders reaching the venue, its reports reaching us) is
dealt with before the next message, in the order of its due time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from bot.core.jit import direct, hot, pack, packed_bytes, rare, unpacks
from bot.engine import sentinels as watching
from bot.engine.sentinels import Sentinels, new_sentinels
from bot.execution import matching
from bot.execution.matching import Matching
from bot.market import book as ladder
from bot.market import trust
from bot.market.book import ASK, BID, Books
from bot.market.events import EVENT, Flag, Kind, empty_rows
from bot.market.heads import HEAD, OK, new_heads
from bot.market.instruments import Instrument
from bot.market.venue_clock import VENUE_CLOCK, corrected_ns
from bot.signals import cards, flow, inputs, multilevel, resting, walls
from bot.signals.derivatives import crowd, premium
from bot.signals.grid import on_grid
from bot.signals.listings import listings_of
from bot.signals.refits import refit_next
from bot.signals.state import Awake, Signals, new_signals

FOREVER = np.int64(2**62)
_IN_A_ROW = (EVENT.itemsize,)  # strides of one dimension without holes
_MOST_LOTS = 2.0**53  # whole lots are exact up to here


class Stop(IntEnum):
    """Why `advance` returned."""

    END = 0  # all rows applied
    TIMER = 1  # a generated timer is due; the row at hand is not applied
    TIMER_ROW = 2  # a TIMER row of the stream was applied
    REPORTS = 3  # the venue's reports are due; the row at hand is not applied
    SENTINEL = 4  # sentinels fired at the row just applied
    GROW = 5  # the ladder needs room for the row at hand
    MESSAGE = 6  # a ladder commit or a trade was applied and stopping there was asked for
    BAD_ROW = 7  # the row at hand cannot be: unknown kind or market, or a level no book can hold
    DEADLINE = 8  # `ctl[DEADLINE]` has come; the row at hand is not applied
    READING = 9  # a rare row was applied that Python may want to see (gap, loss, status, instrument)


class Ctl(IntEnum):
    """Fields of the control array."""

    NOW = 0  # time of the last record, ns
    NEXT_TIMER = 1  # due time of the next generated timer, FOREVER when the stream brings its own
    STOP = 2
    IN_MESSAGE = 3  # 1 between the first row of a message and its commit
    AT_MESSAGE = 4  # 1: return after every ladder commit and every trade
    TIMER_DUE = 5  # due time of the timer that stopped the loop
    ROWS = 6  # rows applied
    T_CORR = 7  # corrected venue time of the current message
    SEQ = 8  # of the last applied row
    DEADLINE = 9  # when Python next has something to do whatever comes, FOREVER never


_NOW, _NEXT_TIMER, _STOP, _IN_MESSAGE, _AT_MESSAGE, _TIMER_DUE, _ROWS, _T_CORR, _SEQ, _DEADLINE = (
    int(c) for c in Ctl
)
_LEVEL, _COMMIT, _TRADE, _BBO = int(Kind.LEVEL), int(Kind.COMMIT), int(Kind.TRADE), int(Kind.BBO)
_SNAPSHOT, _TIMER, _MARK, _INDEX = int(Kind.SNAPSHOT), int(Kind.TIMER), int(Kind.MARK), int(Kind.INDEX)
_FUNDING, _OPEN_INTEREST, _GAP = int(Kind.FUNDING), int(Kind.OPEN_INTEREST), int(Kind.GAP)
_LIQUIDATION, _LONG_SHORT = int(Kind.LIQUIDATION), int(Kind.LONG_SHORT)
_LAST_KIND = int(max(Kind))
_F_SNAPSHOT, _F_BBO, _F_NOT_MARKET = int(Flag.SNAPSHOT), int(Flag.BBO), int(Flag.NOT_MARKET)
_DUE, _REPORT = 0, 1  # of Matching.clock
_WALLS, _FEATURES = int(Awake.WALLS), int(Awake.FEATURES)
_STOP_END, _STOP_TIMER, _STOP_TIMER_ROW = int(Stop.END), int(Stop.TIMER), int(Stop.TIMER_ROW)
_STOP_REPORTS, _STOP_SENTINEL, _STOP_GROW = int(Stop.REPORTS), int(Stop.SENTINEL), int(Stop.GROW)
_STOP_MESSAGE, _STOP_BAD_ROW, _STOP_READING = int(Stop.MESSAGE), int(Stop.BAD_ROW), int(Stop.READING)
_STOP_DEADLINE = int(Stop.DEADLINE)


class Tables(NamedTuple):
    """Everything the loop knows, as compiled functions see it. Arrays only: a checkpoint copies them."""

    ctl: np.ndarray  # (len(Ctl),) int64
    books: Books
    heads: np.ndarray  # (M,) HEAD
    clocks: np.ndarray  # (V,) VENUE_CLOCK
    signals: Signals
    matching: Matching
    sentinels: Sentinels


class State:
    """The tables as Python holds them, and their addresses in one block for `advance` and `emit_cards`.

    Which arrays they are never changes; a ladder that has grown makes another state.
    """

    __slots__ = (
        "block",
        "books",
        "clocks",
        "ctl",
        "heads",
        "matching",
        "run",
        "sentinels",
        "signals",
        "tables",
    )

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.ctl, self.books, self.heads, self.clocks, self.signals, self.matching, self.sentinels = tables
        self.block = np.zeros(packed_bytes(tables), np.uint8)
        _pack(self.block, tables)
        self.run: Callable[[np.ndarray, np.ndarray, int], int] | None = None  # found at the first `advance`

    def __reduce__(self) -> tuple[type[State], tuple[Tables]]:
        return State, (self.tables,)  # a copy has addresses of its own

    def with_books(self, books: Books) -> State:
        """The same with other ladders."""
        return State(self.tables._replace(books=books))


def new_state(
    instruments: Sequence[Instrument], *, mt: Matching | None = None, max_tick: int = 1 << 20
) -> State:
    """A cold state for markets in table order. `mt`: the paper venue's tables, else idle ones."""
    heads = new_heads(instruments)
    markets = len(instruments)
    ctl = np.zeros(len(Ctl), np.int64)
    ctl[Ctl.NEXT_TIMER] = ctl[Ctl.DEADLINE] = FOREVER
    return State(
        Tables(
            ctl=ctl,
            books=ladder.new_books(markets, max_tick),
            heads=heads,
            clocks=np.zeros(int(heads["venue"].max(initial=0)) + 1, VENUE_CLOCK),
            signals=new_signals(markets, listings=listings_of(instruments)),
            matching=mt if mt is not None else matching.new_matching(markets),
            sentinels=new_sentinels(markets),
        )
    )


def _example() -> Tables:
    """Tables of one market, for their types."""
    return Tables(
        ctl=np.zeros(len(Ctl), np.int64),
        books=ladder.new_books(1, pages=1),
        heads=np.zeros(1, HEAD),
        clocks=np.zeros(1, VENUE_CLOCK),
        signals=new_signals(1),
        matching=matching.new_matching(1),
        sentinels=new_sentinels(1),
    )


_unpack = unpacks(_example)


@rare
def _pack(block, tables):
    pack(block, tables)


@hot
def _before_message(st, recv_ns, exch_ns, venue, market):
    """What falls due before a message is applied; returns why Python is needed, or END."""
    ctl = st.ctl
    clock = st.matching.clock
    due = min(ctl[_NEXT_TIMER], ctl[_DEADLINE])
    first = recv_ns >= due  # before the message comes Python's turn
    until = due if first else corrected_ns(st.clocks, venue, recv_ns, exch_ns)
    if until >= clock[_DUE]:
        matching.on_arrivals(st.matching, st.books, st.heads, until)
    if min(due, recv_ns) >= clock[_REPORT]:
        ctl[_NOW] = max(ctl[_NOW], clock[_REPORT])
        return _STOP_REPORTS
    if first:
        ctl[_NOW] = max(ctl[_NOW], due)
        if ctl[_DEADLINE] <= ctl[_NEXT_TIMER]:
            return _STOP_DEADLINE
        ctl[_TIMER_DUE] = due
        return _STOP_TIMER
    ctl[_T_CORR] = until
    ctl[_NOW] = recv_ns
    if recv_ns >= st.signals.rows[market].next_grid_ns and st.signals.rows[market].active:
        on_grid(st.signals, st.books, st.heads, market, recv_ns)
    return _STOP_END


@hot
def _levels(st, rows, start):
    """The level rows of a message from `start`, nine rows of ten: nothing falls due between them.

    Returns the index of the first row not applied and why Python is needed, or END.
    """
    books, ctl = st.books, st.ctl
    market = np.int64(rows[start].market)
    if market >= st.heads.size:
        return start, _STOP_BAD_ROW
    sig = st.signals.rows[market]
    watched = st.matching.watch[market] != 0
    walls_awake, features_awake = sig.active & _WALLS != 0, sig.active & _FEATURES != 0
    near = resting.watched_now(sig)
    for i in range(np.uint64(start), np.uint64(rows.size)):
        row = rows[i]
        if row.kind != _LEVEL or row.market != market:
            return np.int64(i), _STOP_END
        if not 0.0 <= row.value <= _MOST_LOTS:
            return np.int64(i), _STOP_BAD_ROW
        side = np.int64(row.side <= 0)
        before = ladder.put(books, market, side, row.price, row.value)
        if before == ladder.NO_ROOM:
            return np.int64(i), _STOP_GROW if row.price >> 31 == 0 else _STOP_BAD_ROW
        if features_awake:
            multilevel.on_level(sig.known.multilevel, row.price)
        if walls_awake:
            resting.on_level(sig, near, side, row.price, before, row.value, ctl[_T_CORR], ctl[_NOW])
        if watched:
            matching.on_level(st.matching, market, side, row.price, before, row.value)
    return np.int64(rows.size), _STOP_END


@hot
def _after_commit(st, row, market):
    """A whole book message is in: judge the ladder, then let the stages see it."""
    books = st.books
    now_ns = st.ctl[_NOW]
    head = st.heads[market]
    ladder.settle(books, market)
    head.update_id = row.ref
    if row.flags & _F_SNAPSHOT:
        head.synced = 1
    bid = ladder.best_tick(books, market, BID)
    ask = ladder.best_tick(books, market, ASK)
    trust.judge(head, bid, ask, now_ns)
    if head.status == OK and head.synced:
        sig = st.signals.rows[market]
        if sig.active & _WALLS:
            bid_lots = ladder.best_lots(books, market, BID)
            ask_lots = ladder.best_lots(books, market, ASK)
            walls.on_commit(sig, 0.5 * (bid + ask))
            moved = flow.on_commit(sig.flow, bid, bid_lots, ask, ask_lots, now_ns)
            if sig.active & _FEATURES:
                if moved:
                    inputs.on_touch(
                        sig, st.signals.pairs, head.tick_size, bid, bid_lots, ask, ask_lots, now_ns
                    )
                if sig.known.multilevel.stale:
                    multilevel.on_commit(sig.known.multilevel, books, market, now_ns)
    if st.matching.watch[market] != 0:
        matching.on_commit(st.matching, books, st.heads, market, bid, ask, st.ctl[_T_CORR])
    if st.sentinels.armed[market] != 0:
        watching.check_commit(st.sentinels, books, market)


@hot
def _trade(st, row, market):
    head = st.heads[market]
    if row.flags & _F_NOT_MARKET:
        head.not_market += 1
        return
    if trust.is_told_again(head, row.ref):
        head.duplicates += 1
        return
    now_ns = st.ctl[_NOW]
    bid = ladder.best_tick(st.books, market, BID)
    ask = ladder.best_tick(st.books, market, ASK)
    trust.note_print(head, bid, ask, row.price, now_ns)
    head.trade_price = row.price
    head.trade_ns = now_ns
    head.trades += 1
    sig = st.signals.rows[market]
    side = np.int64(row.side)
    if sig.active & _WALLS:
        flow.on_trade(sig.flow, side, row.value, now_ns)
        resting.on_print(sig, side, row.price, row.value, st.ctl[_T_CORR], now_ns)
    if sig.active & _FEATURES:
        stamp_ns = row.exch_ns if row.exch_ns != 0 else row.recv_ns
        inputs.on_trade(sig, st.signals.zones.rows[market], side, row.price, row.value, stamp_ns, now_ns)
    if st.matching.watch[market] != 0:
        matching.on_trade(
            st.matching, st.books, st.heads, market, row.side, row.price, row.value, st.ctl[_T_CORR]
        )
    if st.sentinels.armed[market] != 0:
        watching.check_price(st.sentinels, market, np.float64(row.price))


@rare
def _rare(st, row, market):
    """Rows that come at most a few times a second. Returns why Python is needed, or END."""
    head = st.heads[market]
    sig = st.signals.rows[market]
    kind = row.kind
    if kind == _MARK:
        head.mark = row.value
        head.mark_ns = st.ctl[_NOW]
        if st.matching.watch[market] != 0:
            matching.on_mark(st.matching, st.books, st.heads, market, st.ctl[_T_CORR])
        if st.sentinels.armed[market] != 0:
            watching.check_price(st.sentinels, market, row.value / head.tick_size)
    elif kind == _INDEX:
        head.index = row.value
    elif kind == _FUNDING:
        head.funding_rate = row.value
        head.funding_ns = row.ref
        premium.on_funding(sig.known.premium, st.ctl[_NOW], row.value, row.ref, row.price)
    elif kind == _OPEN_INTEREST:
        head.open_interest = row.value
        inputs.on_open_interest(sig, head, row.value, st.ctl[_NOW])
    elif kind == _LIQUIDATION:
        inputs.on_liquidation(sig, head, np.int64(row.side), row.price, row.value, st.ctl[_NOW])
    elif kind == _LONG_SHORT:
        crowd.on_ratio(sig.known.crowd, st.ctl[_NOW], row.value)
    elif kind == _GAP:
        head.synced = 0
        head.gaps += 1
        head.gap_ns = st.ctl[_NOW]
        inputs.on_reset(sig, st.signals.pairs, st.ctl[_NOW])
        return _STOP_READING
    else:
        return _STOP_READING
    return _STOP_END


def advance(state: State, rows: np.ndarray, start: int) -> int:
    """Apply rows[start:] until the end or until Python is needed.

    Returns the index of the first row not applied; `ctl[STOP]` says why it
    stopped. Rows of one message must be contiguous; a batch may end anywhere.
    Raises ValueError for an array that is not EVENT rows as they lie one after the other.
    """
    if (rows.dtype is not EVENT and rows.dtype != EVENT) or (rows.strides != _IN_A_ROW and rows.size != 0):
        raise ValueError(
            f"expected EVENT rows in a row, got {rows.dtype} with strides {rows.strides}: copy them before"
        )
    run = state.run
    if run is None:  # not before: whoever only reads cards need not load or compile the loop
        run = state.run = direct(_advance, state.block, empty_rows(0), 0)
    return run(state.block, rows, start)


@rare
def _advance(block, rows, start):
    return run_rows(_unpack(block), rows, start)


@hot
def run_rows(st, rows, start):
    """`advance` for compiled callers, which have the tables."""
    ctl = st.ctl
    heads = st.heads
    in_message = ctl[_IN_MESSAGE]
    stop = _STOP_END
    i = start
    n = rows.size
    while i < n:
        row = rows[i]
        kind = row.kind
        if kind == _LEVEL and in_message != 0:
            i, stop = _levels(st, rows, i)
            if stop != _STOP_END:
                break
            continue
        market = np.int64(row.market)
        if market >= heads.size:
            stop = _STOP_BAD_ROW
            break
        if kind == 0 or kind > _LAST_KIND:
            stop = _STOP_BAD_ROW
            break
        if in_message == 0:
            recv_ns = max(row.recv_ns, ctl[_NOW])
            stop = _before_message(st, recv_ns, row.exch_ns, heads[market].venue, market)
            if stop != _STOP_END:
                break
            heads[market].recv_ns = recv_ns
            heads[market].exch_ns = row.exch_ns
        if kind == _LEVEL:
            in_message = 1  # a message begins: the same row again, now inside it
            continue
        if kind == _COMMIT:
            in_message = 0
            if not row.flags & _F_BBO:
                _after_commit(st, row, market)
                if ctl[_AT_MESSAGE]:
                    stop = _STOP_MESSAGE
        elif kind == _TRADE:
            _trade(st, row, market)
            if ctl[_AT_MESSAGE]:
                stop = _STOP_MESSAGE
        elif kind == _BBO:
            in_message = 1
            head = heads[market]
            if row.side > 0:
                head.bbo_bid = row.price
                head.bbo_bid_lots = row.value
            else:
                head.bbo_ask = row.price
                head.bbo_ask_lots = row.value
            head.bbo_ns = ctl[_NOW]
        elif kind == _SNAPSHOT:
            in_message = 1
            heads[market].synced = 0
            ladder.clear(st.books, market)
            inputs.on_reset(st.signals.rows[market], st.signals.pairs, ctl[_NOW])
            if st.matching.watch[market] != 0:
                matching.on_clear(st.matching, market)
        elif kind == _TIMER:
            ctl[_TIMER_DUE] = row.ref
            stop = _STOP_TIMER_ROW
        else:
            stop = _rare(st, row, market)
        i += 1
        if st.sentinels.fired[0] != 0:
            stop = _STOP_SENTINEL
        if stop != _STOP_END:
            break
    if i > start:
        ctl[_SEQ] = rows[i - 1].seq
    ctl[_ROWS] += i - start
    ctl[_IN_MESSAGE] = in_message
    ctl[_STOP] = stop
    return i


def read_cards(state: State, now_ns: int) -> None:
    """Bring every market's grid up to a tick, emit all cards and composites, refit what is due."""
    _emit_cards(state.block, now_ns)
    refit_next(state.signals, now_ns)


@rare
def _emit_cards(block, now_ns):
    st = _unpack(block)
    for market in range(st.heads.size):
        sig = st.signals.rows[market]
        if now_ns >= sig.next_grid_ns and sig.active:
            on_grid(st.signals, st.books, st.heads, market, now_ns)
        for side in range(2):
            sig.ladder[2 * side], sig.ladder[2 * side + 1] = ladder.whole_side(st.books, market, side)
    cards.emit(st.signals, st.books, st.heads, now_ns)


def mid_ticks(state: State, market: int) -> float:
    """The mid of a market in ticks; nan while its book is not usable."""
    mid: float = _mid_ticks(state.block, market)
    return mid


@rare
def _mid_ticks(block, market):
    st = _unpack(block)
    if st.heads[market].status != OK:
        return np.nan
    return 0.5 * (ladder.best_tick(st.books, market, BID) + ladder.best_tick(st.books, market, ASK))
