"""Private payloads of a public collection (captures and the venues' own examples) through real ccxt:
pushed over the stream's socket or given as the answer, and what the broker makes of each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.core.enums import Liquidity, OrderType, Side
from bot.execution.news import OrderTold, PositionSeen, Refusal, Status, Verdict
from bot.execution.sender import RequestFailed
from tests.execution.venues.benches import BENCHES, Local
from tests.execution.venues.trading_desk import Desk, desk_at
from tests.rehearsing import eventually

pytest.importorskip("ccxt")

BUY, SELL, MAKER, TAKER = Side.BUY, Side.SELL, Liquidity.MAKER, Liquidity.TAKER


def at(venue: str, play: Callable[[Any, Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        async with BENCHES[venue]() as bench, desk_at(bench, since_ns=1) as desk:
            await play(bench, desk)

    asyncio.run(run())


def payload(data_dir: Path, name: str) -> Any:
    return json.loads((data_dir / f"nautilus_trader/{name}.json").read_text())


def fill(trade_id: str, side: Side, lots: int, price: str, fee: str, made: Liquidity, forced: bool) -> Any:
    return (trade_id, side, lots, Decimal(price), fee and Decimal(fee), made, forced)


FILLS = [
    (
        "bybit/ws_account_execution",
        "execution",
        fill("0ab1bdf7-4219-438b-b30a-32ec863018f7", SELL, 500, "95900.1", "26.3725275", TAKER, False),
    ),
    (
        "bybit/ws_account_execution_adl",
        "execution",
        fill("0ab1bdf7-4219-438b-b30a-32ec863018f8", SELL, 500, "95850", "0", TAKER, True),
    ),
    # the examples name no fee of the fill itself, only the order's: it is not told
    ("okx/ws_orders", "orders", fill("1518905529", BUY, 3, "103698.9", "", MAKER, False)),
    ("okx/ws_orders_liquidation", "orders", fill("1518905999", SELL, 50, "40000", "", TAKER, True)),
    ("okx/ws_orders_adl", "orders", fill("1518906000", BUY, 30, "41000", "", TAKER, True)),
    ("okx/ws_orders_trigger", "orders", fill("1518905530", SELL, 1, "101950", "", TAKER, False)),
]


@pytest.mark.parametrize(("name", "topic", "told"), FILLS, ids=[name for name, _, _ in FILLS])
def test_fills_of_the_stream(data_dir: Path, name: str, topic: str, told: Any) -> None:
    body = payload(data_dir, name)

    async def play(bench: Local, desk: Desk) -> None:
        await bench.server.push(topic, body)
        await eventually(lambda: desk.fills, "the fill")
        [f] = desk.fills
        paid = f.fee and Decimal(f.fee)
        assert (f.trade_id, f.side, f.lots, Decimal(f.price), paid, f.liquidity, f.forced) == told

    at(name.split("/")[0], play)


ORDERS: list[tuple[str, str, list[tuple[Status, int, str, str]]]] = [
    ("bybit/ws_account_order", "order", [(Status.CANCELED, 0, "abcdef123456", "")]),
    (
        "bybit/ws_account_order_filled",
        "order",
        [(Status.FILLED, 100, "5cf98598-39a7-459e-97bf-76ca765ee020", "")],
    ),
    ("bybit/ws_account_order_stop_market", "order", [(Status.RESTING, 0, "test-stop-market-001", "")]),
    ("bybit/ws_account_order_stop_loss", "order", [(Status.RESTING, 0, "test-stop-loss-001", "")]),
    ("okx/ws_orders", "orders", [(Status.FILLED, 3, "2497956918703120384", "")]),
    ("okx/ws_orders_trigger", "orders", [(Status.FILLED, 1, "706620792746729999", "")]),
    (
        "okx/ws_orders_algo",
        "orders-algo",
        [
            (Status.RESTING, 0, "706620792746729472", ""),
            (Status.RESTING, 0, "706620792746729473", ""),
            (Status.TRIGGERED, 0, "706620792746729474", "706620792746729999"),
            (Status.CANCELED, 0, "706620792746729475", ""),
            (Status.TRIGGERED, 0, "706620792746729476", "706620792746730000"),
        ],
    ),
]


@pytest.mark.parametrize(("name", "topic", "told"), ORDERS, ids=[name for name, _, _ in ORDERS])
def test_orders_of_the_stream(data_dir: Path, name: str, topic: str, told: Any) -> None:
    body = payload(data_dir, name)

    async def play(bench: Local, desk: Desk) -> None:
        def heard() -> list[OrderTold]:
            return [n for n in desk.heard if isinstance(n, OrderTold)]

        await bench.server.push(topic, body)
        await eventually(lambda: len(heard()) == len(told), "the orders' states")
        ours = [(n.status, n.filled_lots, n.venue_id, n.child_id) for n in heard()]
        assert sorted(ours, key=lambda o: o[2]) == told

    at(name.split("/")[0], play)


def test_the_order_that_an_algo_order_became_is_known_by_the_id_it_is_linked_with(data_dir: Path) -> None:
    """As recorded: the new order has a client id of the venue's making."""
    algo, child = payload(data_dir, "okx/ws_orders_algo"), payload(data_dir, "okx/ws_orders_trigger")
    row = next(r for r in algo["data"] if r["algoId"] == child["data"][0]["linkedAlgoOrd"]["algoId"])

    async def play(bench: Local, desk: Desk) -> None:
        desk.broker._client_ids[row["algoClOrdId"]] = "lop-0123456789abcdef-st0"
        await bench.server.push("orders-algo", algo)
        await bench.server.push("orders", child)
        await eventually(lambda: desk.fills, "the fill")
        assert [f.client_id for f in desk.fills] == ["lop-0123456789abcdef-st0"]

    at("okx", play)


POSITIONS = [
    (
        "bybit/http_get_positions",
        "/v5/position/list",
        (PositionSeen(0, 500, "50000"), PositionSeen(1, -500, "3000")),
    ),
    ("okx/http_get_positions", "/api/v5/account/positions", (PositionSeen(0, 50, "10000"),)),
]


@pytest.mark.parametrize(("name", "path", "told"), POSITIONS, ids=[name for name, _, _ in POSITIONS])
def test_positions(data_dir: Path, name: str, path: str, told: Any) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        bench.server.canned[path] = payload(data_dir, name)
        seen = (await desk.broker.account()).positions
        assert [(p.market, p.lots, Decimal(p.entry)) for p in seen] == [
            (p.market, p.lots, Decimal(p.entry)) for p in told
        ]

    at(name.split("/")[0], play)


SHOWN = [
    ("bybit/http_get_orders_realtime", "/v5/order/realtime", {"client-open-1", "client-open-2"}),
    ("bybit/http_get_orders_realtime_tp_sl", "/v5/order/realtime", {"client-tp-001", "client-sl-001"}),
    ("okx/http_get_orders_pending", "/api/v5/trade/orders-pending", {"client-order-1"}),
    ("okx/http_get_orders_algo_pending", "/api/v5/trade/orders-algo-pending", {"client_algo_1"}),
]


@pytest.mark.parametrize(("name", "path", "told"), SHOWN, ids=[name for name, _, _ in SHOWN])
def test_resting_orders(data_dir: Path, name: str, path: str, told: set[str]) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        bench.server.canned[path] = payload(data_dir, name)
        seen = (await desk.broker.account()).orders
        assert {o.client_id for o in seen} == told
        assert all(o.lots > 0 and o.venue_id for o in seen)

    at(name.split("/")[0], play)


WALLETS = [
    ("bybit/http_get_wallet_balance", "/v5/account/wallet-balance", "1000.50"),
    ("okx/http_get_account_balance", "/api/v5/account/balance", "94.42612990333333"),
]


@pytest.mark.parametrize(("name", "path", "told"), WALLETS, ids=[name for name, _, _ in WALLETS])
def test_wallets(data_dir: Path, name: str, path: str, told: str) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        bench.server.canned[path] = payload(data_dir, name)
        assert (await desk.broker.account()).wallet == {"USDT": told}

    at(name.split("/")[0], play)


def test_executions_of_bybit(data_dir: Path) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        bench.server.canned["/v5/execution/list"] = payload(data_dir, "bybit/http_get_executions")
        told = await desk.broker.fills(0)
        assert [(f.trade_id, f.market, f.lots, f.liquidity, Decimal(f.fee)) for f in told] == [
            ("e0cbe81d-0f18-5866-9415-cf319b5dab3b", 0, 100, MAKER, Decimal("0.0150")),
            ("f1dce92e-1g29-6977-a526-dg420c6ecb4c", 1, 50, TAKER, Decimal("0.9000")),
        ]

    at("bybit", play)


def test_the_margin_mode_of_bybit_is_the_accounts(data_dir: Path) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        bench.server.canned["/v5/account/info"] = payload(data_dir, "bybit/http_get_account_info")
        _, _, modes = await desk.broker.settings()
        assert modes == {0: "cross", 1: "cross"}

    at("bybit", play)


def test_answers_of_okx_to_algo_orders(data_dir: Path) -> None:
    """Taken, and refused inside an answer that says success."""

    async def play(bench: Local, desk: Desk) -> None:
        path = "/api/v5/trade/order-algo"
        stop = desk.make(OrderType.STOP_MARKET, trigger=590_000)
        bench.server.canned[path] = payload(data_dir, "okx/http_place_algo_order_response")
        told = await desk.broker.submit(stop)
        assert (told.status, told.venue_id) == (Status.RESTING, "12345")
        bench.server.canned[path] = payload(data_dir, "okx/http_place_algo_order_rejected")
        with pytest.raises(RequestFailed) as failed:
            await desk.broker.submit(stop)
        assert failed.value.outcome.verdict is Verdict.REFUSED

    at("okx", play)


BINANCE_EVENTS: list[tuple[str, list[tuple[Status, int]], list[Any]]] = [
    ("order_update_new", [(Status.RESTING, 0)], []),
    ("order_update_trade", [(Status.RESTING, 1)], [("12345678", BUY, 1, "7100.50", "0.01", MAKER, False)]),
    (
        "order_update_trade_partial",
        [(Status.RESTING, 1)],
        [("12345678", BUY, 1, "7100.50", "0.01", MAKER, False)],
    ),
    (
        "order_update_calculated",
        [(Status.FILLED, 14)],
        [("12345999", SELL, 14, "9910.12", "0.06937084", TAKER, True)],
    ),
    ("order_update_calculated_pending", [(Status.RESTING, 0)], []),
    ("order_update_adl", [(Status.RESTING, 5)], [("12346001", BUY, 5, "42000", "0.105", TAKER, True)]),
    (
        "order_update_insurance",
        [(Status.RESTING, 20)],
        [("12346003", SELL, 20, "45000", "0.45", TAKER, True)],
    ),
    (
        "order_update_settlement",
        [(Status.FILLED, 10)],
        [("12346002", SELL, 10, "50000", "0.25", TAKER, True)],
    ),
    ("order_update_delivery", [], []),  # of a market that is not ours
    ("algo_update_new", [], []),
    ("algo_update_canceled", [], []),
    ("trade_lite", [], []),  # the same fill comes with the order's state
    ("account_update", [], []),
    ("account_update_bnfcr", [], []),
]


@pytest.mark.parametrize(
    ("name", "states", "fills"), BINANCE_EVENTS, ids=[name for name, _, _ in BINANCE_EVENTS]
)
def test_events_of_binance(data_dir: Path, name: str, states: Any, fills: list[Any]) -> None:
    """Handed to the library as its socket would; a marker after it tells when it was heard."""
    body = payload(data_dir, f"binance/futures/user_data_json/{name}")
    marker = payload(data_dir, "binance/futures/user_data_json/order_update_new")
    marker["o"] |= {"i": 1, "c": "marker"}

    async def play(bench: Any, desk: Desk) -> None:
        client = next(c for c in desk.broker.orders.clients.values() if "private" in c.url)
        for message in (body, marker):
            desk.broker.orders.handle_message(client, message)
        heard: list[OrderTold] = []

        def told() -> bool:
            heard[:] = [n for n in desk.heard if isinstance(n, OrderTold)]
            return "1" in {n.venue_id for n in heard}

        await eventually(told, "the marker")
        if fills:
            await eventually(lambda: desk.fills, "the fill")
        assert [(n.status, n.filled_lots) for n in heard if n.venue_id != "1"] == states
        assert [
            (f.trade_id, f.side, f.lots, Decimal(f.price), Decimal(f.fee), f.liquidity, f.forced)
            for f in desk.fills
        ] == [fill(*row) for row in fills]

    at("binance", play)


def test_a_liquidation_that_hyperliquid_tells_both_sides_of(data_dir: Path) -> None:
    """In the recorded one the user sold to the liquidated account; told to that account it is forced."""
    body = payload(data_dir, "hyperliquid/ws_user_fill_liquidation")
    row = body["data"]["fills"][0]

    def message(wallet: str, tid: int) -> Any:
        victim = {**row["liquidation"], "liquidatedUser": wallet}
        fills = [{**row, "tid": tid, "liquidation": victim}]
        return {"channel": "userFills", "data": {"user": wallet, "fills": fills}}

    async def play(bench: Local, desk: Desk) -> None:
        own = desk.broker.orders.walletAddress
        await bench.server.push("userFills", message(row["liquidation"]["liquidatedUser"], row["tid"]))
        await bench.server.push("userFills", message(own, row["tid"] + 1))
        await eventually(lambda: len(desk.fills) == 2, "both")
        assert [(f.forced, f.side, f.lots, f.price, f.fee, f.liquidity) for f in desk.fills] == [
            (False, SELL, 100, "66653.0", "0.009997", MAKER),
            (True, SELL, 100, "66653.0", "0.009997", MAKER),
        ]

    at("hyperliquid", play)


def test_an_order_that_bybit_ended_in_part_is_refused_with_its_fills(data_dir: Path) -> None:
    async def play(bench: Local, desk: Desk) -> None:
        order = desk.make(OrderType.LIMIT, price=300_000, lots=10)
        body = payload(data_dir, "bybit/http_get_order_partially_filled_rejected")
        body["result"]["list"][0]["orderLinkId"] = order.client_id
        bench.server.canned["/v5/order/realtime"] = body
        told = await desk.broker.find(order, "")
        assert told is not None
        assert (told.status, told.filled_lots, told.refusal) == (Status.REFUSED, 5, Refusal.NONE)

    at("bybit", play)
