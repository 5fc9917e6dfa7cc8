from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.core.enums import (
    Action,
    Entry,
    Mode,
    OrderRole,
    OrderType,
    RejectReason,
    ReportKind,
    Side,
    Stage,
    TimeInForce,
)
from bot.core.errors import IllegalTransition
from bot.core.messages import Intent, Order, Report
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.execution.trader import NEVER_NS, Trader
from bot.risk.trades import ExitReason, Trade, TradeBook
from tests.fakes import FakeBroker, FakeJournal
from tests.trading import INVERSE, LINEAR, LONG, SHORT, T0, a_plan

LATENCY = 20 * NS_PER_MS
INSTRUMENTS = {0: LINEAR, 2: INVERSE}


class Desk:
    """A trader, its fakes, and words for playing the venue; every report comes LATENCY after the last."""

    def __init__(self) -> None:
        self.now = T0
        self.journal = FakeJournal()
        self.broker = FakeBroker(self.journal)
        self.closed: list[Trade] = []
        self.trader = self.make()

    def make(self) -> Trader:
        return Trader(self.broker, self.journal, INSTRUMENTS, TradeBook(), self.closed.append)

    def open(self, intent: Intent = LONG, lots: int = 10, **changes: Any) -> Trade:
        return self.trader.open(a_plan(intent, lots, **changes), self.now)

    def last(self, role: OrderRole) -> Order:
        return [order for order in self.broker.orders if order.role is role][-1]

    def all(self, role: OrderRole) -> list[Order]:
        return [order for order in self.broker.orders if order.role is role]

    def report(self, kind: ReportKind, order: Order | None = None, **fields: Any) -> Report:
        self.now += LATENCY
        client_id = order.client_id if order else ""
        side = order.side if order else Side.SELL
        stamps = {"venue_ns": self.now - LATENCY // 2, "now_ns": self.now}
        return Report(kind, client_id, 0, LONG.symbol, side=side, **{**stamps, **fields})

    def say(self, kind: ReportKind, order: Order | None = None, **fields: Any) -> None:
        self.trader.on_report(self.report(kind, order, **fields))

    def accept(self, *roles: OrderRole) -> None:
        for role in roles:
            self.say(ReportKind.ACCEPTED, self.last(role))

    def fill(self, order: Order, lots: int, price: int = 100_001, **fields: Any) -> None:
        self.say(ReportKind.FILL, order, lots=lots, price=price, **fields)

    def enter(self, lots: int = 10, price: int = 100_001, intent: Intent = LONG) -> Trade:
        """A trade wholly filled, its stop and targets confirmed."""
        trade = self.open(intent, lots)
        self.fill(self.last(OrderRole.ENTRY), lots, price)
        self.accept(OrderRole.STOP)
        for order in self.all(OrderRole.TARGET):
            self.say(ReportKind.ACCEPTED, order)
        return trade

    def wish(self, action: Action, **fields: Any) -> bool:
        ident = f"{action.value}{len(self.journal.entries)}"
        return self.trader.apply(replace(LONG, id=ident, action=action, **fields), self.now)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def shape(order: Order) -> tuple[OrderRole, Side, OrderType, int, int, int]:
    return order.role, order.side, order.type, order.lots, order.price, order.trigger


ENTRY, STOP, TARGET, EXIT = OrderRole.ENTRY, OrderRole.STOP, OrderRole.TARGET, OrderRole.EXIT


def test_a_plan_becomes_one_entry_order_journaled_before_it_is_sent(desk: Desk) -> None:
    trade = desk.open()
    (order,) = desk.broker.orders
    assert shape(order) == (ENTRY, Side.BUY, OrderType.LIMIT, 10, 100_002, 0)
    assert (order.time_in_force, order.reduce_only) == (TimeInForce.IOC, False)
    assert [kind for kind, _ in desk.journal.entries] == ["intent", "plan", "order", "submit", "trade"]
    assert trade.stage is Stage.ENTERING


def test_the_same_plan_again_sends_nothing(desk: Desk) -> None:
    trade = desk.open()
    assert desk.open() is trade
    assert len(desk.broker.orders) == 1


def test_a_second_trade_in_a_market_is_a_bug(desk: Desk) -> None:
    desk.open()
    with pytest.raises(IllegalTransition, match="already has an open trade"):
        desk.open(SHORT)


def test_a_resting_entry_is_post_only_and_cancelled_when_its_time_is_up(desk: Desk) -> None:
    desk.open(replace(LONG, entry=Entry.POST_ONLY, limit=99_990, entry_ttl_ns=30 * NS_PER_S))
    desk.accept(ENTRY)
    entry = desk.last(ENTRY)
    assert entry.time_in_force is TimeInForce.POST_ONLY
    assert desk.trader.next_deadline_ns() == T0 + 30 * NS_PER_S
    desk.trader.on_time(T0 + 30 * NS_PER_S - 1, {})
    assert desk.broker.cancels == []
    desk.trader.on_time(T0 + 30 * NS_PER_S, {})
    desk.trader.on_time(T0 + 30 * NS_PER_S + 1, {})
    assert desk.broker.cancels == [entry.client_id]
    desk.say(ReportKind.CANCELED, entry)
    assert desk.closed[0].reason is ExitReason.UNFILLED
    assert desk.trader.next_deadline_ns() == NEVER_NS


def test_a_rejected_entry_ends_the_trade_with_the_venues_word(desk: Desk) -> None:
    trade = desk.open(replace(LONG, entry=Entry.POST_ONLY))
    desk.say(ReportKind.REJECTED, desk.last(ENTRY), reason=RejectReason.POST_ONLY_WOULD_TAKE)
    assert (trade.stage, trade.reason) == (Stage.CLOSED, ExitReason.UNFILLED)
    assert trade.detail == "entry rejected: post_only_would_take"
    assert desk.closed == [trade]


def test_the_first_fill_brings_a_reduce_only_stop_for_what_is_open(desk: Desk) -> None:
    desk.open()
    desk.fill(desk.last(ENTRY), 4)
    stop = desk.last(STOP)
    assert shape(stop) == (STOP, Side.SELL, OrderType.STOP_MARKET, 4, 0, LONG.invalidation)
    assert stop.reduce_only


def test_a_burst_of_fills_brings_one_stop(desk: Desk) -> None:
    desk.open()
    entry = desk.last(ENTRY)
    fills = [desk.report(ReportKind.FILL, entry, lots=n, price=100_001) for n in (2, 3, 5)]
    desk.trader.on_reports(fills)
    assert [order.lots for order in desk.all(STOP)] == [10]


def test_a_growing_position_gets_the_new_stop_before_the_old_one_goes(desk: Desk) -> None:
    desk.open(replace(LONG, entry=Entry.POST_ONLY))
    entry = desk.last(ENTRY)
    desk.fill(entry, 4)
    desk.accept(STOP)
    first = desk.last(STOP)
    desk.fill(entry, 6)
    assert [order.lots for order in desk.all(STOP)] == [4, 10]
    assert desk.broker.cancels == []
    desk.accept(STOP)
    assert desk.broker.cancels == [first.client_id]
    desk.say(ReportKind.CANCELED, first)
    assert desk.all(EXIT) == []


@pytest.mark.parametrize("kind", [ReportKind.REJECTED, ReportKind.CANCELED, ReportKind.EXPIRED])
def test_a_stop_refused_or_taken_away_again_and_again_flattens_at_market(
    desk: Desk, kind: ReportKind
) -> None:
    trade = desk.open()
    desk.fill(desk.last(ENTRY), 10)
    for _ in range(4):
        assert desk.all(EXIT) == []
        desk.say(kind, desk.last(STOP))
    assert shape(desk.last(EXIT)) == (EXIT, Side.SELL, OrderType.MARKET, 10, 0, 0)
    assert desk.last(EXIT).reduce_only
    desk.fill(desk.last(EXIT), 10, 99_990)
    for order in desk.all(TARGET):
        desk.say(ReportKind.CANCELED, order)
    assert (trade.stage, trade.reason) == (Stage.CLOSED, ExitReason.UNPROTECTED)


def test_trying_again_takes_no_longer_than_one_unanswered_stop_would(desk: Desk) -> None:
    trade = desk.open()
    desk.fill(desk.last(ENTRY), 10)
    first = desk.last(STOP)
    desk.say(ReportKind.REJECTED, first)
    due = desk.trader.next_deadline_ns()
    assert due == first.sent_ns + 2_500 * NS_PER_MS
    desk.trader.on_time(due, {})
    assert (trade.stage, trade.leaving) == (Stage.EXITING, ExitReason.UNPROTECTED)


def test_a_stop_that_is_not_answered_in_time_flattens(desk: Desk) -> None:
    trade = desk.open()
    desk.fill(desk.last(ENTRY), 10)
    sent = desk.last(STOP).sent_ns
    assert desk.trader.next_deadline_ns() == sent + 2_500 * NS_PER_MS
    desk.trader.on_time(sent + 2_500 * NS_PER_MS, {})
    assert (trade.stage, trade.leaving) == (Stage.EXITING, ExitReason.UNPROTECTED)
    assert desk.last(EXIT).lots == 10
    assert desk.last(STOP).client_id not in desk.broker.cancels  # it may be there


def test_unprotected_time_runs_from_the_fill_to_the_confirmed_stop_at_the_venue(desk: Desk) -> None:
    trade = desk.open()
    desk.fill(desk.last(ENTRY), 10)
    desk.accept(STOP)
    assert (trade.unprotected_ns, trade.unprotected_max_ns) == (LATENCY, LATENCY)
    assert trade.exposed_since_ns == 0


def test_targets_rest_reduce_only_once_the_entry_is_over(desk: Desk) -> None:
    desk.open()
    desk.fill(desk.last(ENTRY), 5)
    assert desk.all(TARGET) == []
    desk.say(ReportKind.EXPIRED, desk.last(ENTRY))
    goals = desk.all(TARGET)
    assert [(o.lots, o.price) for o in goals] == [(2, 100_400), (2, 100_500), (1, 100_600)]
    assert all(o.reduce_only and o.side is Side.SELL and o.type is OrderType.LIMIT for o in goals)


def test_after_the_first_target_the_stop_is_at_entry_plus_costs_for_the_rest(desk: Desk) -> None:
    trade = desk.enter()
    desk.fill(desk.all(TARGET)[0], 4, 100_400)
    assert trade.targets_hit == 1
    assert shape(desk.last(STOP)) == (STOP, Side.SELL, OrderType.STOP_MARKET, 6, 0, 100_122)
    assert desk.broker.cancels == []


def test_a_partly_filled_target_is_not_a_hit(desk: Desk) -> None:
    trade = desk.enter()
    desk.fill(desk.all(TARGET)[0], 3, 100_400)
    assert trade.targets_hit == 0
    assert desk.last(STOP).trigger == LONG.invalidation
    assert desk.last(STOP).lots == 7


def test_the_last_target_ends_the_trade_and_takes_the_stop_along(desk: Desk) -> None:
    trade = desk.enter()
    for order, price in zip(desk.all(TARGET), (100_400, 100_500, 100_600), strict=True):
        desk.fill(order, order.lots, price, realised_e8=100, fee_e8=1)
    assert trade.open_lots == 0
    for stop in desk.all(STOP):
        assert stop.client_id in desk.broker.cancels
        desk.say(ReportKind.CANCELED, stop)
    assert (trade.stage, trade.reason, trade.targets_hit) == (Stage.CLOSED, ExitReason.TARGET, 3)
    assert desk.closed[0].net_e8 == 297


def test_a_refused_target_is_given_up_and_the_rest_stands(desk: Desk) -> None:
    trade = desk.open()
    desk.fill(desk.last(ENTRY), 10)
    desk.accept(STOP)
    desk.say(ReportKind.REJECTED, desk.all(TARGET)[1], reason=RejectReason.TABLE_FULL)
    assert (trade.stage, len(desk.all(TARGET))) == (Stage.OPEN, 3)


def test_a_price_at_the_first_target_ends_the_wait_for_the_rest_of_the_entry(desk: Desk) -> None:
    desk.open(replace(LONG, entry=Entry.POST_ONLY))
    desk.accept(ENTRY)
    desk.trader.on_time(desk.now, {0: 100_400.0})
    assert desk.broker.cancels == []  # nothing filled: the price may come back
    desk.fill(desk.last(ENTRY), 3)
    desk.trader.on_time(desk.now, {0: 100_399.5})
    assert desk.broker.cancels == []
    desk.trader.on_time(desk.now, {0: 100_400.0})
    assert desk.broker.cancels == [desk.last(ENTRY).client_id]


def test_a_stop_out_cancels_the_targets_and_records_the_reason(desk: Desk) -> None:
    trade = desk.enter()
    stop = desk.last(STOP)
    desk.say(ReportKind.TRIGGERED, stop)
    assert sorted(desk.broker.cancels) == sorted(o.client_id for o in desk.all(TARGET))
    assert desk.all(EXIT) == []  # the triggered stop is the way out
    desk.fill(stop, 10, 99_848, realised_e8=-500, fee_e8=50)
    for order in desk.all(TARGET):
        desk.say(ReportKind.CANCELED, order)
    assert (trade.stage, trade.reason, trade.net_e8) == (Stage.CLOSED, ExitReason.STOP, -550)


def test_a_stop_that_fills_without_a_word_of_its_trigger_ends_the_trade_too(desk: Desk) -> None:
    trade = desk.enter()
    desk.fill(desk.last(STOP), 4, 99_848)
    assert trade.leaving is ExitReason.STOP
    assert sorted(desk.broker.cancels) == sorted(o.client_id for o in desk.all(TARGET))
    assert desk.all(STOP) == [desk.last(STOP)]


def test_what_a_triggered_stop_could_not_sell_goes_at_market(desk: Desk) -> None:
    desk.enter()
    stop = desk.last(STOP)
    desk.say(ReportKind.TRIGGERED, stop)
    desk.fill(stop, 7, 99_848)
    assert desk.all(EXIT) == []
    desk.say(ReportKind.EXPIRED, stop, reason=RejectReason.NO_LIQUIDITY)
    assert desk.last(EXIT).lots == 3


def test_time_is_up(desk: Desk) -> None:
    trade = desk.enter()
    due = trade.filled_ns + 120 * NS_PER_S
    assert desk.trader.next_deadline_ns() == due
    desk.trader.on_time(due - 1, {0: 100_050.0})
    assert trade.stage is Stage.OPEN
    desk.trader.on_time(due, {0: float("nan")})
    desk.now = due
    assert desk.last(EXIT).lots == 10
    desk.fill(desk.last(EXIT), 10, 100_040)
    for order in (*desk.all(TARGET), *desk.all(STOP)):
        desk.say(ReportKind.CANCELED, order)
    assert (trade.reason, trade.stage) == (ExitReason.TIME, Stage.CLOSED)
    assert trade.best_bps == pytest.approx((100_050 / 100_001 - 1) * 1e4)


def test_a_refused_exit_is_tried_again_later_and_later(desk: Desk) -> None:
    desk.enter()
    desk.broker.positions[0] = 10
    desk.trader.flatten(desk.now, ExitReason.OPERATOR)
    for order in desk.all(TARGET):
        desk.say(ReportKind.CANCELED, order)
    waits = []
    for tries in range(8):
        assert len(desk.all(EXIT)) == tries + 1
        desk.say(ReportKind.EXPIRED, desk.last(EXIT), reason=RejectReason.NO_LIQUIDITY)
        waits.append((desk.trader.next_deadline_ns() - desk.now) // NS_PER_S)
        desk.now = desk.trader.next_deadline_ns()
        desk.trader.on_time(desk.now, {})
    assert waits == [1, 2, 4, 8, 16, 32, 32, 32]


def test_a_position_the_venue_no_longer_holds_is_written_off_after_three_tries(desk: Desk) -> None:
    trade = desk.enter()
    desk.trader.flatten(desk.now, ExitReason.OPERATOR)
    for _ in range(3):
        reason = RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE
        desk.say(ReportKind.REJECTED, desk.last(EXIT), reason=reason)
        desk.now += 40 * NS_PER_S
        desk.trader.on_time(desk.now, {})
    for order in (*desk.all(TARGET), *desk.all(STOP)):
        desk.say(ReportKind.CANCELED, order)
    assert (trade.stage, trade.reason, trade.open_lots) == (Stage.CLOSED, ExitReason.RECONCILED, 0)
    desk.fill(desk.all(STOP)[0], 10, 99_850)  # and if its report does come, it is counted
    assert (trade.open_lots, sum(trade.exits.values()), trade.reason) == (0, 10, ExitReason.STOP)


def test_flatten_before_the_first_fill_cancels_the_entry_and_closes_what_still_came(desk: Desk) -> None:
    trade = desk.open(replace(LONG, entry=Entry.POST_ONLY))
    desk.accept(ENTRY)
    entry = desk.last(ENTRY)
    desk.trader.flatten(desk.now, ExitReason.SESSION_END)
    assert desk.broker.cancels == [entry.client_id]
    desk.fill(entry, 3)
    assert (desk.last(EXIT).lots, desk.all(STOP)) == (3, [])
    desk.say(ReportKind.CANCELED, entry)
    desk.fill(desk.last(EXIT), 3, 99_990)
    assert (trade.stage, trade.reason) == (Stage.CLOSED, ExitReason.SESSION_END)


def test_a_fill_after_the_trade_was_over_is_got_rid_of(desk: Desk) -> None:
    trade = desk.open(replace(LONG, entry=Entry.POST_ONLY))
    desk.accept(ENTRY)
    entry = desk.last(ENTRY)
    desk.wish(Action.CANCEL_ENTRY)
    desk.say(ReportKind.CANCELED, entry)
    assert trade.stage is Stage.CLOSED
    desk.fill(entry, 2)
    assert (trade.stage, trade.reopened, desk.last(EXIT).lots) == (Stage.EXITING, True, 2)
    desk.fill(desk.last(EXIT), 2, 99_990)
    assert (trade.stage, len(desk.closed)) == (Stage.CLOSED, 2)


def test_an_entry_that_lives_after_all_is_cancelled_again(desk: Desk) -> None:
    trade = desk.open(replace(LONG, entry=Entry.POST_ONLY))
    entry = desk.last(ENTRY)
    desk.wish(Action.CANCEL_ENTRY)
    for _ in range(2):  # the answers say: no such order
        desk.say(ReportKind.REJECTED, entry, reason=RejectReason.UNKNOWN_ORDER)
    assert trade.stage is Stage.CLOSED
    desk.say(ReportKind.ACCEPTED, entry)
    desk.now = desk.trader.next_deadline_ns()
    desk.trader.on_time(desk.now, {})
    assert desk.broker.cancels == [entry.client_id] * 2
    desk.say(ReportKind.CANCELED, entry)
    assert (trade.stage, trade.reason) == (Stage.CLOSED, ExitReason.UNFILLED)


def test_a_liquidation_closes_the_trade(desk: Desk) -> None:
    trade = desk.enter()
    for order in (*desk.all(TARGET), desk.last(STOP)):
        desk.say(ReportKind.CANCELED, order, reason=RejectReason.INSUFFICIENT_MARGIN)
    desk.say(ReportKind.LIQUIDATION, None, lots=10, price=90_000, realised_e8=-9000, fee_e8=90)
    reason = RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE
    desk.say(ReportKind.REJECTED, desk.last(STOP), reason=reason)  # the one that was tried meanwhile
    assert (trade.stage, trade.reason, trade.net_e8) == (Stage.CLOSED, ExitReason.LIQUIDATION, -9090)


def test_funding_belongs_to_the_open_trade_of_its_market(desk: Desk) -> None:
    trade = desk.enter()
    desk.say(ReportKind.FUNDING, None, funding_e8=-25)
    assert (trade.funding_e8, trade.net_e8) == (-25, -25)
    desk.trader.on_report(replace(desk.report(ReportKind.FUNDING, funding_e8=7), market=2))
    assert (trade.funding_e8, desk.trader.strays) == (-25, 1)


def test_a_report_about_no_order_of_ours_is_counted_and_audited(desk: Desk) -> None:
    desk.enter()
    desk.trader.on_report(replace(desk.report(ReportKind.ACCEPTED), client_id="somebody-else"))
    assert desk.trader.strays == 1
    assert desk.journal.of("audit")[-1][0] == "stray_report"


def test_reduce_takes_a_share_at_market_and_trims_the_far_targets(desk: Desk) -> None:
    desk.enter()
    assert desk.wish(Action.REDUCE, fraction=0.5, reason="windows in conflict")
    half = desk.last(EXIT)
    assert (half.lots, half.type, half.reduce_only) == (5, OrderType.MARKET, True)
    near, middle, far = desk.all(TARGET)
    assert desk.broker.cancels == [middle.client_id, far.client_id]
    desk.fill(half, 5, 100_010)
    assert desk.last(STOP).lots == 5
    desk.say(ReportKind.CANCELED, middle)
    desk.say(ReportKind.CANCELED, far)
    assert shape(desk.last(TARGET))[3:5] == (1, 100_500)
    assert near.client_id not in desk.broker.cancels


def test_a_rest_too_small_for_an_order_goes_with_the_part(desk: Desk) -> None:
    """5 USDT is the least the venue takes: of six lots of 0.001 at 1000 half leaves too little."""
    trade = desk.enter(lots=6)
    desk.wish(Action.REDUCE, fraction=0.5)

    assert [order.lots for order in desk.all(OrderRole.EXIT)] == [6]
    assert (trade.stage, trade.reduced_for) == (Stage.EXITING, [])


def test_a_partial_closing_is_remembered_with_its_reason(desk: Desk) -> None:
    trade = desk.enter(lots=20)
    desk.wish(Action.REDUCE, fraction=0.5, reason="slows")

    assert [order.lots for order in desk.all(OrderRole.EXIT)] == [10]
    assert trade.view().reduced_for == ("slows",)


def test_leaving_one_trade_closes_it_once_for_the_given_reason(desk: Desk) -> None:
    trade = desk.enter()
    for _ in range(2):
        desk.trader.leave(trade.id, desk.now, ExitReason.BOOK_LOST)
    desk.trader.leave("unknown", desk.now, ExitReason.BOOK_LOST)
    (leave,) = desk.all(OrderRole.EXIT)
    desk.fill(leave, 10, 100_000)

    assert trade.reason is ExitReason.BOOK_LOST


def test_the_same_reduce_twice_reduces_once(desk: Desk) -> None:
    desk.enter()
    intent = replace(LONG, id="reduce-1", action=Action.REDUCE, fraction=0.3)
    assert desk.trader.apply(intent, desk.now)
    assert not desk.trader.apply(intent, desk.now)
    assert len(desk.all(EXIT)) == 1


def test_reduce_of_everything_closes_with_the_strategys_reason(desk: Desk) -> None:
    trade = desk.enter()
    desk.wish(Action.REDUCE, reason="wall pulled or consumed")
    assert (trade.stage, trade.leaving) == (Stage.EXITING, ExitReason.WALL_PULLED)
    assert trade.detail == "wall pulled or consumed"


def test_a_stop_may_be_tightened_never_loosened(desk: Desk) -> None:
    trade = desk.enter()
    assert not desk.wish(Action.MOVE_STOP, invalidation=99_800)
    assert desk.wish(Action.MOVE_STOP, invalidation=99_900)
    assert desk.last(STOP).trigger == 99_900
    assert trade.view().first_stop == LONG.invalidation


@pytest.mark.parametrize("stranger", [{"strategy": "other"}, {"mode": Mode.DAY}, {"market": 2}])
def test_only_the_owner_may_touch_a_trade(desk: Desk, stranger: dict[str, Any]) -> None:
    desk.enter()
    assert not desk.wish(Action.REDUCE, **stranger)
    assert desk.all(EXIT) == []


def test_an_entry_does_not_pass_through_apply(desk: Desk) -> None:
    desk.enter()
    with pytest.raises(ValueError, match="risk"):
        desk.wish(Action.ENTER)


def test_an_unanswered_cancel_is_asked_again(desk: Desk) -> None:
    desk.open(replace(LONG, entry=Entry.POST_ONLY))
    desk.accept(ENTRY)
    entry = desk.last(ENTRY)
    assert desk.wish(Action.CANCEL_ENTRY)
    assert not desk.wish(Action.CANCEL_ENTRY)
    asked = desk.now
    assert desk.trader.next_deadline_ns() == asked + 2_500 * NS_PER_MS
    desk.trader.on_time(asked + 2_500 * NS_PER_MS - 1, {})
    assert desk.broker.cancels == [entry.client_id]
    desk.trader.on_time(asked + 2_500 * NS_PER_MS, {})
    assert desk.broker.cancels == [entry.client_id, entry.client_id]


def test_an_unanswered_entry_is_asked_about_never_sent_again(desk: Desk) -> None:
    trade = desk.open()
    entry = desk.last(ENTRY)
    desk.now += 2_500 * NS_PER_MS
    desk.trader.on_time(desk.now, {})
    assert desk.broker.cancels == [entry.client_id]
    assert desk.all(ENTRY) == [entry]
    desk.say(ReportKind.REJECTED, entry, reason=RejectReason.UNKNOWN_ORDER)
    assert (trade.stage, trade.reason) == (Stage.CLOSED, ExitReason.UNFILLED)


def test_a_short_is_the_mirror_image(desk: Desk) -> None:
    trade = desk.enter(intent=SHORT, price=99_999)
    assert shape(desk.last(STOP)) == (STOP, Side.BUY, OrderType.STOP_MARKET, 10, 0, 100_150)
    assert [(o.side, o.price) for o in desk.all(TARGET)] == [
        (Side.BUY, 99_600),
        (Side.BUY, 99_500),
        (Side.BUY, 99_400),
    ]
    desk.fill(desk.all(TARGET)[0], 4, 99_600)
    assert trade.stop == 99_879  # 120.0 ticks under 99,999, rounded down


def restarted(desk: Desk) -> Trader:
    """A new trader with the state of the old one, through JSON."""
    state = json.loads(json.dumps(desk.trader.to_state()))
    desk.trader = desk.make()
    desk.trader.restore(state)
    return desk.trader


def test_a_restored_trader_has_the_same_state_and_the_same_next_orders(desk: Desk) -> None:
    desk.enter()
    desk.fill(desk.all(TARGET)[0], 2, 100_400)
    before = desk.trader.to_state()
    twin = Desk()
    twin.enter()
    twin.fill(twin.all(TARGET)[0], 2, 100_400)
    trader = restarted(desk)
    assert trader.to_state() == before
    assert trader.views() == twin.trader.views()
    for each in (desk, twin):
        each.fill(each.all(TARGET)[0], 2, 100_400)
        each.trader.flatten(each.now, ExitReason.OPERATOR)
    assert desk.broker.orders == twin.broker.orders
    assert desk.broker.cancels == twin.broker.cancels


def test_figures_that_are_not_numbers_survive_a_restart(desk: Desk) -> None:
    desk.open(replace(LONG, figures={"tfi": float("nan"), "ofi": 1.0}))
    (trade,) = restarted(desk).trades
    figures = trade.plan.intent.figures
    assert figures["tfi"] != figures["tfi"]
    assert figures["ofi"] == 1.0


def test_where_orders_did_not_survive_stop_and_targets_are_placed_anew(desk: Desk) -> None:
    desk.enter()
    desk.broker.positions[0] = 10
    before = [shape(o)[0:1] + shape(o)[3:] for o in desk.broker.orders if o.role in (STOP, TARGET)]
    trader = restarted(desk)
    sent = len(desk.broker.orders)
    trader.resume(desk.now)
    anew = desk.broker.orders[sent:]
    assert [shape(o)[0:1] + shape(o)[3:] for o in anew] == before
    assert not {o.client_id for o in anew} & {o.client_id for o in desk.broker.orders[:sent]}


def test_an_entry_that_did_not_survive_is_not_sent_again(desk: Desk) -> None:
    desk.open(replace(LONG, entry=Entry.POST_ONLY))
    restarted(desk).resume(desk.now)
    assert len(desk.broker.orders) == 1
    assert desk.closed[0].reason is ExitReason.UNFILLED


def test_fills_missed_over_a_restart_are_adopted_and_protected(desk: Desk) -> None:
    desk.open(replace(LONG, entry=Entry.POST_ONLY))
    desk.broker.positions[0] = 6
    trader = restarted(desk)
    trader.resume(desk.now)
    (trade,) = trader.trades
    assert (trade.stage, trade.open_lots, int(trade.entry_price)) == (Stage.OPEN, 6, LONG.limit)
    assert desk.last(STOP).lots == 6
    assert desk.journal.of("audit")[-1] == ("reconciled", {"trade": trade.id, "lots": 6})


def test_exits_missed_over_a_restart_are_written_off(desk: Desk) -> None:
    desk.enter()
    desk.broker.positions[0] = 3
    trader = restarted(desk)
    trader.resume(desk.now)
    (trade,) = trader.trades
    assert (trade.open_lots, desk.last(STOP).lots) == (3, 3)
    desk.broker.positions[0] = 0
    restarted(desk).resume(desk.now)
    assert desk.closed[-1].reason is ExitReason.RECONCILED
