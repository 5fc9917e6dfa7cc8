"""The real-time path: rows arrive at their time, timers come from the scheduler, one consumer decides.

Speed is a factor on the wall clock. Live trading is this path with sockets in
the producer's place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext

import numpy as np

from bot.core.clock import Clock
from bot.core.commands import Answer
from bot.engine.inbox import Asked, End, Heard, Inbox, Numbering, Timer
from bot.engine.scheduler import PacedClock, TickScheduler
from bot.execution.news import News

FRAME_S = 0.02
"""Wall seconds whose rows are handed over as one frame."""

LONGEST_WAIT_S = 0.25
"""A stop is noticed within this."""

Split = Callable[[np.ndarray], list[np.ndarray]]
Serve = Callable[[Inbox, PacedClock], AbstractAsyncContextManager[None]]
"""Faces that a session opens beside its loop: they put commands into the inbox, at the clock's time."""


async def run_paced(
    batches: Iterator[np.ndarray],
    apply: Callable[[np.ndarray], None],
    in_message: Callable[[], bool],
    stopping: Callable[[], bool],
    *,
    answer: Callable[[], Answer],
    serve: Serve | None = None,
    speed: float,
    clock: Clock,
    own_timers: bool,
    numbering: Numbering | None = None,
    split: Split | None = None,
) -> Inbox:
    """Feed `apply` with numbered rows in real time times `speed`, until the source ends or `stopping`.

    `numbering` continues an earlier order, without it rows are numbered from 1.
    `answer` tells what became of the command row just applied; `serve` opens
    the faces that ask. `split` may cut each frame further, anywhere (for tests). With `own_timers`
    the source brings TIMER rows and no scheduler runs.
    """
    first = next(batches, None)
    inbox = Inbox()
    if first is None:
        return inbox
    paced = PacedClock(clock, int(first[0]["recv_ns"]), speed)
    work = consume(inbox, numbering or Numbering(), apply, in_message, stopping, answer)
    consumer = asyncio.create_task(work)
    source = _Producer(inbox, paced, first, split)

    async def tick(due_ns: int, arrived_ns: int) -> None:
        await source.catch_up()
        await inbox.put(Timer(due_ns, arrived_ns))

    scheduler = None
    if not own_timers:
        scheduler = TickScheduler(paced, speed, tick)
        scheduler.start()
    producer = asyncio.create_task(source.run(batches, stopping))
    try:
        async with serve(inbox, paced) if serve else nullcontext():
            done, _ = await asyncio.wait({producer, consumer}, return_when=asyncio.FIRST_COMPLETED)
            if producer in done:
                producer.result()
            # whoever consumes ends it: a producer that waits for room would wait for ever
            await consumer
    finally:
        if scheduler is not None:
            scheduler.stop()
        for task in (producer, consumer):
            task.cancel()
        await asyncio.gather(producer, consumer, return_exceptions=True)
        inbox.refuse_what_waits()
    return inbox


class _Producer:
    """Puts rows into the inbox when their time has come, a frame at a time.

    Whoever else puts something in calls `catch_up` first: at 60 times real time
    a frame is a second of the market, and rows behind a later stamp would take it.
    """

    def __init__(self, inbox: Inbox, paced: PacedClock, first: np.ndarray, split: Split | None) -> None:
        self._inbox = inbox
        self._paced = paced
        self._rows = first
        self._at = 0
        self._split = split
        self._turn = asyncio.Lock()

    async def run(self, rest: Iterator[np.ndarray], stopping: Callable[[], bool]) -> None:
        """To the end of the source."""
        rows: np.ndarray | None = self._rows
        while rows is not None and not stopping():
            self._rows, self._at = rows, 0
            while self._at < rows.size and not stopping():
                await self.catch_up()
                if self._at < rows.size:
                    wait_s = self._paced.wall_seconds_until(int(rows[self._at]["recv_ns"]))
                    await asyncio.sleep(min(max(FRAME_S, wait_s), LONGEST_WAIT_S))
            rows = await asyncio.to_thread(next, rest, None)
        await self._inbox.put(End())

    async def catch_up(self) -> None:
        """Put in what is due of the rows at hand."""
        async with self._turn:
            rows, at = self._rows, self._at
            until = int(np.searchsorted(rows["recv_ns"], self._paced.now_ns(), side="right"))
            if until <= at:
                return
            self._at = until
            frame = rows[at:until]
            for part in self._split(frame) if self._split else [frame]:
                await self._inbox.put(part)


async def consume(
    inbox: Inbox,
    numbering: Numbering,
    apply: Callable[[np.ndarray], None],
    in_message: Callable[[], bool],
    stopping: Callable[[], bool],
    answer: Callable[[], Answer],
    hear: Callable[[News, int, int], None] | None = None,
) -> None:
    """The one reader of an inbox: rows numbered and applied, all else never inside a message.

    `hear` takes the news of a live account with its number and time.
    """
    held: list[Timer | Asked | Heard] = []
    while not stopping():
        item = await inbox.get()
        if isinstance(item, End):
            return
        if isinstance(item, Timer | Asked | Heard):
            held.append(item)
        else:
            apply(numbering.rows(item))
        # nothing must come between the rows of a message
        while held and not in_message():
            next_one = held.pop(0)
            if isinstance(next_one, Timer):
                apply(numbering.timer(next_one))
                continue
            if isinstance(next_one, Heard):
                if hear is not None:
                    hear(next_one.news, *numbering.item(next_one.arrived_ns))
                continue
            apply(numbering.rows(next_one.row))
            next_one.tell(answer())
