"""The library's requests within the budget of this machine's address at a venue, shared with its feed.

Looks wait for room. What moves orders never waits: an entry that finds no room
is refused here, with nothing sent; exits and cancels may use the share that is
kept for them, and stop only while the venue refuses everybody. Until the account
has been read once, looks may use that share too: positions may be unprotected.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bot.core.clock import Clock
from bot.core.units import NS_PER_S
from bot.execution.venues.dialect import Dialect, Exchange
from bot.market.feeds.budget import RateBudget

LOOK_AGAIN_S = 5.0


class Purpose(Enum):
    LOOK = "look"
    ENTRY = "entry"
    EXIT = "exit"


_purpose: ContextVar[Purpose] = ContextVar("purpose", default=Purpose.LOOK)


@contextmanager
def asking_for(purpose: Purpose) -> Iterator[None]:
    """Why the requests of the running task are made, until the block ends."""
    token = _purpose.set(purpose)
    try:
        yield
    finally:
        _purpose.reset(token)


@dataclass(slots=True)
class Ration:
    """Set between a library instance and the network. `urgent`: looks, too, are for protection now."""

    ex: Exchange
    dialect: Dialect
    budget: RateBudget
    clock: Clock
    urgent: Callable[[], bool]

    def install(self) -> None:
        fetch, respond = self.ex.fetch2, self.ex.on_rest_response

        async def fetch_within(path: str, api: Any = "public", method: str = "GET", *rest: Any) -> Any:
            params, config = (*rest, {}, {})[:2]
            cost = self.ex.calculate_rate_limiter_cost(api, method, path, params, config)
            await self._room(self.dialect.weight(method, float(cost or 1)))
            return await fetch(path, api, method, params, config)

        def respond_heard(status: int, *told: Any) -> Any:
            self._hear(status, told[3] or {})
            return respond(status, *told)

        self.ex.fetch2, self.ex.on_rest_response = fetch_within, respond_heard

    async def _room(self, weight: int) -> None:
        purpose = _purpose.get()
        exiting = purpose is Purpose.EXIT or (purpose is Purpose.LOOK and self.urgent())
        while wait_ns := self.budget.wait_ns(weight, self.clock.now_ns(), exiting=exiting):
            if purpose is not Purpose.LOOK:
                raise self._refusal(wait_ns)
            await asyncio.sleep(min(wait_ns / NS_PER_S, LOOK_AGAIN_S))
        self.budget.take(weight, self.clock.now_ns())

    def _refusal(self, wait_ns: int) -> Exception:
        from ccxt import RateLimitExceeded

        wait_s = math.ceil(wait_ns / NS_PER_S)
        refusal: Exception = RateLimitExceeded(
            f"{self.dialect.name}: this address may ask no more for {wait_s} s; nothing was sent"
        )
        return refusal

    def _hear(self, status: int, headers: Any) -> None:
        lower = {str(name).lower(): str(value) for name, value in headers.items()}
        used, later = lower.get("x-mbx-used-weight-1m", ""), lower.get("retry-after", "")
        # elsewhere such a status speaks of one endpoint or one account, not of the address
        of_address = status if status in self.dialect.address_refusals else 200
        self.budget.answered(of_address, used, later, self.clock.now_ns())
