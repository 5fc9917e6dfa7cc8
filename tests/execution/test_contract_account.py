"""The contract of every venue, real ccxt over real sockets: modes, keys, clocks, money.

Binance at the rehearsal exchange, the others at local servers that speak the documented forms;
docs/trading.md says what that proves and what it does not.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.app.live_checks import check_account, self_test_order, stop_self_test
from bot.core.enums import OrderRole, Side, TriggerBy
from bot.core.errors import BadInput
from bot.execution.live_orders import Known
from bot.execution.news import FundingTold
from tests.execution.venues.benches import BENCHES, Bench, Local, Rehearsed
from tests.execution.venues.bybit_server import BybitServer
from tests.execution.venues.contract import LIMIT, MARKET, STOP, at, every_venue, local_servers
from tests.execution.venues.hyperliquid_server import HyperliquidServer
from tests.execution.venues.trading_desk import Desk, desk_at
from tests.execution.venues.venue_server import Payment
from tests.rehearsing import eventually

pytest.importorskip("ccxt")


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
        order = await self_test_order(
            desk.broker, bench.instruments[0], 0, TriggerBy.MARK, desk.clock.now_ns()
        )
        assert await stop_self_test(desk.broker, order) == ""
        assert (await desk.broker.account()).orders == ()

    at(venue, play)


@every_venue
def test_a_forced_close_is_known_as_one_and_found_by_asking_too(venue: str) -> None:
    async def play(bench: Bench, desk: Desk) -> None:
        await desk.buy()
        await bench.force()
        await eventually(lambda: desk.venue.position_lots(0) == 0, "the forced fills")
        assert any(f.forced for f in desk.fills)
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
            assert isinstance(bench.server, BybitServer)
            await bench.server.push_payment(paid[0])
        for _ in range(2):
            for news in await desk.broker.payments(0):
                desk.hear(news)
        told = [n for n in desk.heard if isinstance(n, FundingTold)]
        assert [Decimal(n.amount) for n in told] == 2 * [Decimal("-1.25"), Decimal("0.5")]
        assert len({n.id for n in told}) == 2
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
            bench.server.fills[0] = replace(bench.server.fills[0], forced=False)
            bench.server.ahead_ms = 0
            async with desk_at(bench) as desk:
                await desk.buy()
                await desk.sender.idle()
                assert desk.venue.position_lots(0) == bench.lots
                assert bench.lots not in {f.lots for f in desk.fills}

    asyncio.run(run())


def test_a_liquidation_of_someone_else_that_our_order_took_is_an_ordinary_fill() -> None:
    """Hyperliquid tells both sides of it."""

    async def play(bench: Local, desk: Desk) -> None:
        entry = desk.submit(LIMIT, price=bench.far())
        await eventually(lambda: entry.known is Known.PLACED, "the entry")
        server = bench.server
        assert isinstance(server, HyperliquidServer)
        server.victim = "0x" + "99" * 20
        await server.fill(server.orders[-1], server.orders[-1].left, forced=True)
        await eventually(lambda: entry.left == 0, "the fill")
        assert [fill.forced for fill in desk.fills] == [False]

    at("hyperliquid", play)


def test_the_switch_of_binance_takes_entries_and_leaves_stops() -> None:
    async def play(bench: Rehearsed, desk: Desk) -> None:
        await desk.buy()
        entry = desk.submit(LIMIT, price=bench.far())
        stop = desk.submit(STOP, trigger=bench.near_stop() - 5000)
        await eventually(lambda: entry.known is stop.known is Known.PLACED, "both to rest")
        await desk.broker.dead_man([0], 5)
        await bench.running.control("step", seconds=6)
        await eventually(lambda: entry.known is Known.ENDED, "the entry's end")
        assert [o.client_id for o in (await desk.broker.account()).orders] == [stop.order.client_id]

    at("binance", play)


def test_the_switch_of_okx_is_armed_and_taken_off() -> None:
    async def play(bench: Local, desk: Desk) -> None:
        await desk.broker.dead_man([0], 120)
        await desk.broker.dead_man([0], 0)
        asked = [a for _, path, a in bench.server.seen if path == "/api/v5/trade/cancel-all-after"]
        assert [str(a["timeOut"]) for a in asked] == ["120", "0"]

    at("okx", play)


@pytest.mark.parametrize("venue", ["bybit", "hyperliquid"])
def test_a_venue_without_a_switch_that_fits_is_asked_for_none(venue: str) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        posted = [m for m, path, _ in bench.server.seen if m == "POST" and path != "/info"]
        await desk.broker.dead_man([0], 120)
        assert [m for m, path, _ in bench.server.seen if m == "POST" and path != "/info"] == posted

    at(venue, play)


@pytest.mark.parametrize(("venue", "most"), [("bybit", 4), ("okx", 7), ("hyperliquid", 3)])
def test_a_look_at_two_markets_asks_no_more_than_it_must(venue: str, most: int) -> None:
    """It is taken every few seconds; OKX lists four kinds of algo orders apart."""

    async def play(bench: Local, desk: Desk) -> None:
        await desk.sender.idle()
        await desk.broker.account()  # the first one also learns what kind of account it is
        before = len(bench.server.seen)
        await desk.broker.account()
        assert len(bench.server.seen) - before == most

    at(venue, play)


def test_the_wallet_of_a_unified_account_of_hyperliquid_is_among_its_coins() -> None:
    async def run() -> None:
        async with BENCHES["hyperliquid"]() as bench:
            bench.server.unified = True
            async with desk_at(bench) as desk:
                assert (await desk.broker.account()).wallet == {"USDC": "10000"}

    asyncio.run(run())
