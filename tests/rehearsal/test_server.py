"""The server itself: weights, listen keys, what goes wrong on purpose, and what is written down."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.core.clock import ManualClock
from bot.core.units import NS_PER_S
from bot.rehearsal.limits import Limits, TooMany
from tests.rehearsing import KEYS, Running, eventually, rehearsal

Scene = Callable[[Running], Awaitable[None]]


def play(scene: Scene, **more: Any) -> None:
    async def run() -> None:
        async with rehearsal(**more) as running:
            await asyncio.wait_for(scene(running), 30)

    asyncio.run(run())


async def signed(running: Running, method: str, path: str, **params: object) -> tuple[int, Any, Any]:
    """A signed request of our own making; (status, answer, headers)."""
    stamp = running.venue.server_ns() // 1_000_000
    query = urlencode({**params, "timestamp": stamp})
    query += "&signature=" + hmac.new(KEYS.secret.encode(), query.encode(), "sha256").hexdigest()
    url = f"{running.http}{path}?{query}"
    async with running.session.request(method, url, headers={"X-MBX-APIKEY": KEYS.key}) as response:
        return response.status, json.loads(await response.text()), response.headers


ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.010",
    "price": "58000",
}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}


async def listen_key(running: Running, method: str = "POST") -> tuple[int, Any]:
    url = f"{running.http}/fapi/v1/listenKey"
    async with running.session.request(method, url, headers={"X-MBX-APIKEY": KEYS.key}) as response:
        return response.status, await response.json()


async def socket(running: Running, path: str = "/private/ws?listenKey={key}") -> Any:
    _, answer = await listen_key(running)
    return await running.session.ws_connect(running.http + path.format(key=answer["listenKey"]))


async def heard(ws: Any, until: str) -> list[Any]:
    """Events up to the first of a kind."""
    events: list[Any] = []
    while not events or events[-1]["e"] != until:
        message = await asyncio.wait_for(ws.receive_json(), 5)
        events.append(message.get("data", message))
    return events


def test_every_answer_says_what_was_used() -> None:
    async def scene(running: Running) -> None:
        _, _, headers = await signed(running, "GET", "/fapi/v3/account")
        assert headers["X-MBX-USED-WEIGHT-1M"] == "5"
        for n in range(3):
            _, _, headers = await signed(running, "POST", "/fapi/v1/order", **ORDER)
            assert headers["X-MBX-ORDER-COUNT-10S"] == headers["X-MBX-ORDER-COUNT-1M"] == str(n + 1)

    play(scene)


def test_too_much_weight_is_refused_and_going_on_is_banned() -> None:
    clock = ManualClock(60 * NS_PER_S)
    limits = Limits(clock.now_ns)
    for _ in range(80):
        limits.spend(30)
    with pytest.raises(TooMany) as refused:
        limits.spend(1)
    assert (refused.value.status, refused.value.code, refused.value.retry_after_s) == (429, -1003, 60)
    for _ in range(50):
        with pytest.raises(TooMany):
            limits.spend(1)
    with pytest.raises(TooMany) as banned:
        limits.spend(1)
    assert (banned.value.status, banned.value.retry_after_s) == (418, 120)
    clock.set(125 * NS_PER_S)
    with pytest.raises(TooMany):
        limits.spend(1)
    clock.set(185 * NS_PER_S)
    limits.spend(1)


def test_three_hundred_orders_in_ten_seconds_are_the_most() -> None:
    clock = ManualClock(60 * NS_PER_S)
    limits = Limits(clock.now_ns)
    limits.spend_orders(300)
    with pytest.raises(TooMany) as refused:
        limits.spend_orders(1)
    assert (refused.value.code, refused.value.retry_after_s) == (-1015, 10)
    clock.set(70 * NS_PER_S)
    limits.spend_orders(1)


@pytest.mark.parametrize(
    "path",
    [
        "/private/ws?listenKey={key}",
        "/private/ws/{key}",
        "/ws/{key}",
        "/stream?streams={key}",
        "/private/stream?streams={key}",
    ],
)
def test_the_user_stream_is_on_every_path_clients_use(path: str) -> None:
    async def scene(running: Running) -> None:
        ws = await socket(running, path)
        await signed(running, "POST", "/fapi/v1/order", **MARKET)
        kinds = [e["e"] for e in await heard(ws, "ACCOUNT_UPDATE")]
        assert kinds[0] == "ORDER_TRADE_UPDATE"

    play(scene)


def test_only_the_events_asked_for_come() -> None:
    async def scene(running: Running) -> None:
        ws = await socket(running, "/private/ws?listenKey={key}&events=ACCOUNT_UPDATE")
        await signed(running, "POST", "/fapi/v1/order", **MARKET)
        assert [e["e"] for e in await heard(ws, "ACCOUNT_UPDATE")] == ["ACCOUNT_UPDATE"]

    play(scene)


def test_a_listen_key_expires_is_told_and_is_gone() -> None:
    async def scene(running: Running) -> None:
        ws = await socket(running)
        assert (await listen_key(running, "PUT"))[0] == 200
        key = (await listen_key(running))[1]["listenKey"]
        await running.control("stream", do="expire")
        assert (await heard(ws, "listenKeyExpired"))[-1]["listenKey"] == key
        status, answer = await listen_key(running, "PUT")
        assert (status, answer["code"]) == (400, -1125)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await running.session.ws_connect(f"{running.http}/private/ws?listenKey={key}")

    play(scene)


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ({"kind": "stream_drop", "event": "ACCOUNT_UPDATE"}, ["NEW", "LITE", "TRADE"]),
        ({"kind": "stream_duplicate", "event": "TRADE_LITE"}, ["NEW", "LITE", "LITE", "ACCOUNT", "TRADE"]),
        ({"kind": "stream_reorder", "times": 1}, ["ACCOUNT", "NEW", "LITE", "TRADE"]),
        ({"kind": "stream_delay", "times": 1, "seconds": 0.05}, ["NEW", "ACCOUNT", "LITE", "TRADE"]),
    ],
)
def test_user_events_are_lost_doubled_and_turned_round_on_demand(
    fault: dict[str, Any], wanted: list[str]
) -> None:
    names = {"TRADE_LITE": "LITE", "ACCOUNT_UPDATE": "ACCOUNT"}

    async def scene(running: Running) -> None:
        ws = await socket(running)
        await running.control("faults", **fault)
        await signed(running, "POST", "/fapi/v1/order", **MARKET)
        await running.control("stream", do="expire")
        events = (await heard(ws, "listenKeyExpired"))[:-1]
        assert sorted(names.get(e["e"]) or e["o"]["x"] for e in events) == sorted(wanted)
        if fault["kind"] == "stream_reorder":
            assert events[0]["e"] == "ACCOUNT_UPDATE"

    play(scene)


def test_a_frozen_server_answers_when_it_thaws() -> None:
    async def scene(running: Running) -> None:
        loop = asyncio.get_running_loop()
        await running.control("freeze", seconds=0.4)
        began = loop.time()
        status, _, _ = await signed(running, "POST", "/fapi/v1/order", **ORDER)
        assert (status, loop.time() - began > 0.3) == (200, True)

    play(scene)


def test_stops_are_refused_for_a_while() -> None:
    async def scene(running: Running) -> None:
        stop = {"symbol": "BTCUSDT", "algoType": "CONDITIONAL", "type": "STOP_MARKET", "side": "SELL"}
        stop |= {"quantity": "0.010", "triggerPrice": "55000"}
        await running.control("faults", kind="refuse", code=-2021, path="/fapi/v1/algoOrder", for_s=0.3)
        assert (await signed(running, "POST", "/fapi/v1/algoOrder", **stop))[1]["code"] == -2021
        assert (await signed(running, "POST", "/fapi/v1/order", **ORDER))[0] == 200

        await eventually(lambda: not running.venue.faults.of_request("POST", "/fapi/v1/algoOrder",
                         running.exchange.world.api_ns()), "the end of the fault")  # fmt: skip
        assert (await signed(running, "POST", "/fapi/v1/algoOrder", **stop))[0] == 200

    play(scene)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "earthquake"}, "expected a kind of"),
        ({"kind": "delay", "wait": 3}, "unknown field 'wait'"),
        ({"kind": "delay", "seconds": "long"}, "of type float"),
        ({"kind": "delay", "chance": 2.0}, "chance 0 to 1"),
        ({"kind": "refuse", "code": -9}, "expected a code of the venue"),
    ],
)
def test_a_fault_that_cannot_be_is_explained(fields: dict[str, Any], said: str) -> None:
    async def scene(running: Running) -> None:
        async with running.session.post(f"{running.http}/_control/faults", json=fields) as response:
            assert response.status == 400
            assert said in (await response.json())["error"]
        assert await running.look("faults") == []

    play(scene)


def test_the_wire_journal_holds_everything_but_secrets(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"

    async def scene(running: Running) -> None:
        await socket(running)
        await signed(running, "POST", "/fapi/v1/order", **MARKET)
        await running.control("faults", kind="drop_after", seconds=0.0, path="/fapi/v1/order", times=1)
        with pytest.raises(aiohttp.ClientError):
            await signed(running, "POST", "/fapi/v1/order", **ORDER)

    play(scene, journal=path)
    text = path.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
    orders = [line for line in lines if line.get("path") == "/fapi/v1/order"]
    assert [(o["status"], o["fault"]) for o in orders] == [(200, ""), (0, "drop_after")]
    assert orders[1]["answer"]["status"] == "NEW"
    assert [e["event"]["e"] for e in lines if "event" in e].count("ACCOUNT_UPDATE") == 1
    assert KEYS.secret not in text
    assert KEYS.key not in text
    assert "signature" not in text


def test_a_signature_covers_query_and_body_together() -> None:
    async def scene(running: Running) -> None:
        stamp = running.venue.server_ns() // 1_000_000
        query, body = urlencode({"symbol": "BTCUSDT"}), urlencode({"leverage": 7, "timestamp": stamp})
        digest = hmac.new(KEYS.secret.encode(), (query + body).encode(), "sha256").hexdigest()
        url = f"{running.http}/fapi/v1/leverage?{query}"
        headers = {"X-MBX-APIKEY": KEYS.key, "Content-Type": "application/x-www-form-urlencoded"}
        async with running.session.post(url, data=f"{body}&signature={digest}", headers=headers) as response:
            assert (await response.json())["leverage"] == 7

    play(scene)


def test_an_unknown_path_is_not_found() -> None:
    async def scene(running: Running) -> None:
        async with running.session.get(f"{running.http}/fapi/v9/nothing") as response:
            assert response.status == 404

    play(scene)
