"""The contract of every venue, real ccxt over real sockets: orders.

Binance at the rehearsal exchange, the others at local servers that speak the documented forms;
docs/trading.md says what that proves and what it does not.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from bot.core.enums import OrderRole, Side, TimeInForce
from bot.execution.live_orders import Known
from bot.execution.news import Answer, OrderTold, Refusal
from bot.execution.sender import RequestFailed
from tests.execution.venues.benches import Bench
from tests.execution.venues.contract import LIMIT, MARKET, at, every_venue
from tests.execution.venues.trading_desk import Desk
from tests.rehearsing import eventually

pytest.importorskip("ccxt")


@every_venue
def test_an_entry_rests_is_shown_and_is_taken_back(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        entry = desk.submit(LIMIT, price=bench.far(), time_in_force=TimeInForce.POST_ONLY)
        await eventually(lambda: entry.known is Known.PLACED, "the entry to rest")
        shown = (await desk.broker.account()).orders
        assert [(o.client_id, o.lots, o.side) for o in shown] == [
            (entry.order.client_id, bench.lots, Side.BUY)
        ]
        desk.cancel(entry)
        await eventually(lambda: entry.known is Known.ENDED, "its end")
        assert (await desk.broker.account()).orders == ()
        assert (entry.filled, desk.fills) == (0, [])

    at(venue, play)


@every_venue
@pytest.mark.parametrize(
    ("what", "refusal"),
    [
        ("margin", Refusal.MARGIN),
        ("nothing_to_reduce", Refusal.NOTHING_TO_REDUCE),
        ("post_only", Refusal.POST_ONLY),
    ],
)
def test_a_refusal_has_its_class(venue: str, what: str, refusal: Refusal) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        orders: dict[str, dict[str, Any]] = {
            "margin": {"kind": LIMIT, "lots": bench.lots * 1000, "price": bench.far()},
            "nothing_to_reduce": {"kind": MARKET, "side": Side.SELL, "reduce_only": True},
            "post_only": {
                "kind": LIMIT,
                "price": bench.crossing(),
                "time_in_force": TimeInForce.POST_ONLY,
            },
        }
        known = desk.submit(**orders[what])
        await eventually(lambda: known.known is Known.ENDED, "the refusal")
        told = [n for n in desk.heard if isinstance(n, Answer | OrderTold)]
        assert refusal in [n.refusal for n in told if n.client_id == known.order.client_id]
        assert (known.filled, desk.venue.position_lots(0)) == (0, 0)

    at(venue, play)


@every_venue
def test_a_throttled_entry_is_given_up(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await bench.fault("busy")
        entry = desk.submit(LIMIT, price=bench.far(), time_in_force=TimeInForce.POST_ONLY)
        await eventually(lambda: entry.known is Known.ENDED, "the refusal")
        assert Refusal.RATE in [n.refusal for n in desk.heard if isinstance(n, Answer)]
        assert bench.count(entry.order.client_id) == 0

    at(venue, play)


@every_venue
def test_a_throttled_exit_is_sent_again_under_its_id(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.buy()
        await bench.fault("busy")
        leave = desk.submit(MARKET, side=Side.SELL, reduce_only=True, role=OrderRole.EXIT)
        await eventually(lambda: leave.left == 0, "the way out")
        assert bench.count(leave.order.client_id) == 1
        assert desk.venue.position_lots(0) == 0

    at(venue, play)


@every_venue
def test_a_cancel_that_comes_too_late_ends_in_the_fill(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.stop_streams()
        bought = desk.submit(MARKET)
        await eventually(lambda: bought.venue_id, "the answer")
        with suppress(RequestFailed):  # refused, or taken and without effect: what became of it is asked
            assert await desk.broker.cancel(bought.order, bought.venue_id) is None
        desk.venue.ask(bought.order.client_id)
        desk.flush()
        await eventually(lambda: bought.left == 0, "the fills")
        assert desk.venue.position_lots(0) == bench.lots

    at(venue, play)
