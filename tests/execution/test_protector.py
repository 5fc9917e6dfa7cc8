from __future__ import annotations

import pytest

from bot.core.enums import OrderRole, OrderState, OrderType, Side, Stage, TriggerBy
from bot.core.messages import Intent, Order
from bot.execution.orders import Ticket
from bot.execution.protector import Wanted, ladder, measure, next_step, proven_lots
from bot.risk.trades import Trade
from tests.trading import LONG, SHORT, T0, a_plan


def a_stop(lots: int, trigger: int, state: OrderState, asked_ns: int = 0) -> Ticket:
    order = Order(
        f"s{lots}@{trigger}",
        "1",
        0,
        "ABCUSDT",
        Side.SELL,
        OrderType.STOP_MARKET,
        OrderRole.STOP,
        lots,
        trigger=trigger,
    )
    return Ticket(order, "trade", state=state, asked_ns=asked_ns)


LIVE, PENDING = OrderState.LIVE, OrderState.PENDING
LAST, MARK = TriggerBy.LAST, TriggerBy.MARK
RUNGS = (Wanted(99, LAST), Wanted(99, LAST), Wanted(99, MARK), Wanted(97, LAST))


def test_a_position_without_a_stop_gets_one() -> None:
    assert next_step(10, RUNGS, []).place


@pytest.mark.parametrize("state", [LIVE, PENDING])
def test_a_stop_that_fits_is_left_alone(state: OrderState) -> None:
    step = next_step(10, RUNGS, [a_stop(10, 99, state)])
    assert (step.place, step.drop, step.failed) == (None, (), False)


@pytest.mark.parametrize("last", [a_stop(8, 99, LIVE), a_stop(10, 98, LIVE), a_stop(12, 99, PENDING)])
def test_a_stop_of_another_size_or_price_is_replaced_before_it_is_cancelled(last: Ticket) -> None:
    step = next_step(10, RUNGS, [last])
    assert step.place
    assert step.drop == ()


def test_old_stops_go_only_when_the_venue_has_confirmed_the_new() -> None:
    old = a_stop(8, 99, LIVE)
    assert next_step(10, RUNGS, [old, a_stop(10, 99, PENDING)]).drop == ()
    assert next_step(10, RUNGS, [old, a_stop(10, 99, LIVE)]).drop == (old,)


def test_a_stop_that_was_not_answered_for_is_a_failure_even_beside_an_old_one() -> None:
    assert next_step(10, RUNGS, [a_stop(10, 98, LIVE), a_stop(10, 99, OrderState.UNKNOWN)]).failed


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.CANCELED])
def test_a_stop_refused_or_lost_goes_down_the_ladder_and_then_flattens(state: OrderState) -> None:
    stops: list[Ticket] = []
    for rung in RUNGS:
        step = next_step(10, RUNGS, stops)
        assert (step.place, step.failed) == (rung, False)
        stops.append(a_stop(10, rung.trigger, state))
    assert next_step(10, RUNGS, stops).failed


def test_a_wider_stop_that_holds_is_kept() -> None:
    lost = [a_stop(10, 99, OrderState.REJECTED) for _ in range(3)]
    step = next_step(10, RUNGS, [*lost, a_stop(10, 97, LIVE)])
    assert (step.place, step.failed) == (None, False)


def test_after_a_stop_that_held_the_ladder_begins_anew() -> None:
    held = a_stop(10, 95, LIVE)
    lost = a_stop(10, 99, OrderState.REJECTED)
    assert next_step(10, RUNGS, [lost, lost, held, lost]).place == RUNGS[1]


@pytest.mark.parametrize(("intent", "wider"), [(LONG, 99_750), (SHORT, 100_250)])
def test_the_ladder_tries_again_by_the_other_price_and_then_further_away(intent: Intent, wider: int) -> None:
    trade = Trade(a_plan(intent), T0, "USDT", False, intent.invalidation)
    trade.add_entry(10, intent.limit, T0)
    tried = [(w.trigger, w.trigger_by) for w in ladder(trade, LAST)]
    stop = intent.invalidation
    assert tried == [(stop, LAST), (stop, LAST), (stop, MARK), (wider, LAST)]


def test_a_stop_gone_in_a_restart_is_placed_anew() -> None:
    stop = a_stop(10, 99, LIVE)
    stop.gone(T0)
    step = next_step(10, RUNGS, [stop])
    assert step.place
    assert not step.failed


def test_only_confirmed_stops_prove_anything() -> None:
    stops = [a_stop(5, 99, LIVE), a_stop(8, 99, PENDING), a_stop(9, 99, OrderState.UNKNOWN)]
    assert proven_lots(stops) == 5


def test_exposed_time_runs_while_open_and_unproven_and_keeps_its_longest_stretch() -> None:
    trade = Trade(a_plan(), T0, "USDT", False, LONG.invalidation)
    trade.step(Stage.OPEN)
    trade.add_entry(5, 100_000, T0)
    measure(trade, [], T0 + 10)
    measure(trade, [a_stop(5, 99, PENDING)], T0 + 20)
    measure(trade, [a_stop(5, 99, LIVE)], T0 + 110)
    trade.add_entry(5, 100_000, T0)
    measure(trade, [a_stop(5, 99, LIVE)], T0 + 500)
    trade.step(Stage.EXITING)  # flattening has begun
    measure(trade, [a_stop(5, 99, LIVE)], T0 + 530)
    measure(trade, [], T0 + 900)
    assert (trade.unprotected_ns, trade.unprotected_max_ns) == (130, 100)
