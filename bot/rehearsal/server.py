"""The HTTP application: routes, and what every request passes on its way in and out.

Faults, freeze, weights, key, signature, time; then the market is brought up to
now and the endpoint answers. Every request and answer goes to the wire journal.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from bot.core.units import NS_PER_MS
from bot.rehearsal import rest_account, rest_candles, rest_market, rest_trading
from bot.rehearsal.control import add_control_routes
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.limits import Limits, TooMany
from bot.rehearsal.params import Params
from bot.rehearsal.request_faults import Fault, FaultKind, Faults
from bot.rehearsal.signing import Keys, check_time
from bot.rehearsal.user_stream import UserStream
from bot.rehearsal.wire_journal import WireJournal
from bot.rehearsal.world import FRAME_S

Endpoint = Callable[[Exchange, Params], Any]
OPEN, KEY, SIGNED = "open", "key", "signed"

_TOO_BIG = 1 << 20


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    access: str
    weight: int
    endpoint: Endpoint
    orders: int = 0  # it counts as so many
    unnamed: int = 0  # weight without a symbol, where it differs

    def weight_of(self, params: Params) -> int:
        """The depth's goes by its limit."""
        if self.endpoint is rest_market.depth:
            return rest_market.depth_weight(params)
        return self.unnamed if self.unnamed and "symbol" not in params else self.weight


ROUTES = (
    Route("GET", "/fapi/v1/ping", OPEN, 1, rest_market.ping),
    Route("GET", "/fapi/v1/exchangeInfo", OPEN, 1, rest_market.exchange_info),
    Route("GET", "/fapi/v1/depth", OPEN, 10, rest_market.depth),
    Route("GET", "/fapi/v1/premiumIndex", OPEN, 1, rest_market.premium_index, unnamed=10),
    Route("GET", "/fapi/v1/openInterest", OPEN, 1, rest_market.open_interest),
    Route("GET", "/fapi/v1/fundingRate", OPEN, 1, rest_market.funding_rate),
    Route("GET", "/fapi/v1/fundingInfo", OPEN, 1, rest_market.funding_info),
    Route("GET", "/fapi/v1/ticker/bookTicker", OPEN, 2, rest_market.book_ticker, unnamed=5),
    Route("GET", "/fapi/v1/ticker/price", OPEN, 1, rest_market.ticker_price),
    Route("GET", "/fapi/v2/ticker/price", OPEN, 1, rest_market.ticker_price),
    Route("GET", "/fapi/v1/ticker/24hr", OPEN, 1, rest_candles.day_ticker, unnamed=40),
    Route("GET", "/fapi/v1/klines", OPEN, 5, rest_candles.klines),
    Route("GET", "/fapi/v1/trades", OPEN, 5, rest_candles.last_trades),
    Route("POST", "/fapi/v1/order", SIGNED, 0, rest_trading.new_order, orders=1),
    Route("PUT", "/fapi/v1/order", SIGNED, 1, rest_trading.amend_order, orders=1),
    Route("DELETE", "/fapi/v1/order", SIGNED, 1, rest_trading.cancel_order),
    Route("GET", "/fapi/v1/order", SIGNED, 1, rest_trading.get_order),
    Route("POST", "/fapi/v1/batchOrders", SIGNED, 5, rest_trading.batch_orders, orders=5),
    Route("DELETE", "/fapi/v1/batchOrders", SIGNED, 1, rest_trading.cancel_batch),
    Route("GET", "/fapi/v1/openOrder", SIGNED, 1, rest_trading.open_order),
    Route("GET", "/fapi/v1/openOrders", SIGNED, 1, rest_trading.open_orders, unnamed=40),
    Route("GET", "/fapi/v1/allOrders", SIGNED, 5, rest_trading.all_orders),
    Route("DELETE", "/fapi/v1/allOpenOrders", SIGNED, 1, rest_trading.cancel_all),
    Route("POST", "/fapi/v1/countdownCancelAll", SIGNED, 10, rest_trading.count_down),
    Route("POST", "/fapi/v1/algoOrder", SIGNED, 0, rest_trading.new_algo, orders=1),
    Route("DELETE", "/fapi/v1/algoOrder", SIGNED, 1, rest_trading.cancel_algo),
    Route("GET", "/fapi/v1/algoOrder", SIGNED, 1, rest_trading.get_algo),
    Route("GET", "/fapi/v1/openAlgoOrders", SIGNED, 1, rest_trading.open_algos, unnamed=40),
    Route("GET", "/fapi/v1/allAlgoOrders", SIGNED, 5, rest_trading.all_algos),
    Route("DELETE", "/fapi/v1/algoOpenOrders", SIGNED, 1, rest_trading.cancel_all_algos),
    Route("GET", "/fapi/v2/account", SIGNED, 5, rest_account.account_v2),
    Route("GET", "/fapi/v3/account", SIGNED, 5, rest_account.account_v3),
    Route("GET", "/fapi/v2/balance", SIGNED, 5, rest_account.balance),
    Route("GET", "/fapi/v3/balance", SIGNED, 5, rest_account.balance),
    Route("GET", "/fapi/v2/positionRisk", SIGNED, 5, rest_account.position_risk_v2),
    Route("GET", "/fapi/v3/positionRisk", SIGNED, 5, rest_account.position_risk_v3),
    Route("GET", "/fapi/v1/userTrades", SIGNED, 5, rest_account.user_trades),
    Route("GET", "/fapi/v1/income", SIGNED, 30, rest_account.income),
    Route("POST", "/fapi/v1/leverage", SIGNED, 1, rest_account.set_leverage),
    Route("POST", "/fapi/v1/marginType", SIGNED, 1, rest_account.set_margin_type),
    Route("GET", "/fapi/v1/positionSide/dual", SIGNED, 30, rest_account.position_mode),
    Route("POST", "/fapi/v1/positionSide/dual", SIGNED, 1, rest_account.set_position_mode),
    Route("GET", "/fapi/v1/multiAssetsMargin", SIGNED, 30, rest_account.multi_assets_mode),
    Route("GET", "/fapi/v1/commissionRate", SIGNED, 20, rest_account.commission_rate),
    Route("GET", "/fapi/v1/symbolConfig", SIGNED, 5, rest_account.symbol_config),
    Route("GET", "/fapi/v1/leverageBracket", SIGNED, 1, rest_account.leverage_bracket),
    Route("GET", "/sapi/v1/account/apiRestrictions", SIGNED, 1, rest_account.key_rights),
)


@dataclass(slots=True)
class Venue:
    """Everything behind the application."""

    exchange: Exchange
    keys: Keys
    seed: int = 0
    journal: WireJournal = field(default_factory=WireJournal)
    faults: Faults = field(init=False)
    limits: Limits = field(init=False)
    stream: UserStream = field(init=False)
    skew_ms: int = 0  # how far the server's clock is off
    frozen_until_ns: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        self.faults = Faults(self.seed)
        self.limits = Limits(self.exchange.world.api_ns)
        self.stream = UserStream(self.exchange, self.faults, self.journal, self.seed)

    def server_ns(self) -> int:
        """The clock that /time tells and signatures are judged by."""
        return self.exchange.world.api_ns() + self.skew_ms * NS_PER_MS

    async def run(self) -> None:
        """Keep the market, the countdowns and the listen key going."""
        while True:
            self.exchange.world.catch_up()
            self.exchange.tick()
            self.stream.tick()
            await asyncio.sleep(FRAME_S)


def build(venue: Venue, add_first: Callable[[web.Application], Any] | None = None) -> web.Application:
    """The application; whoever serves it lets `venue.run` run beside it.

    `add_first` may add routes, such as market streams, that go before equal ones here.
    """
    app = web.Application(client_max_size=_TOO_BIG, middlewares=[_user_sockets(venue)])
    if add_first is not None:
        add_first(app)
    taken = {(route.method, route.resource and route.resource.canonical) for route in app.router.routes()}
    for route in (*ROUTES, *_own_routes(venue)):
        if (route.method, route.path) not in taken:
            app.router.add_route(route.method, route.path, _handler(venue, route))
    app.router.add_get("/private/ws", _private(venue, "listenKey", combined=False))
    app.router.add_get("/private/stream", _private(venue, "streams", combined=True))
    add_control_routes(app, venue)
    app.on_shutdown.append(_cut(venue))
    app.on_cleanup.append(_close(venue))
    return app


def _cut(venue: Venue) -> Callable[[web.Application], Any]:
    async def cut(app: web.Application) -> None:
        await venue.stream.disconnect()

    return cut


def _close(venue: Venue) -> Callable[[web.Application], Any]:
    async def close(app: web.Application) -> None:
        venue.journal.close()

    return close


def _own_routes(venue: Venue) -> tuple[Route, ...]:
    """Endpoints about the server itself rather than the exchange."""

    def time(ex: Exchange, params: Params) -> dict[str, int]:
        return {"serverTime": venue.server_ns() // NS_PER_MS}

    def open_key(ex: Exchange, params: Params) -> dict[str, str]:
        return {"listenKey": venue.stream.open_key()}

    def renew_key(ex: Exchange, params: Params) -> dict[str, str]:
        return {"listenKey": venue.stream.renew_key()}

    def close_key(ex: Exchange, params: Params) -> dict[str, str]:
        venue.stream.close_key()
        return {}

    return (
        Route("GET", "/fapi/v1/time", OPEN, 1, time),
        Route("POST", "/fapi/v1/listenKey", KEY, 1, open_key),
        Route("PUT", "/fapi/v1/listenKey", KEY, 1, renew_key),
        Route("DELETE", "/fapi/v1/listenKey", KEY, 1, close_key),
    )


def _user_sockets(venue: Venue) -> Any:
    """The paths with a listen key in them, wherever market streams live on the same ones."""

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts[-2:-1] == ["ws"] and (parts[0] == "private" or venue.stream.knows(parts[-1])):
            return await venue.stream.serve(request, parts[-1], combined=False)
        if parts[-1] == "stream" and venue.stream.knows(request.query.get("streams", "")):
            return await venue.stream.serve(request, request.query["streams"], combined=True)
        response: web.StreamResponse = await handler(request)
        return response

    return middleware


def _private(venue: Venue, name: str, *, combined: bool) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await venue.stream.serve(request, request.query.get(name, ""), combined)

    return handler


def _handler(venue: Venue, route: Route) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        venue.requests += 1
        query = request.raw_path.partition("?")[2]
        body = (await request.read()).decode("utf-8", "replace")
        params = Params(dict(parse_qsl(query) + parse_qsl(body)))
        call = _Call(venue, route, request, query, body, params)
        return await call.run()

    return handler


@dataclass(slots=True)
class _Call:
    """One request on its way."""

    venue: Venue
    route: Route
    request: web.Request
    query: str
    body: str
    params: Params

    async def run(self) -> web.StreamResponse:
        await self._thaw()
        world = self.venue.exchange.world
        fault = self.venue.faults.of_request(self.route.method, self.route.path, world.api_ns())
        if fault is not None:
            early = await self._before(fault)
            if early is not None:
                return early
        status, answer, headers = self._answer()
        if fault is not None:
            await self._after(fault, status, answer)
            if fault.kind is FaultKind.ERROR_AFTER:
                status, answer = _error(fault)
        self._note(status, answer, fault)
        return _response(status, answer, headers)

    async def _thaw(self) -> None:
        world = self.venue.exchange.world
        while world.api_ns() < self.venue.frozen_until_ns:
            await asyncio.sleep(FRAME_S)

    async def _before(self, fault: Fault) -> web.StreamResponse | None:
        """What a fault answers in the endpoint's place, None when the endpoint answers."""
        if fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
        elif fault.kind is FaultKind.DROP_BEFORE:
            self._note(0, None, fault)
            raise self._hang_up()
        elif fault.kind is FaultKind.REFUSE:
            refused = VenueError(fault.code)
            self._note(refused.status, refused.to_json(), fault)
            return _response(refused.status, refused.to_json(), {})
        elif fault.kind is FaultKind.LIMIT:
            status = fault.status or 429
            answer = VenueError(-1003, 2400).to_json()
            self._note(status, answer, fault)
            return _response(status, answer, {"Retry-After": str(max(1, round(fault.seconds)))})
        elif fault.kind is FaultKind.ERROR_BEFORE:
            status, text = _error(fault)
            self._note(status, text, fault)
            return _response(status, text, {})
        return None

    async def _after(self, fault: Fault, status: int, answer: Any) -> None:
        if fault.kind is FaultKind.LATE_ANSWER:
            await asyncio.sleep(fault.seconds)
        elif fault.kind is FaultKind.DROP_AFTER:
            self._note(0, answer, fault)
            await asyncio.sleep(fault.seconds)
            raise self._hang_up()

    def _hang_up(self) -> Exception:
        """Close the connection without an answer."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return ConnectionResetError("closed on purpose")

    def _answer(self) -> tuple[int, Any, dict[str, str]]:
        venue, route = self.venue, self.route
        headers: dict[str, str] = {}
        try:
            venue.limits.spend(route.weight_of(self.params))
            self._check_access()
            if route.orders:
                venue.limits.spend_orders(route.orders)
            venue.exchange.world.catch_up()
            status, answer = 200, route.endpoint(venue.exchange, self.params)
        except TooMany as refused:
            status, answer = refused.status, refused.to_json()
            headers["Retry-After"] = str(refused.retry_after_s)
        except VenueError as refused:
            status, answer = refused.status, refused.to_json()
        return status, answer, headers | venue.limits.headers(route.orders > 0)

    def _check_access(self) -> None:
        if self.route.access == OPEN:
            return
        keys = self.venue.keys
        keys.check_key(self.request.headers.get("X-MBX-APIKEY"))
        if self.route.access == SIGNED:
            keys.check_signature(self.query, self.body, self.params)
            check_time(self.params, self.venue.server_ns())

    def _note(self, status: int, answer: Any, fault: Fault | None) -> None:
        self.venue.journal.request(
            self.venue.exchange.world.api_ns(),
            self.route.method,
            self.route.path,
            self.params,
            status,
            answer if self.route.access == SIGNED else None,
            fault.kind.value if fault else "",
        )


def _error(fault: Fault) -> tuple[int, Any]:
    """With a code the venue's JSON, without one the page of a broken gateway."""
    status = fault.status or 503
    if fault.code:
        return status, VenueError(fault.code).to_json()
    return status, f"<html><head><title>{status}</title></head><body>{status}</body></html>"


def _response(status: int, answer: Any, headers: dict[str, str]) -> web.Response:
    if isinstance(answer, str):
        return web.Response(status=status, text=answer, content_type="text/html", headers=headers)
    text = json.dumps(answer, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
