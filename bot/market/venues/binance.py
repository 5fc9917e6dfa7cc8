"""Binance market data without sockets: frames in, EVENT rows and wanted actions out.

The same object serves a live socket, a recording and a test. Books are
synchronised by `depth_sync`; trades, touches and marks pass at all times.
Every id rises, so while one connection replaces another (both deliver the same
changes, trades and touches) what came already is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from bot.core.errors import BadInput
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market.events import Flag, Kind, RowBuffer, copied
from bot.market.instruments import Contract, Instrument
from bot.market.venues import binance_session as session
from bot.market.venues import binance_wire as wire
from bot.market.venues.base import (
    MarketState,
    Quick,
    Rising,
    Take,
    VenueBase,
    amount,
    positive,
    reading,
)
from bot.market.venues.depth_sync import BUFFER_LIMIT, Change, DepthSync, Rule, Verdict
from bot.market.venues.layout import Layout, Told
from bot.market.venues.levels import decode_book
from bot.market.venues.protocol import Asked, Connect, Fetch, Hosts, Poll, Progress, Wanted
from bot.market.venues.scan import FIRST_VALUE

USDM = "binance-usdm"
COINM = "binance-coinm"
SPOT = "binance-spot"

_TRADE, _NOT_MARKET, _AGGREGATE = int(Kind.TRADE), int(Flag.NOT_MARKET), int(Flag.AGGREGATE)
_PRINTS = {"MARKET": 0, wire.AGGREGATE: _AGGREGATE}
_ID, _FROM, _PREV = (FIRST_VALUE + int(t) for t in (Told.ID, Told.FROM, Told.PREV))
_S_PER_HOUR = 3600
_USUAL_INTERVAL_S = 8 * _S_PER_HOUR
_Rows = np.ndarray[Any, Any]
_Handler = Callable[[Any, int, RowBuffer], tuple[Wanted, ...]]


_WAITS_NS = tuple(int(s * NS_PER_S) for s in (0.0, 0.0, 0.0, 0.5, 1.0, 2.0, 4.0))
"""Before a first, second, ... request for a snapshot, until a book stood for `_STEADY_NS`. Weight 20 each."""

_STEADY_NS = 60 * NS_PER_S
_NEVER = 2**63 - 1


class BookState(MarketState):
    """A market and the synchronisation of its book."""

    def __init__(self, market: int, instrument: Instrument, limit: int) -> None:
        super().__init__(market, instrument)
        rule = Rule.SPOT if instrument.contract is Contract.SPOT else Rule.FUTURES
        self.needs_prev = rule is Rule.FUTURES
        self.sync: DepthSync[_Rows] = DepthSync(rule, limit)
        self._asks = 0
        self._ask_at_ns = _NEVER
        self._joined_ns = 0

    def joined(self, now_ns: int) -> None:
        self._joined_ns = now_ns
        self._ask_at_ns = _NEVER

    def want(self, now_ns: int) -> None:
        """A snapshot is needed: at once, then ever later."""
        if self._joined_ns and now_ns - self._joined_ns > _STEADY_NS:
            self._asks = 0
            self._joined_ns = 0
        self._ask_at_ns = now_ns + _WAITS_NS[min(self._asks, len(_WAITS_NS) - 1)]

    def is_time_to_ask(self, now_ns: int) -> bool:
        """Once for each `want`."""
        if now_ns < self._ask_at_ns:
            return False
        self._asks += 1
        self._ask_at_ns = _NEVER
        return True


def _likeness(book: BookState, prices: frozenset[Decimal]) -> float:
    """Share of the prices in changes that wait for a snapshot which that snapshot shows; 0 when none wait."""
    waiting = [c.item["price"][c.item["kind"] == Kind.LEVEL] for c in book.sync.held]
    ticks = set(np.concatenate(waiting).tolist()) if waiting else set()
    return sum(book.instrument.price(t) in prices for t in ticks) / max(len(ticks), 1)


class BinanceStream(VenueBase):
    """Decoder and book synchroniser of one Binance venue for a fixed set of markets.

    `instruments` maps market indexes to instruments of the one venue. Not
    understood is never fatal: unknown kinds and symbols are counted in
    `messages`, malformed frames in `refused` with the first few in `refusals`,
    and leave rows and books exactly as they were.
    """

    VENUES = (USDM, COINM, SPOT)
    KEY_END = b'"'
    KEY_FROM = len(wire.COMBINED)
    hosts = session.HOSTS

    def __init__(self, instruments: Mapping[int, Instrument], *, buffer_limit: int = BUFFER_LIMIT) -> None:
        self.books: dict[str, BookState] = {}
        self._buffer_limit = buffer_limit
        self._handlers: dict[type, _Handler] = {
            wire.Depth: self._depth,
            wire.Snapshot: self._unnamed_snapshot,
            wire.Trade: self._trade,
            wire.AggTrade: self._trade,
            wire.BookTicker: self._book_ticker,
            wire.MarkPrice: self._mark_price,
            wire.ForceOrder: self._force_order,
            wire.Other: self._other,
        }
        super().__init__(instruments)
        depth = wire.depth_layout(needs_prev=self.venue != SPOT)
        self._quick_kinds: dict[type, tuple[str, Layout, Callable[[MarketState], Take | Rising]]] = {
            wire.Depth: ("depthUpdate", depth, lambda _: self._take_depth),
            wire.Trade: ("trade", wire.TRADE_LAYOUT, lambda market: market.print_ids),
            wire.AggTrade: ("aggTrade", wire.AGG_TRADE_LAYOUT, lambda market: market.print_ids),
            wire.BookTicker: ("bookTicker", wire.BOOK_TICKER_LAYOUT, lambda market: market.touch_ids),
        }

    def connections(self, hosts: Hosts) -> tuple[Connect, ...]:
        if self.venue != USDM:
            raise BadInput(
                f"{self.venue}: live market data is read from {USDM} only; import a recording instead"
            )
        return session.connections(tuple(self.books), hosts)

    def polls(self) -> tuple[Poll, ...]:
        return session.polls(tuple(self.books)) if self.venue == USDM else ()

    def on_connected(self, name: str, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        self.on_disconnected(name, recv_ns, out)
        return ()

    def on_disconnected(self, name: str, recv_ns: int, out: RowBuffer) -> None:
        """The next change asks for a snapshot."""
        recv_ns = self._begin(recv_ns)
        for book in self.books.values() if name == session.PUBLIC else ():
            if book.sync.synced:
                book.sync.lose()
                out.put(Kind.GAP, recv_ns, 0, book.market, ref=book.sync.last)

    def synced(self) -> dict[str, bool]:
        return {symbol: book.sync.synced for symbol, book in self.books.items()}

    def progress(self) -> dict[int, Progress]:
        return {
            b.market: Progress(b.sync.last, b.touch_ids.last, b.print_ids.last)
            for b in self.books.values()
            if b.sync.synced
        }

    def status(self) -> dict[str, Any]:
        books = {
            symbol: {
                "synced": b.sync.synced,
                "gaps": b.sync.gaps,
                "joins": b.sync.joins,
                "duplicates": b.sync.duplicates,
                "held": len(b.sync.held),
                "overflowed": b.sync.overflowed,
            }
            for symbol, b in self.books.items()
        }
        return self._counters() | {"books": books}

    def _add(self, market: int, instrument: Instrument) -> None:
        self.books[instrument.symbol] = BookState(market, instrument, self._buffer_limit)

    def _read(self, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        message = wire.read_fast(payload)
        wanted = self._handlers[message.__class__](message, recv_ns, out)
        quick = self._quick_kinds.get(message.__class__)
        if quick is not None and payload.startswith(wire.COMBINED) and message.s in self.books:  # type: ignore[union-attr]
            name, layout, take_of = quick
            book = self.books[message.s]  # type: ignore[union-attr]
            self._learn(payload, name, book, layout, take_of(book))
        return wanted

    def _book(self, symbol: str) -> BookState | None:
        book = self.books.get(symbol)
        if book is None:
            self._unknown(symbol)
        return book

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
            exch_ns=self._stamp(message.T or message.E),
            market=book.market,
            ref=message.u,
            snapshot=False,
        )
        return self._changed(book, n, message.U, message.u, message.pu or 0, recv_ns, out)

    def _take_depth(
        self, quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer
    ) -> tuple[Wanted, ...]:
        values, book = quick.values, quick.state
        assert isinstance(book, BookState)
        return self._changed(book, n, values[_FROM], values[_ID], values[_PREV], recv_ns, out)

    def _changed(
        self, book: BookState, n: int, first: int, last: int, prev: int, recv_ns: int, out: RowBuffer
    ) -> tuple[Wanted, ...]:
        """A change of a book stands in `out`'s room."""
        self.messages["depthUpdate"] += 1
        self.level_updates += n - 1
        verdict = book.sync.on_change(first, last, prev)
        if verdict is Verdict.APPLY:
            out.keep(n)
            return ()
        if verdict is Verdict.OLD:
            return ()
        change = Change(first, last, prev, copied(out.room(n)[:n]))
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
            exch_ns=self._stamp(message.T or message.E),
            market=book.market,
            ref=message.lastUpdateId,
            snapshot=True,
        )
        self.messages["snapshot"] += 1
        book.sync.on_snapshot(message.lastUpdateId, copied(out.room(n)[:n]))
        return self._join(book, recv_ns, out)

    def _join(self, book: BookState, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        """Bring the book up if snapshot and held changes meet; these rows become known only now."""
        joined = book.sync.join()
        if joined is not None:
            book.joined(recv_ns)
            for rows in (joined.snapshot, *(change.item for change in joined.changes)):
                rows["recv_ns"] = recv_ns
                out.extend(rows)
        if book.sync.wants_snapshot():
            book.want(recv_ns)
        return (session.snapshot_of(book.symbol),) if book.is_time_to_ask(recv_ns) else ()

    def _unanswered(self, asked: Fetch, recv_ns: int) -> tuple[Wanted, ...]:
        book = self.books.get(asked.symbol)
        if asked.asked is not Asked.SNAPSHOT or book is None or book.sync.synced:
            return ()
        book.want(recv_ns)
        return (asked,) if book.is_time_to_ask(recv_ns) else ()

    # everything else

    def _trade(self, message: wire.Trade | wire.AggTrade, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        """Flat, as this and the touch are most of all frames."""
        book = self.books.get(message.s)
        if book is None:
            self._unknown(message.s)
            return ()
        price, lots, trade_id = book.ticks(message.p), book.lots(message.q), message.t
        stamp = message.T or message.E
        exch_ns = self._stamp(stamp)
        if not book.print_ids.is_new(trade_id):
            self.duplicate_prints += 1
            return ()
        flags = _PRINTS.get(message.X, _NOT_MARKET)
        if flags == _NOT_MARKET or not price or not lots:  # NA prints have neither price nor size
            flags |= _NOT_MARKET
            self.not_market += 1
        side = -1 if message.m else 1  # m: the buyer was resting, so the seller took
        out.put(
            _TRADE,
            recv_ns,
            exch_ns,
            book.market,
            side=side,
            price=price,
            value=lots,
            ref=trade_id,
            flags=flags,
        )
        self.messages["aggTrade" if flags & _AGGREGATE else "trade"] += 1
        return ()

    def _book_ticker(self, message: wire.BookTicker, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self.books.get(message.s)
        if book is None:
            self._unknown(message.s)
            return ()
        ticks, lots, update_id = book.ticks, book.lots, message.u
        bid, bid_lots = ticks(message.b), lots(message.B)
        ask, ask_lots = ticks(message.a), lots(message.A)
        stamp = message.T or message.E
        exch_ns = self._stamp(stamp)
        if book.touch_ids.is_new(update_id):
            out.put_touch(recv_ns, exch_ns, book.market, bid, bid_lots, ask, ask_lots, update_id)
            self.messages["bookTicker"] += 1
        return ()

    def _mark_price(self, message: wire.MarkPrice, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self._book(message.s)
        if book is None:
            return ()
        exch_ns, market = self._stamp(message.E), book.market
        out.put(Kind.MARK, recv_ns, exch_ns, market, value=positive(message.p, "mark price"))
        if message.i:
            out.put(Kind.INDEX, recv_ns, exch_ns, market, value=reading(message.i, "index price"))
        if message.r:  # empty on delivery contracts, which pay no funding
            rate, due_ns = reading(message.r, "funding rate"), message.T * NS_PER_MS
            out.put(Kind.FUNDING, recv_ns, exch_ns, market, value=rate, ref=due_ns, price=book.interval_s)
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
            self._stamp(order.T or message.E),
            book.market,
            side=1 if order.S == "BUY" else -1,
            price=book.nearest_tick(order.p),
            value=book.lots(order.z or order.q),
        )
        self.messages["forceOrder"] += 1
        return ()

    def _other(self, message: wire.Other, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        self.messages["other"] += 1
        return ()

    # REST

    def _answer(self, asked: Fetch, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        if asked.asked is Asked.FUNDING:
            return self._funding_intervals(payload)
        book = self.books.get(asked.symbol)
        if book is None:
            raise BadInput(f"expected one of {', '.join(self.books)}")
        if asked.asked is Asked.OPEN_INTEREST:
            told = wire.OPEN_INTEREST.decode(payload)
            value, stamp = amount(told.openInterest, "open interest"), self._stamp(told.time)
            out.put(Kind.OPEN_INTEREST, recv_ns, stamp, book.market, value=value)
            self.messages["openInterest"] += 1
            return ()
        if asked.asked is Asked.LONG_SHORT:
            for ratio in wire.LONG_SHORT.decode(payload)[-1:]:
                value, stamp = positive(ratio.longShortRatio, "long/short"), self._stamp(int(ratio.timestamp))
                out.put(Kind.LONG_SHORT, recv_ns, stamp, book.market, value=value)
                self.messages["longShort"] += 1
            return ()
        message = wire.read(payload)
        if not isinstance(message, wire.Snapshot):
            raise BadInput(f"expected a depth snapshot, was {type(message).__name__}")
        if asked.asked is Asked.AUDIT:
            self._audit(book, message)
            return ()
        return self._snapshot(book, message, recv_ns, out)

    def _audit(self, book: BookState, message: wire.Snapshot) -> None:
        rows, exch_ns = RowBuffer(), self._stamp(message.T or message.E)
        n = decode_book(
            bytes(message.bids),
            bytes(message.asks),
            book.instrument,
            book.steps,
            rows,
            recv_ns=self._recv_ns,
            exch_ns=exch_ns,
            market=book.market,
            ref=message.lastUpdateId,
            snapshot=True,
        )
        self._keep_audit(book, message.lastUpdateId, exch_ns, copied(rows.room(n)[:n]))

    def _funding_intervals(self, payload: bytes) -> tuple[Wanted, ...]:
        """Only symbols whose interval was ever adjusted are listed; the others settle every 8 h."""
        listed = {i.symbol: i.fundingIntervalHours for i in wire.FUNDING_INTERVALS.decode(payload)}
        for symbol, book in self.books.items():
            book.interval_s = listed[symbol] * _S_PER_HOUR if symbol in listed else _USUAL_INTERVAL_S
        return ()
