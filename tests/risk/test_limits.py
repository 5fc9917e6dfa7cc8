from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.core.enums import Action, DenyReason, Entry, Side, Trust
from bot.core.errors import BadConfig
from bot.core.units import NS_PER_S
from bot.risk.account import AccountView
from bot.risk.limits import (
    CoolDowns,
    RiskLimits,
    account_refusal,
    conflict_refusal,
    intent_refusal,
    market_refusal,
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


def trade_in(market: int, side: Side) -> Trade:
    base = LONG if side > 0 else SHORT
    intent = replace(base, market=market, symbol=f"SYM{market}", id=f"trade{market}")
    return Trade(a_plan(intent), T0, "USDT", False, intent.invalidation)


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ([], None),
        ([(1, Side.BUY), (2, Side.BUY)], None),
        ([(0, Side.BUY)], DenyReason.SYMBOL_BUSY),
        ([(0, Side.SELL)], DenyReason.OPPOSITE_OPEN),
        ([(1, Side.BUY), (2, Side.BUY), (3, Side.BUY)], DenyReason.MAX_SAME_SIDE),
        ([(1, Side.SELL), (2, Side.SELL), (3, Side.SELL)], None),
        ([(i, Side.SELL if i > 2 else Side.BUY) for i in range(1, 6)], DenyReason.MAX_POSITIONS),
    ],
)
def test_one_trade_a_symbol_few_in_all_fewer_on_a_side(
    held: list[tuple[int, Side]], reason: DenyReason | None
) -> None:
    trades = [trade_in(market, side) for market, side in held]
    assert reason_of(conflict_refusal(LONG, trades, RiskLimits())) is reason


def test_the_same_symbol_at_another_venue_counts_as_open() -> None:
    elsewhere = replace(trade_in(7, Side.BUY).plan.intent, symbol=LONG.symbol)
    trade = Trade(a_plan(elsewhere), T0, "USDT", False, elsewhere.invalidation)
    assert reason_of(conflict_refusal(LONG, [trade], RiskLimits())) is DenyReason.SYMBOL_BUSY


@pytest.mark.parametrize(
    ("equity", "day_pnl", "peak", "reason"),
    [
        (10_000, 0, 10_000, None),
        (9_801, -199, 10_000, None),
        (9_800, -200, 10_000, DenyReason.DAILY_LOSS),
        (9_401, 0, 10_000, None),
        (9_400, 0, 10_000, DenyReason.DRAWDOWN),
        (0, 0, 10_000, DenyReason.DRAWDOWN),
        (-5, 0, 0, DenyReason.DRAWDOWN),
    ],
)
def test_losses_stop_entries(equity: int, day_pnl: int, peak: int, reason: DenyReason | None) -> None:
    account = AccountView("USDT", equity, day_pnl, peak)
    assert reason_of(account_refusal(account, RiskLimits())) is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"trust": Trust.SUSPECT}, DenyReason.BOOK_UNTRUSTED),
        ({"spread_bps": 0.6}, None),
        ({"spread_bps": 0.61}, DenyReason.SPREAD_WIDE),
        ({"spread_bps": NAN}, DenyReason.SPREAD_WIDE),
        ({"spread_median_bps": NAN}, DenyReason.SPREAD_WIDE),
        ({"sigma_h_bps": 0.0}, DenyReason.NO_VOLATILITY),
        ({"sigma_h_bps": NAN}, DenyReason.NO_VOLATILITY),
        ({"sigma_h_bps": float("inf")}, DenyReason.NO_VOLATILITY),
    ],
)
def test_a_market_that_is_not_understood_is_not_entered(
    changes: dict[str, Any], reason: DenyReason | None
) -> None:
    assert reason_of(market_refusal(replace(VIEW, **changes), 3.0001)) is reason


def ended(reason: ExitReason, closed_ns: int, targets_hit: int = 0) -> Trade:
    trade = Trade(a_plan(LONG), T0, "USDT", False, LONG.invalidation)
    trade.add_entry(10, 100_000, T0)
    trade.reason, trade.closed_ns, trade.targets_hit = reason, closed_ns, targets_hit
    return trade


def test_three_stops_in_a_row_rest_the_setup_in_its_symbol_for_half_an_hour() -> None:
    cool, limits, minutes = CoolDowns(), RiskLimits(), 60 * NS_PER_S
    for i in range(3):
        assert cool.rest_ns(LONG) == 0
        cool.closed(ended(ExitReason.STOP, T0 + i), limits)
    assert cool.rest_ns(replace(LONG, now_ns=T0 + 2)) == 30 * minutes
    assert cool.rest_ns(replace(LONG, now_ns=T0 + 2 + 30 * minutes)) == 0
    assert cool.rest_ns(replace(LONG, now_ns=T0 + 2, symbol="XYZUSDT")) == 0
    assert cool.rest_ns(replace(LONG, now_ns=T0 + 2, strategy="other")) == 0
    again = CoolDowns()
    again.restore(json.loads(json.dumps(cool.to_state())))
    assert again.rest_ns(replace(LONG, now_ns=T0 + 2)) == 30 * minutes


@pytest.mark.parametrize("between", [ended(ExitReason.TARGET, T0), ended(ExitReason.STOP, T0, targets_hit=1)])
def test_another_end_between_breaks_the_row(between: Trade) -> None:
    cool, limits = CoolDowns(), RiskLimits()
    stop = ended(ExitReason.STOP, T0)
    for trade in (stop, stop, between, stop, stop):
        cool.closed(trade, limits)
    assert cool.rest_ns(LONG) == 0
