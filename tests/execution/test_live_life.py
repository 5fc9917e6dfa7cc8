"""Trading the rehearsal exchange through real ccxt and real sockets: lives of trades, to the last unit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.core.enums import Action, Entry, OrderRole, OrderState, Side, Stage
from bot.core.ids import intent_id
from bot.core.messages import Intent, Plan
from bot.core.units import NS_PER_S, to_e8
from bot.risk.trades import ExitReason
from tests.execution.live_account import LiveAccount, live_account
from tests.rehearsal.test_ledger import Plain
from tests.rehearsing import Running, eventually, rehearsal
from tests.trading import LONG

pytest.importorskip("ccxt")


def a_plan(account: LiveAccount, *, side: Side = Side.BUY, lots: int = 40, **changes: Any) -> Plan:
    """Around the present touch of market 0: a taker with a stop 1 % away and no target."""
    bid, ask = touch(account)
    price = ask if side > 0 else bid
    now_ns = account.clock.now_ns()
    intent = replace(
        LONG,
        id=intent_id("test", "scalp", "BTCUSDT", "enter", now_ns, 0),
        now_ns=now_ns,
        symbol="BTCUSDT",
        side=side,
        limit=price + int(side) * 10,
        invalidation=round(price * (1 - 0.01 * int(side))),
        targets=(),
        time_stop_ns=600 * NS_PER_S,
    )
    intent = replace(intent, **changes)
    return Plan(intent, lots, intent.invalidation, False, 0, {"cost_bps": 12.0})


def touch(account: LiveAccount) -> tuple[int, int]:
    found = account.running.exchange.world.touch(0)
    assert found is not None
    return found


def wish(account: LiveAccount, action: Action, **changes: Any) -> None:
    trade = next(iter(account.trader.trades))
    now_ns = account.clock.now_ns()
    intent = Intent(
        id=intent_id("test", "scalp", "BTCUSDT", action.value, now_ns, 0),
        now_ns=now_ns,
        symbol="BTCUSDT",
        market=0,
        strategy=trade.strategy,
        mode=trade.mode,
        action=action,
        side=trade.side,
        reason="signal",
        **changes,
    )
    assert account.trader.apply(intent, now_ns)
    account.flush()


def protected(account: LiveAccount) -> bool:
    trades = account.trader.trades.all()
    return bool(trades) and trades[0].stage is Stage.OPEN and trades[0].exposed_since_ns == 0


async def money_is_the_exchanges(account: LiveAccount, running: Running) -> None:
    told = await account.broker.account()
    assert to_e8(Decimal(told.wallet["USDT"])) == account.venue.wallet_e8("USDT")
    held = {p.market: p.lots for p in told.positions}
    for market in range(len(account.venue.instruments)):
        assert held.get(market, 0) == account.venue.position_lots(market)


def scenario(play: Any, **more: Any) -> None:
    async def run() -> None:
        async with rehearsal(**more) as running, live_account(running) as account:
            await play(running, account)

    asyncio.run(run())


def test_a_whole_life_enter_protect_move_the_stop_and_leave() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        plan = a_plan(account)
        account.trader.open(plan, account.clock.now_ns())
        account.flush()
        await eventually(lambda: protected(account), "a proven stop")
        trade = next(iter(account.trader.trades))
        assert trade.open_lots == 40
        told = await account.broker.account()
        assert [(o.stop, o.lots) for o in told.orders] == [(True, 40)]
        assert trade.unprotected_max_ns < NS_PER_S

        tighter = plan.stop + 20
        wish(account, Action.MOVE_STOP, invalidation=tighter)
        await eventually(
            lambda: account.trader._desk.of(trade, OrderRole.STOP)[0].state is OrderState.CANCELED,
            "the old stop's end",
        )
        told = await account.broker.account()
        assert [o.client_id for o in told.orders] == [account.orders(OrderRole.STOP)[-1].client_id]

        wish(account, Action.REDUCE)
        closed = await eventually(lambda: account.closed, "the end of the trade")
        assert closed[0].reason is ExitReason.SIGNAL
        await account.sender.idle()
        await money_is_the_exchanges(account, running)
        assert (await account.broker.account()).orders == ()
        plain = Plain(Decimal(10_000))
        for line in running.venue.journal.lines:
            if "event" in line:
                plain.read(line["event"])
        assert (plain.fills, to_e8(plain.wallet)) == (account.venue.booked, account.venue.wallet_e8("USDT"))

    scenario(play)


def test_a_resting_entry_is_cancelled_without_a_trace() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        bid, _ = touch(account)
        account.trader.open(a_plan(account, limit=bid - 40, entry=Entry.POST_ONLY), account.clock.now_ns())
        account.flush()
        trade = next(iter(account.trader.trades))
        ticket = account.trader._desk.of(trade, OrderRole.ENTRY)[0]
        await eventually(lambda: ticket.state is OrderState.LIVE, "the entry to rest")
        wish(account, Action.CANCEL_ENTRY)
        closed = await eventually(lambda: account.closed, "the end of the trade")
        assert closed[0].reason is ExitReason.UNFILLED
        await account.sender.idle()
        await money_is_the_exchanges(account, running)

    scenario(play)


def test_a_restart_in_mid_position_goes_on_with_the_same_stop() -> None:
    async def run() -> None:
        async with rehearsal() as running:
            async with live_account(running) as before:
                before.trader.open(a_plan(before), before.clock.now_ns())
                before.flush()
                await eventually(lambda: protected(before), "a proven stop")
                state = before.state()
            async with live_account(running, state) as after:
                await after.sender.idle()
                assert protected(after)
                assert after.journal.of("order") == []
                after.trader.flatten(after.clock.now_ns(), ExitReason.OPERATOR)
                after.flush()
                await eventually(lambda: after.closed, "the end of the trade")
                await after.sender.idle()
                await money_is_the_exchanges(after, running)

    asyncio.run(run())


def test_an_entry_whose_answer_is_lost_is_found_and_never_sent_twice() -> None:
    async def play(running: Running, account: LiveAccount) -> None:
        await running.control(
            "faults", kind="drop_after", path="/fapi/v1/order", method="POST", times=1, seconds=0.1
        )
        account.trader.open(a_plan(account), account.clock.now_ns())
        account.flush()
        await eventually(lambda: protected(account), "a proven stop")
        assert next(iter(account.trader.trades)).open_lots == 40
        await account.sender.idle()
        await money_is_the_exchanges(account, running)
        sent = [o for o in running.exchange.orders.all() if o.client_id.startswith("lop-")]
        assert len({o.client_id for o in sent}) == len(sent)

    scenario(play)
