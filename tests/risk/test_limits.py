from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.core.enums import Action, DenyReason, Entry
from bot.core.errors import BadConfig
from bot.core.units import NS_PER_S
from bot.risk.limits import (
    CoolDowns,
    RiskLimits,
    intent_refusal,
    setup_of,
)
from bot.risk.sizing import SizeRules
from bot.risk.trades import ExitReason, Trade
from tests.trading import LONG, SHORT, T0, VIEW, a_plan

NAN = float("nan")


def reason_of(refusal: Any) -> DenyReason | None:
    return refusal.reason if refusal else None


@pytest.mark.parametrize(
    "wrong",
    [
        {"daily_loss": 0.0},
        {"daily_loss": NAN},
        {"max_drawdown": 1.5},
        {"daily_loss": 0.1, "max_drawdown": 0.06},
        {"max_positions": 0},
        {"max_same_side": 0},
        {"cool_down_stops": 0},
        {"cool_down_ns": -1},
        {"max_exposure": 2.0},  # below the leverage of one position
        {"liquidation_stops": 0.5},
        {"max_beta": 0.0},
        {"portfolio_volatility": NAN},
        {"max_order_rate": 0},
        {"max_failed_stops": 0},
        {"max_data_age_ns": 0},
        {"exit_share": 1.5},
        {"gap_stops": 0.5},
        {"size": SizeRules(risk_per_trade=0.03)},  # above the daily loss
        {"size": SizeRules(kelly_share=0.0)},
        {"size": SizeRules(max_leverage=0.0)},
    ],
)
def test_an_impossible_limit_is_refused_with_what_was_expected(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadConfig, match=r"risk\.\w+: expected .*, was "):
        RiskLimits(**wrong)


@pytest.mark.parametrize(
    "changes",
    [
        {"entry": None},
        {"limit": 0},
        {"invalidation": 0},
        {"invalidation": 100_001},
        {"invalidation": 100_002},
        {"targets": ((99_000, 1.0),)},
        {"targets": ((100_400, -0.5),)},
        {"targets": ((100_400, NAN),)},
        {"targets": ((100_400, 0.6), (100_500, 0.6))},
    ],
)
def test_a_malformed_entry_is_refused(changes: dict[str, Any]) -> None:
    assert intent_refusal(LONG, VIEW.mid) is None
    assert reason_of(intent_refusal(replace(LONG, **changes), VIEW.mid)) is DenyReason.BAD_INTENT


def test_a_market_without_a_price_takes_no_entry() -> None:
    assert reason_of(intent_refusal(LONG, NAN)) is DenyReason.BAD_INTENT


def test_short_entries_are_the_mirror_image() -> None:
    assert intent_refusal(SHORT, VIEW.mid) is None
    assert reason_of(intent_refusal(replace(SHORT, invalidation=99_000), VIEW.mid)) is DenyReason.BAD_INTENT
    resting = replace(SHORT, entry=Entry.POST_ONLY, limit=100_020)
    assert intent_refusal(resting, 100_020.0) is None


def test_only_entries_are_judged() -> None:
    with pytest.raises(ValueError, match=r"Trader\.apply"):
        intent_refusal(replace(LONG, action=Action.REDUCE), VIEW.mid)


def ended(reason: ExitReason, closed_ns: int, targets_hit: int = 0) -> Trade:
    trade = Trade(a_plan(LONG), T0, "USDT", False, LONG.invalidation)
    trade.add_entry(10, 100_000, T0)
    trade.reason, trade.closed_ns, trade.targets_hit = reason, closed_ns, targets_hit
    return trade


def test_three_stops_in_a_row_rest_the_setup_in_its_symbol_for_half_an_hour() -> None:
    cool, limits, minutes = CoolDowns(), RiskLimits(), 60 * NS_PER_S
    for i in range(3):
        assert cool.rest_ns(setup_of(LONG), LONG.now_ns) == 0
        cool.closed(ended(ExitReason.STOP, T0 + i), limits)
    assert cool.rest_ns(setup_of(LONG), T0 + 2) == 30 * minutes
    assert cool.rest_ns(setup_of(LONG), T0 + 2 + 30 * minutes) == 0
    assert cool.rest_ns(setup_of(replace(LONG, symbol="XYZUSDT")), T0 + 2) == 0
    assert cool.rest_ns(setup_of(replace(LONG, strategy="other")), T0 + 2) == 0
    again = CoolDowns()
    again.restore(json.loads(json.dumps(cool.to_state())))
    assert again.rest_ns(setup_of(LONG), T0 + 2) == 30 * minutes


@pytest.mark.parametrize("between", [ended(ExitReason.TARGET, T0), ended(ExitReason.STOP, T0, targets_hit=1)])
def test_another_end_between_breaks_the_row(between: Trade) -> None:
    cool, limits = CoolDowns(), RiskLimits()
    stop = ended(ExitReason.STOP, T0)
    for trade in (stop, stop, between, stop, stop):
        cool.closed(trade, limits)
    assert cool.rest_ns(setup_of(LONG), LONG.now_ns) == 0
