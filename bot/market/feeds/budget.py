"""The rate budget of one IP address at one venue, shared by everything that asks there.

A sliding minute of weights. Market data may use it up to a reserve that is kept
for exits; a 429 or 418 stops everybody, exits too, until the venue's time has
passed, because asking on turns a pause into a ban of up to three days.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass, field

from bot.core.units import NS_PER_S

WINDOW_NS = 60 * NS_PER_S

WEIGHT_A_MINUTE = {"binance-usdm": 2400, "rehearsal": 2400, "bybit-linear": 7200, "hyperliquid": 1200}
"""By address: Bybit counts 600 requests in 5 s; OKX limits each endpoint by itself."""

PAUSE_S = {429: 30.0, 418: 120.0, 403: 60.0}
"""Where the answer names no time: Binance bans from two minutes on, a firewall's 403 passes by itself."""


@dataclass(slots=True)
class RateBudget:
    """`limit`: weight a minute. `reserve`: share of it that only exits may use."""

    limit: int = 2400
    reserve: float = 0.25
    blocked_until_ns: int = 0
    refused: int = 0  # times the venue said 429 or 418
    _spent: deque[tuple[int, int]] = field(default_factory=deque)  # (time, weight)
    _used: int = 0

    @staticmethod
    def of(venue: str) -> RateBudget:
        return RateBudget(WEIGHT_A_MINUTE.get(venue, 2400))

    def used(self, now_ns: int) -> int:
        """Weight of the last minute."""
        while self._spent and self._spent[0][0] <= now_ns - WINDOW_NS:
            self._used -= self._spent.popleft()[1]
        return self._used

    def wait_ns(self, weight: int, now_ns: int, *, exiting: bool = False) -> int:
        """How long to wait before a request of this weight, 0: take it now."""
        if now_ns < self.blocked_until_ns:
            return self.blocked_until_ns - now_ns
        most = self.limit if exiting else int(self.limit * (1 - self.reserve))
        over = self.used(now_ns) + weight - most
        if over <= 0 or not self._spent:
            return 0
        for at_ns, spent in self._spent:
            over -= spent
            if over <= 0:
                return at_ns + WINDOW_NS - now_ns
        return WINDOW_NS

    def take(self, weight: int, now_ns: int) -> None:
        """A request of this weight is being sent."""
        self._spent.append((now_ns, weight))
        self._used += weight

    def told(self, used: int, now_ns: int) -> None:
        """The venue's own count for this minute: others may ask from the same address.

        The venue begins anew with the minute of the clock, so what others spent is over then.
        """
        missing = used - self.used(now_ns)
        if missing > 0:
            begun_ns = now_ns - now_ns % WINDOW_NS
            insort(self._spent, (begun_ns, missing))
            self._used += missing

    def answered(self, status: int, used: str, retry_after: str, now_ns: int) -> float:
        """Take in an answer's status and headers; seconds nobody may ask for now, 0 when it says nothing."""
        if used.isdigit():
            self.told(int(used), now_ns)
        if status not in PAUSE_S:
            return 0.0
        pause_s = float(retry_after) if retry_after.isdigit() else PAUSE_S[status]
        self.block(now_ns, pause_s)
        return pause_s

    def block(self, now_ns: int, retry_after_s: float) -> None:
        """The venue refused for too many requests."""
        self.refused += 1
        self.blocked_until_ns = max(self.blocked_until_ns, now_ns + int(retry_after_s * NS_PER_S))
