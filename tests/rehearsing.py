"""The rehearsal exchange over real sockets, and real ccxt pointed at it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.core.clock import SystemClock
from bot.core.units import NS_PER_S
from bot.market.synthetic import SyntheticMarket
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.params import Params
from bot.rehearsal.server import ROUTES, Venue, build
from bot.rehearsal.signing import Keys
from bot.rehearsal.wire_journal import WireJournal
from bot.rehearsal.world import WARM_NS, World

KEYS = Keys("rehearsalkey0000000000000000", "rehearsalsecret00000000000000000")
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def demo_world(seed: int = 3, speed: float = 0.0, open_ns: int | None = None) -> World:
    """The demo market; with speed 0 its time stands still between steps."""
    clock = SystemClock()
    at_ns = clock.now_ns() if open_ns is None else open_ns
    start_ns = (at_ns - WARM_NS) // NS_PER_S * NS_PER_S
    market = SyntheticMarket(seed, SYMBOLS, start_ns, None)
    world = World(market.instruments, market.batches(), clock, open_ns=at_ns, speed=speed)
    world.catch_up()
    return world


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up."""

    venue: Venue
    port: int
    session: aiohttp.ClientSession

    @property
    def exchange(self) -> Exchange:
        return self.venue.exchange

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def control(self, what: str, **fields: Any) -> Any:
        async with self.session.post(f"{self.http}/_control/{what}", json=fields) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return answer

    async def look(self, what: str) -> Any:
        async with self.session.get(f"{self.http}/_control/{what}") as response:
            return await response.json()


@asynccontextmanager
async def rehearsal(
    *,
    seed: int = 3,
    speed: float = 0.0,
    deposit: str = "10000",
    journal: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Running]:
    exchange = Exchange(demo_world(seed, speed), Decimal(deposit))
    venue = Venue(exchange, KEYS, seed=seed, journal=WireJournal(journal))
    runner = web.AppRunner(build(venue))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    market = asyncio.create_task(venue.run())
    try:
        async with aiohttp.ClientSession() as session:
            yield Running(venue, port, session)
    finally:
        market.cancel()
        await runner.cleanup()


@asynccontextmanager
async def client(
    running: Running, *, pro: bool = False, keys: Keys = KEYS, **more: Any
) -> AsyncIterator[Any]:
    """A ccxt exchange whose URLs lead here, its error table as for the real host (venues.md 3.1)."""
    import ccxt.async_support
    import ccxt.pro

    options = {
        "fetchCurrencies": False,
        "fetchMarkets": {"types": ["linear"]},
        "adjustForTimeDifference": False,
    }
    settings = {
        "apiKey": keys.key,
        "secret": keys.secret,
        "enableRateLimit": False,
        "options": options,
        **more,
    }
    made = (ccxt.pro if pro else ccxt.async_support).binanceusdm(settings)
    api = made.urls["api"]
    for name in list(api):
        if name == "ws":
            api["ws"]["linear"] = f"ws://127.0.0.1:{running.port}/ws"
        elif name == "sapi":
            api[name] = f"{running.http}/sapi/v1"
        elif name.startswith("fapi") and name != "fapiData":
            version = {"V2": "v2", "V3": "v3"}.get(name[-2:], "v1")
            api[name] = f"{running.http}/fapi/{version}"
        else:
            api[name] = f"{running.http}/blocked/{name}"
    made.exceptions["exact"].update(made.exceptions["linear"]["exact"])
    try:
        yield made
    finally:
        await made.close()


async def eventually(condition: Any, what: str, within_s: float = 5.0) -> Any:
    """The first true value of a condition that is looked at again and again."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert loop.time() < until, f"waited {within_s} s for {what}"
        await asyncio.sleep(0.01)


def exchange_at(seed: int = 3, deposit: str = "10000") -> Exchange:
    """Without sockets: the exchange on a demo market whose time moves by `step`, from a fixed instant on."""
    return Exchange(demo_world(seed, 0.0, OPEN_NS), Decimal(deposit))


OPEN_NS = 1_767_225_605 * NS_PER_S
"""Five seconds after the start of 2026."""


def ask(exchange: Exchange, what: str, **params: object) -> Any:
    """An endpoint by method and path, e.g. `POST order`, as if its request had been signed."""
    method, _, path = what.partition(" ")
    route = next(r for r in ROUTES if r.method == method and r.path.endswith(f"/{path}"))
    fields = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in params.items()}
    exchange.world.catch_up()
    return route.endpoint(exchange, Params(fields))


def listen(exchange: Exchange) -> list[dict[str, Any]]:
    """Every event of the user stream from now on."""
    events: list[dict[str, Any]] = []
    exchange.listeners.append(events.append)
    return events
