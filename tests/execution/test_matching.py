"""The paper venue's rules, one by one."""

from __future__ import annotations

import pytest

from bot.core.enums import (
    Liquidity,
    OrderType,
    RejectReason,
    ReportKind,
    Side,
    TimeInForce,
    TriggerBy,
)
from bot.execution.venue_state import QueueModel
from tests.execution.paper_world import INVERSE, LINEAR, quiet_world

BUY, SELL = Side.BUY, Side.SELL
MARKET, STOP = OrderType.MARKET, OrderType.STOP_MARKET
IOC, POST_ONLY = TimeInForce.IOC, TimeInForce.POST_ONLY
MS = 1_000_000


def flat(**settings):
    """99 x 7, 100 x 5 | 101 x 5, 102 x 7, and time 10."""
    w = quiet_world(**settings)
    w.book(10, {100: 5, 99: 7}, {101: 5, 102: 7}, snapshot=True)
    return w


def said(w, *kinds):
    """(kind, client id, lots, price, left) of what was reported, ACCEPTED left out unless asked for."""
    wanted = kinds or tuple(k for k in ReportKind if k is not ReportKind.ACCEPTED)
    return [(r.kind.name, r.client_id, r.lots, r.price, r.left_lots) for r in w.reports() if r.kind in wanted]


def reasons(w):
    return [(r.kind, r.reason) for r in w.reports() if r.reason]


def test_a_post_only_order_that_would_take_is_rejected():
    w = flat()
    w.send(10, BUY, 1, price=101, time_in_force=POST_ONLY)
    w.send(10, SELL, 1, price=100, time_in_force=POST_ONLY)
    w.send(10, BUY, 1, price=100, time_in_force=POST_ONLY)
    w.begin(11)
    assert [(r.client_id, r.kind, r.reason) for r in w.reports()] == [
        ("o1", ReportKind.REJECTED, RejectReason.POST_ONLY_WOULD_TAKE),
        ("o2", ReportKind.REJECTED, RejectReason.POST_ONLY_WOULD_TAKE),
        ("o3", ReportKind.ACCEPTED, RejectReason.NONE),
    ]


def test_a_resting_order_waits_for_the_queue_and_fills_in_parts():
    w = flat()
    w.send(10, BUY, 4, price=100)
    w.trade(11, -1, 100, 3)
    assert said(w) == []
    w.trade(12, -1, 100, 3)  # 2 left ahead, 1 for us
    w.trade(13, 1, 100, 9)  # a buyer's print cannot hit a bid
    w.trade(14, -1, 100, 9)
    fills = w.reports()
    assert [(r.lots, r.price, r.left_lots, r.liquidity) for r in fills] == [
        (1, 100, 3, Liquidity.MAKER),
        (3, 100, 0, Liquidity.MAKER),
    ]
    assert w.venue.open_orders() == []


def test_a_print_through_our_price_fills_no_more_than_was_printed():
    w = flat()
    w.send(10, BUY, 4, price=99)
    w.send(10, BUY, 4, price=100)
    w.trade(11, -1, 98, 6)
    assert said(w) == [("FILL", "o2", 4, 100, 0), ("FILL", "o1", 2, 99, 2)]


def test_a_print_through_our_price_leaves_nobody_ahead_of_us():
    w = flat()
    w.send(10, BUY, 2, price=100)
    w.send(10, BUY, 2, price=100)
    w.trade(11, -1, 99, 1)
    w.trade(12, -1, 100, 2)
    assert said(w) == [("FILL", "o1", 1, 100, 1), ("FILL", "o1", 1, 100, 0), ("FILL", "o2", 1, 100, 1)]


def test_our_own_earlier_order_stands_before_the_later_one():
    w = flat()
    w.send(10, BUY, 2, price=100)
    w.send(10, BUY, 2, price=100)
    w.trade(11, -1, 100, 8)  # 5 others, 2 ours, 1 ours
    assert said(w) == [("FILL", "o1", 2, 100, 0), ("FILL", "o2", 1, 100, 1)]


def test_a_pessimistic_queue_ignores_cancels_until_the_level_is_smaller():
    w = flat(queue_model=QueueModel.PESSIMISTIC)
    w.book(10, {100: 10})
    w.send(10, BUY, 1, price=100)
    w.begin(10)
    w.book(11, {100: 20})
    w.book(12, {100: 8})  # at most 8 can be ahead of us
    w.trade(13, -1, 100, 7)
    assert said(w) == []
    w.trade(14, -1, 100, 2)
    assert said(w) == [("FILL", "o1", 1, 100, 0)]


def test_a_proportional_queue_shares_what_no_print_explains():
    w = flat(queue_model=QueueModel.PROPORTIONAL)
    w.book(10, {100: 10})
    w.send(10, BUY, 1, price=100)
    w.begin(10)
    w.book(11, {100: 20})  # 10 ahead, 10 behind
    w.trade(12, -1, 100, 2)  # 8 ahead of 18
    w.book(13, {100: 9})  # 2 printed, 9 of 18 cancelled: 8 - 4 = 4 ahead
    w.trade(14, -1, 100, 4)
    assert said(w) == []
    w.trade(15, -1, 100, 1)
    assert said(w) == [("FILL", "o1", 1, 100, 0)]


def test_takers_walk_the_book_one_fill_a_level():
    w = flat()
    w.send(10, BUY, 8, MARKET)
    w.begin(11)
    assert said(w) == [("FILL", "o1", 5, 101, 3), ("FILL", "o1", 3, 102, 0)]


def test_what_was_taken_stays_taken_until_the_feed_replenishes_it():
    w = flat()
    w.send(10, BUY, 3, MARKET)
    w.begin(11)
    w.send(11, BUY, 3, MARKET)  # 2 left at 101
    w.begin(12)
    w.book(13, asks={101: 9})  # 4 came, so 5 consumed of 9: 4 to take
    w.send(13, BUY, 5, MARKET)
    w.begin(14)
    assert [f[1:4] for f in said(w)] == [
        ("o1", 3, 101),
        ("o2", 2, 101),
        ("o2", 1, 102),
        ("o3", 4, 101),
        ("o3", 1, 102),
    ]


def test_a_level_that_shrinks_below_what_we_took_has_nothing_left():
    w = flat()
    w.send(10, BUY, 3, MARKET)
    w.book(11, asks={101: 2})  # we count as those who left
    w.book(12, asks={101: 4})
    w.send(12, BUY, 3, price=101, time_in_force=IOC)
    w.begin(13)
    assert [f[1:4] for f in said(w, ReportKind.FILL)] == [("o1", 3, 101), ("o2", 2, 101)]


def test_a_snapshot_forgets_what_was_taken():
    w = flat()
    w.send(10, BUY, 12, MARKET)
    w.book(11, {100: 5}, {102: 7}, snapshot=True)
    w.send(11, BUY, 7, MARKET)
    w.begin(12)
    assert said(w, ReportKind.FILL)[-1] == ("FILL", "o2", 7, 102, 0)
    assert w.venue.mt.watch[0] == 2  # the position and the level taken last


def test_a_snapshot_cannot_put_more_ahead_of_us_than_it_shows():
    w = flat()
    w.send(10, BUY, 1, price=99)
    w.begin(10)
    w.book(11, {100: 5}, {101: 5}, snapshot=True)  # 99 is gone
    w.trade(12, -1, 99, 1)
    assert said(w) == [("FILL", "o1", 1, 99, 0)]


def test_what_a_market_order_cannot_get_expires():
    w = flat()
    w.send(10, BUY, 20, MARKET)
    w.begin(11)
    w.send(11, BUY, 1, MARKET)
    w.begin(12)
    kinds = [r for r in w.reports() if r.kind is ReportKind.EXPIRED]
    assert [(r.client_id, r.left_lots, r.reason) for r in kinds] == [
        ("o1", 8, RejectReason.NO_LIQUIDITY),
        ("o2", 1, RejectReason.NO_LIQUIDITY),
    ]


def test_an_ioc_limit_takes_to_its_price_and_expires():
    w = flat()
    w.send(10, SELL, 9, price=100, time_in_force=IOC)
    w.begin(11)
    assert said(w) == [("FILL", "o1", 5, 100, 4), ("EXPIRED", "o1", 0, 0, 4)]


def test_a_marketable_limit_takes_then_rests():
    w = flat()
    w.send(10, BUY, 8, price=101)
    w.begin(11)
    w.trade(12, -1, 101, 2)  # nobody is ahead of us at our new best bid
    assert said(w) == [("FILL", "o1", 5, 101, 3), ("FILL", "o1", 2, 101, 1)]


def test_a_book_that_crosses_our_price_fills_us_at_our_price_once():
    w = flat()
    w.send(10, BUY, 9, price=100)
    w.begin(10)
    w.book(11, {100: 0}, {101: 0, 100: 2, 99: 3})
    w.book(12, asks={103: 1})  # the same 5 lots are not there twice
    w.book(13, asks={100: 4})  # 2 more came
    assert said(w) == [("FILL", "o1", 5, 100, 4), ("FILL", "o1", 2, 100, 2)]


@pytest.mark.parametrize("trigger_by", [TriggerBy.LAST, TriggerBy.MARK])
def test_a_stop_triggers_by_its_own_price_at_that_very_row(trigger_by):
    w = flat()
    w.send(10, BUY, 2, MARKET)
    w.begin(10)
    w.send(10, SELL, 2, STOP, trigger=98, trigger_by=trigger_by, reduce_only=True)
    w.begin(10)
    w.trade(11, -1, 99, 1)
    w.mark(12, 9.9)
    assert said(w) == [("FILL", "o1", 2, 101, 0)]
    if trigger_by is TriggerBy.LAST:
        w.mark(13, 9.7)
        w.trade(14, -1, 98, 1)
    else:
        w.trade(13, -1, 97, 1)
        w.mark(14, 9.8)
    assert said(w) == [("TRIGGERED", "o2", 0, 0, 2), ("FILL", "o2", 2, 100, 0)]
    assert w.venue.position_lots(0) == 0


def test_a_stop_that_arrives_too_late_triggers_at_once():
    w = flat()
    w.trade(10, -1, 97, 1)
    w.send(10, SELL, 2, STOP, trigger=98)
    w.begin(11)
    assert said(w) == [("TRIGGERED", "o1", 0, 0, 2), ("FILL", "o1", 2, 100, 0)]


def test_a_mark_on_the_trigger_in_decimals_reaches_it():
    w = flat()
    w.send(10, BUY, 1, STOP, trigger=1001, trigger_by=TriggerBy.MARK)
    w.begin(10)
    w.mark(11, 100.1)  # 100.1 / 0.1 is a hair below 1001 in binary
    assert said(w)[0] == ("TRIGGERED", "o1", 0, 0, 1)


def test_reduce_only_without_a_position_to_reduce_is_rejected():
    w = flat()
    w.send(10, SELL, 1, price=105, reduce_only=True)
    w.send(10, BUY, 1, MARKET)
    w.send(10, BUY, 1, price=95, reduce_only=True)
    w.begin(11)
    refused = [(r.client_id, r.reason) for r in w.reports() if r.kind is ReportKind.REJECTED]
    assert refused == [
        ("o1", RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE),
        ("o3", RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE),
    ]


def test_reduce_only_is_capped_by_the_position_and_never_flips_it():
    w = flat()
    w.send(10, BUY, 3, MARKET)
    w.send(10, SELL, 9, MARKET, reduce_only=True)
    w.begin(11)
    assert said(w)[1:] == [("FILL", "o2", 3, 100, 6), ("EXPIRED", "o2", 0, 0, 6)]
    assert w.venue.position_lots(0) == 0


def test_reduce_only_orders_expire_when_the_position_is_gone():
    w = flat()
    w.send(10, BUY, 3, MARKET)
    w.send(10, SELL, 2, price=103, reduce_only=True)
    w.send(10, SELL, 2, price=104, reduce_only=True)
    w.send(10, SELL, 3, STOP, trigger=50, reduce_only=True)
    w.begin(10)
    w.trade(11, 1, 105, 9)  # o2 in full, o3 capped at the lot that is left
    assert said(w)[1:] == [
        ("FILL", "o2", 2, 103, 0),
        ("FILL", "o3", 1, 104, 1),
        ("EXPIRED", "o3", 0, 0, 1),
        ("EXPIRED", "o4", 0, 0, 3),
    ]
    assert w.venue.position_lots(0) == 0


def test_requests_and_reports_take_their_time():
    w = flat(order_latency_ns=10 * MS, cancel_latency_ns=20 * MS, report_latency_ns=5 * MS)
    w.send(0, BUY, 1, price=100)
    w.begin(10 * MS - 1)
    assert w.venue.mt.watch[0] == 0
    w.begin(12 * MS)  # no message came at 10 ms: the order met the book that stood then
    assert w.venue.drain(15 * MS - 1) == []
    assert w.venue.mt.clock[1] == 15 * MS
    (accepted,) = w.venue.drain(17 * MS)
    assert (accepted.venue_ns, accepted.now_ns) == (10 * MS, 17 * MS)
    w.venue.cancel("o1", 17 * MS)
    w.trade(37 * MS - 1, -1, 100, 5)
    w.begin(37 * MS)
    assert said(w) == [("CANCELED", "o1", 0, 0, 1)]


def test_a_cancel_that_races_a_fill_is_refused_and_the_fill_stands():
    w = flat(cancel_latency_ns=10 * MS)
    w.send(0, BUY, 1, price=100)
    w.begin(0)
    w.venue.cancel("o1", 1)
    w.trade(2, -1, 99, 1)
    w.begin(20 * MS)
    told = w.reports()
    assert [(r.kind, r.client_id, r.reason) for r in told[1:]] == [
        (ReportKind.FILL, "o1", RejectReason.NONE),
        (ReportKind.REJECTED, "o1", RejectReason.UNKNOWN_ORDER),
    ]


def test_a_cancel_that_overtakes_its_order_is_refused_and_the_order_lives():
    w = flat(order_latency_ns=10 * MS)
    w.send(0, BUY, 1, price=100)
    w.venue.cancel("o1", 0)
    w.begin(1)
    w.begin(10 * MS)
    assert [r.kind for r in w.reports()] == [ReportKind.REJECTED, ReportKind.ACCEPTED]
    w.venue.cancel("o1", 10 * MS)
    w.begin(11 * MS)
    assert said(w) == [("CANCELED", "o1", 0, 0, 1)]


def test_a_forced_close_comes_at_the_mark_where_margin_meets_maintenance():
    w = flat(leverage=10)
    w.send(10, BUY, 5, MARKET)
    w.send(10, SELL, 5, STOP, trigger=50, reduce_only=True)
    w.send(10, BUY, 1, price=60)
    w.begin(10)
    # 101 ticks: margin 10.1; 10.1 + mark - 101 = 0.004 mark at 91.2650...
    w.mark(11, 9.127)
    assert len(said(w)) == 1
    w.mark(12, 9.126)
    told = w.reports()
    assert [(r.kind, r.client_id, r.lots, r.price) for r in told] == [
        (ReportKind.CANCELED, "o2", 0, 0),
        (ReportKind.CANCELED, "o3", 0, 0),
        (ReportKind.LIQUIDATION, "", 5, 100),
    ]
    assert {r.reason for r in told[:2]} == {RejectReason.INSUFFICIENT_MARGIN}
    assert w.venue.position_lots(0) == 0
    assert told[2].fee_e8 == 5 * 1_000_000 * 125 // 10_000  # 5 lots of 0.001 at 10.0, 1.25 %


def test_a_forced_close_of_an_inverse_short():
    w = quiet_world(instruments=(INVERSE,), leverage=5)
    w.book(10, {100: 50}, {101: 50}, snapshot=True)
    w.send(10, SELL, 10, MARKET)
    w.begin(10)
    # h = 1/100: h/5 - h + 1/m = 0.004/m at m = 0.996 * 100 / 0.8 = 124.5 ticks of 0.5
    w.mark(11, 62.2)
    assert len(said(w)) == 1
    w.mark(12, 62.25)
    assert said(w) == [("LIQUIDATION", "", 10, 101, 0)]


def test_a_flipped_position_is_forced_closed_from_its_new_entry():
    w = flat(leverage=10)
    w.book(10, {90: 9}, {100: 0})
    w.send(10, BUY, 4, MARKET)
    w.begin(10)
    w.book(11, {100: 0, 99: 0})
    w.send(11, SELL, 6, MARKET)  # short 2 from 90: closed at 90 * 1.1 / 1.004 = 98.6...
    w.begin(11)
    w.mark(12, 9.86)
    assert len(said(w)) == 2
    assert w.venue.mt.markets[0]["position"] == -2
    w.mark(13, 9.87)
    assert said(w) == [("LIQUIDATION", "", 1, 101, 1), ("LIQUIDATION", "", 1, 102, 0)]


def test_without_a_mark_the_last_trade_forces_the_close():
    w = flat(leverage=10)
    w.send(10, BUY, 5, MARKET)
    w.begin(10)
    w.trade(11, -1, 92, 1)
    assert len(said(w)) == 1
    w.trade(12, -1, 91, 1)
    assert said(w) == [("LIQUIDATION", "", 5, 100, 0)]


def test_a_forced_close_that_finds_no_book_is_tried_again():
    w = flat(leverage=10)
    w.send(10, BUY, 5, MARKET)
    w.book(11, {100: 2, 99: 0})
    w.mark(12, 9.0)
    w.book(13, {95: 9})
    w.mark(14, 9.0)
    assert said(w)[1:] == [("LIQUIDATION", "", 2, 100, 3), ("LIQUIDATION", "", 3, 95, 0)]


@pytest.mark.parametrize(("side", "rate", "sign"), [(BUY, 1e-4, -1), (SELL, 1e-4, 1), (BUY, -1e-4, 1)])
def test_longs_pay_a_positive_funding_rate(side, rate, sign):
    w = flat()
    w.funding(10, rate, 100)
    w.mark(10, 10.05)
    w.send(10, side, 4, MARKET)
    w.begin(99)
    assert len(said(w)) == 1
    w.begin(100)
    (paid,) = w.reports()
    assert paid.kind is ReportKind.FUNDING
    assert paid.lots == 4
    # 4 lots of 0.001 at a mark of 10.05
    assert paid.funding_e8 == sign * 402
    w.begin(101)
    assert w.reports() == []


def test_funding_of_an_inverse_position_is_paid_in_coin():
    w = quiet_world(instruments=(INVERSE,))
    w.book(10, {100: 50}, {101: 50}, snapshot=True)
    w.funding(10, 1e-4, 100)
    w.mark(10, 50.0)
    w.send(10, BUY, 10, MARKET)
    w.begin(50)
    w.begin(100)
    # 10 contracts of 100 at 50 are 20 coin
    assert [r.funding_e8 for r in w.reports() if r.kind is ReportKind.FUNDING] == [-200_000]


def test_a_position_opened_after_the_settlement_pays_nothing_for_it():
    w = flat()
    w.funding(10, 1e-4, 100)
    w.send(101, BUY, 4, MARKET)
    w.begin(102)
    kinds = [r.kind for r in w.reports()]
    assert kinds == [ReportKind.ACCEPTED, ReportKind.FILL]
    w.funding(103, 2e-4, 200)
    w.mark(104, 10.0)
    w.begin(200)
    assert [r.kind for r in w.reports()] == [ReportKind.FUNDING]


def test_an_order_that_arrives_just_before_the_settlement_pays_although_no_message_came_between():
    w = flat()
    w.funding(10, 1e-4, 100)
    w.send(99, BUY, 4, MARKET)
    w.begin(100)
    kinds = [r.kind for r in w.reports()]
    assert kinds == [ReportKind.ACCEPTED, ReportKind.FILL, ReportKind.FUNDING]


def test_the_rate_that_counts_is_the_last_one_announced_before_the_settlement():
    w = flat()
    w.funding(10, 1e-4, 100)
    w.send(10, BUY, 4, MARKET)
    w.mark(20, 10.0)
    w.funding(30, 3e-4, 100)
    w.mark(40, 10.0)
    w.funding(99, 9e-4, 300)  # announced early: it speaks of the next one
    w.mark(99, 10.0)
    w.begin(100)
    assert [r.funding_e8 for r in w.reports() if r.kind is ReportKind.FUNDING] == [-1200]


def test_orders_that_cannot_be_are_refused():
    w = flat()
    w.send(10, BUY, 0, MARKET)
    w.send(10, BUY, 1, price=0)
    w.send(10, BUY, 1, STOP, trigger=0)
    w.begin(11)
    assert {(r.kind, r.reason) for r in w.reports()} == {(ReportKind.REJECTED, RejectReason.BAD_QUANTITY)}


def test_markets_do_not_touch_each_other():
    w = quiet_world(instruments=(LINEAR, INVERSE))
    w.book(10, {100: 5}, {101: 5}, m=0, snapshot=True)
    w.book(10, {100: 5}, {101: 5}, m=1, snapshot=True)
    w.send(10, BUY, 5, MARKET, m=0)
    w.send(10, BUY, 2, price=100, m=0)
    w.trade(11, -1, 99, 9, m=1)
    w.send(11, BUY, 5, MARKET, m=1)
    w.begin(12)
    assert [(r.client_id, r.market) for r in w.reports() if r.kind is ReportKind.FILL] == [
        ("o1", 0),
        ("o3", 1),
    ]


def test_a_full_table_of_consumed_levels_ends_the_taking_openly():
    w = flat()
    w.book(10, asks={200 + n: 1 for n in range(1100)})
    w.send(10, BUY, 5 + 7 + 1100, MARKET)
    w.begin(11)
    last = w.reports()[-1]
    assert (last.kind, last.reason, last.left_lots) == (
        ReportKind.EXPIRED,
        RejectReason.TABLE_FULL,
        1100 - 1022,
    )


def test_a_half_full_report_table_asks_to_be_emptied_at_once():
    w = flat(report_latency_ns=10**9)
    for t in (11, 13, 15):
        assert w.venue.mt.clock[1] > 0
        w.book(t, {99: 1}, {200 + n: 1 for n in range(1000)}, snapshot=True)
        w.send(t, BUY, 1000, MARKET)
        w.begin(t + 1)
    assert w.venue.mt.clock[1] == 0
    assert w.venue.drain(16) == []
    assert w.venue.mt.clock[1] == 11 + 10**9
    assert len(said(w, ReportKind.FILL)) == 3000
