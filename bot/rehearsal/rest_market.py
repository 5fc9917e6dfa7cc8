"""Unsigned endpoints: time, rules, books, prices, funding."""

from __future__ import annotations

from math import isnan
from typing import Any

from bot.core.units import NS_PER_MS
from bot.rehearsal.account import COIN
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.limits import MINUTE_WEIGHT, ORDERS_10S, ORDERS_MINUTE
from bot.rehearsal.params import Params
from bot.rehearsal.payloads import Json, digits, price_text, quantity_text
from bot.rehearsal.rules import ALGO_TYPES, TIMES_IN_FORCE, filters

DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
PERPETUAL_DELIVERY_MS = 4133404800000
_DAY_MS = 86_400_000


def ping(ex: Exchange, params: Params) -> Json:
    return {}


def exchange_info(ex: Exchange, params: Params) -> Json:
    symbols = [
        {
            "symbol": i.symbol,
            "pair": i.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": PERPETUAL_DELIVERY_MS,
            "onboardDate": ex.account.opened_ms - _DAY_MS,
            "status": "TRADING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": i.symbol.removesuffix(i.settle),
            "quoteAsset": i.settle,
            "marginAsset": i.settle,
            "pricePrecision": digits(i.tick),
            "quantityPrecision": digits(i.lot),
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "triggerProtect": "0.0500",
            "liquidationFee": f"{ex.world.venue.settings.liquidation_fee:f}",
            "marketTakeBound": "0.05",
            "maxMoveOrderLimit": 10000,
            "filters": filters(i),
            "orderTypes": ["LIMIT", "MARKET", *ALGO_TYPES],
            "timeInForce": list(TIMES_IN_FORCE),
            "permissionSets": ["GRID", "COPY"],
        }
        for i in ex.world.instruments
    ]
    return {
        "timezone": "UTC",
        "serverTime": ex.world.api_ns() // NS_PER_MS,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, MINUTE_WEIGHT),
            _limit("ORDERS", "MINUTE", 1, ORDERS_MINUTE),
            _limit("ORDERS", "SECOND", 10, ORDERS_10S),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": COIN, "marginAvailable": True, "autoAssetExchange": "0"}],
        "symbols": symbols,
    }


def _limit(what: str, interval: str, number: int, most: int) -> Json:
    return {"rateLimitType": what, "interval": interval, "intervalNum": number, "limit": most}


def depth_weight(params: Params) -> int:
    limit = params.whole("limit", 500)
    return next((weight for most, weight in ((50, 2), (100, 5), (500, 10)) if limit <= most), 20)


def depth(ex: Exchange, params: Params) -> Json:
    limit = params.whole("limit", 500)
    if limit not in DEPTHS:
        raise VenueError(-4021)
    market = ex.market(params["symbol"])
    bids, asks = ex.world.depth(market, limit)
    head = ex.world.state.heads[market]
    at_ms = int(head["commit_ns"]) // NS_PER_MS
    return {
        "lastUpdateId": int(head["update_id"]),
        "E": ex.now_ms(),
        "T": at_ms,
        "bids": _levels(ex, market, bids),
        "asks": _levels(ex, market, asks),
    }


def _levels(ex: Exchange, market: int, levels: list[tuple[int, int]]) -> list[list[str]]:
    i = ex.world.instruments[market]
    return [[price_text(i, tick), quantity_text(i, lots)] for tick, lots in levels]


def premium_index(ex: Exchange, params: Params) -> Any:
    return _one_or_all(ex, params, _premium)


def _premium(ex: Exchange, market: int) -> Json:
    head = ex.world.state.heads[market]
    mark = _reading(ex.account.mark(market))
    return {
        "symbol": ex.world.instruments[market].symbol,
        "markPrice": mark,
        "indexPrice": mark if isnan(head["index"]) else _reading(head["index"]),
        "estimatedSettlePrice": mark,
        "lastFundingRate": _reading(head["funding_rate"]),
        "interestRate": "0.00010000",
        "nextFundingTime": int(head["funding_ns"]) // NS_PER_MS,
        "time": ex.now_ms(),
    }


def _reading(value: float) -> str:
    return "" if isnan(value) else f"{value:.8f}"


def open_interest(ex: Exchange, params: Params) -> Json:
    market = ex.market(params["symbol"])
    value = float(ex.world.state.heads[market]["open_interest"])
    text = "0" if isnan(value) else f"{value:.{digits(ex.world.instruments[market].lot)}f}"
    return {"symbol": params["symbol"], "openInterest": text, "time": ex.now_ms()}


def funding_rate(ex: Exchange, params: Params) -> list[Json]:
    """Settlements since the doors opened."""
    from_ms, to_ms = params.span_ms()
    asked = ex.market(params["symbol"]) if "symbol" in params else None
    found = [f for f in ex.account.fundings if asked in (None, f.market) and from_ms <= f.time_ms <= to_ms]
    limit = params.limit(100, 1000)
    return [
        {
            "symbol": ex.world.instruments[f.market].symbol,
            "fundingTime": f.time_ms,
            "fundingRate": _reading(f.rate),
            "markPrice": _reading(f.mark),
        }
        for f in (found[:limit] if from_ms else found[-limit:])
    ]


def funding_info(ex: Exchange, params: Params) -> list[Json]:
    """Only markets that do not settle every eight hours are listed; none can be named here."""
    return []


def book_ticker(ex: Exchange, params: Params) -> Any:
    return _one_or_all(ex, params, _touch)


def _touch(ex: Exchange, market: int) -> Json:
    instrument = ex.world.instruments[market]
    bids, asks = ex.world.depth(market, 1)
    bid, ask = (bids or [(0, 0)])[0], (asks or [(0, 0)])[0]
    return {
        "symbol": instrument.symbol,
        "bidPrice": price_text(instrument, bid[0]),
        "bidQty": quantity_text(instrument, bid[1]),
        "askPrice": price_text(instrument, ask[0]),
        "askQty": quantity_text(instrument, ask[1]),
        "time": ex.now_ms(),
        "lastUpdateId": int(ex.world.state.heads[market]["update_id"]),
    }


def ticker_price(ex: Exchange, params: Params) -> Any:
    return _one_or_all(ex, params, _last)


def _last(ex: Exchange, market: int) -> Json:
    instrument = ex.world.instruments[market]
    last = int(ex.world.state.heads[market]["trade_price"])
    return {"symbol": instrument.symbol, "price": price_text(instrument, last), "time": ex.now_ms()}


def _one_or_all(ex: Exchange, params: Params, of: Any) -> Any:
    if "symbol" in params:
        return of(ex, ex.market(params["symbol"]))
    return [of(ex, market) for market in range(len(ex.world.instruments))]
