"""The contract of every venue, real ccxt over real sockets: answers that are lost.

Binance at the rehearsal exchange, the others at local servers that speak the documented forms;
docs/trading.md says what that proves and what it does not.
"""

from __future__ import annotations

import pytest

from bot.core.enums import TimeInForce
from bot.execution.live_orders import Known
from bot.execution.news import Verdict
from tests.execution.venues.benches import Bench
from tests.execution.venues.contract import LIMIT, at, every_venue
from tests.execution.venues.trading_desk import Desk
from tests.rehearsing import eventually

pytest.importorskip("ccxt")


@every_venue
@pytest.mark.parametrize("fault", ["dropped", "late", "unsure"])
def test_an_order_whose_answer_is_lost_is_found_by_asking_and_not_sent_again(venue: str, fault: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.stop_streams()  # nothing but the question can tell
        await bench.fault(fault)
        entry = desk.submit(LIMIT, price=bench.far(), time_in_force=TimeInForce.POST_ONLY)
        await eventually(lambda: entry.known is Known.PLACED, "the order to be found")
        assert Verdict.UNKNOWN in [getattr(n, "verdict", None) for n in desk.heard]
        assert bench.count(entry.order.client_id) == 1

    at(venue, play)


@every_venue
def test_an_order_that_never_arrived_is_proved_absent(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await bench.fault("lost")
        entry = desk.submit(LIMIT, price=bench.far(), time_in_force=TimeInForce.POST_ONLY)
        await eventually(lambda: entry.known is Known.ENDED, "the proof", 12.0)
        assert Verdict.ABSENT in [getattr(n, "verdict", None) for n in desk.heard]
        assert bench.count(entry.order.client_id) == 0

    at(venue, play)
