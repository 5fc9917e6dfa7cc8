"""What goes wrong between us and the exchange: nothing is sent twice, lost or left naked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.core.enums import OrderRole, OrderState, Side, Stage
from bot.core.messages import Order
from bot.execution.guards import Choice
from bot.execution.news import LinkTold, OrderTold
from bot.risk.trades import ExitReason
from tests.execution.live_account import LiveAccount, live_account
from tests.execution.test_live_life import a_plan, money_is_the_exchanges, protected, scenario, touch
from tests.rehearsing import Running, client, eventually, rehearsal

pytest.importorskip("ccxt")

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


def enter(account: LiveAccount, **changes: Any) -> None:
    account.trader.open(a_plan(account, **changes), account.clock.now_ns())
    account.flush()


def sent_once(running: Running) -> None:
    """No client id reached the exchange's books twice."""
    placed = [
        line["params"].get("newClientOrderId") or line["params"].get("clientAlgoId")
        for line in running.venue.journal.lines
        if line.get("method") == "POST" and line.get("path") in (ORDER, ALGO) and line["status"] in (0, 200)
    ]
    assert len(set(placed)) == len(placed)


async def leave(account: LiveAccount, running: Running) -> None:
    account.trader.flatten(account.clock.now_ns(), ExitReason.OPERATOR)
    account.flush()
    await eventually(lambda: account.closed, "the end of the trade", 10.0)
    await account.sender.idle()
    await money_is_the_exchanges(account, running)
    sent_once(running)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error_after", "status": 503},
        {"kind": "error_after", "status": 408, "code": -1007},
        {"kind": "error_after", "status": 502},
        {"kind": "drop_after", "seconds": 0.05},
        {"kind": "late_answer", "seconds": 1.5},
    ],
    ids=lambda f: "-".join(str(v) for v in f.values()),
)
@pytest.mark.parametrize("path", [ORDER, ALGO])
def test_an_answer_that_is_lost_after_the_order_arrived(fault: dict[str, Any], path: str) -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        await running.control("faults", path=path, method="POST", times=1, **fault)
        enter(account)
        await eventually(lambda: protected(account), "a proven stop")
        await leave(account, running)

    scenario(play)


def test_an_order_that_never_arrived_is_proved_absent_and_not_sent_again() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        await running.control("faults", kind="drop_before", path=ORDER, method="POST", times=1)
        enter(account)
        closed = await eventually(lambda: account.closed, "the end of the trade", 10.0)
        assert closed[0].reason is ExitReason.UNFILLED
        assert len(account.orders(OrderRole.ENTRY)) == 1
        await money_is_the_exchanges(account, running)

    scenario(play)


def test_a_stop_endpoint_that_is_gone_ends_in_a_market_exit_within_the_limit() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        await running.control("faults", kind="refuse", path=ALGO, method="POST", code=-4120)
        enter(account)
        closed = await eventually(lambda: account.closed, "the end of the trade", 10.0)
        assert closed[0].reason is ExitReason.UNPROTECTED
        assert closed[0].unprotected_max_ns < 3_000_000_000
        assert len(account.orders(OrderRole.STOP)) == 4
        await account.sender.idle()
        await money_is_the_exchanges(account, running)

    scenario(play)


def test_a_stop_that_was_throttled_is_sent_again_under_the_same_id() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        await running.control("faults", kind="limit", path=ALGO, method="POST", times=1)
        enter(account)
        await eventually(lambda: protected(account), "a proven stop")
        assert len(account.orders(OrderRole.STOP)) == 1
        await leave(account, running)

    scenario(play)


def test_fills_told_twice_late_and_out_of_order_count_once() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        for kind in ("stream_duplicate", "stream_reorder"):
            await running.control("faults", kind=kind, event="ORDER_TRADE_UPDATE", chance=0.5)
        for _ in range(3):
            account.closed.clear()
            enter(account)
            await eventually(lambda: protected(account), "a proven stop")
            await leave(account, running)

    scenario(play)


def test_fills_that_the_stream_loses_are_fetched() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        await running.control("faults", kind="stream_drop", event="ORDER_TRADE_UPDATE")
        enter(account)
        await eventually(lambda: protected(account), "a proven stop")
        await leave(account, running)

    scenario(play)


def test_a_position_closed_while_the_stream_was_down_is_learned_of_when_it_is_back() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        enter(account)
        await eventually(lambda: protected(account), "a proven stop")
        trade = next(iter(account.trader.trades))
        await running.control("stream", do="disconnect")
        await eventually(lambda: account.audits("private_link_down"), "the outage")
        async with client(running) as by_hand:
            await by_hand.create_order("BTC/USDT:USDT", "market", "sell", 0.04, None, {"reduceOnly": True})
        await eventually(lambda: len(account.audits("private_link_up")) > 1, "the link", 15.0)
        for _ in range(4):
            await account.look()
            await account.sender.idle()
        assert trade.stage is Stage.CLOSED
        assert trade.reason is ExitReason.RECONCILED
        await money_is_the_exchanges(account, running)
        assert (await account.broker.account()).orders == ()

    scenario(play)


def test_a_position_closed_by_hand_ends_the_trade_and_takes_its_stop_away() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        enter(account)
        await eventually(lambda: protected(account), "a proven stop")
        async with client(running) as by_hand:
            await by_hand.create_order("BTC/USDT:USDT", "market", "sell", 0.04, None, {"reduceOnly": True})
        for _ in range(4):
            await account.look()
            await account.sender.idle()
        assert account.closed[0].reason is ExitReason.RECONCILED
        assert account.audits("closed_elsewhere")
        await money_is_the_exchanges(account, running)
        assert (await account.broker.account()).orders == ()

    scenario(play)


@pytest.mark.parametrize("choice", list(Choice))
def test_an_unknown_position_gets_a_stop_and_a_question(choice: Choice) -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        async with client(running) as by_hand:
            await by_hand.create_order("BTC/USDT:USDT", "market", "buy", 0.02)
        for _ in range(4):
            await account.look()
            await account.sender.idle()
        told = await account.broker.account()
        assert [(o.stop, o.lots, o.side) for o in told.orders] == [(True, 20, Side.SELL)]
        assert "not ours" in account.desk.blocked
        account.desk.answer(0, choice, account.clock.now_ns())
        account.flush()
        await account.sender.idle()
        for _ in range(4):
            await account.look()
            await account.sender.idle()
        told = await account.broker.account()
        if choice is Choice.FLATTEN:
            assert (told.positions, told.orders) == ((), ())
            assert not account.desk.blocked
        elif choice is Choice.IGNORE:
            assert told.orders == ()
            assert account.desk.blocked
        else:
            trade = next(iter(account.trader.trades))
            assert (trade.stage, trade.open_lots) == (Stage.OPEN, 20)
            assert protected(account)
            assert len(told.orders) == 1
            assert not account.desk.blocked
        await money_is_the_exchanges(account, running)

    scenario(play)


def test_an_order_of_another_instance_blocks_entries_and_is_left_alone() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        bid, _ = touch(account)
        price = float(account.venue.instruments[0].price(bid - 40))
        async with client(running) as by_hand:
            for name in ("lop-0123456789abcdef-en0", "web-7"):
                params = {"clientOrderId": name}
                await by_hand.create_order("BTC/USDT:USDT", "limit", "buy", 0.02, price, params)
        await account.look()
        await account.sender.idle()
        assert "another instance" in account.desk.blocked
        assert [f["client_id"] for f in account.audits("foreign_order")] == ["web-7"]
        assert len((await account.broker.account()).orders) == 2

    scenario(play)


def test_an_order_decided_but_never_sent_before_a_crash_is_found_out() -> None:
    async def run() -> None:
        async with rehearsal() as running:
            async with live_account(running) as before:
                enter(before)
                await eventually(lambda: protected(before), "a proven stop")
                before.trader.flatten(before.clock.now_ns(), ExitReason.OPERATOR)
                state = before.state()  # durable, and killed before it was sent
            async with live_account(running, state) as after:
                lost: Order = before.orders(OrderRole.EXIT)[0]
                await eventually(lambda: after.time() and after.closed, "the end of the trade", 15.0)
                assert lost.client_id not in {o.client_id for o in after.orders(OrderRole.EXIT)}
                await after.sender.idle()
                await money_is_the_exchanges(after, running)
                sent_once(running)

    asyncio.run(run())


def test_a_journal_that_cannot_be_written_stops_entries_and_lets_exits_out() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        enter(account)
        await eventually(lambda: protected(account), "a proven stop")
        account.durable = False
        await leave(account, running)
        account.closed.clear()
        enter(account)
        closed = await eventually(lambda: account.closed, "the refusal")
        assert closed[0].reason is ExitReason.UNFILLED
        assert running.exchange.account is not None

    scenario(play)


def test_a_triggered_stop_closes_the_trade_with_the_order_it_became() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        bid, _ = touch(account)
        enter(account, invalidation=bid - 4)
        await eventually(lambda: account.trader.trades.all() and protected(account), "a proven stop")
        trade = next(iter(account.trader.trades))
        for _ in range(600):
            if account.closed:
                break
            await running.control("step", seconds=2)
            await asyncio.sleep(0)
            account.time()
        await eventually(lambda: account.closed, "the stop", 10.0)
        assert trade.reason is ExitReason.STOP
        stop = account.trader._desk.of(trade, OrderRole.STOP)[-1]
        assert stop.state is OrderState.FILLED
        assert any(isinstance(n, OrderTold) and n.child_id for n in account.heard)
        await account.sender.idle()
        for paid in await account.broker.payments(0):  # twenty minutes of market may hold a settlement
            account.hear(paid)
        await money_is_the_exchanges(account, running)

    scenario(play)


def test_an_expired_listen_key_is_a_dropped_stream_and_what_was_missed_is_fetched() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        links = [n for n in account.heard if isinstance(n, LinkTold)]
        await running.control("stream", do="expire")
        await eventually(
            lambda: (
                [n.up for n in account.heard if isinstance(n, LinkTold)][len(links) :][:2] == [False, True]
            ),
            "the stream to come back",
            10.0,
        )
        enter(account)
        await eventually(lambda: protected(account), "a proven stop")
        await leave(account, running)

    scenario(play)
