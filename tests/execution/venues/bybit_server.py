"""Bybit V5, linear, unified account: the forms of its documentation for what a broker uses."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.execution.venues.venue_server import ASK, BID, Filled, Held, Json, VenueServer, text

KEY, SECRET = "key", "c2VjcmV0"
STATUS = {
    "open": "New",
    "triggered": "Triggered",
    "filled": "Filled",
    "canceled": "Cancelled",
    "refused": "Rejected",
}
TROUBLE = {
    "duplicate": (110072, "OrderLinkedID is duplicate"),
    "margin": (110007, "ab not enough for new order"),
    "reduce": (110017, "current position is zero, cannot fix reduce-only order qty"),
}


def market(symbol: str, base: str, tick: str, step: str) -> Json:
    return {
        "symbol": symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.8", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1190",
            "minOrderQty": step,
            "qtyStep": step,
            "minNotionalValue": "5",
        },
        "fundingInterval": 480,
    }


MARKETS = [market("BTCUSDT", "BTC", "0.10", "0.001"), market("ETHUSDT", "ETH", "0.01", "0.01")]


class BybitServer(VenueServer):
    """Answers to orders are acknowledgements; conditional orders keep their id when they trigger."""

    async def answer(self, request: web.Request, asked: Json, text: str) -> Any:
        path = request.path
        if path == "/v5/market/time":
            ms = self.now_ms()
            return self._ok({"timeSecond": str(ms // 1000), "timeNano": str(ms * 1_000_000)})
        if path == "/v5/market/instruments-info":
            return self._ok(
                {"category": "linear", "list": [] if asked.get("status") == "PreLaunch" else MARKETS}
            )
        if path == "/v5/market/orderbook":
            return self._ok({"s": "BTCUSDT", "b": [[str(BID), "1"]], "a": [[str(ASK), "1"]], "ts": 1, "u": 1})
        wrong = self._wrong(request, text)
        if wrong:
            return wrong
        if path in ("/v5/order/create", "/v5/order/cancel"):
            serve = self._create if path.endswith("create") else self._cancel
            return await self.order_request(
                request,
                lambda: serve(asked),
                lambda: self._no(10006, "Too many visits. Exceeded the API Rate Limit."),
            )
        return self._read(path, asked)

    def _wrong(self, request: web.Request, body: str) -> Json | None:
        head = request.headers
        stamp, window = head.get("X-BAPI-TIMESTAMP", ""), head.get("X-BAPI-RECV-WINDOW", "")
        payload = stamp + KEY + window + (body if request.method == "POST" else request.query_string)
        sign = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if head.get("X-BAPI-API-KEY") != KEY or head.get("X-BAPI-SIGN") != sign:
            self.refused.append(request.path)
            return self._no(10004, "error sign! please check your signature generation algorithm.")
        if not -int(window) <= int(stamp) - self.now_ms() < 1000:
            return self._no(10002, "invalid request, please check your server timestamp or recv_window param")
        return None

    async def _create(self, asked: Json) -> Json:
        stop = "triggerPrice" in asked
        if stop and asked.get("triggerDirection") not in (1, 2):
            return self._no(10001, "triggerDirection is required")
        new = Held(
            self.new_id(),
            asked["orderLinkId"],
            asked["side"].lower(),
            "stop" if stop else asked["orderType"].lower(),
            Decimal(asked["qty"]),
            Decimal(asked.get("price", "0")),
            Decimal(asked.get("triggerPrice", "0")),
            bool(asked.get("reduceOnly")),
            {"PostOnly": "POST", "IOC": "IOC"}.get(asked.get("timeInForce", ""), "GTC"),
        )
        trouble = self.trouble_with(new)
        if trouble:
            return self._no(*TROUBLE[trouble])
        await self.take(new)
        return self._ok({"orderId": new.id, "orderLinkId": new.link})

    async def _cancel(self, asked: Json) -> Json:
        found = [o for o in self.of_link(asked.get("orderLinkId", "")) if o.status == "open"]
        if not found:
            return self._no(110001, "order not exists or too late to cancel")
        await self.take_back(found[0])
        return self._ok({"orderId": found[0].id, "orderLinkId": found[0].link})

    def _read(self, path: str, asked: Json) -> Json:
        if path == "/v5/order/realtime":
            named = asked.get("orderLinkId")
            rows = [o for o in self.orders if (o.link == named if named else o.status == "open")]
            return self._listed([self._order(o) for o in rows if asked.get("symbol") == "BTCUSDT"])
        if path == "/v5/order/history":
            return self._listed([self._order(o) for o in self.of_link(asked.get("orderLinkId", ""))])
        if path == "/v5/execution/list":
            return self._executions(asked)
        if path == "/v5/position/list":
            return self._positions(asked)
        if path == "/v5/account/wallet-balance":
            coin = {"coin": "USDT", "walletBalance": text(self.wallet), "equity": text(self.wallet)}
            return self._listed([{"accountType": "UNIFIED", "coin": [coin]}])
        if path == "/v5/account/info":
            return self._ok({"unifiedMarginStatus": 6, "marginMode": "ISOLATED_MARGIN"})
        if path == "/v5/user/query-api":
            wallet = ["AccountTransfer", *(["Withdraw"] if self.withdraws else [])]
            may = {"ContractTrade": ["Order", "Position"], "Wallet": wallet}
            return self._ok({"readOnly": 0, "permissions": may, "uta": 1, "unified": 0})
        return self._no(10001, f"not served here: {path}")

    def _executions(self, asked: Json) -> Json:
        if asked.get("execType") == "Funding":
            return self._listed([self._funding(p) for p in self.payments])
        assert int(asked.get("limit", "50")) <= 100, "the venue's pages have at most 100"
        since = int(asked.get("startTime", "0"))
        rows = [self._execution(f) for f in reversed(self.fills) if f.ms >= since]
        rows += [self._funding(p) for p in self.payments if p.ms >= since]  # no filter: all kinds come
        if asked.get("symbol") != "BTCUSDT":
            rows = []
        begin = int(asked.get("cursor") or 0)
        page = rows[begin : begin + int(asked.get("limit", "50"))]
        cursor = str(begin + len(page)) if begin + len(page) < len(rows) else ""
        return self._ok({"category": "linear", "list": page, "nextPageCursor": cursor})

    def _positions(self, asked: Json) -> Json:
        """By symbol: also without a position. By coin: only what is held."""
        rows = [self._position("BTCUSDT", self.position, 0)]
        if self.hedge:
            rows = [self._position("BTCUSDT", Decimal(0), side) for side in (1, 2)]
        if asked.get("settleCoin") and "symbol" not in asked:
            rows = [row for row in rows if row["size"] != "0"]
        elif asked.get("symbol") != "BTCUSDT":
            rows = [self._position(asked["symbol"], Decimal(0), 0)]
        return self._listed(rows)

    def _position(self, symbol: str, size: Decimal, index: int) -> Json:
        return {
            "positionIdx": index,
            "symbol": symbol,
            "side": "" if not size else "Buy" if size > 0 else "Sell",
            "size": text(abs(size)) if size else "0",
            "avgPrice": text(ASK) if size else "0",
            "positionValue": text(abs(size) * ASK),
            "tradeMode": 0,
            "leverage": str(self.leverage),
            "markPrice": text(BID),
            "liqPrice": "",
            "unrealisedPnl": "0",
            "positionIM": "0",
            "positionMM": "0",
            "createdTime": "1676538056258",
            "updatedTime": "1697673600012",
        }

    def _order(self, held: Held) -> Json:
        conditional = held.kind == "stop"
        status = STATUS[held.status]
        if held.status == "open":
            status = "PartiallyFilled" if held.filled else "Untriggered" if conditional else "New"
        return {
            "category": "linear",
            "symbol": "BTCUSDT",
            "orderId": held.id,
            "orderLinkId": held.link,
            "side": held.side.capitalize(),
            "orderType": "Limit" if held.kind == "limit" else "Market",
            "price": text(held.price) if held.price else "",
            "qty": text(held.quantity),
            "timeInForce": {"POST": "PostOnly"}.get(held.force, held.force),
            "orderStatus": status,
            "cancelType": "UNKNOWN",
            "rejectReason": "EC_PostOnlyWillTakeLiquidity" if held.cause == "post_only" else "EC_NoError",
            "leavesQty": text(held.left),
            "cumExecQty": text(held.filled) if held.filled else "0",
            "cumExecValue": "0",
            "cumExecFee": "0",
            "avgPrice": "",
            "stopOrderType": "Stop" if conditional else "",
            "tpslMode": "",
            "triggerPrice": text(held.trigger) if conditional else "",
            "triggerDirection": 2 if held.side == "sell" else 1,
            "triggerBy": "MarkPrice" if conditional else "",
            "reduceOnly": held.reduce_only,
            "closeOnTrigger": False,
            "positionIdx": 0,
            "createdTime": str(held.made_ms),
            "updatedTime": str(self.now_ms()),
        }

    def _execution(self, fill: Filled) -> Json:
        held = fill.order
        return {
            "category": "linear",
            "symbol": "BTCUSDT",
            "orderId": held.id,
            "orderLinkId": held.link,
            "side": held.side.capitalize(),
            "orderPrice": text(held.price) if held.price else "0",
            "orderQty": text(held.quantity),
            "leavesQty": text(held.left) if held.left else "0",
            "orderType": "Limit" if held.kind == "limit" else "Market",
            "stopOrderType": "UNKNOWN",
            "execFee": text(fill.fee),
            "execId": f"exec-{fill.id}",
            "execPrice": text(fill.price),
            "execQty": text(fill.quantity),
            "execType": "BustTrade" if fill.forced else "Trade",
            "execValue": text(fill.quantity * fill.price),
            "execTime": str(fill.ms),
            "feeRate": "0.0005",
            "isMaker": fill.maker,
            "markPrice": text(BID),
            "seq": 1,
        }

    def _funding(self, paid: Any) -> Json:
        """A fee with the kind "Funding": what was paid is positive."""
        held = Held("funding", "", "sell", "market", Decimal(1))
        row = self._execution(Filled(paid.id, held, Decimal(1), BID, False, -paid.amount, paid.ms))
        return {**row, "execType": "Funding", "orderType": "UNKNOWN", "feeRate": "0.0001"}

    def order_event(self, held: Held) -> tuple[str, Any]:
        return "order", self._event("order", self._order(held))

    def fill_event(self, fill: Filled) -> tuple[str, Any]:
        return "execution", self._event("execution", self._execution(fill))

    async def push_payment(self, paid: Any) -> None:
        await self.push("execution", self._event("execution", self._funding(paid)))

    def _event(self, topic: str, row: Json) -> Json:
        return {"id": self.new_id(), "topic": topic, "creationTime": self.now_ms(), "data": [row]}

    async def on_text(self, ws: web.WebSocketResponse, text: str) -> None:
        said = json.loads(text)
        op = said["op"]
        if op == "ping":
            await ws.send_json({"op": "pong", "args": [str(self.now_ms())], "conn_id": "c"})
        elif op == "auth":
            key, expires, sign = said["args"]
            good = hmac.new(SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
            ok = (key, sign) == (KEY, good)
            await ws.send_json({"success": ok, "ret_msg": "", "op": "auth", "conn_id": "c"})
        elif op == "subscribe":
            self.sockets[ws] |= set(said["args"])
            await ws.send_json(
                {"success": True, "ret_msg": "", "conn_id": "c", "req_id": said["req_id"], "op": "subscribe"}
            )

    def lost_answer(self) -> web.Response:
        return web.json_response(self._no(10000, "Server Timeout"))

    def _listed(self, rows: list[Json]) -> Json:
        return self._ok({"category": "linear", "list": rows, "nextPageCursor": ""})

    def _ok(self, result: Json) -> Json:
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now_ms()}

    def _no(self, code: int, words: str) -> Json:
        return {"retCode": code, "retMsg": words, "result": {}, "retExtInfo": {}, "time": self.now_ms()}
