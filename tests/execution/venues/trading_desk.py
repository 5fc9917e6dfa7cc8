"""Broker, sender and venue joined as in a live session, without a trader: orders go in by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.core.clock import SystemClock
from bot.core.enums import OrderRole, OrderType, Side, TriggerBy
from bot.core.messages import Order
from bot.execution.ccxt_broker import CcxtBroker
from bot.execution.live_orders import LiveOrder
from bot.execution.live_venue import LiveVenue
from bot.execution.news import AccountTold, FillTold, LinkTold, News
from bot.execution.sender import Sender
from tests.execution.venues.benches import Bench
from tests.rehearsing import eventually

INTENT = "aside-0123456789"
"""Orders of no trade: what becomes of them is read from the venue's books."""


class Desk:
    def __init__(self, bench: Bench, since_ns: int | None = None) -> None:
        self.bench = bench
        self.clock = SystemClock()
        self.venue = LiveVenue(bench.instruments)
        self.heard: list[News] = []
        self.broker = CcxtBroker(
            bench.account,
            bench.instruments,
            self.clock,
            fills_from_ns=self.venue.fills_from_ns,
            since_ns=self.clock.now_ns() if since_ns is None else since_ns,
        )
        self.sender = Sender(self.broker, self.hear, self._durable, self.clock, self.venue.lacks_fills)
        self._watch: asyncio.Task[None] | None = None
        self._made = 0

    async def _durable(self) -> bool:
        return True

    def hear(self, news: News) -> None:
        """As the live desk does, as far as orders and fills go."""
        self.heard.append(news)
        if isinstance(news, LinkTold):
            if news.up:
                self.venue.ask_open()
                for market in range(len(self.bench.instruments)):
                    self.venue.fetch_fills(market)
        elif not isinstance(news, AccountTold):
            self.venue.hear(news, self.clock.now_ns())  # type: ignore[arg-type]
        self.flush()

    def flush(self) -> None:
        self.sender.send(self.venue.take_requests())

    @property
    def links(self) -> list[bool]:
        return [news.up for news in self.heard if isinstance(news, LinkTold)]

    @property
    def fills(self) -> list[FillTold]:
        return [news for news in self.heard if isinstance(news, FillTold)]

    def make(self, kind: OrderType, **changes: Any) -> Order:
        """A buy that opens; `side=Side.SELL` closes."""
        fields: dict[str, Any] = {"side": Side.BUY, "lots": self.bench.lots, "role": OrderRole.ENTRY}
        if kind is OrderType.STOP_MARKET:
            fields |= {"side": Side.SELL, "role": OrderRole.STOP, "reduce_only": True}
            fields |= {"trigger_by": TriggerBy.MARK}
        fields |= changes
        self._made += 1
        client_id = f"lop-{self.clock.now_ns() % 2**64:016x}-x{self._made}"
        return Order(
            client_id,
            INTENT,
            0,
            self.bench.instruments[0].symbol,
            type=kind,
            sent_ns=self.clock.now_ns(),
            **fields,
        )

    def submit(self, kind: OrderType, **changes: Any) -> LiveOrder:
        order = self.make(kind, **changes)
        self.venue.submit(order, self.clock.now_ns())
        self.flush()
        return self.venue.orders[order.client_id]

    def cancel(self, known: LiveOrder) -> None:
        self.venue.cancel(known.order.client_id, self.clock.now_ns())
        self.flush()

    async def buy(self) -> LiveOrder:
        """A position of `lots`, all of its fills booked."""
        bought = self.submit(OrderType.MARKET)
        await eventually(lambda: bought.left == 0, "the fills of a market order")
        return bought

    async def restart_streams(self) -> None:
        self._watch = asyncio.create_task(self.broker.watch(self.hear))
        await eventually(lambda: self.links and self.links[-1], "the private streams")

    async def stop_streams(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def close(self) -> None:
        await self.stop_streams()
        await self.sender.close(patience_s=0.0)
        await self.broker.close()


@asynccontextmanager
async def desk_at(bench: Bench, since_ns: int | None = None) -> AsyncIterator[Desk]:
    desk = Desk(bench, since_ns)
    try:
        await desk.broker.start()
        await desk.restart_streams()
        yield desk
    finally:
        await desk.close()
