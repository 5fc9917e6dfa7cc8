"""When to connect again: at once after a long life, ever later after short ones.

A server that accepts and drops is as dangerous as one that refuses: Binance
allows 300 attempts in five minutes, OKX three a second, and the client
library's own delays cover refused handshakes only. So the delay follows from
how long the last connection lived, however it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FIRST_S = 0.25
GROWTH = 2.0
MOST_S = 60.0
LIVED_S = 30.0
"""A connection that lived so long was a good one: the delays begin anew."""


@dataclass(slots=True)
class Backoff:
    """Delays between attempts: full jitter over the upper half, so that many clients spread."""

    random: Random
    attempts: int = 0

    def after(self, lived_s: float, retry_after_s: float = 0.0) -> float:
        """Seconds to wait now that a connection ended that lived so long (0: it never stood)."""
        if lived_s >= LIVED_S:
            self.attempts = 0
        most = min(FIRST_S * GROWTH**self.attempts, MOST_S)
        self.attempts = min(self.attempts + 1, 32)
        return max(retry_after_s, most * self.random.uniform(0.5, 1.0))
