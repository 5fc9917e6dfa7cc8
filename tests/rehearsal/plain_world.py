"""A world without kernels: seeded books that move a little every step, for tests of sockets and faults."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import numpy as np

from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument, find

LEVELS = 40


class PlainWorld:
    """Every step a book message, a touch and now and then a trade of every market; marks once a second."""

    def __init__(
        self, symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT"), seed: int = 7, every_s: float = 0.05
    ) -> None:
        self.instruments: tuple[Instrument, ...] = tuple(find(f"binance-usdm:{s}") for s in symbols)
        self.books: list[tuple[dict[int, int], dict[int, int]]] = []
        self.every_s = every_s
        self.going = True
        self._random = random.Random(seed)
        self._listeners: list[Callable[[np.ndarray], None]] = []
        self._ref = 50_000
        self._trade = 1_000
        self._steps = 0
        self._mids = [600_000 + 1000 * k for k in range(len(symbols))]
        for mid in self._mids:
            self.books.append(
                (
                    {mid - 1 - k: self._lots() for k in range(LEVELS)},
                    {mid + 1 + k: self._lots() for k in range(LEVELS)},
                )
            )

    def now_ns(self) -> int:
        return time.time_ns()

    def subscribe(self, on_rows: Callable[[np.ndarray], None]) -> None:
        self._listeners.append(on_rows)

    def depth(self, market: int, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        bids, asks = self.books[market]
        return sorted(bids.items(), reverse=True)[:limit], sorted(asks.items())[:limit]

    async def run(self) -> None:
        while self.going:
            self.step()
            await asyncio.sleep(self.every_s)

    def step(self) -> None:
        out = RowBuffer()
        now_ns = self.now_ns()
        self._steps += 1
        for market in range(len(self.books)):
            self._one(market, now_ns, out)
        rows = out.take()
        for listener in self._listeners:
            listener(rows)

    def _one(self, market: int, now_ns: int, out: RowBuffer) -> None:
        bids, asks = self.books[market]
        self._ref += self._random.randrange(1, 9)
        best_bid, best_ask = max(bids), min(asks)
        for _ in range(6):
            tick = best_bid - self._random.randrange(LEVELS)
            bids[tick] = self._lots()
            out.put(Kind.LEVEL, now_ns, now_ns, market, side=1, price=tick, value=bids[tick])
            tick = best_ask + self._random.randrange(LEVELS)
            asks[tick] = self._lots()
            out.put(Kind.LEVEL, now_ns, now_ns, market, side=-1, price=tick, value=asks[tick])
        if self._random.random() < 0.2 and len(bids) > 20:
            del bids[best_bid]
            out.put(Kind.LEVEL, now_ns, now_ns, market, side=1, price=best_bid, value=0)
        elif self._random.random() < 0.2 and best_bid + 1 < best_ask:
            bids[best_bid + 1] = self._lots()
            out.put(Kind.LEVEL, now_ns, now_ns, market, side=1, price=best_bid + 1, value=bids[best_bid + 1])
        out.put(Kind.COMMIT, now_ns, now_ns, market, ref=self._ref)
        for side, tick, book in ((1, max(bids), bids), (-1, min(asks), asks)):
            out.put(Kind.BBO, now_ns, now_ns, market, side=side, price=tick, value=book[tick])
        out.put(Kind.COMMIT, now_ns, now_ns, market, ref=self._ref, flags=Flag.BBO)
        if self._random.random() < 0.3:
            self._trade += 1
            out.put(
                Kind.TRADE,
                now_ns,
                now_ns,
                market,
                side=1,
                price=min(asks),
                value=self._lots(),
                ref=self._trade,
            )
        if self._steps % 20 == 1:
            mark = float(self.instruments[market].tick) * (max(bids) + min(asks)) / 2
            out.put(Kind.MARK, now_ns, now_ns, market, value=mark)
            out.put(Kind.INDEX, now_ns, now_ns, market, value=mark)
            out.put(Kind.FUNDING, now_ns, now_ns, market, value=1e-4, ref=now_ns + 10**12)

    def _lots(self) -> int:
        return self._random.randrange(1, 5000)
