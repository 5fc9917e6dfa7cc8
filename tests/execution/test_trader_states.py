"""A venue that answers in any order it likes: whatever it does, no position is left alone."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.core.enums import (
    Action,
    Entry,
    OrderRole,
    OrderType,
    RejectReason,
    ReportKind,
    Side,
    Stage,
    TimeInForce,
    TriggerBy,
)
from bot.core.messages import Intent, Order, Report
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.execution.protector import ladder
from bot.execution.trader import NEVER_NS, Trader
from bot.risk.trades import ExitReason, Trade, TradeBook
from tests.fakes import FakeJournal
from tests.trading import LINEAR, LONG, SHORT, T0, a_plan

PLANNED = 12


@dataclass
class Resting:
    order: Order
    left: int
    accepted: bool = False
    triggered: bool = False


class Exchange:
    """A reduce-only respecting venue whose moves the test chooses.

    Orders and cancels travel apart, so a cancel may overtake its order; reports travel in order.
    """

    def __init__(self) -> None:
        self.now = T0
        self.position = 0
        self.travelling: list[Order] = []
        self.book: dict[str, Resting] = {}
        self.cancels: deque[str] = deque()
        self.reports: deque[Report] = deque()
        self.sent: set[str] = set()
        self.entered = 0

    def submit(self, order: Order, now_ns: int) -> None:
        assert order.client_id not in self.sent, "an id was used twice"
        assert order.lots > 0
        self.sent.add(order.client_id)
        self.travelling.append(order)

    @property
    def quiet(self) -> bool:
        return not (self.position or self.book or self.travelling or self.cancels or self.reports)

    def arrive(self) -> None:
        for order in self.travelling:
            self.book[order.client_id] = Resting(order, order.lots)
        self.travelling.clear()

    def cancel(self, client_id: str, now_ns: int) -> None:
        self.cancels.append(client_id)

    def position_lots(self, market: int) -> int:
        return self.position

    def equity_e8(self, coin: str) -> int:
        return 0

    def say(self, kind: ReportKind, order: Order | None, **fields: Any) -> None:
        client_id, side = (order.client_id, order.side) if order else ("", Side.SELL)
        base = Report(kind, client_id, 0, LONG.symbol, self.now, self.now, side=side)
        self.reports.append(replace(base, **fields))

    def accept(self, resting: Resting) -> None:
        if not resting.accepted:
            resting.accepted = True
            self.say(ReportKind.ACCEPTED, resting.order)

    def end(
        self, resting: Resting, kind: ReportKind, reason: RejectReason = RejectReason.NO_LIQUIDITY
    ) -> None:
        del self.book[resting.order.client_id]
        self.say(kind, resting.order, reason=reason)

    def fill(self, resting: Resting, lots: int) -> None:
        order = resting.order
        room = -self.position * order.side if order.reduce_only else resting.left
        lots = min(lots, resting.left, room)
        if lots <= 0:
            kind = ReportKind.EXPIRED if resting.accepted else ReportKind.REJECTED
            self.end(resting, kind, RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE)
            return
        resting.left -= lots
        self.position += order.side * lots
        self.entered += lots if order.role is OrderRole.ENTRY else 0
        price = order.price or order.trigger or 100_000
        self.say(ReportKind.FILL, order, lots=lots, price=price, fee_e8=lots, left_lots=resting.left)
        if resting.left == 0:
            del self.book[order.client_id]

    def do_cancel(self) -> None:
        client_id = self.cancels.popleft()
        resting = self.book.get(client_id)
        if resting is not None:
            self.end(resting, ReportKind.CANCELED, RejectReason.NONE)
        else:
            base = Report(ReportKind.REJECTED, client_id, 0, LONG.symbol, self.now, self.now)
            self.reports.append(replace(base, reason=RejectReason.UNKNOWN_ORDER))

    def settle(self, resting: Resting) -> None:
        """What an honest venue does at once with an order that has arrived, in a deep market at 100,000."""
        order = resting.order
        if order.type is OrderType.MARKET or resting.triggered:
            self.fill(resting, resting.left)
        elif order.time_in_force is TimeInForce.IOC:
            self.end(resting, ReportKind.EXPIRED)
        else:
            self.accept(resting)


pick = st.integers(0, 10**6)


class AnyVenue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.journal = FakeJournal()
        self.closed: list[Trade] = []
        self.nth = 0
        self.trader = self.make()

    def make(self) -> Trader:
        return Trader(self.exchange, self.journal, {0: LINEAR}, TradeBook(), self.closed.append)

    @property
    def trade(self) -> Trade | None:
        return self.trader.trades.of_market(0)

    @initialize(short=st.booleans(), entry=st.sampled_from(Entry), filled=st.sampled_from([PLANNED, 5, 0]))
    def first(self, short: bool, entry: Entry, filled: int) -> None:
        """Most stories begin with a protected position."""
        self.open(short, entry)
        if filled:
            self.market_reaches_an_order(OrderRole.ENTRY, filled)
            self.all_goes_well()
            self.all_goes_well()

    @precondition(lambda self: self.trade is None and self.exchange.quiet)
    @rule(short=st.booleans(), entry=st.sampled_from(Entry))
    def open(self, short: bool, entry: Entry) -> None:
        self.nth += 1
        base = SHORT if short else LONG
        intent = replace(base, id=f"intent{self.nth}", entry=entry, entry_ttl_ns=30 * NS_PER_S)
        self.exchange.entered = 0
        self.trader.open(a_plan(intent, PLANNED), self.exchange.now)

    def any_order(self, n: int) -> Resting | None:
        book = list(self.exchange.book.values())
        return book[n % len(book)] if book else None

    @rule()
    def all_goes_well(self) -> None:
        """Orders arrive and rest, cancels work, reports come."""
        self.exchange.arrive()
        for resting in list(self.exchange.book.values()):
            self.exchange.accept(resting)
        while self.exchange.cancels:
            self.exchange.do_cancel()
        self.deliver(len(self.exchange.reports))

    @precondition(lambda self: self.exchange.travelling)
    @rule()
    def orders_arrive(self) -> None:
        self.exchange.arrive()

    @rule(n=pick)
    def venue_accepts(self, n: int) -> None:
        if resting := self.any_order(n):
            self.exchange.accept(resting)

    @rule(lots=st.sampled_from([PLANNED, PLANNED, 1]))
    def market_reaches_a_target(self, lots: int) -> None:
        self.all_goes_well()
        self.market_reaches_an_order(OrderRole.TARGET, lots)
        self.deliver(len(self.exchange.reports))

    @rule(role=st.sampled_from(OrderRole), lots=st.sampled_from([1, 3, PLANNED]))
    def market_reaches_an_order(self, role: OrderRole, lots: int) -> None:
        self.exchange.arrive()
        resting = next((r for r in self.exchange.book.values() if r.order.role is role), None)
        if resting is None:
            return
        if role is OrderRole.STOP and not resting.triggered:
            resting.triggered = resting.accepted = True
            self.exchange.say(ReportKind.TRIGGERED, resting.order)
        self.exchange.fill(resting, lots)

    @rule(n=pick, luck=st.integers(0, 3))
    def venue_triggers(self, n: int, luck: int) -> None:
        resting = self.any_order(n)
        if luck == 3 and resting and resting.order.type is OrderType.STOP_MARKET and not resting.triggered:
            resting.triggered = resting.accepted = True
            self.exchange.say(ReportKind.TRIGGERED, resting.order)

    @rule(n=pick, luck=st.integers(0, 3))
    def venue_refuses(self, n: int, luck: int) -> None:
        resting = self.any_order(n)
        if luck == 3 and resting and not resting.accepted and resting.left == resting.order.lots:
            self.exchange.end(resting, ReportKind.REJECTED)

    @rule(n=pick, luck=st.integers(0, 3), kind=st.sampled_from([ReportKind.CANCELED, ReportKind.EXPIRED]))
    def venue_takes_away(self, n: int, luck: int, kind: ReportKind) -> None:
        resting = self.any_order(n)
        if luck == 3 and resting:
            self.exchange.end(resting, kind)

    @precondition(lambda self: self.exchange.cancels)
    @rule()
    def venue_works_a_cancel(self) -> None:
        self.exchange.do_cancel()

    @precondition(lambda self: self.exchange.position != 0)
    @rule(amount=st.integers(-50, 50))
    def funding_is_paid(self, amount: int) -> None:
        self.exchange.say(ReportKind.FUNDING, None, funding_e8=amount)

    @precondition(lambda self: self.exchange.reports)
    @rule(n=st.integers(1, 5))
    def reports_arrive(self, n: int) -> None:
        self.deliver(min(n, len(self.exchange.reports)))

    def deliver(self, n: int) -> None:
        batch = [self.exchange.reports.popleft() for _ in range(n)]
        self.trader.on_reports([replace(report, now_ns=self.exchange.now) for report in batch])

    @rule(
        ms=st.sampled_from([1, 200, 200, 1_000, 1_000, 3_000, 40_000]),
        price=st.sampled_from([99_000.0, 100_450.0]),
    )
    def time_passes(self, ms: int, price: float) -> None:
        if ms >= 1_000:
            self.exchange.arrive()  # no order travels longer than an answer may take
        self.exchange.now += ms * NS_PER_MS
        self.trader.on_time(self.exchange.now, {0: price})

    def wish(self, **fields: Any) -> None:
        if self.trade is not None:
            self.nth += 1
            intent: Intent = replace(self.trade.plan.intent, id=f"intent{self.nth}", **fields)
            self.trader.apply(intent, self.exchange.now)

    @rule(fraction=st.sampled_from([0.1, 0.5, 1.0]))
    def strategy_reduces(self, fraction: float) -> None:
        self.wish(action=Action.REDUCE, fraction=fraction)

    @rule(stop=st.integers(99_700, 100_300))
    def strategy_moves_the_stop(self, stop: int) -> None:
        self.wish(action=Action.MOVE_STOP, invalidation=stop)

    @rule()
    def strategy_cancels_the_entry(self) -> None:
        self.wish(action=Action.CANCEL_ENTRY)

    @rule(n=st.integers(0, 9))
    def operator_flattens(self, n: int) -> None:
        if n == 9:  # seldom: it ends every story
            self.trader.flatten(self.exchange.now, ExitReason.OPERATOR)

    @rule()
    def bot_restarts(self) -> None:
        state = json.loads(json.dumps(self.trader.to_state()))
        self.trader = self.make()
        self.trader.restore(state)
        assert self.trader.to_state() == state

    @invariant()
    def never_more_than_planned(self) -> None:
        assert self.exchange.entered <= PLANNED
        assert abs(self.exchange.position) <= PLANNED

    @invariant()
    def an_open_position_has_a_stop_or_a_way_out(self) -> None:
        """Judged on the orders sent, with what has been reported; a refused exit may wait for its retry."""
        trade = self.trade
        if trade is None or trade.open_lots == 0:
            return
        mine = self.trader._desk.of(trade)
        if trade.stage is Stage.OPEN:
            stop = [t for t in mine if t.role is OrderRole.STOP][-1]
            assert stop.working
            assert stop.left == trade.open_lots
            assert stop.order.trigger in {rung.trigger for rung in ladder(trade, TriggerBy.LAST)}
            assert stop.order.reduce_only
        else:
            assert trade.stage is Stage.EXITING
            leaving = self.trader._desk.leaving_lots(trade)
            assert leaving >= trade.open_lots or self.trader.next_deadline_ns() < NEVER_NS

    @invariant()
    def deadlines_lie_ahead_once_met(self) -> None:
        due = self.trader.next_deadline_ns()
        if due <= self.exchange.now:
            self.trader.on_time(self.exchange.now, {})
            assert self.trader.next_deadline_ns() > self.exchange.now

    @invariant()
    def nothing_of_a_closed_trade_rests(self) -> None:
        """Judged when all cancels and reports have arrived."""
        if self.trade is None and not self.exchange.reports and not self.exchange.cancels:
            assert self.exchange.book == {}
            assert self.exchange.travelling == []

    def teardown(self) -> None:
        """An honest venue from here on: everything ends flat, with nothing resting and exact sums."""
        exchange = self.exchange
        self.trader.flatten(exchange.now, ExitReason.SESSION_END)
        for _ in range(200):
            exchange.arrive()
            while exchange.cancels:
                exchange.do_cancel()
            for resting in list(exchange.book.values()):
                if resting.order.client_id in exchange.book:
                    exchange.settle(resting)
            while exchange.reports:
                self.trader.on_reports([replace(exchange.reports.popleft(), now_ns=exchange.now)])
            if self.trade is None:
                break
            exchange.now += NS_PER_S
            self.trader.on_time(exchange.now, {})
        assert self.trade is None
        assert exchange.position == 0
        assert exchange.book == {}
        for trade in self.closed:
            assert trade.stage is Stage.CLOSED
            assert trade.reason is not None
            assert trade.fees_e8 == trade.filled_lots + sum(trade.exits.values())


AnyVenue.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestAnyVenue = AnyVenue.TestCase
