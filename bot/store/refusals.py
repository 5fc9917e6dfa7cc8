"""Refusals gathered into streaks: a strategy that keeps asking costs a row an hour, not one a cycle."""

from __future__ import annotations

from typing import Any

from bot.core.messages import Denied, Intent
from bot.store.encoding import encode

WINDOW_NS = 3_600_000_000_000


class Refusals:
    """Counts the repeats of a refusal and hands out the rows that changed since they were last written."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str, str, int], _Streak] = {}
        self._changed: dict[str, _Streak] = {}

    def add(self, denied: Denied) -> int:
        """Count a refusal; 1 when it began a new row, else how often it has come by now."""
        intent = denied.intent
        key = _key(intent)
        streak = self._open.get(key)
        repeats = (
            streak is not None
            and streak.first.reason is denied.reason
            and intent.now_ns - streak.first.intent.now_ns < WINDOW_NS
        )
        if streak is None or not repeats:
            streak = self._open[key] = _Streak(denied)
        streak.count += 1
        streak.last = denied
        self._changed[streak.first.intent.id] = streak
        return streak.count

    def approved(self, intent: Intent) -> None:
        """An approval ends the streak: the next refusal is news again."""
        self._open.pop(_key(intent), None)

    def changed(self, run: int) -> list[tuple[Any, ...]]:
        """Rows to insert or update since `written`."""
        return [streak.row(run) for streak in self._changed.values()]

    def written(self) -> None:
        self._changed.clear()


class _Streak:
    __slots__ = ("count", "first", "last")

    def __init__(self, first: Denied) -> None:
        self.first = first
        self.last = first
        self.count = 0

    def row(self, run: int) -> tuple[Any, ...]:
        intent, last = self.first.intent, self.last
        return (
            run,
            intent.id,
            last.intent.id,
            intent.symbol,
            intent.strategy,
            intent.mode,
            intent.action,
            intent.side,
            last.reason,
            last.limit,
            last.value,
            self.count,
            intent.now_ns,
            last.intent.now_ns,
            intent.reason,
            encode(self.first.figures | intent.figures),
        )


def _key(intent: Intent) -> tuple[str, str, str, str, int]:
    # `.value` of a StrEnum hashes in C; the member itself would hash in Python.
    return intent.symbol, intent.strategy, intent.mode.value, intent.action.value, intent.side
