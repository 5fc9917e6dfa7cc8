"""Any other venue, through ccxt.pro: its books and trades as rows.

ccxt keeps the book and says when it changed, not what changed, so each update
is compared with the last one. What it cannot give (sequence, touch, mark) is
missing; its errors are gaps. Slower by far than a native decoder: a reference.
Source: ccxt.pro manual, `watchOrderBook`, `watchTrades`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bot.core.clock import Clock
from bot.core.errors import BadInput
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.feeds.backoff import Backoff
from bot.market.feeds.feed import FeedCounts, Sink
from bot.market.instruments import Instrument

DEPTH = 100
SEEN_TRADES = 2048


@dataclass(slots=True)
class _Told:
    """What was put on the stream of one market."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    begun: bool = False
    lost_ns: int = 0  # 0 never
    updates: int = 0
    trades: dict[str, None] = field(default_factory=dict)  # ids, in order


@dataclass(slots=True)
class CcxtFeed:
    """Runs one ccxt.pro exchange until cancelled. `exchange` makes it, inside the running loop."""

    venue: str
    instruments: Mapping[int, Instrument]
    exchange: Callable[[], Any]
    sink: Sink
    clock: Clock
    random: Random
    on_news: Callable[[str, Mapping[str, Any]], None] | None = None
    counts: FeedCounts = field(default_factory=FeedCounts)
    last_trouble: str = ""
    _told: dict[int, _Told] = field(init=False)

    def __post_init__(self) -> None:
        self._told = {market: _Told() for market in self.instruments}

    @property
    def name(self) -> str:
        return f"{self.venue} through ccxt"

    def troubles(self) -> set[str]:
        return {self.last_trouble or "connected, but it says nothing"}

    def status(self) -> dict[str, Any]:
        counts = {name: getattr(self.counts, name) for name in FeedCounts.__slots__}
        return {"venue": self.venue, "counts": counts, "last_trouble": self.last_trouble}

    def resync(self, reason: str) -> bool:
        """ccxt begins its books anew by itself."""
        return False

    def question(self, market: int, reason: str) -> None:
        """There is nothing to ask."""

    async def run(self) -> None:
        exchange = self.exchange()
        try:
            await self._load(exchange)
            symbols = {f"{m['base']}{m['quote']}": s for s, m in exchange.markets.items() if m.get("swap")}
            async with asyncio.TaskGroup() as tasks:
                for market, instrument in self.instruments.items():
                    symbol = symbols.get(instrument.symbol)
                    if symbol is None:
                        raise BadInput(f"{self.venue} lists no perpetual {instrument.symbol}")
                    tasks.create_task(self._again(self._book, exchange, market, symbol))
                    tasks.create_task(self._again(self._trades, exchange, market, symbol))
        finally:
            await exchange.close()

    async def _load(self, exchange: Any) -> None:
        """The markets; tries for ever."""
        import ccxt

        backoff = Backoff(self.random)
        while True:
            try:
                await exchange.load_markets()
                return
            except ccxt.BaseError as error:
                self.last_trouble = _explain(error)
                await asyncio.sleep(backoff.after(0.0))

    async def _again(self, watch: Callable[..., Any], exchange: Any, market: int, symbol: str) -> None:
        """One kind of data of one market; an error is a gap and a pause."""
        import ccxt

        loop = asyncio.get_running_loop()
        backoff = Backoff(self.random)
        while True:
            began_s = loop.time()
            try:
                while True:
                    await watch(exchange, market, symbol)
            except ccxt.BaseError as error:
                self.last_trouble = _explain(error)
                await self._lose(market)
                await asyncio.sleep(backoff.after(loop.time() - began_s))

    async def _book(self, exchange: Any, market: int, symbol: str) -> None:
        book = await exchange.watch_order_book(symbol)
        instrument, told, out = self.instruments[market], self._told[market], RowBuffer()
        now_ns, exch_ns = self.clock.now_ns(), int(book.get("timestamp") or 0) * NS_PER_MS
        try:
            bids = _side(instrument, book["bids"])
            asks = _side(instrument, book["asks"])
        except BadInput as error:
            self.last_trouble = str(error)
            return
        if not told.begun:
            told.bids, told.asks = {}, {}
            out.put(Kind.SNAPSHOT, now_ns, exch_ns, market)
        for side, before, now in ((1, told.bids, bids), (-1, told.asks, asks)):
            for tick in before.keys() - now.keys():
                out.put(Kind.LEVEL, now_ns, exch_ns, market, side=side, price=tick, value=0.0)
            for tick, lots in now.items():
                if before.get(tick) != lots:
                    out.put(Kind.LEVEL, now_ns, exch_ns, market, side=side, price=tick, value=float(lots))
        if not len(out):
            return
        told.updates += 1
        flags = 0 if told.begun else Flag.SNAPSHOT
        ref = int(book.get("nonce") or told.updates)
        out.put(Kind.COMMIT, now_ns, exch_ns, market, ref=ref, flags=flags)
        if not told.begun and told.lost_ns:
            self._news("feed_connected", market, away_s=round((now_ns - told.lost_ns) / NS_PER_S, 3))
        told.bids, told.asks, told.begun = bids, asks, True
        await self._give(out)

    async def _trades(self, exchange: Any, market: int, symbol: str) -> None:
        trades = await exchange.watch_trades(symbol)
        instrument, told, out = self.instruments[market], self._told[market], RowBuffer()
        now_ns = self.clock.now_ns()
        for trade in trades:
            number = str(trade.get("id") or f"{trade['timestamp']}{trade['price']}{trade['amount']}")
            if number in told.trades:
                continue
            told.trades[number] = None
            if len(told.trades) > SEEN_TRADES:
                del told.trades[next(iter(told.trades))]
            side = {"buy": 1, "sell": -1}.get(trade.get("side"), 0)
            try:
                price, lots = instrument.ticks(str(trade["price"])), instrument.lots(str(trade["amount"]))
            except BadInput as error:
                self.last_trouble = str(error)
                continue
            out.put(
                Kind.TRADE,
                now_ns,
                int(trade.get("timestamp") or 0) * NS_PER_MS,
                market,
                side=side,
                price=price,
                value=float(lots),
                ref=int(number) if number.isdigit() and len(number) < 19 else 0,
                flags=0 if side else Flag.NO_SIDE,
            )
        if len(out):
            await self._give(out)

    async def _lose(self, market: int) -> None:
        told = self._told[market]
        if not told.begun:
            return
        told.begun = False
        told.lost_ns = now_ns = self.clock.now_ns()
        self._news("feed_disconnected", market, reason=self.last_trouble)
        out = RowBuffer()
        out.put(Kind.GAP, now_ns, 0, market)
        await self._give(out)

    def _news(self, what: str, market: int, **detail: Any) -> None:
        if self.on_news is not None:
            symbol = self.instruments[market].symbol
            self.on_news(what, {"venue": self.venue, "connection": symbol} | detail)

    async def _give(self, out: RowBuffer) -> None:
        """ccxt has the newest book whenever we ask, so waiting for room loses nothing of it."""
        rows = out.take()
        self.counts.rows += rows.size
        await self.sink.put(rows)


def _side(instrument: Instrument, levels: Any) -> dict[int, int]:
    """Ticks to lots of the best levels."""
    return {instrument.ticks(str(level[0])): instrument.lots(str(level[1])) for level in list(levels)[:DEPTH]}


def _explain(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
