"""Frames read in one compiled pass: from the bytes a venue sent to finished EVENT rows.

A template (`layout.template`) says what stands between the values of a frame,
so that most of it is compared eight octets at a time and only values are read.
Where a frame differs from its template (other keys, white space, an escape, a
print that is no market trade, a price off the tick) the answer is -1 and nothing is
said about the frame: the typed decoders read it then, slowly, and judge it. So this
may refuse what they take, and never takes what they refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from bot.core.jit import array_at, direct, hot, njit, rare, trailing_zeros, word_at
from bot.market.events import EVENT, MAX_TICK, Flag, Kind, empty_rows
from bot.market.instruments import Instrument
from bot.market.venues import layout
from bot.market.venues.layout import Form, Layout, Means, Step, Told
from bot.market.venues.levels import compile_levels, put_row, quoted_steps, steps_of

FIRST_VALUE, VALUES, MOST_PRINTS = 7, 8, 64
EXCH_NS, PRINTS = 6, 5
"""Of `told`, behind four steps and the market: time of the message, prints in it."""
_MARKET = 4

_BAD = -1
_PASSED, _WHOLE, _QUOTED, _PRICE, _LOTS, _EITHER, _SPAN, _TIME = (int(m) for m in list(Means)[:8])
_BIDS, _ASKS, _SIDES, _BEST = (int(m) for m in list(Means)[8:12])
_NEXT, _AGAIN, _END_OF_FRAME = (int(s) for s in Step)
_CHANGES, _BOOK, _TOUCH, _BEST_LEVELS, _TRADES = (int(f) for f in Form)
_STAMP, _STAMP_ELSE, _ID, _V_PRICE, _V_LOTS, _SIDE, _COUNT = (int(t) for t in list(Told)[:7])
_BID, _BID_LOTS, _ASK, _ASK_LOTS = (int(t) for t in (Told.BID, Told.BID_LOTS, Told.ASK, Told.ASK_LOTS))
_K_SNAPSHOT, _K_LEVEL, _K_COMMIT = int(Kind.SNAPSHOT), int(Kind.LEVEL), int(Kind.COMMIT)
_K_TRADE, _K_BBO = int(Kind.TRADE), int(Kind.BBO)
_F_SNAPSHOT, _F_BBO, _F_AGGREGATE = int(Flag.SNAPSHOT), int(Flag.BBO), int(Flag.AGGREGATE)
_MOST_TICKS, _MOST_LOTS, _MOST_STAMP = MAX_TICK, 2**53, 9_000_000_000_000_000
_MICROSECONDS = 9_000_000_000_000  # stamps from here on; as milliseconds the year 2255
_OPEN, _CLOSE, _BEGIN, _END, _COMMA, _COLON, _QUOTE = (ord(c) for c in '[]{},:"')
_ZERO, _NINE, _BACKSLASH, _DOT, _SPACE, _DELETE, _NEWLINE = (ord(c) for c in "09\\. \x7f\n")
_LOW_LETTERS = ord("a"), ord("z")

_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES, _SPACES, _DELETES = (
    np.uint64(c) * _ONES for c in (_QUOTE, _BACKSLASH, _SPACE, _DELETE)
)
_THREE = np.uint64(3)


def told_of(market: int, instrument: Instrument) -> np.ndarray:
    """Where frames of a market are told into."""
    told = np.zeros(FIRST_VALUE + VALUES * MOST_PRINTS, np.int64)
    told[:_MARKET] = steps_of(instrument)
    told[_MARKET] = market
    return told


@hot
def _same(text, i, table, at, length):  # type: ignore[no-untyped-def]
    """The position behind the literal of a template, which must stand at i."""
    end = i + length
    if end > len(text):
        return _BAD
    while i + 8 <= end:
        if word_at(text, i) != table[at]:
            return _BAD
        i += 8
        at += 1
    return _starts(text, i, table[at], end - i) if i < end else i


@hot
def _starts(text, i, word, length):  # type: ignore[no-untyped-def]
    """The position behind a word of less than eight octets, which must stand at i."""
    if i + 8 <= len(text):
        return i + length if word_at(text, i) & ((np.int64(1) << (8 * length)) - 1) == word else _BAD
    if i + length > len(text):
        return _BAD
    for k in range(length):
        if np.int64(text[i + k]) != (word >> (8 * k)) & 255:
            return _BAD
    return i + length


@hot
def _behind_text(text, i):  # type: ignore[no-untyped-def]
    """The position behind the quoted text at i, which is plain ASCII without escapes."""
    if i >= len(text) or text[i] != _QUOTE:
        return _BAD
    i += 1
    while i + 8 <= len(text):
        word = np.uint64(word_at(text, i))
        quote, escape, delete = word ^ _QUOTES, word ^ _BACKSLASHES, word ^ _DELETES
        odd = (quote - _ONES) & ~quote | (escape - _ONES) & ~escape | (delete - _ONES) & ~delete
        odd = (odd | (word - _SPACES) & ~word | word) & _HIGHS  # the lowest of them is none by a borrow
        if odd != 0:
            i += np.int64(trailing_zeros(odd) >> _THREE)
            return i + 1 if text[i] == _QUOTE else _BAD
        i += 8
    while i < len(text):
        c = text[i]
        if c == _QUOTE:
            return i + 1
        if c == _BACKSLASH or c < _SPACE or c >= _DELETE:
            return _BAD
        i += 1
    return _BAD


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


@rare
def _passed(text, i):  # type: ignore[no-untyped-def]
    """The position behind a value that nobody asked for: a plain one, or a list of such."""
    if i >= len(text) or text[i] != _OPEN:
        return _plain(text, i)
    i = _plain(text, i + 1)
    while 0 <= i < len(text) and text[i] == _COMMA:
        i = _plain(text, i + 1)
    return i + 1 if 0 <= i < len(text) and text[i] == _CLOSE else _BAD


_TRUE, _FALSE, _NULL = (int.from_bytes(word, "little") for word in (b"true", b"false", b"null"))


@hot
def _plain(text, i):  # type: ignore[no-untyped-def]
    """The position behind a text, a number from 0 on, true, false or null."""
    if i >= len(text):
        return _BAD
    if text[i] == _QUOTE:
        return _behind_text(text, i)
    if _LOW_LETTERS[0] <= text[i] <= _LOW_LETTERS[1]:
        return max(_starts(text, i, _TRUE, 4), _starts(text, i, _FALSE, 5), _starts(text, i, _NULL, 4))
    _, i = _whole(text, i)
    if 0 <= i < len(text) - 1 and text[i] == _DOT:
        start = i + 1
        i = start
        while i < len(text) and _ZERO <= text[i] <= _NINE:
            i += 1
        return i if i > start else _BAD
    return i


_PX, _SZ = (int.from_bytes(word, "little") for word in (b'"px":', b'"sz":'))


@rare
def _object_level(text, i, told):  # type: ignore[no-untyped-def]
    """(ticks, lots, position behind) of `{"px":"61800.0","sz":"2.909","n":12}` at i, keys in any order."""
    price, lots = np.int64(-1), np.int64(-1)
    if i >= len(text) or text[i] != _BEGIN:
        return price, lots, _BAD
    i += 1
    while True:
        is_price, is_size = _starts(text, i, _PX, 5), _starts(text, i, _SZ, 5)
        if is_price >= 0 and price < 0:
            price, i = quoted_steps(text, is_price, told[0], told[1], _MOST_TICKS)
        elif is_size >= 0 and lots < 0:
            lots, i = quoted_steps(text, is_size, told[2], told[3], _MOST_LOTS)
        elif is_price >= 0 or is_size >= 0:
            return price, lots, _BAD
        else:
            i = _behind_text(text, i)
            if i < 0 or i >= len(text) or text[i] != _COLON:
                return price, lots, _BAD
            i += 1
            i = _behind_text(text, i) if i < len(text) and text[i] == _QUOTE else _whole(text, i)[1]
        if i < 0 or i >= len(text):
            return price, lots, _BAD
        if text[i] == _END and price >= 0 and lots >= 0:
            return price, lots, i + 1
        if text[i] != _COMMA:
            return price, lots, _BAD
        i += 1


@hot
def _array_level(text, i, told):  # type: ignore[no-untyped-def]
    """(ticks, lots, position behind) of `["61800.20","2.909"]` at i; what follows the size is passed over."""
    price, i = quoted_steps(text, i + 1, told[0], told[1], _MOST_TICKS)
    if i < 0 or i >= len(text) or text[i] != _COMMA:
        return price, np.int64(0), _BAD
    lots, i = quoted_steps(text, i + 1, told[2], told[3], _MOST_LOTS)
    while 0 <= i < len(text) and text[i] == _COMMA:
        i = _behind_text(text, i + 1)
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
def _value(text, i, table, segment, told, at):  # type: ignore[no-untyped-def]
    """Tell the plain value at i into told[at + its place]; the position behind it."""
    means, to = table[segment + layout.STEP], at + table[segment + layout.TO]
    if means == _PRICE:
        told[to], i = quoted_steps(text, i, told[0], told[1], _MOST_TICKS)
        return i
    if means == _LOTS:
        told[to], i = quoted_steps(text, i, told[2], told[3], _MOST_LOTS)
        return i
    if means == _WHOLE:
        told[to], i = _whole(text, i)
        return i
    if means == _EITHER:
        for k in range(2):
            word, length = table[segment + layout.WORD + k], table[segment + layout.WORD_LENGTH + k]
            behind = _starts(text, i, word, length)
            if behind >= 0:
                told[to] = 1 - 2 * k
                return behind
        return _BAD
    if means == _PASSED:
        return _passed(text, i)
    if means == _QUOTED:
        if i >= len(text) or text[i] != _QUOTE:
            return _BAD
        told[to], i = _whole(text, i + 1)
        return i + 1 if 0 <= i < len(text) and text[i] == _QUOTE else _BAD
    if means == _TIME:
        told[at + _STAMP], i = _whole(text, i)
        told[at + _ID] = told[at + _STAMP]
        return i
    behind = _behind_text(text, i)
    told[to] = ((i + 1) << 32) + behind - 1
    return behind


@hot
def _forget(told, at):  # type: ignore[no-untyped-def]
    for k in range(at, at + VALUES):
        told[k] = 0


@hot
def _read(text, table, told, rows, n, recv_ns):  # type: ignore[no-untyped-def]
    """Read a frame: LEVEL rows from row n on, all else into `told`. The row behind, -1 for a refusal."""
    i, segment, at, prints = np.int64(0), np.int64(layout.FIRST_SEGMENT), FIRST_VALUE, 0
    _forget(told, at)
    while True:
        i = _same(text, i, table, table[segment + layout.LITERAL], table[segment + layout.LENGTH])
        if i < 0:
            return _BAD
        step = table[segment + layout.STEP]
        if step <= _TIME:
            i = _value(text, i, table, segment, told, at)
        elif step in (_BIDS, _ASKS):
            n, i = _levels(text, i, 1 if step == _BIDS else -1, told, rows, n, recv_ns)
        elif step == _SIDES:
            n, i = _two_lists(text, i, told, rows, n, recv_ns)
        elif step == _BEST:
            n, i = _two_levels(text, i, told, rows, n, recv_ns)
        elif step == _AGAIN:
            prints += 1
            if i < len(text) and text[i] == _COMMA:
                if prints >= MOST_PRINTS:
                    return _BAD
                at += VALUES
                _forget(told, at)
                i += 1
                segment = table[segment + layout.TO]
                continue
        elif step == _END_OF_FRAME:
            told[PRINTS] = max(prints, 1)
            if i < len(text) and text[i] == _NEWLINE:  # a line of a recording
                i += 1
            return n if i == len(text) else _BAD
        if i < 0:
            return _BAD
        segment += layout.SEGMENT


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
        flags = table[layout.FLAGS] | (_F_AGGREGATE if told[at + _COUNT] > 1 else 0)
        put_row(
            rows, n, _K_TRADE, recv_ns, exch_ns, told[_MARKET], told[at + _SIDE], price, float(lots),
            told[at + _ID], flags,
        )  # fmt: skip
        told[EXCH_NS] = exch_ns
        n += 1
    return n


_integers, _rows = array_at(np.int64), array_at(EVENT)
_NO_END = 1 << 40


@njit
def scan(text, table_at, told_at, rows_at, room, used, recv_ns):  # type: ignore[no-untyped-def]
    """Rows of one frame, written from row `used` on; how many, -1 where it is not like the template.

    Addresses: of the template; of `told_of`, which has the frame's values afterwards, its time at `EXCH_NS`
    and at `PRINTS` how many prints it has; of `room` EVENT rows.
    """
    table, told = _integers(table_at, _NO_END), _integers(told_at, _NO_END)
    rows = _rows(rows_at, room)
    form = table[layout.FORM]
    first = used + (form == _BOOK)
    n = _read(text, table, told, rows, first, recv_ns)
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
            told[at + _BID], float(told[at + _BID_LOTS]), told[at + _ASK], float(told[at + _ASK_LOTS]),
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
    """`scan`, its arguments unchecked."""
    frame, told, rows = b'{"a":1}', np.zeros(FIRST_VALUE + VALUES, np.int64), empty_rows(1)
    table = layout.template(Layout(Form.CHANGES, ()), frame, 0, "")
    assert table is not None
    return direct(scan, frame, table.ctypes.data, told.ctypes.data, rows.ctypes.data, 1, 0, 0)
