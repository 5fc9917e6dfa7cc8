"""The feed for any other venue: real ccxt.pro over real sockets, against a book kept by hand."""

from __future__ import annotations

import asyncio
from random import Random

import numpy as np
import pytest

pytest.importorskip("ccxt")

from bot.app.venue_table import ask_ccxt, make_exchange
from bot.engine.inbox import Inbox, Numbering
from bot.market.events import Kind
from bot.market.feeds.ccxt_feed import CcxtFeed
from bot.market.feeds.steady import SteadyClock
from bot.market.instruments import find
from tests.rehearsal.local_server import PlainEngine, eventually, serving
from tests.rehearsal.plain_world import PlainWorld


def test_ccxt_pro_feeds_books_and_trades() -> None:
    import ccxt.pro

    async def run() -> None:
        async with serving(PlainWorld(("BTCUSDT",), every_s=0.1)) as server:
            markets = await asyncio.to_thread(ask_ccxt, "binanceusdm", server.hosts)
            inbox, engine = Inbox(), PlainEngine()
            feed = CcxtFeed(
                "binanceusdm",
                {0: markets["BTCUSDT"]},
                lambda: make_exchange(ccxt.pro, "binanceusdm", server.hosts),
                inbox,
                SteadyClock(),
                Random(1),
            )
            task = asyncio.create_task(feed.run())
            numbering = Numbering()

            async def consume() -> None:
                while True:
                    rows = await inbox.get()
                    assert isinstance(rows, np.ndarray)
                    engine.apply(numbering.rows(rows))

            reading = asyncio.create_task(consume())
            try:
                await eventually(lambda: engine.count(Kind.COMMIT) >= 10, 25.0, f"books {feed.last_trouble}")
                await eventually(lambda: engine.count(Kind.TRADE) >= 3, 10.0, f"trades {feed.last_trouble}")
                server.world.going = False  # type: ignore[attr-defined]
                await asyncio.sleep(0.7)
                told = server.data.markets[0]
                assert engine.ladders[0] == (told.bids, told.asks)
            finally:
                for each in (task, reading):
                    each.cancel()
                await asyncio.gather(task, reading, return_exceptions=True)

    asyncio.run(run())


def test_instruments_come_from_the_venue_through_ccxt() -> None:
    async def run() -> None:
        async with serving(PlainWorld(("BTCUSDT", "SOLUSDT"))) as server:
            markets = await asyncio.to_thread(ask_ccxt, "binance-usdm", server.hosts)
            for symbol in ("BTCUSDT", "SOLUSDT"):
                known = find(f"binance-usdm:{symbol}")
                assert (markets[symbol].tick, markets[symbol].lot) == (known.tick, known.lot)
                assert markets[symbol].settle == "USDT"

    asyncio.run(run())
