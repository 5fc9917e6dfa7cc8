from __future__ import annotations

import pytest

from bot.core.enums import OrderRole, OrderState, OrderType, RejectReason, ReportKind, Side
from bot.core.errors import IllegalTransition
from bot.core.messages import Order, Report
from bot.execution.orders import Ticket, Tickets


def a_ticket(client_id: str = "lop-1", lots: int = 10) -> Ticket:
    order = Order(client_id, "1", 0, "ABCUSDT", Side.BUY, OrderType.LIMIT, OrderRole.ENTRY, lots, price=100)
    return Ticket(order, "trade")


def a_report(kind: ReportKind, lots: int = 0, reason: RejectReason = RejectReason.NONE) -> Report:
    return Report(kind, "lop-1", 0, "ABCUSDT", 1, 2, Side.BUY, lots, 100, reason=reason)


def tell(ticket: Ticket, step: ReportKind | int | str) -> None:
    """A report by kind, a fill by its lots, silence, or a cancel and its refusal."""
    if step == "cancel asked":
        ticket.asked_ns = 5
    elif step == "unanswered":
        ticket.unanswered()
    elif step == "cancel refused":
        ticket.apply(a_report(ReportKind.REJECTED, reason=RejectReason.UNKNOWN_ORDER))
    elif isinstance(step, ReportKind):
        ticket.apply(a_report(step))
    else:
        ticket.apply(a_report(ReportKind.FILL, int(step)))


ACCEPTED, REJECTED, CANCELED, EXPIRED, TRIGGERED = (
    ReportKind.ACCEPTED,
    ReportKind.REJECTED,
    ReportKind.CANCELED,
    ReportKind.EXPIRED,
    ReportKind.TRIGGERED,
)


NOT_THERE = ("cancel asked", "cancel refused", "cancel refused")


@pytest.mark.parametrize(
    ("story", "state", "filled"),
    [
        ((), OrderState.PENDING, 0),
        ((ACCEPTED,), OrderState.LIVE, 0),
        ((REJECTED,), OrderState.REJECTED, 0),
        ((ACCEPTED, 4), OrderState.PARTIAL, 4),
        ((4, ACCEPTED), OrderState.PARTIAL, 4),
        ((ACCEPTED, 4, 6), OrderState.FILLED, 10),
        ((10, ACCEPTED, CANCELED), OrderState.FILLED, 10),
        ((ACCEPTED, 4, EXPIRED), OrderState.CANCELED, 4),
        ((ACCEPTED, CANCELED, 4), OrderState.CANCELED, 4),
        ((ACCEPTED, CANCELED, 4, 6), OrderState.FILLED, 10),
        ((ACCEPTED, TRIGGERED, REJECTED), OrderState.REJECTED, 0),
        (("unanswered", ACCEPTED), OrderState.LIVE, 0),
        (("unanswered", 10), OrderState.FILLED, 10),
        (("unanswered", REJECTED), OrderState.REJECTED, 0),
        ((*NOT_THERE, ACCEPTED), OrderState.LIVE, 0),
        ((*NOT_THERE, REJECTED), OrderState.REJECTED, 0),
        ((*NOT_THERE, 4), OrderState.PARTIAL, 4),
        ((ACCEPTED, *NOT_THERE, 4), OrderState.CANCELED, 4),
    ],
)
def test_what_reports_make_of_an_order(story, state: OrderState, filled: int) -> None:
    ticket = a_ticket()
    for step in story:
        tell(ticket, step)
    assert (ticket.state, ticket.filled) == (state, filled)


@pytest.mark.parametrize(
    "story",
    [
        (REJECTED, ACCEPTED),
        (REJECTED, 1),
        (10, 1),
        (11,),
        (0,),
        (10, REJECTED),
        (ACCEPTED, "unanswered"),
    ],
)
def test_contradictions_raise(story) -> None:
    ticket = a_ticket()
    for step in story[:-1]:
        tell(ticket, step)
    with pytest.raises(IllegalTransition, match="lop-1"):
        tell(ticket, story[-1])


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ((), OrderState.UNKNOWN),
        (("cancel refused",), OrderState.CANCELED),
        ((ACCEPTED,), OrderState.CANCELED),
        ((ACCEPTED, 10), OrderState.FILLED),
        ((CANCELED,), OrderState.CANCELED),
        ((REJECTED,), OrderState.REJECTED),
    ],
)
def test_a_refused_cancel_is_about_the_cancel(before, state: OrderState) -> None:
    ticket = a_ticket()
    ticket.asked_ns = 5
    for step in before:
        tell(ticket, step)
    tell(ticket, "cancel refused")
    assert ticket.state is state


def test_an_order_is_lost_when_it_ends_unasked_with_quantity_left() -> None:
    taken, asked, done, refused = a_ticket(), a_ticket(), a_ticket(), a_ticket()
    asked.asked_ns = refused.asked_ns = 5
    for ticket in (taken, asked):
        ticket.apply(a_report(CANCELED))
    done.apply(a_report(ReportKind.FILL, 10))
    refused.apply(a_report(REJECTED))
    assert [t.lost for t in (taken, asked, done, refused)] == [True, False, False, True]


def test_an_unknown_order_is_open_but_not_counted_on() -> None:
    ticket = a_ticket()
    assert ticket.working
    assert not ticket.proven
    ticket.unanswered()
    assert ticket.open
    assert not ticket.working


def test_tickets_are_found_by_id_and_trade_until_forgotten() -> None:
    ticket = a_ticket()
    tickets = Tickets([ticket])
    assert tickets.get("lop-1") is ticket
    assert tickets.of("trade", OrderRole.ENTRY) == [ticket]
    assert tickets.of("trade", OrderRole.STOP) == []
    tickets.forget("trade")
    assert tickets.get("lop-1") is None
    assert tickets.of("trade") == []
