"""Bybit, OKX and Hyperliquid as small servers: one market whose ids go on, told to whoever subscribes."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

Json = dict[str, Any]
EVERY_S = 0.02
TICK = 650_000


@dataclass
class Chained:
    """A book of eight levels a side; each step changes one, moves the touch's size and prints once."""

    venue: str
    seq: int = 1000
    bids: dict[int, int] = field(default_factory=lambda: {TICK - 1 - k: 10 + k for k in range(8)})
    asks: dict[int, int] = field(default_factory=lambda: {TICK + k: 10 + k for k in range(8)})
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    opened: int = 0
    most_open: int = 0

    def step(self) -> list[Json]:
        """The frames of one step."""
        before, self.seq = self.seq, self.seq + 1
        tick, lots = TICK - 1 - self.seq % 8, 1 + self.seq % 97
        self.bids[tick] = lots
        return [self._book(before, {tick: lots}, {}), self._touch(), self._trade()]

    def snapshot(self) -> Json:
        return self._book(-1, self.bids, self.asks)

    def _book(self, before: int, bids: dict[int, int], asks: dict[int, int]) -> Json:
        now_ms, fresh = time.time_ns() // 1_000_000, before < 0
        if self.venue == "okx":
            data = {"asks": _four(asks), "bids": _four(bids), "ts": str(now_ms), "checksum": 0}
            arg = {"channel": "books", "instId": "BTC-USDT-SWAP"}
            ids = {"prevSeqId": before, "seqId": self.seq}
            return {"arg": arg, "action": "snapshot" if fresh else "update", "data": [data | ids]}
        if self.venue == "hyperliquid":
            sides = [_objects(dict(sorted(self.bids.items(), reverse=True))), _objects(self.asks)]
            # its time is its id
            return {
                "channel": "l2Book",
                "data": {"coin": "BTC", "time": self.seq, "levels": sides, "fast": True},
            }
        told = {"s": "BTCUSDT", "b": _two(bids), "a": _two(asks), "u": self.seq, "seq": self.seq}
        kind = "snapshot" if fresh else "delta"
        return {"topic": "orderbook.1000.BTCUSDT", "type": kind, "ts": now_ms, "data": told, "cts": now_ms}

    def _touch(self) -> Json:
        bid, ask = {max(self.bids): self.bids[max(self.bids)]}, {min(self.asks): self.asks[min(self.asks)]}
        now_ms = time.time_ns() // 1_000_000
        if self.venue == "okx":
            data = {"asks": _four(ask), "bids": _four(bid), "ts": str(now_ms), "seqId": self.seq}
            return {"arg": {"channel": "bbo-tbt", "instId": "BTC-USDT-SWAP"}, "data": [data]}
        if self.venue == "hyperliquid":
            best = [*_objects(bid), *_objects(ask)]
            return {"channel": "bbo", "data": {"coin": "BTC", "time": self.seq, "bbo": best}}
        told = {"s": "BTCUSDT", "b": _two(bid), "a": _two(ask), "u": self.seq, "seq": self.seq}
        return {"topic": "orderbook.1.BTCUSDT", "type": "snapshot", "ts": now_ms, "data": told, "cts": now_ms}

    def _trade(self) -> Json:
        now_ms = time.time_ns() // 1_000_000
        if self.venue == "okx":
            one: Json = {"instId": "BTC-USDT-SWAP", "tradeId": str(self.seq), "px": "65000.0", "sz": "1"}
            told = one | {"side": "buy", "ts": str(now_ms)}
            return {"arg": {"channel": "trades", "instId": "BTC-USDT-SWAP"}, "data": [told]}
        if self.venue == "hyperliquid":
            one = {"coin": "BTC", "side": "B", "px": "65000", "sz": "1", "time": now_ms, "tid": self.seq}
            return {"channel": "trades", "data": [one | {"hash": "0x0", "users": ["0x1", "0x2"]}]}
        one = {"T": now_ms, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "65000.00", "i": f"id-{self.seq}"}
        return {
            "topic": "publicTrade.BTCUSDT",
            "type": "snapshot",
            "ts": now_ms,
            "data": [one | {"seq": self.seq}],
        }

    def asks_for_book(self, text: str) -> bool:
        word = {"okx": '"books"', "hyperliquid": '"l2Book"'}.get(self.venue, "orderbook.1000")
        return word in text and '"subscribe"' in text

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            for frame in self.step():
                await self.tell(frame)

    async def tell(self, frame: Json) -> None:
        payload = json.dumps(frame, separators=(",", ":"))
        for ws in list(self.sockets):
            if not ws.closed:
                await ws.send_str(payload)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.json_response({}, status=404)
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        self.opened += 1
        try:
            async for message in ws:
                if (
                    message.type is WSMsgType.TEXT
                    and self.asks_for_book(message.data)
                    and ws not in self.sockets
                ):
                    await ws.send_str(json.dumps(self.snapshot(), separators=(",", ":")))
                    self.sockets.append(ws)
                    self.most_open = max(self.most_open, len(self.sockets))
        finally:
            if ws in self.sockets:
                self.sockets.remove(ws)
        return ws


@asynccontextmanager
async def chained(venue: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Chained, int]]:
    """The server and its port."""
    world = Chained(venue)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", world.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    running = asyncio.create_task(world.run())
    try:
        yield world, runner.addresses[0][1]
    finally:
        running.cancel()
        await runner.cleanup()


def _price(tick: int) -> str:
    return f"{tick // 10}.{tick % 10}"


def _two(levels: dict[int, int]) -> list[list[str]]:
    return [[_price(tick), str(lots)] for tick, lots in levels.items()]


def _four(levels: dict[int, int]) -> list[list[str]]:
    return [[_price(tick), str(lots), "0", "1"] for tick, lots in levels.items()]


def _objects(levels: dict[int, int]) -> list[Json]:
    return [{"px": _price(tick), "sz": str(lots), "n": 1} for tick, lots in levels.items()]
