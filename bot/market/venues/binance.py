"""Binance market data without sockets: frames in, EVENT rows and wanted actions out.

The same object serves a live socket, a recording and a test. Books are
synchronised by `depth_sync`; trades, touches and marks pass at all times.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from bot.core.errors import BadInput
from bot.core.units import NS_PER_MS, NS_PER_US
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Contract, Instrument
from bot.market.venues import binance_wire as wire
from bot.market.venues.depth_sync import BUFFER_LIMIT, Change, DepthSync, Rule, Verdict
from bot.market.venues.levels import decode_book, steps_of
from bot.market.venues.wanted import FetchSnapshot, Refusal, Wanted

USDM = "binance-usdm"
COINM = "binance-coinm"
SPOT = "binance-spot"
VENUES = (USDM, COINM, SPOT)

EXAMPLES = 5
"""Refusals kept to be shown; the rest are counted."""

_EXCERPT = 120
_CACHED_NUMBERS = 1 << 16
_FIRST_MICROSECOND = 9_000_000_000_000  # as milliseconds this is the year 2255
_Rows = np.ndarray[Any, Any]


class BookState:
    """One market: its instrument, its synchronisation, and its decimals read before."""

    def __init__(self, market: int, instrument: Instrument, limit: int) -> None:
        self.market = market
        self.instrument = instrument
        self.steps = steps_of(instrument)
        rule = Rule.SPOT if instrument.contract is Contract.SPOT else Rule.FUTURES
        self.needs_prev = rule is Rule.FUTURES
        self.sync: DepthSync[_Rows] = DepthSync(rule, limit)
        self._ticks: dict[str, int] = {}
        self._lots: dict[str, int] = {}

    def ticks(self, text: str) -> int:
        known = self._ticks.get(text)
        return _learn(self._ticks, text, self.instrument.ticks(text)) if known is None else known

    def lots(self, text: str) -> int:
        known = self._lots.get(text)
        return _learn(self._lots, text, self.instrument.lots(text)) if known is None else known


def _likeness(book: BookState, prices: frozenset[Decimal]) -> float:
    """Share of the prices in changes that wait for a snapshot which that snapshot shows; 0 when none wait."""
    waiting = [c.item["price"][c.item["kind"] == Kind.LEVEL] for c in book.sync.held]
    ticks = set(np.concatenate(waiting).tolist()) if waiting else set()
    return sum(book.instrument.price(t) in prices for t in ticks) / max(len(ticks), 1)


def _learn(cache: dict[str, int], text: str, value: int) -> int:
    if len(cache) >= _CACHED_NUMBERS:
        cache.clear()
    cache[text] = value
    return value


class BinanceStream:
    """Decoder and book synchroniser of one Binance venue for a fixed set of markets.

    `instruments` maps market indexes to instruments of the one venue. Not
    understood is never fatal: unknown kinds and symbols are counted in
    `messages`, malformed frames in `refused` with the first few in `refusals`,
    and leave rows and books exactly as they were.
    """

    def __init__(self, instruments: Mapping[int, Instrument], *, buffer_limit: int = BUFFER_LIMIT) -> None:
        venues = {i.venue for i in instruments.values()}
        if len(venues) != 1 or not venues <= set(VENUES):
            raise BadInput(f"expected instruments of one of {', '.join(VENUES)}, was {sorted(venues)}")
        self.venue = venues.pop()
        self.books: dict[str, BookState] = {}
        self._buffer_limit = buffer_limit
        for market, instrument in instruments.items():
            self.add(market, instrument)
        self.messages: Counter[str] = Counter()
        self.level_updates = 0
        self.not_market = 0
        self.refused = 0
        self.refusals: list[Refusal] = []
        self.exch_ns = 0  # of the last frame, 0 where it says none
        self.unknown_symbol = ""  # named by the last frame, which was ignored for it
        self._recv_ns = 0
        self._handlers: dict[type, Callable[[Any, int, RowBuffer], tuple[Wanted, ...]]] = {
            wire.Depth: self._depth,
            wire.Snapshot: self._unnamed_snapshot,
            wire.Trade: self._trade,
            wire.AggTrade: self._agg_trade,
            wire.BookTicker: self._book_ticker,
            wire.MarkPrice: self._mark_price,
            wire.ForceOrder: self._force_order,
            wire.Other: self._other,
        }

    def add(self, market: int, instrument: Instrument) -> None:
        """Take one more market of the same venue."""
        if instrument.venue != self.venue:
            raise BadInput(f"expected an instrument of {self.venue}, was {instrument.key}")
        self.books[instrument.symbol] = BookState(market, instrument, self._buffer_limit)

    def on_frame(self, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        """One websocket frame, or a REST snapshot as recorders write it between frames."""
        try:
            recv_ns = self._begin(recv_ns)
            message = wire.read(payload)
            return self._handlers[type(message)](message, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeDecodeError, BadInput) as error:
            return self._refuse(recv_ns, str(error), payload)

    def on_snapshot(self, symbol: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        """The answer to `FetchSnapshot(symbol)`."""
        try:
            recv_ns = self._begin(recv_ns)
            message = wire.read(payload)
            if not isinstance(message, wire.Snapshot) or symbol not in self.books:
                raise BadInput(f"expected a depth snapshot of {symbol}, was {type(message).__name__}")
            return self._snapshot(self.books[symbol], message, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeDecodeError, BadInput) as error:
            return self._refuse(recv_ns, str(error), payload)

    def on_disconnect(self, recv_ns: int, out: RowBuffer) -> None:
        """The connection is gone: every standing book gets a GAP row; the next change asks for a snapshot."""
        recv_ns = self._begin(recv_ns)
        for book in self.books.values():
            if book.sync.synced:
                book.sync.lose()
                out.put(Kind.GAP, recv_ns, 0, book.market, ref=book.sync.last)

    def _begin(self, recv_ns: int) -> int:
        self._recv_ns = max(self._recv_ns, recv_ns)
        self.exch_ns = 0
        self.unknown_symbol = ""
        return self._recv_ns

    def _refuse(self, recv_ns: int, reason: str, payload: bytes) -> tuple[Wanted, ...]:
        self.exch_ns = 0
        self.refused += 1
        if len(self.refusals) < EXAMPLES:
            excerpt = payload[:_EXCERPT].decode("utf-8", "replace")
            self.refusals.append(Refusal(recv_ns, reason, excerpt))
        return ()

    def _book(self, symbol: str) -> BookState | None:
        book = self.books.get(symbol)
        if book is None:
            self.messages["unknown symbol"] += 1
            self.unknown_symbol = symbol
        return book

    def _stamp(self, event: int, transaction: int = 0) -> int:
        """Exchange time in ns, the matching engine's where there is one, 0 for none."""
        stamp = transaction or event
        self.exch_ns = stamp * (NS_PER_MS if stamp < _FIRST_MICROSECOND else NS_PER_US)
        return self.exch_ns

    # depth

    def _depth(self, message: wire.Depth, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self._book(message.s)
        if book is None:
            return ()
        if message.pu is None and book.needs_prev:
            raise BadInput(
                f"{book.instrument.key} depthUpdate: expected a field pu; is this the spot market?"
            )
        n = decode_book(
            bytes(message.b),
            bytes(message.a),
            book.instrument,
            book.steps,
            out,
            recv_ns=recv_ns,
            exch_ns=self._stamp(message.E, message.T),
            market=book.market,
            ref=message.u,
            snapshot=False,
        )
        self.messages["depthUpdate"] += 1
        self.level_updates += n - 1
        prev = message.pu or 0
        verdict = book.sync.on_change(message.U, message.u, prev)
        if verdict is Verdict.APPLY:
            out.keep(n)
            return ()
        if verdict is Verdict.OLD:
            return ()
        change = Change(message.U, message.u, prev, out.room(n)[:n].copy())
        if verdict is Verdict.BREAK:
            out.put(Kind.GAP, recv_ns, self.exch_ns, book.market, ref=book.sync.last)
        book.sync.hold(change)
        return self._join(book, recv_ns, out)

    def _unnamed_snapshot(self, message: wire.Snapshot, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        if message.symbol and message.symbol not in self.books:
            self._book(message.symbol)
            return ()
        return self._snapshot(self._snapshot_owner(message), message, recv_ns, out)

    def _snapshot_owner(self, message: wire.Snapshot) -> BookState:
        """Whose snapshot it is. Only COIN-M says; else the one market, the one that waits, or by price."""
        if message.symbol:
            return self.books[message.symbol]
        books = list(self.books.values())
        if len(books) > 1:
            books = [b for b in books if not b.sync.synced]
        if len(books) > 1:
            sides = (
                msgspec.json.decode(s, type=list[tuple[Decimal, str]]) for s in (message.bids, message.asks)
            )
            prices = frozenset(price for side in sides for price, _ in side)
            shares = {b: share for b in books if (share := _likeness(b, prices))}
            books = [b for b, share in shares.items() if share == max(shares.values())]
        if len(books) != 1:
            raise BadInput(
                "a depth snapshot that names no symbol: expected one book that waits for it, "
                f"but {len(books)} of {', '.join(self.books)} may be; record each symbol in a file of its own"
            )
        return books[0]

    def _snapshot(
        self, book: BookState, message: wire.Snapshot, recv_ns: int, out: RowBuffer
    ) -> tuple[Wanted, ...]:
        n = decode_book(
            bytes(message.bids),
            bytes(message.asks),
            book.instrument,
            book.steps,
            out,
            recv_ns=recv_ns,
            exch_ns=self._stamp(message.E, message.T),
            market=book.market,
            ref=message.lastUpdateId,
            snapshot=True,
        )
        self.messages["snapshot"] += 1
        book.sync.on_snapshot(message.lastUpdateId, out.room(n)[:n].copy())
        return self._join(book, recv_ns, out)

    def _join(self, book: BookState, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        """Bring the book up if snapshot and held changes meet; these rows become known only now."""
        joined = book.sync.join()
        if joined is not None:
            for rows in (joined.snapshot, *(change.item for change in joined.changes)):
                rows["recv_ns"] = recv_ns
                out.extend(rows)
        return (FetchSnapshot(book.instrument.symbol),) if book.sync.wants_snapshot() else ()

    # everything else

    def _trade(self, message: wire.Trade, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        ordinary = message.X == "MARKET"
        if self._print(message, message.t, 0 if ordinary else Flag.NOT_MARKET, recv_ns, out):
            self.messages["trade"] += 1
            self.not_market += not ordinary
        return ()

    def _agg_trade(self, message: wire.AggTrade, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        if self._print(message, message.a, Flag.AGGREGATE, recv_ns, out):
            self.messages["aggTrade"] += 1
        return ()

    def _print(
        self, message: wire.Trade | wire.AggTrade, ref: int, flags: int, recv_ns: int, out: RowBuffer
    ) -> bool:
        book = self._book(message.s)
        if book is None:
            return False
        out.put(
            Kind.TRADE,
            recv_ns,
            self._stamp(message.E, message.T),
            book.market,
            side=-1 if message.m else 1,  # m: the buyer was resting, so the seller took
            price=book.ticks(message.p),
            value=book.lots(message.q),
            ref=ref,
            flags=flags,
        )
        return True

    def _book_ticker(self, message: wire.BookTicker, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self._book(message.s)
        if book is None:
            return ()
        bid, ask = book.ticks(message.b), book.ticks(message.a)
        bid_lots, ask_lots = book.lots(message.B), book.lots(message.A)
        exch_ns = self._stamp(message.E, message.T)
        market = book.market
        out.put(Kind.BBO, recv_ns, exch_ns, market, side=1, price=bid, value=bid_lots)
        out.put(Kind.BBO, recv_ns, exch_ns, market, side=-1, price=ask, value=ask_lots)
        out.put(Kind.COMMIT, recv_ns, exch_ns, market, ref=message.u, flags=Flag.BBO)
        self.messages["bookTicker"] += 1
        return ()

    def _mark_price(self, message: wire.MarkPrice, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self._book(message.s)
        if book is None:
            return ()
        readings = [(Kind.MARK, _reading(message.p, "mark price"), 0)]
        if message.i:
            readings.append((Kind.INDEX, _reading(message.i, "index price"), 0))
        if message.r:  # empty on delivery contracts, which pay no funding
            due_ns = message.T * (NS_PER_MS if message.T < _FIRST_MICROSECOND else NS_PER_US)
            readings.append((Kind.FUNDING, _reading(message.r, "funding rate"), due_ns))
        exch_ns = self._stamp(message.E)
        for kind, value, ref in readings:
            out.put(kind, recv_ns, exch_ns, book.market, value=value, ref=ref)
        self.messages["markPrice"] += 1
        return ()

    def _force_order(self, message: wire.ForceOrder, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        order = message.o
        book = self._book(order.s)
        if book is None:
            return ()
        if order.S not in ("BUY", "SELL"):
            raise BadInput(f"forceOrder: expected side BUY or SELL, was {order.S!r}")
        out.put(
            Kind.LIQUIDATION,
            recv_ns,
            self._stamp(message.E, order.T),
            book.market,
            side=1 if order.S == "BUY" else -1,
            price=book.ticks(order.p),
            value=book.lots(order.z or order.q),
        )
        self.messages["forceOrder"] += 1
        return ()

    def _other(self, message: wire.Other, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        self.messages["other"] += 1
        return ()


def _reading(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{what}: expected a number, was {text!r}")
    return value
