"""What the engine does for an open trade between two ticks, and for a set-up that lacks its trigger."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bot.core.enums import Action, Entry, Mode, OrderRole, Stage
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.wishes import watch
from bot.market.events import Kind
from bot.risk.trades import ExitReason
from tests.engine.world import ASKS, BIDS, Scripted, Stream, World, a_long, act, opened, seconds
from tests.trading import LINEAR

SCALP = (Mode.SCALP,)
SEVERAL = (Mode.SCALP, Mode.DAY)


def closed_row(world: World) -> dict[str, Any]:
    row: dict[str, Any] = world.journal.of("trade")[-1]
    assert row["stage"] == Stage.CLOSED
    return row


def mark(stream: Stream, at_s: float, tick: float) -> Stream:
    return stream.put(at_s, Kind.MARK, value=tick * float(LINEAR.tick))


def test_an_open_trade_is_looked_at_every_second_and_at_its_fill() -> None:
    strategy = Scripted(a_long())
    World(strategy, modes=SCALP).feed(opened().quiet(1.0, 35.5, 0.1))

    assert [seconds(now) for now in strategy.managed] == [pytest.approx(30.015), 31.0, 32.0, 33.0, 34.0, 35.0]


def test_nobody_is_asked_between_ticks_without_a_trade() -> None:
    strategy = Scripted()
    world = World(strategy, modes=SCALP).feed(opened().quiet(1.0, 95.0, 0.1))

    assert strategy.managed == []
    assert [seconds(now) for now, _, _ in strategy.asked] == [30.0, 60.0, 90.0]
    assert world.engine.counts.reports == 0


@pytest.mark.parametrize(
    ("tick", "reason"), [(99_900.0, ExitReason.STOP), (99_899.9, ExitReason.STOP), (99_901.0, None)]
)
def test_a_mark_beyond_the_stop_closes_within_the_event_although_nothing_traded(
    tick: float, reason: ExitReason | None
) -> None:
    stream = mark(opened().quiet(1.0, 25.0, 0.1), 25.01, 100_000.0).quiet(25.1, 33.25, 0.1)
    mark(stream, 33.301, tick).quiet(33.4, 36.0, 0.1)
    world = World(Scripted(a_long()), modes=SCALP).feed(stream)

    exits = [seconds(order.sent_ns) for order in world.orders(OrderRole.EXIT)]
    assert exits == ([33.301] if reason else [])
    assert world.journal.of("trade")[-1]["reason"] == reason


@pytest.mark.parametrize(("later", "stopped"), [(99_860.0, False), (99_799.0, True)])
def test_the_basis_that_the_mark_had_at_the_fill_is_no_move(later: float, stopped: bool) -> None:
    """A mark 10 bps under the mid at the fill, its stop 10 bps away: only a fall from there counts."""
    stream = mark(opened().quiet(1.0, 25.0, 0.1), 25.01, 99_900.0).quiet(25.1, 33.25, 0.1)
    mark(stream, 33.301, later).quiet(33.4, 36.0, 0.1)
    world = World(Scripted(a_long()), modes=SCALP).feed(stream)

    assert bool(world.orders(OrderRole.EXIT)) == stopped


def test_a_print_beyond_the_stop_is_the_venues_to_act_on_and_closes_once() -> None:
    stream = opened().quiet(1.0, 33.0, 0.1).trade(33.05, -1, 99_899).quiet(33.1, 40.0, 0.1)
    world = World(Scripted(a_long()), modes=SCALP).feed(stream)

    assert closed_row(world)["reason"] == ExitReason.STOP
    assert world.orders(OrderRole.EXIT) == []
    assert world.venue.position_lots(0) == 0


def test_a_touch_beyond_the_stop_without_print_or_mark_closes_nothing() -> None:
    stream = opened().quiet(1.0, 33.0, 0.1)
    stream.book(33.1, {99_990: 0, 99_980: 0}).quiet(33.2, 36.0, 0.1)
    world = World(Scripted(a_long()), modes=SCALP).feed(stream)

    assert world.journal.of("trade")[-1]["stage"] == Stage.OPEN
    assert world.orders(OrderRole.EXIT) == []


@pytest.mark.parametrize(("back_s", "lost"), [(36.0, False), (41.0, True)])
def test_a_book_unusable_for_more_than_five_seconds_closes_its_trade_when_it_is_back(
    back_s: float, lost: bool
) -> None:
    stream = opened().quiet(1.0, 33.0, 0.1).book(33.05, {100_050: 1})  # crossed
    stream.quiet(33.1, back_s, 0.1).book(back_s, BIDS, ASKS, snapshot=True)
    world = World(Scripted(a_long()), modes=SCALP).feed(stream.quiet(back_s + 0.1, back_s + 5.0, 0.1))

    assert len(world.audits("book_lost")) == lost
    last = world.journal.of("trade")[-1]
    assert last["reason"] == (ExitReason.BOOK_LOST if lost else None)
    if lost:
        assert world.venue.position_lots(0) == 0
        assert seconds(world.orders(OrderRole.EXIT)[0].sent_ns) == pytest.approx(back_s + 1.0)


def test_while_the_book_is_crossed_the_strategy_is_not_asked() -> None:
    strategy = Scripted(a_long())
    stream = opened().quiet(1.0, 32.5, 0.1).book(32.55, {100_050: 1}).quiet(32.6, 35.5, 0.1)
    World(strategy, modes=SCALP).feed(stream.book(35.5, {100_050: 0}).quiet(35.6, 37.0, 0.1))

    assert [seconds(now) for now in strategy.managed][1:] == [31.0, 32.0, 36.0]


WALL = {"wall": 7, "wall_span": (99_980, 99_975), "wall_lots": 500.0, "wall_keep": (0.6, 0.3)}


def test_a_wall_that_dies_while_the_cancel_is_in_flight_closes_what_was_filled() -> None:
    """The cancel is sent, the entry fills before it arrives, the wall is gone: out at the fill report."""

    def manage(view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        if trade.wall_shown > 0.3 * trade.wall_lots:
            return ()
        return (act(view, trade, Action.CANCEL_ENTRY if trade.stage is Stage.ENTERING else Action.REDUCE),)

    strategy = Scripted(a_long(entry=Entry.POST_ONLY, limit=99_985, **WALL), manage=manage)
    stream = opened().quiet(1.0, 33.0, 0.1).book(33.101, {99_980: 0})
    stream.trade(33.105, -1, 99_980, 500)  # sweeps us before the cancel is there
    world = World(strategy, modes=SCALP).feed(stream.quiet(33.2, 34.0, 0.1))

    assert len(world.audits("cancel")) >= 1
    (fill, *_) = world.journal.of("fill")
    (leave,) = world.orders(OrderRole.EXIT)
    assert leave.sent_ns == fill.now_ns
    assert world.venue.position_lots(0) == 0


class Waiting(Scripted):
    """Watches at every cycle for `seconds`; enters once the bid is at `trigger`."""

    def __init__(self, trigger: int, seconds: float) -> None:
        super().__init__()
        self.trigger, self.seconds, self.entered = trigger, seconds, 0

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        super().enter(view)
        if view.bid != self.trigger:
            return (watch(view, self.name, a_long().side, "wait", self.seconds),)
        self.entered += 1
        return (a_long(now_ns=view.now_ns),)


def test_a_watched_set_up_is_asked_about_every_second_until_its_time_is_over() -> None:
    strategy = Waiting(0, 5.0)
    World(strategy, modes=SCALP).feed(opened().quiet(1.0, 59.0, 0.1))

    assert [seconds(now) for now, _, _ in strategy.asked] == [30.0, 31.0, 32.0, 33.0, 34.0, 35.0]


def test_a_watched_set_up_enters_at_the_second_of_its_trigger_and_is_asked_no_more() -> None:
    strategy = Waiting(99_995, 15.0)
    stream = opened().quiet(1.0, 33.5, 0.1).book(33.55, {99_995: 5}).quiet(33.6, 50.0, 0.1)
    world = World(strategy, modes=SCALP).feed(stream)

    assert [seconds(now) for now, _, _ in strategy.asked] == [30.0, 31.0, 32.0, 33.0, 34.0]
    assert seconds(world.orders(OrderRole.ENTRY)[0].sent_ns) == 34.0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "NoneType"),
        ((None,), "expected intents"),
        ((a_long(strategy="another"),), "expected an intent of 'scripted'"),
        ((a_long(market=1),), "about market 1"),
        ((a_long(action=Action.REDUCE),), "expected no reduce"),
    ],
)
def test_a_strategy_that_answers_nonsense_is_disabled_with_the_reason(answer: Any, words: str) -> None:
    class Odd(Scripted):
        def enter(self, view: MarketView) -> tuple[Intent, ...]:
            super().enter(view)
            found: tuple[Intent, ...] = answer
            return found

    odd, healthy = Odd(), Scripted(name="healthy")
    world = World(odd, healthy, modes=SCALP).feed(opened().quiet(1.0, 65.0))

    assert words in world.engine.counts.disabled["scripted"]
    assert (len(odd.asked), len(healthy.asked)) == (1, 2)


def test_the_thin_ratio_of_the_last_three_seconds_is_known_three_seconds_after_the_fill() -> None:
    seen: list[tuple[float, float]] = []

    def manage(view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        seen.append((view.thin_low_3s, view.thin_high_3s))
        return ()

    World(Scripted(a_long(), manage=manage), modes=SCALP).feed(opened().quiet(1.0, 36.5, 0.1))

    known = [not math.isnan(low) and low <= high for low, high in seen]
    assert known == [False, False, False, False, True, True, True]
