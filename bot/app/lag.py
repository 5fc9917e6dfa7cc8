"""How late the loop of a running session is: measured all the time, because a late loop decides late."""

from __future__ import annotations

import asyncio
import math

EVERY_S = 0.01
_BINS = 200  # ten to a doubling, from 10 us on: up to 10 s
_FIRST_S = 1e-5
_A_DOUBLING = 10


class LoopLag:
    """Sleeps a hundredth of a second again and again, and counts by how much it overslept."""

    def __init__(self) -> None:
        self._counts = [0] * _BINS
        self.looks = 0
        self.most_s = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.note(loop.time() - due)

    def note(self, late_s: float) -> None:
        place = int(_A_DOUBLING * math.log2(max(late_s, _FIRST_S) / _FIRST_S))
        self._counts[min(place, _BINS - 1)] += 1
        self.looks += 1
        self.most_s = max(self.most_s, late_s)

    def percentile_s(self, share: float) -> float:
        """Upper edge of the bin that holds it (7 % wide); 0 before the first look."""
        wanted, seen = share * self.looks, 0
        for place, count in enumerate(self._counts):
            seen += count
            if seen >= wanted and seen:
                return min(_FIRST_S * 2.0 ** ((place + 1) / _A_DOUBLING), self.most_s)
        return 0.0

    def figures(self) -> dict[str, float]:
        """In milliseconds, for people."""
        return {
            "loop_lag_p99_ms": round(1e3 * self.percentile_s(0.99), 2),
            "loop_lag_most_ms": round(1e3 * self.most_s, 2),
        }
