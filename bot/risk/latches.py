"""Limits that stay broken once they were: until midnight, or until the operator resets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.core.units import utc_day
from bot.risk.breakers import Breaker, Resets, named
from bot.risk.limits import Refusal


@dataclass(frozen=True, slots=True)
class Trip:
    """A latched limit that was broken: when, and by what. `subject` is the coin, "" for all markets."""

    name: str
    subject: str
    since_ns: int
    limit: float
    value: float


@dataclass(slots=True)
class Latches:
    """The trips in force, by name and subject."""

    trips: dict[tuple[str, str], Trip] = field(default_factory=dict)

    def of(self, breaker: Breaker, subject: str) -> Trip | None:
        return self.trips.get((breaker.name, subject))

    def first(self, breaker: Breaker) -> Trip | None:
        """Its oldest trip, of whatever subject."""
        return next((trip for trip in self.trips.values() if trip.name == breaker.name), None)

    def trip(self, refused: Refusal, subject: str, now_ns: int) -> Trip:
        made = Trip(refused.reason.value, subject, now_ns, float(refused.limit), float(refused.value))
        self.trips[made.name, subject] = made
        return made

    def expire(self, now_ns: int) -> tuple[Trip, ...]:
        """End what ends with the UTC day; returns what did."""
        over = tuple(
            trip
            for trip in self.trips.values()
            if _resets(trip) is Resets.MIDNIGHT and utc_day(trip.since_ns) < utc_day(now_ns)
        )
        for trip in over:
            del self.trips[trip.name, trip.subject]
        return over

    def clear(self, name: str) -> tuple[Trip, ...]:
        """End all trips of a name; returns what they were."""
        ended = tuple(trip for trip in self.trips.values() if trip.name == name)
        for trip in ended:
            del self.trips[trip.name, trip.subject]
        return ended

    def to_state(self) -> list[list[Any]]:
        """JSON-able; a value that was not known is null."""
        return [
            [t.name, t.subject, t.since_ns, t.limit, t.value if t.value == t.value else None]
            for t in self.trips.values()
        ]

    def restore(self, state: list[list[Any]]) -> None:
        trips = [
            Trip(name, subject, since_ns, limit, float("nan") if value is None else value)
            for name, subject, since_ns, limit, value in state
        ]
        self.trips = {(t.name, t.subject): t for t in trips}


def _resets(trip: Trip) -> Resets | None:
    breaker = named(trip.name)
    return breaker.resets if breaker else None
