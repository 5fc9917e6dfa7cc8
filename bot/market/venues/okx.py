"""OKX derivatives without sockets: frames in, EVENT rows and wanted actions out.

Book: a snapshot on subscribing, then updates of which each names the sequence
id it follows; ids are compared, never counted. An update that names itself
says only that nothing changed. After maintenance ids may start lower: that
links too. Sizes are contracts, of `contract_size` base coin each (quote
currency on inverse ones).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bot.core.errors import BadInput
from bot.core.units import NS_PER_MS
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues import okx_wire as wire
from bot.market.venues.base import Quick, Take, amount, positive, reading
from bot.market.venues.chain import ChainedBook
from bot.market.venues.chained import ChainedStream
from bot.market.venues.layout import Layout, Told
from bot.market.venues.okx_checksum import TextBook
from bot.market.venues.protocol import Asked, Connect, Fetch, Hosts, Poll, Reconnect, Wanted
from bot.market.venues.scan import FIRST_VALUE

OKX = "okx"
HOSTS = Hosts(ws="wss://ws.okx.com:8443", rest="https://www.okx.com")

_CHANNELS = ("books", "bbo-tbt", "trades", "mark-price", "funding-rate", "open-interest")
_BEAT = {"channel": "tickers", "instId": "BTC-USDT-SWAP"}
_ARGS_A_MESSAGE = 100  # of 64 KB
_SYMBOLS_A_CONNECTION = 25  # deep books a connection: fewer than 30
_GOING_DOWN = "64008"
_POLLED = (
    (Asked.AUDIT, "/api/v5/market/books?instId={}&sz=50", 60.0),
    (
        Asked.LONG_SHORT,
        "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract?instId={}&limit=1",
        60.0,
    ),
)
_SIDES = {"buy": 1, "sell": -1}
_ARG_FIRST = b'{"arg":{'
_ID, _PREV, _CHECKSUM = (FIRST_VALUE + int(t) for t in (Told.ID, Told.PREV, Told.COUNT))


class OkxStream(ChainedStream):
    """Decoder and book synchroniser of OKX derivatives."""

    VENUES = (OKX,)
    hosts = HOSTS
    symbols_a_connection = _SYMBOLS_A_CONNECTION
    KEY_END = b"}"
    KEY_FROM = len(_ARG_FIRST)

    def __init__(self, instruments: Mapping[int, Instrument]) -> None:
        self._texts: dict[str, TextBook] = {}  # only of books that come with checksums
        self._underlyings: dict[str, list[str]] = {}  # index name to symbols
        self._touch_channels: set[str] = set()
        self._handlers: dict[str, Callable[[Any, int, RowBuffer], None]] = {
            "trades": self._trades,
            "mark-price": self._marks,
            "index-tickers": self._indexes,
            "funding-rate": self._fundings,
            "open-interest": self._interests,
            "tickers": self._tickers,
            "liquidation-orders": self._liquidations,
        }
        self._quick_kinds: dict[str, tuple[str, Layout, Take | None]] = {
            "books": ("books", wire.CHANGE_LAYOUT, self._take_change),
            "bbo-tbt": ("touch", wire.TOUCH_LAYOUT, None),  # by its ids
            "trades": ("trade", wire.TRADES_LAYOUT, self._take_trades),
        }
        super().__init__(instruments)

    def connections(self, hosts: Hosts) -> tuple[Connect, ...]:
        return tuple(
            Connect(
                name,
                f"{hosts.ws}/ws/v5/public",
                self._subscriptions(symbols),
                hello_every_s=0.4,  # 3 requests a second
                ping=b"ping",
                ping_every_s=20.0,
                silent_after_s=3.0,
            )
            for name, symbols in self.groups()
        )

    def polls(self) -> tuple[Poll, ...]:
        return tuple(
            Poll(Fetch(asked, symbol, path.format(symbol)), every_s)
            for asked, path, every_s in _POLLED
            for symbol in self.books
        )

    def _add(self, market: int, instrument: Instrument) -> None:
        super()._add(market, instrument)
        underlying = "-".join(instrument.symbol.split("-")[:2])
        self._underlyings.setdefault(underlying, []).append(instrument.symbol)

    def _subscriptions(self, symbols: list[str]) -> tuple[bytes, ...]:
        """`_BEAT` never pauses: silence of the connection is then its own, not the market's."""
        args = [{"channel": c, "instId": s} for s in symbols for c in _CHANNELS]
        args += [
            {"channel": "index-tickers", "instId": underlying}
            for underlying, listed in self._underlyings.items()
            if set(listed) & set(symbols)
        ]
        args += [{"channel": "liquidation-orders", "instType": "SWAP"}, _BEAT]
        return tuple(
            _request("subscribe", args[i : i + _ARGS_A_MESSAGE]) for i in range(0, len(args), _ARGS_A_MESSAGE)
        )

    def _again(self, symbol: str) -> tuple[bytes, ...]:
        topic = [{"channel": "books", "instId": symbol}]
        return _request("unsubscribe", topic), _request("subscribe", topic)

    def _renewed(self, book: ChainedBook) -> None:
        self._texts.pop(book.symbol, None)
        book.touch_ids.last = 0

    def _read(self, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        if payload == b"pong":
            self.messages["other"] += 1
            return self._ask(recv_ns)
        head = wire.HEAD.decode(payload)
        channel = head.arg.channel
        if head.event:
            return self._event(name, head)
        if channel == "books":
            self._order_book(name, wire.BOOK.decode(payload), recv_ns, out)
        elif channel == "bbo-tbt":
            self._touch(wire.BOOK.decode(payload), recv_ns, out)
        elif channel in self._handlers:
            self._handlers[channel](wire.FRAMES[channel].decode(payload).data, recv_ns, out)
        else:
            self.messages["other"] += 1
        book, quick = self.books.get(head.arg.instId), self._quick_kinds.get(channel)
        if book is not None and quick is not None and payload.startswith(_ARG_FIRST):
            name, layout, take = quick
            self._learn(payload, name, book, layout, take or book.touch_ids)
        return self._ask(recv_ns) if self._lost else ()

    def _event(self, name: str, head: wire.Head) -> tuple[Wanted, ...]:
        if head.event == "error":
            raise BadInput(f"expected subscriptions to be taken, but the venue says {head.code} {head.msg!r}")
        self.messages["other"] += 1
        if head.event == "notice" and head.code == _GOING_DOWN:
            return (Reconnect(name, head.msg),)
        return ()

    # book

    def _order_book(self, name: str, message: wire.Book, recv_ns: int, out: RowBuffer) -> None:
        book = self._book(message.arg.instId)
        if book is None:
            return
        data = message.data[0]
        snapshot = message.action == "snapshot"
        if not snapshot and message.action != "update":
            raise BadInput(f"books: expected action snapshot or update, was {message.action!r}")
        seq = 0 if data.seqId is None else max(data.seqId, 0)
        n = self._rows(
            book,
            data.bids,
            data.asks,
            out,
            recv_ns=recv_ns,
            exch_ns=self._time(data.ts),
            ref=seq,
            snapshot=snapshot,
        )
        text = self._text_after(book, data, snapshot)
        self.messages["snapshot" if snapshot else "books"] += 1
        self.level_updates += n - 1 - snapshot
        if not snapshot and not book.synced:
            book.ignored += 1
        elif snapshot and book.synced and data.seqId is not None and book.is_old(seq, book.last):
            book.duplicates += 1
        elif text is not None and text.checksum() != data.checksum:
            self.messages["wrong checksum"] += 1
            self._break(book, recv_ns, out)
        elif snapshot or _links(book, data, text):
            if snapshot:
                book.join(seq, name, recv_ns)
            if seq < book.last:
                book.touch_ids.last = 0  # ids began anew
            book.last = seq
            if text is None:
                self._texts.pop(book.symbol, None)
            else:
                self._texts[book.symbol] = text
            out.keep(n)
        elif data.seqId is not None and data.prevSeqId is not None and data.prevSeqId < seq <= book.last:
            book.duplicates += 1
        else:
            self._break(book, recv_ns, out)

    def _take_change(
        self, quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer
    ) -> tuple[Wanted, ...] | None:
        values, book = quick.values, quick.state
        assert isinstance(book, ChainedBook)
        if not book.synced or values[_PREV] != book.last or values[_CHECKSUM] or book.symbol in self._texts:
            return None
        if values[_ID] < book.last:
            book.touch_ids.last = 0  # ids began anew
        book.last = values[_ID]
        out.used += n
        self.messages["books"] += 1
        self.level_updates += n - 1
        return self._ask(recv_ns) if self._lost else ()

    def _break(self, book: ChainedBook, recv_ns: int, out: RowBuffer) -> None:
        self._texts.pop(book.symbol, None)
        self._lose(book, recv_ns, out)

    def _text_after(self, book: ChainedBook, data: wire.Levels, snapshot: bool) -> TextBook | None:
        """The book as text after a message that carries a checksum; None where none can be judged."""
        before = TextBook() if snapshot else self._texts.get(book.symbol)
        if not data.checksum or before is None:
            return None
        return before.changed(bytes(data.bids), bytes(data.asks))

    def _touch(self, message: wire.Book, recv_ns: int, out: RowBuffer) -> None:
        book = self._book(message.arg.instId)
        if book is None:
            return
        data = message.data[0]
        exch_ns = self._time(data.ts)
        sides = [msgspec.json.decode(side, type=list[tuple[str, ...]]) for side in (data.bids, data.asks)]
        bids, asks = ([(book.ticks(p), book.lots(q)) for p, q, *_ in side] for side in sides)
        if not bids or not asks:
            self.messages["other"] += 1
            return
        self._touch_channels.add(book.symbol)
        touch_id = max(data.seqId or 0, 0)
        if book.touch_ids.is_new(touch_id):
            out.put_touch(recv_ns, exch_ns, book.market, *max(bids), *min(asks), touch_id)
            self.messages["touch"] += 1

    def _tickers(self, data: list[wire.Touch], recv_ns: int, out: RowBuffer) -> None:
        """Their touch serves where no faster channel brings one."""
        for told in data:
            book = self._book(told.instId)
            if book is None or book.symbol in self._touch_channels:
                continue
            bid = book.ticks(told.bidPx), book.lots(told.bidSz)
            ask = book.ticks(told.askPx), book.lots(told.askSz)
            out.put_touch(recv_ns, self._time(told.ts), book.market, *bid, *ask, 0)
            self.messages["ticker"] += 1

    # everything else

    def _trades(self, data: list[wire.Print], recv_ns: int, out: RowBuffer) -> None:
        """One print an order and price; `source` is not 0 where the other side was no order of the book."""
        prints = []
        for told in data:
            book = self._book(told.instId)
            if book is not None:
                what = book.ticks(told.px), book.lots(told.sz), _side(told.side), _whole(told.tradeId)
                prints.append((book, told, self._time(told.ts), what))
        for book, told, exch_ns, (price, lots, side, print_id) in prints:
            if not book.print_ids.is_new(print_id):
                self.duplicate_prints += 1
                continue
            if book.is_history(exch_ns, recv_ns):
                self.history_prints += 1
                continue
            apart = told.source != "0" or not price or not lots
            self.not_market += apart
            self.messages["trade"] += 1
            flags = (Flag.NOT_MARKET if apart else 0) | (Flag.AGGREGATE if told.count not in ("", "1") else 0)
            out.put(
                Kind.TRADE,
                recv_ns,
                exch_ns,
                book.market,
                side=side,
                price=price,
                value=lots,
                ref=print_id,
                flags=flags,
            )

    def _take_trades(
        self, quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer
    ) -> tuple[Wanted, ...] | None:
        state, print_id = quick.state, quick.values[_ID]
        if n != 1 or print_id <= state.print_ids.last or state.is_history(self.exch_ns, recv_ns):
            return None  # one print a frame is the rule
        state.print_ids.last = print_id
        out.used += n
        self.messages["trade"] += 1
        return self._ask(recv_ns) if self._lost else ()

    def _marks(self, data: list[wire.Mark], recv_ns: int, out: RowBuffer) -> None:
        for told in data:
            book = self._book(told.instId)
            if book is not None:
                value = positive(told.markPx, "mark price")
                out.put(Kind.MARK, recv_ns, self._time(told.ts), book.market, value=value)
                self.messages["mark"] += 1

    def _indexes(self, data: list[wire.Index], recv_ns: int, out: RowBuffer) -> None:
        for told in data:
            value = positive(told.idxPx, "index price")
            for symbol in self._underlyings.get(told.instId, ()):
                out.put(Kind.INDEX, recv_ns, self._time(told.ts), self.books[symbol].market, value=value)
            self.messages["index"] += 1

    def _fundings(self, data: list[wire.Funding], recv_ns: int, out: RowBuffer) -> None:
        """`fundingTime` is the coming settlement, `nextFundingTime` the one behind it."""
        for told in data:
            book = self._book(told.instId)
            if book is None:
                continue
            due_ms = _whole(told.fundingTime)
            after_ms = _whole(told.nextFundingTime) if told.nextFundingTime else 0
            interval_s = max(after_ms - due_ms, 0) // 1000 if after_ms else 0
            out.put(
                Kind.FUNDING,
                recv_ns,
                self._time(told.ts or "0"),
                book.market,
                value=reading(told.fundingRate, "funding rate"),
                ref=due_ms * NS_PER_MS,
                price=interval_s,
            )
            self.messages["funding"] += 1

    def _interests(self, data: list[wire.Interest], recv_ns: int, out: RowBuffer) -> None:
        for told in data:
            book = self._book(told.instId)
            if book is not None:
                value = amount(told.oiCcy, "open interest")
                out.put(Kind.OPEN_INTEREST, recv_ns, self._time(told.ts), book.market, value=value)
                self.messages["openInterest"] += 1

    def _liquidations(self, data: list[wire.ForcedOrders], recv_ns: int, out: RowBuffer) -> None:
        """Of every swap, so most are of symbols that are not ours. `side` is the order's."""
        for orders in data:
            book = self.books.get(orders.instId)
            for told in orders.details if book is not None else ():
                assert book is not None
                out.put(
                    Kind.LIQUIDATION,
                    recv_ns,
                    self._time(told.ts),
                    book.market,
                    side=_side(told.side),
                    price=book.nearest_tick(told.bkPx),  # the bankruptcy price
                    value=book.lots(told.sz),
                )
                self.messages["liquidation"] += 1

    # REST

    def _answer(self, asked: Fetch, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self.books.get(asked.symbol)
        if book is None:
            raise BadInput(f"expected one of {', '.join(self.books)}")
        if asked.asked is Asked.AUDIT:
            told = wire.BOOK_ANSWER.decode(payload).data[0]
            self._audit_rows(book, told.bids, told.asks, max(told.seqId or 0, 0), self._time(told.ts))
        elif asked.asked is Asked.LONG_SHORT:
            for stamp, ratio in wire.RATIO_ANSWER.decode(payload).data[:1]:
                value = positive(ratio, "long/short")
                out.put(Kind.LONG_SHORT, recv_ns, self._time(stamp), book.market, value=value)
                self.messages["longShort"] += 1
        else:
            raise BadInput("expected an audit or a long/short ratio")
        return ()

    def _time(self, text: str) -> int:
        return self._stamp(_whole(text))


def _links(book: ChainedBook, data: wire.Levels, text: TextBook | None) -> bool:
    """Whether an update follows the book. Without ids, as in 2022, only a checksum that was right can say."""
    return text is not None if data.prevSeqId is None else data.prevSeqId == book.last


def _request(op: str, args: list[dict[str, str]]) -> bytes:
    return msgspec.json.encode({"op": op, "args": args})


def _side(text: str) -> int:
    side = _SIDES.get(text)
    if side is None:
        raise BadInput(f"expected side buy or sell, was {text!r}")
    return side


def _whole(text: str) -> int:
    if not text.isdigit() or len(text) > 18:
        raise BadInput(f"expected a whole number, was {text!r}")
    return int(text)
