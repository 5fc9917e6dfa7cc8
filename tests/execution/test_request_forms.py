"""What ccxt sends for our orders to each venue, recorded by a local server; one suite, every venue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from bot.core.clock import SystemClock
from bot.core.enums import OrderRole, OrderType, Side, TimeInForce, TriggerBy
from bot.core.messages import Order
from bot.execution.ccxt_broker import Account, CcxtBroker
from bot.execution.news import Status
from bot.execution.sender import RequestFailed
from bot.execution.venues import dialect_of
from bot.market.instruments import Instrument
from tests.execution.venues import bybit_server, hyperliquid_server, okx_server

pytest.importorskip("ccxt")

SECRET = {"apiKey": "key", "secret": "c2VjcmV0"}
WALLET = {"walletAddress": "0x" + "12" * 20, "privateKey": "0x" + "34" * 32}


@dataclass
class Recorder:
    """Answers by path (or by the kind of a Hyperliquid request) and keeps what came."""

    answers: dict[str, Any]
    seen: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        try:
            body: Any = json.loads(text) if text else {}
        except json.JSONDecodeError:
            body = dict(parse_qsl(text))
        asked = dict(request.query) | (body if isinstance(body, dict) else {"list": body})
        key = asked.get("type") or (asked.get("action") or {}).get("type") or request.path
        self.seen.append((request.method, request.path, asked))
        answer = self.answers.get(str(key), self.answers.get(request.path, self.answers["*"]))
        return web.json_response(answer(asked) if callable(answer) else answer)

    def last(self, path: str) -> dict[str, Any]:
        return [asked for _, where, asked in self.seen if where == path][-1]


@dataclass(frozen=True)
class Case:
    venue: str
    instrument: Instrument
    credentials: dict[str, str]
    answers: dict[str, Any]
    point: Callable[[Any, str], None]


def _point(*names: str) -> Callable[[Any, str], None]:
    def point(ex: Any, base: str) -> None:
        for name in names:
            ex.urls["api"][name] = base
        ex.options["fetchMarkets"] = {"types": ["swap" if "rest" in names else "linear"]}

    return point


BYBIT = Case(
    "bybit",
    Instrument("bybit", "BTCUSDT", Decimal("0.1"), Decimal("0.001")),
    SECRET,
    {
        "*": {"retCode": 0, "retMsg": "OK", "result": {"list": []}, "time": 1},
        "/v5/market/time": {"retCode": 0, "result": {"timeSecond": "1", "timeNano": "1000000000"}, "time": 1},
        "/v5/market/instruments-info": lambda asked: {
            "retCode": 0,
            "result": {
                "category": "linear",
                "list": bybit_server.MARKETS if asked.get("status") != "PreLaunch" else [],
            },
            "time": 1,
        },
        "/v5/order/create": {"retCode": 0, "result": {"orderId": "9", "orderLinkId": "x"}, "time": 1},
        "/v5/order/cancel": {"retCode": 0, "result": {"orderId": "9", "orderLinkId": "x"}, "time": 1},
    },
    _point("spot", "futures", "v2", "public", "private"),
)
OKX = Case(
    "okx",
    Instrument("okx", "BTC-USDT-SWAP", Decimal("0.1"), Decimal("0.01"), contract_size=Decimal("0.01")),
    SECRET | {"password": "word"},
    {
        "*": {"code": "0", "msg": "", "data": []},
        "/api/v5/public/time": {"code": "0", "data": [{"ts": "1000"}]},
        "/api/v5/public/instruments": {
            "code": "0",
            "data": okx_server.MARKETS,
        },
        "/api/v5/trade/batch-orders": {"code": "0", "data": [{"ordId": "9", "clOrdId": "x", "sCode": "0"}]},
        "/api/v5/trade/order-algo": {
            "code": "0",
            "data": [{"algoId": "9", "algoClOrdId": "x", "sCode": "0"}],
        },
        "/api/v5/trade/cancel-order": {"code": "0", "data": [{"ordId": "9", "clOrdId": "x", "sCode": "0"}]},
        "/api/v5/trade/cancel-algos": {"code": "0", "data": [{"algoId": "9", "sCode": "0"}]},
    },
    _point("rest"),
)


def _resting(asked: dict[str, Any]) -> dict[str, Any]:
    cloid = asked["action"]["orders"][0].get("c")
    return {
        "status": "ok",
        "response": {"type": "order", "data": {"statuses": [{"resting": {"oid": 9, "cloid": cloid}}]}},
    }


HYPERLIQUID = Case(
    "hyperliquid",
    Instrument("hyperliquid", "BTC", Decimal(1), Decimal("0.00001"), settle="USDC"),
    WALLET,
    {
        "*": {"status": "ok", "response": {"type": "default"}},
        "metaAndAssetCtxs": [
            {"universe": hyperliquid_server.UNIVERSE},
            [hyperliquid_server.CONTEXT] * len(hyperliquid_server.UNIVERSE),
        ],
        "l2Book": {
            "coin": "BTC",
            "time": 1,
            "levels": [[{"px": "60000", "sz": "1", "n": 1}], [{"px": "60002", "sz": "1", "n": 1}]],
        },
        "order": _resting,
        "cancelByCloid": {
            "status": "ok",
            "response": {"type": "cancel", "data": {"statuses": ["success"]}},
        },
        "orderStatus": {"status": "unknownOid"},
        "exchangeStatus": {"specialStatuses": None, "time": 1000},
    },
    _point("public", "private"),
)
CASES = {case.venue: case for case in (BYBIT, OKX, HYPERLIQUID)}


@asynccontextmanager
async def broker_of(case: Case) -> AsyncIterator[tuple[CcxtBroker, Recorder]]:
    recorder = Recorder(case.answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", recorder.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    account = Account(case.venue, case.credentials, adapt=lambda ex: case.point(ex, base))
    broker = CcxtBroker(account, (case.instrument,), SystemClock())
    try:
        await broker.start()
        yield broker, recorder
    finally:
        await broker.close()
        await runner.cleanup()


CLIENT = "lop-0123456789abcdef-st0"


def an_order(case: Case, **changes: Any) -> Order:
    order = Order(
        CLIENT,
        "0123456789abcdef",
        0,
        case.instrument.symbol,
        Side.SELL,
        OrderType.MARKET,
        OrderRole.EXIT,
        500,
    )
    return replace(order, **{"reduce_only": True, "trigger_by": TriggerBy.MARK, **changes})


def with_broker(venue: str, play: Any) -> None:
    async def run() -> None:
        case = CASES[venue]
        async with broker_of(case) as (broker, recorder):
            await play(case, broker, recorder)

    asyncio.run(run())


PRICE, STOP = {"type": OrderType.LIMIT, "role": OrderRole.ENTRY, "reduce_only": False}, OrderType.STOP_MARKET


def subset(part: dict[str, Any], whole: dict[str, Any]) -> None:
    assert {key: whole.get(key) for key in part} == part


BYBIT_FORMS = [
    (
        {**PRICE, "price": 600_000, "time_in_force": TimeInForce.POST_ONLY},
        {"orderType": "Limit", "timeInForce": "PostOnly", "price": "60000", "qty": "0.5", "side": "Sell"},
    ),
    (
        {**PRICE, "price": 600_000, "time_in_force": TimeInForce.IOC},
        {"orderType": "Limit", "timeInForce": "IOC", "orderLinkId": CLIENT, "category": "linear"},
    ),
    ({}, {"orderType": "Market", "reduceOnly": True, "qty": "0.5"}),
    (
        {"type": STOP, "role": OrderRole.STOP, "trigger": 590_000},
        {
            "orderType": "Market",
            "triggerPrice": "59000",
            "triggerDirection": 2,
            "triggerBy": "MarkPrice",
            "reduceOnly": True,
        },
    ),
    (
        {"type": STOP, "role": OrderRole.STOP, "trigger": 610_000, "side": Side.BUY},
        {"triggerPrice": "61000", "triggerDirection": 1, "side": "Buy"},
    ),
]


@pytest.mark.parametrize(("changes", "form"), BYBIT_FORMS)
def test_bybit_orders(changes: dict[str, Any], form: dict[str, Any]) -> None:
    async def play(case: Case, broker: CcxtBroker, recorder: Recorder) -> None:
        told = await broker.submit(an_order(case, **changes))
        assert (told.client_id, told.venue_id, told.status) == (CLIENT, "9", Status.RESTING)
        subset({"symbol": "BTCUSDT", "orderLinkId": CLIENT, **form}, recorder.last("/v5/order/create"))

    with_broker("bybit", play)


OKX_BATCH, OKX_ALGO = "/api/v5/trade/batch-orders", "/api/v5/trade/order-algo"
OKX_ID = "lop0123456789abcdefst0"


@pytest.mark.parametrize(
    ("changes", "path", "form"),
    [
        (
            {**PRICE, "price": 600_000, "time_in_force": TimeInForce.POST_ONLY},
            OKX_BATCH,
            {"ordType": "post_only", "px": "60000", "sz": "5", "clOrdId": OKX_ID, "tdMode": "isolated"},
        ),
        (
            {**PRICE, "price": 600_000, "time_in_force": TimeInForce.IOC},
            OKX_BATCH,
            {"ordType": "ioc", "side": "sell"},
        ),
        ({}, OKX_BATCH, {"ordType": "market", "reduceOnly": True, "tdMode": "isolated"}),
        (
            {"type": STOP, "role": OrderRole.STOP, "trigger": 590_000},
            OKX_ALGO,
            {
                "ordType": "conditional",
                "slTriggerPx": "59000",
                "slOrdPx": "-1",
                "slTriggerPxType": "mark",
                "algoClOrdId": OKX_ID,
                "reduceOnly": True,
                "tdMode": "isolated",
            },
        ),
    ],
)
def test_okx_orders(changes: dict[str, Any], path: str, form: dict[str, Any]) -> None:
    async def play(case: Case, broker: CcxtBroker, recorder: Recorder) -> None:
        told = await broker.submit(an_order(case, **changes))
        assert (told.client_id, told.status) == (CLIENT, Status.RESTING)
        asked = recorder.last(path)
        subset({"instId": "BTC-USDT-SWAP", **form}, asked["list"][0] if "list" in asked else asked)

    with_broker("okx", play)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({**PRICE, "price": 60_000, "time_in_force": TimeInForce.POST_ONLY}, {"limit": {"tif": "Alo"}}),
        ({**PRICE, "price": 60_000, "time_in_force": TimeInForce.IOC}, {"limit": {"tif": "Ioc"}}),
        ({}, {"limit": {"tif": "Ioc"}}),
        (
            {"type": STOP, "role": OrderRole.STOP, "trigger": 59_000},
            {"trigger": {"isMarket": True, "triggerPx": "59000", "tpsl": "sl"}},
        ),
    ],
)
def test_hyperliquid_orders_pay_nobody_else(changes: dict[str, Any], kind: dict[str, Any]) -> None:
    async def play(case: Case, broker: CcxtBroker, recorder: Recorder) -> None:
        told = await broker.submit(an_order(case, lots=500_00, **changes))
        assert (told.client_id, told.venue_id) == (CLIENT, "9")
        actions = [asked["action"] for _, path, asked in recorder.seen if path == "/exchange"]
        assert [action["type"] for action in actions] == ["order"]
        assert "builder" not in actions[0]
        sent = actions[0]["orders"][0]
        assert sent["t"] == kind
        assert sent["c"] == dialect_of("hyperliquid").wire_id(CLIENT)
        assert sent["r"] == an_order(case, **changes).reduce_only

    with_broker("hyperliquid", play)


@pytest.mark.parametrize(
    ("venue", "stop", "path", "form"),
    [
        ("bybit", False, "/v5/order/cancel", {"orderLinkId": CLIENT}),
        ("bybit", True, "/v5/order/cancel", {"orderLinkId": CLIENT}),
        ("okx", False, "/api/v5/trade/cancel-order", {"clOrdId": OKX_ID}),
        ("okx", True, "/api/v5/trade/cancel-algos", {"algoClOrdId": OKX_ID}),
        ("hyperliquid", False, "/exchange", {}),
    ],
)
def test_cancels_name_our_own_id(venue: str, stop: bool, path: str, form: dict[str, Any]) -> None:
    async def play(case: Case, broker: CcxtBroker, recorder: Recorder) -> None:
        changes: dict[str, Any] = {"type": STOP, "trigger": 59_000} if stop else {}
        assert await broker.cancel(an_order(case, **changes), "9") is None  # what becomes of it is asked
        asked = recorder.last(path)
        subset(form, asked["list"][0] if "list" in asked else asked)

    with_broker(venue, play)


@pytest.mark.parametrize("venue", list(CASES))
def test_an_order_that_the_venue_does_not_know_is_not_found(venue: str) -> None:
    async def play(case: Case, broker: CcxtBroker, recorder: Recorder) -> None:
        try:
            assert await broker.find(an_order(case), "") is None
        except RequestFailed as failed:
            pytest.fail(f"{failed.words}: {recorder.seen[-1]}")

    with_broker(venue, play)


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx", "hyperliquid"])
def test_client_ids_are_what_each_venue_takes(venue: str) -> None:
    dialect = dialect_of(venue)
    wire_id = dialect.wire_id(CLIENT)
    assert dialect.is_ours(wire_id)
    assert not dialect.is_ours("web_123")
    assert len(wire_id) <= {"okx": 32}.get(venue, 36)
    if venue == "okx":
        assert wire_id.isalnum()
    if venue == "hyperliquid":
        assert len(bytes.fromhex(wire_id.removeprefix("0x"))) == 16
    assert dialect.wire_id("lop-0123456789abcdef-st1") != wire_id
