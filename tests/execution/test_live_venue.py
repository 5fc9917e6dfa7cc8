"""A live account without I/O: what is believed follows what was told, each fill counts once."""

from __future__ import annotations

import pytest

from bot.core.enums import OrderRole, OrderState, RejectReason, ReportKind, Side, Stage
from bot.execution.live_venue import Ask, Cancel, FetchFills, FetchPayments, Submit
from bot.execution.news import (
    FundingTold,
    LinkTold,
    OrderSeen,
    OrderTold,
    PositionSeen,
    Refusal,
    SelfTestSent,
    Status,
    Verdict,
    decode_news,
    encode_news,
)
from bot.risk.trades import ExitReason
from tests.execution.live_world import MS, SECOND, STOPS_WORK, LiveWorld
from tests.trading import LINEAR, T0


def test_an_entry_is_filled_and_its_stop_proved_before_it_counts_as_protected():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.placed(entry), world.fill(entry, 4))
    assert world.trade.open_lots == 4
    stop = world.orders(OrderRole.STOP)[-1]
    assert (stop.lots, stop.reduce_only) == (4, True)
    assert world.trade.exposed_since_ns > 0
    world.tell(world.placed(stop), after_ns=80 * MS)
    assert world.trade.exposed_since_ns == 0
    assert world.trade.unprotected_ns == 82 * MS  # from the fill at the venue on


def test_money_is_what_the_venue_told():
    world = LiveWorld()
    world.entered(10)
    world.trader.flatten(world.now, ExitReason.OPERATOR)
    world.tell()
    world.sent += world.venue.take_requests()
    leave = world.orders(OrderRole.EXIT)[-1]
    world.tell(world.placed(leave), world.fill(leave, 10, "1001.02", fee="0.0123"))
    # 10 lots of 0.001 gained 1.00 each, two fees
    assert world.venue.wallet_e8("USDT") == 10_000 * 10**8 + 1_000_000 - 1_000_000 - 1_230_000
    assert world.venue.position_lots(0) == 0
    assert world.trade.net_e8 == 1_000_000 - 1_000_000 - 1_230_000


def test_a_fill_told_twice_is_booked_once_also_after_a_restart():
    world = LiveWorld()
    entry = world.open()
    fill = world.fill(entry, 4)
    world.tell(fill, fill)
    assert world.venue.position_lots(0) == 4
    world.restart()
    world.tell(fill)
    assert (world.venue.position_lots(0), world.trade.open_lots) == (4, 4)


def test_fee_in_another_coin_leaves_that_wallet():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.fill(entry, 10, fee="0.00001", fee_coin="BNB"))
    assert world.venue.wallet_e8("USDT") == 10_000 * 10**8
    assert world.venue.wallet_e8("BNB") == -1_000
    assert world.trade.fees_e8 == 0
    assert world.audits("fee_in_other_coin")


def test_an_unknown_outcome_is_asked_and_nothing_is_sent_again():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.answer(entry, Verdict.UNKNOWN))
    assert [r.order.client_id for r in world.requests(Ask)] == [entry.client_id]
    assert len(world.requests(Submit)) == 1
    world.tell(world.ended(entry, Status.EXPIRED, 0))
    assert world.closed[0].reason is ExitReason.UNFILLED
    assert len(world.requests(Submit)) == 1


def test_a_lost_entry_that_is_proved_absent_ends_its_trade():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.answer(entry, Verdict.UNKNOWN), world.answer(entry, Verdict.ABSENT))
    assert world.closed[0].reason is ExitReason.UNFILLED


def test_an_absent_entry_that_fills_after_all_is_closed_again():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.answer(entry, Verdict.UNKNOWN), world.answer(entry, Verdict.ABSENT))
    world.tell(world.fill(entry, 10))
    assert world.venue.position_lots(0) == 10
    assert world.orders(OrderRole.EXIT)[-1].lots == 10


def test_an_absent_order_that_rests_after_all_is_cancelled():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.answer(entry, Verdict.UNKNOWN), world.answer(entry, Verdict.ABSENT))
    world.tell(world.placed(entry))
    assert [r.order.client_id for r in world.requests(Cancel)] == [entry.client_id]


def test_the_end_of_an_order_waits_for_the_fills_it_speaks_of():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.placed(entry), world.ended(entry, Status.CANCELED, 4))
    assert world.trade.entry_working
    assert world.requests(FetchFills)
    world.tell(world.fill(entry, 4))
    assert not world.trade.entry_working
    assert world.trade.open_lots == 4


def test_a_triggered_stop_is_found_by_the_order_it_became():
    world = LiveWorld()
    _, stop = world.entered(10)
    gone = world.fill(stop, 10, "998.50", client_id="", venue_id="777")
    world.tell(gone)  # the fill overtakes the trigger's own message
    assert world.trade.open_lots == 10
    assert world.venue.position_lots(0) == 0
    world.tell(OrderTold(client_id=stop.client_id, status=Status.TRIGGERED, child_id="777"))
    assert world.closed[0].reason is ExitReason.STOP


def test_a_stop_refused_because_the_price_is_past_it_leaves_at_once_by_market():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.placed(entry), world.fill(entry, 10))
    stop = world.orders(OrderRole.STOP)[-1]
    world.tell(world.answer(stop, Verdict.REFUSED, refusal=Refusal.WOULD_TRIGGER))
    assert world.orders(OrderRole.EXIT)[-1].lots == 10
    assert world.trade.leaving is ExitReason.STOP


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Refusal.POST_ONLY, RejectReason.POST_ONLY_WOULD_TAKE),
        (Refusal.MARGIN, RejectReason.INSUFFICIENT_MARGIN),
        (Refusal.NOTHING_TO_REDUCE, RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE),
    ],
)
def test_refusals_reach_the_trade(refusal: Refusal, reason: RejectReason):
    world = LiveWorld()
    entry = world.open()
    world.tell(world.answer(entry, Verdict.REFUSED, refusal=refusal, words="no"))
    reports = [r for r in world.journal.of("report") if r.kind is ReportKind.REJECTED]
    assert reports[-1].reason is reason
    assert world.closed[0].reason is ExitReason.UNFILLED


def test_answers_that_come_late_change_nothing():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.fill(entry, 10), world.answer(entry, Verdict.UNKNOWN))
    world.tell(world.answer(entry, Verdict.REFUSED), world.placed(entry))
    assert world.trade.open_lots == 10
    assert world.trade.stage is Stage.OPEN


def test_a_fill_of_nobody_changes_the_account_and_is_given_up_after_two_looks():
    world = LiveWorld()
    entry, _ = world.entered(10)
    world.tell(world.fill(entry, 3, client_id="web-1", venue_id="9", side=-1))
    assert world.venue.position_lots(0) == 7
    shown = world.account(wallet="9999.98", orders=())
    world.tell(shown, shown)
    assert world.venue.foreign_fills == 1


def test_funding_is_booked_once():
    world = LiveWorld()
    world.entered(10)
    before = world.venue.wallet_e8("USDT")
    paid = FundingTold(id="f1", market=0, coin="USDT", amount="-0.00123456", venue_ns=T0)
    world.tell(paid, paid)
    assert world.venue.wallet_e8("USDT") == before - 123_456
    assert world.trade.funding_e8 == -123_456


def test_a_liquidation_closes_the_trade():
    world = LiveWorld()
    _, stop = world.entered(10)
    world.tell(world.fill(stop, 10, "995.005", client_id="", forced=True, fee="0.5"))
    assert world.venue.position_lots(0) == 0
    world.tell(world.ended(stop, Status.EXPIRED))
    assert world.closed[0].reason is ExitReason.LIQUIDATION


def test_after_an_outage_everything_open_is_asked_for():
    world = LiveWorld()
    _, stop = world.entered()
    world.sent.clear()
    world.tell(LinkTold(up=False))
    assert world.desk.blocked
    world.tell(LinkTold(up=True))
    assert [r.order.client_id for r in world.requests(Ask)] == [stop.client_id]
    assert {r.market for r in world.requests(FetchFills)} == {0, 1}
    assert not world.desk.blocked


def test_a_restart_in_mid_position_continues_with_the_same_orders():
    world = LiveWorld()
    _, stop = world.entered()
    world.restart()
    world.tell(LinkTold(up=True))
    assert [r.order.client_id for r in world.requests(Ask)] == [stop.client_id]
    world.tell(world.placed(stop))
    assert not world.requests(Submit)
    world.tell(world.fill(stop, 10, "998.50"))
    assert world.closed[0].reason is ExitReason.STOP


def test_an_order_that_was_never_sent_is_placed_anew_after_a_restart():
    world = LiveWorld()
    entry = world.open()
    world.tell(world.placed(entry), world.fill(entry, 10))
    lost = world.orders(OrderRole.STOP)[-1]
    world.restart()
    world.tell(LinkTold(up=True), world.answer(lost, Verdict.ABSENT))
    again = world.orders(OrderRole.STOP)
    assert [o.client_id for o in again] != [lost.client_id]
    assert again[0].lots == 10


def test_a_cancel_that_finds_nothing_does_not_end_an_order_by_itself():
    world = LiveWorld()
    entry = world.open(entry_ttl_ns=SECOND)
    world.tell(world.placed(entry))
    world.wait(2 * SECOND)
    assert [r.order.client_id for r in world.requests(Cancel)] == [entry.client_id]
    ticket = world.trader._desk.tickets.get(entry.client_id)
    assert ticket is not None
    assert ticket.state is OrderState.LIVE
    world.tell(world.ended(entry, Status.CANCELED))
    assert world.closed[0].reason is ExitReason.UNFILLED


def test_news_survive_the_journal():
    world = LiveWorld()
    entry = world.open()
    for news in (
        world.fill(entry, 3),
        world.answer(entry, Verdict.REFUSED, refusal=Refusal.MARGIN, words="no"),
        world.ended(entry, Status.CANCELED, 2, child_id="5"),
        world.account(),
        LinkTold(up=True),
        FundingTold(id="f", market=0, coin="USDT", amount="-1.5"),
    ):
        assert decode_news(encode_news(news)) == news


def test_equity_counts_the_open_position_at_mark():
    world = LiveWorld()
    world.entered(10)
    world.venue.heads[0]["mark"] = 1001.02
    assert world.venue.equity_e8("USDT") == world.venue.wallet_e8("USDT") + 1_000_000
    assert LINEAR.settle == "USDT"


def test_a_stop_that_does_not_fire_is_backed_by_a_market_exit():
    world = LiveWorld()
    _, stop = world.entered(10)
    beyond = float(stop.trigger - 20)
    world.wait(SECOND, beyond)
    assert not world.orders(OrderRole.EXIT)
    assert world.trader.next_deadline_ns() == world.now + 3 * SECOND
    world.wait(3 * SECOND, beyond)
    assert world.orders(OrderRole.EXIT)[-1].lots == 10
    assert world.trade.leaving is ExitReason.STOP
    assert world.audits("stop_did_not_fire")


def test_a_price_that_comes_back_from_beyond_the_stop_is_forgotten():
    world = LiveWorld()
    _, stop = world.entered(10)
    world.wait(SECOND, float(stop.trigger - 20)).wait(SECOND).wait(10 * SECOND, float(stop.trigger - 20))
    assert not world.orders(OrderRole.EXIT)


def test_a_triggered_stop_without_its_fills_is_backed_too():
    world = LiveWorld()
    _, stop = world.entered(10)
    world.tell(world.ended(stop, Status.TRIGGERED))
    world.wait(SECOND)
    assert not world.orders(OrderRole.EXIT)
    world.wait(3 * SECOND)
    assert world.orders(OrderRole.EXIT)[-1].lots == 10


def test_fills_are_missing_from_the_last_one_on_or_since_an_order_was_sent_that_may_have_filled():
    world = LiveWorld()
    assert world.venue.fills_from_ns(0) == 0
    entry = world.open()
    assert world.venue.fills_from_ns(0) == entry.sent_ns > 0
    world.restart()  # it may have filled since, however long nobody listened
    assert world.venue.fills_from_ns(0) == entry.sent_ns
    fill = world.fill(entry, 10)
    world.tell(fill)
    assert world.venue.fills_from_ns(0) == fill.venue_ns


def test_the_stop_of_a_self_test_is_nobody_elses_also_after_a_crash():
    world = LiveWorld()
    world.tell(SelfTestSent(client_id="lop-0-te0"))
    world.restart()
    left = OrderSeen(0, "lop-0-te0", "9", Side.SELL, 1, stop=True)
    world.tell(world.account(orders=(left,)), STOPS_WORK)
    world.tell(OrderTold(client_id="lop-0-te0", status=Status.CANCELED))
    assert not world.desk.blocked
    assert not world.audits("news_of_no_order")
    stranger = OrderSeen(0, "lop-0-en0", "10", Side.SELL, 1)
    assert "another instance" in world.tell(world.account(orders=(left, stranger))).desk.blocked


def test_money_that_no_fill_explains_is_looked_for_among_the_payments_before_it_is_adopted():
    world = LiveWorld()
    world.entered(10)
    short = "9997.99"  # two fees of 0.01 were told; two more went as funding
    wallet = world.venue.wallet_e8("USDT")
    world.tell(world.account(PositionSeen(0, 10, "1000.02"), wallet=short))
    assert [r.market for r in world.requests(FetchPayments)] == [0, 1]
    assert world.venue.wallet_e8("USDT") == wallet
    world.tell(FundingTold(id="f1", market=0, coin="USDT", amount="-2"))
    world.tell(world.account(PositionSeen(0, 10, "1000.02"), wallet=short))
    assert world.venue.wallet_e8("USDT") == 999_799 * 10**6
    assert not world.audits("wallet_differs")


def test_what_the_account_was_read_first_at_survives_a_restart():
    """Fills and payments are fetched from there on, however long nobody was at home."""
    world = LiveWorld()
    world.venue.opened_ns = T0 - SECOND
    world.restart()
    assert world.venue.opened_ns == T0 - SECOND


@pytest.mark.parametrize("left", [True, False], ids=["it-had-left", "it-had-not"])
def test_a_stop_that_was_under_way_in_a_crash_is_placed_anew_at_once(left: bool):
    world = LiveWorld()
    entry = world.open()
    world.tell(world.placed(entry), world.fill(entry, 10))
    (before,) = world.orders(OrderRole.STOP)
    world.now += 60 * SECOND
    world.restart()
    world.wait(MS)
    (stop,) = world.orders(OrderRole.STOP)
    assert stop.client_id != before.client_id
    assert (stop.lots, stop.trigger) == (before.lots, before.trigger)
    told = world.placed(before) if left else world.answer(before, Verdict.ABSENT)
    world.tell(told, world.placed(stop))
    world.wait(5 * SECOND)
    assert world.trade.stage is Stage.OPEN
    assert world.trade.exposed_since_ns == 0
    assert {r.order.client_id for r in world.requests(Cancel)} == ({before.client_id} if left else set())
