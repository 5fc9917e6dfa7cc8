"""The rehearsal exchange, wired: a source, a world, an account, and the server around them."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bot.app.sources import open_tapes
from bot.core.clock import Clock, SystemClock
from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.market.synthetic import SyntheticMarket
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.market_data import add_market_routes
from bot.rehearsal.server import Venue, build
from bot.rehearsal.signing import Keys
from bot.rehearsal.wire_journal import WireJournal
from bot.rehearsal.world import WARM_NS, World, shifted

HOST = "127.0.0.1"
PORT = 18080


@dataclass(frozen=True, slots=True)
class RehearsalOptions:
    """What to serve. An empty key or secret is made up; `port` 0 takes a free one."""

    symbols: tuple[str, ...]
    tapes: tuple[Path, ...] = ()
    scenario: str = "demo"
    seed: int = 1
    speed: float = 1.0
    port: int = PORT
    deposit: Decimal = Decimal(10_000)
    key: str = ""
    secret: str = ""
    withdrawals: bool = False
    journal: Path | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a client finds it."""

    rest: str
    websocket: str
    control: str
    key: str
    secret: str
    symbols: tuple[str, ...]


def rehearse(options: RehearsalOptions, on_open: Callable[[Serving], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises BadInput for what cannot be served, OSError for a taken port."""
    if options.speed < 0:
        raise BadInput(f"--speed: expected 0 (by hand) or more, was {options.speed:g}")
    keys = Keys(options.key or secrets.token_hex(32), options.secret or secrets.token_hex(32))
    world = open_world(options, SystemClock())
    exchange = Exchange(world, options.deposit)
    exchange.account.withdrawals = options.withdrawals
    venue = Venue(exchange, keys, options.seed, WireJournal(options.journal))
    asyncio.run(_serve(venue, options.port, on_open))


def open_world(options: RehearsalOptions, clock: Clock) -> World:
    """The market, so that its books are there and its time is now."""
    open_ns = clock.now_ns()
    start_ns = (open_ns - WARM_NS) // NS_PER_S * NS_PER_S
    if options.tapes:
        tapes = open_tapes(options.tapes, options.symbols, None)
        instruments, batches = tapes.instruments, shifted(tapes.batches(), start_ns)
    else:
        market = SyntheticMarket(options.seed, options.symbols, start_ns, None, scenario=options.scenario)
        instruments, batches = market.instruments, market.batches()
    world = World(instruments, batches, clock, open_ns=open_ns, speed=options.speed, symbols=options.symbols)
    world.catch_up()
    return world


async def _serve(venue: Venue, port: int, on_open: Callable[[Serving], None]) -> None:
    from aiohttp import web

    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    world = venue.exchange.world
    runner = web.AppRunner(build(venue, lambda app: add_market_routes(app, world)), access_log=None)
    await runner.setup()
    stop, market = asyncio.create_task(asked.wait()), asyncio.create_task(venue.run())
    try:
        await web.TCPSite(runner, HOST, port).start()
        on_open(_serving(venue, runner.addresses[0][1]))
        await asyncio.wait({stop, market}, return_when=asyncio.FIRST_COMPLETED)
        if market.done():
            market.result()  # only ever an error: a market that stands still must not look alive
    finally:
        for task in (stop, market):
            task.cancel()
        await asyncio.gather(stop, market, return_exceptions=True)
        await runner.cleanup()


def _serving(venue: Venue, port: int) -> Serving:
    return Serving(
        rest=f"http://{HOST}:{port}",
        websocket=f"ws://{HOST}:{port}",
        control=f"http://{HOST}:{port}/_control",
        key=venue.keys.key,
        secret=venue.keys.secret,
        symbols=tuple(i.symbol for i in venue.exchange.world.instruments),
    )
