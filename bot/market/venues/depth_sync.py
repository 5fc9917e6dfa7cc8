"""Joining a stream of book changes to a snapshot, by the venue's update ids alone.

Binance's documented procedure, for its two families:

| | futures (linear and inverse) | spot |
|---|---|---|
| dropped, older than the snapshot | u < id | u <= id |
| first change applied | pu <= id <= u | U <= id + 1 <= u |
| each later one | pu == previous u | U <= previous u + 1 <= u |

The futures manual says `U <= id <= u` for the first change. Ids are shared
with other symbols there, so a snapshot may fall between `pu` and `U`, where
nothing happened to this symbol: `pu <= id` says the same without refusing it.

Knows nothing of rows or time; what it carries is opaque.
Sources: Binance developer pages "How to manage a local order book correctly",
USDS-margined futures and spot.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

BUFFER_LIMIT = 4096
"""Changes kept while waiting for a snapshot: minutes of a busy stream. Then the oldest go."""


SAME_SEQUENCE = 1 << 20
"""Ids further back are no late duplicates: the venue began its sequence anew."""


class Rule(Enum):
    FUTURES = "futures"
    SPOT = "spot"


class Verdict(Enum):
    APPLY = "apply"
    OLD = "old"  # already in the book: ignore it
    HOLD = "hold"  # no book yet: hand it to `hold`
    BREAK = "break"  # changes were lost and the book with them: hand it to `hold`


class Change(NamedTuple, Generic[T]):
    first: int  # U
    last: int  # u
    prev: int  # pu, 0 on spot
    item: T


class Joined(NamedTuple, Generic[T]):
    """The book stands again: this snapshot, then these changes."""

    snapshot: T
    changes: tuple[Change[T], ...]


class DepthSync(Generic[T]):
    """One book's synchronisation. Starts without a book."""

    def __init__(self, rule: Rule, limit: int = BUFFER_LIMIT) -> None:
        self._rule = rule
        self._held: deque[Change[T]] = deque()
        self._limit = limit
        self._snapshot: tuple[int, T] | None = None
        self._asked = False
        self.synced = False
        self._bridged = False
        self.last = 0  # id the book stands at, or stood at when it was lost
        self.gaps = 0
        self.joins = 0
        self.duplicates = 0
        self.predating = 0  # changes a snapshot already held
        self.stale_snapshots = 0
        self.overflowed = 0

    def on_change(self, first: int, last: int, prev: int) -> Verdict:
        """Judge the next change of the stream."""
        if not self.synced:
            return Verdict.HOLD
        if self.last - last > SAME_SEQUENCE:
            self.lose()
            return Verdict.BREAK
        if self._bridged and last <= self.last:
            self.duplicates += 1
            return Verdict.OLD
        if not self._bridged and self._precedes(last, self.last):
            self.predating += 1
            return Verdict.OLD
        if self._follows(first, last, prev):
            self.last = last
            self._bridged = True
            return Verdict.APPLY
        self.lose()
        return Verdict.BREAK

    def lose(self) -> None:
        """The chain is broken, or the connection: no book until the next join."""
        self.synced = False
        self._asked = False
        self.gaps += 1
        if self._snapshot is not None and self._snapshot[0] <= self.last:
            self._snapshot = None

    @property
    def held(self) -> tuple[Change[T], ...]:
        """The changes that wait for a snapshot."""
        return tuple(self._held)

    def hold(self, change: Change[T]) -> None:
        """Keep a change for the snapshot that is to come. What is held is always an unbroken chain."""
        held = self._held
        if held:
            before = held[-1]
            if change.last <= before.last:
                self.duplicates += 1
                return
            if not _chains(self._rule, before.last, change.first, change.prev):
                held.clear()
        held.append(change)
        if len(held) > self._limit:
            held.popleft()
            self.overflowed += 1

    def on_snapshot(self, last_id: int, item: T) -> None:
        """Keep the newest snapshot; while the book stands it is kept in case the chain breaks behind it."""
        if self.synced and last_id <= self.last:
            self.stale_snapshots += 1
        elif self._snapshot is None or last_id >= self._snapshot[0]:
            self._snapshot = last_id, item

    def join(self) -> Joined[T] | None:
        """Put the kept snapshot and the held changes together, if they meet. Only while there is no book."""
        if self.synced or self._snapshot is None:
            return None
        last_id, item = self._snapshot
        self._snapshot = None
        while self._held and self._precedes(self._held[0].last, last_id):
            self._held.popleft()
            self.predating += 1
        if self._held and not self._bridges(*self._held[0][:3], last_id):
            self.stale_snapshots += 1
            self._asked = False
            return None
        changes = tuple(self._held)
        self._held.clear()
        self.last = changes[-1].last if changes else last_id
        self._bridged = bool(changes)
        self.synced = True
        self._asked = False
        self.joins += 1
        return Joined(item, changes)

    def wants_snapshot(self) -> bool:
        """True once for each snapshot that should be asked for."""
        if self.synced or self._asked:
            return False
        self._asked = True
        return True

    def _precedes(self, last: int, last_id: int) -> bool:
        return last < last_id if self._rule is Rule.FUTURES else last <= last_id

    def _bridges(self, first: int, last: int, prev: int, last_id: int) -> bool:
        if self._rule is Rule.FUTURES:
            return prev <= last_id <= last
        return first <= last_id + 1 <= last

    def _follows(self, first: int, last: int, prev: int) -> bool:
        if self._bridged:
            return _chains(self._rule, self.last, first, prev)
        return self._bridges(first, last, prev, self.last)


def _chains(rule: Rule, before: int, first: int, prev: int) -> bool:
    """Whether a newer change follows the one that ended at `before` with nothing between."""
    return prev == before if rule is Rule.FUTURES else first <= before + 1
