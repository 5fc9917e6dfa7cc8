from __future__ import annotations

import pytest

from bot.core.enums import OrderRole, OrderState, OrderType, Side, Stage
from bot.core.messages import Order
from bot.execution.orders import Ticket
from bot.execution.protector import measure, next_step, proven_lots
from bot.risk.trades import Trade
from tests.trading import LONG, T0, a_plan


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


def test_a_position_without_a_stop_gets_one() -> None:
    assert next_step(10, 99, []).place


@pytest.mark.parametrize("state", [LIVE, PENDING])
def test_a_stop_that_fits_is_left_alone(state: OrderState) -> None:
    step = next_step(10, 99, [a_stop(10, 99, state)])
    assert (step.place, step.drop, step.failed) == (False, (), False)


@pytest.mark.parametrize("last", [a_stop(8, 99, LIVE), a_stop(10, 98, LIVE), a_stop(12, 99, PENDING)])
def test_a_stop_of_another_size_or_price_is_replaced_before_it_is_cancelled(last: Ticket) -> None:
    step = next_step(10, 99, [last])
    assert step.place
    assert step.drop == ()


def test_old_stops_go_only_when_the_venue_has_confirmed_the_new() -> None:
    old = a_stop(8, 99, LIVE)
    assert next_step(10, 99, [old, a_stop(10, 99, PENDING)]).drop == ()
    assert next_step(10, 99, [old, a_stop(10, 99, LIVE)]).drop == (old,)


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.CANCELED, OrderState.UNKNOWN])
def test_a_stop_refused_lost_or_unanswered_is_a_failure_even_beside_an_old_one(state: OrderState) -> None:
    assert next_step(10, 99, [a_stop(10, 98, LIVE), a_stop(10, 99, state)]).failed


def test_a_stop_gone_in_a_restart_is_placed_anew() -> None:
    stop = a_stop(10, 99, LIVE)
    stop.gone(T0)
    step = next_step(10, 99, [stop])
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
