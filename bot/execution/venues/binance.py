"""Binance USDⓈ-M: conditional orders live at /fapi/v1/algoOrder, with ids and listings of their own.

A triggered one becomes a normal order with a new id (`actualOrderId`); its
fills come under that id, so algo states never speak of fills.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bot.core.enums import TimeInForce
from bot.core.messages import Order
from bot.execution.news import Status
from bot.execution.venues.dialect import Child, Dialect, Exchange, KeyCheck, Wire, mark_or_last

_ALGO = {
    "NEW": Status.RESTING,
    "TRIGGERING": Status.RESTING,
    "TRIGGERED": Status.TRIGGERED,
    "FINISHED": Status.TRIGGERED,  # how it went is told by the order it became
    "CANCELED": Status.CANCELED,
    "REJECTED": Status.REFUSED,
    "EXPIRED": Status.EXPIRED,
}
_NORMAL = {
    "NEW": Status.RESTING,
    "PARTIALLY_FILLED": Status.RESTING,
    "FILLED": Status.FILLED,
    "CANCELED": Status.CANCELED,
    "EXPIRED": Status.EXPIRED,
    "EXPIRED_IN_MATCH": Status.EXPIRED,
    "REJECTED": Status.REFUSED,
}


class Binance(Dialect):
    name = "binance"
    ccxt_id = "binanceusdm"
    options: Mapping[str, Any] = {
        "fetchCurrencies": False,
        "fetchMarkets": {"types": ["linear"]},
        "defaultType": "swap",
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    }
    testnet = "demo"
    stop_self_test = "STOP_MARKET at /fapi/v1/algoOrder"
    forced_ids = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-")
    address_refusals = frozenset((403, 418, 429))

    def weight(self, method: str, cost: float) -> int:
        """Orders are counted apart; what the library thinks too low, the answer's header corrects."""
        return max(1, math.ceil(cost)) if method == "GET" else 1

    def trigger_params(self, order: Order) -> dict[str, Any]:
        return {"workingType": mark_or_last(order.trigger_by, "MARK_PRICE", "CONTRACT_PRICE")}

    def force_params(self, force: TimeInForce) -> dict[str, Any]:
        return {"timeInForce": "GTX" if force is TimeInForce.POST_ONLY else force.name}

    def client(self, made: type) -> type:
        return _minds_its_key(made)

    async def cancel(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire:
        """By our id: a triggered stop has two of the venue's."""
        params: dict[str, Any] = {"clientOrderId": wire_id}
        if not self.apart(order):
            return dict(await ex.cancel_order(None, symbol, params))
        answer = dict(await ex.cancel_order(None, symbol, {"trigger": True, **params}))
        return {**answer, "status": "canceled", "info": {"algoId": "", "algoStatus": "CANCELED"}}

    def status(self, wire: Wire) -> Status:
        info = wire.get("info") or {}
        raw = str(info.get("algoStatus") or info.get("status") or info.get("X") or "")
        return (_ALGO if _is_algo(info) else _NORMAL).get(raw) or super().status(wire)

    def mended(self, message: Any) -> Any:
        """Liquidation and auto-deleveraging are executions of a type of their own; the library's trades
        leave them out."""
        order = message.get("o") if isinstance(message, dict) else None
        if not isinstance(order, dict) or order.get("x") != "CALCULATED" or not float(order.get("l") or 0):
            return message
        return {**message, "o": {**order, "x": "TRADE"}}

    def child(self, wire: Wire) -> Child | None:
        info = wire.get("info") or {}
        if not _is_algo(info):
            return None
        order_id = str(info.get("actualOrderId") or info.get("ai") or "")
        return Child(self.status(wire), "" if order_id == "0" else order_id)

    def client_id(self, wire: Wire) -> str:
        info = wire.get("info") or {}
        # the stream's "C" is the id that a cancel carried; the order's own is "c"
        own = info.get("c") or info.get("caid") or info.get("clientAlgoId") or info.get("clientOrderId")
        return str(own or wire.get("clientOrderId") or "")

    async def wallet(self, ex: Exchange, coins: Iterable[str]) -> dict[str, str]:
        answer = await ex.fapiPrivateV3GetAccount()
        held = {asset["asset"]: str(asset["walletBalance"]) for asset in answer["assets"]}
        return {coin: held.get(coin, "0") for coin in coins}

    async def hedge(self, ex: Exchange, symbol: str) -> bool | None:
        answer = await ex.fapiPrivateGetPositionSideDual()
        return str(answer["dualSidePosition"]).lower() == "true"

    async def leverage(self, ex: Exchange, symbol: str) -> float | None:
        found = await self._config(ex, symbol)
        return None if found is None else float(found["leverage"])

    async def margin_mode(self, ex: Exchange, symbol: str) -> str | None:
        found = await self._config(ex, symbol)
        return None if found is None else str(found["marginType"]).lower().replace("crossed", "cross")

    async def _config(self, ex: Exchange, symbol: str) -> Mapping[str, Any] | None:
        answer = await ex.fapiPrivateGetSymbolConfig({"symbol": ex.market(symbol)["id"]})
        return answer[0] if answer else None

    async def key_check(self, ex: Exchange) -> KeyCheck:
        answer = await ex.sapiGetAccountApiRestrictions()
        return KeyCheck(
            can_trade=_yes(answer.get("enableFutures")), can_withdraw=_yes(answer.get("enableWithdrawals"))
        )

    async def dead_man(self, ex: Exchange, symbols: Iterable[str], seconds: int) -> bool:
        """Per symbol; cancels normal orders. Whether it touches conditional ones is not documented."""
        for symbol in symbols:
            request = {"symbol": ex.market(symbol)["id"], "countdownTime": seconds * 1000}
            await ex.fapiPrivatePostCountdownCancelAll(request)
        return True


def _minds_its_key(made: type) -> type:
    """The library does not look at `listenKeyExpired`: the stream would stay up and say nothing any more.

    The key is forgotten and the connection ended, as after any failure; the next one gets a new key.
    """

    class MindsItsKey(made):  # type: ignore[misc]
        def handle_message(self, client: Any, message: Any) -> None:
            told = message.get("data", message) if isinstance(message, dict) else {}
            if isinstance(told, dict) and told.get("e") == "listenKeyExpired":
                for name, bucket in list(self.options.items()):
                    if isinstance(bucket, dict) and bucket.get("listenKey"):
                        self.options[name] = {**bucket, "listenKey": None, "lastAuthenticatedTime": 0}
                client.on_error(ConnectionError("the venue's listen key has expired"))
                return
            super().handle_message(client, message)

    return MindsItsKey


def _is_algo(info: Mapping[str, Any]) -> bool:
    return "algoId" in info or "aid" in info


def _yes(value: Any) -> bool | None:
    return None if value is None else str(value).lower() == "true"
