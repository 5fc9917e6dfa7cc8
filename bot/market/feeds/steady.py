"""A wall clock for receive stamps that a correction of this machine's clock cannot break.

It runs on the monotonic clock from the wall time at its start. When the wall
clock jumps ahead (a suspended machine, NTP), it follows at once: time has
passed. When the wall clock is set back it goes on, as stamps never go back.
Both are counted and told, as signed requests are judged by the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.core.clock import elapsed_ns, wall_ns
from bot.core.units import NS_PER_MS

STEP_NS = 500 * NS_PER_MS
"""Less is drift or slewing, and follows nothing."""


@dataclass(slots=True)
class SteadyClock:
    """A `Clock`. `wall` and `elapsed` are the system's unless a test brings its own."""

    wall: Callable[[], int] = wall_ns
    elapsed: Callable[[], int] = elapsed_ns
    steps: int = 0
    last_step_ns: int = 0  # how far the wall clock jumped the last time, signed
    _ahead_ns: int = field(init=False)  # wall minus elapsed, as last believed
    _now_ns: int = field(init=False)
    _shift_ns: int = 0  # of our time against the wall clock

    def __post_init__(self) -> None:
        self._now_ns = self.wall()
        self._ahead_ns = self._now_ns - self.elapsed()

    def now_ns(self) -> int:
        self._now_ns = max(self._now_ns, self.elapsed() + self._ahead_ns + self._shift_ns)
        return self._now_ns

    def check(self) -> int:
        """Compare with the wall clock; how far that has jumped since the last check, 0: it has not."""
        ahead_ns = self.wall() - self.elapsed()
        step_ns = ahead_ns - self._ahead_ns
        if abs(step_ns) < STEP_NS:
            return 0
        self.steps += 1
        self.last_step_ns = step_ns
        # ahead: our time follows; back: it goes on, so far ahead of the wall
        self._shift_ns = max(0, self._shift_ns - step_ns)
        self._ahead_ns = ahead_ns
        return step_ns
