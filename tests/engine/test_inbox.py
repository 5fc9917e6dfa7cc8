from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.app.pacing import consume
from bot.core.commands import Answer, Command, Verb
from bot.engine.command_rows import command_row
from bot.engine.inbox import Asked, End, Inbox, Item, Numbering, Timer
from bot.market.events import EVENT, Kind, empty_rows
from tests.engine.world import opened
from tests.trading import LINEAR


def received(*stamps: int) -> np.ndarray:
    rows = empty_rows(len(stamps))
    rows["recv_ns"] = stamps
    return rows


@given(st.lists(st.lists(st.integers(0, 1_000), max_size=5), max_size=8))
def test_numbers_have_no_hole_and_time_never_goes_back(frames: list[list[int]]) -> None:
    numbering = Numbering()
    rows = np.concatenate([np.zeros(0, EVENT), *(numbering.rows(received(*frame)) for frame in frames)])

    stamps = [stamp for frame in frames for stamp in frame]
    assert rows["seq"].tolist() == list(range(1, rows.size + 1))
    assert rows["recv_ns"].tolist() == [max(stamps[: k + 1]) for k in range(len(stamps))]


@given(st.lists(st.integers(0, 1_000), max_size=20), st.integers(0, 20))
def test_numbers_do_not_depend_on_how_frames_are_cut(stamps: list[int], cut: int) -> None:
    rows, parts = received(*stamps), Numbering(4, 300)

    whole = Numbering(4, 300).rows(rows)
    assert np.array_equal(np.concatenate([parts.rows(rows[:cut]), parts.rows(rows[cut:])]), whole)
    assert (parts.last_seq, parts.last_ns) == (4 + len(stamps), max([300, *stamps]))


def test_the_rows_given_stay_as_they_were() -> None:
    rows = received(5, 4)
    Numbering(10, 7).rows(rows)

    assert rows["recv_ns"].tolist() == [5, 4]
    assert rows["seq"].tolist() == [0, 0]


def test_an_earlier_order_is_continued() -> None:
    rows = Numbering(10, 7).rows(received(5, 9))

    assert rows["seq"].tolist() == [11, 12]
    assert rows["recv_ns"].tolist() == [7, 9]


def test_a_timer_is_a_row_with_due_and_arrival() -> None:
    (row,) = Numbering(3, 100).timer(Timer(due_ns=90, arrived_ns=95))

    assert (row["kind"], row["ref"], row["recv_ns"], row["seq"]) == (Kind.TIMER, 90, 100, 4)


DONE = Answer(True, "done")


def consumed(*items: Item) -> np.ndarray:
    """What the one consumer makes of these items, as one array."""
    applied: list[np.ndarray] = []

    def in_message() -> bool:
        return bool(applied) and int(applied[-1]["kind"][-1]) in (Kind.SNAPSHOT, Kind.LEVEL)

    async def scene() -> None:
        inbox = Inbox()
        for item in (*items, End()):
            await inbox.put(item)
        await consume(inbox, Numbering(), applied.append, in_message, lambda: False, lambda: DONE)

    asyncio.run(scene())
    return np.concatenate(applied)


def test_timers_inside_a_message_wait_for_its_commit_in_the_order_they_came() -> None:
    message = opened(1.0).rows()
    at_ns = int(message["recv_ns"][0])
    rows = consumed(
        message[:3],
        Timer(10, at_ns + 3),
        message[3:5],
        Timer(20, at_ns + 4),
        message[5:],
        received(at_ns + 9),
    )

    assert rows["kind"].tolist() == [*message["kind"].tolist(), Kind.TIMER, Kind.TIMER, 0]
    assert rows["ref"][-3:-1].tolist() == [10, 20]
    assert rows["seq"].tolist() == list(range(1, rows.size + 1))


def test_a_timer_between_messages_comes_where_it_arrived() -> None:
    rows = consumed(Timer(5, 5), received(7), Timer(8, 8), received(9))

    assert rows["kind"].tolist() == [Kind.TIMER, 0, Kind.TIMER, 0]
    assert rows["recv_ns"].tolist() == [5, 7, 8, 9]


def test_a_full_inbox_makes_the_producer_wait_and_keeps_the_order() -> None:
    async def scene() -> tuple[list[int], int]:
        inbox = Inbox(capacity=2)

        async def produce() -> None:
            for k in range(6):
                await inbox.put(Timer(k, k))
            await inbox.put(End())

        producer = asyncio.create_task(produce())
        got = []
        while not isinstance(item := await inbox.get(), End):
            assert isinstance(item, Timer)
            got.append(item.due_ns)
        await producer
        return got, inbox.most_waiting

    got, most = asyncio.run(scene())
    assert got == list(range(6))
    assert most <= 2


def test_a_command_inside_a_message_waits_for_its_commit_and_is_answered() -> None:
    message = opened(1.0).rows()
    command = command_row(Command(Verb.PAUSE), (LINEAR,), int(message["recv_ns"][0]))

    async def scene() -> tuple[list[int], Answer]:
        inbox = Inbox()
        applied: list[np.ndarray] = []
        asked = Asked(command, asyncio.Future())
        for item in (message[:3], asked, message[3:], End()):
            await inbox.put(item)

        def in_message() -> bool:
            return len(applied) == 1

        await consume(inbox, Numbering(), applied.append, in_message, lambda: False, lambda: DONE)
        return np.concatenate(applied)["kind"].tolist(), await asked.answer

    kinds, answer = asyncio.run(scene())
    assert kinds == [*message["kind"].tolist(), Kind.COMMAND]
    assert answer is DONE


def test_a_command_that_comes_too_late_is_told_so() -> None:
    async def scene() -> Answer:
        inbox = Inbox()
        asked = Asked(command_row(Command(Verb.FLATTEN), (LINEAR,), 1), asyncio.Future())
        await inbox.put(asked)
        inbox.refuse_what_waits()
        return await asked.answer

    assert not asyncio.run(scene()).done
