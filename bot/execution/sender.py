"""Carries requests to the venue and answers back as news; never decides.

Nothing leaves before the journal holds it. Requests about one order go one
after the other; different orders do not wait for each other. An order of
unknown outcome is asked for until it is found or proved absent, and is never
sent again unless the venue certainly did not process it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.core.clock import Clock
from bot.core.messages import Order
from bot.core.units import NS_PER_S
from bot.execution.live_venue import Ask, Cancel, FetchFills, FetchPayments, Request, Submit
from bot.execution.news import (
    ENDS,
    AccountTold,
    Answer,
    FillTold,
    FundingTold,
    News,
    OrderTold,
    Refusal,
    Verdict,
)
from bot.execution.outcomes import (
    ABSENT_AFTER,
    ABSENT_AFTER_S,
    AGAIN_AFTER_S,
    RESOLVE_AFTER_S,
    Outcome,
)

STREAM_S = 0.25
"""How long the private stream may take to bring a fill before it is fetched."""

DURABLE_S = 0.5
"""How long a send waits for the journal: then stops and exits leave all the same, and entries do not."""

Hear = Callable[[News], None]


class RequestFailed(Exception):
    """A request that brought no answer, with what that means."""

    def __init__(self, outcome: Outcome, words: str, not_found: bool = False) -> None:
        super().__init__(words)
        self.outcome = outcome
        self.words = words
        self.not_found = not_found


class Port(Protocol):
    """One account of a venue, over the network. Every call raises RequestFailed."""

    async def submit(self, order: Order) -> OrderTold: ...

    async def cancel(self, order: Order, venue_id: str) -> OrderTold | None:
        """None: the venue took the request; what becomes of the order is told later."""
        ...

    async def find(self, order: Order, venue_id: str) -> OrderTold | None:
        """By our client id, among normal and conditional orders; None when it is not known (now)."""
        ...

    async def fills(self, market: int) -> list[FillTold]:
        """Of a market since the last one known, oldest first; ones known already may be among them."""
        ...

    async def payments(self, market: int) -> list[FundingTold]: ...

    async def account(self) -> AccountTold: ...

    async def resync(self) -> None:
        """Measure the difference of the clocks anew."""
        ...


@dataclass(slots=True)
class Line:
    """What is under way about one order."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    resolving: bool = False
    sent_ns: int = 0


class Sender:
    """`send` after every decision; what comes back goes to `hear`.

    `durable` makes everything decided so far durable and returns whether that worked. When it did
    not, or not in time, nothing that raises risk is sent; stops, exits and cancels are.
    """

    def __init__(
        self,
        port: Port,
        hear: Hear,
        durable: Callable[[], Awaitable[bool]],
        clock: Clock,
        lacks_fills: Callable[[int], bool] = lambda market: True,
    ) -> None:
        self._port = port
        self._hear = hear
        self._durable = durable
        self._clock = clock
        self._lacks_fills = lacks_fills
        self._lines: dict[str, Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing: set[asyncio.Future[bool]] = set()
        self._fetching: set[int] = set()
        self._closing = False

    def send(self, requests: Sequence[Request]) -> None:
        """Start carrying requests out; returns at once."""
        if requests and not self._closing:
            self._start(self._carry(requests))

    async def idle(self) -> None:
        """Until nothing is under way (an unreachable venue keeps it busy)."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self, patience_s: float = 3.0) -> None:
        """Let requests under way end, then stop: an order that was being sent must not be cut off."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=patience_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]  # a bug of ours: to the loop's handler

    async def _carry(self, requests: Sequence[Request]) -> None:
        kept = True
        if any(isinstance(request, Submit) for request in requests):
            kept = await self._durable_in_time()
        for request in sorted(requests, key=_urgency):
            if isinstance(request, Submit):
                if kept or request.order.reduce_only:
                    self._start(self._submit(request.order))
                else:
                    words = f"the journal was not written within {DURABLE_S:g} s"
                    self._hear(_refused(request.order, Refusal.NOT_DURABLE, words))
            elif isinstance(request, Cancel):
                self._start(self._cancel(request))
            elif isinstance(request, Ask):
                self._start(self._resolve(request.order, request.venue_id))
            elif isinstance(request, FetchPayments):
                self._start(self._fetch_payments(request.market))
            else:
                self._start(self._fetch(request))

    async def _durable_in_time(self) -> bool:
        """A disk that hangs must not hold a stop back."""
        writing = asyncio.ensure_future(self._durable())
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        await asyncio.wait({writing}, timeout=DURABLE_S)
        return writing.done() and writing.result()

    async def _submit(self, order: Order) -> None:
        line = self._lines.setdefault(order.client_id, Line())
        async with line.lock:
            line.sent_ns = self._clock.now_ns()
            for wait_s in (*AGAIN_AFTER_S, None):
                try:
                    told = await self._port.submit(order)
                except RequestFailed as failed:
                    # a late entry is no entry: only what lowers risk is tried again
                    if not failed.outcome.again or wait_s is None or not order.reduce_only:
                        self._hear(_answer_of(order, failed))
                        return
                    await self._pause(failed.outcome, wait_s)
                else:
                    self._hear(told)
                    return

    async def _cancel(self, request: Cancel) -> None:
        """Whatever a cancel is answered, what counts is what became of the order."""
        order = request.order
        line = self._lines.setdefault(order.client_id, Line())
        async with line.lock:
            told = None
            for wait_s in (*AGAIN_AFTER_S, None):
                try:
                    told = await self._port.cancel(order, request.venue_id)
                    break
                except RequestFailed as failed:
                    if not failed.outcome.again or wait_s is None:
                        break
                    await self._pause(failed.outcome, wait_s)
        if told is not None and told.status in ENDS:
            self._hear(told)
        else:
            await self._resolve(order, request.venue_id, until_ended=True)

    async def _resolve(self, order: Order, venue_id: str, *, until_ended: bool = False) -> None:
        """Ask until the order is found (and ended, when that was asked for) or proved absent."""
        line = self._lines.setdefault(order.client_id, Line())
        if line.resolving:
            return
        line.resolving = True
        try:
            await self._ask_until_proved(order, venue_id, line, until_ended)
        finally:
            line.resolving = False

    async def _ask_until_proved(self, order: Order, venue_id: str, line: Line, until_ended: bool) -> None:
        since_ns = line.sent_ns or order.sent_ns
        misses = asked = 0
        while not self._closing:
            async with line.lock:
                try:
                    told = await self._port.find(order, venue_id)
                except RequestFailed:
                    told, answered = None, False
                else:
                    answered = True
            if told is not None:
                self._hear(told)
                # a cancel that the venue took is followed for a while; then the trader asks again
                if told.status in ENDS or not until_ended or asked >= len(RESOLVE_AFTER_S):
                    return
            misses += answered and told is None
            age_s = (self._clock.now_ns() - since_ns) / NS_PER_S
            if misses >= ABSENT_AFTER and age_s >= ABSENT_AFTER_S:
                await self._prove_absent(order)
                return
            await asyncio.sleep(RESOLVE_AFTER_S[min(asked, len(RESOLVE_AFTER_S) - 1)])
            asked += 1

    async def _prove_absent(self, order: Order) -> None:
        """Its fills, if any, are looked for before it is given up."""
        await self._fetch(FetchFills(order.market, always=True))
        words = f"not found {ABSENT_AFTER} times over {ABSENT_AFTER_S:.0f} s"
        self._hear(Answer(client_id=order.client_id, verdict=Verdict.ABSENT, words=words))

    async def _fetch(self, request: FetchFills) -> None:
        """Fills that the stream did not bring; one look a market at a time."""
        if request.market in self._fetching:
            return
        self._fetching.add(request.market)
        try:
            if not request.always:
                await asyncio.sleep(STREAM_S)
                if not self._lacks_fills(request.market):
                    return
            for news in await self._port.fills(request.market):
                self._hear(news)
        except RequestFailed:
            pass  # the next look at the account asks again
        finally:
            self._fetching.discard(request.market)

    async def _fetch_payments(self, market: int) -> None:
        try:
            for news in await self._port.payments(market):
                self._hear(news)
        except RequestFailed:
            pass  # asked again with the next difference, and every minute

    async def _pause(self, outcome: Outcome, wait_s: float) -> None:
        if outcome.resync:
            try:
                await self._port.resync()
            except RequestFailed:
                await asyncio.sleep(wait_s)
        else:
            await asyncio.sleep(wait_s)


def _urgency(request: Request) -> int:
    """Stops and exits leave before entries, questions last."""
    if isinstance(request, Submit):
        return 0 if request.order.reduce_only else 2
    return 1 if isinstance(request, Cancel) else 3


def _refused(order: Order, refusal: Refusal, words: str) -> Answer:
    return Answer(client_id=order.client_id, verdict=Verdict.REFUSED, refusal=refusal, words=words)


def _answer_of(order: Order, failed: RequestFailed) -> Answer:
    outcome = failed.outcome
    return Answer(
        client_id=order.client_id, verdict=outcome.verdict, refusal=outcome.refusal, words=failed.words[:500]
    )
