from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.core.commands import Verb
from bot.core.enums import Action, DenyReason, Entry, Mode, OrderRole, Side, Stage, Trust
from bot.core.errors import KernelError
from bot.core.messages import Intent, MarketView, TradeView
from bot.engine.kernel import Ctl
from bot.market.book import ASK, BID, best_tick, levels
from bot.market.events import Kind
from bot.risk.gate import GateRules
from bot.risk.limits import RiskLimits
from bot.risk.manager import RiskManager
from bot.risk.trades import ExitReason, TradeBook
from tests.engine.world import (
    ASKS,
    BIDS,
    LATENCY_NS,
    MS,
    S,
    Scripted,
    Stream,
    World,
    Yes,
    a_long,
    act,
    opened,
    seconds,
)
from tests.trading import LINEAR, OTHER, T0


def strict_risk(book: TradeBook) -> RiskManager:
    return RiskManager(RiskLimits(), GateRules(), {0: LINEAR, 1: OTHER}, book)


def test_cycles_come_shortest_mode_first_after_the_readings_of_their_tick() -> None:
    ticks: list[int] = []
    strategy = Scripted()
    world = World(strategy, on_tick=ticks.append)
    stream = (
        Stream()
        .book(-1.0, BIDS, ASKS, market=0, snapshot=True)
        .book(-1.0, BIDS, ASKS, market=1, snapshot=True)
    )
    for k in range(301):
        stream.book(float(k), {90_000: 10 + k % 2}, market=0).book(float(k), {90_000: 10 + k % 2}, market=1)
    world.feed(stream)

    assert [seconds(due) for due in ticks] == [10.0 * k for k in range(31)]
    at_300 = [(mode, market) for now, mode, market in strategy.asked if seconds(now) == 300.0]
    assert at_300 == [(mode, market) for mode in (Mode.SCALP, Mode.DAY, Mode.SWING) for market in (0, 1)]
    at_60 = [mode for now, mode, market in strategy.asked if seconds(now) == 60.0 and market == 0]
    assert at_60 == [Mode.SCALP, Mode.DAY]
    assert {seconds(now) for now, _, _ in strategy.asked} == {30.0 * k for k in range(11)}


def test_a_generated_timer_comes_before_the_first_row_at_its_due_time() -> None:
    strategy = Scripted()
    stream = opened().book(29.999, {99_991: 5}).book(30.0, {99_992: 5}).book(30.001, {99_993: 5})
    World(strategy).feed(stream)

    (view,) = strategy.views
    assert (seconds(view.now_ns), view.bid) == (30.0, 99_991)


def test_a_silence_still_gets_all_its_timers_each_at_its_due_time() -> None:
    strategy = Scripted()
    ticks: list[int] = []
    World(strategy, on_tick=ticks.append).feed(opened().book(95.0, {99_992: 5}))

    assert [seconds(due) for due in ticks] == [10.0 * k for k in range(1, 10)]
    scalps = [seconds(now) for now, mode, _ in strategy.asked if mode is Mode.SCALP]
    assert scalps == [30.0, 60.0, 90.0]


def test_timers_of_the_stream_are_used_instead_of_generated_ones() -> None:
    strategy = Scripted()
    ticks: list[int] = []
    stream = opened().book(30.2, {99_992: 5}).timer(30.0, 30.3).book(45.0, {99_993: 5})
    world = World(strategy, own_timers=True, on_tick=ticks.append).feed(stream)

    assert [seconds(due) for due in ticks] == [30.0]
    (view,) = strategy.views
    # it decides when the timer arrived, on everything that was said before
    assert (seconds(view.now_ns), view.bid) == (30.3, 99_992)
    assert world.engine.counts.ticks == 1


def test_a_taker_fills_after_its_latency_and_its_stop_follows_the_report() -> None:
    world = World(Scripted(a_long())).feed(opened().quiet(1.0, 40.0, 0.1))

    entry, stop = world.orders()
    assert (entry.role, seconds(entry.sent_ns)) == (OrderRole.ENTRY, 30.0)
    (fill,) = world.journal.of("fill")
    assert (fill.side, fill.lots, fill.price) == (Side.BUY, 10, 100_010)
    # sent at 30.0, effective at 30.01 on the book of then, told 5 ms later
    assert seconds(fill.now_ns) == pytest.approx(30.015)
    assert (stop.role, stop.lots, stop.trigger, stop.reduce_only) == (OrderRole.STOP, 10, 99_900, True)
    assert stop.sent_ns == fill.now_ns


def test_a_time_stop_acts_between_two_ticks_at_its_due_time() -> None:
    entry = a_long(time_stop_ns=3 * S)
    world = World(Scripted(entry)).feed(opened().quiet(1.0, 40.0, 0.1))

    (fill, *_) = world.journal.of("fill")
    (leave,) = world.orders(OrderRole.EXIT)
    assert leave.sent_ns == fill.now_ns + 3 * S
    assert world.journal.of("trade")[-1]["reason"] == ExitReason.TIME


def test_an_entry_that_waited_its_time_is_cancelled_at_its_due_time() -> None:
    entry = a_long(entry=Entry.POST_ONLY, limit=99_985, entry_ttl_ns=4 * S)
    world = World(Scripted(entry)).feed(opened().quiet(1.0, 40.0, 0.1))

    (sent,) = world.orders()
    cancels = [(kind, message) for kind, message in world.journal.entries if kind == "audit"]
    assert cancels == [("audit", ("cancel", {"client_id": sent.client_id}))]
    assert world.journal.of("trade")[-1]["reason"] == ExitReason.UNFILLED
    assert seconds(world.journal.of("trade")[-1]["closed_ns"]) < 34.2


def raising(view: MarketView, trade: TradeView) -> tuple[Any, ...]:
    raise ZeroDivisionError("of the strategy")


def test_a_strategy_that_raises_is_disabled_and_its_trade_keeps_its_stop() -> None:
    broken = Scripted(a_long(), manage=raising)
    healthy = Scripted(name="healthy")
    stream = opened().quiet(1.0, 65.0, 0.5)
    stream.trade(65.0, -1, 99_895).quiet(65.1, 70.0, 0.1)
    world = World(broken, healthy, modes=(Mode.SCALP,)).feed(stream)

    assert world.engine.counts.disabled == {"scripted": "ZeroDivisionError: of the strategy"}
    assert world.audits("strategy_disabled")[0]["strategy"] == "scripted"
    assert [seconds(now) for now in broken.managed] == [pytest.approx(30.015)], "at the fill, and never again"
    assert len(healthy.asked) == 2, "the other one goes on"
    closed = world.journal.of("trade")[-1]
    assert (closed["stage"], closed["reason"]) == (Stage.CLOSED, ExitReason.STOP)


def test_a_strategy_that_raises_on_entering_is_asked_no_more() -> None:
    class Broken(Scripted):
        def enter(self, view: MarketView) -> tuple[Any, ...]:
            super().enter(view)
            raise KeyError("x")

    broken = Broken()
    World(broken, modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 95.0))

    assert len(broken.asked) == 1


WALL = {"wall": 7, "wall_span": (99_980, 99_975), "wall_lots": 500.0, "wall_keep": (0.6, 0.3)}


def leave_a_small_wall(view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
    if trade.wall_shown >= 0.6 * trade.wall_lots:
        return ()
    return (act(view, trade, Action.CANCEL_ENTRY if trade.stage is Stage.ENTERING else Action.REDUCE),)


def wall_strategy() -> Scripted:
    return Scripted(a_long(entry=Entry.POST_ONLY, limit=99_985, **WALL), manage=leave_a_small_wall)


def between_seconds(strategy: Scripted) -> list[float]:
    """When it was asked to manage, besides every whole second."""
    return [seconds(now) for now in strategy.managed if now % S]


def test_a_shrinking_wall_cancels_the_resting_entry_within_the_event() -> None:
    strategy = wall_strategy()
    stream = opened().quiet(1.0, 33.0, 0.1)
    stream.book(33.021, {99_980: 301}).book(33.123, {99_980: 299}).book(33.124, {99_970: 1})
    world = World(strategy, modes=(Mode.SCALP,)).feed(stream)

    assert world.engine.counts.sentinels == 1
    assert between_seconds(strategy) == [33.123]
    (entry,) = world.orders()
    assert world.audits("cancel") == [{"client_id": entry.client_id}]
    # the request is on its way since that very record
    due = world.venue.mt.orders["due_ns"][world.venue.mt.orders["target"] > 0]
    assert due.tolist() == [T0 + 33_123 * MS + LATENCY_NS]


def test_a_wall_that_grows_or_moves_elsewhere_wakes_nobody() -> None:
    strategy = wall_strategy()
    stream = (
        opened()
        .quiet(1.0, 33.0, 0.1)
        .book(33.1, {99_980: 900})
        .book(33.2, {99_970: 1})
        .book(33.3, {99_980: 300})
    )
    world = World(strategy, modes=(Mode.SCALP,)).feed(stream)

    assert between_seconds(strategy) == []
    assert world.engine.counts.sentinels == 0


def test_a_wall_that_shrinks_twice_wakes_once_a_threshold() -> None:
    strategy = Scripted(a_long(entry=Entry.POST_ONLY, limit=99_985, **WALL))  # stays whatever happens
    stream = opened().quiet(1.0, 33.0, 0.1)
    for k, lots in enumerate((299, 250, 200)):
        stream.book(33.1 + 0.1 * k, {99_980: lots})
    world = World(strategy, modes=(Mode.SCALP,)).feed(stream)

    assert world.engine.counts.sentinels == len(between_seconds(strategy)) == 1


def test_a_wall_lost_while_the_book_is_locked_wakes_when_it_can_be_looked_at() -> None:
    strategy = Scripted(a_long(entry=Entry.POST_ONLY, limit=99_985, **WALL))
    stream = opened().quiet(1.0, 33.0, 0.1)
    stream.book(33.1, {99_980: 0, 100_010: 1}).book(33.2, {100_010: 0}).quiet(33.3, 34.0, 0.1)
    World(strategy, modes=(Mode.SCALP,)).feed(stream)

    assert between_seconds(strategy) == [33.2]


def entries_and_refusals(stream: Stream) -> tuple[int, list[DenyReason]]:
    world = World(Scripted(a_long()), risk=strict_risk, modes=(Mode.SCALP,)).feed(stream)
    return len(world.orders()), [denied.reason for denied in world.journal.of("denied")]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(opened().quiet(1.0, 25.0).gap(25.0).quiet(25.1, 35.0), id="gap"),
        pytest.param(opened().quiet(1.0, 10.0).book(35.0, {99_991: 1}), id="silence"),
    ],
)
def test_an_untrusted_book_blocks_entries(stream: Stream) -> None:
    assert entries_and_refusals(stream) == (0, [DenyReason.BOOK_UNTRUSTED])


@pytest.mark.parametrize(("gap_s", "trusted"), [(15.0, True), (25.0, False)])
def test_ten_seconds_after_a_gap_a_snapshot_has_restored_trust(gap_s: float, trusted: bool) -> None:
    stream = opened().quiet(1.0, gap_s).gap(gap_s).book(gap_s + 1.0, BIDS, ASKS, snapshot=True)
    orders, refusals = entries_and_refusals(stream.quiet(gap_s + 1.1, 35.0))
    assert orders == 0
    assert (DenyReason.BOOK_UNTRUSTED not in refusals) is trusted


def test_an_untrusted_book_does_not_block_exits() -> None:
    def when_untrusted(view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        return () if view.trust is Trust.TRUSTED else (act(view, trade, Action.REDUCE),)

    stream = opened().quiet(1.0, 45.0, 0.1).gap(45.0).quiet(45.1, 61.0, 0.1)
    world = World(Scripted(a_long(), manage=when_untrusted), modes=(Mode.SCALP,)).feed(stream)

    (leave,) = world.orders(OrderRole.EXIT)
    assert seconds(leave.sent_ns) == 46.0
    assert world.journal.of("trade")[-1]["stage"] == Stage.CLOSED


def test_without_a_usable_book_nobody_is_asked() -> None:
    strategy = Scripted()
    stream = opened().quiet(1.0, 25.0).book(25.0, {100_050: 1}).book(35.0, {100_050: 0}).quiet(35.1, 61.0)
    World(strategy, modes=(Mode.SCALP,)).feed(stream)

    assert [seconds(now) for now, _, _ in strategy.asked] == [60.0]


def test_the_command_flatten_closes_everything_and_ends_entries() -> None:
    strategy = Scripted(a_long())
    world = World(strategy, modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 40.0, 0.1))
    asked = len(strategy.asked)
    answer = world.tell(Verb.FLATTEN)
    later = opened(40.1).quiet(40.2, 95.0, 0.1).rows()
    later["seq"] += 10_000
    world.engine.feed(later)

    assert world.journal.of("trade")[-1]["reason"] == ExitReason.OPERATOR
    assert world.venue.position_lots(0) == 0
    assert len(strategy.asked) == asked
    assert answer.done
    assert "closing" in answer.text


def test_an_engine_that_only_watches_reads_and_asks_nobody() -> None:
    strategy = Scripted(a_long())
    world = World(strategy, trades=False).feed(opened().quiet(1.0, 61.0))

    assert strategy.asked == []
    assert world.engine.counts.ticks == 6
    assert world.engine.decisions.counts["readings"] > 0


def test_equity_is_written_every_minute() -> None:
    world = World().feed(opened().quiet(1.0, 181.0))

    assert world.journal.of("equity") == [10_000 * 10**8] * 3


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param({"kind": 0}, id="kind 0"),
        pytest.param({"kind": 99}, id="unknown kind"),
        pytest.param({"market": 2}, id="unknown market"),
        pytest.param({"price": -1}, id="price below 0"),
        pytest.param({"price": 2**31}, id="price beyond the range"),
        pytest.param({"value": -1.0}, id="quantity below 0"),
        pytest.param({"value": float("nan")}, id="no quantity"),
        pytest.param({"value": float("inf")}, id="endless quantity"),
    ],
)
def test_a_row_that_cannot_be_stops_the_engine_and_names_it(spoil: dict[str, Any]) -> None:
    rows = opened().quiet(1.0, 5.0).rows()
    at = int(np.flatnonzero(rows["kind"] == Kind.LEVEL)[-1])
    for field, value in spoil.items():
        rows[field][at] = value

    with pytest.raises(KernelError, match=f"row {rows['seq'][at]} .*verify"):
        World().engine.feed(rows)


def test_a_price_far_outside_the_ladder_makes_it_grow() -> None:
    far = 900_000_000
    world = World(Scripted()).feed(opened().book(1.0, {}, {far: 3}).quiet(1.1, 12.0))

    books = world.engine.state.books
    ticks, lots = levels(books, 0, ASK)
    assert dict(zip(ticks.tolist(), lots.tolist(), strict=True)) == {**ASKS, far: 3}
    assert (best_tick(books, 0, BID), best_tick(books, 0, ASK)) == (99_990, 100_010)


def test_time_never_goes_back_and_no_row_is_lost() -> None:
    rows = opened().quiet(1.0, 5.0).rows()
    world = World()
    world.engine.feed(rows[:0])
    world.engine.feed(rows)

    assert world.engine.counts.rows == rows.size
    assert world.engine.state.ctl[Ctl.SEQ] == rows["seq"][-1]
    assert world.engine.now_ns == rows["recv_ns"][-1]


def test_gaps_and_losses_are_counted() -> None:
    stream = opened().gap(1.0).put(2.0, Kind.LOST, value=12.0).quiet(3.0, 5.0)
    counts = World().feed(stream).engine.counts

    assert (counts.gaps, counts.lost) == (1, 12)


def test_a_restored_trade_gets_its_stop_with_the_first_row() -> None:
    first = World(Scripted(a_long()), modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 40.0, 0.1))
    again = World(Scripted(), modes=(Mode.SCALP,))
    again.venue.restore(first.venue.to_state())
    again.trader.restore(first.trader.to_state())
    again.feed(opened(50.0).quiet(50.1, 55.0, 0.1))

    (stop,) = again.orders()
    assert (stop.role, stop.lots, stop.trigger) == (OrderRole.STOP, 10, 99_900)
    assert seconds(stop.sent_ns) == 50.0
    assert again.venue.open_orders() == [(stop, 10)]


def test_a_halt_closes_the_trade() -> None:
    class Halting(RiskManager):
        def decide(self, intent: Any, view: Any, account: Any, conditions: Any) -> Any:
            return Yes().decide(intent, view, account, conditions)

    def risk(book: TradeBook) -> RiskManager:
        return Halting(
            RiskLimits(max_drawdown=0.05, daily_loss=0.05), GateRules(), {0: LINEAR, 1: OTHER}, book
        )

    strategy = Scripted(a_long(invalidation=50_000))
    stream = opened().quiet(1.0, 45.0, 0.1)
    # 10 lots of 0.001 worth about 10 lose 0.6 of a wallet of 10
    stream.put(45.0, Kind.MARK, value=940.0).quiet(45.1, 61.0, 0.1)
    world = World(strategy, risk=risk, modes=(Mode.SCALP,))
    world.venue.deposit("USDT", -9_990 * 10**8)
    world.feed(stream)

    broken = {trip["name"]: trip for trip in world.audits("limit_broken")}
    assert broken["drawdown"]["value"] > 0.05 == broken["drawdown"]["limit"]
    assert broken["daily_loss"]["subject"] == "USDT"
    (leave,) = world.orders(OrderRole.EXIT)
    assert seconds(leave.sent_ns) == 50.0, "the next reading"
    assert world.journal.of("trade")[-1]["reason"] == ExitReason.HALT
