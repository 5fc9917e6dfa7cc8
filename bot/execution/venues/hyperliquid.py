"""Hyperliquid: 128-bit client ids, market orders are priced IOC orders, triggers follow the mark price.

The library would approve a builder fee and set a referrer with the first
order, and add a fee to each: all of that is switched off.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.core.enums import OrderType, TimeInForce
from bot.core.messages import Order
from bot.execution.news import Status
from bot.execution.venues.dialect import Dialect, Exchange, Fee, KeyCheck, OrderArgs, Wire, short_id

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
    lists_all = True
    acknowledgements = 2
    address_refusals = frozenset((429,))
    _wallet = ""  # the account's address, as the venue writes it

    def acknowledged(self, message: Any) -> str:
        if not isinstance(message, dict) or message.get("channel") != "subscriptionResponse":
            return ""
        return str(((message.get("data") or {}).get("subscription") or {}).get("type") or "")

    def prepare(self, ex: Exchange) -> None:
        super().prepare(ex)
        self._wallet = str(ex.walletAddress or "").lower()

        async def nothing_to_approve() -> bool:
            return True

        ex.initialize_client = nothing_to_approve
        ex.options |= {"builderFee": False, "approvedBuilderFee": False, "refSet": True}
        ex.options["fetchMarkets"] = {"types": ["swap"]}

    def weight(self, method: str, cost: float) -> int:
        return max(1, math.ceil(cost))

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

    def maker(self, wire: Wire) -> bool | None:
        crossed = (wire.get("info") or {}).get("crossed")
        return None if crossed is None else not crossed

    def fee(self, wire: Wire) -> Fee:
        info = wire.get("info") or {}
        told = super().fee(wire)
        return told._replace(coin=str(info.get("feeToken") or told.coin))

    def funding(self, wire: Wire) -> tuple[str, str]:
        """Payments have no id: the hash they come with is the same for all."""
        _, amount = super().funding(wire)
        return f"{wire['symbol']}-{wire['timestamp']}", amount

    def forced(self, wire: Wire) -> bool:
        """Whoever takes the other side of a forced close is told of it too."""
        told = (wire.get("info") or {}).get("liquidation") or {}
        return bool(self._wallet) and str(told.get("liquidatedUser", "")).lower() == self._wallet

    async def wallet(self, ex: Exchange, coins: Iterable[str]) -> dict[str, str]:
        """Account value less what is unrealised; a unified account holds its coins among the spot ones."""
        info = (await ex.fetch_balance())["info"]
        if "balances" in info:
            held = {b["coin"]: str(b["total"]) for b in info["balances"]}
            return {coin: held.get(coin, "0") for coin in coins}
        open_gains = sum(
            (Decimal(p["position"]["unrealizedPnl"]) for p in info.get("assetPositions", ())), Decimal(0)
        )
        value = Decimal(info["marginSummary"]["accountValue"]) - open_gains
        return {coin: format(value, "f") for coin in coins}

    async def hedge(self, ex: Exchange, symbol: str) -> bool | None:
        return False  # one-way only

    async def leverage(self, ex: Exchange, symbol: str) -> float | None:
        return float((await self._setting(ex, symbol))["value"])

    async def margin_mode(self, ex: Exchange, symbol: str) -> str | None:
        return str((await self._setting(ex, symbol))["type"])

    async def _setting(self, ex: Exchange, symbol: str) -> Mapping[str, Any]:
        """Of one coin, whether there is a position or not."""
        coin = ex.market(symbol)["baseName"]
        told = await ex.publicPostInfo({"type": "activeAssetData", "user": ex.walletAddress, "coin": coin})
        setting: Mapping[str, Any] = told["leverage"]
        return setting

    async def key_check(self, ex: Exchange) -> KeyCheck:
        """Only the wallet's own key can withdraw; an agent's has another address than the wallet."""
        signer = str(ex.eth_get_address_from_private_key(ex.privateKey)).lower()
        return KeyCheck(can_withdraw=signer == self._wallet)
