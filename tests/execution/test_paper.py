"""The venue's face: what it has told us, money at delivery, bounded tables, restarts."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest

from bot.core.enums import OrderType, RejectReason, ReportKind, Side, TimeInForce
from bot.core.errors import KernelError
from bot.core.valuation import PriceSource
from bot.execution.paper import MAX_ORDERS
from bot.execution.venue_state import Knob
from bot.market.venue_clock import VENUE_CLOCK, corrected_ns
from tests.execution.paper_world import INVERSE, LINEAR, World, quiet_world

BUY, SELL = Side.BUY, Side.SELL
MARKET, STOP = OrderType.MARKET, OrderType.STOP_MARKET
MS = 1_000_000


def flat(**settings):
    """99 x 7, 100 x 5 | 101 x 5, 102 x 7, and time 10."""
    w = quiet_world(**settings)
    w.book(10, {100: 5, 99: 7}, {101: 5, 102: 7}, snapshot=True)
    return w


def test_money_and_position_appear_when_the_report_is_delivered():
    w = flat(report_latency_ns=5 * MS, taker_fee=Decimal("0.001"))
    w.venue.deposit("USDT", 1_000_000)
    w.send(10, BUY, 5, MARKET)
    w.begin(11)
    assert w.venue.mt.markets[0]["position"] == 5
    assert (w.venue.position_lots(0), w.venue.wallet_e8("USDT")) == (0, 1_000_000)
    accepted, fill = w.venue.drain(11 + 5 * MS)
    assert (fill.fee_e8, fill.realised_e8) == (5_050, 0)
    assert (w.venue.position_lots(0), w.venue.wallet_e8("USDT")) == (5, 1_000_000 - 5_050)
    assert accepted.left_lots == 5


def test_equity_is_valued_at_mark_else_at_the_last_trade_and_says_so():
    w = flat(taker_fee=Decimal(0))
    w.send(10, BUY, 5, MARKET)
    w.begin(11)
    w.reports()
    assert w.venue.unrealised(0) == (0, PriceSource.ENTRY)
    w.trade(12, -1, 100, 1)
    assert w.venue.unrealised(0) == (-50_000, PriceSource.LAST)
    w.mark(13, 10.25)
    assert w.venue.unrealised(0) == (75_000, PriceSource.MARK)
    assert w.venue.equity_e8("USDT") == 75_000


def test_open_orders_shrink_with_their_fills_and_leave_at_their_end():
    w = flat()
    w.send(10, BUY, 3, price=100)
    w.send(10, BUY, 3, price=98)
    w.begin(10)
    w.trade(11, -1, 99, 2)
    w.reports()
    assert [(o.client_id, left) for o, left in w.venue.open_orders()] == [("o1", 1), ("o2", 3)]
    w.trade(12, -1, 99, 1)
    w.reports()
    assert [(o.client_id, left) for o, left in w.venue.open_orders()] == [("o2", 3)]


def test_sending_an_order_again_while_it_lives_changes_nothing():
    w = flat()
    w.send(10, BUY, 3, price=100, client_id="same")
    w.begin(10)
    w.send(11, BUY, 3, price=100, client_id="same")
    w.begin(11)
    assert [r.kind for r in w.reports()] == [ReportKind.ACCEPTED]


def test_asking_twice_for_a_cancel_gives_one_answer():
    w = flat(cancel_latency_ns=10)
    w.send(10, BUY, 3, price=100)
    w.begin(10)
    w.venue.cancel("o1", 11)
    w.venue.cancel("o1", 12)
    w.begin(50)
    assert [r.kind for r in w.reports()] == [ReportKind.ACCEPTED, ReportKind.CANCELED]


def test_a_cancel_of_an_order_never_heard_of_is_refused_by_name():
    w = flat(cancel_latency_ns=10 * MS, report_latency_ns=5 * MS)
    w.venue.cancel("ghost", 0)
    assert w.venue.mt.clock[1] == 15 * MS
    assert w.venue.drain(15 * MS - 1) == []
    (told,) = w.venue.drain(15 * MS)
    assert (told.kind, told.client_id, told.reason) == (
        ReportKind.REJECTED,
        "ghost",
        RejectReason.UNKNOWN_ORDER,
    )


def test_too_many_orders_are_refused_and_all_others_can_still_be_cancelled():
    w = flat()
    for _ in range(MAX_ORDERS + 1):
        w.send(10, BUY, 1, price=90)
    w.begin(11)
    told = w.reports()
    assert [(r.client_id, r.reason) for r in told if r.kind is ReportKind.REJECTED] == [
        (f"o{MAX_ORDERS + 1}", RejectReason.TABLE_FULL)
    ]
    for order, _ in w.venue.open_orders():
        w.venue.cancel(order.client_id, 12)
    w.begin(13)
    assert len([r for r in w.reports() if r.kind is ReportKind.CANCELED]) == MAX_ORDERS
    assert w.venue.open_orders() == []
    assert w.venue.mt.watch[0] == 0


def test_lost_reports_are_an_error():
    w = flat()
    w.venue.mt.knobs[Knob.OVERFLOW] = 1
    with pytest.raises(KernelError, match="found no room"):
        w.venue.drain(20)


def test_reports_never_overtake_each_other_when_venue_time_runs_backwards():
    w = flat(report_latency_ns=5 * MS)
    w.send(30 * MS, BUY, 1, price=100)
    w.begin(30 * MS)
    w.trade(20 * MS, -1, 99, 1)
    assert w.venue.drain(35 * MS - 1) == []
    assert [r.kind for r in w.venue.drain(35 * MS)] == [ReportKind.ACCEPTED, ReportKind.FILL]


def test_money_and_positions_survive_a_restart_and_orders_do_not():
    w = flat(instruments=(LINEAR, INVERSE), leverage=10, report_latency_ns=5 * MS)
    w.venue.deposit("USDT", 10**8)
    w.send(10, BUY, 5, MARKET)
    w.send(10, BUY, 1, price=90)
    w.begin(11)
    state = json.loads(json.dumps(w.venue.to_state()))  # the fill has happened but was never told
    told = w.venue.drain(10**12)
    again = World((LINEAR, INVERSE), w.venue.settings)
    again.venue.restore(state)
    assert again.venue.position_lots(0) == 5
    assert again.venue.wallet_e8("USDT") == w.venue.wallet_e8("USDT") == 10**8 - told[1].fee_e8
    assert again.venue.open_orders() == []
    for name in ("position", "average", "liquidation"):
        assert again.venue.mt.markets[0][name] == w.venue.mt.markets[0][name]
    assert list(again.venue.mt.watch) == [1, 0]


def test_a_restored_position_pays_funding_and_can_be_closed_by_force():
    w = flat(leverage=10)
    w.send(10, BUY, 5, MARKET)
    w.begin(11)
    w.reports()
    again = World((LINEAR,), w.venue.settings)
    again.venue.restore(w.venue.to_state())
    again.funding(20, 1e-4, 100)
    again.book(30, {100: 5}, {101: 5}, snapshot=True)
    again.mark(40, 10.0)
    again.begin(100)
    again.mark(101, 9.0)
    assert [r.kind for r in again.reports()] == [ReportKind.FUNDING, ReportKind.LIQUIDATION]


@pytest.mark.parametrize("shift_ns", [-2_000_000_000, 2_000_000_000])
def test_a_shifted_exchange_clock_changes_no_report(shift_ns):
    assert session_on_a_venue_clock(shift_ns) == session_on_a_venue_clock(0)


def session_on_a_venue_clock(shift_ns):
    """Messages stamped by a venue whose clock is off by `shift_ns`; transport times jitter."""
    rng = np.random.default_rng(7)
    clocks = np.zeros(1, VENUE_CLOCK)
    w = quiet_world(order_latency_ns=3 * MS, cancel_latency_ns=2 * MS, report_latency_ns=MS)
    told = []
    recv = 10**12
    for n in range(400):
        recv += int(rng.integers(0, 2 * MS))
        exch = recv - int(rng.integers(0, 5 * MS)) + shift_ns
        t = int(corrected_ns(clocks, 0, recv, exch))
        if n == 0:
            w.book(t, {100: 50}, {101: 50}, snapshot=True)
        elif n % 3 == 0:
            w.trade(t, int(rng.choice((1, -1))), int(rng.integers(99, 103)), int(rng.integers(1, 30)))
        else:
            w.book(t, {100 - n % 2: int(rng.integers(1, 60))}, {101 + n % 2: int(rng.integers(1, 60))})
        if n % 5 == 0:
            side = Side(int(rng.choice((1, -1))))
            kind = (OrderType.LIMIT, MARKET)[n % 2]
            w.send(recv, side, int(rng.integers(1, 9)), kind, price=100 if side > 0 else 101)
        told += w.venue.drain(recv)
    assert any(r.kind is ReportKind.FILL for r in told)
    return told


def test_an_ioc_order_at_the_border_of_its_latency_meets_the_book_of_that_moment():
    w = flat(order_latency_ns=10)
    w.send(10, BUY, 5, price=101, time_in_force=TimeInForce.IOC)
    w.book(19, asks={101: 2})
    w.book(20, asks={101: 9})  # due at 20: before this message is applied
    assert [r.lots for r in w.reports() if r.kind is ReportKind.FILL] == [2]


@pytest.mark.parametrize(
    ("lots", "told"),
    [
        (100, (ReportKind.ACCEPTED, RejectReason.NONE)),
        (101, (ReportKind.REJECTED, RejectReason.INSUFFICIENT_MARGIN)),
    ],
)
def test_an_order_needs_its_initial_margin(lots, told):
    # at 10 times leverage 10 USDT carry 100; a lot of 0.001 at 1,000.0 is worth 1
    w = quiet_world(initial_margin=True)
    w.venue.deposit("USDT", 10 * 10**8)
    w.book(1, {9_999: 500}, {10_001: 500}, snapshot=True)
    w.send(2, BUY, lots, price=10_000)
    w.begin(3)
    (report,) = w.reports()
    assert (report.kind, report.reason) == told


def test_margin_counts_positions_and_waiting_orders_and_leaving_needs_none():
    w = quiet_world(initial_margin=True)
    w.venue.deposit("USDT", 10 * 10**8)
    w.book(1, {9_999: 500}, {10_001: 500}, snapshot=True)
    w.send(2, BUY, 40, price=10_001)  # taken
    w.begin(3)
    w.reports()
    w.send(4, BUY, 40, price=9_990)  # waits
    refused = w.send(4, BUY, 30, price=9_990)
    leaving = w.send(5, SELL, 40, MARKET, reduce_only=True)
    w.begin(6)
    told = {r.client_id: (r.kind, r.reason) for r in w.reports()}
    assert told[refused] == (ReportKind.REJECTED, RejectReason.INSUFFICIENT_MARGIN)
    assert told[leaving][0] is ReportKind.FILL
