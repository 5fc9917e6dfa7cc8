"""The inbox: whatever arrives gets the next `seq`, and that order is the only one.

The shell puts frames and timers in as they come; one consumer takes them out,
numbers them, and never splits a message: a timer that arrives while a message
is half in waits for its commit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from bot.core.commands import Answer
from bot.core.jit import direct
from bot.execution.news import News
from bot.market.events import EVENT, Kind, copied, empty_rows
from bot.market.numbering import number


@dataclass(frozen=True, slots=True)
class Timer:
    """A scheduler's tick: due time, and when it arrived, ns of stream time."""

    due_ns: int
    arrived_ns: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A person's command as a row, and where the answer goes."""

    row: np.ndarray
    answer: asyncio.Future[Answer]

    def tell(self, answer: Answer) -> None:
        """To whoever still waits."""
        if not self.answer.done():
            self.answer.set_result(answer)


@dataclass(frozen=True, slots=True)
class Heard:
    """News of a live account, and when it arrived."""

    news: News
    arrived_ns: int


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more will come."""


Item = np.ndarray | Timer | Asked | Heard | End


class Inbox:
    """A bounded queue between the world and the engine; `put` waits when the engine is behind."""

    def __init__(self, capacity: int = 4096) -> None:
        self._queue: asyncio.Queue[Item] = asyncio.Queue(capacity)
        self.most_waiting = 0

    async def put(self, item: Item) -> None:
        await self._queue.put(item)
        self.most_waiting = max(self.most_waiting, self._queue.qsize())

    def offer(self, item: Item) -> bool:
        """Put it in if there is room; False, taking nothing, when the engine is too far behind."""
        if self._queue.full():
            return False
        self._queue.put_nowait(item)
        self.most_waiting = max(self.most_waiting, self._queue.qsize())
        return True

    async def get(self) -> Item:
        return await self._queue.get()

    def waiting(self) -> int:
        return self._queue.qsize()

    def refuse_what_waits(self) -> None:
        """At the end: commands that came too late get an answer, the rest is dropped."""
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if isinstance(item, Asked):
                item.tell(Answer(False, "the session has ended; nothing was done"))


class Numbering:
    """Gives every row the next `seq` and a receive time that never goes back."""

    def __init__(self, last_seq: int = 0, last_ns: int = 0) -> None:
        self.last_seq = last_seq
        self.last_ns = last_ns
        self._number = direct(number, empty_rows(0), 0, 0)  # compiled before a frame waits for it

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """A numbered copy of a frame's rows."""
        rows = copied(rows)
        self.last_ns = self._number(rows, self.last_seq, self.last_ns)
        self.last_seq += rows.size
        return rows

    def item(self, arrived_ns: int) -> tuple[int, int]:
        """Number and time of something that is no row; the tape has a hole there, the journal the item."""
        self.last_seq += 1
        self.last_ns = max(self.last_ns, arrived_ns)
        return self.last_seq, self.last_ns

    def timer(self, timer: Timer) -> np.ndarray:
        """A numbered TIMER row."""
        row = np.zeros(1, EVENT)
        row["kind"] = Kind.TIMER
        row["recv_ns"] = timer.arrived_ns
        row["ref"] = timer.due_ns
        return self.rows(row)
