"""An account and a feed ask from one address: who goes without when the budget is used up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.app.live import LiveSource
from bot.core.clock import SystemClock
from bot.core.enums import OrderRole, OrderType, Side, TimeInForce
from bot.core.units import NS_PER_S
from bot.engine.inbox import Inbox
from bot.execution.ccxt_broker import CcxtBroker
from bot.execution.news import Refusal, Verdict
from bot.execution.sender import RequestFailed
from bot.market.feeds.budget import RateBudget
from bot.market.instruments import find
from tests.execution.venues.benches import BENCHES, Local
from tests.execution.venues.trading_desk import Desk

pytest.importorskip("ccxt")


def at(venue: str, play: Callable[[Any, Desk, CcxtBroker, RateBudget], Awaitable[None]]) -> None:
    """A broker that shares its budget with whatever `play` spends."""

    async def run() -> None:
        async with BENCHES[venue]() as bench:
            desk, budget = Desk(bench), RateBudget(limit=1000, reserve=0.25)
            broker = CcxtBroker(bench.account, bench.instruments, SystemClock(), budget=budget)
            try:
                await broker.start()
                await play(bench, desk, broker, budget)
            finally:
                await desk.close()
                await broker.close()

    asyncio.run(run())


def spend_all_but_the_reserve(budget: RateBudget) -> None:
    """As a feed does that takes snapshots."""
    now_ns = SystemClock().now_ns()
    budget.take(750 - budget.used(now_ns), now_ns)


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx", "hyperliquid"])
def test_what_a_feed_has_spent_stops_entries_with_nothing_sent_and_lets_exits_out(venue: str) -> None:
    async def play(bench: Any, desk: Desk, broker: CcxtBroker, budget: RateBudget) -> None:
        await broker.submit(desk.make(OrderType.MARKET))
        spend_all_but_the_reserve(budget)
        entry = desk.make(OrderType.LIMIT, price=bench.far(), time_in_force=TimeInForce.POST_ONLY)
        with pytest.raises(RequestFailed) as refused:
            await broker.submit(entry)
        assert refused.value.outcome.verdict is Verdict.REFUSED
        assert refused.value.outcome.refusal is Refusal.RATE
        assert bench.count(entry.client_id) == 0
        stop = desk.make(OrderType.STOP_MARKET, trigger=bench.near_stop())
        await broker.submit(stop)
        assert await broker.find(stop, "") is not None
        await broker.cancel(stop, "")
        leave = desk.make(OrderType.MARKET, side=Side.SELL, reduce_only=True, role=OrderRole.EXIT)
        await broker.submit(leave)
        assert (bench.count(stop.client_id), bench.count(leave.client_id)) == (1, 1)

    at(venue, play)


def test_looks_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.execution.rationing.LOOK_AGAIN_S", 0.01)

    async def play(bench: Local, desk: Desk, broker: CcxtBroker, budget: RateBudget) -> None:
        await broker.account()
        spend_all_but_the_reserve(budget)
        seen = len(bench.server.seen)
        look = asyncio.create_task(broker.account())
        done, _ = await asyncio.wait({look}, timeout=0.2)
        assert not done
        assert len(bench.server.seen) == seen
        budget.limit = 5000  # as when a minute has passed
        assert (await look).wallet

    at("bybit", play)


def test_the_first_look_of_a_start_may_use_what_is_kept_for_exits() -> None:
    """Positions may be unprotected until the account is known, however much was asked before the start."""

    async def play(bench: Any, desk: Desk, broker: CcxtBroker, budget: RateBudget) -> None:
        spend_all_but_the_reserve(budget)
        async with asyncio.timeout(5.0):
            assert (await broker.account()).wallet

    at("binance", play)


def test_the_venues_own_count_of_the_address_is_taken_over() -> None:
    async def play(bench: Any, desk: Desk, broker: CcxtBroker, budget: RateBudget) -> None:
        before = budget.used(SystemClock().now_ns())
        await broker.mid(0)
        used = budget.used(SystemClock().now_ns())
        assert used > before
        header = bench.running.venue.limits.weight.used
        assert used >= header

    at("binance", play)


def test_a_refusal_of_the_address_stops_everybody_until_its_time_has_passed() -> None:
    async def play(bench: Any, desk: Desk, broker: CcxtBroker, budget: RateBudget) -> None:
        await bench.running.control(
            "faults", path="/fapi/v1/depth", times=1, kind="limit", status=429, seconds=7
        )
        with pytest.raises(RequestFailed):
            await broker.mid(0)
        now_ns = SystemClock().now_ns()
        assert 5 * NS_PER_S < budget.blocked_until_ns - now_ns <= 7 * NS_PER_S
        requests = bench.running.venue.requests
        leave = desk.make(OrderType.MARKET, side=Side.SELL, reduce_only=True, role=OrderRole.EXIT)
        with pytest.raises(RequestFailed) as refused:
            await broker.submit(leave)
        assert refused.value.outcome.again
        assert bench.running.venue.requests == requests, "asking on turns a pause into a ban"

    at("binance", play)


def test_a_session_has_one_budget_for_the_feed_and_the_account_of_a_venue() -> None:
    source = LiveSource((find("binance-usdm:BTCUSDT"), find("binance-usdm:ETHUSDT")))
    [feed] = source.open(Inbox(), None, lambda what, detail: None)
    assert feed.rest.budget is source.budget("binance-usdm")  # type: ignore[union-attr]
    assert source.budget("bybit-linear").limit == 7200
