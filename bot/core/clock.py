"""The only place that reads a clock; everything else takes `now_ns`."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now_ns(self) -> int: ...


class SystemClock:
    """Wall clock, never going back within a process."""

    def __init__(self) -> None:
        self._last_ns = 0

    def now_ns(self) -> int:
        self._last_ns = max(self._last_ns, time.time_ns())
        return self._last_ns


class ManualClock:
    """A clock that tests and simulations move by hand."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def set(self, now_ns: int) -> None:
        self._now_ns = max(self._now_ns, now_ns)


def wall_ns() -> int:
    """What this machine's clock says; it may be set, ahead or back."""
    return time.time_ns()


def elapsed_ns() -> int:
    """Runs evenly from an unknown start; a correction of the wall clock does not move it."""
    return time.monotonic_ns()


def monotonic_ns() -> int:
    """For measuring durations only; never enters a decision."""
    return time.perf_counter_ns()
