"""What an order must look like: the filters of exchangeInfo, applied with the venue's own refusals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.core.enums import Side
from bot.market.events import MAX_TICK
from bot.market.instruments import Instrument
from bot.rehearsal.errors import VenueError
from bot.rehearsal.params import Params
from bot.rehearsal.payloads import digits

MAX_LOTS = 10_000_000
MAX_ORDERS = 200
"""Open orders a symbol; the matching tables hold 256 of all symbols together."""
MAX_ALGO_ORDERS = 200
MULTIPLIER_UP, MULTIPLIER_DOWN = Decimal("1.05"), Decimal("0.95")

TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
ALGO_TYPES = ("STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP", "TAKE_PROFIT")
WORKING_TYPES = ("CONTRACT_PRICE", "MARK_PRICE")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that passed the filters."""

    market: int
    side: Side
    type: str
    time_in_force: str
    lots: int
    price: int
    reduce_only: bool
    client_id: str


@dataclass(frozen=True, slots=True)
class Conditional:
    """A conditional order that passed the filters."""

    market: int
    side: Side
    type: str
    time_in_force: str
    lots: int
    price: int
    trigger: int
    working_type: str
    reduce_only: bool
    close_position: bool
    price_protect: bool
    client_id: str


def side_of(params: Params) -> Side:
    try:
        return Side[params["side"]]
    except KeyError:
        raise VenueError(-1117) from None


def one_way(params: Params) -> None:
    """Only one-way mode is served."""
    if params.text("positionSide", "BOTH") != "BOTH":
        raise VenueError(-4061)


def lots_of(params: Params, instrument: Instrument, name: str = "quantity") -> int:
    """LOT_SIZE."""
    quantity = params.number(name)
    if quantity <= 0:
        raise VenueError(-4003)
    lots = _steps(quantity, instrument.lot, -4023)
    if lots > MAX_LOTS:
        raise VenueError(-4005)
    return lots


def ticks_of(params: Params, instrument: Instrument, name: str = "price") -> int:
    """PRICE_FILTER."""
    price = params.number(name)
    if price < 0:
        raise VenueError(-4001)
    ticks = _steps(price, instrument.tick, -4014)
    if ticks == 0:
        raise VenueError(-4013)
    if ticks > MAX_TICK:
        raise VenueError(-4002)
    return ticks


def _steps(value: Decimal, step: Decimal, code: int) -> int:
    """More digits than the market has are one error, a wrong step within them another."""
    if digits(value) > digits(step):
        raise VenueError(-1111)
    count = value / step
    if count != count.to_integral_value():
        raise VenueError(code)
    return int(count)


def near_mark(side: Side, price: Decimal, mark: Decimal) -> None:
    """PERCENT_PRICE: bids not far above, asks not far below the mark."""
    if mark.is_nan():
        return
    if side is Side.BUY and price > mark * MULTIPLIER_UP:
        raise VenueError(-4016, (mark * MULTIPLIER_UP).normalize())
    if side is Side.SELL and price < mark * MULTIPLIER_DOWN:
        raise VenueError(-4024, (mark * MULTIPLIER_DOWN).normalize())


def wanted_order(params: Params, market: int, instrument: Instrument, mark: float, new_id: str) -> Wanted:
    """Raises the venue's refusal of the first rule that is broken."""
    one_way(params)
    side = side_of(params)
    kind = params["type"]
    if kind in (*ALGO_TYPES, "TRAILING_STOP_MARKET"):
        raise VenueError(-4120)
    if kind not in ("LIMIT", "MARKET"):
        raise VenueError(-1116)
    if params.flag("closePosition"):
        raise VenueError(-4136, kind)
    lots = lots_of(params, instrument)
    reduce_only = params.flag("reduceOnly")
    in_force, price = _limit_terms(params, instrument) if kind == "LIMIT" else ("GTC", 0)
    exact_mark = Decimal(repr(mark))
    if kind == "LIMIT":
        near_mark(side, instrument.price(price), exact_mark)
    elif "price" in params:
        raise VenueError(-1106, "price")
    at = instrument.price(price) if price else exact_mark
    if not reduce_only and not at.is_nan() and at * instrument.quantity(lots) < instrument.min_notional:
        raise VenueError(-4164, instrument.min_notional)
    client_id = params.client_id("newClientOrderId", new_id)
    return Wanted(market, side, kind, in_force, lots, price, reduce_only, client_id)


def _limit_terms(params: Params, instrument: Instrument) -> tuple[str, int]:
    in_force = params["timeInForce"]
    if in_force not in TIMES_IN_FORCE:
        raise VenueError(-1115)
    return in_force, ticks_of(params, instrument)


def wanted_conditional(params: Params, market: int, instrument: Instrument, new_id: str) -> Conditional:
    """Of POST algoOrder. Raises the venue's refusal of the first rule that is broken."""
    one_way(params)
    if params["algoType"] != "CONDITIONAL":
        raise VenueError(-1130, "algoType")
    side = side_of(params)
    kind = params["type"]
    if kind not in ALGO_TYPES:
        raise VenueError(-1116)
    close = params.flag("closePosition")
    by_market = kind.endswith("_MARKET")
    if close and (not by_market or "quantity" in params):
        raise VenueError(-4136, kind)
    if close and "reduceOnly" in params:
        raise VenueError(-1106, "reduceonly")
    working = params.text("workingType", "CONTRACT_PRICE")
    if working not in WORKING_TYPES:
        raise VenueError(-1130, "workingType")
    return Conditional(
        market=market,
        side=side,
        type=kind,
        time_in_force=params.text("timeInForce", "GTC"),
        lots=0 if close else lots_of(params, instrument),
        price=0 if by_market else ticks_of(params, instrument),
        trigger=ticks_of(params, instrument, "triggerPrice"),
        working_type=working,
        reduce_only=params.flag("reduceOnly"),
        close_position=close,
        price_protect=params.text("priceProtect", "false").lower() == "true",
        client_id=params.client_id("clientAlgoId", new_id),
    )


def filters(instrument: Instrument) -> list[dict[str, Any]]:
    """As exchangeInfo tells them."""
    lots = {
        "minQty": str(instrument.lot),
        "maxQty": f"{instrument.quantity(MAX_LOTS):f}",
        "stepSize": str(instrument.lot),
    }
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": f"{instrument.tick:f}",
            "maxPrice": f"{instrument.price(MAX_TICK):f}",
            "tickSize": f"{instrument.tick:f}",
        },
        {"filterType": "LOT_SIZE", **lots},
        {"filterType": "MARKET_LOT_SIZE", **lots},
        {"filterType": "MAX_NUM_ORDERS", "limit": MAX_ORDERS},
        {"filterType": "MIN_NOTIONAL", "notional": f"{instrument.min_notional:f}"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{MULTIPLIER_UP:f}",
            "multiplierDown": f"{MULTIPLIER_DOWN:f}",
            "multiplierDecimal": "4",
        },
    ]
