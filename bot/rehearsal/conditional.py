"""Conditional orders: stops and take-profits, which live apart from orders until they trigger.

The venue moved them to endpoints and ids of their own in December 2025. A
triggered one sends a normal order with a new order id and the same client id;
its fills are told before the conditional order's own TRIGGERED, as has been
seen at the venue.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from bot.market.events import Flag, Kind
from bot.rehearsal import payloads
from bot.rehearsal.errors import VenueError
from bot.rehearsal.orders import AlgoOrder, AlgoStatus, Table, VenueOrder
from bot.rehearsal.rules import MAX_ALGO_ORDERS, Conditional

if TYPE_CHECKING:
    from bot.rehearsal.exchange import Exchange


class Conditionals:
    def __init__(self, exchange: Exchange) -> None:
        self.table: Table[AlgoOrder] = Table()
        self._exchange = exchange
        self._ids = count(2_000_000_001)
        self._following: dict[int, AlgoOrder] = {}  # by the id of the order sent

    def place(self, wanted: Conditional) -> AlgoOrder:
        """Raises the venue's refusal; one that would trigger at once is refused."""
        if self.table.in_use(wanted.client_id):
            raise VenueError(-4116)
        if len(self.table.open()) >= MAX_ALGO_ORDERS:
            raise VenueError(-2025)
        if wanted.close_position and self._closes_already(wanted):
            raise VenueError(-4130)
        at_ms = self._exchange.now_ms()
        algo = AlgoOrder(
            id=next(self._ids),
            client_id=wanted.client_id,
            market=wanted.market,
            side=wanted.side,
            type=wanted.type,
            time_in_force=wanted.time_in_force,
            lots=wanted.lots,
            price=wanted.price,
            trigger=wanted.trigger,
            working_type=wanted.working_type,
            reduce_only=wanted.reduce_only,
            close_position=wanted.close_position,
            price_protect=wanted.price_protect,
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        if algo.reached(self._price(algo)):
            raise VenueError(-2021)
        self.table.add(algo)
        self._tell(algo)
        return algo

    def cancel(self, algo: AlgoOrder) -> AlgoOrder:
        if not algo.open:
            raise VenueError(-2011)
        self._move(algo, AlgoStatus.CANCELED)
        return algo

    def cancel_all(self, market: int) -> None:
        for algo in self.table.open(market):
            self.cancel(algo)

    def first_hit(self, rows: np.ndarray) -> int:
        """Index behind the first row that triggers one; `rows.size` when none does."""
        first = rows.size
        for algo in self.table.open():
            seen = rows[:first]
            of = seen["market"] == algo.market
            if algo.by_mark:
                of &= seen["kind"] == Kind.MARK
            else:
                of &= (seen["kind"] == Kind.TRADE) & (seen["flags"] & int(Flag.NOT_MARKET) == 0)
            places = np.flatnonzero(of)
            if algo.by_mark:
                prices = whole_ticks(seen["value"][places] / self._tick_size(algo.market))
            else:
                prices = seen["price"][places]
            hits = places[prices >= algo.trigger] if algo.upwards else places[prices <= algo.trigger]
            if hits.size:
                first = int(hits[0]) + 1
        return first

    def trigger_reached(self) -> None:
        """Trigger, oldest first, whatever the prices of now reach."""
        for algo in self.table.open():
            if algo.open and algo.reached(self._price(algo)):
                self._trigger(algo)

    def order_ended(self, order: VenueOrder) -> None:
        algo = self._following.pop(order.id, None)
        if algo is not None:
            self._move(algo, AlgoStatus.FINISHED)

    def _trigger(self, algo: AlgoOrder) -> None:
        algo.triggered_ms = self._exchange.now_ms()
        self._move(algo, AlgoStatus.TRIGGERING)
        held = self._exchange.account.position(algo.market)
        if algo.close_position and held * algo.side >= 0:
            self._move(algo, AlgoStatus.EXPIRED)
            return
        order = self._order(algo, abs(held) if algo.close_position else algo.lots)
        try:
            self._exchange.send(order)
        except VenueError as refused:
            algo.refusal = str(refused)
            self._move(algo, AlgoStatus.REJECTED)
            return
        algo.order = order
        self._move(algo, AlgoStatus.TRIGGERED)
        if order.open:
            self._following[order.id] = algo
        else:
            self._move(algo, AlgoStatus.FINISHED)

    def _order(self, algo: AlgoOrder, lots: int) -> VenueOrder:
        return VenueOrder(
            id=next(self._exchange.order_ids),
            client_id=algo.client_id,
            market=algo.market,
            side=algo.side,
            type="MARKET" if algo.type.endswith("_MARKET") else "LIMIT",
            time_in_force=algo.time_in_force,
            lots=lots,
            price=algo.price,
            reduce_only=algo.reduce_only or algo.close_position,
            created_ms=algo.triggered_ms,
            updated_ms=algo.triggered_ms,
            original_type=algo.type,
            trigger=algo.trigger,
            working_type=algo.working_type,
            close_position=algo.close_position,
        )

    def _move(self, algo: AlgoOrder, status: AlgoStatus) -> None:
        algo.status = status
        algo.updated_ms = self._exchange.now_ms()
        self.table.ended(algo)
        self._tell(algo)

    def _tell(self, algo: AlgoOrder) -> None:
        instrument = self._exchange.world.instruments[algo.market]
        self._exchange.emit(payloads.algo_event(algo, instrument, algo.updated_ms))

    def _closes_already(self, wanted: Conditional) -> bool:
        stops = wanted.type.startswith("STOP")
        return any(
            algo.close_position and algo.side is wanted.side and algo.type.startswith("STOP") == stops
            for algo in self.table.open(wanted.market)
        )

    def _price(self, algo: AlgoOrder) -> float:
        """What it watches, in ticks; nan while unknown."""
        head = self._exchange.world.state.heads[algo.market]
        if algo.by_mark:
            return float(whole_ticks(np.array(head["mark"] / head["tick_size"])))
        return float(head["trade_price"]) if head["trade_price"] > 0 else float("nan")

    def _tick_size(self, market: int) -> float:
        return float(self._exchange.world.state.heads[market]["tick_size"])


def whole_ticks(ticks: np.ndarray) -> np.ndarray:
    """Whole where the venue's decimal is: 100.1 / 0.1 is 1000.9999999999999, which would miss 1001."""
    whole = np.floor(ticks + 0.5)
    return np.where(np.abs(ticks - whole) < 1e-6, whole, ticks)
