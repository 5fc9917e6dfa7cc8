"""How far a venue's clock runs ahead of ours, from answers that state its time.

The answer with the shortest round trip says it best: the true offset lies
within half of that round trip of the estimate, whatever the two ways took
(Cristian 1989, "Probabilistic clock synchronization").
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

KEPT = 16


@dataclass(frozen=True, slots=True)
class Reading:
    offset_ns: int  # venue minus ours
    within_ns: int  # half the round trip


@dataclass(slots=True)
class OffsetEstimate:
    _readings: deque[Reading] = field(default_factory=lambda: deque(maxlen=KEPT))

    def note(self, sent_ns: int, received_ns: int, venue_ns: int) -> Reading:
        """One exchange: our time when we asked and when the answer came, and the time it states."""
        half_ns = (received_ns - sent_ns) // 2
        reading = Reading(venue_ns - sent_ns - half_ns, half_ns)
        self._readings.append(reading)
        return reading

    def best(self) -> Reading | None:
        """Of the last few exchanges the tightest; None before the first."""
        return min(self._readings, key=lambda r: r.within_ns, default=None)

    def forget(self) -> None:
        """Our clock was set: earlier exchanges say nothing any more."""
        self._readings.clear()
