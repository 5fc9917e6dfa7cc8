"""Bybit, OKX and Hyperliquid over TLS sockets: heard, cut, and renewed without losing a beat."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("cryptography.x509")

from bot.engine.inbox import Inbox, Numbering
from bot.market.events import Flag, Kind
from bot.market.feeds.budget import RateBudget
from bot.market.feeds.feed import VenueFeed
from bot.market.feeds.rest import Rest
from bot.market.feeds.steady import SteadyClock
from bot.market.instruments import find
from bot.market.venues.known import stream_of
from bot.market.venues.protocol import Connect, Hosts
from tests.rehearsal.chained_server import Chained, chained
from tests.rehearsal.local_server import PlainEngine, eventually
from tests.rehearsal.test_tls import certificate  # noqa: F401  (a fixture)

VENUES = {"bybit-linear": "BTCUSDT", "okx": "BTC-USDT-SWAP", "hyperliquid": "BTC"}


@dataclass
class Heard:
    world: Chained
    feed: VenueFeed
    engine: PlainEngine

    def rows(self) -> np.ndarray:
        return np.concatenate(self.engine.rows)

    def renewals(self) -> int:
        return sum(link.counts.renewals for link in self.feed.links.values())

    def same_book(self) -> bool:
        """Against the server's own book, by hand in its units."""
        ours, a_coin = self.feed.instruments[0], float(self.feed.instruments[0].lots("1"))
        bids, asks = (
            {ours.ticks(f"{tick / 10:.1f}"): lots * a_coin for tick, lots in side.items()}
            for side in (self.world.bids, self.world.asks)
        )
        return self.engine.ladders[0] == (bids, asks)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:  # noqa: F811
    """The server's side; ours finds the certificate where OpenSSL looks for those it trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    return serving


@asynccontextmanager
async def listening(
    venue: str, tls: ssl.SSLContext | None, renew_after_s: float = 0.0
) -> AsyncIterator[Heard]:
    markets = {0: find(f"{venue}:{VENUES[venue]}")}
    stream, clock, inbox, engine = stream_of(venue, markets), SteadyClock(), Inbox(), PlainEngine()
    planned = stream.connections

    def shortened(hosts: Hosts) -> tuple[Connect, ...]:
        return tuple(replace(each, renew_after_s=renew_after_s) for each in planned(hosts))

    stream.connections = shortened  # type: ignore[method-assign]
    async with chained(venue, tls) as (world, port):
        hosts = Hosts(ws=f"wss://127.0.0.1:{port}", rest=f"https://127.0.0.1:{port}")
        rest = Rest(hosts.rest, RateBudget(), clock)
        feed = VenueFeed(stream, markets, hosts, rest, inbox, clock, Random(5))

        async def consume() -> None:
            numbering = Numbering()
            while True:
                rows = await inbox.get()
                assert isinstance(rows, np.ndarray)
                engine.apply(numbering.rows(rows))

        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(feed.run()), asyncio.create_task(consume())]
        try:
            yield Heard(world, feed, engine)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def refs(rows: np.ndarray, kind: Kind, *, touch: bool = False) -> list[int]:
    chosen = rows["kind"] == kind
    if kind is Kind.COMMIT:
        chosen &= (rows["flags"] & Flag.BBO > 0) == touch
    return [int(ref) for ref in rows["ref"][chosen]]


@pytest.mark.parametrize("venue", VENUES)
def test_a_feed_over_tls_is_heard_cut_and_heard_again(venue: str, trusted: ssl.SSLContext) -> None:
    async def run() -> None:
        async with listening(venue, trusted) as heard:
            await eventually(lambda: heard.engine.count(Kind.TRADE) > 20, 8.0, f"{heard.feed.troubles()}")
            assert heard.engine.trusted(0)
            for ws in list(heard.world.sockets):
                assert ws._req is not None
                ws._req.transport.abort()  # type: ignore[union-attr]
            await eventually(lambda: heard.engine.count(Kind.GAP) == 1, 2.0, "noticed")
            await eventually(lambda: heard.engine.trusted(0), 5.0, "healed")
            await eventually(heard.same_book, 2.0, "the server's book")
            assert heard.feed.stream.refused == 0

    asyncio.run(run())


@pytest.mark.parametrize("venue", VENUES)
def test_a_renewal_opens_the_next_connection_first_and_loses_no_beat(
    venue: str, trusted: ssl.SSLContext
) -> None:
    """The timer of 23 h, shortened: every id comes once and in order, and there is never a gap."""

    async def run() -> None:
        async with listening(venue, trusted, renew_after_s=1.0) as heard:
            await eventually(lambda: heard.renewals() >= 1, 15.0, "renewed")
            await asyncio.sleep(0.2)
            await eventually(heard.same_book, 2.0, "the server's book")
            rows = heard.rows()
        assert heard.world.most_open == 2
        assert heard.engine.count(Kind.GAP) == 0
        books = refs(rows, Kind.COMMIT)
        if venue == "hyperliquid":  # each is the whole book: one that comes twice changes nothing
            books = list(dict.fromkeys(books))
        for told in (books, refs(rows, Kind.COMMIT, touch=True), refs(rows, Kind.TRADE)):
            assert len(told) > 100
            assert all(after == before + 1 for before, after in pairwise(told)), told

    asyncio.run(run())


def test_a_notice_that_okx_goes_down_renews_at_once(trusted: ssl.SSLContext) -> None:
    async def run() -> None:
        async with listening("okx", trusted) as heard:
            await eventually(lambda: heard.engine.count(Kind.TRADE) > 5, 8.0, f"{heard.feed.troubles()}")
            await heard.world.tell({"event": "notice", "code": "64008", "msg": "closing soon", "connId": "a"})
            await eventually(lambda: heard.renewals() == 1, 15.0, "renewed")
            assert heard.engine.count(Kind.GAP) == 0
            await eventually(heard.same_book, 2.0, "the server's book")

    asyncio.run(run())
