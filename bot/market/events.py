"""Event rows: the one form in which everything the market says enters the bot.

A row is a fixed-width record (56 bytes, no objects). Rows of one venue message
are contiguous and share `recv_ns` and `exch_ns`:

* book message: `SNAPSHOT` (only when it replaces the book), `LEVEL`*, `COMMIT`
* best bid/offer message: `BBO` (bid), `BBO` (ask), `COMMIT` with `Flag.BBO`
* everything else: one row, no commit

| field | meaning |
|---|---|
| seq | position in the session's one order, starting at 1 |
| recv_ns | local receive time, ns since the epoch, never going back within a stream |
| exch_ns | the venue's own event time, 0 where it says none; may run ahead or backwards |
| ref | update id (COMMIT), trade id, instrument version, next funding time ns, a TIMER's due ns |
| price | ticks, on LEVEL, BBO, TRADE and LIQUIDATION rows; FUNDING: seconds between two, 0 unknown; else 0 |
| value | lots (LEVEL: 0 deletes), or the reading (mark and index price, rate, open interest) |
| market | index into the session's market table |
| side | +1 bid / buying aggressor, -1 ask / selling aggressor, 0 none |
| flags | bits of `Flag` |
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from struct import Struct

import numpy as np


class Kind(IntEnum):
    SNAPSHOT = 1
    LEVEL = 2
    COMMIT = 3
    TRADE = 4
    BBO = 5
    MARK = 6
    INDEX = 7
    FUNDING = 8  # value: rate of the coming settlement; ref: its time, ns
    OPEN_INTEREST = 9
    LIQUIDATION = 10  # side: of the forced order
    LONG_SHORT = 11
    GAP = 12  # the feed lost messages; the book is untrusted until the next snapshot commit
    LOST = 13  # the recorder lost rows; value: how many
    TIMER = 14  # ref: due ns; recv_ns: arrival
    INSTRUMENT = 15
    TRUST = 16
    COMMAND = 17  # of a person, see `bot.engine.command_rows`


class Flag(IntFlag):
    SNAPSHOT = 1  # COMMIT: ends a snapshot
    BBO = 2  # COMMIT: ends a best bid/offer message
    NOT_MARKET = 4  # TRADE: a print that is not a market trade (insurance fund, ADL, ...)
    AGGREGATE = 8  # TRADE: several fills of one order in one print
    NO_SIDE = 16  # TRADE: the venue gave no aggressor


EVENT = np.dtype(
    [
        ("seq", "<i8"),
        ("recv_ns", "<i8"),
        ("exch_ns", "<i8"),
        ("ref", "<i8"),
        ("price", "<i8"),
        ("value", "<f8"),
        ("market", "<u2"),
        ("kind", "u1"),
        ("side", "i1"),
        ("flags", "<u4"),
    ],
    align=True,
)
assert EVENT.itemsize == 56

MAX_TICK = 2**31 - 1
"""Largest price in ticks a row may carry; decoders refuse a message beyond it."""


RAW = np.dtype(("V", EVENT.itemsize))
"""EVENT without its fields: numpy moves such rows whole, and others field by field, fifteen times slower."""


def empty_rows(n: int) -> np.ndarray:
    """n zeroed event rows."""
    return np.zeros(n, EVENT)


def copied(rows: np.ndarray) -> np.ndarray:
    """A copy of EVENT rows."""
    return rows.view(RAW).copy().view(EVENT)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """EVENT rows one after the other, copied."""
    return np.concatenate([part.view(RAW) for part in parts]).view(EVENT)


_ROW = Struct("<qqqqqdHBbI")
"""EVENT as a struct, field by field; filling one in place costs a quarter of a numpy tuple assignment."""
assert _ROW.size == EVENT.itemsize
_ROW_BYTES = _ROW.size
_PACK_ROW = _ROW.pack_into
_PACK_TOUCH = Struct("<" + "qqqqqdHBbI" * 3).pack_into
_BBO_ROW, _COMMIT_ROW, _BBO_FLAG = int(Kind.BBO), int(Kind.COMMIT), int(Flag.BBO)
"""Plain integers: packing a member of an enumeration takes a call."""


class RowBuffer:
    """Grows as rows are appended; what decoders and generators write into.

    Two ways in, in any mixture: `put` takes plain Python numbers, one row a
    call; `room` hands out blank rows for a compiled decoder to fill, of which
    `keep` accepts the first n. Rows that are not kept never existed, which is
    how a message is decoded whole before any of it counts. `seq` is left 0:
    the inbox numbers rows. `used` of the `capacity` rows at `address` are kept ones;
    compiled decoders that run every few microseconds write behind them without `room`.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self._bytes = bytearray(max(capacity, 1) * EVENT.itemsize)
        self._open()
        self.used = 0

    def __len__(self) -> int:
        return self.used

    def put(
        self,
        kind: int,
        recv_ns: int,
        exch_ns: int,
        market: int,
        *,
        side: int = 0,
        price: int = 0,
        value: float = 0.0,
        ref: int = 0,
        flags: int = 0,
    ) -> None:
        """Append one row. Raises struct.error, appending nothing, when a number does not fit its field."""
        used = self.used
        if used == self.capacity:
            self._grow(1)
        _PACK_ROW(
            self._bytes,
            used * _ROW_BYTES,
            0,
            recv_ns,
            exch_ns,
            ref,
            price,
            value,
            market,
            kind,
            side,
            flags,
        )
        self.used = used + 1

    def put_touch(
        self,
        recv_ns: int,
        exch_ns: int,
        market: int,
        bid: int,
        bid_lots: float,
        ask: int,
        ask_lots: float,
        ref: int,
    ) -> None:
        """Append the three rows of a best bid/offer message at once; a third of the time of three `put`."""
        used = self.used
        if used + 3 > self.capacity:
            self._grow(3)
        # fmt: off
        _PACK_TOUCH(
            self._bytes, used * _ROW_BYTES,
            0, recv_ns, exch_ns, 0, bid, bid_lots, market, _BBO_ROW, 1, 0,
            0, recv_ns, exch_ns, 0, ask, ask_lots, market, _BBO_ROW, -1, 0,
            0, recv_ns, exch_ns, ref, 0, 0.0, market, _COMMIT_ROW, 0, _BBO_FLAG,
        )
        # fmt: on
        self.used = used + 3

    def room(self, n: int) -> np.ndarray:
        """At least n rows behind the last one, to be written whole (they hold leftovers) and then kept.

        The view is good until the next call of any other method than `keep`.
        """
        if self.used + n > self.capacity:
            self._grow(n)
        return self.storage[self.used :]

    def keep(self, n: int) -> None:
        """Append the first n rows of the last `room`."""
        self.used += n

    def cut(self, n: int) -> None:
        """Forget all rows behind the first n: a message that was refused half way leaves nothing."""
        self.used = min(self.used, n)

    def extend(self, rows: np.ndarray) -> None:
        """Append finished EVENT rows."""
        self.room(len(rows))[: len(rows)] = rows
        self.keep(len(rows))

    def take(self) -> np.ndarray:
        """All gathered rows as an EVENT array; the buffer is empty afterwards."""
        rows = np.frombuffer(self._bytes[: self.used * _ROW_BYTES], EVENT)  # a third of what `copied` takes
        self.used = 0
        return rows

    def _open(self) -> None:
        self.storage = np.frombuffer(self._bytes, EVENT)
        self.address = int(self.storage.ctypes.data)
        self.capacity = len(self.storage)

    def _grow(self, n: int) -> None:
        self._bytes = self._bytes + bytes(max(n * EVENT.itemsize, len(self._bytes)))
        self._open()
