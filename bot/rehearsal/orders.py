"""Orders and conditional orders as the venue keeps them, and the tables to find them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from bot.core.enums import Side
from bot.rehearsal.errors import VenueError

KEPT = 100_000
"""Ended orders that stay findable; the venue forgets them by age."""


class Status(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"  # refused on arrival: never listed


class AlgoStatus(StrEnum):
    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


_OPEN = (Status.NEW, Status.PARTIALLY_FILLED)


@dataclass(slots=True)
class VenueOrder:
    """One order. `quote_ticks` is the sum of ticks times lots of its fills."""

    id: int
    client_id: str
    market: int
    side: Side
    type: str  # LIMIT or MARKET
    time_in_force: str
    lots: int
    price: int  # ticks, 0 for MARKET
    reduce_only: bool
    created_ms: int
    updated_ms: int
    status: Status = Status.NEW
    filled_lots: int = 0
    quote_ticks: int = 0
    version: int = 0  # counts amendments: each is another order to the matching kernel
    original_type: str = ""  # of the conditional order it came from
    trigger: int = 0  # ticks, of that order
    working_type: str = "CONTRACT_PRICE"
    close_position: bool = False
    refused: int = 0  # the venue's code, when it was refused on arrival

    @property
    def open(self) -> bool:
        return self.status in _OPEN

    @property
    def left_lots(self) -> int:
        return self.lots - self.filled_lots

    @property
    def kernel_id(self) -> str:
        return f"{self.id}.{self.version}"


@dataclass(slots=True)
class AlgoOrder:
    """A conditional order: its own ids, its own life; what it sends is a normal order."""

    id: int
    client_id: str
    market: int
    side: Side
    type: str  # STOP_MARKET, TAKE_PROFIT_MARKET, STOP, TAKE_PROFIT
    time_in_force: str
    lots: int  # 0 with close_position
    price: int
    trigger: int
    working_type: str
    reduce_only: bool
    close_position: bool
    price_protect: bool
    created_ms: int
    updated_ms: int
    status: AlgoStatus = AlgoStatus.NEW
    triggered_ms: int = 0
    order: VenueOrder | None = None
    refusal: str = ""

    @property
    def open(self) -> bool:
        return self.status is AlgoStatus.NEW

    @property
    def by_mark(self) -> bool:
        return self.working_type == "MARK_PRICE"

    @property
    def upwards(self) -> bool:
        """Whether it triggers at or above its price."""
        return (self.side is Side.BUY) == self.type.startswith("STOP")

    def reached(self, price: float) -> bool:
        """False for an unknown price (nan)."""
        return price >= self.trigger if self.upwards else price <= self.trigger


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """One fill."""

    id: int
    order_id: int
    market: int
    side: Side
    lots: int
    price: int
    fee_e8: int
    realised_e8: int
    maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class Income:
    """One booking of the wallet."""

    id: int
    market: int  # -1: a transfer
    type: str
    amount_e8: int
    time_ms: int
    trade_id: int = 0


@dataclass(frozen=True, slots=True)
class Funding:
    """A settlement of a market, whether we held a position or not."""

    market: int
    rate: float
    mark: float
    time_ms: int


T = TypeVar("T", VenueOrder, AlgoOrder)


class Table(Generic[T]):
    """All orders of one kind, oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[int, T] = {}
        self._open: dict[int, T] = {}
        self._by_client: dict[str, int] = {}  # the latest order of a client id

    def add(self, order: T) -> None:
        self._by_id[order.id] = order
        self._open[order.id] = order
        self._by_client[order.client_id] = order.id

    def forget(self, order: T) -> None:
        """It was refused: as if it had never been."""
        del self._by_id[order.id]
        self._open.pop(order.id, None)
        if self._by_client.get(order.client_id) == order.id:
            del self._by_client[order.client_id]

    def ended(self, order: T) -> None:
        self._open.pop(order.id, None)
        while len(self._by_id) > KEPT + len(self._open):
            oldest = next(i for i in self._by_id if i not in self._open)
            gone = self._by_id.pop(oldest)
            if self._by_client.get(gone.client_id) == oldest:
                del self._by_client[gone.client_id]

    def open(self, market: int | None = None) -> list[T]:
        return [o for o in self._open.values() if market is None or o.market == market]

    def all(self, market: int | None = None) -> Iterator[T]:
        return (o for o in self._by_id.values() if market is None or o.market == market)

    def __getitem__(self, order_id: int) -> T:
        return self._by_id[order_id]

    def in_use(self, client_id: str) -> bool:
        """Whether an open order has this client id."""
        order_id = self._by_client.get(client_id)
        return order_id is not None and order_id in self._open

    def find(self, order_id: int | None, client_id: str | None, market: int | None, code: int) -> T:
        """By id, else by client id. Raises the venue's `code` when there is none."""
        if order_id is None and client_id is not None:
            order_id = self._by_client.get(client_id)
        order = self._by_id.get(order_id) if order_id is not None else None
        if order is None or (market is not None and order.market != market):
            raise VenueError(code)
        return order


def average_price(order: VenueOrder, tick: Decimal) -> Decimal:
    """Of its fills, quote currency; 0 without any."""
    return tick * order.quote_ticks / order.filled_lots if order.filled_lots else Decimal(0)
