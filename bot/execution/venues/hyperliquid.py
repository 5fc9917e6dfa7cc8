"""Hyperliquid: 128-bit client ids, market orders are priced IOC orders, triggers follow the mark price.

The library would approve a builder fee and set a referrer with the first
order, and add a fee to each: all of that is switched off.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bot.core.enums import OrderType, TimeInForce
from bot.core.messages import Order
from bot.execution.news import Status
from bot.execution.venues.dialect import Dialect, Exchange, KeyCheck, OrderArgs, Wire, short_id

_OURS = "0x6c6f70"  # "lop"
SLIPPAGE = "0.03"
"""Of market orders and triggered stops: how far their limit lies behind the price."""

_STATUS = {
    "open": Status.RESTING,
    "triggered": Status.TRIGGERED,
    "filled": Status.FILLED,
    "canceled": Status.CANCELED,
    "marginCanceled": Status.CANCELED,
    "reduceOnlyCanceled": Status.CANCELED,
    "rejected": Status.REFUSED,
}


class Hyperliquid(Dialect):
    name = "hyperliquid"
    ccxt_id = "hyperliquid"
    stop_self_test = "trigger order, market"
    stops_apart = False
    market_needs_price = True

    def prepare(self, ex: Exchange) -> None:
        super().prepare(ex)

        async def nothing_to_approve() -> bool:
            return True

        ex.initialize_client = nothing_to_approve
        ex.options |= {"builderFee": False, "approvedBuilderFee": False, "refSet": True}
        ex.options["fetchMarkets"] = {"types": ["swap"]}

    def symbol(self, name: str, ex: Exchange) -> str | None:
        symbol = f"{name}/USDC:USDC"
        return symbol if symbol in ex.markets else None

    def wire_id(self, client_id: str) -> str:
        return _OURS + short_id(client_id, 26)

    def is_ours(self, wire_id: str) -> bool:
        return wire_id.startswith(_OURS)

    def order_args(self, order: Order, wire_id: str, price: Decimal, trigger: Decimal) -> OrderArgs:
        args = super().order_args(order, wire_id, price, trigger)
        if order.type is OrderType.STOP_MARKET:
            args = args._replace(price=float(trigger))
        if order.type is not OrderType.LIMIT:
            args.params["slippage"] = SLIPPAGE
        return args

    def force_params(self, force: TimeInForce) -> dict[str, Any]:
        if force is TimeInForce.POST_ONLY:
            return {"postOnly": True}
        return {"timeInForce": "Ioc" if force is TimeInForce.IOC else "Gtc"}

    async def cancel(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire:
        answer = await ex.cancel_order(None, symbol, {"clientOrderId": wire_id})
        return {**dict(answer or {}), "status": None}

    async def find(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire | None:
        return dict(await ex.fetch_order(None, symbol, {"clientOrderId": wire_id}))

    def status(self, wire: Wire) -> Status:
        raw = str((wire.get("info") or {}).get("status") or "")
        return _STATUS.get(raw) or super().status(wire)

    def client_id(self, wire: Wire) -> str:
        info = wire.get("info") or {}
        inner = info.get("order")
        order = inner if isinstance(inner, dict) else info
        return str(order.get("cloid") or wire.get("clientOrderId") or "")

    def forced(self, wire: Wire) -> bool:
        return "liquidation" in (wire.get("info") or {})

    async def wallet(self, ex: Exchange, coins: Iterable[str]) -> dict[str, str]:
        """Account value less what is unrealised."""
        info = (await ex.fetch_balance())["info"]
        open_gains = sum(
            (Decimal(p["position"]["unrealizedPnl"]) for p in info.get("assetPositions", ())), Decimal(0)
        )
        value = Decimal(info["marginSummary"]["accountValue"]) - open_gains
        return {coin: format(value, "f") for coin in coins}

    async def hedge(self, ex: Exchange, symbol: str) -> bool | None:
        return False  # one-way only

    async def key_check(self, ex: Exchange) -> KeyCheck:
        """Only the main wallet can withdraw; an agent's key is another than the wallet's own."""
        return KeyCheck(words="use an agent (API) wallet: it can trade and cannot withdraw")
