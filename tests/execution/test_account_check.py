"""What the venue shows against what we believe: only what is seen twice, with nothing under way, counts."""

from __future__ import annotations

import pytest

from bot.core.enums import OrderRole, Side
from bot.execution.guards import Choice, stop_ticks
from bot.execution.live_venue import Ask, Cancel, Submit
from bot.execution.news import OrderSeen, PositionSeen, Status, Verdict
from bot.risk.trades import ExitReason
from tests.execution.live_world import LiveWorld


def shown(world: LiveWorld, lots: int, *orders: OrderSeen, wallet: str = "9999.99"):
    held = (PositionSeen(0, lots, "1000.02"),) if lots else ()
    return world.account(*held, wallet=wallet, orders=orders)


def resting(world: LiveWorld, client_id: str) -> OrderSeen:
    return OrderSeen(market=0, client_id=client_id, venue_id="v", side=Side.SELL, lots=10, stop=True)


def test_a_first_start_takes_the_wallet_as_it_is():
    world = LiveWorld(started=False)
    world.tell(world.account(wallet="123.45678901"))
    assert world.venue.wallet_e8("USDT") == 12_345_678_901


def test_a_position_closed_by_hand_counts_when_it_is_seen_twice():
    world = LiveWorld()
    _, stop = world.entered()
    seen = resting(world, stop.client_id)
    world.tell(shown(world, 0, seen))
    assert world.trade.open_lots == 10
    world.tell(shown(world, 0, seen))
    assert world.trade.reason is ExitReason.RECONCILED
    assert [r.order.client_id for r in world.requests(Cancel)] == [stop.client_id]


def test_a_fill_between_two_looks_makes_the_difference_old_news():
    world = LiveWorld()
    entry = world.open(10)
    world.tell(world.placed(entry), world.fill(entry, 4))
    stop = world.orders(OrderRole.STOP)[-1]
    world.tell(world.placed(stop))
    world.tell(shown(world, 10, resting(world, stop.client_id)))  # ahead of the stream
    world.tell(world.fill(entry, 6))
    stop = world.orders(OrderRole.STOP)[-1]
    world.tell(world.placed(stop))
    seen = resting(world, stop.client_id)
    world.tell(shown(world, 10, seen, wallet="9999.98"), shown(world, 10, seen, wallet="9999.98"))
    assert not world.desk.guards
    assert world.trade.open_lots == 10


def test_nothing_is_concluded_while_an_order_is_in_flight():
    world = LiveWorld()
    world.open(10)
    world.tell(shown(world, 10), shown(world, 10), shown(world, 10))
    assert not world.desk.guards


def test_a_deposit_is_followed_when_it_is_seen_twice():
    world = LiveWorld()
    world.tell(world.account(wallet="10500"))
    assert world.venue.wallet_e8("USDT") == 10_000 * 10**8
    world.tell(world.account(wallet="10500"))
    assert world.venue.wallet_e8("USDT") == 10_500 * 10**8
    assert world.audits("wallet_differs")


@pytest.mark.parametrize("lots", [7, -7])
def test_an_unknown_position_gets_a_reduce_only_stop_and_blocks_entries(lots: int):
    world = LiveWorld()
    told = world.account(PositionSeen(0, lots, "1000.00"))
    world.tell(told, told)
    order = world.orders(OrderRole.STOP)[-1]
    assert (order.side, order.lots, order.reduce_only) == (Side.SELL if lots > 0 else Side.BUY, 7, True)
    assert order.trigger == (98_000 if lots > 0 else 102_000)
    assert "not ours" in world.desk.blocked
    assert world.venue.position_lots(0) == lots


def test_the_question_is_answered_once_the_owner_says_flatten():
    world = LiveWorld()
    told = world.account(PositionSeen(0, 7, "1000.00"))
    world.tell(told, told)
    stop = world.orders(OrderRole.STOP)[-1]
    world.tell(world.placed(stop))
    assert "closing" in world.desk.answer(0, Choice.FLATTEN, world.now)
    world.sent += world.venue.take_requests()
    leave = world.orders(OrderRole.EXIT)[-1]
    assert (leave.lots, leave.reduce_only) == (7, True)
    world.tell(world.placed(leave), world.fill(leave, 7, "1000.00", fee="0"))
    flat = world.account(orders=(resting(world, stop.client_id),))
    world.tell(flat, flat)
    assert not world.desk.blocked
    assert [r.order.client_id for r in world.requests(Cancel)] == [stop.client_id]


def test_an_adopted_position_is_a_trade_with_a_stop_of_its_own():
    world = LiveWorld()
    told = world.account(PositionSeen(0, 7, "1000.00"))
    world.tell(told, told)
    guard = world.orders(OrderRole.STOP)[-1]
    world.tell(world.placed(guard))
    world.desk.answer(0, Choice.ADOPT, world.now)
    world.sent += world.venue.take_requests()
    own = world.orders(OrderRole.STOP)[-1]
    assert own.client_id != guard.client_id
    assert (world.trade.open_lots, world.trade.strategy, own.lots) == (7, "operator", 7)
    world.tell(world.placed(own))
    assert world.trade.exposed_since_ns == 0


def test_an_order_we_count_on_that_is_not_shown_is_asked_for():
    world = LiveWorld()
    _, stop = world.entered()
    world.sent.clear()
    world.tell(shown(world, 10))
    assert [r.order.client_id for r in world.requests(Ask)] == [stop.client_id]
    world.tell(world.ended(stop, Status.CANCELED))
    assert len(world.requests(Submit)) == 1  # placed again


def test_an_order_of_ours_that_should_be_gone_is_taken_away():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.answer(entry, Verdict.REFUSED))
    world.now += 1  # asked after it had ended
    world.tell(world.account(orders=(resting(world, entry.client_id),)))
    assert [r.order.client_id for r in world.requests(Cancel)] == [entry.client_id]


def test_hedge_mode_set_by_hand_blocks_entries_until_it_is_undone():
    world = LiveWorld()
    world.tell(world.account(hedge=True))
    assert "hedge" in world.desk.blocked
    world.tell(world.account(hedge=False))
    assert not world.desk.blocked


def test_a_leverage_changed_by_hand_is_noted():
    world = LiveWorld()
    world.tell(world.account(leverage={0: 5.0}), world.account(leverage={0: 20.0}))
    assert world.audits("leverage_changed") == [{"market": 0, "before": 5.0, "after": 20.0}]


@pytest.mark.parametrize(("lots", "stop"), [(3, 980), (-3, 1020)])
def test_the_guards_stop_lies_away_from_the_price(lots: int, stop: int):
    from fractions import Fraction

    assert stop_ticks(lots, Fraction(1000), Fraction(2, 100)) == stop
