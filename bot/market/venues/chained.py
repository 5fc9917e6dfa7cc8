"""The decoder of venues that keep snapshot and changes on one connection: Bybit, OKX, Hyperliquid."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from bot.core.units import NS_PER_S
from bot.market.events import RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues.base import MarketState, VenueBase
from bot.market.venues.chain import LONGEST_NS, ChainedBook
from bot.market.venues.levels import decode_book
from bot.market.venues.protocol import Progress, Send, Wanted

MOST_LEVELS = 1 << 20

ASKS_AN_HOUR = 100
"""For fresh snapshots, of all books, at 5 s; then one a minute. Each is two of OKX's 480 requests an hour."""

_HOUR_NS = 3600 * NS_PER_S
_RATIONED_NS = 60 * NS_PER_S


class ChainedStream(VenueBase):
    """A `VenueStream` over `ChainedBook`s. Connections are named by `connection_name`."""

    symbols_a_connection = 100

    def __init__(self, instruments: Mapping[int, Instrument]) -> None:
        self.books: dict[str, ChainedBook] = {}
        self._asked_ns: deque[int] = deque(maxlen=ASKS_AN_HOUR)
        super().__init__(instruments)

    def on_connected(self, name: str, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        self.on_disconnected(name, recv_ns, out)
        for book in self._of(name):
            book.expect(name, self._recv_ns)
            book.connected_ns = self._recv_ns
            self._lost.add(book.symbol)
            self._renewed(book)
        return ()

    def on_disconnected(self, name: str, recv_ns: int, out: RowBuffer) -> None:
        recv_ns = self._begin(recv_ns)
        for book in self._of(name):
            book.lose(recv_ns, 0, out)
            self._lost.discard(book.symbol)

    def synced(self) -> dict[str, bool]:
        return {symbol: book.synced for symbol, book in self.books.items()}

    def progress(self) -> dict[int, Progress]:
        return {
            b.market: Progress(b.last, b.touch_ids.last, b.prints) for b in self.books.values() if b.synced
        }

    def status(self) -> dict[str, Any]:
        books = {
            symbol: {
                "synced": b.synced,
                "gaps": b.gaps,
                "joins": b.joins,
                "duplicates": b.duplicates,
                "ignored": b.ignored,
            }
            for symbol, b in self.books.items()
        }
        return self._counters() | {"books": books}

    def groups(self) -> list[tuple[str, list[str]]]:
        """Connection names with their symbols."""
        symbols, most = list(self.books), self.symbols_a_connection
        chunks = [symbols[i : i + most] for i in range(0, len(symbols), most)]
        return [(connection_name(i), chunk) for i, chunk in enumerate(chunks)]

    @abstractmethod
    def _again(self, symbol: str) -> tuple[bytes, ...]:
        """The frames that bring a fresh snapshot."""

    def _renewed(self, book: ChainedBook) -> None:
        """Forget what only the old connection knew."""

    def _add(self, market: int, instrument: Instrument) -> None:
        self.books[instrument.symbol] = ChainedBook(market, instrument)

    def _of(self, name: str) -> list[ChainedBook]:
        """The books a connection carries: those that came through it, or are about to."""
        planned = {s for group, symbols in self.groups() if group == name for s in symbols}
        return [b for s, b in self.books.items() if b.name == name or (not b.name and s in planned)]

    def _book(self, symbol: str) -> ChainedBook | None:
        book = self.books.get(symbol)
        if book is None:
            self._unknown(symbol)
        return book

    def _lose(self, book: ChainedBook, recv_ns: int, out: RowBuffer) -> None:
        book.lose(recv_ns, self.exch_ns, out)
        self._lost.add(book.symbol)

    def _ask(self, recv_ns: int) -> tuple[Wanted, ...]:
        """What is due for books that were lost. Costs nothing while all stand."""
        wanted = []
        many = len(self._asked_ns) == ASKS_AN_HOUR and recv_ns - self._asked_ns[0] < _HOUR_NS
        longest_ns = _RATIONED_NS if many else LONGEST_NS
        for symbol in sorted(self._lost):
            book = self.books[symbol]
            if book.synced:
                self._lost.discard(symbol)
            elif book.due(recv_ns, longest_ns):
                self._asked_ns.append(recv_ns)
                wanted.append(Send(book.name, self._again(symbol)))
        return tuple(wanted)

    def _rows(
        self,
        state: MarketState,
        bids: msgspec.Raw,
        asks: msgspec.Raw,
        out: RowBuffer,
        *,
        recv_ns: int,
        exch_ns: int,
        ref: int,
        snapshot: bool,
    ) -> int:
        """How many rows one book message makes, in `out`'s room, not yet kept. Raises BadInput."""
        return decode_book(
            bytes(bids),
            bytes(asks),
            state.instrument,
            state.steps,
            out,
            recv_ns=recv_ns,
            exch_ns=exch_ns,
            market=state.market,
            ref=ref,
            snapshot=snapshot,
        )

    def _audit_rows(
        self,
        state: MarketState,
        bids: msgspec.Raw,
        asks: msgspec.Raw,
        ref: int,
        exch_ns: int,
        most: int = MOST_LEVELS,
    ) -> None:
        """Keep a REST book, of each side its first `most` levels."""
        out = RowBuffer()
        n = self._rows(state, bids, asks, out, recv_ns=self._recv_ns, exch_ns=exch_ns, ref=ref, snapshot=True)
        rows = out.room(n)[:n]
        bid, ask = rows["side"] == 1, rows["side"] == -1
        deeper = (bid & (np.cumsum(bid) > most)) | (ask & (np.cumsum(ask) > most))
        self._keep_audit(state, ref, exch_ns, rows[~deeper])


def connection_name(index: int) -> str:
    return "public" if index == 0 else f"public-{index + 1}"
