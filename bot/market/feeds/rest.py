"""REST requests of a feed: public, small, within the budget, never raising for what the network does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.core.clock import Clock
from bot.core.units import NS_PER_S
from bot.market.feeds.budget import RateBudget

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_S = 8.0
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a 200, with our time when it was complete."""

    body: bytes
    sent_ns: int
    recv_ns: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer. `reason` for people; what to do is always the same: ask again later."""

    reason: str
    retry_after_s: float = 0.0


@dataclass(slots=True)
class Rest:
    """Asks one venue. Use as an async context manager."""

    base: str
    budget: RateBudget
    clock: Clock
    answered: int = 0
    failed: int = 0
    _session: aiohttp.ClientSession | None = field(default=None)

    async def __aenter__(self) -> Rest:
        import aiohttp

        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=TIMEOUT_S / 2), auto_decompress=True
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, path: str, weight: int = 1, body: bytes = b"") -> Answer | Trouble:
        """GET the path, or POST the JSON body to it; waits for room in the budget first."""
        import aiohttp

        while wait_ns := self.budget.wait_ns(weight, self.clock.now_ns()):
            await asyncio.sleep(min(wait_ns / NS_PER_S, 5.0))
        sent_ns = self.clock.now_ns()
        self.budget.take(weight, sent_ns)
        try:
            answer = await self._request(path, body, sent_ns)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answer = Trouble(f"{type(error).__name__}: {error}".rstrip(": "))
        if isinstance(answer, Trouble):
            self.failed += 1
        else:
            self.answered += 1
        return answer

    async def _request(self, path: str, body: bytes, sent_ns: int) -> Answer | Trouble:
        assert self._session is not None, "Rest is used inside `async with`"
        method = "POST" if body else "GET"
        headers = {"Content-Type": "application/json"} if body else None
        async with self._session.request(
            method, self.base + path, data=body or None, headers=headers
        ) as response:
            used, later = (response.headers.get(h, "") for h in ("X-MBX-USED-WEIGHT-1M", "Retry-After"))
            pause_s = self.budget.answered(response.status, used, later, self.clock.now_ns())
            if response.status != 200:
                return Trouble(f"HTTP {response.status}", pause_s)
            payload = await response.content.read(MOST_BYTES)
            return Answer(payload, sent_ns, self.clock.now_ns())
