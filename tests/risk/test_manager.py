from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import DenyReason, Entry
from bot.core.messages import Denied, Intent, Plan
from bot.core.units import NS_PER_DAY, NS_PER_S
from bot.risk.account import AccountView
from bot.risk.gate import GateRules
from bot.risk.limits import RiskLimits
from bot.risk.manager import RiskManager
from bot.risk.sizing import SizeRules
from bot.risk.trades import ExitReason, Trade, TradeBook
from tests.trading import ACCOUNT, CONDITIONS, INVERSE, LINEAR, LONG, OTHER, SHORT, T0, VIEW, a_depth, a_plan

INSTRUMENTS = {0: LINEAR, 1: OTHER, 2: INVERSE}


def a_manager(rules: GateRules | None = None, **limits: Any) -> RiskManager:
    return RiskManager(RiskLimits(**limits), rules or GateRules.paper(), INSTRUMENTS, TradeBook())


def approved(answer: Plan | Denied) -> Plan:
    assert isinstance(answer, Plan), answer
    return answer


def denied(answer: Plan | Denied) -> Denied:
    assert isinstance(answer, Denied), answer
    return answer


def opened(plan: Plan) -> Trade:
    intent = plan.intent
    instrument = INSTRUMENTS[intent.market]
    return Trade(plan, intent.now_ns, instrument.settle, instrument.inverse, plan.stop)


def test_a_good_entry_becomes_a_plan_with_its_figures() -> None:
    plan = approved(a_manager().decide(LONG, VIEW, ACCOUNT, CONDITIONS))
    assert not plan.explore
    assert plan.stop == LONG.invalidation
    # taker both ways 5 + 5, half a spread of 0.2 each way; the depth holds our size at the touch
    assert plan.figures["cost_bps"] == pytest.approx(10.2)
    assert plan.figures["stop_bps"] == pytest.approx(15.0)
    assert plan.figures["ev_bps"] > 0


def test_the_size_is_the_smallest_part_times_confidence_rounded_down() -> None:
    plan = approved(a_manager().decide(LONG, VIEW, ACCOUNT, CONDITIONS))
    # volatility decides: 1 % of 10,000 over 8 bps x sqrt(1440); confidence 0.7 gives 0.8
    sigma_day = 8e-4 * 1440**0.5
    lots = 0.8 * 0.01 * 10_000 / sigma_day / (0.001 * 1000.02)
    assert plan.lots == int(lots)


def test_a_stop_at_its_price_loses_what_the_plan_says() -> None:
    plan = approved(a_manager().decide(LONG, VIEW, ACCOUNT, CONDITIONS))
    units = plan.lots * 0.001
    loss = units * (1000.02 - 998.5) + units * (1000.02 + 998.5) * 0.0005
    assert plan.risk_e8 == pytest.approx(loss * 1e8, abs=1)


def test_conflicting_windows_halve_the_size() -> None:
    whole = approved(a_manager().decide(LONG, VIEW, ACCOUNT, CONDITIONS))
    half = approved(a_manager().decide(replace(LONG, conflicted=True), VIEW, ACCOUNT, CONDITIONS))
    assert half.lots == pytest.approx(whole.lots / 2, abs=1)


def test_the_strategys_own_cap_and_the_depth_ahead_bound_the_size() -> None:
    assert approved(a_manager().decide(replace(LONG, max_lots=20.9), VIEW, ACCOUNT, CONDITIONS)).lots == 20
    thin = replace(CONDITIONS, depth=replace(CONDITIONS.depth, asks=a_depth(10.0, 40.0).asks))
    # the limit lies one tick behind the touch
    assert approved(a_manager().decide(LONG, VIEW, ACCOUNT, thin)).lots in (49, 50)
    resting = replace(LONG, entry=Entry.POST_ONLY, limit=99_999)
    assert approved(a_manager().decide(resting, VIEW, ACCOUNT, thin)).lots > 50  # it takes nothing


def test_an_inverse_contract_is_sized_in_its_coin() -> None:
    account = AccountView("ABC", equity_e8=10 * 10**8, day_pnl_e8=0, peak_e8=10 * 10**8)
    intent = replace(LONG, market=2, symbol="ABCUSD")
    plan = approved(a_manager().decide(intent, replace(VIEW, market=2, symbol="ABCUSD"), account, CONDITIONS))
    coin = plan.lots * 100 / 1000.02
    assert coin == pytest.approx(0.8 * 0.01 * 10 / (8e-4 * 1440**0.5), abs=100 / 1000)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], DenyReason]] = [
    ({"confidence": 0.2}, {}, DenyReason.LOW_CONFIDENCE),
    ({"target_bps": 19.0}, {}, DenyReason.TARGET_BELOW_COST),
    ({"drift_bps": -5.0}, {}, DenyReason.EDGE_BELOW_COST),
    ({"max_lots": 4.0}, {}, DenyReason.TOO_SMALL),
    ({"invalidation": 60_000, "target_bps": 50_000.0}, {}, DenyReason.LIQUIDATION_NEAR),
    ({"invalidation": 100_200}, {}, DenyReason.BAD_INTENT),
    ({}, {"sigma_h_bps": float("nan")}, DenyReason.NO_VOLATILITY),
]


@pytest.mark.parametrize(("intent", "view", "reason"), REFUSED)
def test_refusals_name_their_rule(intent: dict[str, Any], view: dict[str, Any], reason: DenyReason) -> None:
    manager = a_manager(GateRules(z=0.0), size=SizeRules(risk_per_trade=0.02, kelly_share=1.0))
    answer = manager.decide(replace(LONG, **intent), replace(VIEW, **view), ACCOUNT, CONDITIONS)
    assert denied(answer).reason is reason


def test_a_poor_edge_spends_the_exploration_budget_of_its_symbol_and_day() -> None:
    manager, poor = a_manager(), replace(LONG, drift_bps=-5.0)
    for _ in range(5):
        assert approved(manager.decide(poor, VIEW, ACCOUNT, CONDITIONS)).explore
    assert denied(manager.decide(poor, VIEW, ACCOUNT, CONDITIONS)).reason is DenyReason.EDGE_BELOW_COST
    elsewhere = replace(poor, market=1, symbol="XYZUSDT")
    assert approved(manager.decide(elsewhere, replace(VIEW, market=1), ACCOUNT, CONDITIONS)).explore
    tomorrow = replace(poor, now_ns=T0 + NS_PER_DAY)
    assert approved(manager.decide(tomorrow, VIEW, ACCOUNT, CONDITIONS)).explore
    assert not approved(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS)).explore


def test_an_unfilled_exploration_is_given_back() -> None:
    manager, poor = a_manager(), replace(LONG, drift_bps=-5.0)
    plans = [approved(manager.decide(poor, VIEW, ACCOUNT, CONDITIONS)) for _ in range(5)]
    trade = opened(plans[0])
    trade.reason = ExitReason.UNFILLED
    manager.closed(trade)
    assert approved(manager.decide(poor, VIEW, ACCOUNT, CONDITIONS)).explore
    assert isinstance(manager.decide(poor, VIEW, ACCOUNT, CONDITIONS), Denied)


def test_live_never_explores() -> None:
    answer = a_manager(GateRules.live()).decide(replace(LONG, drift_bps=-5.0), VIEW, ACCOUNT, CONDITIONS)
    assert denied(answer).reason is DenyReason.EDGE_BELOW_COST


def test_exposure_of_open_trades_leaves_the_rest_as_room() -> None:
    manager = a_manager(max_exposure=3.0, max_beta=100.0, portfolio_volatility=1.0)
    other = replace(SHORT, market=1, symbol="XYZUSDT", id="other", limit=100_000)
    trade = opened(a_plan(other, lots=29_900))  # 29,900 of 30,000
    manager.trades.add(trade)
    assert approved(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS)).lots == 99  # 100 left at 1.00002 a lot
    trade.add_entry(20_000, 100_000, T0)
    trade.entry_working = False  # the rest of the entry never came
    assert approved(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS)).lots > 2000
    trade.entry_working = True
    trade.add_entry(9_900, 102_000, T0)
    refused = denied(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS))
    assert (refused.reason, refused.limit) == (DenyReason.MAX_EXPOSURE, 30_000.0)


def test_another_coins_exposure_does_not_count() -> None:
    manager = a_manager(max_exposure=3.0)
    intent = replace(SHORT, market=2, symbol="ABCUSD", id="inverse")
    manager.trades.add(opened(a_plan(intent, lots=1_000_000)))
    assert isinstance(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS), Plan)


def test_funding_counts_only_when_paid_within_the_hold() -> None:
    def cost(intent: Intent, rate: float, in_s: int) -> float:
        view = replace(VIEW, funding_rate=rate, funding_ns=T0 + in_s * NS_PER_S)
        return a_manager().decide(intent, view, ACCOUNT, CONDITIONS).figures["cost_bps"]

    assert cost(LONG, 0.0003, 60) == pytest.approx(13.2)
    assert cost(LONG, 0.0003, 121) == pytest.approx(10.2)
    assert cost(LONG, -0.0003, 60) == pytest.approx(10.2)
    assert cost(SHORT, -0.0003, 60) == pytest.approx(13.2)


def test_a_resting_entry_pays_maker_and_adverse_selection() -> None:
    resting = replace(LONG, entry=Entry.POST_ONLY, limit=99_990)
    answer = a_manager().decide(resting, VIEW, ACCOUNT, CONDITIONS)
    assert answer.figures["cost_bps"] == pytest.approx(2 + 0.25 + 5 + 0.1)
    assert answer.figures["stop_bps"] == pytest.approx(140 / 99_990 * 1e4)


def test_a_pause_refuses_until_resumed() -> None:
    manager = a_manager()
    manager.pause()
    assert denied(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS)).reason is DenyReason.PAUSED
    manager.resume()
    assert isinstance(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS), Plan)


def closed_trade(reason: ExitReason, realised_e8: int) -> Trade:
    trade = opened(a_plan())
    trade.add_entry(10, 100_000, T0)
    trade.book(realised_e8=realised_e8, fee_e8=10)
    trade.reason, trade.closed_ns = reason, T0
    return trade


def test_closed_trades_teach_the_record_their_share_of_a_win_once() -> None:
    manager = a_manager()
    # 10 lots at 1,000 are worth 10: the target pays 49 bps of it, the stop costs 15
    for realised_e8 in (49 * 10**5, -15 * 10**5, 17 * 10**5, -99 * 10**5):
        trade = closed_trade(ExitReason.SIGNAL, realised_e8)
        manager.closed(trade)
        trade.reopened = True
        manager.closed(trade)
    record = manager.records.of(LONG.strategy, LONG.mode)
    assert record.wins == pytest.approx(1.0 + 0.0 + 0.5 + 0.0)
    assert record.count == 4


def test_a_stop_that_slipped_far_is_remembered_and_cuts_what_follows() -> None:
    manager = a_manager(GateRules(z=0.0), size=SizeRules(risk_per_trade=0.02, daily_volatility=1.0))
    before = approved(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS))
    trade = closed_trade(ExitReason.STOP, -30 * 10**5)
    trade = replace(trade, plan=replace(trade.plan, risk_e8=10**5))
    manager.closed(trade)
    assert manager.worst_stop == pytest.approx(30.0, rel=1e-3)
    manager.records.by_setup.clear()
    after = approved(manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS))
    # the whole of a day's loss, 200, at 30 stops of 15 bps and the cost
    assert after.lots == pytest.approx(200 / ((30 * 15 + 10.2) * 1e-4) / 1.00002, rel=1e-3)
    assert after.lots < before.lots


def test_what_the_manager_remembers_survives_a_restart() -> None:
    manager = a_manager()
    for _ in range(3):
        manager.closed(closed_trade(ExitReason.STOP, -100))
    manager.decide(replace(LONG, drift_bps=-5.0, strategy="fresh"), VIEW, ACCOUNT, CONDITIONS)
    again = a_manager()
    again.restore(json.loads(json.dumps(manager.to_state())))
    assert again.to_state() == manager.to_state()
    assert denied(again.decide(LONG, VIEW, ACCOUNT, CONDITIONS)).reason is DenyReason.COOL_DOWN
    assert again.exploration.left("ABCUSDT", T0) == 4


@given(
    equity=st.integers(1, 10**8),
    stop=st.integers(50_000, 99_990),
    confidence=st.floats(0.3, 1.0),
    drift=st.floats(-20, 20),
    sigma=st.floats(0.1, 100),
    depth=st.floats(0, 1e7),
    entry=st.sampled_from(Entry),
)
def test_no_plan_ever_exceeds_a_limit(
    equity: int, stop: int, confidence: float, drift: float, sigma: float, depth: float, entry: Entry
) -> None:
    account = AccountView("USDT", equity * 10**8, 0, equity * 10**8)
    view = replace(VIEW, sigma_h_bps=sigma)
    conditions = replace(CONDITIONS, depth=a_depth(depth / 10, depth / 10, levels=10))
    intent = replace(
        LONG, invalidation=stop, confidence=confidence, drift_bps=drift, entry=entry, target_bps=500.0
    )
    answer = a_manager().decide(intent, view, account, conditions)
    if isinstance(answer, Denied):
        return
    notional = answer.lots * 0.001 * 1000.02
    assert 5 <= notional <= 3 * equity * (1 + 1e-9)
    assert answer.lots * 0.001 * (1000.0 - stop / 100) <= 0.0025 * equity * (1 + 1e-9)
    assert entry is Entry.POST_ONLY or answer.lots <= depth / 5  # two levels up to the limit
    assert answer.lots <= 0.5 * depth * (1 + 1e-9)  # half of what is near on the other side


def test_equal_arguments_give_equal_answers() -> None:
    assert a_manager().decide(LONG, VIEW, ACCOUNT, CONDITIONS) == a_manager().decide(
        LONG, VIEW, ACCOUNT, CONDITIONS
    )
