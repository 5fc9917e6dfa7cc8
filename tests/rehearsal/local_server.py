"""A local venue server over real sockets, and a feed that listens to it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from aiohttp import web

from bot.engine.inbox import Inbox, Numbering
from bot.market.doubts import Doubt
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.feeds.audit import Ladder
from bot.market.feeds.budget import RateBudget
from bot.market.feeds.feed import VenueFeed
from bot.market.feeds.rest import Rest
from bot.market.feeds.steady import SteadyClock
from bot.market.instruments import find
from bot.market.venues.known import stream_of
from bot.market.venues.protocol import Hosts
from bot.rehearsal.faults import Faults
from bot.rehearsal.market_data import MarketData, MarketWorld, add_market_routes


@dataclass
class Server:
    world: MarketWorld
    faults: Faults
    data: MarketData
    port: int

    @property
    def hosts(self) -> Hosts:
        return Hosts(ws=f"ws://127.0.0.1:{self.port}", rest=f"http://127.0.0.1:{self.port}")


@asynccontextmanager
async def serving(world: MarketWorld) -> AsyncIterator[Server]:
    app = web.Application()
    faults = Faults(world.now_ns)
    data = add_market_routes(app, world, faults, alone=True)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    going = asyncio.create_task(world.run())  # type: ignore[attr-defined]
    try:
        yield Server(world, faults, data, port)
    finally:
        going.cancel()
        await runner.cleanup()


@contextmanager
def in_a_thread(serve: Callable[[], AbstractAsyncContextManager[Any]]) -> Iterator[Any]:
    """A server with a loop of its own, for sessions that bring theirs; yields what `serve` yields."""
    ready, loop, box = threading.Event(), asyncio.new_event_loop(), []
    done = asyncio.Event()

    async def run() -> None:
        async with serve() as server:
            box.append(server)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(20.0), "the server did not start"
    try:
        yield box[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10.0)
        loop.close()


@dataclass
class PlainEngine:
    """Applies rows to dictionaries: an independent book, and the trust an engine would have in it."""

    ladders: dict[int, tuple[dict[int, float], dict[int, float]]] = field(default_factory=dict)
    refs: dict[int, int] = field(default_factory=dict)
    synced: dict[int, bool] = field(default_factory=dict)
    doubts: dict[int, int] = field(default_factory=dict)
    rows: list[np.ndarray] = field(default_factory=list)
    keep_rows: bool = True
    counts: Counter[int] = field(default_factory=Counter)
    lost: float = 0.0

    def apply(self, rows: np.ndarray) -> None:
        if self.keep_rows:
            self.rows.append(rows)
        for row in rows:
            market, kind = int(row["market"]), int(row["kind"])
            self.counts[kind] += 1
            book = self.ladders.setdefault(market, ({}, {}))
            if kind == Kind.SNAPSHOT:
                book[0].clear()
                book[1].clear()
            elif kind == Kind.LEVEL:
                side = book[0 if row["side"] > 0 else 1]
                if row["value"]:
                    side[int(row["price"])] = float(row["value"])
                else:
                    side.pop(int(row["price"]), None)
            elif kind == Kind.COMMIT and not row["flags"] & Flag.BBO:
                self.refs[market] = int(row["ref"])
                if row["flags"] & Flag.SNAPSHOT:
                    self.synced[market] = True
            elif kind == Kind.GAP:
                self.synced[market] = False
            elif kind == Kind.LOST:
                self.lost += float(row["value"])
            elif kind == Kind.TRUST:
                self.doubts[market] = int(row["value"])

    def trusted(self, market: int) -> bool:
        return self.synced.get(market, False) and self.doubts.get(market, 0) == Doubt.NONE

    def crossed(self, market: int) -> bool:
        bids, asks = self.ladders[market]
        return bool(bids and asks) and max(bids) >= min(asks)

    def ref(self, market: int) -> int:
        return self.refs.get(market, 0)

    def ladder(self, market: int) -> Ladder:
        bids, asks = self.ladders[market]
        down, up = sorted(bids, reverse=True), sorted(asks)
        return Ladder(
            np.array(down, np.int64),
            np.array([bids[t] for t in down]),
            np.array(up, np.int64),
            np.array([asks[t] for t in up]),
        )

    def count(self, kind: Kind) -> int:
        return self.counts[kind]


@dataclass
class Heard:
    feed: VenueFeed
    engine: PlainEngine
    inbox: Inbox
    news: list[tuple[str, dict[str, object]]]
    pause: asyncio.Event  # cleared: the engine takes nothing

    def all_trusted(self) -> bool:
        return all(self.engine.trusted(m) for m in self.feed.instruments)


@asynccontextmanager
async def listening(server: Server, *, capacity: int = 4096, audits: bool = True) -> AsyncIterator[Heard]:
    markets = dict(enumerate(server.world.instruments))
    inbox, engine, news = Inbox(capacity), PlainEngine(), []
    pause = asyncio.Event()
    pause.set()
    clock = SteadyClock()
    feed = VenueFeed(
        stream_of("binance", markets),
        markets,
        server.hosts,
        Rest(server.hosts.rest, RateBudget(), clock),
        inbox,
        clock,
        Random(5),
        ladders=engine if audits else None,
        on_news=lambda what, detail: news.append((what, dict(detail))),
    )

    async def consume() -> None:
        numbering = Numbering()
        while True:
            await pause.wait()
            item = await inbox.get()
            assert isinstance(item, np.ndarray)
            engine.apply(numbering.rows(item))

    tasks = [asyncio.create_task(feed.run()), asyncio.create_task(consume())]
    try:
        yield Heard(feed, engine, inbox, news, pause)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def warm_decoder() -> None:
    """Compile or load the row encoder: it takes seconds, in which no socket is heard."""
    out, stream = RowBuffer(), stream_of("binance", {0: find("binance-usdm:BTCUSDT")})
    change = '{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1.0","1"]],"a":[]}'
    stream.on_frame("public", 1, change.encode(), out)


async def eventually(condition: Callable[[], bool], within_s: float, what: str = "") -> float:
    """Seconds until it came true; fails when it does not in time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not condition():
        assert loop.time() - began < within_s, f"not within {within_s} s: {what or condition}"
        await asyncio.sleep(0.01)
    return loop.time() - began
