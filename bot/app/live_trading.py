"""The shell of live trading: an account opened beside a session's loop.

Requests leave through the sender once the journal holds them; what the venue
says goes into the inbox. A start and a recovered connection are one path: the
private stream comes up, every order that may be there is asked for, fills since
the last one are fetched, then the account is compared, again every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import msgspec

from bot.app.live_checks import (
    check_account,
    clear_self_test,
    self_test_order,
    stop_self_test,
    unreadable,
)
from bot.core.clock import Clock
from bot.core.enums import OrderRole, TriggerBy
from bot.core.errors import BadInput
from bot.core.messages import Order
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.engine.inbox import Heard, Inbox
from bot.engine.loop import Engine
from bot.execution.ccxt_broker import CcxtBroker
from bot.execution.live_venue import LiveVenue, Submit
from bot.execution.news import Answer, Found, News, Pulse, Refusal, SelfTestSent, Verdict
from bot.execution.sender import RequestFailed, Sender
from bot.store.journal import StoreJournal

PULSE_NS = 50 * NS_PER_MS
"""A deadline that no row has met is met by a pulse this much later."""

PAYMENTS_S = 60.0
HEARTBEAT_S = 60.0
COMMIT_S = 0.25
RESYNC_S = 300.0
SELF_TEST_S = 86_400.0
SELF_TEST_AGAIN_S = 60.0
"""After one that failed: a refusal of the moment must not keep entries waiting for a day."""

SETTINGS_NS = 60 * NS_PER_S
DEAD_MAN_S = 120
"""Resting entries are taken away by the venue so long after our last sign, where it can."""

AGAIN_S = (0.5, 1.0, 2.0, 5.0)
"""Waits before an account that gave no answer at the start is asked again; the last one repeats."""

Answered = TypeVar("Answered")
Warn = Callable[[str, Mapping[str, Any]], None]


@dataclass(slots=True)
class LiveTrading:
    """One account of a session. `dry`: everything is asked, nothing is sent."""

    broker: CcxtBroker
    venue: LiveVenue
    engine: Engine
    journal: StoreJournal
    clock: Clock
    keep: Callable[[], None]  # puts what a restart needs into the journal, before a commit
    kept: Callable[[], None]  # after a commit
    warn: Warn
    trigger_by: TriggerBy = TriggerBy.MARK
    look_every_s: float = 5.0
    heartbeat_url: str = ""
    dry: bool = False
    sender: Sender = field(init=False)
    _inbox: Inbox | None = None
    _pulsed_ns: int = 0
    _settings: tuple[bool | None, dict[int, float], dict[int, str]] | None = None  # at the start
    _settings_ns: int = 0
    _looked: asyncio.Event = field(default_factory=asyncio.Event)
    _armed: set[int] = field(default_factory=set)
    _waiting: list[Heard] = field(default_factory=list)
    _ready: bool = False
    _journal_failing: bool = False
    _cleared: bool = False  # of what self-tests of an earlier run left

    def __post_init__(self) -> None:
        self.sender = Sender(self.broker, self.tell, self.durable, self.clock, self.venue.lacks_fills)

    def tell(self, news: News) -> None:
        """Into the inbox. When the engine is far behind it waits here, in order; nothing is dropped."""
        self._waiting.append(Heard(news, self.clock.now_ns()))
        self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting and self._inbox is not None and self._inbox.offer(self._waiting[0]):
            del self._waiting[0]

    def flush(self) -> None:
        """After every decision: what it wants sent. Before the account is known it waits, in order."""
        if not self._ready:
            return
        requests = self.venue.take_requests()
        if self.dry:
            for request in requests:
                if isinstance(request, Submit):
                    self.tell(_not_sent(request.order))
            return
        self.sender.send(requests)

    async def durable(self) -> bool:
        """Whether everything decided so far is on the disk. A failure is told once, and its end."""
        try:
            await self.journal.commit_aside(self.keep)
        except (sqlite3.Error, OSError) as error:
            if not self._journal_failing:
                self._journal_failing = True
                words = f"the journal cannot be written ({error}); nothing is entered until it can"
                self.warn("journal_failed", {"reason": words})
                self.tell(Found(what="journal", words=words, blocks_entries=True))
            return False
        if self._journal_failing:
            self._journal_failing = False
            words = "the journal is written again, nothing of it is missing"
            self.warn("journal_works", {"reason": words})
            self.tell(Found(what="journal", words=words))
        return True

    async def _commit(self) -> None:
        """Everything waits in memory while the journal cannot be written, and is tried again."""
        while True:
            await asyncio.sleep(COMMIT_S)
            if await self.durable():
                self.kept()

    @asynccontextmanager
    async def open(self, inbox: Inbox) -> AsyncIterator[Collection[asyncio.Task[None]]]:
        """Runs beside the session's loop: tasks that never end well. In the end what is under way is let
        through. A refused account (BadInput) and a fault of ours end the tasks."""
        self._inbox = inbox
        work = asyncio.create_task(self._work(), name="account")
        try:
            yield (work,)
            if self._ready:
                self._take_entries_back()
                await self.sender.close()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self.sender.close(patience_s=0.0)
            await self.broker.close()

    async def _work(self) -> None:
        await self._admit()
        self._ready = True
        self.flush()
        async with asyncio.TaskGroup() as tasks:
            for duty in self._duties():
                tasks.create_task(duty)

    async def _admit(self) -> None:
        """Raises BadInput when the account must not be traded; with something at stake entries wait."""
        await self._answered(lambda: self.broker.start(self.venue.orders))
        if self.dry:
            self.tell(Found(what="stop_self_test", words=""))
        try:
            facts = await self._answered(lambda: check_account(self.broker))
        except BadInput as error:
            if not self.venue.at_stake:
                raise
            self.warn("account_check", {"reason": str(error)})
            self.tell(Found(what="account_check", words=str(error), blocks_entries=True))
            return
        self._settings = facts.hedge, facts.leverage, facts.margin
        names = [instrument.symbol for instrument in self.venue.instruments]
        told = asdict(facts)
        for figure in ("leverage", "margin"):
            told[figure] = {names[market]: value for market, value in told[figure].items()}
        self.journal.audit(self.clock.now_ns(), "account", told)

    async def _answered(self, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        """Asked again while the venue refuses for too many requests, and with something at stake also
        while it cannot be reached. Raises BadInput when that would not help."""
        failures = 0
        while True:
            try:
                answer = await ask()
            except RequestFailed as failed:
                passes = failed.outcome.refusal is Refusal.RATE
                passes |= failed.outcome.verdict is Verdict.UNKNOWN and self.venue.at_stake
                if not passes:
                    raise unreadable(self.broker.dialect.name, failed) from None
                if not failures:
                    self.warn("account_unreadable", {"reason": f"{failed.words}; it is asked again"})
                await asyncio.sleep(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
                failures += 1
            else:
                if failures:
                    self._readable_again()
                return answer

    def _readable_again(self) -> None:
        self.warn("account_readable", {"reason": "the account can be read again"})

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        duties = [
            self.broker.watch(self.tell),
            self._every(self.look_every_s, self._look, blocks="account"),
            self._every(PAYMENTS_S, self._payments),
            self._every(RESYNC_S, self.broker.resync),
            self._pulse(),
            self._commit(),
        ]
        if self.heartbeat_url:
            duties.append(self._every(HEARTBEAT_S, self._beat))
        if not self.dry:
            duties.append(self._prove_stops())
            duties.append(self._every(DEAD_MAN_S / 4, self._dead_man))
        return duties

    def _take_entries_back(self) -> None:
        """Positions stay with their stops; an entry must not fill with nobody at home."""
        for known in list(self.venue.open_orders()):
            if known.order.role is OrderRole.ENTRY:
                self.venue.cancel(known.order.client_id, self.clock.now_ns())
        self.flush()

    async def _every(
        self, seconds: float, do: Callable[[], Coroutine[Any, Any, None]], *, blocks: str = ""
    ) -> None:
        """A failed look is told once, and again when it works; what the venue answers must not end us.

        `blocks`: the cause under which entries wait meanwhile.
        """
        failing = False
        while True:
            try:
                await do()
                if failing:
                    failing = False
                    self._readable_again()
                    if blocks:
                        self.tell(Found(what=blocks, words=""))
            except Exception as error:
                words = error.words if isinstance(error, RequestFailed) else _unexpected(error)
                if not failing:
                    failing = True
                    self.warn("account_unreadable", {"reason": words})
                    if blocks:
                        self.tell(Found(what=blocks, words=words, blocks_entries=True))
            await asyncio.sleep(seconds)

    async def _look(self) -> None:
        """Orders, positions and balance; modes and leverage are looked at less often, they cost more."""
        told = await self.broker.account()
        now_ns = self.clock.now_ns()
        if now_ns - self._settings_ns >= SETTINGS_NS:
            hedge, leverage, _ = self._settings or await self.broker.settings()
            told = msgspec.structs.replace(told, hedge=hedge, leverage=leverage)
            self._settings, self._settings_ns = None, now_ns
        self.tell(told)
        self._looked.set()

    async def _dead_man(self) -> None:
        """While entries rest: should we vanish, the venue takes them away. Stops are not touched by it."""
        waiting = {k.order.market for k in self.venue.open_orders() if not k.order.reduce_only}
        await self.broker.dead_man(sorted(waiting), DEAD_MAN_S)
        await self.broker.dead_man(sorted(self._armed - waiting), 0)
        self._armed = waiting

    async def _prove_stops(self) -> None:
        """Nothing is entered without proof that stops work; daily, as endpoints change."""
        before: str | None = None
        while True:
            words = await self._stop_fails()
            if words != before:
                self.journal.audit(self.engine.now_ns, "stop_self_test", {"failed": words})
                if words:
                    self.warn("stop_self_test", {"reason": words})
            before = words
            self.tell(Found(what="stop_self_test", words=words, blocks_entries=bool(words)))
            await asyncio.sleep(SELF_TEST_AGAIN_S if words else SELF_TEST_S)

    async def _stop_fails(self) -> str:
        """Why a stop could not be proved to work, "" it was."""
        try:
            return await self._try_a_stop()
        except RequestFailed as failed:
            return f"no stop could be tried: {failed.words}"
        except Exception as error:
            return f"no stop could be tried: {_unexpected(error)}"

    async def _try_a_stop(self) -> str:
        """The test's own order is known before it leaves: a crash leaves no stranger behind.

        What went wrong in words, "" nothing. Raises RequestFailed when the venue gives no answer.
        """
        first = self.venue.instruments[0]
        if not self._cleared:
            for client_id in list(self.venue.self_tests):
                await clear_self_test(self.broker, client_id, first, 0)
            self._cleared = True
        order = await self_test_order(self.broker, first, 0, self.trigger_by, self.clock.now_ns())
        self.tell(SelfTestSent(client_id=order.client_id))
        while order.client_id not in self.venue.self_tests:
            await asyncio.sleep(0.01)
        if not await self.durable():
            return "the journal cannot be written: no stop was tried"
        return await stop_self_test(self.broker, order)

    async def _payments(self) -> None:
        """After the account: they weigh most, and protect nothing."""
        await self._looked.wait()
        for market in range(len(self.venue.instruments)):
            for news in await self.broker.payments(market):
                self.tell(news)

    async def _pulse(self) -> None:
        """Time passes for trades also while the market is silent."""
        while True:
            await asyncio.sleep(PULSE_NS / NS_PER_S)
            self._hand_over()
            now_ns = self.clock.now_ns()
            due_ns = self.engine.deadline_ns
            if due_ns + PULSE_NS <= now_ns and self._pulsed_ns != due_ns:
                self._pulsed_ns = due_ns
                self.tell(Pulse())

    async def _beat(self) -> None:
        """To a watchdog outside; it is the silence that tells."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=10.0)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self.heartbeat_url):
                pass


def _unexpected(error: Exception) -> str:
    """An answer that was not understood: a fault of ours or of the library, told with its kind."""
    return f"an answer was not understood ({type(error).__name__}: {error})"


def _not_sent(order: Order) -> Answer:
    words = "dry run: nothing is sent"
    return Answer(client_id=order.client_id, verdict=Verdict.REFUSED, refusal=Refusal.OTHER, words=words)
