"""One contract, every venue: real ccxt over real sockets, Binance at the rehearsal exchange, the others at
local servers that speak the documented forms. docs/trading.md says what that proves and what it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from bot.app.live_checks import check_account, stop_self_test
from bot.core.enums import Liquidity, OrderRole, OrderType, Side, TimeInForce, TriggerBy
from bot.core.errors import BadInput
from bot.execution.live_orders import Known
from bot.execution.news import FillTold, Refusal, Verdict
from bot.execution.sender import RequestFailed
from tests.execution.venues.benches import BENCHES, Bench, Local
from tests.execution.venues.trading_desk import Desk, desk_at
from tests.execution.venues.venue_server import Payment
from tests.rehearsing import eventually

pytest.importorskip("ccxt")

LIMIT, MARKET, STOP = OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_MARKET
Play = Callable[[Any, Desk], Awaitable[None]]
LOCAL = [name for name in BENCHES if name != "binance"]

every_venue = pytest.mark.parametrize("venue", list(BENCHES))
local_servers = pytest.mark.parametrize("venue", LOCAL)


def at(venue: str, play: Play) -> None:
    async def run() -> None:
        async with BENCHES[venue]() as bench, desk_at(bench) as desk:
            await play(bench, desk)
            if isinstance(bench, Local):
                assert not bench.server.refused, "a signature did not fit"

    asyncio.run(run())


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
        orders = {
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
        told = [n.refusal for n in desk.heard if getattr(n, "client_id", "") == known.order.client_id]
        assert refusal in told
        assert (known.filled, desk.venue.position_lots(0)) == (0, 0)

    at(venue, play)


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


@every_venue
def test_a_throttled_exit_is_sent_again_under_its_id_and_an_entry_is_not(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.buy()
        await bench.fault("busy")
        late = desk.submit(LIMIT, price=bench.far(), time_in_force=TimeInForce.POST_ONLY)
        await eventually(lambda: late.known is Known.ENDED, "the refusal")
        assert bench.count(late.order.client_id) == 0
        await bench.fault("busy")
        leave = desk.submit(MARKET, side=Side.SELL, reduce_only=True, role=OrderRole.EXIT)
        await eventually(lambda: leave.left == 0, "the way out")
        assert bench.count(leave.order.client_id) == 1
        assert desk.venue.position_lots(0) == 0

    at(venue, play)


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


@every_venue
def test_modes_leverage_and_wallet_are_read(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        hedge, leverage, modes = await desk.broker.settings()
        markets = range(len(bench.instruments))
        assert hedge is False
        assert set(leverage) == set(modes) == set(markets)
        if isinstance(bench, Local):
            assert set(leverage.values()) == {5.0}
            assert set(modes.values()) == {"isolated"}
        wallet = (await desk.broker.account()).wallet
        assert Decimal(wallet[bench.instruments[0].settle]) > 0

    at(venue, play)


@pytest.mark.parametrize("venue", ["bybit", "okx"])
def test_an_account_in_hedge_mode_is_refused(venue: str) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        bench.server.hedge = True
        with pytest.raises(BadInput, match="one-way mode"):
            await check_account(desk.broker)

    at(venue, play)


@every_venue
def test_a_key_that_can_withdraw_is_refused(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await check_account(desk.broker)
        if venue == "hyperliquid":  # the wallet's own key, where an agent's belongs
            polls = desk.broker.polls
            polls.walletAddress = polls.eth_get_address_from_private_key(polls.privateKey)
            desk.broker.dialect.prepare(polls)
        await bench.let_withdraw()
        with pytest.raises(BadInput, match="withdraw"):
            await check_account(desk.broker)

    at(venue, play)


@pytest.mark.parametrize(("venue", "ms"), [("binance", 60_000), ("bybit", 60_000), ("okx", 60_000)])
def test_a_clock_that_is_off_is_measured_and_the_exit_sent_again(venue: str, ms: int) -> None:
    """Hyperliquid has no such refusal: its nonces may be two days old."""

    async def play(bench: Bench, desk: Desk) -> None:
        await desk.buy()
        await bench.skew(ms)
        leave = desk.submit(MARKET, side=Side.SELL, reduce_only=True, role=OrderRole.EXIT)
        await eventually(lambda: leave.left == 0, "the way out")
        assert bench.count(leave.order.client_id) == 1
        with pytest.raises(BadInput, match="clock"):
            await check_account(desk.broker)

    at(venue, play)


@every_venue
def test_the_stop_self_test_passes(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        words = await stop_self_test(desk.broker, bench.instruments[0], 0, TriggerBy.MARK, desk.clock)
        assert words == ""
        assert (await desk.broker.account()).orders == ()

    at(venue, play)


@local_servers
def test_a_forced_close_is_known_as_one_and_found_by_asking_too(venue: str) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        await desk.buy()
        await bench.server.force("sell", bench.server.position)
        await eventually(lambda: any(f.forced for f in desk.fills), "the forced fill")
        assert desk.venue.position_lots(0) == 0
        assert any(f.trade_id == desk.fills[-1].trade_id for f in await desk.broker.fills(0))

    at(venue, play)


@local_servers
def test_funding_is_money_received_once_and_never_a_fill(venue: str) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        await desk.buy()
        now_ms = bench.server.now_ms()
        paid = [
            Payment("71", Decimal("-1.25"), now_ms),
            Payment("72", Decimal("0.5"), now_ms + 1),
        ]
        bench.server.payments += paid
        if venue == "bybit":
            await bench.server.push_payment(paid[0])  # type: ignore[attr-defined]
        for _ in range(2):
            for news in await desk.broker.payments(0):
                desk.hear(news)
        told = [n for n in desk.heard if n.__class__.__name__ == "FundingTold"]
        assert sorted({(n.id, n.amount) for n in told}, key=lambda p: p[0]) == sorted(
            {(n.id, n.amount) for n in told[:2]}, key=lambda p: p[0]
        )
        assert [Decimal(n.amount) for n in told[:2]] == [Decimal("-1.25"), Decimal("0.5")]
        await desk.sender.idle()
        for fill in await desk.broker.fills(0):
            desk.hear(fill)
        assert desk.venue.position_lots(0) == bench.lots
        coin = bench.instruments[0].settle
        fees = sum(Decimal(f.fee) for f in {f.trade_id: f for f in desk.fills}.values())
        assert desk.venue.wallet_e8(coin) == int((Decimal("-0.75") - fees) * 10**8)

    at(venue, play)


@local_servers
def test_the_accounts_past_is_not_booked(venue: str) -> None:
    """One stream begins with old fills; asking brings them everywhere."""

    async def run() -> None:
        async with BENCHES[venue]() as bench:
            bench.server.ahead_ms = -30_000  # half a minute ago
            await bench.server.force("buy", Decimal(bench.lots) * bench.instruments[0].lot)
            bench.server.fills[0] = _unforced(bench.server.fills[0])
            bench.server.ahead_ms = 0
            async with desk_at(bench) as desk:
                await desk.buy()
                await desk.sender.idle()
                assert desk.venue.position_lots(0) == bench.lots
                assert bench.lots not in {f.lots for f in desk.fills}

    asyncio.run(run())


def _unforced(fill: Any) -> Any:
    from dataclasses import replace

    return replace(fill, forced=False)


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


@local_servers
def test_someone_elses_liquidation_that_we_took_is_an_ordinary_fill(venue: str) -> None:
    """Hyperliquid tells both sides of it."""

    async def play(bench: Local, desk: Desk) -> None:
        told: list[FillTold] = []
        wire = {
            "symbol": desk.broker.symbols[0],
            "id": "5",
            "side": "sell",
            "amount": bench.lots * float(bench.instruments[0].lot),
            "price": 60_000,
            "timestamp": bench.server.now_ms(),
            "info": {
                "execType": "Trade",
                "liquidation": {"liquidatedUser": "0x" + "99" * 20, "method": "market"},
            },
        }
        news = desk.broker._hear_trade(wire)
        told += [news] if news else []
        assert [fill.forced for fill in told] == [False]

    at(venue, play)
