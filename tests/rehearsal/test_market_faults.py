"""Faults of a venue over real sockets: noticed in time, healed in time, nothing lost silently.

The scenarios run at the same time, each with a server and a feed of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

pytest.importorskip("aiohttp")

from bot.engine.inbox import Inbox
from bot.market.events import Kind
from bot.rehearsal.faults import Fault
from tests.rehearsal.local_server import Heard, Server, eventually, listening, serving
from tests.rehearsal.plain_world import PlainWorld

DETECT_S, STALL_S, RECOVER_S = 1.0, 3.0, 5.0
START_S = 15.0


@dataclass
class Outcome:
    server: Server
    heard: Heard
    detected_s: float = 0.0
    recovered_s: float = 0.0
    same_book: bool = False
    attempts: int = 0

    @property
    def gaps(self) -> int:
        return self.heard.engine.count(Kind.GAP)


Scenario = Callable[[Outcome], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


async def started(o: Outcome) -> None:
    await eventually(o.heard.all_trusted, START_S, "trusted at the start")


async def heals(o: Outcome) -> None:
    o.recovered_s = await eventually(o.heard.all_trusted, 2 * RECOVER_S, "trusted again")


def breaking(fault: Fault) -> Scenario:
    """A fault of one book message after which the book must be begun anew."""

    async def run(o: Outcome) -> None:
        await started(o)
        o.server.faults.begin(fault, count=1, symbol="BTCUSDT")
        await eventually(lambda: bool(o.server.faults.struck), 2.0, "struck")
        o.detected_s = await eventually(lambda: not o.heard.engine.trusted(0), 2 * DETECT_S, "noticed")
        await heals(o)

    return run


for _fault in (Fault.DROP, Fault.ID_GAP, Fault.REORDER, Fault.NAN, Fault.NEGATIVE, Fault.HUGE, Fault.RESET):
    SCENARIOS[_fault.value] = breaking(_fault)

BREAKING = [f.value for f in (Fault.DROP, Fault.ID_GAP, Fault.REORDER, Fault.NAN, Fault.NEGATIVE, Fault.HUGE)]


def passing(fault: Fault) -> Scenario:
    """A fault that the book bears."""

    async def run(o: Outcome) -> None:
        await started(o)
        o.server.faults.begin(fault, count=3, symbol="BTCUSDT")
        await eventually(lambda: len(o.server.faults.struck) >= 3, 3.0, "struck")
        await asyncio.sleep(0.5)
        assert o.heard.all_trusted()

    return run


for _fault in (Fault.DUPLICATE, Fault.GARBAGE, Fault.BURST):
    SCENARIOS[_fault.value] = passing(_fault)


def silent(fault: Fault) -> Scenario:
    async def run(o: Outcome) -> None:
        await started(o)
        o.server.faults.begin(fault)
        o.detected_s = await eventually(lambda: not o.heard.engine.trusted(0), 2 * STALL_S, "noticed")
        await asyncio.sleep(1.0)
        o.server.faults.end(fault)
        await heals(o)

    return run


for _fault in (Fault.STALL, Fault.HALF_OPEN):
    SCENARIOS[_fault.value] = silent(_fault)


@scenario
async def silent_book(o: Outcome) -> None:
    """Depth messages of one symbol stop; its touches and trades, and the other symbol, flow."""
    await started(o)
    await asyncio.sleep(1.5)
    o.server.faults.begin(Fault.DROP, symbol="BTCUSDT")
    o.detected_s = await eventually(lambda: not o.heard.engine.trusted(0), 2 * STALL_S, "noticed")
    assert o.heard.engine.trusted(1)
    o.server.faults.end(Fault.DROP)
    await heals(o)


def snapshots(fault: Fault, count: int) -> Scenario:
    """The book is begun anew while REST misbehaves."""

    async def run(o: Outcome) -> None:
        await started(o)
        o.server.faults.begin(fault, count=count, symbol="BTCUSDT")
        await asyncio.sleep(0.3)
        o.server.data.cut()
        o.detected_s = await eventually(lambda: not o.heard.engine.trusted(0), 2 * DETECT_S, "noticed")
        await eventually(lambda: not o.server.faults.on(fault), RECOVER_S, "struck")
        await heals(o)

    return run


async def disconnect(o: Outcome) -> None:
    await started(o)
    o.server.data.cut()
    o.detected_s = await eventually(lambda: not o.heard.engine.trusted(0), 2 * DETECT_S, "noticed")
    await heals(o)


SCENARIOS["disconnect"] = disconnect
for _fault, _count in (
    (Fault.CUT_SNAPSHOT, 2),
    (Fault.OLD_SNAPSHOT, 1),
    (Fault.NEW_SNAPSHOT, 1),
    (Fault.WRONG_SNAPSHOT, 1),
):
    SCENARIOS[_fault.value] = snapshots(_fault, _count)
SNAPSHOTS = ["disconnect", Fault.CUT_SNAPSHOT, Fault.OLD_SNAPSHOT, Fault.NEW_SNAPSHOT, Fault.WRONG_SNAPSHOT]


@scenario
async def too_many_requests(o: Outcome) -> None:
    await started(o)
    o.server.faults.begin(Fault.REFUSE, count=2)
    o.server.data.cut()
    await eventually(lambda: not o.heard.engine.trusted(0), DETECT_S)
    await heals(o)


@scenario
async def accepted_and_dropped(o: Outcome) -> None:
    await started(o)
    o.server.faults.begin(Fault.ACCEPT_AND_DROP)
    o.server.data.cut()
    await asyncio.sleep(3.0)
    o.attempts = len(o.server.faults.struck)
    o.server.faults.end()
    await heals(o)


@scenario
async def renewal(o: Outcome) -> None:
    await started(o)
    o.heard.feed.links["public"].renew()
    await eventually(lambda: o.heard.feed.links["public"].counts.renewals == 1, 6.0)


async def run_all() -> dict[str, Outcome | BaseException]:
    async def one(name: str) -> Outcome:
        async with serving(PlainWorld(every_s=0.1)) as server, listening(server) as heard:
            outcome = Outcome(server, heard)
            await SCENARIOS[name](outcome)
            server.world.going = False  # type: ignore[attr-defined]
            await asyncio.sleep(0.5)
            outcome.same_book = all(
                heard.engine.ladders[m] == (told.bids, told.asks)
                for m, told in enumerate(server.data.markets)
            )
            return outcome

    results = await asyncio.gather(*(one(name) for name in SCENARIOS), return_exceptions=True)
    return dict(zip(SCENARIOS, results, strict=True))


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome | BaseException]:
    from tests.rehearsal.local_server import warm_decoder

    warm_decoder()
    return asyncio.run(run_all())


Get = Callable[[str], Outcome]


@pytest.fixture
def outcome(outcomes: dict[str, Outcome | BaseException]) -> Get:
    def get(name: str) -> Outcome:
        found = outcomes[name]
        if isinstance(found, BaseException):
            raise found
        return found

    return get


@pytest.mark.parametrize("fault", [*BREAKING, Fault.RESET.value])
def test_a_broken_chain_is_noticed_and_healed(fault: str, outcome: Get) -> None:
    o = outcome(fault)
    assert o.detected_s <= DETECT_S
    assert o.recovered_s <= RECOVER_S
    assert o.gaps >= 1
    assert o.same_book


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.HALF_OPEN])
def test_silence_is_noticed_although_the_socket_stands(fault: str, outcome: Get) -> None:
    o = outcome(fault)
    assert o.detected_s <= STALL_S
    assert o.recovered_s <= RECOVER_S
    assert o.same_book


def test_a_book_that_falls_silent_alone_is_noticed(outcome: Get) -> None:
    o = outcome("silent_book")
    assert o.detected_s <= STALL_S
    assert o.recovered_s <= RECOVER_S
    assert o.same_book
    told = [(what, detail.get("symbol"), detail.get("topic")) for what, detail in o.heard.news]
    assert ("topic_silent", "BTCUSDT", "book") in told
    assert ("topic_silent", "ETHUSDT", "book") not in told


@pytest.mark.parametrize("fault", SNAPSHOTS)
def test_a_book_is_begun_anew_whatever_rest_answers_first(fault: str, outcome: Get) -> None:
    o = outcome(fault)
    assert o.detected_s <= DETECT_S
    assert o.recovered_s <= 2 * RECOVER_S
    assert o.same_book


@pytest.mark.parametrize("fault", [Fault.DUPLICATE, Fault.GARBAGE, Fault.BURST])
def test_the_book_bears_it_without_a_gap(fault: str, outcome: Get) -> None:
    o = outcome(fault)
    assert o.gaps == 0
    assert o.same_book


def test_people_are_told_that_a_connection_was_lost_and_is_back(outcome: Get) -> None:
    told = [(what, detail["connection"]) for what, detail in outcome("disconnect").heard.news]
    names = {name for _, name in told}
    assert names == set(outcome("disconnect").heard.feed.links)
    for name in names:
        assert told.index(("feed_disconnected", name)) < told.index(("feed_connected", name))


def test_people_are_told_of_silence_and_of_its_end(outcome: Get) -> None:
    told = [what for what, _ in outcome(Fault.STALL.value).heard.news]
    assert told.index("feed_silent") < told.index("feed_speaks")


def test_messages_that_are_none_are_counted(outcome: Get) -> None:
    for fault in (Fault.GARBAGE, Fault.NAN, Fault.NEGATIVE, Fault.HUGE):
        assert outcome(fault).heard.feed.stream.refused >= 1, fault


def test_a_wrong_snapshot_is_found_by_the_audit(outcome: Get) -> None:
    assert outcome(Fault.WRONG_SNAPSHOT).heard.feed.counts.audits_differing >= 1


def test_too_many_requests_are_answered_by_waiting(outcome: Get) -> None:
    assert outcome("too_many_requests").recovered_s >= 0.5


def test_a_server_that_accepts_and_drops_is_not_hammered(outcome: Get) -> None:
    o = outcome("accepted_and_dropped")
    assert 2 <= o.attempts <= 12, "two connections with doubling delays"


def test_a_renewal_loses_and_repeats_nothing(outcome: Get) -> None:
    o = outcome("renewal")
    assert o.gaps == 0
    assert o.same_book
    refs = [int(r) for rows in o.heard.engine.rows for r in rows["ref"][rows["kind"] == Kind.TRADE]]
    assert len(refs) == len(set(refs))


def test_an_engine_that_does_not_keep_up_loses_nothing_silently() -> None:
    async def run() -> None:
        async with serving(PlainWorld(every_s=0.01)) as server, listening(server, capacity=20) as heard:
            await eventually(heard.all_trusted, START_S)
            heard.pause.clear()
            await eventually(lambda: heard.feed.counts.lost_frames > 0, 5.0, "overrun")
            heard.pause.set()
            await eventually(lambda: heard.engine.count(Kind.LOST) > 0, 5.0, "told")
            await eventually(heard.all_trusted, 10.0, "trusted again")
            assert heard.engine.lost == heard.feed.counts.lost_frames
            assert heard.inbox.most_waiting <= 20

    asyncio.run(run())


def test_an_inbox_says_when_it_is_full() -> None:
    inbox = Inbox(1)
    from bot.market.events import empty_rows

    assert inbox.offer(empty_rows(1))
    assert not inbox.offer(empty_rows(1))
    assert inbox.waiting() == 1
