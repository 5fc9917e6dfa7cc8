"""Unsigned endpoints made of prints: klines, last trades, the day's ticker."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.market.instruments import Instrument
from bot.rehearsal.candles import INTERVALS, MINUTE_MS, Candle
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.params import Params
from bot.rehearsal.payloads import Json, price_text, quantity_text

DAY_MS = 1_440 * MINUTE_MS


def klines(ex: Exchange, params: Params) -> list[list[Any]]:
    market = ex.market(params["symbol"])
    minutes = INTERVALS.get(params["interval"])
    if minutes is None:
        raise VenueError(-1120)
    from_ms, to_ms = params.span_ms()
    found = [c for c in ex.candles.of(market, minutes) if from_ms <= c.start_ms <= to_ms]
    limit = params.limit(500, 1500)
    instrument = ex.world.instruments[market]
    return [_kline(c, instrument, minutes) for c in (found[:limit] if from_ms else found[-limit:])]


def _kline(candle: Candle, instrument: Instrument, minutes: int) -> list[Any]:
    prices = [price_text(instrument, p) for p in (candle.open, candle.high, candle.low, candle.close)]
    return [
        candle.start_ms,
        *prices,
        quantity_text(instrument, candle.lots),
        candle.start_ms + minutes * MINUTE_MS - 1,
        _value_text(instrument, candle.value),
        candle.trades,
        quantity_text(instrument, candle.bought_lots),
        _value_text(instrument, candle.bought_value),
        "0",
    ]


def _value_text(instrument: Instrument, lots_ticks: int) -> str:
    return f"{instrument.lot * instrument.tick * lots_ticks:.8f}"


def last_trades(ex: Exchange, params: Params) -> list[Json]:
    market = ex.market(params["symbol"])
    instrument = ex.world.instruments[market]
    return [
        {
            "id": said.id,
            "price": price_text(instrument, said.price),
            "qty": quantity_text(instrument, said.lots),
            "quoteQty": _value_text(instrument, said.lots * said.price),
            "time": said.time_ms,
            "isBuyerMaker": said.sold,
        }
        for said in list(ex.candles.prints[market])[-params.limit(500, 1000) :]
    ]


def day_ticker(ex: Exchange, params: Params) -> Any:
    if "symbol" in params:
        return _day(ex, ex.market(params["symbol"]))
    return [_day(ex, market) for market in range(len(ex.world.instruments))]


def _day(ex: Exchange, market: int) -> Json:
    """What was printed in the last 24 hours, as far as it is known."""
    instrument = ex.world.instruments[market]
    price = int(ex.world.state.heads[market]["trade_price"])
    now_ms = ex.now_ms()
    day = ex.candles.day(market) or Candle(now_ms, price, price, price, price)
    prints = ex.candles.prints[market]
    last = prints[-1] if prints else None
    mean = instrument.tick * day.value / day.lots if day.lots else instrument.price(day.close)
    change = Decimal(100) * (day.close - day.open) / day.open if day.open else Decimal(0)
    return {
        "symbol": instrument.symbol,
        "priceChange": price_text(instrument, day.close - day.open),
        "priceChangePercent": f"{change:.3f}",
        "weightedAvgPrice": f"{mean:.8f}",
        "lastPrice": price_text(instrument, day.close),
        "lastQty": quantity_text(instrument, last.lots if last else 0),
        "openPrice": price_text(instrument, day.open),
        "highPrice": price_text(instrument, day.high),
        "lowPrice": price_text(instrument, day.low),
        "volume": quantity_text(instrument, day.lots),
        "quoteVolume": _value_text(instrument, day.value),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": prints[0].id if prints else -1,
        "lastId": last.id if last else -1,
        "count": day.trades,
    }
