"""Klines and tickers against the prints themselves."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.core.units import NS_PER_S
from bot.market.events import Flag, Kind
from bot.rehearsal.errors import VenueError
from tests.rehearsing import BTC, ask, client, exchange_at, rehearsal


@pytest.mark.parametrize(("interval", "minutes"), [("1m", 1), ("5m", 5), ("15m", 15), ("1h", 60)])
def test_candles_are_those_of_the_prints(interval: str, minutes: int) -> None:
    exchange = exchange_at()
    seen: list[np.ndarray] = []
    exchange.world.subscribe(lambda rows: seen.append(rows.copy()))
    exchange.world.step(1900 * NS_PER_S)
    rows = np.concatenate(seen)
    rows = rows[(rows["kind"] == Kind.TRADE) & (rows["market"] == 0)]
    rows = rows[rows["flags"] & int(Flag.NOT_MARKET) == 0]
    places = rows["recv_ns"] // (minutes * 60 * NS_PER_S)
    candles = ask(exchange, "GET klines", symbol="BTCUSDT", interval=interval)
    found: dict[int, Any] = {c[0]: c for c in candles}
    assert len(found) == len(candles)
    for place in np.unique(places).tolist():
        inside = rows[places == place]
        prices = [Decimal(5) * p for p in inside["price"].tolist()]
        lots = inside["value"].astype(int)
        candle = found[place * minutes * 60_000]
        assert [Decimal(text) for text in candle[1:5]] == [prices[0], max(prices), min(prices), prices[-1]]
        assert Decimal(candle[5]) == Decimal(int(lots.sum())) / 1000
        value = sum(p * n for p, n in zip(prices, lots.tolist(), strict=True)) / 1000
        assert Decimal(candle[7]) == value
        assert candle[8] == inside.size
        assert Decimal(candle[9]) == Decimal(int(lots[inside["side"] > 0].sum())) / 1000


def test_every_minute_has_its_candle_also_without_prints() -> None:
    exchange = exchange_at()
    exchange.world.step(1900 * NS_PER_S)
    starts = [c[0] for c in ask(exchange, "GET klines", symbol="ETHUSDT", interval="1m")]
    assert len(starts) > 30
    assert set(np.diff(starts).tolist()) == {60_000}


def test_an_unknown_interval_is_refused() -> None:
    with pytest.raises(VenueError) as refused:
        ask(exchange_at(), "GET klines", symbol="BTCUSDT", interval="7m")
    assert refused.value.code == -1120


def test_ccxt_reads_candles_tickers_and_trades() -> None:
    async def run() -> None:
        async with rehearsal() as running, client(running) as ex:
            running.exchange.world.step(600 * NS_PER_S)
            candles = await ex.fetch_ohlcv(BTC, "1m", limit=5)
            ticker = await ex.fetch_ticker(BTC)
            trades = await ex.fetch_trades(BTC, limit=10, params={"fetchTradesMethod": "fapiPublicGetTrades"})
            assert len(candles) == 5
            assert candles[-1][4] == ticker["last"] == trades[-1]["price"]
            assert len(trades) == 10

    asyncio.run(run())
