"""The control endpoint: faults, state, time by hand. Loopback, no key, no part of the venue's API.

| request | what it does |
|---|---|
| GET /_control/state | clocks, account, positions, orders, faults, counters |
| GET /_control/wire | the last lines of the wire journal (`?after=n`) |
| GET, POST, DELETE /_control/faults | list, add one (JSON object), clear all |
| POST /_control/freeze | `{"seconds"}`: nothing is answered for so long |
| POST /_control/skew | `{"ms"}`: the server's clock is off by so much |
| POST /_control/stream | `{"do": "disconnect" \\| "expire"}`: the user stream's sockets, or its key |
| POST /_control/account | `{"deposit"}`, `{"withdrawals"}`: money in or out; what the key may do |
| POST /_control/step | `{"seconds"}`: market time moves forward by hand |
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S, to_e8
from bot.rehearsal.params import Params
from bot.rehearsal.request_faults import fault_from
from bot.rehearsal.rest_account import account_v2
from bot.rehearsal.rest_trading import open_algos, open_orders

if TYPE_CHECKING:
    from bot.rehearsal.server import Venue

Action = Callable[["Venue", dict[str, Any]], Awaitable[Any]]


def add_control_routes(app: web.Application, venue: Venue) -> None:
    for method, path, action in (
        ("GET", "state", _state),
        ("GET", "wire", _wire),
        ("GET", "faults", _faults),
        ("POST", "faults", _add_fault),
        ("DELETE", "faults", _clear_faults),
        ("POST", "freeze", _freeze),
        ("POST", "skew", _skew),
        ("POST", "stream", _stream),
        ("POST", "account", _account),
        ("POST", "step", _step),
    ):
        app.router.add_route(method, f"/_control/{path}", _handler(venue, action))


def _handler(venue: Venue, action: Action) -> Any:
    async def handler(request: web.Request) -> web.Response:
        try:
            asked: Any = dict(request.query)
            if request.method == "POST":
                asked = json.loads(await request.text() or "{}")
            if not isinstance(asked, dict):
                raise BadInput("expected a JSON object")
            return web.json_response(await action(venue, asked))
        except (BadInput, json.JSONDecodeError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return handler


async def _state(venue: Venue, asked: dict[str, Any]) -> Any:
    ex, nothing = venue.exchange, Params({})
    ex.world.catch_up()
    return {
        "market_ns": ex.world.now_ns(),
        "server_ns": venue.server_ns(),
        "speed": ex.world.speed,
        "ended": ex.world.ended,
        "requests": venue.requests,
        "weight_used": venue.limits.weight.add(0, venue.exchange.world.api_ns()),
        "sockets": venue.stream.sockets,
        "account": account_v2(ex, nothing),
        "orders": open_orders(ex, nothing),
        "algo_orders": open_algos(ex, nothing),
        "faults": venue.faults.to_json(),
    }


async def _wire(venue: Venue, asked: dict[str, Any]) -> Any:
    after = int(_number(asked, "after", 0.0))
    return [line for line in venue.journal.lines if line["n"] > after]


async def _faults(venue: Venue, asked: dict[str, Any]) -> Any:
    return venue.faults.to_json()


async def _add_fault(venue: Venue, asked: dict[str, Any]) -> Any:
    venue.faults.add(fault_from(asked, venue.exchange.world.api_ns()))
    return venue.faults.to_json()


async def _clear_faults(venue: Venue, asked: dict[str, Any]) -> Any:
    venue.faults.clear()
    return []


async def _freeze(venue: Venue, asked: dict[str, Any]) -> Any:
    seconds = _number(asked, "seconds", 1.0)
    venue.frozen_until_ns = venue.exchange.world.api_ns() + int(seconds * NS_PER_S)
    return {"frozen_s": seconds}


async def _skew(venue: Venue, asked: dict[str, Any]) -> Any:
    venue.skew_ms = int(_number(asked, "ms", 0.0))
    return {"skew_ms": venue.skew_ms}


async def _stream(venue: Venue, asked: dict[str, Any]) -> Any:
    do = asked.get("do")
    if do == "disconnect":
        return {"closed": await venue.stream.disconnect()}
    if do == "expire":
        venue.stream.expire()
        return {"expired": True}
    raise BadInput(f"stream: expected do to be disconnect or expire, was {do!r}")


async def _account(venue: Venue, asked: dict[str, Any]) -> Any:
    ex = venue.exchange
    if "deposit" in asked:
        try:
            ex.deposit(to_e8(Decimal(str(asked["deposit"]))))
        except (InvalidOperation, ValueError, OverflowError):
            raise BadInput(f"account: expected a deposit like 100.5, was {asked['deposit']!r}") from None
    if "withdrawals" in asked:
        ex.account.withdrawals = bool(asked["withdrawals"])
    return account_v2(ex, Params({}))


async def _step(venue: Venue, asked: dict[str, Any]) -> Any:
    venue.exchange.world.step(int(_number(asked, "seconds", 1.0) * NS_PER_S))
    return {"market_ns": venue.exchange.world.now_ns()}


def _number(asked: dict[str, Any], name: str, default: float) -> float:
    try:
        return float(asked.get(name, default))
    except (TypeError, ValueError):
        raise BadInput(f"{name}: expected a number, was {asked[name]!r}") from None
