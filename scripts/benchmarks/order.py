"""From the decision to the order at the exchange: `python -m scripts.benchmarks.order [--orders 300]`.

Ours is the whole way of a live session: the order journaled and on the disk
(SQLite, synchronous = FULL), then sent through ccxt. Beside it plain ccxt
`create_order`, which keeps nothing. Both go in turn to one rehearsal exchange
in a process of its own; an order has arrived when that process has read its
request, on the clock that all processes of the machine share.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bot.app.rehearse import RehearsalOptions, open_world
from bot.core.clock import SystemClock
from bot.core.enums import OrderRole, OrderType, Side, TimeInForce
from bot.core.ids import client_order_id, intent_id
from bot.core.messages import Order
from bot.execution.ccxt_broker import Account, CcxtBroker
from bot.execution.live_venue import LiveVenue
from bot.execution.news import News
from bot.execution.sender import Sender
from bot.execution.venues.hosts import point_at
from bot.market.feeds.budget import RateBudget
from bot.market.instruments import find
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.server import Venue, build
from bot.rehearsal.signing import Keys
from bot.store.database import Database
from bot.store.journal import StoreJournal
from scripts.benchmarks.results import Line, write

KEYS = Keys("k" * 32, "s" * 32)
SYMBOL = "BTCUSDT"
WARM = 20
"""Orders of each before the first that counts: connections, caches, first use of code."""
ORDER = "/fapi/v1/order"
PAUSE_S = 0.05
"""Between two orders: the exchange takes 300 in 10 s."""


def serve(pipe: Any) -> None:
    """The exchange; stamps every order when its request has been read."""
    from aiohttp import web

    stamps: list[int] = []

    @web.middleware
    async def stamp(request: web.Request, handler: Any) -> Any:
        if request.method == "POST" and request.path == ORDER:
            await request.read()
            stamps.append(time.monotonic_ns())
        return await handler(request)

    async def told(request: web.Request) -> web.Response:
        taken, stamps[:] = list(stamps), []
        return web.json_response(taken)

    async def run() -> None:
        options = RehearsalOptions((SYMBOL,), speed=0.0)
        venue = Venue(Exchange(open_world(options, SystemClock()), Decimal(100_000)), KEYS, 1)

        def first(app: web.Application) -> None:
            app.middlewares.insert(0, stamp)
            app.router.add_get("/_stamps", told)

        runner = web.AppRunner(build(venue, first), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


class Ours:
    """Journal, sender and broker of a live session around a live venue."""

    def __init__(self, broker: CcxtBroker, folder: Path) -> None:
        self._database = Database.open(folder)
        self._database.survive_power_loss()
        self._journal = StoreJournal(self._database, self._database.start_run("live", {}, 1))
        self._venue = LiveVenue((find(f"binance-usdm:{SYMBOL}"),))
        self._clock = SystemClock()
        self._sender = Sender(broker, self._hear, self._durable, self._clock)

    def _hear(self, news: News) -> None:
        self._venue.hear(news, self._clock.now_ns())

    async def _durable(self) -> bool:
        await self._journal.commit_aside()
        return True

    async def place(self, price: int, k: int) -> int:
        """Decide on an order and see it through; when it was decided, monotonic ns."""
        now_ns = self._clock.now_ns()
        intent = intent_id("bench", "scalp", SYMBOL, "enter", now_ns, k)
        identity = client_order_id(intent, OrderRole.ENTRY.value, 0)
        kind, role, force = OrderType.LIMIT, OrderRole.ENTRY, TimeInForce.POST_ONLY
        order = Order(identity, intent, 0, SYMBOL, Side.BUY, kind, role, 2, price, time_in_force=force)
        start = time.monotonic_ns()
        self._journal.order(order)
        self._venue.submit(order, now_ns)
        self._sender.send(self._venue.take_requests())
        await self._sender.idle()
        return start


async def measure(port: int, orders: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds of each order: ours, plain ccxt's."""
    import aiohttp
    import ccxt.async_support as ccxt

    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    account = Account(
        "rehearsal", {"apiKey": KEYS.key, "secret": KEYS.secret}, adapt=lambda ex: point_at(ex, http, ws)
    )
    room = RateBudget(limit=10**9)  # the benchmark asks faster than a venue would let it
    broker = CcxtBroker(account, (find(f"binance-usdm:{SYMBOL}"),), SystemClock(), budget=room)
    plain = ccxt.binanceusdm(
        {
            "apiKey": KEYS.key,
            "secret": KEYS.secret,
            "rateLimiterAlgorithm": "rollingWindow",
            "options": {"fetchCurrencies": False, "fetchMarkets": {"types": ["linear"]}},
        }
    )
    point_at(plain, http, ws)
    await broker.start()
    await plain.load_markets()
    (symbol,) = broker.symbols
    ours = Ours(broker, folder)
    price = int(await broker.mid(0) * Decimal("0.99") / find(f"binance-usdm:{SYMBOL}").tick)
    taken: dict[str, list[float]] = {"ours": [], "plain": []}
    async with aiohttp.ClientSession() as session:

        async def arrived() -> int:
            async with session.get(f"{http}/_stamps") as answer:
                (stamp,) = await answer.json()
                return int(stamp)

        for k in range(orders + WARM):
            for who in ("ours", "plain") if k % 2 else ("plain", "ours"):
                if who == "ours":
                    start = await ours.place(price, k)
                else:
                    start = time.monotonic_ns()
                    await plain.create_order(
                        symbol, "limit", "buy", 0.002, price * 0.1, {"timeInForce": "GTX"}
                    )
                taken[who].append((await arrived() - start) / 1e3)
                await asyncio.sleep(PAUSE_S)
            if k % 40 == 39:
                await plain.cancel_all_orders(symbol)
    await plain.close()
    await broker.close()
    return np.array(taken["ours"][WARM:]), np.array(taken["plain"][WARM:])


def main(words: Sequence[str] | None = None) -> int:
    about = (__doc__ or "").partition(":")[0]
    parser = argparse.ArgumentParser(prog="scripts/bench order", description=about)
    parser.add_argument("--orders", type=int, default=300, help="of each, in turn (default: 300)")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    args = parser.parse_args(words)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    port = here.recv()
    with TemporaryDirectory() as folder:
        ours, plain = asyncio.run(measure(port, args.orders, Path(folder)))
    server.terminate()
    lines = []
    for share, most in ((50, 1.5), (99, 2.0)):
        mine, other = np.percentile(ours, share), np.percentile(plain, share)
        lines.append(
            Line(
                f"decision to the order at the exchange, p{share}",
                f"{mine / other:.2f} times; ours {mine / 1e3:.2f} ms, ccxt create_order {other / 1e3:.2f} ms",
                f"at most {most}",
                bool(mine <= most * other),
            )
        )
    for line in lines:
        print(line)
    if args.write:
        notes = ["ours includes the order on the disk (SQLite, synchronous = FULL) before a byte leaves"]
        write("order", lines, notes, args.orders, "scripts/bench order --write", "ccxt")
    return 1 if any(line.passed is False for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
