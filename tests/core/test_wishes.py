"""What strategies say, as intents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core import wishes
from bot.core.enums import Action, Agreement, Entry, Mode, Side
from bot.core.messages import Intent
from bot.core.units import NS_PER_S
from tests.trading import MID, OPEN_TRADE, T0, VIEW

TRADE = replace(OPEN_TRADE, mode=Mode.DAY, side=Side.SELL, stop=100_100, first_stop=100_100)


def an_entry(**more: object) -> Intent:
    return wishes.enter(
        VIEW,
        "mine",
        Side.BUY,
        "because",
        entry=Entry.IOC,
        limit=100_000,
        stop=99_900,
        targets=((100_100, 0.5), (100_300, 0.5)),
        time_stop_s=60.0,
        **more,  # type: ignore[arg-type]
    )


def test_an_entry_derives_its_distances_and_its_edge_from_the_view() -> None:
    intent = an_entry()

    assert (intent.action, intent.strategy, intent.mode, intent.now_ns) == (
        Action.ENTER,
        "mine",
        Mode.SCALP,
        T0,
    )
    assert intent.stop_bps == pytest.approx(10.0)
    assert intent.target_bps == pytest.approx(20.0)
    assert intent.drift_bps == pytest.approx((2 * 0.6 - 1) * VIEW.mean_abs_h_bps)
    assert (intent.confidence, intent.conflicted, intent.mid) == (0.7, False, MID)
    assert intent.time_stop_ns == 60 * NS_PER_S


def test_what_is_given_wins_over_what_is_derived() -> None:
    intent = an_entry(confidence=0.9, stop_bps=12.0, max_lots=3.0, figures={"x": 1.0})

    assert (intent.confidence, intent.stop_bps, intent.max_lots, intent.figures) == (
        0.9,
        12.0,
        3.0,
        {"x": 1.0},
    )


def test_equal_wishes_are_the_same_intent_and_two_of_one_decision_are_not() -> None:
    assert an_entry() == an_entry()
    assert an_entry().id != an_entry(nth=1).id


def test_a_conflict_of_the_windows_is_said() -> None:
    composite = replace(VIEW.composite, agreement=Agreement.CONFLICTED)
    intent = wishes.enter(
        replace(VIEW, composite=composite),
        "mine",
        Side.SELL,
        "because",
        entry=Entry.POST_ONLY,
        limit=1,
        stop=2,
        targets=(),
        time_stop_s=1.0,
    )

    assert intent.conflicted


def test_wishes_about_a_trade_are_in_its_name_and_mode() -> None:
    made = (
        wishes.reduce(VIEW, TRADE, "enough", 0.5),
        wishes.move_stop(VIEW, TRADE, 100_050, "nearer"),
        wishes.cancel_entry(VIEW, TRADE, "late"),
    )

    assert [intent.action for intent in made] == [Action.REDUCE, Action.MOVE_STOP, Action.CANCEL_ENTRY]
    assert {(intent.strategy, intent.mode, intent.side) for intent in made} == {("mine", Mode.DAY, Side.SELL)}
    assert len({intent.id for intent in made}) == 3
    assert (made[0].fraction, made[1].invalidation) == (0.5, 100_050)


def test_a_watch_says_for_how_long() -> None:
    wish = wishes.watch(VIEW, "mine", Side.BUY, "thin", 15.0)

    assert (wish.action, wish.entry_ttl_ns) == (Action.WATCH, 15 * NS_PER_S)
