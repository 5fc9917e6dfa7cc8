"""What can be wrong with a row, seen in one pass over the stream."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from bot.core.jit import njit
from bot.market.events import MAX_TICK, Flag, Kind, copied


class Check(IntEnum):
    """Index into the arrays of `RowChecks`."""

    SEQ_BACK = 0
    RECV_BACK = 1
    UNFINISHED = 2  # a book or BBO message that stops without its COMMIT
    COMMIT_FLAG = 3  # a COMMIT that ends another sort of message than it says
    UNKNOWN_KIND = 4
    UNKNOWN_MARKET = 5
    BAD_SIDE = 6
    BAD_PRICE = 7
    BAD_VALUE = 8
    STRAY_TIMER = 9  # the header says that there are none
    SEQ_HOLE = 10
    EARLY_LEVEL = 11  # before the market's first snapshot
    STALE_LEVEL = 12  # between a GAP or LOST and the next snapshot


_CHECKS = len(Check)
_UNSYNCED, _SYNCED, _STALE = 0, 1, 2

# Plain integers for the kernel.
_SNAPSHOT, _LEVEL, _COMMIT = int(Kind.SNAPSHOT), int(Kind.LEVEL), int(Kind.COMMIT)
_TRADE, _BBO, _TIMER = int(Kind.TRADE), int(Kind.BBO), int(Kind.TIMER)
_GAP, _LOST = int(Kind.GAP), int(Kind.LOST)
_LIQUIDATION, _LAST_KIND = int(Kind.LIQUIDATION), int(max(Kind))
_FLAG_SNAPSHOT, _FLAG_BBO, _FLAG_NO_SIDE = int(Flag.SNAPSHOT), int(Flag.BBO), int(Flag.NO_SIDE)

_SEQ_BACK, _RECV_BACK = int(Check.SEQ_BACK), int(Check.RECV_BACK)
_UNFINISHED, _COMMIT_FLAG = int(Check.UNFINISHED), int(Check.COMMIT_FLAG)
_UNKNOWN_KIND, _UNKNOWN_MARKET = int(Check.UNKNOWN_KIND), int(Check.UNKNOWN_MARKET)
_BAD_SIDE, _BAD_PRICE, _BAD_VALUE = int(Check.BAD_SIDE), int(Check.BAD_PRICE), int(Check.BAD_VALUE)
_STRAY_TIMER, _SEQ_HOLE = int(Check.STRAY_TIMER), int(Check.SEQ_HOLE)
_EARLY_LEVEL, _STALE_LEVEL = int(Check.EARLY_LEVEL), int(Check.STALE_LEVEL)


class RowChecks:
    """Feed batches to `add`; read `count[check]`, `first_seq[check]` and `missing`.

    `count` is how often, `first_seq` the seq of the first offending row,
    `missing` the sum of the seq numbers that SEQ_HOLE jumped over.
    """

    def __init__(self, markets: int, has_timers: bool) -> None:
        self.count = np.zeros(_CHECKS, np.int64)
        self.first_seq = np.zeros(_CHECKS, np.int64)
        self.missing = 0
        self._has_timers = has_timers
        self._sync = np.zeros(max(markets, 1), np.uint8)
        self._markets = markets
        self._before: np.ndarray | None = None

    @property
    def open_message(self) -> bool:
        """Does the stream so far end inside a message?"""
        return self._before is not None and int(self._before["kind"][0]) in (_SNAPSHOT, _LEVEL, _BBO)

    def add(self, rows: np.ndarray) -> None:
        if not len(rows):
            return
        first = self._before is None
        before = rows[:1] if self._before is None else self._before
        self.missing += _check(
            rows, before, first, self._markets, self._has_timers, self._sync, self.count, self.first_seq
        )
        self._before = copied(rows[-1:])


@njit
def _check(rows, before, first, markets, has_timers, sync, count, first_seq):  # type: ignore[no-untyped-def]
    missing = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        if not first or i > 0:
            last = rows[i - 1] if i > 0 else before[0]
            missing += _check_pair(last, row, count, first_seq)
        _check_row(row, count, first_seq)
        if row.kind == _TIMER and not has_timers:
            _found(_STRAY_TIMER, row.seq, count, first_seq)
        if row.kind == _LOST:  # whichever market the lost rows were of
            for market in range(markets):
                sync[market] = _STALE if sync[market] == _SYNCED else sync[market]
        elif row.market >= markets:
            if row.kind != _TIMER:
                _found(_UNKNOWN_MARKET, row.seq, count, first_seq)
        else:
            _check_sync(row, sync, count, first_seq)
    return missing


@njit
def _found(check, seq, count, first_seq):  # type: ignore[no-untyped-def]
    if count[check] == 0:
        first_seq[check] = seq
    count[check] += 1


@njit
def _check_pair(last, row, count, first_seq):  # type: ignore[no-untyped-def]
    """Order, and whether a message that `last` leaves open goes on. Returns how many seq are missing."""
    missing = 0
    if row.seq <= last.seq:
        _found(_SEQ_BACK, row.seq, count, first_seq)
    elif row.seq > last.seq + 1:
        _found(_SEQ_HOLE, row.seq, count, first_seq)
        missing = row.seq - last.seq - 1
    if row.recv_ns < last.recv_ns:
        _found(_RECV_BACK, row.seq, count, first_seq)
    is_bbo = last.kind == _BBO
    if is_bbo or last.kind == _SNAPSHOT or last.kind == _LEVEL:
        same = row.market == last.market and row.recv_ns == last.recv_ns and row.exch_ns == last.exch_ns
        goes_on = row.kind == _COMMIT or row.kind == (_BBO if is_bbo else _LEVEL)
        if not same or not goes_on:
            _found(_UNFINISHED, last.seq, count, first_seq)
        elif row.kind == _COMMIT and (row.flags & _FLAG_BBO != 0) != is_bbo:
            _found(_COMMIT_FLAG, row.seq, count, first_seq)
    return missing


@njit
def _check_row(row, count, first_seq):  # type: ignore[no-untyped-def]
    kind = row.kind
    if kind < 1 or kind > _LAST_KIND:
        _found(_UNKNOWN_KIND, row.seq, count, first_seq)
    if kind in (_LEVEL, _BBO, _TRADE, _LIQUIDATION):
        no_side = kind == _TRADE and row.flags & _FLAG_NO_SIDE != 0
        if row.side not in (1, -1) and not no_side:
            _found(_BAD_SIDE, row.seq, count, first_seq)
        if row.price < 0 or row.price > MAX_TICK:
            _found(_BAD_PRICE, row.seq, count, first_seq)
        if not (row.value >= 0.0 and row.value < np.inf):
            _found(_BAD_VALUE, row.seq, count, first_seq)


@njit
def _check_sync(row, sync, count, first_seq):  # type: ignore[no-untyped-def]
    market = row.market
    if row.kind == _SNAPSHOT:
        sync[market] = _SYNCED
    elif row.kind == _GAP and sync[market] == _SYNCED:
        sync[market] = _STALE
    elif row.kind == _LEVEL and sync[market] == _UNSYNCED:
        _found(_EARLY_LEVEL, row.seq, count, first_seq)
    elif row.kind == _LEVEL and sync[market] == _STALE:
        _found(_STALE_LEVEL, row.seq, count, first_seq)
