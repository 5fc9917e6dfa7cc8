"""The part of a venue's trading interface that ccxt does not unify, as a small overridable face.

The base class is what ccxt documents for every venue; a subclass holds what a
venue does differently. `ex` is a ccxt.pro exchange, `symbol` its market.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from bot.core.enums import OrderType, TimeInForce, TriggerBy
from bot.core.messages import Order
from bot.execution.news import Refusal, Status

Exchange = Any
"""A ccxt.pro exchange: the library has no types."""

Wire = Mapping[str, Any]
"""A structure that ccxt returned."""


class OrderArgs(NamedTuple):
    """Arguments of `create_order`."""

    type: str
    price: float | None
    params: dict[str, Any]


class Fee(NamedTuple):
    """Paid with a trade, negative received; "" where the venue did not say."""

    amount: str
    coin: str


class Child(NamedTuple):
    """A conditional order's own state, and the order it became ("" none yet)."""

    status: Status
    order_id: str


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What the venue says about the key. None: it does not say."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    words: str = ""


_STATUS = {
    "open": Status.RESTING,
    "closed": Status.FILLED,
    "canceled": Status.CANCELED,
    "canceling": Status.RESTING,
    "expired": Status.EXPIRED,
    "rejected": Status.REFUSED,
}


class Dialect:
    """Any linear perpetual venue of ccxt, as its unified interface promises."""

    name = "ccxt"
    ccxt_id = ""
    options: Mapping[str, Any] = {"defaultType": "swap"}
    testnet = "sandbox"  # how its test world is reached: sandbox, demo or "" none
    conditional_listing: tuple[Mapping[str, Any], ...] = ({"trigger": True},)
    stop_self_test = "stop-market"
    stops_apart = True  # conditional orders have ids and listings of their own
    lists_all = False  # open orders of all markets come with one request that costs no more than one's
    market_needs_price = False
    forced_ids: tuple[str, ...] = ()  # client ids the venue itself closes positions under
    order_streams: tuple[Mapping[str, Any], ...] = ({},)  # arguments of `watch_orders`, one for each stream
    acknowledgements = (
        0  # of subscriptions, before the private streams are in effect; 0: the venue sends none
    )

    address_refusals: frozenset[int] = frozenset()  # statuses that stop everything asked from this address

    def __init__(self, ccxt_id: str = "") -> None:
        self.ccxt_id = ccxt_id or self.ccxt_id

    def prepare(self, ex: Exchange) -> None:
        """Settle what must never happen: resending inside the library, extra fees."""
        ex.options["maxRetriesOnFailure"] = 0
        ex.has["fetchCurrencies"] = False

    def weight(self, method: str, cost: float) -> int:
        """Of one request in the address's budget; `cost` is the library's own measure."""
        return 1

    def symbol(self, name: str, ex: Exchange) -> str | None:
        """ccxt's symbol of the linear perpetual that the venue calls `name`, None when it has none."""
        rows = ex.markets_by_id.get(name) or []
        rows = rows if isinstance(rows, list) else [rows]
        return next((str(m["symbol"]) for m in rows if m.get("swap") and m.get("linear")), None)

    def wire_id(self, client_id: str) -> str:
        """Our client id as this venue takes it; at most 36 characters fit everywhere but OKX."""
        return client_id

    def is_ours(self, wire_id: str) -> bool:
        """Whether an unknown client id was made by a Lopside."""
        return wire_id.startswith("lop-")

    def order_args(self, order: Order, wire_id: str, price: Decimal, trigger: Decimal) -> OrderArgs:
        """For `create_order`; `price` and `trigger` are 0 where the order has none."""
        params: dict[str, Any] = {"clientOrderId": wire_id}
        if order.reduce_only:
            params["reduceOnly"] = True
        if order.type is OrderType.STOP_MARKET:
            params |= {"stopLossPrice": float(trigger)} | self.trigger_params(order)
            return OrderArgs("market", None, params)
        if order.type is OrderType.MARKET:
            return OrderArgs("market", None, params)
        params |= self.force_params(order.time_in_force)
        return OrderArgs("limit", float(price), params)

    def trigger_params(self, order: Order) -> dict[str, Any]:
        return {}

    def force_params(self, force: TimeInForce) -> dict[str, Any]:
        if force is TimeInForce.POST_ONLY:
            return {"postOnly": True}
        return {"timeInForce": force.name}

    def client(self, made: type) -> type:
        """The library's class, or ours over it where the library overlooks something."""
        return made

    async def cancel(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire:
        params: dict[str, Any] = {"trigger": True} if self.apart(order) else {}
        if venue_id:
            return dict(await ex.cancel_order(venue_id, symbol, params))
        return dict(await ex.cancel_order(None, symbol, {"clientOrderId": wire_id, **params}))

    async def find(self, ex: Exchange, symbol: str, order: Order, wire_id: str, venue_id: str) -> Wire | None:
        """The order by our id; an OrderNotFound of the library is let through."""
        params: dict[str, Any] = {"clientOrderId": wire_id}
        if self.apart(order):
            params["trigger"] = True
        return dict(await ex.fetch_order(venue_id or None, symbol, params))

    def apart(self, order: Order) -> bool:
        """Whether an order lives among the conditional ones."""
        return self.stops_apart and order.type is OrderType.STOP_MARKET

    async def open_orders(self, ex: Exchange, symbols: Iterable[str]) -> list[tuple[Wire, bool]]:
        """Every resting order with whether it is a conditional one."""
        found: list[tuple[Wire, bool]] = []
        for symbol in (None,) if self.lists_all else symbols:
            found += [(o, False) for o in await ex.fetch_open_orders(symbol)]
            for params in self.conditional_listing if self.stops_apart else ():
                found += [(o, True) for o in await ex.fetch_open_orders(symbol, None, None, dict(params))]
        return found

    def refused(self, answer: Wire) -> str:
        """Why an answer that the library took for a success is none, in words with its code; "" it is one."""
        return ""

    def status(self, wire: Wire) -> Status:
        return _STATUS.get(str(wire.get("status") or "open"), Status.RESTING)

    def child(self, wire: Wire) -> Child | None:
        """State of a conditional order, None when `wire` is a normal one."""
        return None

    def client_id(self, wire: Wire) -> str:
        """As the venue holds it, of an order or of a trade; "" where it does not say."""
        return str(wire.get("clientOrderId") or "")

    def parent_id(self, wire: Wire) -> str:
        """The venue's id of the conditional order that an order or a trade came from, "" none."""
        return ""

    def venue_id(self, wire: Wire) -> str:
        return str(wire.get("id") or "")

    def forced(self, wire: Wire) -> bool:
        """Whether a trade was the venue's own closing of the position."""
        return bool(self.forced_ids) and self.client_id(wire).startswith(self.forced_ids)

    def acknowledged(self, message: Any) -> str:
        """Which subscription a message of the private stream confirms, "" for any other message."""
        return ""

    def mended(self, message: Any) -> Any:
        """A message of the private stream as the library understands it."""
        return message

    def trades(self, ex: Exchange, symbol: str, since_ms: int | None) -> Awaitable[Sequence[Wire]]:
        """Own executions since then, the oldest among them."""
        return ex.fetch_my_trades(symbol, since_ms, 500)  # type: ignore[no-any-return]

    def moved_position(self, wire: Wire) -> bool:
        """Whether an execution was a trade: some venues tell funding the same way."""
        return True

    def fee(self, wire: Wire) -> Fee:
        told = wire.get("fee") or {}
        cost = told.get("cost")
        return Fee("" if cost is None else _text(cost), str(told.get("currency") or ""))

    def maker(self, wire: Wire) -> bool | None:
        return {"maker": True, "taker": False}.get(str(wire.get("takerOrMaker")))

    def funding(self, wire: Wire) -> tuple[str, str]:
        """Id of a funding payment ("" none) and the amount received."""
        return str(wire.get("id") or ""), _text(wire["amount"])

    async def positions(self, ex: Exchange, symbols: Sequence[str]) -> Sequence[Wire]:
        return await ex.fetch_positions(list(symbols))  # type: ignore[no-any-return]

    async def wallet(self, ex: Exchange, coins: Iterable[str]) -> dict[str, str]:
        """Wallet balance by coin, without unrealised gains."""
        balance = await ex.fetch_balance()
        return {coin: _text(balance[coin]["total"]) for coin in coins if coin in balance}

    async def hedge(self, ex: Exchange, symbol: str) -> bool | None:
        """Whether the account is in hedge mode, None where the venue has none or does not say."""
        if not ex.has.get("fetchPositionMode"):
            return None
        return bool((await ex.fetch_position_mode(symbol)).get("hedged"))

    async def leverage(self, ex: Exchange, symbol: str) -> float | None:
        if not ex.has.get("fetchLeverage") or ex.has["fetchLeverage"] == "emulated":
            return None
        value = (await ex.fetch_leverage(symbol)).get("longLeverage")
        return None if value is None else float(value)

    async def margin_mode(self, ex: Exchange, symbol: str) -> str | None:
        return None

    async def key_check(self, ex: Exchange) -> KeyCheck:
        """Reads what the venue says about the key; venues that say nothing leave it None."""
        return KeyCheck(words=f"{self.name} does not tell what a key may do: make one that cannot withdraw")

    async def dead_man(self, ex: Exchange, symbols: Iterable[str], seconds: int) -> bool:
        """Arm (0: disarm) the venue's switch for resting entry quotes; False where it has none that fits."""
        return False

    def refusal(self, wire: Wire) -> Refusal:
        """Why a stored order was refused or expired, where the order itself says."""
        return Refusal.NONE


def short_id(client_id: str, digits: int) -> str:
    """Hex digest of a client id, for venues that take only certain characters."""
    return hashlib.blake2b(client_id.encode(), digest_size=16).hexdigest()[:digits]


def _text(amount: Any) -> str:
    return "0" if amount is None else format(Decimal(str(amount)), "f")


def mark_or_last(trigger_by: TriggerBy, mark: str, last: str) -> str:
    return mark if trigger_by is TriggerBy.MARK else last
