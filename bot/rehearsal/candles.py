"""Candles, last trades and the day's figures of every market, from its prints.

A minute is the smallest candle; longer ones are made of minutes when asked
for. What was printed before the doors opened is not known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from bot.core.units import NS_PER_MS
from bot.market.events import Flag, Kind

MINUTE_MS = 60_000
DAY_MINUTES = 1_440
KEPT_MINUTES = 7 * DAY_MINUTES
KEPT_TRADES = 1_000

INTERVALS = {
    f"{count}{unit}": count * minutes
    for unit, minutes, counts in (
        ("m", 1, (1, 3, 5, 15, 30)),
        ("h", 60, (1, 2, 4, 6, 8, 12)),
        ("d", DAY_MINUTES, (1, 3)),
    )
    for count in counts
}
"""Minutes of each interval that is served."""


@dataclass(slots=True)
class Candle:
    """Prices in ticks, volumes in lots, values in lots times ticks; empty minutes have `trades` 0."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    value: int = 0
    trades: int = 0
    bought_lots: int = 0
    bought_value: int = 0

    def add(self, price: int, lots: int, bought: bool) -> None:
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.lots += lots
        self.value += lots * price
        self.trades += 1
        if bought:
            self.bought_lots += lots
            self.bought_value += lots * price


@dataclass(frozen=True, slots=True)
class Print:
    id: int
    price: int
    lots: int
    time_ms: int
    sold: bool  # the aggressor sold: the buyer was the maker


class Candles:
    """A listener of the world's rows."""

    def __init__(self, markets: int) -> None:
        self._minutes: list[deque[Candle]] = [deque(maxlen=KEPT_MINUTES) for _ in range(markets)]
        self.prints: list[deque[Print]] = [deque(maxlen=KEPT_TRADES) for _ in range(markets)]
        self._count = 0

    def on_rows(self, rows: np.ndarray) -> None:
        market = (rows["kind"] == Kind.TRADE) & (rows["flags"] & int(Flag.NOT_MARKET) == 0)
        for row in rows[market].tolist():
            fields = dict(zip(rows.dtype.names or (), row, strict=True))
            self._add(fields["market"], fields)

    def _add(self, market: int, row: dict[str, int]) -> None:
        self._count += 1
        at_ms = row["recv_ns"] // NS_PER_MS
        price, lots, bought = row["price"], int(row["value"]), row["side"] >= 0
        said = Print(row["ref"] if row["ref"] > 0 else self._count, price, lots, at_ms, not bought)
        self.prints[market].append(said)
        minutes, start_ms = self._minutes[market], at_ms // MINUTE_MS * MINUTE_MS
        while minutes and start_ms - minutes[-1].start_ms > MINUTE_MS:
            minutes.append(_empty(minutes[-1]))
        if not minutes or minutes[-1].start_ms != start_ms:
            minutes.append(Candle(start_ms, price, price, price, price))
        minutes[-1].add(price, lots, bought)

    def of(self, market: int, minutes: int) -> Iterator[Candle]:
        """Candles of so many minutes, oldest first; they begin at whole multiples of their length."""
        length_ms = minutes * MINUTE_MS
        for _, group in groupby(list(self._minutes[market]), lambda candle: candle.start_ms // length_ms):
            yield _joined(list(group), length_ms)

    def day(self, market: int) -> Candle | None:
        """The last 24 hours as one candle, None before the first print."""
        last = list(self._minutes[market])[-DAY_MINUTES:]
        return _joined(last, MINUTE_MS) if last else None


def _empty(before: Candle) -> Candle:
    price = before.close
    return Candle(before.start_ms + MINUTE_MS, price, price, price, price)


def _joined(candles: list[Candle], length_ms: int) -> Candle:
    whole = replace(candles[0], start_ms=candles[0].start_ms // length_ms * length_ms)
    for candle in candles[1:]:
        whole.high, whole.low = max(whole.high, candle.high), min(whole.low, candle.low)
        whole.close = candle.close
        for name in ("lots", "value", "trades", "bought_lots", "bought_value"):
            setattr(whole, name, getattr(whole, name) + getattr(candle, name))
    return whole
