"""Bybit linear perpetuals without sockets: frames in, EVENT rows and wanted actions out.

Book: a message of type snapshot replaces it, as does update id 1 (the service
was restarted); every other message must carry the update id behind the last.
The documentation does not promise that for these topics, recordings show it.
There is no REST base: leaving and joining the topic brings a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bot.core.errors import BadInput
from bot.core.units import NS_PER_MS
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues import bybit_wire as wire
from bot.market.venues.base import Quick, amount, positive, reading
from bot.market.venues.chain import ChainedBook
from bot.market.venues.chained import ChainedStream
from bot.market.venues.layout import Told
from bot.market.venues.protocol import Asked, Connect, Fetch, Hosts, Poll, Wanted
from bot.market.venues.scan import FIRST_VALUE, VALUES

LINEAR = "bybit-linear"
HOSTS = Hosts(ws="wss://stream.bybit.com", rest="https://api.bybit.com")

_DEPTH = 1000
"""Levels a side, every 200 ms. Of BTCUSDT 200 levels reach 3 bps from the touch, too near for walls."""

_TOPICS = (f"orderbook.{_DEPTH}", "orderbook.1", "publicTrade", "tickers", "allLiquidation")
_BEAT = "tickers.BTCUSDT"
_ARGS_A_MESSAGE = 100  # of a whole connection: 21,000 characters
_PING = b'{"op":"ping"}'
_SYMBOLS_A_CONNECTION = 100
_POLLED = (
    (Asked.AUDIT, "/v5/market/orderbook?category=linear&symbol={}&limit=50", 60.0),
    (Asked.LONG_SHORT, "/v5/market/account-ratio?category=linear&symbol={}&period=5min&limit=1", 60.0),
)
_ID, _SPAN = FIRST_VALUE + int(Told.ID), FIRST_VALUE + int(Told.SPAN)
_LOW_HALF = 0xFFFFFFFF
_S_PER_HOUR = 3600
_SIDES = {"Buy": 1, "Sell": -1}


class TickerState:
    """The fields of one symbol's ticker as the deltas so far leave them."""

    def __init__(self) -> None:
        self.funding: tuple[str, str, str] = ("", "", "0")  # rate, next time ms, interval h
        self.touch: tuple[str, str, str, str] = ("", "", "", "")

    def merged(self, fields: wire.Fields) -> tuple[tuple[str, str, str], tuple[str, str, str, str]]:
        """(funding, touch) after a message."""
        rate, due, hours = self.funding
        bid, bid_size, ask, ask_size = self.touch
        return (
            (
                _latest(fields.fundingRate, rate),
                _latest(fields.nextFundingTime, due),
                _latest(fields.fundingIntervalHour, hours),
            ),
            (
                _latest(fields.bid1Price, bid),
                _latest(fields.bid1Size, bid_size),
                _latest(fields.ask1Price, ask),
                _latest(fields.ask1Size, ask_size),
            ),
        )


def _latest(told: str | None, known: str) -> str:
    return known if told is None else told


class BybitStream(ChainedStream):
    """Decoder and book synchroniser of Bybit linear perpetuals."""

    VENUES = (LINEAR,)
    hosts = HOSTS
    symbols_a_connection = _SYMBOLS_A_CONNECTION
    KEY_END = b'"'
    KEY_FROM = len(wire.TOPIC_FIRST)

    def __init__(self, instruments: Mapping[int, Instrument]) -> None:
        self._tickers: dict[str, TickerState] = {}
        self._book_topics: dict[str, str] = {}  # symbol to the topic its ladder is read from
        self._touch_topics: set[str] = set()  # symbols whose touch has a topic of its own
        super().__init__(instruments)

    def connections(self, hosts: Hosts) -> tuple[Connect, ...]:
        return tuple(
            Connect(
                name,
                f"{hosts.ws}/v5/public/linear",
                _subscriptions(symbols),
                hello_every_s=0.1,
                ping=_PING,
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

    def _again(self, symbol: str) -> tuple[bytes, ...]:
        topic = self._book_topics.get(symbol, f"orderbook.{_DEPTH}.{symbol}")
        return _request("unsubscribe", [topic]), _request("subscribe", [topic])

    def _renewed(self, book: ChainedBook) -> None:
        self._tickers.pop(book.symbol, None)
        book.touch_ids.last = 0

    def _read(self, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        topic = wire.topic_of(payload)
        kind, _, _ = topic.partition(".")
        if kind == "orderbook":
            self._order_book(name, topic, wire.BOOK.decode(payload), recv_ns, out)
            self._learn_book(topic, payload)
        elif kind == "publicTrade":
            self._trades(wire.TRADES.decode(payload), recv_ns, out)
            book = self.books.get(topic.partition(".")[2])
            if book is not None:
                self._learn(payload, "trade", book, wire.TRADES_LAYOUT, self._take_trades)
        elif kind == "tickers":
            self._ticker(wire.TICKER.decode(payload), recv_ns, out)
        elif kind == "allLiquidation":
            self._liquidations(wire.LIQUIDATIONS.decode(payload), recv_ns, out)
        else:
            self._control(payload)
        return self._ask(recv_ns) if self._lost else ()

    def _learn_book(self, topic: str, payload: bytes) -> None:
        _, depth, symbol = topic.split(".", 2)
        book = self.books.get(symbol)
        if book is None:
            return
        if depth == "1" and symbol in self._touch_topics:
            self._learn(payload, "touch", book, wire.TOUCH_LAYOUT, book.touch_ids)
        elif self._book_topics.get(symbol) == topic:
            self._learn(payload, "orderbook", book, wire.CHANGE_LAYOUT, self._take_change)

    def _control(self, payload: bytes) -> None:
        """Topics that are not used, pongs, and answers to subscriptions."""
        head = wire.HEAD.decode(payload)
        if not head.success:
            raise BadInput(f"{head.op}: expected success, but the venue says {head.ret_msg!r}")
        self.messages["other"] += 1

    # book

    def _order_book(self, name: str, topic: str, message: wire.Book, recv_ns: int, out: RowBuffer) -> None:
        book = self._book(message.data.s)
        if book is None:
            return
        if not topic.endswith(f".{book.symbol}"):
            raise BadInput(f"{topic}: expected its own symbol, was {book.symbol}")
        if topic.startswith("orderbook.1."):
            self._touch(book, message, recv_ns, out)
            return
        if book.synced and self._book_topics[book.symbol] != topic:
            self.messages["other"] += 1  # one ladder, one depth
            return
        data = message.data
        snapshot = message.type == "snapshot" or data.u == 1
        if not snapshot and message.type != "delta":
            raise BadInput(f"orderbook: expected type snapshot or delta, was {message.type!r}")
        n = self._rows(
            book,
            data.b,
            data.a,
            out,
            recv_ns=recv_ns,
            exch_ns=self._stamp(message.cts or message.ts),
            ref=data.u,
            snapshot=snapshot,
        )
        self.messages["snapshot" if snapshot else "orderbook"] += 1
        self.level_updates += n - 1 - snapshot
        if snapshot and book.synced and data.u != 1 and book.is_old(data.u, book.last):
            book.duplicates += 1
        elif snapshot:
            book.join(data.u, name, recv_ns)
            self._book_topics[book.symbol] = topic
            out.keep(n)
        elif not book.synced:
            book.ignored += 1
        elif data.u == book.last + 1:
            book.last = data.u
            out.keep(n)
        elif data.u <= book.last:
            book.duplicates += 1
        else:
            self._lose(book, recv_ns, out)

    def _take_change(
        self, quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer
    ) -> tuple[Wanted, ...] | None:
        book, update_id = quick.state, quick.values[_ID]
        assert isinstance(book, ChainedBook)
        if (
            not book.synced
            or update_id != book.last + 1
            or update_id == 1
            or not self._is_its_topic(book, payload)
        ):
            return None
        book.last = update_id
        out.used += n
        self.messages["orderbook"] += 1
        self.level_updates += n - 1
        return self._ask(recv_ns) if self._lost else ()

    def _is_its_topic(self, book: ChainedBook, payload: bytes) -> bool:
        return payload.startswith(self._book_topics[book.symbol].encode(), len(wire.TOPIC_FIRST))

    def _touch(self, book: ChainedBook, message: wire.Book, recv_ns: int, out: RowBuffer) -> None:
        """Depth 1 comes as snapshots only; the same one again after 3 s of silence."""
        exch_ns = self._stamp(message.cts or message.ts)
        sides = [
            msgspec.json.decode(side, type=list[tuple[str, str]]) for side in (message.data.b, message.data.a)
        ]
        bids, asks = ([(book.ticks(p), book.lots(q)) for p, q in side] for side in sides)
        if message.type != "snapshot" or not bids or not asks:
            self.messages["other"] += 1
            return
        self._touch_topics.add(book.symbol)
        if book.touch_ids.is_new(message.data.u):
            out.put_touch(recv_ns, exch_ns, book.market, *max(bids), *min(asks), message.data.u)
            self.messages["touch"] += 1

    # everything else

    def _trades(self, message: wire.Trades, recv_ns: int, out: RowBuffer) -> None:
        prints = []
        for told in message.data:
            book = self._book(told.s)
            if book is not None:
                prints.append((book, told, book.ticks(told.p), book.lots(told.v), _side(told.S)))
        for book, told, price, lots, side in prints:
            if not book.is_unseen(told.i):
                self.duplicate_prints += 1
                continue
            apart = told.BT or told.RPI or not price or not lots
            self.not_market += apart
            self.messages["trade"] += 1
            out.put(
                Kind.TRADE,
                recv_ns,
                self._stamp(told.T),
                book.market,
                side=side,
                price=price,
                value=lots,
                ref=told.seq,
                flags=Flag.NOT_MARKET if apart else 0,
            )

    def _take_trades(
        self, quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer
    ) -> tuple[Wanted, ...] | None:
        spans = quick.values[_SPAN : _SPAN + n * VALUES : VALUES].tolist()
        if not quick.state.are_unseen([payload[span >> 32 : span & _LOW_HALF].decode() for span in spans]):
            return None
        out.used += n
        self.messages["trade"] += n
        return self._ask(recv_ns) if self._lost else ()

    def _ticker(self, message: wire.Ticker, recv_ns: int, out: RowBuffer) -> None:
        fields = message.data
        book = self._book(fields.symbol)
        if book is None:
            return
        fresh = message.type == "snapshot"
        state = TickerState() if fresh else self._tickers.get(book.symbol, TickerState())
        funding, touch = state.merged(fields)
        exch_ns = self._stamp(message.ts)
        for kind, text, what in (
            (Kind.MARK, fields.markPrice, "mark price"),
            (Kind.INDEX, fields.indexPrice, "index price"),
        ):
            if text:
                out.put(kind, recv_ns, exch_ns, book.market, value=positive(text, what))
        if fields.openInterest:
            interest = amount(fields.openInterest, "open interest")
            out.put(Kind.OPEN_INTEREST, recv_ns, exch_ns, book.market, value=interest)
        if funding[0] and (fresh or funding != state.funding):
            self._put_funding(book, funding, recv_ns, exch_ns, out)
        if all(touch) and touch != state.touch and book.symbol not in self._touch_topics:
            bid = book.ticks(touch[0]), book.lots(touch[1])
            ask = book.ticks(touch[2]), book.lots(touch[3])
            out.put_touch(recv_ns, exch_ns, book.market, *bid, *ask, message.cs)
        state.funding, state.touch = funding, touch
        self._tickers[book.symbol] = state
        self.messages["ticker"] += 1

    def _put_funding(
        self, book: ChainedBook, funding: tuple[str, str, str], recv_ns: int, exch_ns: int, out: RowBuffer
    ) -> None:
        rate, due, hours = funding
        interval_s = _whole(hours or "0", "funding interval") * _S_PER_HOUR
        out.put(
            Kind.FUNDING,
            recv_ns,
            exch_ns,
            book.market,
            value=reading(rate, "funding rate"),
            ref=_whole(due or "0", "next funding time") * NS_PER_MS,
            price=interval_s,
        )

    def _liquidations(self, message: wire.Liquidations, recv_ns: int, out: RowBuffer) -> None:
        """S is the side of the position that was liquidated: its order went the other way."""
        for told in message.data:
            book = self._book(told.s)
            if book is None:
                continue
            out.put(
                Kind.LIQUIDATION,
                recv_ns,
                self._stamp(told.T),
                book.market,
                side=-_side(told.S),
                price=book.nearest_tick(told.p),  # the bankruptcy price
                value=book.lots(told.v),
            )
        self.messages["liquidation"] += 1

    # REST

    def _answer(self, asked: Fetch, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self.books.get(asked.symbol)
        if book is None:
            raise BadInput(f"expected one of {', '.join(self.books)}")
        if asked.asked is Asked.AUDIT:
            told = wire.BOOK_ANSWER.decode(payload).result
            self._audit_rows(book, told.b, told.a, told.u, self._stamp(told.cts or told.ts))
        elif asked.asked is Asked.LONG_SHORT:
            for ratio in wire.RATIO_ANSWER.decode(payload).result.ratios[:1]:
                value = amount(ratio.buyRatio, "long share") / positive(ratio.sellRatio, "short share")
                stamp = self._stamp(_whole(ratio.timestamp, "timestamp"))
                out.put(Kind.LONG_SHORT, recv_ns, stamp, book.market, value=value)
                self.messages["longShort"] += 1
        else:
            raise BadInput("expected an audit or a long/short ratio")
        return ()


def _subscriptions(symbols: list[str]) -> tuple[bytes, ...]:
    """`_BEAT` never pauses: silence of the connection is then its own, not the market's."""
    args = list(dict.fromkeys([f"{topic}.{symbol}" for symbol in symbols for topic in _TOPICS] + [_BEAT]))
    return tuple(
        _request("subscribe", args[i : i + _ARGS_A_MESSAGE]) for i in range(0, len(args), _ARGS_A_MESSAGE)
    )


def _request(op: str, args: list[str]) -> bytes:
    return msgspec.json.encode({"op": op, "args": args})


def _side(text: str) -> int:
    side = _SIDES.get(text)
    if side is None:
        raise BadInput(f"expected side Buy or Sell, was {text!r}")
    return side


def _whole(text: str, what: str) -> int:
    if not text.isdigit() or len(text) > 16:
        raise BadInput(f"{what}: expected a whole number, was {text!r}")
    return int(text)
