"""Shadows of trades: entered, stopped, paid and timed like the trade, in either direction."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.enums import Entry, Mode, OrderRole
from tests.engine.world import ASKS, BIDS, Scripted, World, a_long, opened, seconds
from tests.trading import LINEAR

TAKER = float(LINEAR.taker_fee) * 1e4
MAKER = float(LINEAR.maker_fee) * 1e4
SCALP = (Mode.SCALP,)
# bid 999.90, ask 1000.10; the stop is 11 bps under the entry, targets 10 and 20 bps over it
ENTRY = a_long(targets=((100_110, 0.5), (100_210, 0.5)), time_stop_ns=60 * 10**9)


def shadows(stream: Any, entry: Any = ENTRY) -> dict[int, dict[str, Any]]:
    """By side."""
    world = World(Scripted(entry), modes=SCALP).feed(stream)
    return {row["side"]: row for row in world.journal.of("shadow")}


def test_both_directions_enter_at_the_fill_through_the_book_and_time_out_together() -> None:
    found = shadows(opened().quiet(1.0, 95.0, 0.1))

    assert set(found) == {1, -1}
    assert [found[1]["entry_price"], found[-1]["entry_price"]] == [100_010.0, 99_990.0]
    assert [found[1]["exit_price"], found[-1]["exit_price"]] == [99_990.0, 100_010.0]
    for row in found.values():
        assert (row["reason"], row["lots"], row["same"]) == ("time", 10, int(row["side"] == 1))
        assert seconds(row["entry_ns"]) == pytest.approx(30.015)
        assert seconds(row["exit_ns"]) == 91.0
        assert row["fees_bps"] == pytest.approx(2 * TAKER)
        assert row["net_bps"] == pytest.approx(row["gross_bps"] - 2 * TAKER)
    # the spread of two ticks of 10, paid by either
    assert found[1]["gross_bps"] == pytest.approx(-20 / 100_010 * 1e4)
    assert found[-1]["gross_bps"] == pytest.approx(-20 / 99_990 * 1e4)


def test_a_large_order_walks_the_book_and_a_resting_one_enters_at_its_own_touch() -> None:
    class Much:
        """Risk that approves 300 lots of everything."""

        halted = False

        def decide(self, intent: Any, view: Any, account: Any) -> Any:
            from bot.core.messages import Plan

            return Plan(intent, 300, intent.invalidation, False, 0, {})

        def check_halt(self, account: Any) -> bool:
            return False

        def closed(self, trade: Any) -> None:
            return None

    world = World(Scripted(a_long(limit=100_020, time_stop_ns=10**9)), modes=SCALP, risk=lambda book: Much())
    world.feed(opened().quiet(1.0, 45.0, 0.1))
    same = next(row for row in world.journal.of("shadow") if row["same"])
    assert same["entry_price"] == pytest.approx((50 * 100_010 + 250 * 100_020) / 300)

    resting = a_long(entry=Entry.POST_ONLY, limit=99_985, time_stop_ns=10**9)
    stream = opened().quiet(1.0, 33.0, 0.1).trade(33.05, -1, 99_980, 600).quiet(33.1, 45.0, 0.1)
    found = shadows(stream, resting)
    assert found[1]["entry_price"] == 99_990.0
    assert found[-1]["entry_price"] == 100_010.0
    assert found[1]["fees_bps"] == pytest.approx(MAKER + TAKER)


def test_a_rise_pays_the_targets_of_one_and_stops_the_other() -> None:
    stream = opened().quiet(1.0, 40.0, 0.1)
    stream.book(40.05, {100_300: 50}, {100_010: 0, 100_020: 0, 100_100: 0, 100_310: 50})
    found = shadows(stream.quiet(40.1, 45.0, 0.1))

    assert (found[1]["reason"], found[-1]["reason"]) == ("target", "stop")
    assert found[1]["gross_bps"] == pytest.approx(0.5 * (100 + 200) / 100_010 * 1e4, rel=1e-3)
    assert found[1]["fees_bps"] == pytest.approx(TAKER + MAKER)
    assert found[-1]["exit_price"] == 100_310.0, "where the book stood, not where the stop was"
    assert seconds(found[-1]["exit_ns"]) == 41.0


def test_shadows_send_nothing_and_change_no_decision() -> None:
    world = World(Scripted(ENTRY), modes=SCALP).feed(opened().quiet(1.0, 95.0, 0.1))

    assert {order.role for order in world.orders()} == {
        OrderRole.ENTRY,
        OrderRole.STOP,
        OrderRole.TARGET,
        OrderRole.EXIT,
    }
    assert len(world.orders(OrderRole.ENTRY)) == 1
    assert world.venue.position_lots(0) == 0


def test_an_entry_that_never_fills_casts_no_shadow() -> None:
    resting = a_long(entry=Entry.POST_ONLY, limit=99_000, entry_ttl_ns=10**9)

    assert shadows(opened().quiet(1.0, 45.0, 0.1), resting) == {}


def test_a_shadow_waits_while_the_book_cannot_be_traded_on() -> None:
    stream = opened().quiet(1.0, 89.0, 0.1).book(89.05, {100_050: 1})  # crossed over the time stop
    stream.quiet(89.1, 92.5, 0.1).book(92.5, BIDS, ASKS, snapshot=True)
    found = shadows(stream.quiet(92.6, 95.0, 0.1))

    assert {seconds(row["exit_ns"]) for row in found.values()} == {93.0}
