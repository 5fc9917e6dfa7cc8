"""Random orders in a random market: the kernels against a plain venue, the money against a plain ledger."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from bot.core.enums import OrderRole, OrderType, RejectReason, ReportKind, Side, TimeInForce, TriggerBy
from bot.core.messages import Order, Report
from bot.core.units import NS_PER_MS
from bot.execution.venue_state import QueueModel
from bot.market.instruments import Instrument
from tests.execution.paper_world import INVERSE, LINEAR, quiet_world
from tests.execution.plain_ledger import PlainLedger
from tests.execution.reference_venue import ReferenceVenue

LEVERAGE = 10
TICKS = st.integers(93, 107)
LEVELS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=5)
START = [(1, 100 - n, 4) for n in range(4)] + [(-1, 101 + n, 4) for n in range(4)]

orders: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    side=st.sampled_from(Side),
    type=st.sampled_from([OrderType.LIMIT] * 4 + [OrderType.MARKET, OrderType.STOP_MARKET]),
    lots=st.integers(1, 8),
    price=st.integers(96, 105),
    trigger=st.integers(95, 106),
    trigger_by=st.sampled_from(TriggerBy),
    time_in_force=st.sampled_from(TimeInForce),
    reduce_only=st.sampled_from([False, False, True]),
)
steps = st.one_of(
    st.tuples(st.just("book"), st.sampled_from([1, -1]), st.integers(98, 103), LEVELS),
    st.tuples(st.just("book"), st.sampled_from([1, -1]), st.just(100), LEVELS),
    st.tuples(st.just("trade"), st.sampled_from([1, -1, -1, 1, 0]), st.integers(96, 105), st.integers(1, 12)),
    st.tuples(st.just("trade"), st.sampled_from([1, -1]), st.integers(99, 102), st.integers(1, 12)),
    st.tuples(st.just("order"), orders),
    st.tuples(st.just("order"), orders),
    st.tuples(st.just("cancel"), st.integers(1, 6)),
    st.tuples(st.just("mark"), st.one_of(st.integers(98, 103), st.integers(85, 118))),
    st.tuples(st.just("snapshot"), st.integers(98, 103), st.integers(1, 9)),
    st.tuples(st.just("funding"), st.integers(-9, 9), st.integers(1, 60)),
)
scripts = st.lists(st.tuples(st.integers(0, 12), steps), min_size=5, max_size=60)


class Pair:
    """The same script for the venue under test and for the reference."""

    def __init__(self, model: QueueModel, instrument: Instrument = LINEAR) -> None:
        order_ns, cancel_ns = 10 * NS_PER_MS, 15 * NS_PER_MS
        self.tick = float(instrument.tick)
        self.world = quiet_world(
            instruments=(instrument,),
            order_latency_ns=order_ns,
            cancel_latency_ns=cancel_ns,
            queue_model=model,
            leverage=LEVERAGE,
        )
        self.plain = ReferenceVenue(order_ns, cancel_ns, model is QueueModel.PROPORTIONAL, LEVERAGE)
        self.settles_ns = 0
        self.reports: list[Report] = []
        self.cancelling: set[str] = set()

    def play(self, t: int, step: tuple[Any, ...]) -> None:
        match step:
            case ("book", side, touch, levels):
                self.rows(t, [(side, touch - side * away, lots) for away, lots in levels], False)
            case ("snapshot", bid, lots):
                self.rows(
                    t, [(1, bid - n, lots) for n in range(5)] + [(-1, bid + 1 + n, 3) for n in range(5)], True
                )
            case ("trade", side, tick, lots):
                self.world.trade(t, side, tick, lots)
                self.plain.trade(t, side, tick, lots)
            case ("mark", tick):
                # off the grid, so that no mark lies on a threshold that float and exact figures round apart
                self.world.mark(t, round((tick + 0.03) * self.tick, 6))
                self.plain.mark(t, tick + Fraction("0.03"))
            case ("funding", rate, after_ms) if t > self.settles_ns:
                self.settles_ns = t + after_ms * NS_PER_MS
                self.world.funding(t, rate * 1e-4, self.settles_ns)
                self.plain.funding(t, rate * 1e-4, self.settles_ns)
                self.rows(t, [], False)
            case ("order", fields):
                self.send(t, fields)
            case ("cancel", back):
                self.cancel(t, back)

    def rows(self, t: int, rows: list[tuple[int, int, int]], snapshot: bool) -> None:
        rows = list({(side, tick): (side, tick, lots) for side, tick, lots in rows}.values())
        bids = {tick: lots for side, tick, lots in rows if side > 0}
        asks = {tick: lots for side, tick, lots in rows if side < 0}
        self.world.book(t, bids, asks, snapshot=snapshot)
        self.plain.rows(t, [(1, *b) for b in bids.items()] + [(-1, *a) for a in asks.items()], snapshot)

    def send(self, t: int, fields: dict[str, Any]) -> None:
        kind = fields["type"]
        if kind is not OrderType.LIMIT:
            fields = {**fields, "time_in_force": TimeInForce.GTC}
        name = self.world.send(t, **fields)
        order = Order(name, "intent", 0, "LIN", role=OrderRole.ENTRY, **fields)
        self.plain.send(order, t)

    def cancel(self, t: int, back: int) -> None:
        """Of an open order (or one whose end has not been told), one request at a time."""
        named = f"o{self.world.sent + 1 - back}"
        open_now = {order.client_id for order, _ in self.world.venue.open_orders()}
        if named in open_now and named not in self.cancelling:
            self.cancelling.add(named)
            self.world.venue.cancel(named, t)
            self.plain.cancel(named, t)

    def listen(self) -> None:
        for r in self.world.venue.drain(self.world.now):
            self.reports.append(r)
            if r.reason is RejectReason.UNKNOWN_ORDER:
                self.cancelling.discard(r.client_id)


def play(model: QueueModel, script: list[tuple[int, tuple[Any, ...]]]) -> Pair:
    pair = Pair(model)
    pair.rows(0, START, True)
    t = 0
    for pause_ms, step in script:
        t += pause_ms * NS_PER_MS
        pair.play(t, step)
        pair.listen()
    return pair


def long_script(seed: int, length: int = 300) -> list[tuple[int, tuple[Any, ...]]]:
    """A session around a touch that wanders: deeper states than short drawn scripts reach."""
    rng = random.Random(seed)
    touch = 100
    script: list[tuple[int, tuple[Any, ...]]] = []
    for _ in range(length):
        side = rng.choice((1, -1))
        what = rng.choices(
            ("book", "trade", "order", "cancel", "mark", "snapshot", "funding"), (30, 25, 25, 6, 8, 1, 3)
        )[0]
        if what == "book":
            touch = min(104, max(97, touch + rng.choice((-1, 0, 0, 0, 1))))
            near = touch if side > 0 else touch + 1
            step: tuple[Any, ...] = (
                "book",
                side,
                near,
                [(n, rng.randint(0, 9)) for n in range(rng.randint(1, 4))],
            )
        elif what == "trade":
            tick = (touch if side < 0 else touch + 1) + rng.choice((-1, 0, 0, 0, 1))
            step = ("trade", rng.choice((side, side, side, 0)), tick, rng.randint(1, 12))
        elif what == "order":
            step = ("order", long_order(rng, side, touch))
        elif what == "mark":
            step = ("mark", touch + rng.choice((-2, -1, 0, 0, 0, 1, 2, rng.randint(-14, 14))))
        else:
            step = {
                "cancel": ("cancel", rng.randint(1, 4)),
                "snapshot": ("snapshot", touch, rng.randint(1, 9)),
                "funding": ("funding", rng.randint(-9, 9), rng.randint(5, 60)),
            }[what]
        script.append((rng.choice((0, 0, 3, 8, 12)), step))
    return script


def long_order(rng: random.Random, side: int, touch: int) -> dict[str, Any]:
    near = touch if side > 0 else touch + 1
    return {
        "side": Side(side),
        "type": rng.choices((OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_MARKET), (7, 2, 3))[0],
        "lots": rng.randint(1, 9),
        "price": near + rng.choice((-2, -1, 0, 0, 0, 1, 2)),
        "trigger": near + side * rng.randint(-1, 3),
        "trigger_by": rng.choice(list(TriggerBy)),
        "time_in_force": rng.choice(list(TimeInForce)),
        "reduce_only": rng.random() < 0.35,
    }


def check_against_the_plain_venue(pair: Pair) -> None:
    got = [
        (
            r.kind,
            r.client_id,
            r.lots,
            0 if r.kind is ReportKind.FUNDING else r.price,
            r.left_lots,
            r.reason,
            r.venue_ns,
        )
        for r in pair.reports
    ]
    for kind in {r.kind for r in pair.reports}:
        event(kind.name)
    assert got == pair.plain.told
    assert pair.world.venue.position_lots(0) == pair.plain.position
    assert pair.world.venue.mt.markets[0]["position"] == pair.plain.position
    consumed = sum(1 for lots in pair.plain.consumed.values() if lots)
    watched = len(pair.plain.live) + consumed + (pair.plain.position != 0)
    assert int(pair.world.venue.mt.watch[0]) == watched


@pytest.mark.parametrize("model", QueueModel)
@settings(max_examples=60)
@given(script=scripts)
def test_every_report_is_the_one_a_plain_venue_gives(model, script):
    check_against_the_plain_venue(play(model, script))


@pytest.mark.parametrize("model", QueueModel)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_long_sessions_are_reported_as_by_a_plain_venue(model, seed):
    check_against_the_plain_venue(play(model, long_script(seed)))


@pytest.mark.parametrize("instrument", [LINEAR, INVERSE], ids=["linear", "inverse"])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_money_is_exact_to_the_last_unit(instrument, seed):
    instrument = replace(instrument, maker_fee=Decimal("-0.00013"), taker_fee=Decimal("0.00047"))
    pair = Pair(QueueModel.PESSIMISTIC, instrument)
    venue = pair.world.venue
    books = PlainLedger(instrument, venue.settings.liquidation_fee)
    venue.deposit(instrument.settle, 10**10)
    books.wallet += 100
    pair.rows(0, START, True)
    t, rate = 0, Decimal(0)
    pair.play(t, ("mark", 100))
    for pause_ms, step in long_script(seed):
        t += pause_ms * NS_PER_MS
        mark = Decimal(str(float(pair.world.heads[0]["mark"])))
        told = len(pair.reports)
        pair.play(t, step)
        pair.listen()
        for report in pair.reports[told:]:
            booked = books.take(report, rate, mark)
            assert (report.fee_e8, report.realised_e8, report.funding_e8) == booked
        rate = Decimal(str(float(pair.world.heads[0]["funding_rate"])))
        mark = Decimal(str(float(pair.world.heads[0]["mark"])))
        assert venue.equity_e8(instrument.settle) == books.equity_e8(mark)
    account = venue.ledger.account(instrument.settle)
    parts = account.deposits_e8 + account.realised_e8 - account.fees_e8 + account.funding_e8
    assert (
        venue.wallet_e8(instrument.settle)
        == parts
        == sum((r.realised_e8 - r.fee_e8 + r.funding_e8 for r in pair.reports), 10**10)
    )
