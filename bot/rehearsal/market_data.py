"""The market half of the rehearsal exchange: Binance USDⓈ-M streams and REST market data of a world.

Streams `<symbol>@depth[@100ms]`, `@trade`, `@aggTrade`, `@bookTicker`,
`@markPrice[@1s]`, `@forceOrder` on `/public`, `/market` and the bare paths, as
`/ws/<stream>`, `/stream?streams=` and SUBSCRIBE messages. Each path carries its
own class of data only, and stays silent about the other, as the venue does.
Every book message of the world becomes one depthUpdate.
Sources: Binance developer pages, USDS-margined futures market streams and
market data endpoints; forms of recorded messages.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from aiohttp import WSMsgType, web

from bot.core.units import NS_PER_MS
from bot.market.events import Flag, Kind
from bot.market.instruments import Instrument
from bot.rehearsal.faults import BURST_OF, Change, Fault, Faults
from bot.rehearsal.world import OnRows

QUEUED = 20_000
"""Frames a listener may be behind; then it is cut off, as a venue does."""
BEAT_S = 0.5
FIRST_ID = 10_000_000
LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_CLASS = {
    "depth": "public",
    "depth5": "public",
    "trade": "public",
    "bookTicker": "public",
    "aggTrade": "market",
    "markPrice": "market",
    "forceOrder": "market",
}


class MarketWorld(Protocol):
    """What is needed of a `World`."""

    instruments: tuple[Instrument, ...]

    def now_ns(self) -> int: ...

    def subscribe(self, on_rows: OnRows) -> Any: ...

    def depth(self, market: int, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...


@dataclass(slots=True)
class _Market:
    """What has been told about one market, in the venue's own words."""

    instrument: Instrument
    symbol: str
    last_id: int = 0  # of the last book message told; ids keep the steps of the rows' own
    last_ref: int = 0
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    mark: float = 0.0
    index: float = 0.0
    rate: float = 0.0
    funding_ms: int = 0
    interest: float = 0.0
    ratio: float = 1.0
    kept: deque[tuple[int, dict[str, Any]]] = field(default_factory=lambda: deque(maxlen=8))
    _prices: dict[int, str] = field(default_factory=dict)
    _sizes: dict[int, str] = field(default_factory=dict)

    def price(self, ticks: int) -> str:
        text = self._prices.get(ticks)
        if text is None:
            text = self._prices[ticks] = f"{self.instrument.price(ticks):f}"
        return text

    def size(self, lots: int) -> str:
        text = self._sizes.get(lots)
        if text is None:
            if len(self._sizes) > 1 << 16:
                self._sizes.clear()
            text = self._sizes[lots] = f"{self.instrument.quantity(lots):f}"
        return text

    def book(self, limit: int, now_ms: int) -> dict[str, Any]:
        """As REST shows it."""
        bids = sorted(self.bids, reverse=True)[:limit]
        asks = sorted(self.asks)[:limit]
        return {
            "lastUpdateId": self.last_id,
            "E": now_ms,
            "T": now_ms,
            "bids": [[self.price(t), self.size(self.bids[t])] for t in bids],
            "asks": [[self.price(t), self.size(self.asks[t])] for t in asks],
        }


@dataclass(eq=False, slots=True)
class _Listener:
    """One websocket: what it asked for and what waits to be sent."""

    request: web.Request
    ws: web.WebSocketResponse
    data_class: str  # "public", "market", or "" for both
    combined: bool
    streams: set[str] = field(default_factory=set)
    waiting: deque[bytes] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, payload: bytes) -> None:
        self.waiting.append(payload)
        self.wake.set()

    def abort(self) -> None:
        """Cut, without a closing handshake."""
        if self.request.transport is not None:
            self.request.transport.abort()


class MarketData:
    """Tells a world's rows to whoever listens. `start` and `stop` run with the application."""

    def __init__(self, world: MarketWorld, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self.markets = [_Market(i, i.symbol) for i in world.instruments]
        self.by_symbol = {m.symbol: m for m in self.markets}
        self.listeners: set[_Listener] = set()
        self.heard_by: dict[tuple[str, str], set[tuple[_Listener, str]]] = {}  # by symbol and event
        self.sent = 0
        self.cut_off = 0
        for number, market in enumerate(self.markets):
            self._fill(number, market)
        world.subscribe(self.on_rows)

    # rows to messages

    def on_rows(self, rows: np.ndarray) -> None:
        for message in _messages(rows):
            first = message[0]
            market = self.markets[int(first["market"])]
            kind = int(first["kind"])
            if kind in (Kind.SNAPSHOT, Kind.LEVEL):
                self._book(market, message)
            elif kind == Kind.BBO:
                self._touch(market, message)
            elif kind == Kind.TRADE:
                self._trade(market, first)
            else:
                self._reading(market, kind, first)

    def _fill(self, number: int, market: _Market) -> None:
        """The book as it stands when we begin to listen."""
        bids, asks = self.world.depth(number, 1 << 20)
        market.bids, market.asks = dict(bids), dict(asks)
        market.last_id = FIRST_ID

    def _book(self, market: _Market, message: np.ndarray) -> None:
        bids, asks = _changed(market, message)
        ref = int(message[-1]["ref"])
        if self.faults.strikes(Fault.RESET, market.symbol):
            market.last_id = 99
        last = market.last_id + (max(1, ref - market.last_ref) if market.last_ref else 1)
        market.last_ref = ref
        change = Change(
            market.last_id + 1,
            last,
            market.last_id,
            [(market.price(t), market.size(n)) for t, n in bids],
            [(market.price(t), market.size(n)) for t, n in asks],
        )
        market.last_id = last
        stamp = _ms(message[0])
        self._keep(market, stamp)
        best_ask = market.price(min(market.asks)) if market.asks else ""
        for sent in self.faults.changes(market.symbol, change, best_ask):
            for part in self._burst(market, sent):
                self._tell(market, "depth", _depth(market.symbol, part, stamp))

    def _burst(self, market: _Market, change: Change) -> Iterator[Change]:
        """Itself, or fifty times as many messages that say the same."""
        yield change
        if change.last == market.last_id and self.faults.strikes(Fault.BURST, market.symbol):
            for _ in range(BURST_OF - 1):
                before = market.last_id
                market.last_id += 1
                yield change._replace(first=market.last_id, last=market.last_id, prev=before)

    def _keep(self, market: _Market, stamp: int) -> None:
        """A book of a while ago, for snapshots that are too old."""
        if self.faults.on(Fault.OLD_SNAPSHOT) or not market.kept:
            market.kept.append((stamp, market.book(1000, stamp)))

    def _touch(self, market: _Market, message: np.ndarray) -> None:
        bid, ask = message[0], message[1]
        stamp = _ms(bid)
        body = {
            "e": "bookTicker",
            "u": market.last_id,
            "s": market.symbol,
            "b": market.price(int(bid["price"])),
            "B": market.size(int(bid["value"])),
            "a": market.price(int(ask["price"])),
            "A": market.size(int(ask["value"])),
            "T": stamp,
            "E": stamp,
        }
        self._tell(market, "bookTicker", body)

    def _trade(self, market: _Market, row: np.void) -> None:
        stamp, number = _ms(row), int(row["ref"])
        body = {
            "e": "trade",
            "E": stamp,
            "T": stamp,
            "s": market.symbol,
            "t": number,
            "p": market.price(int(row["price"])),
            "q": market.size(int(row["value"])),
            "X": "INSURANCE_FUND" if row["flags"] & Flag.NOT_MARKET else "MARKET",
            "m": bool(row["side"] < 0),
        }
        self._tell(market, "trade", body)
        if not row["flags"] & Flag.NOT_MARKET:
            one = {k: v for k, v in body.items() if k not in ("t", "X")}
            self._tell(market, "aggTrade", {**one, "e": "aggTrade", "a": number, "f": number, "l": number})

    def _reading(self, market: _Market, kind: int, row: np.void) -> None:
        value = float(row["value"])
        if kind == Kind.MARK:
            market.mark = value
            if not market.index:
                self._tell_mark(market, _ms(row))
        elif kind == Kind.INDEX:
            market.index = value
        elif kind == Kind.FUNDING:
            market.rate, market.funding_ms = value, int(row["ref"]) // NS_PER_MS
            self._tell_mark(market, _ms(row))
        elif kind == Kind.OPEN_INTEREST:
            market.interest = value
        elif kind == Kind.LONG_SHORT:
            market.ratio = value
        elif kind == Kind.LIQUIDATION:
            self._forced(market, row)

    def _tell_mark(self, market: _Market, stamp: int) -> None:
        body = {
            "e": "markPriceUpdate",
            "E": stamp,
            "s": market.symbol,
            "p": f"{market.mark:.8f}",
            "i": f"{market.index or market.mark:.8f}",
            "P": f"{market.mark:.8f}",
            "r": f"{market.rate:.8f}",
            "T": market.funding_ms,
        }
        self._tell(market, "markPrice", body)

    def _forced(self, market: _Market, row: np.void) -> None:
        stamp, size = _ms(row), market.size(int(row["value"]))
        price = market.price(int(row["price"]))
        order = {
            "s": market.symbol,
            "S": "BUY" if row["side"] > 0 else "SELL",
            "o": "LIMIT",
            "f": "IOC",
            "q": size,
            "p": price,
            "ap": price,
            "X": "FILLED",
            "l": size,
            "z": size,
            "T": stamp,
        }
        self._tell(market, "forceOrder", {"e": "forceOrder", "E": stamp, "o": order})

    def _tell(self, market: _Market, event: str, body: dict[str, Any]) -> None:
        heard_by = self.heard_by.get((market.symbol, event), ())
        if not heard_by:
            return
        frames = self.faults.frames(market.symbol, json.dumps(body, separators=(",", ":")).encode())
        for listener, stream in tuple(heard_by):
            for frame in frames:
                self._put(listener, stream, frame)

    def _put(self, listener: _Listener, stream: str, text: bytes) -> None:
        if self.faults.on(Fault.STALL) or self.faults.on(Fault.HALF_OPEN):
            fault = Fault.STALL if self.faults.on(Fault.STALL) else Fault.HALF_OPEN
            self.faults.strikes(fault)
            return
        if len(listener.waiting) >= QUEUED:
            self.cut_off += 1
            self._forget(listener)
            listener.abort()
            return
        self.sent += 1
        listener.put(b'{"stream":"%s","data":%s}' % (stream.encode(), text) if listener.combined else text)

    # sockets

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """Any of the websocket paths."""
        if self.faults.strikes(Fault.REFUSE):
            return web.Response(status=429, headers={"Retry-After": "1"}, text="too many requests")
        ws = web.WebSocketResponse(max_msg_size=1 << 20, compress=False, autoping=False)
        await ws.prepare(request)
        if self.faults.strikes(Fault.ACCEPT_AND_DROP):
            await ws.close()
            return ws
        path = request.path.strip("/").split("/")
        data_class = path[0] if path[0] in ("public", "market") else ""
        listener = _Listener(request, ws, data_class, path[-1] == "stream" or "stream" in path)
        named = request.query.get("streams", "") or request.match_info.get("streams", "")
        self._subscribe(listener, [s for s in named.split("/") if s])
        self.listeners.add(listener)
        sender = asyncio.create_task(self._send(listener))
        try:
            await self._receive(listener)
        finally:
            self._forget(listener)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return ws

    async def _receive(self, listener: _Listener) -> None:
        ws = listener.ws
        async for message in ws:
            while self.faults.on(Fault.HALF_OPEN):
                await asyncio.sleep(0.05)
            if message.type is WSMsgType.PING:
                await ws.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                await self._command(listener, message.data)

    async def _command(self, listener: _Listener, text: str) -> None:
        try:
            asked = json.loads(text)
            method, streams = asked["method"], asked.get("params", [])
        except (ValueError, KeyError, TypeError):
            await listener.ws.send_str('{"error":{"code":2,"msg":"Invalid request: unknown format"}}')
            return
        if method == "SUBSCRIBE":
            self._subscribe(listener, streams)
        elif method == "UNSUBSCRIBE":
            self._forget(listener, streams)
        result = sorted(listener.streams) if method == "LIST_SUBSCRIPTIONS" else None
        listener.put(json.dumps({"result": result, "id": asked.get("id")}).encode())

    def _subscribe(self, listener: _Listener, streams: list[str]) -> None:
        """A stream of the other class is taken and never heard of, as the venue does."""
        for stream in streams:
            if not listener.data_class or _CLASS.get(_heard(stream)[1]) == listener.data_class:
                listener.streams.add(stream)
                self.heard_by.setdefault(_heard(stream), set()).add((listener, stream))

    def _forget(self, listener: _Listener, streams: Iterable[str] | None = None) -> None:
        """Some of its streams, or all and itself."""
        for stream in list(listener.streams if streams is None else streams):
            listener.streams.discard(stream)
            self.heard_by.get(_heard(stream), set()).discard((listener, stream))
        if streams is None:
            self.listeners.discard(listener)

    async def beat(self) -> None:
        """Partial books and marks of what nobody trades: streams that never pause."""
        while True:
            await asyncio.sleep(BEAT_S)
            stamp = self.world.now_ns() // NS_PER_MS
            for (symbol, event), heard_by in list(self.heard_by.items()):
                if event != "depth5" and (event != "markPrice" or symbol in self.by_symbol):
                    continue
                text = json.dumps({"e": "beat", "E": stamp, "s": symbol, "b": [], "a": []}).encode()
                for listener, stream in tuple(heard_by):
                    self._put(listener, stream, text)

    async def _send(self, listener: _Listener) -> None:
        while True:
            await listener.wake.wait()
            listener.wake.clear()
            while listener.waiting:
                try:
                    await listener.ws.send_frame(listener.waiting.popleft(), WSMsgType.TEXT)
                except (ConnectionError, RuntimeError):
                    return

    async def beating(self, app: web.Application) -> AsyncIterator[None]:
        """For an application's `cleanup_ctx`."""
        task = asyncio.create_task(self.beat())
        yield
        task.cancel()
        self.cut()

    def cut(self) -> None:
        """Every connection, at once and without a closing handshake."""
        for listener in list(self.listeners):
            listener.abort()

    # REST

    async def depth(self, request: web.Request) -> web.StreamResponse:
        if self.faults.strikes(Fault.REFUSE):
            return web.json_response(
                {"code": -1003, "msg": "Too many requests."}, status=429, headers={"Retry-After": "1"}
            )
        market = self.by_symbol.get(request.query.get("symbol", ""))
        if market is None:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        limit = request.query.get("limit", "500")
        if not limit.isdigit() or int(limit) not in LIMITS:
            return web.json_response({"code": -4021, "msg": f"{limit} is not valid depth limit."}, status=400)
        now_ms = self.world.now_ns() // NS_PER_MS
        older = market.kept[0][1] if market.kept else {"lastUpdateId": 0, "bids": [], "asks": []}
        body = market.book(int(limit), now_ms)
        whole = int(limit) == LIMITS[-1]  # what clients begin a book with; audits ask for less
        if whole:
            body = self.faults.snapshot(market.symbol, body, older)
        text = json.dumps(body, separators=(",", ":")).encode()
        if whole and self.faults.strikes(Fault.CUT_SNAPSHOT, market.symbol):
            return await _cut_off(request, text)
        return web.Response(body=text, content_type="application/json")

    async def open_interest(self, request: web.Request) -> web.Response:
        market = self.by_symbol.get(request.query.get("symbol", ""))
        if market is None:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        stamp = self.world.now_ns() // NS_PER_MS
        return web.json_response(
            {"symbol": market.symbol, "openInterest": f"{market.interest:.3f}", "time": stamp}
        )

    async def long_short(self, request: web.Request) -> web.Response:
        market = self.by_symbol.get(request.query.get("symbol", ""))
        if market is None:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        row = {
            "symbol": market.symbol,
            "longShortRatio": f"{market.ratio:.4f}",
            "longAccount": f"{market.ratio / (1 + market.ratio):.4f}",
            "shortAccount": f"{1 / (1 + market.ratio):.4f}",
            "timestamp": self.world.now_ns() // NS_PER_MS,
        }
        return web.json_response([row])

    async def ping(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def time(self, request: web.Request) -> web.Response:
        return web.json_response({"serverTime": self.world.now_ns() // NS_PER_MS})

    async def exchange_info(self, request: web.Request) -> web.Response:
        """What a client of market data reads of it."""
        symbols = [_listed(m.instrument) for m in self.markets]
        return web.json_response({"timezone": "UTC", "rateLimits": [], "symbols": symbols})

    async def control(self, request: web.Request) -> web.Response:
        """GET what is on; POST {"begin": fault, "count": n, "symbol": s}, {"end": fault}, {"cut": true}."""
        if request.method == "POST":
            try:
                self._command_faults(json.loads(await request.text()))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                expected = f"expected begin or end and one of {', '.join(Fault)}"
                return web.json_response({"error": f"{expected}: {error}"}, status=400)
        return web.json_response(text=self.faults.to_json())

    def _command_faults(self, asked: dict[str, Any]) -> None:
        if asked.get("cut"):
            self.cut()
        if "begin" in asked:
            count = asked.get("count")
            self.faults.begin(
                Fault(asked["begin"]),
                count=None if count is None else int(count),
                symbol=str(asked.get("symbol", "")),
            )
        if "end" in asked:
            self.faults.end(Fault(asked["end"]) if asked["end"] else None)

    async def funding_info(self, request: web.Request) -> web.Response:
        return web.json_response([])  # only symbols whose interval was ever adjusted are listed


def add_market_routes(
    app: web.Application, world: MarketWorld, faults: Faults | None = None, *, alone: bool = False
) -> MarketData:
    """The websocket paths, and the REST data that must agree with them.

    `alone`: also what else a client of market data asks for. To be called before
    other routes of the same paths are added: the first one answers.
    """
    data = MarketData(world, faults or Faults(world.now_ns))
    routes = {
        "/fapi/v1/depth": data.depth,
        "/fapi/v1/openInterest": data.open_interest,
        "/futures/data/globalLongShortAccountRatio": data.long_short,
    }
    if alone:
        routes |= {
            "/fapi/v1/ping": data.ping,
            "/fapi/v1/time": data.time,
            "/fapi/v1/exchangeInfo": data.exchange_info,
            "/fapi/v1/fundingInfo": data.funding_info,
        }
    for path, handler in routes.items():
        app.router.add_get(path, handler)
    app.router.add_get("/_control/market", data.control)
    app.router.add_post("/_control/market", data.control)
    for prefix in ("", "/public", "/market"):
        app.router.add_get(f"{prefix}/stream", data.socket)
        app.router.add_get(f"{prefix}/ws", data.socket)
        app.router.add_get(prefix + "/ws/{streams:.*@.*}", data.socket)
        app.router.add_get(prefix + "/ws/{number:[0-9]+}", data.socket)
    app.cleanup_ctx.append(data.beating)
    return data


def _heard(stream: str) -> tuple[str, str]:
    """Symbol and event of a stream's name: `btcusdt@depth@100ms` is (BTCUSDT, depth)."""
    symbol, _, rest = stream.partition("@")
    return symbol.upper(), rest.split("@")[0]


def _listed(instrument: Instrument) -> dict[str, Any]:
    """A symbol of exchangeInfo."""
    tick, lot = f"{instrument.tick:f}", f"{instrument.lot:f}"
    base = instrument.symbol.removesuffix(instrument.settle)
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": instrument.settle,
        "marginAsset": instrument.settle,
        "pricePrecision": max(0, -int(instrument.tick.as_tuple().exponent)),
        "quantityPrecision": max(0, -int(instrument.lot.as_tuple().exponent)),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "100000000", "stepSize": lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": "100000000", "stepSize": lot},
            {"filterType": "MIN_NOTIONAL", "notional": f"{instrument.min_notional:f}"},
        ],
    }


async def _cut_off(request: web.Request, text: bytes) -> web.StreamResponse:
    """Half of an answer that promised the whole."""
    response = web.StreamResponse(headers={"Content-Length": str(len(text))})
    await response.prepare(request)
    await response.write(text[: len(text) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response


def _messages(rows: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of each message: a book message up to its commit, anything else by itself."""
    at = 0
    kinds = rows["kind"]
    commits = np.flatnonzero(kinds == Kind.COMMIT).tolist()
    following = iter(commits)
    commit = next(following, -1)
    while at < len(rows):
        if kinds[at] in (Kind.SNAPSHOT, Kind.LEVEL, Kind.BBO):
            while 0 <= commit < at:
                commit = next(following, -1)
            end = commit + 1 if commit >= at else len(rows)
            yield rows[at:end]
            at = end
        else:
            if kinds[at] != Kind.COMMIT:
                yield rows[at : at + 1]
            at += 1


def _changed(market: _Market, message: np.ndarray) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Apply a book message to what was told; returns the (tick, lots) that changed, a side each."""
    levels = message[message["kind"] == Kind.LEVEL]
    changes = []
    for side, book in ((1, market.bids), (-1, market.asks)):
        rows = levels[levels["side"] == side]
        wanted = dict(zip(rows["price"].tolist(), rows["value"].astype(np.int64).tolist(), strict=True))
        if message[0]["kind"] == Kind.SNAPSHOT:
            wanted = {tick: 0 for tick in book if tick not in wanted} | wanted
        changed = [(tick, lots) for tick, lots in wanted.items() if book.get(tick, 0) != lots]
        for tick, lots in changed:
            if lots:
                book[tick] = lots
            else:
                book.pop(tick, None)
        changes.append(changed)
    return changes[0], changes[1]


def _depth(symbol: str, change: Change, stamp: int) -> dict[str, Any]:
    return {
        "e": "depthUpdate",
        "E": stamp,
        "T": stamp,
        "s": symbol,
        "U": change.first,
        "u": change.last,
        "pu": change.prev,
        "b": change.bids,
        "a": change.asks,
    }


def _ms(row: np.void) -> int:
    return int(row["exch_ns"] or row["recv_ns"]) // NS_PER_MS
