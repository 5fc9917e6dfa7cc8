"""Hyperliquid perpetuals without sockets: frames in, EVENT rows and wanted actions out.

Every book message is the whole book, so nothing has to be joined and nothing
can be missed; there are no ids. The default book has 20 levels every 5.4 s and
is too old to trade on; `fast` has 5 levels every 0.54 s, and `bbo` tells the
touch of each block (measured 2026-09). Unchanged books come again with a new
time, which shows that the feed lives. No liquidations and no long/short ratio
are public. One unknown coin in a subscription closes the whole connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues import hyperliquid_wire as wire
from bot.market.venues.base import Quick, Take, amount, positive, reading
from bot.market.venues.chain import ChainedBook
from bot.market.venues.chained import MOST_LEVELS, ChainedStream
from bot.market.venues.layout import Layout, Told
from bot.market.venues.protocol import Asked, Connect, Fetch, Hosts, Poll, Wanted
from bot.market.venues.scan import FIRST_VALUE

HYPERLIQUID = "hyperliquid"
HOSTS = Hosts(ws="wss://api.hyperliquid.xyz", rest="https://api.hyperliquid.xyz")

_SUBSCRIPTIONS = ("l2Book", "bbo", "trades", "activeAssetCtx")
_BEAT = "BTC"
_PING = b'{"method":"ping"}'
_SYMBOLS_A_CONNECTION = 200
_FAST_LEVELS = 5  # a side; REST tells 20
_INFO_WEIGHT = 2
_AUDIT_EVERY_S = 60.0
_HOUR_S = 3600
_HOUR_NS = _HOUR_S * NS_PER_S
_SIDES = {"B": 1, "A": -1}
_BEGINS = re.compile(rb'\{"channel":"(l2Book|bbo|trades)","data":\[?\{"coin":"([^"\\]+)",')
_ID, _FAST = FIRST_VALUE + int(Told.ID), FIRST_VALUE + int(Told.SIDE)


class HyperliquidStream(ChainedStream):
    """Decoder of Hyperliquid perpetuals; symbols are coin names as in the venue's `meta`."""

    VENUES = (HYPERLIQUID,)
    hosts = HOSTS
    symbols_a_connection = _SYMBOLS_A_CONNECTION
    KEY_END = b","  # behind the coin, which stands first in the data
    KEY_FROM = len('{"channel":"activeAssetCtx",')

    def __init__(self, instruments: Mapping[int, Instrument]) -> None:
        self._fast: set[str] = set()  # coins whose book comes fast
        self._quick_kinds: dict[str, tuple[str, Layout, Take | None]] = {
            "l2Book": ("snapshot", wire.BOOK_LAYOUT, self._take_book),
            "bbo": ("touch", wire.TOUCH_LAYOUT, None),  # by its ids
            "trades": ("trade", wire.TRADES_LAYOUT, self._take_trades),
        }
        super().__init__(instruments)

    def connections(self, hosts: Hosts) -> tuple[Connect, ...]:
        return tuple(
            Connect(
                name,
                f"{hosts.ws}/ws",
                _subscriptions(symbols),
                hello_every_s=0.03,  # 2,000 messages a minute
                ping=_PING,
                ping_every_s=20.0,
                silent_after_s=3.0,
            )
            for name, symbols in self.groups()
        )

    def polls(self) -> tuple[Poll, ...]:
        return tuple(
            Poll(
                Fetch(
                    Asked.AUDIT,
                    coin,
                    "/info",
                    _INFO_WEIGHT,
                    msgspec.json.encode({"type": "l2Book", "coin": coin}),
                ),
                _AUDIT_EVERY_S,
            )
            for coin in self.books
        )

    def _again(self, symbol: str) -> tuple[bytes, ...]:
        return _request("unsubscribe", "l2Book", symbol), _request("subscribe", "l2Book", symbol)

    def _renewed(self, book: ChainedBook) -> None:
        self._fast.discard(book.symbol)
        book.touch_ids.last = 0

    def _read(self, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        head = wire.HEAD.decode(payload)
        if head.channel == "l2Book":
            self._order_book(name, wire.BOOK.decode(head.data), recv_ns, out)
        elif head.channel == "bbo":
            self._touch(wire.TOUCH.decode(head.data), recv_ns, out)
        elif head.channel == "trades":
            self._trades(wire.TRADES.decode(head.data), recv_ns, out)
        elif head.channel == "activeAssetCtx":
            self._context(wire.CONTEXT.decode(head.data), recv_ns, out)
        elif head.channel == "error":
            raise BadInput("expected subscriptions to be taken, but the venue says no")
        else:
            self.messages["other"] += 1
        begins = _BEGINS.match(payload)
        if begins is not None and (book := self.books.get(begins[2].decode())) is not None:
            kind, layout, take = self._quick_kinds[begins[1].decode()]
            self._learn(payload, kind, book, layout, take or book.touch_ids)
        return self._ask(recv_ns) if self._lost else ()

    def _order_book(self, name: str, message: wire.Book, recv_ns: int, out: RowBuffer) -> None:
        book = self._book(message.coin)
        if book is None:
            return
        if book.symbol in self._fast and not message.fast:
            self.messages["other"] += 1  # one ladder, one feed
            return
        n = self._rows(
            book,
            *message.levels,
            out,
            recv_ns=recv_ns,
            exch_ns=self._stamp(message.time),
            ref=message.time,
            snapshot=True,
        )
        if book.synced and message.time < book.last:
            book.duplicates += 1
            return
        if message.fast:
            self._fast.add(book.symbol)
        book.join(message.time, name, recv_ns)
        out.keep(n)
        self.messages["snapshot"] += 1
        self.level_updates += n - 2

    def _take_book(
        self, quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer
    ) -> tuple[Wanted, ...] | None:
        book, time, fast = quick.state, quick.values[_ID], quick.values[_FAST] == 1
        assert isinstance(book, ChainedBook)
        if (book.symbol in self._fast and not fast) or (book.synced and time < book.last):
            return None
        if fast:
            self._fast.add(book.symbol)
        book.join(time, name, recv_ns)
        out.used += n
        self.messages["snapshot"] += 1
        self.level_updates += n - 2
        return self._ask(recv_ns) if self._lost else ()

    def _take_trades(
        self, quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer
    ) -> tuple[Wanted, ...] | None:
        state, print_id = quick.state, quick.values[_ID]
        if n != 1 or state.is_history(self.exch_ns, recv_ns) or not state.is_unseen(print_id):
            return None  # several are read so seldom that they may cost more
        out.used += n
        self.messages["trade"] += 1
        return self._ask(recv_ns) if self._lost else ()

    def _touch(self, message: wire.Touch, recv_ns: int, out: RowBuffer) -> None:
        book = self._book(message.coin)
        if book is None:
            return
        bid, ask = message.bbo
        if bid is None or ask is None:
            self.messages["other"] += 1
            return
        exch_ns = self._stamp(message.time)
        best_bid = book.ticks(bid.px), book.lots(bid.sz)
        best_ask = book.ticks(ask.px), book.lots(ask.sz)
        if book.touch_ids.is_new(message.time):
            out.put_touch(recv_ns, exch_ns, book.market, *best_bid, *best_ask, message.time)
            self.messages["touch"] += 1

    def _trades(self, data: list[wire.Print], recv_ns: int, out: RowBuffer) -> None:
        """The first frame of a subscription tells some 20 s of the past.

        A hash of zeros is a slice of a TWAP or a liquidation: both take from the book like any order.
        """
        prints = []
        for told in data:
            book = self._book(told.coin)
            if book is not None:
                prints.append((book, told, book.ticks(told.px), book.lots(told.sz), _side(told.side)))
        for book, told, price, lots, side in prints:
            exch_ns = self._stamp(told.time)
            if not book.is_unseen(told.tid):
                self.duplicate_prints += 1
                continue
            if book.is_history(exch_ns, recv_ns):
                self.history_prints += 1
                continue
            apart = not price or not lots
            self.not_market += apart
            self.messages["trade"] += 1
            out.put(
                Kind.TRADE,
                recv_ns,
                exch_ns,
                book.market,
                side=side,
                price=price,
                value=lots,
                ref=told.tid,
                flags=Flag.NOT_MARKET if apart else 0,
            )

    def _context(self, message: wire.AssetContext, recv_ns: int, out: RowBuffer) -> None:
        """Without a time of its own. The rate is an hour's, paid at each full hour."""
        book = self._book(message.coin)
        if book is None:
            return
        told, market = message.ctx, book.market
        due_ns = (recv_ns // _HOUR_NS + 1) * _HOUR_NS
        rate = reading(told.funding, "funding rate")
        out.put(Kind.MARK, recv_ns, 0, market, value=positive(told.markPx, "mark price"))
        out.put(Kind.INDEX, recv_ns, 0, market, value=positive(told.oraclePx, "oracle price"))
        out.put(Kind.FUNDING, recv_ns, 0, market, value=rate, ref=due_ns, price=_HOUR_S)
        out.put(Kind.OPEN_INTEREST, recv_ns, 0, market, value=amount(told.openInterest, "open interest"))
        self.messages["context"] += 1

    def _answer(self, asked: Fetch, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        book = self.books.get(asked.symbol)
        if book is None or asked.asked is not Asked.AUDIT:
            raise BadInput(f"expected an audit of one of {', '.join(self.books)}")
        told = wire.BOOK.decode(payload)
        most = _FAST_LEVELS if book.symbol in self._fast else MOST_LEVELS
        self._audit_rows(book, *told.levels, told.time, self._stamp(told.time), most)
        return ()


def _subscriptions(symbols: list[str]) -> tuple[bytes, ...]:
    """`_BEAT` never pauses: silence of the connection is then its own, not the market's."""
    wanted = [_request("subscribe", kind, symbol) for symbol in symbols for kind in _SUBSCRIPTIONS]
    return tuple(dict.fromkeys([*wanted, _request("subscribe", "bbo", _BEAT)]))


def _request(method: str, kind: str, coin: str) -> bytes:
    subscription: dict[str, str | bool] = {"type": kind, "coin": coin}
    if kind == "l2Book":
        subscription["fast"] = True
    return msgspec.json.encode({"method": method, "subscription": subscription})


def _side(text: str) -> int:
    side = _SIDES.get(text)
    if side is None:
        raise BadInput(f"expected side B or A, was {text!r}")
    return side
