"""From a local server's send to updated signals: ours, ccxt.pro and bare `websockets`, one after the other.

The server is a process of its own and sends recorded Binance frames at a steady
pace, compression off. Before each send it notes the time in a file that both
processes map; clocks of one machine are the same clock.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

SYMBOL = "BTC/USDT:USDT"
KEY = "binance-usdm:BTCUSDT"
WARM = 500
"""Frames before the first that counts: connections, books and code are warm then."""
LAST = 20
"""Frames of the end of which one must have been applied; a repeated touch makes no rows."""
PATIENCE_S = 30.0

Reader = Callable[["Served", np.ndarray], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Served:
    """A server that plays `frames` to everybody who connects, and notes when in `sent`."""

    port: int
    frames: Sequence[Any]
    snapshot: bytes
    sent: np.ndarray

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


def figures(data: Path, count: int, rate: float, number: int = 0) -> dict[str, np.ndarray]:
    """µs from send to done of every frame that counts, by who read it; who begins goes by the round."""
    from scripts.benchmarks.feed import binance_frames

    read = list(binance_frames(data, 4 * count))
    snapshot = next(frame.payload for frame in read if frame.kind == "snapshot")
    frames = [frame for frame in read if frame.kind != "snapshot"][: count + WARM]
    found = {}
    readers: tuple[tuple[str, Reader], ...] = (("ours", ours), ("ccxt.pro", ccxt_pro), ("websockets", bare))
    first = number % len(readers)
    for name, reader in readers[first:] + readers[:first]:
        done = np.zeros(len(frames), np.int64)
        with serving(data, len(frames), rate) as (port, sent):
            asyncio.run(asyncio.wait_for(
                reader(Served(port, frames, snapshot, sent), done), len(frames) / rate + PATIENCE_S
            ))  # fmt: skip
            both = (done > 0) & (sent > 0)
            both[:WARM] = False
            found[name] = (done[both] - sent[both]) / 1e3
    return found


async def ours(served: Served, done: np.ndarray) -> None:
    """The feed of a session, its inbox and its consumer, into the compiled loop with every feature awake."""
    from bot.app.pacing import consume
    from bot.core.commands import Answer
    from bot.engine.inbox import Inbox, Item, Numbering
    from bot.engine.kernel import new_state
    from bot.market.events import empty_rows
    from bot.market.feeds.budget import RateBudget
    from bot.market.feeds.feed import VenueFeed
    from bot.market.feeds.rest import Rest
    from bot.market.feeds.steady import SteadyClock
    from bot.market.instruments import find
    from bot.market.venues.known import stream_of
    from bot.market.venues.protocol import Hosts
    from scripts.benchmarks.feed import applied

    instrument, clock = find(KEY), SteadyClock()
    state = new_state((instrument,))
    waiting: list[int] = []  # numbers of the frames whose rows are in the inbox, -1 of none

    class Noted(Inbox):
        def offer(self, item: Item) -> bool:
            waiting.append(feed.links["public"].counts.frames - 1 if "public" in feed.links else -1)
            return super().offer(item)

    def apply(rows: np.ndarray) -> None:
        nonlocal state
        state = applied(state, rows)
        number = waiting.pop(0)
        if 0 <= number < done.size:
            done[number] = time.monotonic_ns()

    inbox = Noted()
    hosts = Hosts(ws=served.ws, rest=f"http://127.0.0.1:{served.port}")
    feed = VenueFeed(
        stream_of("binance-usdm", {0: instrument}),
        {0: instrument},
        hosts,
        Rest(hosts.rest, RateBudget(), clock),
        inbox,
        clock,
        Random(1),
    )
    applied(state, empty_rows(0))  # loads the compiled loop before a frame waits for it

    def is_over() -> bool:
        return bool(done[-LAST:].any())

    reading = consume(inbox, Numbering(), apply, lambda: False, is_over, lambda: Answer(True, ""))
    running = asyncio.create_task(feed.run())
    try:
        await reading
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def ccxt_pro(served: Served, done: np.ndarray) -> None:
    """Its own client and handlers; the book begins from the same snapshot."""
    import ccxt.pro
    from ccxt.async_support.base.ws.client import json_parser

    from scripts.benchmarks.feed import market_of

    exchange: Any = ccxt.pro.binanceusdm()
    exchange.set_markets([market_of(exchange, KEY)])
    book = exchange.order_book({}, 1000)
    told = exchange.parse_order_book(json_parser.loads(served.snapshot), SYMBOL, None, "bids", "asks")
    told["nonce"] = json_parser.loads(served.snapshot)["lastUpdateId"]
    book.reset(told)
    handle, ended = exchange.handle_message, asyncio.Event()
    number = 0

    def timed(client: Any, message: Any) -> Any:
        nonlocal number
        if served.frames[number].kind.startswith("depth") and message["data"]["u"] >= told["nonce"]:
            exchange.orderbooks[SYMBOL] = book
        answer = handle(client, message)
        done[number] = time.monotonic_ns()
        number += 1
        if number == done.size:
            ended.set()
        return answer

    exchange.handle_message = timed
    exchange.watch(f"{served.ws}/public/stream", "never", {"method": "SUBSCRIBE"}, "never")
    try:
        await ended.wait()
    finally:
        await exchange.close()


async def bare(served: Served, done: np.ndarray) -> None:
    """The bytes only, with nothing made of them."""
    from websockets.asyncio.client import connect

    async with connect(f"{served.ws}/public/stream", compression=None, proxy=None) as ws:
        await ws.send("{}")
        for number in range(done.size):
            await ws.recv(decode=False)
            done[number] = time.monotonic_ns()


@contextmanager
def serving(data: Path, count: int, rate: float) -> Iterator[tuple[int, np.ndarray]]:
    """A server in a process of its own; its port, and when it sent each frame."""
    with TemporaryDirectory() as folder:
        stamps = Path(folder) / "sent"
        sent = np.memmap(stamps, np.int64, "w+", shape=(count,))
        command = [
            sys.executable,
            "-m",
            "scripts.benchmarks.way",
            str(data),
            str(count),
            str(rate),
            str(stamps),
        ]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline()), sent
        finally:
            server.terminate()
            server.wait()


async def _serve(data: Path, count: int, rate: float, stamps: Path) -> None:
    from aiohttp import WSMsgType, web

    from scripts.benchmarks.feed import binance_frames

    read = list(binance_frames(data, 4 * count))
    snapshot = next(frame.payload for frame in read if frame.kind == "snapshot")
    frames = [frame.payload for frame in read if frame.kind != "snapshot"][:count]
    sent = np.memmap(stamps, np.int64, "r+", shape=(count,))

    async def depth(request: web.Request) -> web.Response:
        return web.Response(body=snapshot, content_type="application/json")

    async def stream(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        await ws.receive()
        with suppress(ConnectionError):  # who has heard enough leaves
            if "market" not in request.path:
                await _play(ws)
        async for _ in ws:
            pass
        return ws

    async def _play(ws: web.WebSocketResponse) -> None:
        due = time.monotonic()
        for number, payload in enumerate(frames):
            due = max(due + 1 / rate, time.monotonic() - 1 / rate)  # late frames are not sent in a burst
            await asyncio.sleep(max(due - time.monotonic(), 0))
            sent[number] = time.monotonic_ns()
            await ws.send_frame(payload, WSMsgType.TEXT)

    app = web.Application()
    app.router.add_get("/fapi/v1/depth", depth)
    app.router.add_get("/{name}/stream", stream)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])))
