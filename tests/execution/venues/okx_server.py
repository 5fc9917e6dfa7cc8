"""OKX V5, swaps: sizes in contracts, algo orders apart, the wallet's sign of fees."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.execution.venues.venue_server import ASK, BID, Filled, Held, Json, VenueServer, text

KEY, SECRET, PASSPHRASE = "key", "c2VjcmV0", "word"
TROUBLE = {
    "duplicate": ("51016", "Client order ID already exists."),
    "margin": ("51008", "Order failed. Your available USDT balance is insufficient."),
    "reduce": ("51169", "Order failed because you don't have any positions in this direction to reduce."),
}
ALGO = {"open": "live", "triggered": "effective", "filled": "effective", "canceled": "canceled"}


def market(name: str, value: str, tick: str, step: str) -> Json:
    base = name.split("-")[0]
    return {
        "instType": "SWAP",
        "instId": name,
        "instFamily": f"{base}-USDT",
        "uly": f"{base}-USDT",
        "ctVal": value,
        "ctMult": "1",
        "ctType": "linear",
        "ctValCcy": base,
        "settleCcy": "USDT",
        "tickSz": tick,
        "lotSz": step,
        "minSz": step,
        "maxMktSz": "10000",
        "maxLmtSz": "100000000",
        "lever": "100",
        "state": "live",
        "listTime": "1611916828000",
        "expTime": "",
        "instIdCode": 10458,
    }


MARKETS = [market("BTC-USDT-SWAP", "0.01", "0.1", "0.01"), market("ETH-USDT-SWAP", "0.1", "0.01", "0.01")]


class OkxServer(VenueServer):
    """Quantities are contracts of 0.01 BTC."""

    async def answer(self, request: web.Request, asked: Json, text: str) -> Any:
        path = request.path
        if path == "/api/v5/public/time":
            return self._ok([{"ts": str(self.now_ms())}])
        if path == "/api/v5/public/instruments":
            return self._ok(MARKETS)
        if path == "/api/v5/market/books":
            book = {"bids": [[str(BID), "1", "0", "1"]], "asks": [[str(ASK), "1", "0", "1"]], "ts": "1"}
            return self._ok([book])
        wrong = self._wrong(request, text)
        if wrong is not None:
            return wrong
        if request.method == "POST":
            return await self.order_request(
                request, lambda: self._act(path, asked), lambda: self._no(429, "50011", "Too Many Requests")
            )
        return self._read(path, asked)

    def _wrong(self, request: web.Request, body: str) -> web.Response | None:
        head = request.headers
        stamp = head.get("OK-ACCESS-TIMESTAMP", "")
        payload = stamp + request.method + request.path_qs + body
        good = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).digest()
        told = (head.get("OK-ACCESS-KEY"), head.get("OK-ACCESS-PASSPHRASE"), head.get("OK-ACCESS-SIGN"))
        if told != (KEY, PASSPHRASE, base64.b64encode(good).decode()):
            self.refused.append(request.path)
            return self._no(401, "50113", "Invalid Sign")
        stamp_ms = datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000
        if abs(stamp_ms - self.now_ms()) > 30_000:
            return self._no(401, "50102", "Timestamp request expired")
        return None

    async def _act(self, path: str, asked: Json) -> Any:
        if path == "/api/v5/trade/batch-orders":
            return await self._create(asked["list"][0])
        if path == "/api/v5/trade/order-algo":
            return await self._create_algo(asked)
        if path == "/api/v5/trade/cancel-order":
            found = [o for o in self.of_link(asked["clOrdId"]) if o.status == "open" and o.kind != "stop"]
            return await self._cancel(found, "ordId", "51400", "Cancellation failed as the order has ended.")
        if path == "/api/v5/trade/cancel-algos":
            found = [o for o in self.of_link(asked["list"][0]["algoClOrdId"]) if o.status == "open"]
            return await self._cancel(found, "algoId", "51400", "Cancellation failed as the order has ended.")
        if path == "/api/v5/trade/cancel-all-after":
            return self._ok([{"triggerTime": "0", "tag": "", "ts": str(self.now_ms())}])
        return self._no(404, "404", f"not served here: {path}")

    async def _create(self, asked: Json) -> Json:
        kind = asked["ordType"]
        new = Held(
            self.new_id(),
            asked["clOrdId"],
            asked["side"],
            "market" if kind == "market" else "limit",
            Decimal(asked["sz"]),
            Decimal(asked.get("px") or "0"),
            reduce_only=bool(asked.get("reduceOnly")),
            force={"post_only": "POST", "ioc": "IOC"}.get(kind, "GTC"),
        )
        return await self._placed(new, "ordId", "clOrdId", "1")

    async def _create_algo(self, asked: Json) -> Json:
        new = Held(
            self.new_id(),
            asked["algoClOrdId"],
            asked["side"],
            "stop",
            Decimal(asked["sz"]),
            trigger=Decimal(asked["slTriggerPx"]),
            reduce_only=bool(asked.get("reduceOnly")),
        )
        return await self._placed(new, "algoId", "algoClOrdId", "0")

    async def _placed(self, new: Held, named: str, link: str, failed: str) -> Json:
        trouble = self.trouble_with(new)
        if trouble:
            code, words = TROUBLE[trouble]
            row = {named: "", link: new.link, "sCode": code, "sMsg": words}
            return {"code": failed, "msg": "All operations failed" if failed == "1" else "", "data": [row]}
        await self.take(new)
        return self._ok([{named: new.id, link: new.link, "tag": "", "sCode": "0", "sMsg": ""}])

    def trouble_with(self, new: Held) -> str:
        whole, new.quantity = new.quantity, new.quantity / 100  # margin is of coins
        try:
            return super().trouble_with(new)
        finally:
            new.quantity = whole

    async def _cancel(self, found: list[Held], named: str, code: str, words: str) -> Json:
        if not found:
            row = {named: "", "clOrdId": "", "sCode": code, "sMsg": words}
            return {"code": "1", "msg": "All operations failed", "data": [row]}
        await self.take_back(found[0])
        return self._ok([{named: found[0].id, "clOrdId": found[0].link, "sCode": "0", "sMsg": ""}])

    async def trigger(self, stop: Held) -> None:
        """A normal order with an id of its own does the work; it names the algo order."""
        child = Held(self.new_id(), "", stop.side, "market", stop.quantity, reduce_only=True, parent=stop)
        child.made_ms = self.now_ms()
        stop.child, stop.status = child, "triggered"
        self.orders.append(child)
        await self.tell(stop)
        await self.fill(child, child.quantity, BID, maker=False)

    def _read(self, path: str, asked: Json) -> Any:
        here = asked.get("instId", "BTC-USDT-SWAP") == "BTC-USDT-SWAP"
        if path == "/api/v5/trade/order":
            found = self.held(lambda o: o.kind != "stop" and self._is(o, asked, "clOrdId", "ordId"))
            return self._ok([self._order(found)]) if found else self._no(200, "51603", "Order does not exist")
        if path == "/api/v5/trade/order-algo":
            found = self.held(lambda o: o.kind == "stop" and self._is(o, asked, "algoClOrdId", "algoId"))
            return self._ok([self._algo(found)]) if found else self._no(200, "51603", "Order does not exist")
        if path == "/api/v5/trade/orders-pending":
            rows = [o for o in self.orders if o.kind != "stop" and o.status == "open"]
            return self._ok([self._order(o) for o in rows if here])
        if path == "/api/v5/trade/orders-algo-pending":
            rows = [o for o in self.orders if o.kind == "stop" and o.status == "open"]
            return self._ok([self._algo(o) for o in rows if here and asked["ordType"] == "conditional"])
        if path == "/api/v5/trade/fills":
            return self._ok(self._fills(asked) if here else [])
        return self._account(path, asked)

    def _account(self, path: str, asked: Json) -> Any:
        if path == "/api/v5/account/positions":
            return self._ok([self._position()] if self.position else [])
        if path == "/api/v5/account/balance":
            cash = {"ccy": "USDT", "cashBal": text(self.wallet), "eq": text(self.wallet), "availBal": "1"}
            return self._ok([{"details": [cash], "totalEq": text(self.wallet), "uTime": str(self.now_ms())}])
        if path == "/api/v5/account/config":
            may = "read_only,trade" + (",withdraw" if self.withdraws else "")
            mode = "long_short_mode" if self.hedge else "net_mode"
            return self._ok([{"uid": "1", "acctLv": "2", "posMode": mode, "perm": may, "level": "Lv1"}])
        if path == "/api/v5/account/leverage-info":
            row = {"instId": asked["instId"], "mgnMode": asked["mgnMode"], "posSide": "net"}
            return self._ok([{**row, "lever": str(self.leverage)}])
        if path == "/api/v5/account/bills-archive":
            return self._ok([self._bill(p) for p in self.payments])
        return self._no(404, "404", f"not served here: {path}")

    def _is(self, held: Held, asked: Json, link: str, named: str) -> bool:
        return held.link == asked[link] if link in asked else held.id == asked.get(named)

    def _fills(self, asked: Json) -> list[Json]:
        """The newest first, at most a hundred, before the bill `after`."""
        since = int(asked.get("begin", "0"))
        rows = [self._fill(f) for f in reversed(self.fills) if f.ms >= since]
        if "after" in asked:
            rows = [row for row in rows if int(row["billId"]) < int(asked["after"])]
        return rows[: int(asked.get("limit", "100"))]

    def _fill(self, fill: Filled) -> Json:
        held = fill.order
        return {
            "instType": "SWAP",
            "instId": "BTC-USDT-SWAP",
            "tradeId": fill.id,
            "ordId": held.id,
            "clOrdId": held.link,
            "billId": fill.id,
            "fillPx": text(fill.price),
            "fillSz": text(fill.quantity),
            "side": held.side,
            "execType": "M" if fill.maker else "T",
            "feeCcy": "USDT",
            "fee": text(-fill.fee),
            "ts": str(fill.ms),
            "fillTime": str(fill.ms),
            "posSide": "net",
        }

    def _order(self, held: Held, fill: Filled | None = None) -> Json:
        state = {"open": "partially_filled" if held.filled else "live"}.get(held.status, held.status)
        kind = (
            "market"
            if held.kind == "market"
            else {"POST": "post_only", "IOC": "ioc"}.get(held.force, "limit")
        )
        own = [f for f in self.fills if f.order is held]
        paid = sum((f.fee for f in own), Decimal(0))
        return {
            "instType": "SWAP",
            "instId": "BTC-USDT-SWAP",
            "ordId": held.id,
            "clOrdId": held.link,
            "algoId": held.parent.id if held.parent else "",
            "algoClOrdId": held.parent.link if held.parent else "",
            "side": held.side,
            "posSide": "net",
            "ordType": kind,
            "tdMode": "isolated",
            "px": text(held.price) if held.price else "",
            "sz": text(held.quantity),
            "accFillSz": text(held.filled) if held.filled else "0",
            "avgPx": "",
            "state": state,
            "category": "full_liquidation" if own and own[-1].forced else "normal",
            "reduceOnly": str(held.reduce_only).lower(),
            "cancelSource": "31" if held.cause == "post_only" else "",
            "fee": text(-paid) if paid else "0",
            "feeCcy": "USDT",
            "fillPx": text(fill.price) if fill else "",
            "fillSz": text(fill.quantity) if fill else "0",
            "fillFee": text(-fill.fee) if fill else "0",
            "fillFeeCcy": "USDT" if fill else "",
            "fillTime": str(fill.ms) if fill else "",
            "tradeId": fill.id if fill else "",
            "execType": ("M" if fill.maker else "T") if fill else "",
            "lever": str(self.leverage),
            "cTime": str(held.made_ms),
            "uTime": str(self.now_ms()),
            "code": "0",
            "msg": "",
        }

    def _algo(self, held: Held) -> Json:
        return {
            "instType": "SWAP",
            "instId": "BTC-USDT-SWAP",
            "algoId": held.id,
            "algoClOrdId": held.link,
            "clOrdId": "",
            "ordId": held.child.id if held.child else "",
            "ordIdList": [held.child.id] if held.child else [],
            "ordType": "conditional",
            "side": held.side,
            "posSide": "net",
            "sz": text(held.quantity),
            "state": ALGO[held.status],
            "slTriggerPx": text(held.trigger),
            "slTriggerPxType": "mark",
            "slOrdPx": "-1",
            "tpTriggerPx": "",
            "tdMode": "isolated",
            "reduceOnly": str(held.reduce_only).lower(),
            "actualPx": "",
            "actualSz": "",
            "cTime": str(held.made_ms),
            "uTime": str(self.now_ms()),
        }

    def _position(self) -> Json:
        return {
            "instId": "BTC-USDT-SWAP",
            "instType": "SWAP",
            "mgnMode": "isolated",
            "posId": "1",
            "posSide": "net",
            "pos": text(self.position),
            "avgPx": text(ASK),
            "lever": str(self.leverage),
            "markPx": text(BID),
            "liqPx": "",
            "mmr": "1",
            "margin": "10",
            "notionalUsd": "5000",
            "upl": "0",
            "uplRatio": "0",
            "cTime": "1622559930237",
            "uTime": "1622559930237",
        }

    def _bill(self, paid: Any) -> Json:
        return {
            "billId": paid.id,
            "instId": "BTC-USDT-SWAP",
            "instType": "SWAP",
            "ccy": "USDT",
            "type": "8",
            "subType": "174" if paid.amount > 0 else "173",
            "balChg": text(paid.amount),
            "posBalChg": "0",
            "pnl": text(paid.amount),
            "ts": str(paid.ms),
        }

    def order_event(self, held: Held) -> tuple[str, Any]:
        if held.kind == "stop":
            return "orders-algo", self._event("orders-algo", self._algo(held))
        last = next((f for f in reversed(self.fills) if f.order is held), None)
        fresh = held.status in ("open", "filled")
        return "orders", self._event("orders", self._order(held, last if fresh else None))

    def fill_event(self, fill: Filled) -> None:
        return None  # the order's state names its last fill

    def _event(self, channel: str, row: Json) -> Json:
        return {"arg": {"channel": channel, "instType": "ANY", "uid": "1"}, "data": [row]}

    async def on_text(self, ws: web.WebSocketResponse, text: str) -> None:
        if text == "ping":
            await ws.send_str("pong")
            return
        said = json.loads(text)
        if said["op"] == "login":
            told = said["args"][0]
            payload = f"{told['timestamp']}GET/users/self/verify".encode()
            good = base64.b64encode(hmac.new(SECRET.encode(), payload, hashlib.sha256).digest()).decode()
            ok = (told["apiKey"], told["passphrase"], told["sign"]) == (KEY, PASSPHRASE, good)
            answer = {"event": "login", "code": "0", "msg": "", "connId": "c"}
            wrong = {"event": "error", "code": "60009", "msg": "Login failed.", "connId": "c"}
            await ws.send_json(answer if ok else wrong)
        elif said["op"] == "subscribe":
            for arg in said["args"]:
                self.sockets[ws].add(arg["channel"])
                await ws.send_json({"event": "subscribe", "arg": arg, "connId": "c"})

    def lost_answer(self) -> web.Response:
        return self._no(200, "50026", "System error. Try again later")

    def _ok(self, rows: list[Any]) -> Json:
        return {"code": "0", "msg": "", "data": rows}

    def _no(self, status: int, code: str, words: str) -> web.Response:
        return web.json_response({"code": code, "msg": words, "data": []}, status=status)
