"""Recorded frames of other venues over real sockets give the very rows that they give without any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from aiohttp import web

from bot.engine.inbox import Inbox
from bot.market.events import Kind, RowBuffer
from bot.market.feeds.budget import RateBudget
from bot.market.feeds.feed import VenueFeed
from bot.market.feeds.rest import Rest
from bot.market.feeds.steady import SteadyClock
from bot.market.importers.cryptofeed import cryptofeed_frames
from bot.market.instruments import find
from bot.market.tape.raw import RawFrame, What
from bot.market.venues.known import stream_of
from bot.market.venues.protocol import Hosts
from bot.rehearsal.frame_player import FramePlayer
from tests.rehearsal.local_server import eventually, warm_decoder

SPEED = 10.0
TOLD = ("exch_ns", "ref", "price", "value", "market", "kind", "side", "flags")
FROM_THE_VENUE = (Kind.SNAPSHOT, Kind.LEVEL, Kind.COMMIT, Kind.TRADE, Kind.BBO, Kind.MARK, Kind.GAP)


@asynccontextmanager
async def playing(player: FramePlayer) -> AsyncIterator[Hosts]:
    app = web.Application()
    player.add_routes(app)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield Hosts(ws=f"ws://127.0.0.1:{port}", rest=f"http://127.0.0.1:{port}")
    finally:
        await runner.cleanup()


def of_the_venue(rows: np.ndarray) -> list[tuple[object, ...]]:
    kept = rows[np.isin(rows["kind"], FROM_THE_VENUE)]
    return list(zip(*(kept[name].tolist() for name in TOLD), strict=True))


async def heard_over_sockets(venue: str, symbols: list[str], frames: list[RawFrame]) -> np.ndarray:
    markets = {k: find(f"{venue}:{s}") for k, s in enumerate(symbols)}
    player, inbox, clock = FramePlayer(frames, SPEED), Inbox(1 << 16), SteadyClock()
    async with playing(player) as hosts:
        stream = stream_of(venue, markets)
        feed = VenueFeed(
            stream, markets, hosts, Rest(hosts.rest, RateBudget(), clock), inbox, clock, Random(3)
        )
        task = asyncio.create_task(feed.run())
        try:
            await eventually(player.finished.is_set, 25.0, "played")
            await asyncio.sleep(0.3)
            assert feed.counts.lost_frames == 0
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    parts = []
    while inbox.waiting():
        rows = await inbox.get()
        assert isinstance(rows, np.ndarray)
        parts.append(rows)
    return np.concatenate(parts)


def heard_without(venue: str, symbols: list[str], frames: list[RawFrame], name: str) -> np.ndarray:
    stream = stream_of(venue, {k: find(f"{venue}:{s}") for k, s in enumerate(symbols)})
    out = RowBuffer()
    stream.on_connected(name, frames[0].recv_ns, out)
    for frame in frames:
        stream.on_frame(name, frame.recv_ns, frame.payload, out)
    return out.take()


def test_bybit(data_dir: Path) -> None:
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"]
    recording = data_dir / "cryptofeed" / "BYBIT.jsonl.zst"
    frames = [f for f in cryptofeed_frames([recording], "linear") if f.what is What.FRAME]
    warm_decoder()
    over = asyncio.run(heard_over_sockets("bybit-linear", symbols, frames))
    without = heard_without("bybit-linear", symbols, frames, "public")

    assert len(of_the_venue(over)) > 10_000
    assert of_the_venue(over) == of_the_venue(without)
    assert Kind.GAP not in over["kind"]
