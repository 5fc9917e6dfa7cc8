"""Frames of known kinds read in one compiled pass: from the bytes a venue sent to finished EVENT rows.

A table says which keys of which object mean what (`layout`); their order does
not matter, keys it does not name are passed over. Where a frame has anything
the table does not foresee (white space, an escape, a print that is no market
trade, a price off the tick) the answer is -1 and nothing is said about the
frame: the typed decoders read it then, slowly, and judge it. So this may
refuse what they take, and never takes what they refuse.

One pass costs about a microsecond with its call; typed structs, decimals and
rows filled from Python cost five to ten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np

from bot.core.jit import direct, hot, njit, rare
from bot.market.events import MAX_TICK, Flag, Kind, empty_rows
from bot.market.instruments import Instrument
from bot.market.venues.levels import compile_levels, put_row, quoted_steps, steps_of


class Means(IntEnum):
    """What the value of a key is."""

    WHOLE = 1  # 12
    QUOTED = 2  # "12"
    PRICE = 3  # "61800.20", into ticks
    LOTS = 4  # "0.006", into lots
    EITHER = 5  # one of two words, quoted or bare: 1 or -1
    ONLY = 6  # this word
    SPAN = 7  # any text: where it begins and ends
    SYMBOL = 8  # the symbol of the market
    BIDS = 9  # a list of levels
    ASKS = 10
    SIDES = 11  # both lists in one
    BEST = 12  # the best level of each side in one list
    INTO = 13  # an object with keys of its own
    EACH = 14  # a list of such objects
    TIME = 15  # 12, both stamp and id


class Form(IntEnum):
    """The rows a frame makes."""

    CHANGES = 1  # of a book
    BOOK = 2  # all of it
    TOUCH = 3  # from BID to ASK_LOTS
    BEST_LEVELS = 4  # a touch from one level of each side
    PRINTS = 5  # a row a print


class Told(IntEnum):
    """Where values stand behind `FIRST_VALUE`, and again for each further print of a list."""

    STAMP = 0  # exchange time as it was sent
    STAMP_ELSE = 1  # the one to use where that is 0 or missing
    ID = 2
    PRICE = 3
    LOTS = 4
    SIDE = 5
    COUNT = 6  # of fills in a print, 0 not said
    SPAN = 7  # begin * 2**32 + end
    # of a book
    FROM = 3
    PREV = 4
    # of a touch
    BID = 3
    BID_LOTS = 4
    ASK = 5
    ASK_LOTS = 6


class Key(NamedTuple):
    """One key of one object of a layout."""

    name: str
    means: Means
    to: int = 0  # a `Told`, or the object it leads into
    words: tuple[str, str] = ("", "")
    within: int = 0  # number of the object it stands in, 0 the outermost
    needed: bool = True


FIRST_VALUE, VALUES, MOST_PRINTS = 9, 8, 64
EXCH_NS, PRINTS = 8, 7
"""Of `told`, behind four steps, the market, and the symbol: time of the message, prints in it."""
_MARKET, _SYMBOL = 4, 5

_DEEPEST = 3  # objects within each other
_OBJECTS, _COLUMNS, _WORD, _MOST_SYMBOL = 4, 7, 8, 16
_BAD = -1
_WHOLE, _QUOTED, _PRICE, _LOTS, _EITHER, _ONLY, _SPAN, _IS_SYMBOL = (int(m) for m in list(Means)[:8])
_BIDS, _ASKS, _SIDES, _BEST, _INTO, _EACH, _TIME = (int(m) for m in list(Means)[8:])
_CHANGES, _BOOK, _TOUCH, _BEST_LEVELS, _TRADES = (int(f) for f in Form)
_STAMP, _STAMP_ELSE, _ID, _V_PRICE, _V_LOTS, _SIDE, _COUNT = (int(t) for t in list(Told)[:7])
_K_SNAPSHOT, _K_LEVEL, _K_COMMIT = int(Kind.SNAPSHOT), int(Kind.LEVEL), int(Kind.COMMIT)
_K_TRADE, _K_BBO = int(Kind.TRADE), int(Kind.BBO)
_F_SNAPSHOT, _F_BBO, _F_AGGREGATE = int(Flag.SNAPSHOT), int(Flag.BBO), int(Flag.AGGREGATE)
_MOST_TICKS, _MOST_LOTS, _MOST_STAMP = MAX_TICK, 2**53, 9_000_000_000_000_000
_MICROSECONDS = 9_000_000_000_000  # stamps from here on; as milliseconds the year 2255
_OPEN, _CLOSE, _BEGIN, _END, _COMMA, _COLON, _QUOTE = (ord(c) for c in '[]{},:"')
_ZERO, _NINE, _BACKSLASH, _SPACE, _DELETE = ord("0"), ord("9"), ord("\\"), 32, 127


def layout(form: Form, keys: Sequence[Key], *, flags: int = 0) -> np.ndarray:
    """The table of a kind of frame. `flags`: of every print."""
    table = np.zeros((_OBJECTS + len(keys), _COLUMNS), np.int64)
    table[0, 2:4] = form, flags
    for k, key in enumerate(keys):
        low, high = packed(key.name)
        first, second = packed(key.words[0]) if key.means is Means.ONLY else map(_one_word, key.words)
        table[_OBJECTS + k] = key.within, low, high, key.means, key.to, first, second
        table[key.within, 0] |= 1 << k
        table[key.within, 1] |= key.needed << k
    return table


def told_of(market: int, instrument: Instrument) -> np.ndarray | None:
    """Where frames of a market are told into; None where its symbol is too long to be compared."""
    symbol = instrument.symbol.encode()
    if not symbol.isascii() or len(symbol) > _MOST_SYMBOL:
        return None
    told = np.zeros(FIRST_VALUE + VALUES * MOST_PRINTS, np.int64)
    told[:_MARKET] = steps_of(instrument)
    told[_MARKET] = market
    told[_SYMBOL : _SYMBOL + 2] = packed(instrument.symbol)
    return told


def packed(text: str) -> tuple[int, int]:
    """Up to 16 characters as two numbers; each holds eight, the first lowest."""
    data = text.encode().ljust(2 * _WORD, b"\0")
    assert len(data) == 2 * _WORD, text
    return int.from_bytes(data[:_WORD], "little"), int.from_bytes(data[_WORD:], "little")


def _one_word(text: str) -> int:
    low, high = packed(text)
    assert not high, text
    return low


@hot
def _text(text, i):  # type: ignore[no-untyped-def]
    """Of the quoted text at i: its first 16 characters as two numbers, and the position behind it."""
    low, high, shift = np.int64(0), np.int64(0), np.int64(0)
    if i >= len(text) or text[i] != _QUOTE:
        return low, high, _BAD
    i += 1
    while i < len(text):
        c = np.int64(text[i])
        if c == _QUOTE:
            return low, high, i + 1
        if c == _BACKSLASH or c < _SPACE or c >= _DELETE:
            return low, high, _BAD
        if shift < 64:
            low |= c << shift
        elif shift < 128:
            high |= c << (shift - 64)
        shift += 8
        i += 1
    return low, high, _BAD


@hot
def _length(begin, end):  # type: ignore[no-untyped-def]
    """Characters of a quoted text between two positions."""
    return end - begin - 2


@hot
def _bare(text, i):  # type: ignore[no-untyped-def]
    """Of the letters at i (true, false, null): up to 8 as a number, and the position behind them."""
    low, shift = np.int64(0), np.int64(0)
    while i < len(text) and 97 <= text[i] <= 122 and shift < 64:
        low |= np.int64(text[i]) << shift
        shift += 8
        i += 1
    return low, i if shift else _BAD


@hot
def _whole(text, i):  # type: ignore[no-untyped-def]
    """(the digits at i as a number, position behind them)."""
    start, number = i, np.int64(0)
    while i < len(text) and _ZERO <= text[i] <= _NINE:
        number = number * 10 + (np.int64(text[i]) - _ZERO)
        i += 1
    if i == start or i - start > 18 or (text[start] == _ZERO and i - start > 1):
        return number, _BAD
    return number, i


_TRUE, _FALSE, _NULL = _one_word("true"), _one_word("false"), _one_word("null")


@rare
def _passed(text, i):  # type: ignore[no-untyped-def]
    """The position behind a value that nobody asked for: a plain one, or a list of such."""
    if i >= len(text) or text[i] != _OPEN:
        return _plain(text, i)
    i = _plain(text, i + 1)
    while 0 <= i < len(text) and text[i] == _COMMA:
        i = _plain(text, i + 1)
    return i + 1 if 0 <= i < len(text) and text[i] == _CLOSE else _BAD


@hot
def _plain(text, i):  # type: ignore[no-untyped-def]
    """The position behind a text, a number from 0 on, true, false or null."""
    if i >= len(text):
        return _BAD
    if text[i] == _QUOTE:
        return _text(text, i)[2]
    if 97 <= text[i] <= 122:
        word, i = _bare(text, i)
        return i if word in (_TRUE, _FALSE, _NULL) else _BAD
    _, i = _whole(text, i)
    if 0 <= i < len(text) - 1 and text[i] == 46:
        start = i + 1
        i = start
        while i < len(text) and _ZERO <= text[i] <= _NINE:
            i += 1
        return i if i > start else _BAD
    return i


@rare
def _object_level(text, i, told):  # type: ignore[no-untyped-def]
    """(ticks, lots, position behind) of `{"px":"61800.0","sz":"2.909","n":12}` at i, keys in any order."""
    price, lots = np.int64(-1), np.int64(-1)
    if i >= len(text) or text[i] != _BEGIN:
        return price, lots, _BAD
    i += 1
    while True:
        begin = i
        key, _, i = _text(text, i)
        if i < 0 or i >= len(text) or text[i] != _COLON:
            return price, lots, _BAD
        i += 1
        short = _length(begin, i - 1) == 2
        if short and key == _PX and price < 0:
            price, i = quoted_steps(text, i, told[0], told[1], _MOST_TICKS)
        elif short and key == _SZ and lots < 0:
            lots, i = quoted_steps(text, i, told[2], told[3], _MOST_LOTS)
        elif short and key in (_PX, _SZ):
            return price, lots, _BAD
        else:
            i = _passed(text, i)
        if i < 0 or i >= len(text):
            return price, lots, _BAD
        if text[i] == _END and price >= 0 and lots >= 0:
            return price, lots, i + 1
        if text[i] != _COMMA:
            return price, lots, _BAD
        i += 1


_PX, _SZ = _one_word("px"), _one_word("sz")


@hot
def _array_level(text, i, told):  # type: ignore[no-untyped-def]
    """(ticks, lots, position behind) of `["61800.20","2.909"]` at i; what follows the size is passed over."""
    price, i = quoted_steps(text, i + 1, told[0], told[1], _MOST_TICKS)
    if i < 0 or i >= len(text) or text[i] != _COMMA:
        return price, np.int64(0), _BAD
    lots, i = quoted_steps(text, i + 1, told[2], told[3], _MOST_LOTS)
    while 0 <= i < len(text) and text[i] == _COMMA:
        i = _text(text, i + 1)[2]
    if i < 0 or i >= len(text) or text[i] != _CLOSE:
        return price, lots, _BAD
    return price, lots, i + 1


@hot
def _levels(text, i, side, told, rows, n, recv_ns):  # type: ignore[no-untyped-def]
    """LEVEL rows of the list at i from row n on: (row behind them, position behind the list)."""
    if i >= len(text) - 1 or text[i] != _OPEN:
        return n, _BAD
    i += 1
    if text[i] == _CLOSE:
        return n, i + 1
    while i < len(text):
        if text[i] == _OPEN:
            price, lots, i = _array_level(text, i, told)
        else:
            price, lots, i = _object_level(text, i, told)
        if i < 0 or i >= len(text) or n >= len(rows):
            return n, _BAD
        put_row(rows, n, _K_LEVEL, recv_ns, 0, told[_MARKET], side, price, float(lots), 0, 0)
        n += 1
        if text[i] == _CLOSE:
            return n, i + 1
        if text[i] != _COMMA:
            return n, _BAD
        i += 1
    return n, _BAD


@rare
def _two_lists(text, i, told, rows, n, recv_ns):  # type: ignore[no-untyped-def]
    """LEVEL rows of `[[bids],[asks]]`."""
    if i >= len(text) or text[i] != _OPEN:
        return n, _BAD
    n, i = _levels(text, i + 1, 1, told, rows, n, recv_ns)
    if i < 0 or i >= len(text) or text[i] != _COMMA:
        return n, _BAD
    n, i = _levels(text, i + 1, -1, told, rows, n, recv_ns)
    if i < 0 or i >= len(text) or text[i] != _CLOSE:
        return n, _BAD
    return n, i + 1


@rare
def _two_levels(text, i, told, rows, n, recv_ns):  # type: ignore[no-untyped-def]
    """LEVEL rows of `[bid,ask]`."""
    if i >= len(text) or text[i] != _OPEN or n + 2 > len(rows):
        return n, _BAD
    for side in (1, -1):
        price, lots, i = _object_level(text, i + 1, told)
        if i < 0 or i >= len(text) or text[i] != (_COMMA if side == 1 else _CLOSE):
            return n, _BAD
        put_row(rows, n, _K_LEVEL, recv_ns, 0, told[_MARKET], side, price, float(lots), 0, 0)
        n += 1
    return n, i + 1


@hot
def _value(text, i, entry, told, at):  # type: ignore[no-untyped-def]
    """Tell the plain value at i into told[at + entry's place]; the position behind it."""
    means, to = entry[3], at + entry[4]
    if i >= len(text):
        return _BAD
    if means == _WHOLE:
        told[to], i = _whole(text, i)
        return i
    if means == _TIME:
        told[at + _STAMP], i = _whole(text, i)
        told[at + _ID] = told[at + _STAMP]
        return i
    if means == _PRICE:
        told[to], i = quoted_steps(text, i, told[0], told[1], _MOST_TICKS)
        return i
    if means == _LOTS:
        told[to], i = quoted_steps(text, i, told[2], told[3], _MOST_LOTS)
        return i
    if means == _QUOTED:
        if text[i] != _QUOTE:
            return _BAD
        told[to], i = _whole(text, i + 1)
        return i + 1 if 0 <= i < len(text) and text[i] == _QUOTE else _BAD
    begin = i
    if means == _EITHER and text[i] != _QUOTE:
        low, i = _bare(text, i)
        if i < 0 or i - begin > 8:
            return _BAD
        high = np.int64(0)
    elif means == _ONLY and text[i] != _QUOTE:
        low, i = _bare(text, i)
        high = np.int64(0)
    else:
        low, high, i = _text(text, i)
        if i < 0 or (means != _SPAN and _length(begin, i) > 16):
            return _BAD
    if i < 0:
        return _BAD
    if means == _EITHER:
        told[to] = 1 if low == entry[5] else -1
        return i if high == 0 and (low == entry[5] or low == entry[6]) else _BAD
    if means == _ONLY:
        return i if low == entry[5] and high == entry[6] else _BAD
    if means == _IS_SYMBOL:
        return i if low == told[_SYMBOL] and high == told[_SYMBOL + 1] else _BAD
    told[to] = ((begin + 1) << 32) + i - 1
    return i


@hot
def _which(table, within, low, high, hint):  # type: ignore[no-untyped-def]
    """Row of the key in the table from `hint` on, as order seldom changes; -1 where it is not named."""
    rows = len(table)
    for k in range(_OBJECTS, rows):
        row = hint + k - _OBJECTS
        if row >= rows:
            row -= rows - _OBJECTS
        if table[row, 1] == low and table[row, 2] == high and table[row, 0] == within:
            return row
    return _BAD


@hot
def _forget(told, at):  # type: ignore[no-untyped-def]
    for k in range(at, at + VALUES):
        told[k] = 0


@hot
def _opened(text, i, means):  # type: ignore[no-untyped-def]
    """The position behind the brace of an object, or of the first of a list of them."""
    if means == _EACH:
        i = i + 1 if i < len(text) and text[i] == _OPEN else len(text)
    return i + 1 if i < len(text) and text[i] == _BEGIN else _BAD


@hot
def _content(text, i, entry, told, at, rows, n, recv_ns):  # type: ignore[no-untyped-def]
    """Take what a key of the table leads to: (row behind the last LEVEL row, position behind)."""
    means = entry[3]
    if means in (_BIDS, _ASKS):
        return _levels(text, i, 1 if means == _BIDS else -1, told, rows, n, recv_ns)
    if means == _SIDES:
        return _two_lists(text, i, told, rows, n, recv_ns)
    if means == _BEST:
        return _two_levels(text, i, told, rows, n, recv_ns)
    return n, _value(text, i, entry, told, at)


@hot
def _walked(text, table, told, rows, n, recv_ns):  # type: ignore[no-untyped-def]
    """Read a frame: LEVEL rows from row n on, all else into `told`. The row behind, -1 for a refusal."""
    seen, hint, prints = np.int64(0), _OBJECTS, 0
    parent, within, depth = 0, 0, 1
    outer = 0  # the object two levels up
    each = np.int64(0)  # bit d: the object at depth d stands in a list
    at = FIRST_VALUE
    _forget(told, at)
    if len(text) < 2 or text[0] != _BEGIN:
        return _BAD
    i = 1
    while True:
        begin = i
        low, high, i = _text(text, i)
        if i < 0 or i >= len(text) or text[i] != _COLON:
            return _BAD
        row = _which(table, within, low, high, hint) if _length(begin, i) <= 16 else _BAD
        i += 1
        if row < 0:
            i = _passed(text, i)
        else:
            bit = np.int64(1) << (row - _OBJECTS)
            if seen & bit:
                return _BAD
            seen |= bit
            hint = row + 1
            means = table[row, 3]
            if means in (_INTO, _EACH):
                i = _opened(text, i, means)
                if i < 0 or depth == _DEEPEST:
                    return _BAD
                outer, parent, within = parent, within, table[row, 4]
                depth += 1
                each |= np.int64(means == _EACH) << depth
                continue
            n, i = _content(text, i, table[row], told, at, rows, n, recv_ns)
        if i < 0:
            return _BAD
        while i < len(text) and text[i] == _END:
            if seen & table[within, 1] != table[within, 1]:
                return _BAD
            i += 1
            depth -= 1
            if depth == 0:
                told[PRINTS] = prints + 1 if not each else prints
                if i < len(text) and text[i] == 10:  # a line of a recording
                    i += 1
                return n if i == len(text) else _BAD
            listed = each & (np.int64(1) << (depth + 1))
            if listed:
                prints += 1
                if i < len(text) - 1 and text[i] == _COMMA and text[i + 1] == _BEGIN:
                    if prints >= MOST_PRINTS:
                        return _BAD
                    at += VALUES
                    _forget(told, at)
                    seen &= ~table[within, 0]
                    depth += 1
                    i += 2
                    hint = _OBJECTS
                    break
                if i >= len(text) or text[i] != _CLOSE:
                    return _BAD
                i += 1
            within, parent = parent, outer
        else:
            if i >= len(text) or text[i] != _COMMA:
                return _BAD
            i += 1


@hot
def _time_of(told, at):  # type: ignore[no-untyped-def]
    """Exchange time, ns, of the values at `at`; -1 where it cannot be."""
    stamp = told[at + _STAMP] if told[at + _STAMP] else told[at + _STAMP_ELSE]
    if stamp > _MOST_STAMP:
        return _BAD
    return stamp * (1_000_000 if stamp < _MICROSECONDS else 1_000)


@hot
def _touch(rows, n, told, recv_ns, exch_ns, bid, bid_lots, ask, ask_lots):  # type: ignore[no-untyped-def]
    market = told[_MARKET]
    put_row(rows, n, _K_BBO, recv_ns, exch_ns, market, 1, bid, bid_lots, 0, 0)
    put_row(rows, n + 1, _K_BBO, recv_ns, exch_ns, market, -1, ask, ask_lots, 0, 0)
    put_row(rows, n + 2, _K_COMMIT, recv_ns, exch_ns, market, 0, 0, 0.0, told[FIRST_VALUE + _ID], _F_BBO)


@rare
def _prints(table, told, rows, n, recv_ns):  # type: ignore[no-untyped-def]
    """TRADE rows of everything told; the row behind them."""
    if n + told[PRINTS] > len(rows):
        return _BAD
    for k in range(told[PRINTS]):
        at = FIRST_VALUE + k * VALUES
        exch_ns, price, lots = _time_of(told, at), told[at + _V_PRICE], told[at + _V_LOTS]
        if exch_ns < 0 or not price or not lots:
            return _BAD
        flags = table[0, 3] | (_F_AGGREGATE if told[at + _COUNT] > 1 else 0)
        put_row(
            rows, n, _K_TRADE, recv_ns, exch_ns, told[_MARKET], told[at + _SIDE], price, float(lots),
            told[at + _ID], flags,
        )  # fmt: skip
        told[EXCH_NS] = exch_ns
        n += 1
    return n


@njit
def scan(text, table, told, rows, used, recv_ns):  # type: ignore[no-untyped-def]
    """Rows of one frame, written from row `used` on; how many, -1 where the frame is not understood.

    `told` (of `told_of`) has the frame's values afterwards, its time at `EXCH_NS`
    and at `PRINTS` how many prints it has.
    """
    form = table[0, 2]
    first = used + (form == _BOOK)
    n = _walked(text, table, told, rows, first, recv_ns)
    if n < 0:
        return _BAD
    if form == _TRADES:
        n = _prints(table, told, rows, n, recv_ns)
        return n - used if n >= 0 else _BAD
    exch_ns, update_id, market = _time_of(told, FIRST_VALUE), told[FIRST_VALUE + _ID], told[_MARKET]
    if exch_ns < 0 or told[PRINTS] != 1 or n + 3 > len(rows):
        return _BAD
    told[EXCH_NS] = exch_ns
    if form == _TOUCH:
        at = FIRST_VALUE
        _touch(
            rows, used, told, recv_ns, exch_ns,
            told[at + 3], float(told[at + 4]), told[at + 5], float(told[at + 6]),
        )  # fmt: skip
        return 3
    if form == _BEST_LEVELS:
        if n - used != 2 or rows[used].side == rows[used + 1].side:
            return _BAD
        bid = used if rows[used].side == 1 else used + 1
        ask = 2 * used + 1 - bid
        price, lots = rows[ask].price, rows[ask].value
        _touch(rows, used, told, recv_ns, exch_ns, rows[bid].price, rows[bid].value, price, lots)
        return 3
    for k in range(first, n):
        rows[k].exch_ns = exch_ns
    whole = form == _BOOK
    if whole:
        put_row(rows, used, _K_SNAPSHOT, recv_ns, exch_ns, market, 0, 0, 0.0, update_id, 0)
    put_row(rows, n, _K_COMMIT, recv_ns, exch_ns, market, 0, 0, 0.0, update_id, _F_SNAPSHOT if whole else 0)
    return n + 1 - used


def make_ready() -> None:
    """Compile, or load into this process, all that reads frames: to be done before a socket is heard."""
    scanner()
    compile_levels()


@cache
def scanner() -> Callable[..., int]:
    """`scan` for bytes, the arrays of `layout` and `told_of`, EVENT rows and two integers, unchecked."""
    table, told = np.zeros((1, _COLUMNS), np.int64), np.zeros(FIRST_VALUE + VALUES, np.int64)
    return direct(scan, b"", table, told, empty_rows(1), 0, 0)
