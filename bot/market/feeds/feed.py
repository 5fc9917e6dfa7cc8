"""One venue, live: its connections, its REST requests, and the trust in its books.

Everything happens in one event loop. A frame is decoded where it is read and
its rows are offered to the sink at once. When the sink is full nothing is
dropped silently: the connection ends, its books are told lost, a LOST row counts
what did not get in, and the next connection waits until there is room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

import numpy as np

from bot.core.clock import Clock
from bot.core.units import NS_PER_S
from bot.market.doubts import Doubt
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.feeds.audit import Comparison, Ladder, Witness, compare
from bot.market.feeds.link import OWN_PAUSE_S, Link, LinkCounts
from bot.market.feeds.rest import Rest, Trouble
from bot.market.feeds.topics import MarketTopics
from bot.market.instruments import Instrument
from bot.market.venues.protocol import Asked, Audit, Fetch, Hosts, Poll, Reconnect, VenueStream, Wanted

RETRY_S, RETRY_MOST_S = 0.5, 10.0
FRESH_WITHIN_S = 5.0
"""An audit waits so long for a message of the market, so that it knows what changed around it."""
SETTLE_S = 3.0
"""The ladder must have reached the audit's update id within this."""
AT_ONCE = 4
"""REST requests in flight."""
QUESTION_EVERY_S = 20.0
TOPICS_EVERY_S = 0.25
BOOK_ANEW_S = 9.0
"""A book whose topic is silent for so long is asked for anew, with its connection."""
RESYNC_EVERY_S = 5.0
"""A connection is not restarted more often because of what its books look like."""

OnRaw = Callable[[int, str, bytes], None]
"""(receive time, name, payload) before anything is made of it.

Names are connections, `rest:<asked>:<symbol>`, or a connection behind + and - where it comes and goes.
"""


class Sink(Protocol):
    """Where rows go, in the order they are offered."""

    def offer(self, rows: np.ndarray) -> bool:
        """Take the rows, or return False, taking none, when there is no room."""
        ...

    async def put(self, rows: np.ndarray) -> None:
        """Take them as soon as there is room."""
        ...


class Ladders(Protocol):
    """The books as the engine has them, for audits."""

    def ref(self, market: int) -> int:
        """Update id a market's book stands at."""
        ...

    def ladder(self, market: int) -> Ladder: ...


@dataclass(slots=True)
class FeedCounts:
    """For people; nothing is lost that does not show here."""

    rows: int = 0
    lost_frames: int = 0
    audits: int = 0
    audits_differing: int = 0
    audits_open: int = 0  # could not be compared
    rest_failed: int = 0
    resyncs: int = 0


@dataclass(slots=True)
class _Standing:
    """What is held against one market's book."""

    joined: bool = False
    fresh: bool = False  # a message after the join
    audited: bool = False
    silent: bool = False
    stuck: bool = False  # its book's topic is silent, while others flow
    differs: bool = False

    @property
    def doubt(self) -> Doubt:
        if self.differs:
            return Doubt.AUDIT
        if self.silent or self.stuck:
            return Doubt.SILENT
        return Doubt.NONE if self.fresh and self.audited else Doubt.UNPROVEN


@dataclass(slots=True)
class VenueFeed:
    """Runs one `VenueStream` until cancelled.

    `ladders` show the books as the engine has them; without them nothing can
    be audited, and a fresh message is all the proof there is.
    """

    stream: VenueStream
    instruments: Mapping[int, Instrument]
    hosts: Hosts
    rest: Rest
    sink: Sink
    clock: Clock
    random: Random
    ladders: Ladders | None = None
    on_raw: OnRaw | None = None
    on_news: Callable[[str, Mapping[str, Any]], None] | None = None
    counts: FeedCounts = field(default_factory=FeedCounts)
    links: dict[str, Link] = field(default_factory=dict)
    last_audit: dict[int, Comparison] = field(default_factory=dict)
    first_rows: asyncio.Event = field(default_factory=asyncio.Event)
    _out: RowBuffer = field(default_factory=RowBuffer)
    _standing: dict[int, _Standing] = field(init=False)
    _told: dict[int, Doubt] = field(init=False)  # the doubts last put on the stream
    _unsettled: set[int] = field(init=False)  # markets whose every row must be looked at
    _witnesses: dict[int, Witness] = field(default_factory=dict)
    _audits: dict[str, asyncio.Future[Audit]] = field(default_factory=dict)
    _tasks: asyncio.TaskGroup | None = None
    _fetching: dict[tuple[Asked, str], asyncio.Task[None]] = field(default_factory=dict)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _owed_lost: int = 0  # frames that did not get in, not yet told
    _owed: list[np.ndarray] = field(default_factory=list)  # rows that must get in, as soon as there is room
    _lost_ns: dict[str, int] = field(default_factory=dict)  # connections that are away, since when
    _questioned: dict[int, float] = field(default_factory=dict)
    _restarted_s: float = -RESYNC_EVERY_S

    def __post_init__(self) -> None:
        self._standing = {market: _Standing() for market in self.instruments}
        self._told = dict.fromkeys(self.instruments, Doubt.NONE)
        self._unsettled = set(self.instruments)

    async def run(self) -> None:
        async with self.rest, asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for wanted in self.stream.connections(self.hosts):
                link = Link(wanted, self, self.random)
                self.links[wanted.name] = link
                tasks.create_task(link.run(), name=f"{self.stream.venue} {wanted.name}")
            tasks.create_task(self._watch_topics())
            for poll in self.stream.polls():
                tasks.create_task(self._poll(poll))

    def resync(self, reason: str) -> bool:
        """Begin all books of the venue anew, at most every few seconds. Returns whether it does."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._restarted_s < RESYNC_EVERY_S:
            return False
        self._restarted_s = now_s
        self.counts.resyncs += 1
        self._news("books_restarted", {"venue": self.stream.venue, "reason": reason})
        next(iter(self.links.values())).restart(reason)
        return True

    def question(self, market: int, reason: str) -> None:
        """Something speaks against a book: REST is asked; where it cannot be, the books begin anew."""
        fetch = self._audit_of(market)
        if self.ladders is None or fetch is None:
            self.resync(reason)
            return
        now_s = asyncio.get_running_loop().time()
        if now_s < self._questioned.get(market, -QUESTION_EVERY_S) + QUESTION_EVERY_S:
            return
        self._questioned[market] = now_s
        self._news("book_questioned", {"venue": self.stream.venue, "reason": reason})
        self._spawn(self._prove(market, fetch))

    @property
    def name(self) -> str:
        """Venue and where it is looked for."""
        return f"{self.stream.venue} at {self.hosts.ws}"

    def troubles(self) -> set[str]:
        """Why nothing came, for people."""
        return {link.counts.last_reason or "connected, but it says nothing" for link in self.links.values()}

    def status(self) -> dict[str, Any]:
        """For people: connections, counters, what each book is doubted for."""
        return {
            "venue": self.stream.venue,
            "links": {name: _shown(link.counts, link.up) for name, link in self.links.items()},
            "counts": {name: getattr(self.counts, name) for name in FeedCounts.__slots__},
            "doubts": {self.instruments[m].symbol: d.name.lower() for m, d in self._told.items() if d},
            "rate_used": self.rest.budget.used(self.clock.now_ns()),
            "stream": self.stream.status(),
        }

    # what links say

    def connected(self, name: str) -> None:
        now_ns = self.clock.now_ns()
        if self.on_raw is not None:
            self.on_raw(now_ns, f"+{name}", self.links[name].wanted.url.encode())
        lost_ns = self._lost_ns.pop(name, 0)
        if lost_ns:
            away = {"away_s": round((now_ns - lost_ns) / NS_PER_S, 3)}
            self._news("feed_connected", {"venue": self.stream.venue, "connection": name} | away)
        self._hear(self.stream.on_connected(name, now_ns, self._out), must=True)

    def frame(self, name: str, payload: bytes) -> bool:
        now_ns = self.clock.now_ns()
        if self.on_raw is not None:
            self.on_raw(now_ns, name, payload)
        return self._hear(self.stream.on_frame(name, now_ns, payload, self._out))

    def silent(self, name: str, is_silent: bool) -> None:
        what = "feed_silent" if is_silent else "feed_speaks"
        self._news(what, {"venue": self.stream.venue, "connection": name})
        if name == next(iter(self.links)):  # the first carries the books
            for market, standing in self._standing.items():
                standing.silent = is_silent
                if not is_silent:
                    standing.fresh = False
                    self._unsettled.add(market)
            self._tell_doubts()

    def disconnected(self, name: str, reason: str) -> None:
        now_ns = self.clock.now_ns()
        self._lost_ns[name] = now_ns
        if not reason.startswith("renewed"):
            detail = {"venue": self.stream.venue, "connection": name, "reason": reason}
            self._news("feed_disconnected", detail)
        if self.on_raw is not None:
            self.on_raw(now_ns, f"-{name}", reason.encode())
        self.stream.on_disconnected(name, now_ns, self._out)
        if self._owed_lost:
            self._out.put(Kind.LOST, now_ns, 0, next(iter(self.instruments)), value=float(self._owed_lost))
            self._owed_lost = 0
        for standing in self._standing.values():
            standing.silent = False
        self._hear((), must=True)

    async def _watch_topics(self) -> None:
        """A topic that is silent while others flow; a book that stays so begins anew."""
        loop = asyncio.get_running_loop()
        watched: dict[int, MarketTopics] = {}
        while True:
            looked_s = loop.time()
            await asyncio.sleep(TOPICS_EVERY_S)
            now_s = loop.time()
            if now_s - looked_s > TOPICS_EVERY_S + OWN_PAUSE_S:
                watched.clear()  # we did not listen ourselves
            progress = self.stream.progress()
            for market in list(watched.keys() - progress.keys()):
                del watched[market]
                self._standing[market].stuck = False
            for market, told in progress.items():
                topics = watched.setdefault(market, MarketTopics())
                for topic, silent in topics.look(now_s, told).items():
                    self._tell_topic(market, topic, silent)
                if self._standing[market].stuck and topics.quiet_s("book", now_s) > BOOK_ANEW_S:
                    self.resync(f"{self.instruments[market].key}: its book's topic is silent")

    def _tell_topic(self, market: int, topic: str, silent: bool) -> None:
        at = {"venue": self.stream.venue, "topic": topic, "symbol": self.instruments[market].symbol}
        self._news("topic_silent" if silent else "topic_speaks", at)
        if topic == "book":
            standing = self._standing[market]
            standing.stuck = silent
            standing.fresh = standing.fresh and not silent
            self._unsettled.add(market)
            self._tell_doubts()

    async def room(self) -> None:
        """Before a connection is opened: what is owed goes first."""
        while self._owed:
            await self.sink.put(self._owed[0])
            del self._owed[0]

    # rows

    def _hear(self, wanted: tuple[Wanted, ...], *, must: bool = False) -> bool:
        """Rows to the sink, wishes to tasks. `must`: rows that are owed when there is no room."""
        took = True
        if len(self._out):
            rows = self._out.take()
            took = self._give(rows, must)
            if took:
                self.counts.rows += rows.size
                self._look_at(rows)
        for wish in wanted:
            self._do(wish)
        return took

    def _give(self, rows: np.ndarray, must: bool) -> bool:
        if not self._owed and self.sink.offer(rows):
            return True
        if must:
            self._owed.append(rows)
            return True
        self.counts.lost_frames += 1
        self._owed_lost += 1
        return False

    def _look_at(self, rows: np.ndarray) -> None:
        """Which books were lost, joined or confirmed; costs one comparison while all are settled."""
        for witness in self._witnesses.values():
            witness.note(rows)
        first = rows[0]["kind"]
        if not self._unsettled and first != Kind.GAP and first != Kind.SNAPSHOT:
            return
        self.first_rows.set()
        kinds = rows["kind"]
        books = (kinds == Kind.GAP) | ((kinds == Kind.COMMIT) & (rows["flags"] & Flag.BBO == 0))
        for row in rows[books]:
            self._settle(int(row["market"]), int(row["kind"]), bool(row["flags"] & Flag.SNAPSHOT))
        self._tell_doubts()

    def _settle(self, market: int, kind: int, is_snapshot: bool) -> None:
        standing = self._standing[market]
        if kind == Kind.GAP:
            standing.joined = standing.fresh = standing.audited = standing.differs = False
            self._unsettled.add(market)
        elif not standing.joined:
            standing.joined = True
            self._begin_proof(market)
        elif not standing.fresh:
            standing.fresh = True
        if standing.doubt is Doubt.NONE:
            self._unsettled.discard(market)

    def _begin_proof(self, market: int) -> None:
        """Of a book that was joined anew: an audit, where the venue and the engine allow one."""
        fetch = self._audit_of(market)
        if self.ladders is None or fetch is None:
            self._standing[market].audited = True
        else:
            self._spawn(self._prove(market, fetch))

    def _tell_doubts(self) -> None:
        """A TRUST row for every market whose doubt has changed."""
        now_ns = self.clock.now_ns()
        for market, standing in self._standing.items():
            # without a book the ladder itself says so
            doubt = standing.doubt if standing.joined else Doubt.NONE
            if doubt is not self._told[market]:
                self._told[market] = doubt
                self._out.put(Kind.TRUST, now_ns, 0, market, value=float(doubt))
        if len(self._out):
            rows = self._out.take()
            self.counts.rows += rows.size
            self._give(rows, must=True)

    # wishes

    def _do(self, wish: Wanted) -> None:
        if isinstance(wish, Fetch):
            key = wish.asked, wish.symbol
            before = self._fetching.get(key)
            if before is not None and before is not asyncio.current_task():
                before.cancel()
            self._fetching[key] = self._spawn(self._fetch(wish))
        elif isinstance(wish, Reconnect):
            self.links[wish.name].renew()
        else:
            self._spawn(self.links[wish.name].send(wish.frames))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._tasks is not None, "frames came before the feed runs"
        return self._tasks.create_task(work)

    async def _fetch(self, fetch: Fetch) -> None:
        """Until it is answered."""
        delay_s = RETRY_S
        while not await self._ask(fetch):
            await asyncio.sleep(delay_s * self.random.uniform(0.5, 1.0))
            delay_s = min(2 * delay_s, RETRY_MOST_S)

    async def _ask(self, fetch: Fetch) -> bool:
        """One request; its answer goes to the stream."""
        async with self._gate:
            answer = await self.rest.ask(fetch.path, fetch.weight, fetch.body)
        if isinstance(answer, Trouble):
            self.counts.rest_failed += 1
            return False
        now_ns = self.clock.now_ns()
        if self.on_raw is not None:
            self.on_raw(now_ns, f"rest:{fetch.asked}:{fetch.symbol}", answer.body)
        wanted = self.stream.on_rest(fetch, now_ns, answer.body, self._out)
        self._hear(wanted, must=True)
        for audit in self.stream.take_audits():
            waiting = self._audits.pop(audit.symbol, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(audit)
        return True

    async def _poll(self, poll: Poll) -> None:
        """Repeated, spread over its period."""
        fetch = poll.fetch
        market = self._market_of(fetch.symbol)
        if fetch.asked is not Asked.AUDIT:
            await asyncio.sleep(self.random.uniform(0.0, min(poll.every_s, 2.0)))
        while True:
            if fetch.asked is not Asked.AUDIT:
                await self._ask(fetch)
            elif self.ladders is not None and market is not None and self._standing[market].joined:
                await self._prove(market, fetch)
            await asyncio.sleep(poll.every_s * self.random.uniform(0.9, 1.1))

    # audits

    def _audit_of(self, market: int) -> Fetch | None:
        symbol = self.instruments[market].symbol
        fetches = (p.fetch for p in self.stream.polls() if p.fetch.asked is Asked.AUDIT)
        return next((f for f in fetches if f.symbol == symbol), None)

    def _market_of(self, symbol: str) -> int | None:
        return next((m for m, i in self.instruments.items() if i.symbol == symbol), None)

    async def _prove(self, market: int, fetch: Fetch) -> None:
        """Audit a book until the answer can be compared; what differs begins it anew."""
        delay_s = RETRY_S
        while self._standing[market].joined and market not in self._witnesses:
            self.counts.audits += 1
            comparison = await self._audit(market, fetch)
            if comparison is None:
                self.counts.audits_open += 1
                await asyncio.sleep(delay_s * self.random.uniform(0.5, 1.0))
                delay_s = min(2 * delay_s, RETRY_MOST_S)
                continue
            self.last_audit[market] = comparison
            return self._judge(market, comparison)

    def _judge(self, market: int, comparison: Comparison) -> None:
        standing = self._standing[market]
        if not standing.joined:
            return
        standing.audited, standing.differs = comparison.agrees, not comparison.agrees
        self._tell_doubts()
        if standing.doubt is Doubt.NONE:
            self._unsettled.discard(market)
        if standing.differs:
            self.counts.audits_differing += 1
            name = self.instruments[market].key
            self.resync(f"{name}: {comparison.differing} of {comparison.compared} levels differ from REST")

    async def _audit(self, market: int, fetch: Fetch) -> Comparison | None:
        """One question and its comparison; None when the two cannot be compared."""
        assert self.ladders is not None
        witness = self._witnesses[market] = Witness(market)
        try:
            await _until(lambda: witness.heard, FRESH_WITHIN_S)
            answer = self._audits[fetch.symbol] = asyncio.get_running_loop().create_future()
            if not await self._ask(fetch) or not answer.done():
                return None
            audit = answer.result()
            if not witness.covers(audit.ref):
                return None
            reached = await _until(lambda: self._reached(market, audit.ref, witness), SETTLE_S)
            if not reached or not self._standing[market].joined:
                return None
            return compare(audit, self.ladders.ladder(market), witness.touched_since(audit.ref))
        finally:
            del self._witnesses[market]

    def _reached(self, market: int, ref: int, witness: Witness) -> bool:
        """Whether the engine has what the audit saw, and everything the witness heard."""
        assert self.ladders is not None
        stands = self.ladders.ref(market)
        heard = int(witness.messages[-1]["ref"][-1]) if witness.heard else stands
        return stands >= heard and (stands >= ref or not witness.heard)

    def _news(self, what: str, detail: Mapping[str, Any]) -> None:
        if self.on_news is not None:
            self.on_news(what, detail)


async def _until(condition: Callable[[], bool], within_s: float) -> bool:
    """Whether it came true in time; looked at every 50 ms."""
    end_s = asyncio.get_running_loop().time() + within_s
    while not condition():
        if asyncio.get_running_loop().time() >= end_s:
            return False
        await asyncio.sleep(0.05)
    return True


def _shown(counts: LinkCounts, up: bool) -> dict[str, Any]:
    return {"up": up} | {name: getattr(counts, name) for name in LinkCounts.__slots__}
