"""Live sessions of tests: the rehearsal exchange in a thread, and a session beside it that may be watched."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.app.config import Config, load
from bot.app.session import SessionOptions, SessionResult, run_session
from bot.core.errors import BadInput
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.market_data import add_market_routes
from bot.rehearsal.server import Venue, build
from bot.store.database import Database
from tests.rehearsing import KEYS, SYMBOLS, ask, demo_world

LIVES_S = 12.0


@contextmanager
def exchange(**more: Any) -> Iterator[tuple[Venue, str]]:
    """The rehearsal exchange in a thread of its own, at the market's own speed."""
    loop = asyncio.new_event_loop()
    world = demo_world(speed=1.0)
    venue = Venue(Exchange(world, Decimal(10_000)), KEYS, seed=3)
    for name, value in more.items():
        setattr(venue.exchange.account, name, value)
    runner = web.AppRunner(build(venue, lambda app: add_market_routes(app, world)), access_log=None)

    async def up() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port: int = runner.addresses[0][1]
        return port

    port = loop.run_until_complete(up())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield venue, f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def config_for(folder: Path, url: str, **more: Any) -> Config:
    return load(
        overrides={
            "storage.folder": str(folder / "data"),
            "market.source": "live",
            "market.venue": "binance",
            "market.urls": f"binance={url}",
            "market.symbols": ",".join(SYMBOLS),
            "live.look_every": 1.0,
            **more,
        },
        environ={},
    )


def audits(database: Path) -> dict[str, str]:
    with Database.read(database.parent) as db:
        return {row["what"]: row["detail"] for row in db.query("SELECT what, detail FROM audit")}


@dataclass
class Life:
    """A live session in a thread, with what it warned of."""

    options: SessionOptions
    warned: list[str] = field(default_factory=list)
    results: list[SessionResult] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        try:
            self.results.append(run_session(self.options))
        except BaseException as error:  # told by the test
            self.errors.append(error)

    def saw(self, what: str) -> Callable[[], bool]:
        return lambda: what in self.warned or bool(self.errors)


@contextmanager
def a_life(disk: Path, url: str, lives_s: float = LIVES_S) -> Iterator[Life]:
    warned: list[str] = []

    def warn(what: str, detail: Any) -> None:
        warned.append(what)

    options = SessionOptions(
        config_for(disk, url, **{"storage.min_free_mb": 1.0}),
        kind="live",
        market="live",
        session="live",
        symbols=SYMBOLS,
        duration_s=lives_s,
        speed=1.0,
        on_warning=warn,
    )
    life = Life(options, warned)
    thread = threading.Thread(target=life.run)
    thread.start()
    try:
        yield life
    finally:
        thread.join(60.0)


def until(condition: Callable[[], Any], what: str, within_s: float = 10.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"waited {within_s:g} s for {what}"
        time.sleep(0.05)


def trades(database: Path) -> bool:
    """Whether the session has proved that its stops work; nobody reads while its tables are made."""
    with suppress(BadInput, sqlite3.Error):
        return "stop_self_test" in audits(database)
    return False


def by_hand(venue: Venue, url: str) -> None:
    """A position that the bot did not open: it must get a stop, whatever the disk does."""
    ask(venue.exchange, "POST order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.02")
    urllib.request.urlopen(f"{url}/_control/state", timeout=5).close()
