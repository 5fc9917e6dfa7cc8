"""Sends a trade's orders and asks for their end; every order is journaled before it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.enums import OrderRole, OrderState, OrderType, TimeInForce, TriggerBy
from bot.core.ids import client_order_id
from bot.core.messages import Order
from bot.core.protocols import Broker, Journal
from bot.execution.orders import Ticket, Tickets
from bot.risk.trades import Trade

_ORDER_TYPE = {
    OrderRole.ENTRY: OrderType.LIMIT,
    OrderRole.TARGET: OrderType.LIMIT,
    OrderRole.STOP: OrderType.STOP_MARKET,
    OrderRole.EXIT: OrderType.MARKET,
}


@dataclass(frozen=True, slots=True)
class TraderRules:
    """How stops trigger, how long an answer may take, and when a refused exit is tried again.

    `answer_ns` bounds the time a position may wait for a stop to be confirmed:
    after it the position is flattened. `backstop_ns`: a price beyond the stop, or a triggered stop
    without its fills, for so long means that the stop does not work: out by market; 0 leaves it to
    the venue, which on paper is right.
    """

    trigger_by: TriggerBy = TriggerBy.LAST
    answer_ns: int = 2_500_000_000
    retry_ns: int = 1_000_000_000
    backstop_ns: int = 0


class Desk:
    """The orders of all trades, and the only place that talks to the broker about them."""

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        rules: TraderRules,
        on_sent: Callable[[int], None] = lambda now_ns: None,
    ) -> None:
        self.rules = rules
        self.tickets = Tickets()
        self._broker = broker
        self._journal = journal
        self._on_sent = on_sent

    def of(self, trade: Trade, role: OrderRole | None = None) -> list[Ticket]:
        return self.tickets.of(trade.id, role)

    def send(
        self,
        trade: Trade,
        role: OrderRole,
        lots: int,
        now_ns: int,
        *,
        price: int = 0,
        trigger: int = 0,
        trigger_by: TriggerBy | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        slot: int = 0,
        intent_id: str = "",
    ) -> None:
        """An order of the trade; on behalf of `intent_id` when another intent than the entry asked for it."""
        entering = role is OrderRole.ENTRY
        nth = 0 if intent_id else len(self.of(trade, role))
        order = Order(
            client_id=client_order_id(intent_id or trade.id, role.value, nth),
            intent_id=intent_id or trade.id,
            market=trade.market,
            symbol=trade.symbol,
            side=trade.side if entering else trade.side.opposite,
            type=_ORDER_TYPE[role],
            role=role,
            lots=lots,
            price=price,
            trigger=trigger,
            trigger_by=self.rules.trigger_by if trigger_by is None else trigger_by,
            time_in_force=time_in_force,
            reduce_only=not entering,
            sent_ns=now_ns,
        )
        self.tickets.add(Ticket(order, trade.id, slot))
        self._journal.order(order)
        self._broker.submit(order, now_ns)
        self._on_sent(now_ns)

    def cancel(self, ticket: Ticket, now_ns: int) -> None:
        """Ask for an order's end, once; again only when the venue has not answered in time."""
        waiting = ticket.asked_ns and now_ns - ticket.asked_ns < self.rules.answer_ns
        if waiting or not ticket.open:
            return
        ticket.asked_ns = now_ns
        self._journal.audit(now_ns, "cancel", {"client_id": ticket.order.client_id})
        self._broker.cancel(ticket.order.client_id, now_ns)

    def cancel_all(self, trade: Trade, role: OrderRole, now_ns: int) -> None:
        for ticket in self.of(trade, role):
            self.cancel(ticket, now_ns)

    def resolve(self, trade: Trade, now_ns: int) -> None:
        """Resolve the unknown by asking: a cancel is answered whatever became of the order.

        An unknown stop is left alone until the position is gone: it may be there.
        """
        for ticket in self.of(trade):
            unknown = ticket.state is OrderState.UNKNOWN and ticket.role is not OrderRole.STOP
            if unknown or ticket.asked_ns:
                self.cancel(ticket, now_ns)

    def mark_unanswered(self, trade: Trade, now_ns: int) -> None:
        for ticket in self.of(trade):
            waited_ns = now_ns - ticket.order.sent_ns
            if ticket.state is OrderState.PENDING and waited_ns >= self.rules.answer_ns:
                ticket.unanswered()

    def leaving_lots(self, trade: Trade) -> int:
        """Lots that exits, and stops that have triggered, are about to close."""
        return sum(
            t.left
            for t in self.of(trade)
            if t.working and (t.role is OrderRole.EXIT or (t.role is OrderRole.STOP and t.triggered))
        )

    def exiting_lots(self, trade: Trade) -> int:
        """Lots that exits alone are about to close."""
        return sum(t.left for t in self.of(trade, OrderRole.EXIT) if t.working)

    def answers_due_ns(self, trade: Trade) -> list[int]:
        """When the venue's answers to orders and cancels are overdue."""
        due = [t.order.sent_ns for t in self.of(trade) if t.state is OrderState.PENDING]
        due += [t.asked_ns for t in self.of(trade) if t.open and t.asked_ns]
        return [sent_ns + self.rules.answer_ns for sent_ns in due]
