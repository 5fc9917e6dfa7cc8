"""Hyperliquid: one address, actions signed over their bytes, a user stream that begins with the past."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.execution.venues.venue_server import ASK, BID, Filled, Held, Json, VenueServer, text

WALLET = "0x" + "12" * 20
AGENT_KEY = "0x" + "34" * 32
TROUBLE = {
    "margin": "Insufficient margin to place order. asset=0",
    "reduce": "Reduce only order would increase position. asset=0",
    "post_only": "Post only order would have immediately matched, bbo was 60000@60001. asset=0",
}
CONTEXT = {
    "funding": "0.0000125",
    "openInterest": "100",
    "prevDayPx": "60000",
    "dayNtlVlm": "1",
    "premium": "0",
    "oraclePx": "60000",
    "markPx": "60000",
    "midPx": "60000",
    "impactPxs": ["60000", "60001"],
}
UNIVERSE = [
    {"name": "BTC", "szDecimals": 5, "maxLeverage": 40},
    {"name": "ETH", "szDecimals": 4, "maxLeverage": 25},
]


class HyperliquidServer(VenueServer):
    """`busy` is the address's own limit; there is no clock to be off: nonces may be days old."""

    victim = WALLET  # of a forced close
    unified = False

    def _nonces(self) -> list[int]:
        return [asked["nonce"] for _, path, asked in self.seen if path == "/exchange"]

    async def answer(self, request: web.Request, asked: Json, text: str) -> Any:
        if request.path == "/info":
            return self._info(asked["type"], asked)
        assert len(set(self._nonces())) == len(self._nonces()), "a nonce was used twice"
        if set(asked["signature"]) != {"r", "s", "v"}:
            return self._err("Must provide a signature")
        action = asked["action"]
        if action["type"] == "order":
            words = "Too many cumulative requests sent (1 > 0) for cumulative volume traded $0."
            return await self.order_request(request, lambda: self._order(action), lambda: self._err(words))
        if action["type"] == "cancelByCloid":
            return await self.order_request(request, lambda: self._cancel(action), lambda: self._err("busy"))
        return self._err(f"not served here: {action['type']}")

    async def _order(self, action: Json) -> Json:
        sent = action["orders"][0]
        trigger, limit = sent["t"].get("trigger"), sent["t"].get("limit", {})
        force = {"Alo": "POST", "Ioc": "IOC"}.get(limit.get("tif", ""), "GTC")
        new = Held(
            self.new_id(),
            sent["c"],
            "buy" if sent["b"] else "sell",
            "stop" if trigger else "limit",
            Decimal(sent["s"]),
            Decimal(sent["p"]),
            Decimal(trigger["triggerPx"]) if trigger else Decimal(0),
            sent["r"],
            force,
        )
        trouble = self.trouble_with(new)
        if not trouble and new.force == "POST" and self.crosses(new):
            trouble = "post_only"
        if trouble == "duplicate":
            trouble = ""  # ids of clients may repeat here
        if trouble:
            return self._statuses("order", {"error": TROUBLE[trouble]})
        await self.take(new)
        if new.filled:
            done = {"totalSz": text(new.filled), "avgPx": text(ASK), "oid": int(new.id), "cloid": new.link}
            return self._statuses("order", {"filled": done})
        return self._statuses("order", {"resting": {"oid": int(new.id), "cloid": new.link}})

    async def _cancel(self, action: Json) -> Json:
        found = [o for o in self.of_link(action["cancels"][0]["cloid"]) if o.status == "open"]
        if not found:
            words = "Order was never placed, already canceled, or filled. asset=0"
            return self._statuses("cancel", {"error": words})
        await self.take_back(found[0])
        return self._statuses("cancel", "success")

    def _info(self, what: str, asked: Json) -> Any:
        if what == "orderStatus":
            found = self.held(lambda o: asked["oid"] in (o.link, o.id, int(o.id)))
            return {"status": "order", "order": self._state(found)} if found else {"status": "unknownOid"}
        if what in ("userFills", "userFillsByTime"):
            return [self._fill(f) for f in self.fills if f.ms >= asked.get("startTime", 0)]
        if what == "frontendOpenOrders":
            return [self._row(o) for o in self.orders if o.status == "open"]
        if what == "clearinghouseState":
            return self._clearing()
        coin = {"coin": "USDC", "token": 0, "total": text(self.wallet), "hold": "0.0", "entryNtl": "0.0"}
        answers: Json = {
            "userAbstraction": "unifiedAccount" if self.unified else "disabled",
            "spotClearinghouseState": {"balances": [coin]},
            "metaAndAssetCtxs": [{"universe": UNIVERSE}, [CONTEXT, CONTEXT]],
            "exchangeStatus": {"specialStatuses": None, "time": self.now_ms()},
            "l2Book": {
                "coin": "BTC",
                "time": self.now_ms(),
                "levels": [[{"px": str(BID), "sz": "1", "n": 1}], [{"px": str(ASK), "sz": "1", "n": 1}]],
            },
            "activeAssetData": {
                "user": WALLET,
                "coin": asked.get("coin"),
                "leverage": {"type": "isolated", "value": self.leverage, "rawUsd": "0.0"},
                "maxTradeSzs": ["1", "1"],
                "availableToTrade": ["1", "1"],
                "markPx": str(BID),
            },
            "userFunding": [self._paid(p) for p in self.payments if p.ms >= asked.get("startTime", 0)],
        }
        return answers.get(what, {"status": "err", "response": f"not served here: {what}"})

    def _clearing(self) -> Json:
        position = {
            "coin": "BTC",
            "szi": text(self.position),
            "entryPx": text(ASK),
            "leverage": {"type": "isolated", "value": self.leverage, "rawUsd": "0"},
            "liquidationPx": None,
            "marginUsed": "1",
            "maxLeverage": 40,
            "positionValue": "1",
            "returnOnEquity": "0",
            "unrealizedPnl": "2.5",
            "cumFunding": {"allTime": "0", "sinceChange": "0", "sinceOpen": "0"},
        }
        value = self.wallet + (Decimal("2.5") if self.position else 0)
        summary = {
            "accountValue": text(value),
            "totalMarginUsed": "0",
            "totalNtlPos": "0",
            "totalRawUsd": text(value),
        }
        held = [{"type": "oneWay", "position": position}] if self.position else []
        return {
            "assetPositions": held,
            "marginSummary": summary,
            "crossMarginSummary": summary,
            "withdrawable": "0",
            "time": self.now_ms(),
        }

    def _row(self, held: Held) -> Json:
        stop = held.kind == "stop"
        return {
            "coin": "BTC",
            "side": "B" if held.side == "buy" else "A",
            "limitPx": text(held.price),
            "sz": text(held.left) if held.left else "0.0",
            "oid": int(held.id),
            "timestamp": held.made_ms,
            "origSz": text(held.quantity),
            "cloid": held.link or None,
            "isTrigger": stop,
            "triggerPx": text(held.trigger) if stop else "0.0",
            "triggerCondition": "N/A",
            "orderType": "Stop Market" if stop else "Limit",
            "tif": None if stop else {"POST": "Alo", "IOC": "Ioc"}.get(held.force, "Gtc"),
            "reduceOnly": held.reduce_only,
            "isPositionTpsl": False,
            "children": [],
        }

    def _state(self, held: Held) -> Json:
        return {"order": self._row(held), "status": held.status, "statusTimestamp": self.now_ms()}

    def _fill(self, fill: Filled) -> Json:
        held = fill.order
        row: Json = {
            "coin": "BTC",
            "px": text(fill.price),
            "sz": text(fill.quantity),
            "side": "B" if held.side == "buy" else "A",
            "time": fill.ms,
            "startPosition": "0.0",
            "dir": "Open Long",
            "closedPnl": "0.0",
            "hash": "0x" + "0" * 64,
            "oid": int(held.id),
            "crossed": not fill.maker,
            "fee": text(fill.fee),
            "tid": int(fill.id),
            "feeToken": "USDC",
            "twapId": None,
        }
        if held.link:
            row["cloid"] = held.link
        if fill.forced:
            row["liquidation"] = {"liquidatedUser": self.victim, "markPx": str(BID), "method": "market"}
        return row

    def _paid(self, paid: Any) -> Json:
        """Every payment comes with the same hash."""
        delta = {
            "type": "funding",
            "coin": "BTC",
            "usdc": text(paid.amount),
            "szi": "1",
            "fundingRate": "0.0001",
        }
        return {"time": paid.ms, "hash": "0x" + "0" * 64, "delta": delta}

    def order_event(self, held: Held) -> tuple[str, Any]:
        row = {k: v for k, v in self._state(held).items() if k != "order"}
        order = self._row(held)
        named = ("coin", "side", "limitPx", "sz", "oid", "timestamp", "origSz", "cloid")
        update = {"order": {k: order[k] for k in named if order[k] is not None}, **row}
        return "orderUpdates", {"channel": "orderUpdates", "data": [update]}

    def fill_event(self, fill: Filled) -> tuple[str, Any]:
        return "userFills", {"channel": "userFills", "data": {"user": WALLET, "fills": [self._fill(fill)]}}

    async def on_text(self, ws: web.WebSocketResponse, text: str) -> None:
        said = json.loads(text)
        if said["method"] == "ping":
            await ws.send_json({"channel": "pong"})
            return
        topic = said["subscription"]["type"]
        if topic in self.sockets[ws]:
            await ws.send_json({"channel": "error", "data": f"Already subscribed: {said['subscription']}"})
            return
        self.sockets[ws].add(topic)
        await ws.send_json({"channel": "subscriptionResponse", "data": said})
        if topic == "userFills":
            past = {"isSnapshot": True, "user": WALLET, "fills": [self._fill(f) for f in self.fills]}
            await ws.send_json({"channel": "userFills", "data": past})

    def lost_answer(self) -> web.Response:
        return web.Response(status=502, text="<html>Bad Gateway</html>")

    def _statuses(self, kind: str, status: Any) -> Json:
        return {"status": "ok", "response": {"type": kind, "data": {"statuses": [status]}}}

    def _err(self, words: str) -> Json:
        return {"status": "err", "response": words}
