"""Real ccxt over real sockets: every call the bot makes, and its error classes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.core.units import NS_PER_S
from bot.rehearsal.signing import Keys
from tests.rehearsal.plain_ledger import Plain
from tests.rehearsing import BTC, ETH, KEYS, Running, client, eventually, rehearsal

ccxt = pytest.importorskip("ccxt")

Scene = Callable[[Running, Any], Awaitable[None]]


def play(scene: Scene, *, pro: bool = False, **more: Any) -> None:
    async def run() -> None:
        async with rehearsal(**more) as running, client(running, pro=pro) as ex:
            await ex.load_markets()
            await asyncio.wait_for(scene(running, ex), 60)

    asyncio.run(run())


async def best(ex: Any, symbol: str = BTC) -> tuple[float, float]:
    book = await ex.fetch_order_book(symbol, 5)
    return book["bids"][0][0], book["asks"][0][0]


def test_markets_balance_and_settings_are_what_ccxt_expects() -> None:
    async def scene(running: Running, ex: Any) -> None:
        btc = ex.market(BTC)
        assert (btc["precision"]["price"], btc["precision"]["amount"]) == (5.0, 0.001)
        assert (btc["limits"]["cost"]["min"], btc["linear"], btc["contractSize"]) == (5.0, True, 1.0)
        assert (await ex.fetch_balance())["USDT"] == {"free": 10000.0, "used": 0.0, "total": 10000.0}
        assert (await ex.set_leverage(5, BTC))["leverage"] == 5
        await ex.set_margin_mode("isolated", BTC)
        with pytest.raises(ccxt.MarginModeAlreadySet):
            await ex.set_margin_mode("isolated", BTC)
        assert (await ex.fetch_leverage(BTC))["marginMode"] == "isolated"
        assert (await ex.fetch_position_mode(BTC))["hedged"] is False
        with pytest.raises(ccxt.OperationRejected):
            await ex.set_position_mode(False)
        assert (await ex.fetch_trading_fee(BTC))["taker"] == 0.0005
        assert (await ex.fetch_leverage_tiers([BTC]))[BTC][0]["maxLeverage"] == 20
        assert (await ex.sapiGetAccountApiRestrictions())["enableWithdrawals"] is False
        assert (await ex.fetch_funding_rate(BTC))["markPrice"] > 0
        assert (await ex.fetch_open_interest(BTC))["openInterestAmount"] >= 0
        assert abs(await ex.load_time_difference()) < 1000

    play(scene)


def test_the_life_of_a_trade() -> None:
    async def scene(running: Running, ex: Any) -> None:
        bid, ask = await best(ex)
        resting = await ex.create_order(
            BTC, "limit", "buy", 0.01, bid - 50, {"postOnly": True, "clientOrderId": "entry-1"}
        )
        assert (resting["status"], resting["timeInForce"]) == ("open", "PO")
        moved = await ex.edit_order(resting["id"], BTC, "limit", "buy", 0.02, bid - 100)
        assert (moved["id"], moved["price"], moved["amount"]) == (resting["id"], bid - 100, 0.02)
        found = await ex.fetch_order(None, BTC, {"clientOrderId": "entry-1"})
        assert found["id"] == resting["id"]
        gone = await ex.cancel_order(None, BTC, {"clientOrderId": "entry-1"})
        assert gone["status"] == "canceled"

        taken = await ex.create_order(BTC, "limit", "buy", 0.02, ask, {"timeInForce": "IOC"})
        assert (taken["status"], taken["filled"], taken["average"]) == ("closed", 0.02, ask)
        stop = await ex.create_order(
            BTC,
            "market",
            "sell",
            0.02,
            None,
            {
                "stopLossPrice": bid - 200,
                "reduceOnly": True,
                "workingType": "MARK_PRICE",
                "clientOrderId": "stop-1",
            },
        )
        target = await ex.create_order(
            BTC, "market", "sell", 0.02, None, {"takeProfitPrice": ask + 500, "reduceOnly": True}
        )
        assert await ex.fetch_open_orders(BTC) == []
        armed = await ex.fetch_open_orders(BTC, params={"trigger": True})
        assert {o["id"] for o in armed} == {stop["id"], target["id"]}
        named = await ex.fetch_order(None, BTC, {"clientOrderId": "stop-1", "trigger": True})
        assert named["triggerPrice"] == bid - 200
        with pytest.raises(ccxt.OrderNotFound):
            await ex.cancel_order(stop["id"], BTC)
        await ex.cancel_order(target["id"], BTC, {"trigger": True})

        held = (await ex.fetch_positions())[0]
        assert (held["symbol"], held["contracts"], held["side"], held["entryPrice"]) == (
            BTC,
            0.02,
            "long",
            ask,
        )
        for _ in range(40):
            running.exchange.world.step(60 * NS_PER_S)
            if not await ex.fetch_positions():
                break
            last = await ex.fetch_open_orders(BTC, params={"trigger": True})
            if last and last[0]["triggerPrice"] < (await best(ex))[0] - 100:  # follow, so that it will be hit
                await ex.cancel_all_orders(BTC, {"trigger": True})
                price = (await best(ex))[0] - 60
                await ex.create_order(
                    BTC, "market", "sell", 0.02, None, {"stopLossPrice": price, "reduceOnly": True}
                )
        assert await ex.fetch_positions() == []
        trades = await ex.fetch_my_trades(BTC)
        assert sum(t["amount"] * (1 if t["side"] == "buy" else -1) for t in trades) == pytest.approx(
            0, abs=1e-9
        )
        funding = await ex.fetch_funding_history(BTC)
        wallet = 10000 + sum(f["amount"] for f in funding)
        wallet += sum(float(t["info"]["realizedPnl"]) - t["fee"]["cost"] for t in trades)
        assert (await ex.fetch_balance())["USDT"]["total"] == pytest.approx(wallet, abs=1e-8)

    play(scene)


REFUSALS: list[tuple[str, tuple[Any, ...], str]] = [
    (
        "post-only that takes",
        (BTC, "limit", "buy", 0.01, 60100.0, {"postOnly": True}),
        "OrderNotFillable",
    ),
    ("below the minimum", (BTC, "limit", "buy", 0.001, 4500.0), "InvalidOrder"),
    ("no margin", (BTC, "limit", "buy", 100, 58000.0), "InsufficientFunds"),
    ("nothing to reduce", (BTC, "market", "sell", 0.01, None, {"reduceOnly": True}), "InvalidOrder"),
    (
        "a stop that would trigger",
        (BTC, "market", "sell", 0.01, None, {"stopLossPrice": 70000.0}),
        "OrderImmediatelyFillable",
    ),
    ("far from the mark", (BTC, "limit", "buy", 0.01, 90000.0), "BadRequest"),
]


@pytest.mark.parametrize(("what", "order", "name"), REFUSALS, ids=[r[0] for r in REFUSALS])
def test_refusals_have_ccxt_s_own_classes(what: str, order: tuple[Any, ...], name: str) -> None:
    async def scene(running: Running, ex: Any) -> None:
        with pytest.raises(getattr(ccxt, name)) as refused:
            await ex.create_order(*order)
        assert type(refused.value) is getattr(ccxt, name)

    play(scene)


def test_a_wrong_tick_or_lot_is_refused_by_the_server_too() -> None:
    async def scene(running: Running, ex: Any) -> None:
        good = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        for fields, error in (
            ({"quantity": "0.0105", "price": "58000"}, ccxt.BadRequest),
            ({"quantity": "0.010", "price": "58000.5"}, ccxt.BadRequest),
            ({"quantity": "0.010", "price": "58001"}, ccxt.BadRequest),
        ):
            with pytest.raises(error):
                await ex.fapiPrivatePostOrder(good | fields)

    play(scene)


def test_wrong_keys_signatures_and_clocks_are_refused() -> None:
    async def run() -> None:
        async with rehearsal() as running:
            async with client(running, keys=Keys(KEYS.key, "x" * 32)) as ex:
                with pytest.raises(ccxt.AuthenticationError, match="-1022"):
                    await ex.fetch_balance()
            async with client(running, keys=Keys("k" * 32, KEYS.secret)) as ex:
                with pytest.raises(ccxt.AuthenticationError, match="-2015"):
                    await ex.fetch_balance()
            async with client(running) as ex:
                await running.control("skew", ms=60_000)
                with pytest.raises(ccxt.InvalidNonce, match="-1021"):
                    await ex.fetch_balance()
                await ex.load_time_difference()
                assert (await ex.fetch_balance())["USDT"]["total"] == 10000
                await running.control("skew", ms=-60_000)
                with pytest.raises(ccxt.InvalidNonce):
                    await ex.fetch_balance()

    asyncio.run(run())


def test_orders_trades_positions_and_balance_are_watched() -> None:
    async def scene(running: Running, ex: Any) -> None:
        async def opened() -> Any:
            while not (found := await ex.watch_positions([BTC])):  # the first answer is of REST: none yet
                pass
            return found

        watched = [ex.watch_orders(BTC), ex.watch_my_trades(BTC), ex.watch_balance(), opened()]
        tasks = [asyncio.create_task(w) for w in watched]
        await eventually(lambda: running.venue.stream.sockets > 0, "the user stream")
        while not all(t.done() for t in tasks):
            await ex.create_order(BTC, "market", "buy", 0.01)
            await asyncio.wait(tasks, timeout=0.5)
        orders, trades, balance, positions = (t.result() for t in tasks)
        assert orders[0]["symbol"] == BTC
        assert (trades[0]["side"], trades[0]["takerOrMaker"]) == ("buy", "taker")
        assert 0 < balance["USDT"]["total"] < 10000
        assert positions[0]["contracts"] > 0

    play(scene, pro=True)


def test_a_cut_user_stream_is_found_again() -> None:
    async def scene(running: Running, ex: Any) -> None:
        waiting = asyncio.create_task(ex.watch_orders())
        await eventually(lambda: running.venue.stream.sockets == 1, "the user stream")
        await running.control("stream", do="disconnect")
        with pytest.raises(ccxt.NetworkError):
            await waiting
        again = asyncio.create_task(ex.watch_orders())
        await eventually(lambda: running.venue.stream.sockets == 1, "the user stream again")
        bid, _ = await best(ex, ETH)
        await ex.create_order(ETH, "limit", "buy", 0.1, bid - 10)
        assert (await again)[0]["status"] == "open"

    play(scene, pro=True)


FAULTS: list[tuple[dict[str, Any], str, bool]] = [
    ({"kind": "drop_before"}, "ExchangeNotAvailable", False),
    ({"kind": "drop_after", "seconds": 0.0}, "ExchangeNotAvailable", True),
    ({"kind": "drop_after", "seconds": 1.5}, "RequestTimeout", True),
    ({"kind": "late_answer", "seconds": 1.5}, "RequestTimeout", True),
    ({"kind": "error_before"}, "ExchangeNotAvailable", False),
    ({"kind": "error_after"}, "ExchangeNotAvailable", True),
    ({"kind": "error_after", "status": 408, "code": -1007}, "RequestTimeout", True),
    ({"kind": "error_before", "status": 503, "code": -1008}, "OperationFailed", False),
    ({"kind": "limit", "status": 429, "seconds": 3.0}, "DDoSProtection", False),
    ({"kind": "limit", "status": 418, "seconds": 120.0}, "DDoSProtection", False),
    ({"kind": "refuse", "code": -2021}, "OrderImmediatelyFillable", False),
]


@pytest.mark.parametrize(("fault", "name", "arrived"), FAULTS, ids=[f"{f['kind']}-{n}" for f, n, _ in FAULTS])
def test_a_fault_at_an_order_leaves_it_there_or_not(fault: dict[str, Any], name: str, arrived: bool) -> None:
    async def scene(running: Running, ex: Any) -> None:
        ex.timeout = 500
        bid, _ = await best(ex)
        await running.control("faults", path="/fapi/v1/order", method="POST", times=1, **fault)
        with pytest.raises(getattr(ccxt, name)):
            await ex.create_order(BTC, "limit", "buy", 0.01, bid - 50, {"clientOrderId": "lost"})
        if arrived:
            assert (await ex.fetch_order(None, BTC, {"clientOrderId": "lost"}))["status"] == "open"
            with pytest.raises(ccxt.InvalidOrder, match="-4116"):
                await ex.create_order(BTC, "limit", "buy", 0.01, bid - 50, {"clientOrderId": "lost"})
        else:
            with pytest.raises(ccxt.OrderNotFound):
                await ex.fetch_order(None, BTC, {"clientOrderId": "lost"})
            await ex.create_order(BTC, "limit", "buy", 0.01, bid - 50, {"clientOrderId": "lost"})

    play(scene)


def test_a_ledger_from_the_journal_of_a_session_equals_what_ccxt_sees(tmp_path: Path) -> None:
    """Real sockets, the market at twenty times its speed, orders of every kind; then the file alone."""
    path = tmp_path / "wire.jsonl"
    seen: dict[str, Any] = {}

    async def scene(running: Running, ex: Any) -> None:
        random = Random(4)
        for n in range(120):
            symbol = random.choice((BTC, ETH))
            side = random.choice(("buy", "sell"))
            amount = random.randint(2, 60) * ex.market(symbol)["precision"]["amount"]
            bid, ask = await best(ex, symbol)
            try:
                if n % 2:
                    await ex.create_order(symbol, "market", side, amount)
                else:
                    price = bid if side == "buy" else ask
                    await ex.create_order(symbol, "limit", side, amount, price, {"postOnly": n % 4 == 0})
                if n % 10 == 0:
                    await ex.cancel_all_orders(symbol)
            except ccxt.InvalidOrder:
                pass
        running.exchange.world.step(0)
        await ex.cancel_all_orders(BTC)
        await ex.cancel_all_orders(ETH)
        running.exchange.world.speed = 0.0  # nothing happens any more between the answers
        seen["wallet"] = Decimal((await ex.fetch_balance())["info"]["totalWalletBalance"])
        held = await ex.fapiPrivateV2GetPositionRisk()
        seen["held"] = {p["symbol"]: Fraction(p["positionAmt"]) for p in held}

    play(scene, speed=20.0, journal=path)
    plain = Plain(Decimal(10_000))
    for line in path.read_text().splitlines():
        said = json.loads(line)
        if "event" in said:
            plain.read(said["event"])
    assert plain.fills > 60
    assert plain.wallet == seen["wallet"]
    assert {s: plain.held.get(s, Fraction(0)) for s in seen["held"]} == seen["held"]
