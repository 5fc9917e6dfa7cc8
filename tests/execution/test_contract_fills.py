"""The contract of every venue, real ccxt over real sockets: stops, fills, outages.

Binance at the rehearsal exchange, the others at local servers that speak the documented forms;
docs/trading.md says what that proves and what it does not.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.core.enums import Liquidity, Side
from bot.execution.live_orders import Known
from tests.execution.venues.benches import Bench, Local
from tests.execution.venues.contract import LIMIT, MARKET, STOP, at, every_venue
from tests.execution.venues.trading_desk import Desk
from tests.rehearsing import eventually

pytest.importorskip("ccxt")


@every_venue
def test_a_stop_rests_apart_from_the_market_reduce_only_and_moves_new_first(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.buy()
        old = desk.submit(STOP, trigger=bench.near_stop() - 500)
        await eventually(lambda: old.known is Known.PLACED, "the stop")
        new = desk.submit(STOP, trigger=bench.near_stop() - 400)
        await eventually(lambda: new.known is Known.PLACED, "the new stop")
        desk.cancel(old)
        await eventually(lambda: old.known is Known.ENDED, "the old one's end")
        shown = (await desk.broker.account()).orders
        assert [(o.client_id, o.lots, o.side) for o in shown] == [
            (new.order.client_id, bench.lots, Side.SELL)
        ]
        if isinstance(bench, Local):
            stops = [o for o in bench.server.orders if o.kind == "stop"]
            assert all(o.reduce_only and o.trigger for o in stops)
        assert desk.venue.position_lots(0) == bench.lots

    at(venue, play)


@every_venue
def test_a_stop_that_goes_off_closes_the_position_under_its_own_id(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.buy()
        stop = desk.submit(STOP, trigger=bench.near_stop())
        await eventually(lambda: stop.known is Known.PLACED, "the stop")
        await bench.trigger(stop.order)
        await eventually(lambda: stop.left == 0 and stop.known is Known.ENDED, "the stop's fills")
        assert stop.triggered
        assert desk.venue.position_lots(0) == 0
        assert desk.venue.unclaimed == 0

    at(venue, play)


@every_venue
def test_a_stop_that_goes_off_while_nobody_listens_is_told_by_asking(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.buy()
        stop = desk.submit(STOP, trigger=bench.near_stop())
        await eventually(lambda: stop.known is Known.PLACED, "the stop")
        await desk.sender.idle()
        await desk.stop_streams()
        await bench.trigger(stop.order)
        await desk.restart_streams()
        await eventually(lambda: stop.left == 0 and stop.known is Known.ENDED, "the stop's fills")
        assert desk.venue.position_lots(0) == 0

    at(venue, play)


@every_venue
def test_partial_fills_are_the_same_from_the_stream_and_by_asking_and_count_once(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        bought = await desk.buy()
        heard = {fill.trade_id: fill for fill in desk.fills}
        asked = {fill.trade_id: fill for fill in await desk.broker.fills(0)}
        assert len(asked) >= 2
        assert heard.keys() == asked.keys()
        for trade_id, fill in asked.items():
            same = ("lots", "price", "fee", "fee_coin", "side", "liquidity", "venue_id")
            ours = heard[trade_id]
            assert [_plain(getattr(ours, f)) for f in same] == [_plain(getattr(fill, f)) for f in same]
            assert fill.liquidity is Liquidity.TAKER
            assert Decimal(fill.fee) > 0, "fees are paid, not received"
            desk.hear(fill)
        assert sum(fill.lots for fill in asked.values()) == bench.lots == bought.filled
        assert desk.venue.position_lots(0) == bench.lots
        told = await desk.broker.account()
        assert [(p.market, p.lots) for p in told.positions] == [(0, bench.lots)]

    at(venue, play)


def _plain(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) and value[:1].isdigit() else value


@every_venue
def test_what_happened_while_the_streams_were_cut_is_caught_up(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await bench.cut()
        await eventually(lambda: desk.links[-1] is False, "the cut")
        bought = desk.submit(MARKET)
        await eventually(lambda: desk.links[-1], "the streams again")
        await eventually(lambda: bought.left == 0, "the fills")
        await desk.sender.idle()
        assert desk.venue.position_lots(0) == bench.lots
        again = await desk.buy()  # the streams bring news again
        assert again.filled == bench.lots
        assert desk.venue.position_lots(0) == 2 * bench.lots

    at(venue, play)


@pytest.mark.parametrize("venue", ["bybit", "okx"])
def test_more_fills_than_a_page_holds_are_all_found(venue: str) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        await desk.stop_streams()
        entry = desk.submit(LIMIT, price=bench.far())
        await eventually(lambda: entry.known is Known.PLACED, "the entry")
        [held] = [o for o in bench.server.orders if o.kind == "limit"]
        for _ in range(250):
            await bench.server.fill(held, held.quantity / 250)
        told = await desk.broker.fills(0)
        assert len({fill.trade_id for fill in told}) == 250
        assert sum(fill.lots for fill in told) == bench.lots
        assert {fill.client_id for fill in told} == {entry.order.client_id}

    at(venue, play)
