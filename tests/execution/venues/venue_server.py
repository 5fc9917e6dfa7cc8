"""What the local venue servers have in common: one account, a market that stands still, sockets, faults.

A server keeps orders and fills as plain decimals and turns them into its
venue's documented forms. It is no exchange: prices do not move, and a test
says what fills and what triggers.
"""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from aiohttp import WSMsgType, web

Json = dict[str, Any]
S = TypeVar("S", bound="VenueServer")
BID, ASK = Decimal(60_000), Decimal(60_001)


@dataclass(slots=True)
class Held:
    """An order as the venue holds it. `link` is our id in the venue's form."""

    id: str
    link: str
    side: str  # buy, sell
    kind: str  # limit, market, stop
    quantity: Decimal
    price: Decimal = Decimal(0)
    trigger: Decimal = Decimal(0)
    reduce_only: bool = False
    force: str = "GTC"  # GTC, IOC, POST
    status: str = "open"  # open, triggered, filled, canceled, refused
    cause: str = ""  # of an end nobody asked for
    filled: Decimal = Decimal(0)
    made_ms: int = 0
    child: Held | None = None  # the order that a triggered stop became
    parent: Held | None = None

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1


@dataclass(frozen=True, slots=True)
class Filled:
    id: str
    order: Held
    quantity: Decimal
    price: Decimal
    maker: bool
    fee: Decimal  # paid
    ms: int
    forced: bool = False


@dataclass(slots=True)
class Payment:
    id: str
    amount: Decimal  # received
    ms: int


@dataclass(eq=False)
class VenueServer(ABC):
    """`events` are sent before the answer to the request that caused them, as venues mostly do."""

    step: Decimal = Decimal("0.001")
    wallet: Decimal = Decimal(10_000)
    leverage: int = 5
    hedge: bool = False
    withdraws: bool = False
    ahead_ms: int = 0  # the venue's clock
    faults: deque[str] = field(default_factory=deque)  # one for each order request that comes
    orders: list[Held] = field(default_factory=list)
    fills: list[Filled] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    position: Decimal = Decimal(0)
    seen: list[tuple[str, str, Json]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # signatures that did not fit
    sockets: dict[web.WebSocketResponse, set[str]] = field(default_factory=dict)
    canned: dict[str, Any] = field(default_factory=dict)  # answers by path, instead of what is held
    port: int = 0

    @abstractmethod
    async def answer(self, request: web.Request, asked: Json, text: str) -> Any:
        """The JSON answer of a REST request, or a whole response."""

    @abstractmethod
    async def on_text(self, ws: web.WebSocketResponse, text: str) -> None: ...

    @abstractmethod
    def order_event(self, held: Held) -> tuple[str, Any]:
        """Topic and message of an order's state."""

    @abstractmethod
    def fill_event(self, fill: Filled) -> tuple[str, Any] | None:
        """None where the order's state carries the fill."""

    @abstractmethod
    def lost_answer(self) -> web.Response:
        """The venue's own way to say that it does not know what became of a request."""

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def new_id(self) -> str:
        return str(9_000_000 + len(self.orders) + len(self.fills) + len(self.payments))

    def of_link(self, link: str) -> list[Held]:
        return [o for o in self.orders if o.link == link]

    def held(self, wanted: Callable[[Held], bool]) -> Held | None:
        return next((o for o in self.orders if wanted(o)), None)

    def trouble_with(self, new: Held) -> str:
        """Why an order is refused at once: duplicate, margin, reduce; "" when it is not."""
        if self.of_link(new.link):
            return "duplicate"
        if new.kind != "stop" and new.reduce_only and new.sign * self.position >= 0:
            return "reduce"
        if not new.reduce_only and new.quantity * BID > self.wallet * self.leverage:
            return "margin"
        return ""

    def crosses(self, new: Held) -> bool:
        return new.kind == "market" or (
            new.kind == "limit" and (new.price >= ASK if new.side == "buy" else new.price <= BID)
        )

    async def take(self, new: Held) -> None:
        """An order that was accepted: rests, or takes in two pieces."""
        new.made_ms = self.now_ms()
        self.orders.append(new)
        if new.kind == "stop" or not self.crosses(new):
            await self.tell(new)
            return
        if new.force == "POST":
            new.status, new.cause = "canceled", "post_only"
            await self.tell(new)
            return
        first = max(self.step, new.quantity * 2 // 5 // self.step * self.step)
        best = ASK if new.side == "buy" else BID
        await self.fill(new, min(first, new.left), best, maker=False)
        if new.left:
            await self.fill(new, new.left, best + new.sign, maker=False)

    async def fill(
        self,
        held: Held,
        quantity: Decimal,
        price: Decimal | None = None,
        *,
        maker: bool = True,
        forced: bool = False,
    ) -> Filled:
        at = held.price if price is None else price
        rate = Decimal("0.0002") if maker else Decimal("0.0005")
        done = Filled(self.new_id(), held, quantity, at, maker, quantity * at * rate, self.now_ms(), forced)
        held.filled += quantity
        held.status = "open" if held.left else "filled"
        self.position += held.sign * quantity
        self.wallet -= done.fee
        self.fills.append(done)
        event = self.fill_event(done)
        if event is not None:
            await self.push(*event)
        await self.tell(held)
        return done

    async def trigger(self, stop: Held) -> None:
        """The stop goes off and takes at market, under its own id unless the venue gives it another."""
        stop.status = "triggered"
        await self.tell(stop)
        await self.fill(stop, stop.quantity, BID, maker=False)

    async def force(self, side: str, quantity: Decimal) -> Filled:
        """The venue closes a position itself."""
        order = Held(self.new_id(), "", side, "market", quantity, made_ms=self.now_ms())
        self.orders.append(order)
        return await self.fill(order, quantity, BID, maker=False, forced=True)

    async def take_back(self, held: Held) -> None:
        held.status = "canceled"
        await self.tell(held)

    async def tell(self, held: Held) -> None:
        await self.push(*self.order_event(held))

    async def push(self, topic: str, message: Any) -> None:
        for ws, topics in list(self.sockets.items()):
            if topic in topics and not ws.closed:
                await ws.send_json(message)

    async def cut(self) -> None:
        """Every private socket is closed."""
        for ws in list(self.sockets):
            await ws.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        asked: Json = dict(request.query)
        if text:
            body = json.loads(text)
            asked |= body if isinstance(body, dict) else {"list": body}
        self.seen.append((request.method, request.path, asked))
        if request.path in self.canned:
            return web.json_response(self.canned[request.path])
        answer = await self.answer(request, asked, text)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    async def order_request(
        self, request: web.Request, serve: Callable[[], Any], busy: Callable[[], Any]
    ) -> Any:
        """An order's way in, with the fault that waits for it."""
        fault = self.faults.popleft() if self.faults else ""
        if fault == "busy":
            return busy()
        if fault == "lost":
            return _hang_up(request)
        answer = await serve()
        if fault == "dropped":
            return _hang_up(request)
        if fault == "late":
            await asyncio.sleep(2.0)
        return self.lost_answer() if fault == "unsure" else answer

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.sockets[ws] = set()
        try:
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    await self.on_text(ws, message.data)
        finally:
            self.sockets.pop(ws, None)
        return ws


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def serving(server: S, sockets: tuple[str, ...]) -> AsyncIterator[S]:
    app = web.Application()
    for path in sockets:
        app.router.add_get(path, server.listen)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def text(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def subset(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return all(str(whole.get(key)) == str(value) for key, value in part.items())
