"""How a contract's test is run: a venue's bench, a desk at it, and that every signature fitted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.core.enums import OrderType
from tests.execution.venues.benches import BENCHES, Local
from tests.execution.venues.trading_desk import Desk, desk_at

LIMIT, MARKET, STOP = OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_MARKET

every_venue = pytest.mark.parametrize("venue", list(BENCHES))
local_servers = pytest.mark.parametrize("venue", [name for name in BENCHES if name != "binance"])


def at(venue: str, play: Callable[[Any, Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        async with BENCHES[venue]() as bench, desk_at(bench) as desk:
            await play(bench, desk)
            if isinstance(bench, Local):
                assert not bench.server.refused, "a signature did not fit"

    asyncio.run(run())
