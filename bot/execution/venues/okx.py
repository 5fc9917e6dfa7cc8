"""OKX swaps: sizes are contracts, client ids are letters and digits, conditional orders are algo orders.

Every order names its margin mode. A triggered algo order ("effective") becomes
a normal one, named in `ordId`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.core.enums import OrderType
from bot.core.messages import Order
from bot.execution.news import Refusal, Status
from bot.execution.venues.dialect import (
    Child,
    Dialect,
    Exchange,
    Fee,
    KeyCheck,
    OrderArgs,
    Wire,
    mark_or_last,
)

_ALGO = {
    "live": Status.RESTING,
    "pause": Status.RESTING,
    "effective": Status.TRIGGERED,
    "order_placed": Status.TRIGGERED,
    "filled": Status.TRIGGERED,  # how it went is told by the order it became
    "partially_effective": Status.TRIGGERED,
    "canceled": Status.CANCELED,
    "order_failed": Status.REFUSED,
    "partially_failed": Status.REFUSED,
}
_POST_ONLY_TOOK = "31"  # cancelSource
_PAGE, _PAGES = 100, 20
_FORCED = frozenset(("full_liquidation", "partial_liquidation", "adl"))


class Okx(Dialect):
    name = "okx"
    ccxt_id = "okx"
    stop_self_test = "conditional order at /api/v5/trade/order-algo"
    conditional_listing: tuple[Mapping[str, Any], ...] = tuple(
        {"trigger": True, "ordType": kind} for kind in ("conditional", "oco", "trigger", "move_order_stop")
    )
    margin = "isolated"
    order_streams: tuple[Mapping[str, Any], ...] = ({}, {"trigger": True})
    lists_all = True
    acknowledgements = 2

    def acknowledged(self, message: Any) -> str:
        if not isinstance(message, dict) or message.get("event") != "subscribe":
            return ""
        return str((message.get("arg") or {}).get("channel") or "")

    def wire_id(self, client_id: str) -> str:
        return client_id.replace("-", "")

    def is_ours(self, wire_id: str) -> bool:
        return wire_id.startswith("lop") and len(wire_id) >= 21

    def order_args(self, order: Order, wire_id: str, price: Decimal, trigger: Decimal) -> OrderArgs:
        args = super().order_args(order, wire_id, price, trigger)
        args.params["marginMode"] = self.margin
        if order.type is OrderType.STOP_MARKET:
            args.params["algoClOrdId"] = args.params.pop("clientOrderId")
        return args

    def trigger_params(self, order: Order) -> dict[str, Any]:
        return {"slTriggerPxType": mark_or_last(order.trigger_by, "mark", "last")}

    async def cancel(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire:
        if self.apart(order):
            answer = await ex.cancel_order(None, symbol, {"trigger": True, "clientOrderId": wire_id})
        else:
            answer = await ex.cancel_order(None, symbol, {"clientOrderId": wire_id})
        return {**dict(answer), "info": {}, "status": None}  # taken, not yet done

    async def find(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire | None:
        if self.apart(order):
            return dict(await ex.fetch_order(None, symbol, {"trigger": True, "algoClOrdId": wire_id}))
        return dict(await ex.fetch_order(None, symbol, {"clientOrderId": wire_id}))

    def child(self, wire: Wire) -> Child | None:
        info = wire.get("info") or {}
        if not info.get("algoClOrdId") or info.get("tradeId") or "state" not in info:
            return None
        if info.get("accFillSz") is not None:
            return None  # the normal order that an algo order became names it too
        return Child(_ALGO.get(str(info["state"]), Status.RESTING), str(info.get("ordId") or ""))

    def client_id(self, wire: Wire) -> str:
        info = wire.get("info") or {}
        return str(info.get("algoClOrdId") or info.get("clOrdId") or wire.get("clientOrderId") or "")

    def refused(self, answer: Wire) -> str:
        """A refusal may come row by row inside an answer whose own code says success."""
        info = answer.get("info") or {}
        code = str(info.get("sCode") or "0")
        return "" if code == "0" else f'"sCode":"{code}" {info.get("sMsg", "")}'

    def parent_id(self, wire: Wire) -> str:
        info = wire.get("info") or {}
        return str((info.get("linkedAlgoOrd") or {}).get("algoId") or info.get("algoId") or "")

    def refusal(self, wire: Wire) -> Refusal:
        took = str((wire.get("info") or {}).get("cancelSource") or "") == _POST_ONLY_TOOK
        return Refusal.POST_ONLY if took else Refusal.NONE

    async def trades(self, ex: Exchange, symbol: str, since_ms: int | None) -> Sequence[Wire]:
        """Of the last three days, page by page, the newest first; the library's longer history lags."""
        market = ex.market(symbol)
        asked: dict[str, Any] = {"instType": "SWAP", "instId": market["id"], "limit": str(_PAGE)}
        asked |= {} if since_ms is None else {"begin": str(since_ms)}
        found: list[Wire] = []
        for _ in range(_PAGES):
            page = (await ex.privateGetTradeFills(asked))["data"]
            found += ex.parse_trades(page, market)
            if len(page) < _PAGE:
                break
            asked["after"] = page[-1]["billId"]
        return found

    def fee(self, wire: Wire) -> Fee:
        """The venue's sign is the wallet's. The library turns it around for answers, not for the stream."""
        info = wire.get("info") or {}
        told = info.get("fillFee")
        if not told:
            return super().fee(wire)
        return Fee(format(-Decimal(told), "f"), str(info.get("fillFeeCcy") or ""))

    def forced(self, wire: Wire) -> bool:
        return (wire.get("info") or {}).get("category") in _FORCED

    async def wallet(self, ex: Exchange, coins: Iterable[str]) -> dict[str, str]:
        answer = (await ex.fetch_balance())["info"]["data"]
        held = {d["ccy"]: str(d.get("cashBal") or "0") for account in answer for d in account["details"]}
        return {coin: held.get(coin, "0") for coin in coins}

    async def leverage(self, ex: Exchange, symbol: str) -> float | None:
        told = await ex.fetch_leverage(symbol, {"marginMode": self.margin})
        value = told.get("longLeverage")
        return None if value is None else float(value)

    async def margin_mode(self, ex: Exchange, symbol: str) -> str | None:
        return self.margin  # named with every order

    async def key_check(self, ex: Exchange) -> KeyCheck:
        told = (await ex.privateGetAccountConfig())["data"][0]
        may = str(told.get("perm", "")).split(",")
        return KeyCheck(can_trade="trade" in may, can_withdraw="withdraw" in may)

    async def dead_man(self, ex: Exchange, symbols: Iterable[str], seconds: int) -> bool:
        """The whole account; algo orders stay."""
        await ex.cancel_all_orders_after(seconds * 1000)
        return True
