"""OKX's checksum of a book: CRC32 of its best 25 levels a side as text.

In use until 2026-06-23, since when the field is the constant 0; recordings of
older days hold real ones, some without the sequence ids that came later. The
text is the venue's own (`30236` and `30228.7`), so the book is kept as written.
Source: OKX API guide V5, "Checksum".
"""

from __future__ import annotations

import zlib
from decimal import Decimal
from itertools import zip_longest

import msgspec

_LEVELS = 25
_SIDE = msgspec.json.Decoder(list[tuple[str, ...]])
_Side = dict[str, str]


class TextBook:
    """A book as its texts: price to size."""

    def __init__(self) -> None:
        self.bids: _Side = {}
        self.asks: _Side = {}

    def changed(self, bids: bytes, asks: bytes) -> TextBook:
        """The book after a message. Raises msgspec.MsgspecError."""
        made = TextBook()
        made.bids, made.asks = _applied(self.bids, bids), _applied(self.asks, asks)
        return made

    def checksum(self) -> int:
        """Signed 32 bits, as the venue writes it."""
        sides = (
            sorted(self.bids, key=Decimal, reverse=True)[:_LEVELS],
            sorted(self.asks, key=Decimal)[:_LEVELS],
        )
        parts = [
            f"{price}:{side[price]}"
            for pair in zip_longest(*sides)
            for price, side in zip(pair, (self.bids, self.asks), strict=True)
            if price is not None
        ]
        unsigned = zlib.crc32(":".join(parts).encode())
        return unsigned - 2**32 if unsigned >= 2**31 else unsigned


def _applied(side: _Side, text: bytes) -> _Side:
    made = dict(side)
    for price, size, *_ in _SIDE.decode(text):
        if Decimal(size) == 0:
            made.pop(price, None)
        else:
            made[price] = size
    return made
