"""Life of our orders: a table of what a report makes of a state, and the orders by client id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.enums import OrderRole, OrderState, RejectReason, ReportKind
from bot.core.errors import IllegalTransition
from bot.core.messages import Order, Report

_S, _K = OrderState, ReportKind

OPEN_STATES = frozenset((_S.PENDING, _S.LIVE, _S.PARTIAL, _S.UNKNOWN))
_FILLABLE = OPEN_STATES | {_S.CANCELED}  # a fill may have been under way when the cancel was confirmed

_AFTER: dict[tuple[OrderState, ReportKind], OrderState] = {
    (_S.PENDING, _K.ACCEPTED): _S.LIVE,
    (_S.PENDING, _K.TRIGGERED): _S.LIVE,
    (_S.PENDING, _K.REJECTED): _S.REJECTED,
    (_S.PENDING, _K.CANCELED): _S.CANCELED,
    (_S.PENDING, _K.EXPIRED): _S.CANCELED,
    (_S.LIVE, _K.ACCEPTED): _S.LIVE,
    (_S.LIVE, _K.TRIGGERED): _S.LIVE,
    (_S.LIVE, _K.REJECTED): _S.REJECTED,  # a triggered stop that found nothing to do
    (_S.LIVE, _K.CANCELED): _S.CANCELED,
    (_S.LIVE, _K.EXPIRED): _S.CANCELED,
    (_S.PARTIAL, _K.ACCEPTED): _S.PARTIAL,  # the fill overtook the acknowledgement
    (_S.PARTIAL, _K.TRIGGERED): _S.PARTIAL,
    (_S.PARTIAL, _K.REJECTED): _S.CANCELED,  # the rest of it
    (_S.PARTIAL, _K.CANCELED): _S.CANCELED,
    (_S.PARTIAL, _K.EXPIRED): _S.CANCELED,
    (_S.UNKNOWN, _K.ACCEPTED): _S.LIVE,
    (_S.UNKNOWN, _K.TRIGGERED): _S.LIVE,
    (_S.UNKNOWN, _K.REJECTED): _S.REJECTED,
    (_S.UNKNOWN, _K.CANCELED): _S.CANCELED,
    (_S.UNKNOWN, _K.EXPIRED): _S.CANCELED,
    # answers that crossed with the end of the order
    (_S.FILLED, _K.ACCEPTED): _S.FILLED,
    (_S.FILLED, _K.TRIGGERED): _S.FILLED,
    (_S.FILLED, _K.CANCELED): _S.FILLED,
    (_S.FILLED, _K.EXPIRED): _S.FILLED,
    (_S.CANCELED, _K.ACCEPTED): _S.CANCELED,
    (_S.CANCELED, _K.TRIGGERED): _S.CANCELED,
    (_S.CANCELED, _K.CANCELED): _S.CANCELED,
    (_S.CANCELED, _K.EXPIRED): _S.CANCELED,
    (_S.REJECTED, _K.REJECTED): _S.REJECTED,
    (_S.REJECTED, _K.CANCELED): _S.REJECTED,
}

_AFTER_REFUSED_CANCEL: dict[OrderState, OrderState] = {
    _S.PENDING: _S.UNKNOWN,  # the cancel may have overtaken the order: ask again
    _S.UNKNOWN: _S.CANCELED,  # asked and not known: it is not there
    _S.LIVE: _S.CANCELED,
    _S.PARTIAL: _S.CANCELED,
    _S.FILLED: _S.FILLED,
    _S.CANCELED: _S.CANCELED,
    _S.REJECTED: _S.REJECTED,
}


@dataclass(slots=True)
class Ticket:
    """One of our orders and what became of it."""

    order: Order
    trade_id: str
    slot: int = 0  # TARGET: which of the trade's targets
    state: OrderState = OrderState.PENDING
    filled: int = 0
    triggered: bool = False
    asked_ns: int = 0  # when its cancel was last sent, 0 never
    known: bool = False  # the venue has reported on it
    doubted: bool = False  # it was under way when the process died: whether it left is not known

    @property
    def role(self) -> OrderRole:
        return self.order.role

    @property
    def left(self) -> int:
        return self.order.lots - self.filled

    @property
    def open(self) -> bool:
        """It may still fill."""
        return self.state in OPEN_STATES

    @property
    def working(self) -> bool:
        """Resting or in flight as far as we know; an unanswered one is not counted on."""
        return self.open and self.state is not OrderState.UNKNOWN

    @property
    def proven(self) -> bool:
        """The venue has said that it rests there."""
        return self.state in (OrderState.LIVE, OrderState.PARTIAL)

    @property
    def lost(self) -> bool:
        """Ended by the venue: refused or taken away with quantity left, without our asking.

        One that never left because we died is not the venue's doing.
        """
        ended = self.state in (OrderState.REJECTED, OrderState.CANCELED) and not self.doubted
        return ended and self.left > 0 and (self.asked_ns == 0 or self.state is OrderState.REJECTED)

    def apply(self, report: Report) -> None:
        """Raises IllegalTransition when the report contradicts what is known."""
        if report.kind is ReportKind.FILL:
            self._fill(report)
        elif self._refused_cancel(report):
            self.state = _AFTER_REFUSED_CANCEL[self.state]
        else:
            after = _AFTER.get((self._state_by_report, report.kind))
            if after is None:
                raise self._illegal(report)
            self.state, self.known = after, True
            self.triggered |= report.kind is ReportKind.TRIGGERED

    def gone(self, now_ns: int) -> None:
        """The venue lost it in a restart: as if it had been cancelled at our asking."""
        self.asked_ns = self.asked_ns or now_ns
        self.state, self.known = OrderState.CANCELED, True

    def unanswered(self) -> None:
        """No answer in time: not refused, not accepted."""
        if self.state is not OrderState.PENDING:
            raise IllegalTransition(f"order {self.order.client_id}: {self.state.name} was answered")
        self.state = OrderState.UNKNOWN

    def _fill(self, report: Report) -> None:
        if self.state not in _FILLABLE or not 0 < report.lots <= self.left:
            raise self._illegal(report)
        self.filled += report.lots
        if self.left == 0:
            self.state = OrderState.FILLED
        elif self._state_by_report is not OrderState.CANCELED:
            self.state = OrderState.PARTIAL
        self.known = True

    @property
    def _state_by_report(self) -> OrderState:
        """An end inferred from a refused cancel gives way to what the venue says of the order itself."""
        inferred = self.state is OrderState.CANCELED and not self.known
        return OrderState.UNKNOWN if inferred else self.state

    def _refused_cancel(self, report: Report) -> bool:
        unknown = report.kind is ReportKind.REJECTED and report.reason is RejectReason.UNKNOWN_ORDER
        return unknown and self.asked_ns > 0

    def _illegal(self, report: Report) -> IllegalTransition:
        return IllegalTransition(
            f"order {self.order.client_id}: {self.state.name} with {self.filled}/{self.order.lots} lots "
            f"cannot take {report.kind.name} of {report.lots}"
        )


class Tickets:
    """Our orders by client id and by trade, in the order they were sent."""

    def __init__(self, tickets: Iterable[Ticket] = ()) -> None:
        self._by_id: dict[str, Ticket] = {}
        self._by_trade: dict[str, list[Ticket]] = {}
        for ticket in tickets:
            self.add(ticket)

    def add(self, ticket: Ticket) -> None:
        self._by_id[ticket.order.client_id] = ticket
        self._by_trade.setdefault(ticket.trade_id, []).append(ticket)

    def get(self, client_id: str) -> Ticket | None:
        return self._by_id.get(client_id)

    def of(self, trade_id: str, role: OrderRole | None = None) -> list[Ticket]:
        mine = self._by_trade.get(trade_id, [])
        return [t for t in mine if role is None or t.role is role]

    def forget(self, trade_id: str) -> None:
        for ticket in self._by_trade.pop(trade_id, ()):
            del self._by_id[ticket.order.client_id]

    def all(self) -> list[Ticket]:
        return list(self._by_id.values())
