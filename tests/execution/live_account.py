"""A trader, a live venue, a sender and real ccxt on the rehearsal exchange, joined as in a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bot.core.clock import SystemClock
from bot.core.enums import OrderRole, TriggerBy
from bot.core.messages import Order
from bot.execution.ccxt_broker import Account, CcxtBroker
from bot.execution.live_desk import LiveDesk
from bot.execution.live_venue import LiveVenue
from bot.execution.news import Found, News
from bot.execution.sender import Sender
from bot.execution.trader import Trader
from bot.execution.venues.hosts import point_at
from bot.risk.trades import Trade, TradeBook
from tests.fakes import FakeJournal
from tests.rehearsing import KEYS, Running, eventually

POINTED = Callable[[Any], None]


def account_at(running: Running, **more: Any) -> Account:
    def adapt(ex: Any) -> None:
        point_at(ex, running.http, f"ws://127.0.0.1:{running.port}")

    credentials = {"apiKey": KEYS.key, "secret": KEYS.secret}
    return Account("rehearsal", credentials, adapt=adapt, timeout_s=more.pop("timeout_s", 3.0), **more)


class LiveAccount:
    """What is kept is what a crash leaves: `state()` of one, given to the next."""

    def __init__(self, running: Running, state: dict[str, Any] | None = None, **more: Any) -> None:
        self.running = running
        self.clock = SystemClock()
        instruments = running.exchange.world.instruments
        self.venue = LiveVenue(instruments)
        self.journal = FakeJournal()
        self.closed: list[Trade] = []
        self.heard: list[News] = []
        self.durable = True
        self.trader = Trader(
            self.venue,
            self.journal,
            dict(enumerate(instruments)),
            TradeBook(),
            on_closed=self.closed.append,
        )
        self.desk = LiveDesk(self.venue, self.trader, self.journal, TriggerBy.MARK)
        if state is not None:
            self.venue.restore(state["venue"])
            self.trader.restore(state["trader"])
            self.desk.restore(state["desk"])
        self.broker = CcxtBroker(
            account_at(running, **more),
            instruments,
            self.clock,
            fills_from_ns=self.venue.fills_from_ns,
            since_ns=0 if state else self.clock.now_ns(),
        )
        self.sender = Sender(self.broker, self.hear, self._commit, self.clock, self.venue.lacks_fills)
        self._watch: asyncio.Task[None] | None = None

    async def _commit(self) -> bool:
        return self.durable

    def state(self) -> dict[str, Any]:
        return {
            "venue": self.venue.to_state(),
            "trader": self.trader.to_state(),
            "desk": self.desk.to_state(),
        }

    def hear(self, news: News) -> None:
        now_ns = self.clock.now_ns()
        self.heard.append(news)
        self.desk.hear(news, now_ns)
        self.trader.on_reports(self.venue.drain(now_ns))
        self.flush()

    def flush(self) -> None:
        self.sender.send(self.venue.take_requests())

    def time(self) -> bool:
        """What a tick does; true, so that a condition may be asked with it."""
        self.trader.on_time(self.clock.now_ns(), {})
        self.flush()
        return True

    async def start(self) -> LiveAccount:
        await self.broker.start(self.venue.orders)
        self._watch = asyncio.create_task(self.broker.watch(self.hear))
        await eventually(lambda: any(n.__class__.__name__ == "LinkTold" for n in self.heard), "the link")
        await self.look()
        self.hear(Found(what="stop_self_test", words=""))
        return self

    async def look(self) -> None:
        """A round of the reconciler."""
        self.hear(await self.broker.account())

    async def crash(self) -> None:
        """Nothing is ended in order."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self.sender.close(patience_s=0.0)
        await self.broker.close()

    def orders(self, role: OrderRole) -> list[Order]:
        return [order for order in self.journal.of("order") if order.role is role]

    def audits(self, what: str) -> list[dict[str, Any]]:
        return [detail for name, detail in self.journal.of("audit") if name == what]


@asynccontextmanager
async def live_account(
    running: Running, state: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[LiveAccount]:
    account = LiveAccount(running, state, **more)
    try:
        yield await account.start()
    finally:
        await account.crash()
