"""Timers. APScheduler only enqueues them; what they mean is decided in the one loop.

A 10 s tick expands to the cycles due at it, in the fixed order 10 → 30 → 60 →
300 s. When a stream brings no timers of its own they are generated from stream
time instead (see `Ctl.NEXT_TIMER`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.core.clock import Clock
from bot.core.enums import Mode
from bot.core.units import NS_PER_S

TICK_NS = 10 * NS_PER_S


def first_due_ns(now_ns: int) -> int:
    """The first tick after a time; ticks lie on whole multiples of 10 s of the epoch."""
    return now_ns // TICK_NS * TICK_NS + TICK_NS


def modes_due(due_ns: int) -> tuple[Mode, ...]:
    """Modes whose cycle ends at this tick, shortest first."""
    return tuple(mode for mode in Mode if due_ns % (mode.cycle_s * NS_PER_S) == 0)


class PacedClock:
    """Stream time that runs `speed` times as fast as the wall clock, from a first stamp on."""

    def __init__(self, clock: Clock, start_ns: int, speed: float) -> None:
        self._clock = clock
        self._wall_start_ns = clock.now_ns()
        self.start_ns = start_ns
        self._speed = speed

    def now_ns(self) -> int:
        return self.start_ns + int((self._clock.now_ns() - self._wall_start_ns) * self._speed)

    def wall_seconds_until(self, stream_ns: int) -> float:
        """How long to wait on the wall for a stream time, 0 when it has passed."""
        return max(0.0, (stream_ns - self.now_ns()) / self._speed / NS_PER_S)


class TickScheduler:
    """Calls `enqueue(due_ns, arrived_ns)` about every 10 s of stream time, on the event loop."""

    def __init__(self, clock: PacedClock, speed: float, enqueue: Callable[[int, int], Any]) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        self._clock = clock
        self._enqueue = enqueue
        # from the stream's start: what fell due while we were getting ready is owed
        self._next_due_ns = first_due_ns(clock.start_ns)
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        # a run that comes late is still owed, and one run catches up with all ticks owed
        self._scheduler.add_job(
            self._run,
            "interval",
            seconds=10.0 / speed,
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    async def _run(self) -> None:
        now_ns = self._clock.now_ns()
        while self._next_due_ns <= now_ns:
            await self._enqueue(self._next_due_ns, now_ns)
            self._next_due_ns += TICK_NS
