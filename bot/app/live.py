"""A live session's stream: feeds of one or several venues into the inbox, timers from the scheduler.

The same path as `pacing`, with sockets in the producer's place: one consumer
numbers what arrives, the clock is the wall's, and what is said on the stream is
recorded before a decision rests on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import numpy as np

from bot.app.markets import by_venue
from bot.app.pacing import consume
from bot.app.reach import Unreachable
from bot.app.venue_table import make_exchange
from bot.core.commands import Answer
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.engine.inbox import End, Inbox, Numbering, Timer
from bot.engine.kernel import State
from bot.engine.scheduler import PacedClock, TickScheduler
from bot.execution.news import News
from bot.market.book import ASK, BID, levels
from bot.market.events import Kind, empty_rows
from bot.market.feeds.audit import Ladder
from bot.market.feeds.budget import RateBudget
from bot.market.feeds.ccxt_feed import CcxtFeed
from bot.market.feeds.feed import OnRaw, VenueFeed
from bot.market.feeds.rest import Rest
from bot.market.feeds.steady import SteadyClock
from bot.market.heads import CROSSED, LOCKED
from bot.market.instruments import Instrument
from bot.market.trust import CROSSED_NS, OUTSIDE_COMMITS, OUTSIDE_NS
from bot.market.venues.known import LIVE, stream_of
from bot.market.venues.protocol import Hosts

START_WITHIN_S = 8.0
"""The first rows must be there by then."""
LOOK_S = 0.25
INSTRUMENTS_EVERY_S = 3600.0

Feed = VenueFeed | CcxtFeed
OnNews = Callable[[str, Mapping[str, Any]], None]
Needed = Collection[asyncio.Task[None]]
Serve = Callable[[Inbox, PacedClock], AbstractAsyncContextManager[Needed]]
"""What a session opens beside its loop, faces and an account: they put commands and news into the inbox.
Told are the tasks without which the session cannot go on."""


@dataclass(slots=True)
class EngineLadders:
    """The books of a running engine, for audits. `state` is asked each time: arrays may have grown."""

    state: Callable[[], State]

    def ref(self, market: int) -> int:
        return int(self.state().heads[market]["update_id"])

    def ladder(self, market: int) -> Ladder:
        books = self.state().books
        return Ladder(*levels(books, market, BID), *levels(books, market, ASK))


@dataclass(slots=True)
class LiveSource:
    """Live markets; `urls` may put other hosts in a venue's place (a rehearsal)."""

    instruments: tuple[Instrument, ...]
    urls: Mapping[str, Hosts] = field(default_factory=dict)
    seed: int = 1
    expected_s: float | None = None
    own_timers: bool = False
    feeds: list[Feed] = field(default_factory=list)
    clock: SteadyClock = field(default_factory=SteadyClock)
    budgets: dict[str, RateBudget] = field(default_factory=dict)

    def budget(self, venue: str) -> RateBudget:
        """What this machine may ask of a venue: one for its feed and for an account there."""
        return self.budgets.setdefault(venue, RateBudget.of(venue))

    def open(
        self, inbox: Inbox, ladders: EngineLadders | None, on_news: OnNews, on_raw: OnRaw | None = None
    ) -> list[Feed]:
        """The feeds of all venues, ready to run."""
        random = Random(self.seed)  # jitter only
        for venue, markets in by_venue(self.instruments).items():
            if venue not in LIVE:
                self.feeds.append(self._through_ccxt(venue, markets, inbox, random, on_news))
                continue
            stream = stream_of(venue, markets)
            hosts = self.urls.get(venue, stream.hosts)
            rest = Rest(hosts.rest, self.budget(venue), self.clock)
            feed = VenueFeed(stream, markets, hosts, rest, inbox, self.clock, random)
            feed.ladders, feed.on_news, feed.on_raw = ladders, on_news, on_raw
            self.feeds.append(feed)
        return self.feeds

    def _through_ccxt(
        self,
        venue: str,
        markets: Mapping[int, Instrument],
        inbox: Inbox,
        random: Random,
        on_news: OnNews,
    ) -> CcxtFeed:
        import ccxt.pro

        make = partial(make_exchange, ccxt.pro, venue, self.urls.get(venue))
        return CcxtFeed(venue, markets, make, inbox, self.clock, random, on_news)

    def resume_state(self) -> dict[str, Any]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {
            "market": "live",
            "venues": sorted({i.venue for i in self.instruments}),
            "urls": {venue: hosts.rest for venue, hosts in self.urls.items()},
            "feeds": [feed.status() for feed in self.feeds],
            "clock_steps": self.clock.steps,
        }


@dataclass(slots=True)
class LiveRun:
    """One live stream into `apply`, until `stopping`, the duration is over, or nobody answers.

    `patient`: something is at stake, so that a venue that says nothing at the start is waited for.
    """

    source: LiveSource
    apply: Callable[[np.ndarray], None]
    in_message: Callable[[], bool]
    stopping: Callable[[], bool]
    on_news: OnNews
    numbering: Numbering
    state: Callable[[], State]
    answer: Callable[[], Answer]
    serve: Serve | None = None
    hear: Callable[[News, int, int], None] | None = None
    duration_s: float | None = None
    patient: bool = False
    opening: Sequence[np.ndarray] = ()
    on_raw: OnRaw | None = None
    instruments: Callable[[], Sequence[Instrument]] | None = None  # as the venues list them now; may block

    async def run(self) -> None:
        """Raises Unreachable when no venue says anything at the start, and what `serve` needed raises."""
        inbox = Inbox()
        for rows in self.opening:
            await inbox.put(rows)
        feeds = self.source.open(inbox, EngineLadders(self.state), self.on_news, self.on_raw)
        paced = PacedClock(self.source.clock, self.source.clock.now_ns(), 1.0)
        scheduler = TickScheduler(paced, 1.0, lambda due, arrived: inbox.put(Timer(due, arrived)))
        consumer = asyncio.create_task(
            consume(inbox, self.numbering, self.apply, self.in_message, self.stopping, self.answer, self.hear)
        )
        work = asyncio.create_task(self._feed(feeds, inbox))
        ends = asyncio.create_task(self._until_over(feeds))
        scheduler.start()
        try:
            async with self.serve(inbox, paced) if self.serve else nullcontext(()) as needed:
                tasks = (consumer, work, ends, *needed)
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    if task.done():
                        task.result()
                await _drained(inbox, consumer)
        finally:
            scheduler.stop()
            for task in (work, ends, consumer):
                task.cancel()
            await asyncio.gather(work, ends, consumer, return_exceptions=True)
            inbox.refuse_what_waits()

    async def _feed(self, feeds: Sequence[Feed], inbox: Inbox) -> None:
        async with asyncio.TaskGroup() as tasks:
            for feed in feeds:
                tasks.create_task(feed.run())
            tasks.create_task(self._look_after(feeds))
            if self.instruments is not None:
                tasks.create_task(self._watch_instruments(self.instruments, inbox))

    async def _until_over(self, feeds: Sequence[Feed]) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        told = False
        while not self.stopping():
            passed_s = loop.time() - began_s
            if self.duration_s and passed_s >= self.duration_s:
                return
            if passed_s >= START_WITHIN_S and not told and not any(feed.counts.rows for feed in feeds):
                if not self.patient:
                    raise Unreachable(why_silent(feeds))
                told = True
                self.on_news("no_market_data", {"reason": f"{why_silent(feeds)}; it is waited for"})
            await asyncio.sleep(0.05)

    async def _watch_instruments(self, ask: Callable[[], Sequence[Instrument]], inbox: Inbox) -> None:
        """A tick or lot that changes while we run: an INSTRUMENT row, and a person must know."""
        while True:
            await asyncio.sleep(INSTRUMENTS_EVERY_S)
            for row, reason in changed(self.source.instruments, await asyncio.to_thread(ask)):
                row["recv_ns"] = self.source.clock.now_ns()
                await inbox.put(row)
                self.on_news("instrument_changed", {"reason": reason})

    async def _look_after(self, feeds: Sequence[Feed]) -> None:
        """What only the engine's view shows: ladders that are crossed or do not follow the trades."""
        while True:
            await asyncio.sleep(LOOK_S)
            step_ns = self.source.clock.check()
            if step_ns:
                self.on_news(
                    "clock_stepped", {"reason": f"this machine's clock jumped {step_ns / NS_PER_S:+.3f} s"}
                )
            now_ns = self.source.clock.now_ns()
            for feed in feeds:
                for market in feed.instruments:
                    self._look_at(feed, market, now_ns)

    def _look_at(self, feed: Feed, market: int, now_ns: int) -> None:
        """A crossed ladder cannot be right; one that trades print outside of may be."""
        head = self.state().heads[market]
        name = self.source.instruments[market].key
        if not head["synced"]:
            return
        if head["status"] in (CROSSED, LOCKED) and now_ns - head["crossed_ns"] > CROSSED_NS:
            feed.resync(f"{name}: crossed or locked for more than {CROSSED_NS // NS_PER_MS} ms")
        elif head["outside"] > OUTSIDE_COMMITS and now_ns - head["outside_ns"] > OUTSIDE_NS:
            feed.question(market, f"{name}: trades print outside the spread and the book does not follow")


def changed(ours: Sequence[Instrument], theirs: Sequence[Instrument]) -> list[tuple[np.ndarray, str]]:
    """An INSTRUMENT row for each market whose steps are no longer ours, with what to tell."""
    told = []
    for market, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        if (our.tick, our.lot, our.contract_size) == (their.tick, their.lot, their.contract_size):
            continue
        row = empty_rows(1)
        row["kind"], row["market"], row["ref"] = Kind.INSTRUMENT, market, our.version + 1
        told.append(
            (
                row,
                f"{our.key}: tick {our.tick} is now {their.tick}, lot {our.lot} is now {their.lot}; "
                "restart the session: until then prices off the old tick are refused",
            )
        )
    return told


async def _drained(inbox: Inbox, consumer: asyncio.Task[None]) -> None:
    """Let the consumer take what has arrived; it stops by itself when it is asked to."""
    if consumer.done():
        return
    end = asyncio.create_task(inbox.put(End()))
    await asyncio.wait({consumer}, timeout=5.0)
    end.cancel()


def why_silent(feeds: Sequence[Feed]) -> str:
    """What to tell a person when nothing came."""
    parts = [f"{feed.name} ({'; '.join(sorted(feed.troubles()))})" for feed in feeds]
    return (
        f"no market data within {START_WITHIN_S:g} s from {', '.join(parts)}; check the network with "
        "`lopside doctor`, or run without one: `lopside paper --market demo`"
    )
