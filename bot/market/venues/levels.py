"""Price levels as venues write them, straight into EVENT rows.

| venue | one level |
|---|---|
| Binance, Bybit | `["61800.20","2.909"]` |
| OKX | `["61800.2","29","0","12"]`: what follows price and size is skipped |
| Hyperliquid | `{"px":"61800.0","sz":"2.909","n":12}`: keys in any order |

The compiled decoder reads the JSON text of a side itself: exact integer
arithmetic, no floats and no Python object a level (about 20 ns a level where
msgspec with tuples of strings needs 250). Text outside the grammar, a price
off the tick or a quantity off the lot refuse the whole message.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from bot.core.errors import BadInput
from bot.core.jit import hot, njit
from bot.market.events import MAX_TICK, Flag, Kind, RowBuffer, empty_rows
from bot.market.instruments import Instrument

_SNAPSHOT, _LEVEL, _COMMIT = int(Kind.SNAPSHOT), int(Kind.LEVEL), int(Kind.COMMIT)
_SNAPSHOT_FLAG = int(Flag.SNAPSHOT)
_MAX_TICK = MAX_TICK
_MAX_LOTS = 2**53
_MAX_MANTISSA = 10**17
_MOST_DIGITS = 17
_SHORTEST = len('["0","0"]')
_BAD = -1

_QUOTE, _COMMA, _OPEN, _CLOSE, _DOT, _ZERO, _NINE = (ord(c) for c in '",[].09')
_BEGIN, _END, _COLON, _P, _X, _S, _Z = (ord(c) for c in "{}:pxsz")


Steps = npt.NDArray[np.int64]
"""A tick and a lot as integers: units and decimals of each; step = units * 10**-decimals.

An array, as a call into compiled code takes it faster than a tuple.
"""


def steps_of(instrument: Instrument) -> Steps:
    parts: list[int] = []
    for step in (instrument.tick, instrument.lot):
        _, digits, exponent = step.normalize().as_tuple()
        units = int("".join(map(str, digits))) * 10 ** max(int(exponent), 0)
        parts += [units, max(-int(exponent), 0)]
    return np.array(parts, np.int64)


@hot
def _skip(text, i):  # type: ignore[no-untyped-def]
    """The next position that is not JSON white space."""
    while i < len(text) and (text[i] == 32 or text[i] == 10 or text[i] == 13 or text[i] == 9):
        i += 1
    return i


@hot
def _after(text, i, symbol):  # type: ignore[no-untyped-def]
    """The position behind `symbol`, which must come next; -1 where it does not (or i is -1)."""
    if i < 0:
        return _BAD
    i = _skip(text, i)
    if i < len(text) and text[i] == symbol:
        return i + 1
    return _BAD


@hot
def quoted_steps(text, i, units, decimals, most):  # type: ignore[no-untyped-def]
    """(whole steps in the quoted decimal at i, position behind it); the position is -1 on a refusal."""
    i = _after(text, i, _QUOTE)
    mantissa = np.int64(0)
    if i < 0:
        return mantissa, _BAD
    start, last = i, i + _MOST_DIGITS
    while i < len(text) and _ZERO <= text[i] <= _NINE:
        mantissa = mantissa * 10 + (np.int64(text[i]) - _ZERO)
        i += 1
    missing = decimals
    if i == start or i > last:
        return mantissa, _BAD
    if i < len(text) and text[i] == _DOT:
        i += 1
        start, end = i, min(i + decimals, len(text))
        while i < end and _ZERO <= text[i] <= _NINE:
            mantissa = mantissa * 10 + (np.int64(text[i]) - _ZERO)
            i += 1
        missing -= i - start
        while i < len(text) and text[i] == _ZERO:
            i += 1
        if i == start or i > last:
            return mantissa, _BAD
    if i >= len(text) or text[i] != _QUOTE:
        return mantissa, _BAD
    for _ in range(missing):
        mantissa *= 10
        if mantissa > _MAX_MANTISSA:
            return mantissa, _BAD
    if units == 1:  # most steps are a power of ten, and a division costs more than all the digits
        return mantissa, i + 1 if mantissa <= most else _BAD
    if mantissa % units != 0 or mantissa // units > most:
        return mantissa, _BAD
    return mantissa // units, i + 1


@hot
def put_row(rows, n, kind, recv_ns, exch_ns, market, side, price, value, ref, flags):  # type: ignore[no-untyped-def]
    row = rows[n]
    row.seq = 0
    row.recv_ns = recv_ns
    row.exch_ns = exch_ns
    row.ref = ref
    row.price = price
    row.value = value
    row.market = market
    row.kind = kind
    row.side = side
    row.flags = flags


@njit
def _behind_scalar(text, i):  # type: ignore[no-untyped-def]
    """The position behind the quoted text without escapes, or the digits, at i; -1 for anything else."""
    quoted = _after(text, i, _QUOTE)
    if quoted >= 0:
        while quoted < len(text) and text[quoted] != _QUOTE and text[quoted] != 92:
            quoted += 1
        return _after(text, quoted, _QUOTE)
    start = _skip(text, i)
    i = start
    while i < len(text) and _ZERO <= text[i] <= _NINE:
        i += 1
    return i if i > start else _BAD


@njit
def _array_level(text, i, steps):  # type: ignore[no-untyped-def]
    """(ticks, lots, position behind) of the array level whose bracket ends before i."""
    price, i = quoted_steps(text, i, steps[0], steps[1], _MAX_TICK)
    lots, i = quoted_steps(text, _after(text, i, _COMMA), steps[2], steps[3], _MAX_LOTS)
    more = _after(text, i, _COMMA)
    while more >= 0:
        i = _behind_scalar(text, more)
        more = _after(text, i, _COMMA)
    return price, lots, _after(text, i, _CLOSE)


@njit
def _object_level(text, i, steps):  # type: ignore[no-untyped-def]
    """(ticks, lots, position behind) of the object level whose brace ends before i: px and sz, each once."""
    price, lots = np.int64(-1), np.int64(-1)
    while i >= 0:
        key = _after(text, i, _QUOTE)
        if key < 0 or key + 2 >= len(text):
            return price, lots, _BAD
        short = text[key + 2] == _QUOTE
        is_price = short and text[key] == _P and text[key + 1] == _X
        is_size = short and text[key] == _S and text[key + 1] == _Z
        i = _after(text, _behind_scalar(text, i), _COLON)
        if (is_price and price >= 0) or (is_size and lots >= 0):
            return price, lots, _BAD
        if is_price:
            price, i = quoted_steps(text, i, steps[0], steps[1], _MAX_TICK)
        elif is_size:
            lots, i = quoted_steps(text, i, steps[2], steps[3], _MAX_LOTS)
        elif i >= 0:
            i = _behind_scalar(text, i)
        end = _after(text, i, _END)
        if end >= 0:
            return price, lots, end if price >= 0 and lots >= 0 else _BAD
        i = _after(text, i, _COMMA)
    return price, lots, _BAD


@njit
def _side(text, side, steps, rows, n, recv_ns, exch_ns, market):  # type: ignore[no-untyped-def]
    """LEVEL rows of one side from row n on; the row behind them, -1 on a refusal."""
    i = _after(text, 0, _OPEN)
    if i < 0:
        return _BAD
    end = _after(text, i, _CLOSE)
    while end < 0:
        array = _after(text, i, _OPEN)
        if array >= 0:
            price, lots, i = _array_level(text, array, steps)
        else:
            price, lots, i = _object_level(text, _after(text, i, _BEGIN), steps)
        if i < 0 or n >= len(rows):
            return _BAD
        put_row(rows, n, _LEVEL, recv_ns, exch_ns, market, side, price, float(lots), 0, 0)
        n += 1
        end = _after(text, i, _CLOSE)
        i = _after(text, i, _COMMA)
        if end < 0 and i < 0:
            return _BAD
    if _skip(text, end) != len(text):
        return _BAD
    return n


@njit
def _book_rows(bids, asks, steps, rows, recv_ns, exch_ns, market, ref, snapshot):  # type: ignore[no-untyped-def]
    """The rows of one book message, commit included; how many, -1 on a refusal."""
    n = 0
    if snapshot:
        put_row(rows, n, _SNAPSHOT, recv_ns, exch_ns, market, 0, 0, 0.0, ref, 0)
        n = 1
    n = _side(bids, 1, steps, rows, n, recv_ns, exch_ns, market)
    if n >= 0:
        n = _side(asks, -1, steps, rows, n, recv_ns, exch_ns, market)
    if n < 0 or n >= len(rows):
        return _BAD
    put_row(rows, n, _COMMIT, recv_ns, exch_ns, market, 0, 0, 0.0, ref, _SNAPSHOT_FLAG if snapshot else 0)
    return n + 1


def decode_book(
    bids: bytes,
    asks: bytes,
    instrument: Instrument,
    steps: Steps,
    out: RowBuffer,
    *,
    recv_ns: int,
    exch_ns: int,
    market: int,
    ref: int,
    snapshot: bool,
) -> int:
    """How many rows one book message makes; they stand in `out`'s room, not yet kept.

    `bids` and `asks` are the JSON text of the two lists. Raises BadInput, with
    nothing written that counts, when any level is not price and size, quoted
    decimals on the instrument's tick and lot.
    """
    room = out.room((len(bids) + len(asks)) // _SHORTEST + 3)
    n = _book_rows(bids, asks, steps, room, recv_ns, exch_ns, market, ref, snapshot)
    if n < 0:
        raise BadInput(
            _why(bids, instrument) or _why(asks, instrument) or "levels: expected price and size of each"
        )
    return int(n)


def compile_levels() -> None:
    """Compile, or load into this process, what `decode_book` needs."""
    _book_rows(b"[]", b"[]", np.array([1, 0, 1, 0], np.int64), empty_rows(2), 0, 0, 0, 0, False)


def _why(text: bytes, instrument: Instrument) -> str:
    """What is wrong with a refused side, empty where nothing is."""
    try:
        for level in msgspec.json.decode(text, type=list[_Pair | _Object]):
            price, quantity = (level.px, level.sz) if isinstance(level, _Object) else level[:2]
            instrument.ticks(price)
            instrument.lots(quantity)
    except (msgspec.MsgspecError, ValueError) as error:
        return f'levels: expected [["price","quantity"],...]: {error}'
    except BadInput as error:
        return str(error)
    return ""


_Pair = tuple[str, ...]


class _Object(msgspec.Struct, gc=False):
    px: str
    sz: str
