"""A small market around the paper venue: the hooks in the compiled loop's order, one call a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.core.enums import OrderRole, OrderType, Side
from bot.core.jit import njit
from bot.core.messages import Order, Report
from bot.execution import matching
from bot.execution.paper import PaperSettings, PaperVenue
from bot.market import book as ladder
from bot.market.heads import new_heads
from bot.market.instruments import Contract, Instrument

LINEAR = Instrument("paper", "LIN", Decimal("0.1"), Decimal("0.001"), max_leverage=100)
INVERSE = Instrument(
    "paper",
    "INV",
    Decimal("0.5"),
    Decimal(1),
    contract=Contract.INVERSE,
    contract_size=Decimal(100),
    settle="BTC",
    max_leverage=100,
)


@njit
def _level(mt, books, heads, m, side, tick, lots):
    before = ladder.set_level(books, m, side, tick, lots)
    if mt.watch[m] != 0:
        matching.on_level(mt, m, side, tick, before, lots)


@njit
def _commit(mt, books, heads, m, t):
    ladder.settle(books, m)
    if mt.watch[m] != 0:
        bid, ask = ladder.best_tick(books, m, ladder.BID), ladder.best_tick(books, m, ladder.ASK)
        matching.on_commit(mt, books, heads, m, bid, ask, t)


@njit
def _trade(mt, books, heads, m, side, tick, lots, t):
    heads[m].trade_price = tick
    if mt.watch[m] != 0:
        matching.on_trade(mt, books, heads, m, side, tick, lots, t)


@njit
def _mark(mt, books, heads, m, price, t):
    heads[m].mark = price
    if mt.watch[m] != 0:
        matching.on_mark(mt, books, heads, m, t)


@njit
def _clear(mt, books, m):
    ladder.clear(books, m)
    if mt.watch[m] != 0:
        matching.on_clear(mt, m)


class World:
    """Messages in, reports out; `t` is corrected venue time in ns and also our receive time."""

    def __init__(self, instruments: Iterable[Instrument], settings: PaperSettings) -> None:
        self.instruments = tuple(instruments)
        self.heads = new_heads(self.instruments)
        self.books = ladder.new_books(len(self.instruments), max_tick=1 << 14, pages=16)
        self.venue = PaperVenue(self.instruments, settings, self.heads)
        self.now = 0
        self.sent = 0

    def begin(self, t: int) -> None:
        """A message of any market begins."""
        self.now = t
        if t >= self.venue.mt.clock[0]:
            matching.on_arrivals(self.venue.mt, self.books, self.heads, t)

    def book(
        self,
        t: int,
        bids: Mapping[int, int] | None = None,
        asks: Mapping[int, int] | None = None,
        *,
        m: int = 0,
        snapshot: bool = False,
    ) -> None:
        self.begin(t)
        if snapshot:
            _clear(self.venue.mt, self.books, m)
        for side, levels in ((0, bids), (1, asks)):
            for tick, lots in (levels or {}).items():
                _level(self.venue.mt, self.books, self.heads, m, side, tick, float(lots))
        _commit(self.venue.mt, self.books, self.heads, m, t)

    def trade(self, t: int, side: int, tick: int, lots: int, *, m: int = 0) -> None:
        self.begin(t)
        _trade(self.venue.mt, self.books, self.heads, m, side, tick, float(lots), t)

    def mark(self, t: int, price: float, *, m: int = 0) -> None:
        self.begin(t)
        _mark(self.venue.mt, self.books, self.heads, m, price, t)

    def funding(self, t: int, rate: float, settles_ns: int, *, m: int = 0) -> None:
        self.begin(t)
        self.heads[m]["funding_rate"], self.heads[m]["funding_ns"] = rate, settles_ns

    def send(self, t: int, side: Side, lots: int, type: OrderType = OrderType.LIMIT, **fields: Any) -> str:
        """Submit an order; returns its client id (o1, o2, ...)."""
        self.sent += 1
        name = fields.pop("client_id", f"o{self.sent}")
        m = fields.pop("m", 0)
        symbol = self.instruments[m].symbol
        order = Order(name, "intent", m, symbol, side, type, OrderRole.ENTRY, lots, **fields)
        self.venue.submit(order, t)
        return str(name)

    def reports(self) -> list[Report]:
        """Everything the venue has said so far, however late it travels."""
        return self.venue.drain(self.now + 10**12)


def quiet_world(*, instruments: Iterable[Instrument] = (LINEAR,), **settings: Any) -> World:
    """A venue without latency that does not look at the wallet; settings by name."""
    quick: dict[str, Any] = {"order_latency_ns": 0, "cancel_latency_ns": 0, "report_latency_ns": 0}
    quick |= {"initial_margin": False, **settings}
    return World(instruments, PaperSettings(**quick))
