"""Bybit V5, unified account, linear: answers are acknowledgements only; states come by stream or by asking.

Conditional orders share ids and listings with normal ones and keep their id when triggered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from bot.core.enums import TimeInForce
from bot.core.messages import Order
from bot.execution.news import Refusal, Status
from bot.execution.venues.dialect import Dialect, Exchange, KeyCheck, Wire, mark_or_last

_STATUS = {
    "New": Status.RESTING,
    "Untriggered": Status.RESTING,
    "PartiallyFilled": Status.RESTING,
    "Triggered": Status.TRIGGERED,
    "Filled": Status.FILLED,
    "Cancelled": Status.CANCELED,
    "PartiallyFilledCanceled": Status.CANCELED,
    "Deactivated": Status.CANCELED,
    "Rejected": Status.REFUSED,
}
_REFUSAL = {
    "EC_PostOnlyWillTakeLiquidity": Refusal.POST_ONLY,
    "EC_ReduceOnlyCannotIncrease": Refusal.NOTHING_TO_REDUCE,
    "EC_NoEnoughQtyToFill": Refusal.OTHER,
}


_TRADED = frozenset(("Trade", "BustTrade", "AdlTrade"))
_PAGE, _PAGES = 100, 20


class Bybit(Dialect):
    name = "bybit"
    ccxt_id = "bybit"
    testnet = "demo"
    stop_self_test = "market order with triggerPrice at /v5/order/create"
    stops_apart = False
    acknowledgements = 2
    address_refusals = frozenset((403,))

    def acknowledged(self, message: Any) -> str:
        if not isinstance(message, dict) or message.get("op") != "subscribe" or not message.get("success"):
            return ""
        return str(message.get("req_id") or "")

    def trigger_params(self, order: Order) -> dict[str, Any]:
        return {"triggerBy": mark_or_last(order.trigger_by, "MarkPrice", "LastPrice")}

    def force_params(self, force: TimeInForce) -> dict[str, Any]:
        return {"postOnly": True} if force is TimeInForce.POST_ONLY else {"timeInForce": force.name}

    async def cancel(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire:
        # the library does not map clientOrderId here; its answer holds ids only
        answer = dict(await ex.cancel_order(None, symbol, {"orderLinkId": wire_id}))
        return {**answer, "status": None}

    async def find(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire | None:
        """Open and the last 500 ended orders, then the history."""
        for look in (ex.fetch_open_orders, ex.fetch_canceled_and_closed_orders):
            found = await look(symbol, None, None, {"orderLinkId": wire_id})
            mine = [o for o in found if self.client_id(o) == wire_id]
            if mine:
                return dict(mine[-1])
        return None

    def status(self, wire: Wire) -> Status:
        raw = str((wire.get("info") or {}).get("orderStatus") or "")
        return _STATUS.get(raw) or super().status(wire)

    def client_id(self, wire: Wire) -> str:
        return str((wire.get("info") or {}).get("orderLinkId") or wire.get("clientOrderId") or "")

    async def trades(self, ex: Exchange, symbol: str, since_ms: int | None) -> Sequence[Wire]:
        """Page by page, the newest first; the library would ask for plain trades only, no forced ones."""
        asked: dict[str, Any] = {"category": "linear", "symbol": ex.market(symbol)["id"], "limit": _PAGE}
        asked |= {} if since_ms is None else {"startTime": since_ms}
        found: list[Wire] = []
        for _ in range(_PAGES):
            page = (await ex.privateGetV5ExecutionList(asked))["result"]
            found += [ex.parse_trade(t) for t in page["list"] if t.get("execType") in _TRADED]
            if not page.get("nextPageCursor") or len(page["list"]) < _PAGE:
                break
            asked["cursor"] = page["nextPageCursor"]
        return found

    def moved_position(self, wire: Wire) -> bool:
        return (wire.get("info") or {}).get("execType") in _TRADED

    def funding(self, wire: Wire) -> tuple[str, str]:
        """The venue tells it as a fee: paid is positive."""
        return str(wire["id"]), format(-Decimal(str(wire["info"]["execFee"])), "f")

    async def positions(self, ex: Exchange, symbols: Sequence[str]) -> Sequence[Wire]:
        """One request for each coin that markets settle in: the library takes no list of symbols here."""
        coins = sorted({str(ex.market(symbol)["settleId"]) for symbol in symbols})
        found: list[Wire] = []
        for coin in coins:
            found += await ex.fetch_positions(None, {"settleCoin": coin})
        return found

    def forced(self, wire: Wire) -> bool:
        return (wire.get("info") or {}).get("execType") in ("BustTrade", "AdlTrade")

    def refusal(self, wire: Wire) -> Refusal:
        return _REFUSAL.get(str((wire.get("info") or {}).get("rejectReason") or ""), Refusal.NONE)

    async def wallet(self, ex: Exchange, coins: Iterable[str]) -> dict[str, str]:
        answer = (await ex.fetch_balance())["info"]["result"]["list"]
        held = {c["coin"]: str(c["walletBalance"] or "0") for account in answer for c in account["coin"]}
        return {coin: held.get(coin, "0") for coin in coins}

    async def hedge(self, ex: Exchange, symbol: str) -> bool | None:
        """A one-way position has the index 0; both sides listed mean hedge mode."""
        answer = await ex.privateGetV5PositionList({"category": "linear", "symbol": ex.market(symbol)["id"]})
        return any(str(p.get("positionIdx", "0")) != "0" for p in answer["result"]["list"])

    async def margin_mode(self, ex: Exchange, symbol: str) -> str | None:
        """Of the whole account."""
        answer = await ex.privateGetV5AccountInfo()
        raw = str(answer["result"].get("marginMode", ""))
        return {"ISOLATED_MARGIN": "isolated", "REGULAR_MARGIN": "cross"}.get(raw, raw.lower() or None)

    async def key_check(self, ex: Exchange) -> KeyCheck:
        told = (await ex.privateGetV5UserQueryApi())["result"]
        permissions = told.get("permissions") or {}
        trades = str(told.get("readOnly")) == "0" and bool(permissions.get("ContractTrade"))
        return KeyCheck(can_trade=trades, can_withdraw="Withdraw" in (permissions.get("Wallet") or []))
