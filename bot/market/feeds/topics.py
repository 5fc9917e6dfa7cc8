"""One topic of a connection that falls silent while the others flow: known by what moves beside it.

A venue serves book, touch and prints of a symbol from different machines, and
one of them may stop without a word while the connection lives. Whether it did
is a judgement: a book must follow when the touch moves, so its silence is
certain and its market is not to be traded; prints and touches may have paused,
so of these people are told only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.market.venues.protocol import Progress

BOOK_AFTER_S = 2.4
"""Venues tell a book every 0.1 to 0.54 s; an alarm must come within 3 s."""
BOOK_TIMES_USUAL = 3.0
"""Of a book that comes seldom, as Hyperliquid's slow one every 5.4 s."""
LEAST_S = {"touch": 10.0, "prints": 60.0}
TIMES_USUAL = 20.0
"""A pause so many times as long as usual; with Poisson arrivals one in 5e8 is."""
FLOWS_S = 2.0
MOVES_TO_KNOW = 20
_SHARE = 0.05  # of the newest pause in the usual one


@dataclass(slots=True)
class _Topic:
    """When an id last moved, and how long it usually takes."""

    number: int = 0
    moved_s: float = 0.0
    usual_s: float = 0.0
    moves: int = 0

    def note(self, now_s: float, number: int) -> None:
        if number == self.number:
            return
        if self.moves:
            share = 1.0 if self.moves == 1 else _SHARE
            self.usual_s += share * (now_s - self.moved_s - self.usual_s)
        self.number, self.moved_s = number, now_s
        self.moves += 1


@dataclass(slots=True)
class MarketTopics:
    """The topics of one market, looked at a few times a second."""

    silent: set[str] = field(default_factory=set)
    _topics: dict[str, _Topic] = field(default_factory=dict)

    def look(self, now_s: float, progress: Progress) -> Mapping[str, bool]:
        """What has changed: topic to whether it is silent now."""
        for name, number in progress._asdict().items():
            self._topics.setdefault(name, _Topic()).note(now_s, number)
        changed = {}
        for name in self._topics:
            silent = self._is_silent(name, now_s)
            if silent != (name in self.silent):
                changed[name] = silent
        self.silent.symmetric_difference_update(changed)
        return changed

    def quiet_s(self, name: str, now_s: float) -> float:
        return now_s - self._topics[name].moved_s

    def _is_silent(self, name: str, now_s: float) -> bool:
        topic = self._topics[name]
        others = [other for key, other in self._topics.items() if key != name]
        newest_s = max(other.moved_s for other in others)
        quiet_s = now_s - topic.moved_s
        if name in self.silent:
            return topic.moved_s < newest_s and quiet_s > FLOWS_S
        if now_s - newest_s > FLOWS_S:
            return False  # nothing flows: the connection's own silence is watched elsewhere
        if name == "book":
            touched_s = self._topics["touch"].moved_s
            late = quiet_s > max(BOOK_AFTER_S, BOOK_TIMES_USUAL * topic.usual_s)
            return topic.moves > 1 and late and touched_s > topic.moved_s + FLOWS_S / 2
        return topic.moves >= MOVES_TO_KNOW and quiet_s > max(LEAST_S[name], TIMES_USUAL * topic.usual_s)
