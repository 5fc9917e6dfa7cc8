from __future__ import annotations

import json
import random
from dataclasses import asdict
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import DenyReason, Mode
from bot.core.errors import BadConfig
from bot.core.units import NS_PER_DAY
from bot.risk import gate
from bot.risk.gate import Exploration, GateRules, Setup, SetupRecord, SetupRecords, judge


def test_barrier_probability_equals_a_simulated_walk() -> None:
    # +-1 steps: drift p-q and variance 1-(p-q)^2 a step; the barriers are far enough for the continuum
    p_up, target, stop, walks = 0.53, 12, 8, 4000
    rng = random.Random(7)
    wins = 0
    for _ in range(walks):
        at = 0
        while -stop < at < target:
            at += 1 if rng.random() < p_up else -1
        wins += at == target
    drift = 2 * p_up - 1
    expected = gate.barrier_win_prob(target, stop, drift, 1 - drift**2)
    assert wins / walks == pytest.approx(expected, abs=4 * sqrt(0.25 / walks) + 0.01)


@given(
    target=st.floats(1, 500),
    stop=st.floats(1, 500),
    drift=st.floats(-50, 50),
    variance=st.floats(0.01, 100),
)
def test_barrier_probabilities_of_both_ends_sum_to_one_however_strong_the_drift(
    target: float, stop: float, drift: float, variance: float
) -> None:
    up = gate.barrier_win_prob(target, stop, drift, variance)
    down = gate.barrier_win_prob(stop, target, -drift, variance)
    assert 0.0 <= up <= 1.0
    assert up + down == pytest.approx(1.0, abs=1e-9)


def test_a_bet_at_break_even_has_no_value() -> None:
    p = gate.breakeven_prob(30.0, 20.0, 7.0)
    assert gate.expected_value(p, 30.0, 20.0, 7.0) == pytest.approx(0.0, abs=1e-12)


@given(target=st.floats(1, 500), stop=st.floats(1, 500), drift=st.floats(-2, 2), variance=st.floats(0.1, 100))
def test_the_expected_hold_is_positive_and_falls_with_variance(
    target: float, stop: float, drift: float, variance: float
) -> None:
    hold = gate.expected_hold_s(target, stop, drift, variance)
    assert 0.0 < hold <= target * stop / variance * (1 + 1e-6) + max(target, stop) / max(abs(drift), 1e-9)
    still = gate.expected_hold_s(target, stop, 0.0, variance)
    assert still == pytest.approx(target * stop / variance)


def test_the_expected_hold_equals_a_simulated_walk() -> None:
    p_up, target, stop, walks = 0.53, 12, 8, 4000
    rng = random.Random(11)
    steps = 0
    for _ in range(walks):
        at = 0
        while -stop < at < target:
            at += 1 if rng.random() < p_up else -1
            steps += 1
    drift = 2 * p_up - 1
    expected = gate.expected_hold_s(target, stop, drift, 1 - drift**2)
    assert steps / walks == pytest.approx(expected, rel=0.05)


GOOD = Setup(
    target_bps=40.0,
    stop_bps=15.0,
    cost_bps=8.0,
    drift_bps=4.0,
    sigma_bps=8.0,
    horizon_s=60.0,
    confidence=0.7,
)


def changed(**changes: float) -> Setup:
    return Setup(**{**asdict(GOOD), **changes})


def test_a_good_setup_passes() -> None:
    verdict = judge(GOOD, SetupRecord(), GateRules.paper())
    assert verdict.failed is None
    assert verdict.ev_bps > 0


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        (changed(confidence=0.49), DenyReason.LOW_CONFIDENCE),
        (changed(confidence=float("nan")), DenyReason.LOW_CONFIDENCE),
        (changed(target_bps=15.9), DenyReason.TARGET_BELOW_COST),
        (changed(drift_bps=-4.0), DenyReason.EDGE_BELOW_COST),
        (changed(drift_bps=float("nan")), DenyReason.EDGE_BELOW_COST),
    ],
)
def test_the_first_broken_rule_is_named(setup: Setup, reason: DenyReason) -> None:
    assert judge(setup, SetupRecord(), GateRules.paper()).failed is reason


def test_a_good_record_lifts_a_setup_over_the_gate_and_a_bad_one_drops_it() -> None:
    poor, fine = changed(drift_bps=0.0), GOOD
    assert judge(poor, SetupRecord(), GateRules.paper()).failed is DenyReason.EDGE_BELOW_COST
    assert judge(poor, SetupRecord(wins=90, count=100), GateRules.paper()).failed is None
    assert judge(fine, SetupRecord(wins=5, count=100), GateRules.paper()).failed is DenyReason.EDGE_BELOW_COST


def test_live_asks_for_more_than_paper() -> None:
    live = judge(GOOD, SetupRecord(), GateRules.live())
    paper = judge(GOOD, SetupRecord(), GateRules.paper())
    assert live.p_lcb < paper.p_lcb == paper.p_post


@pytest.mark.parametrize(
    ("setup", "may"),
    [
        (changed(drift_bps=-4.0), True),
        (changed(confidence=0.3), True),
        (changed(confidence=0.29), False),
        (changed(target_bps=3.9), False),
        (changed(drift_bps=float("nan")), False),
    ],
)
def test_only_setups_near_the_gate_may_explore(setup: Setup, may: bool) -> None:
    assert judge(setup, SetupRecord(), GateRules.paper()).may_explore is may


def test_exploration_is_counted_by_symbol_and_utc_day() -> None:
    budget, noon = Exploration(per_day=2), 100 * NS_PER_DAY + NS_PER_DAY // 2
    budget.spend("A", noon)
    budget.spend("A", noon)
    budget.spend("B", noon)
    assert (budget.left("A", noon), budget.left("B", noon)) == (0, 1)
    assert budget.left("A", 101 * NS_PER_DAY) == 2
    budget.refund("A", noon)
    assert budget.left("A", noon) == 1
    budget.spend("A", 101 * NS_PER_DAY)
    budget.refund("A", noon)  # yesterday's
    assert budget.left("A", 101 * NS_PER_DAY) == 1


def test_records_are_pooled_over_symbols_by_strategy_and_mode() -> None:
    records = SetupRecords()
    records.add("fade", Mode.SCALP, "A", 1.0)
    records.add("fade", Mode.SCALP, "B", 0.25)
    records.add("fade", Mode.DAY, "A", 1.0)
    records.add("fade_two", Mode.SCALP, "A", 1.0)
    again = SetupRecords()
    again.restore(json.loads(json.dumps(records.to_state())))
    assert again.of("fade", Mode.SCALP) == SetupRecord(wins=1.25, count=2)
    assert again.of("break", Mode.SCALP) == SetupRecord()


def test_a_record_of_before_the_symbols_is_taken_over() -> None:
    records = SetupRecords()
    records.restore({"fade|scalp": [3, 4]})
    records.add("fade", Mode.SCALP, "A", 1.0)
    assert records.of("fade", Mode.SCALP) == SetupRecord(wins=4, count=5)


@given(gross=st.floats(-500, 500), target=st.floats(1, 200), stop=st.floats(1, 200))
def test_a_share_of_a_win_says_what_the_trade_made(gross: float, target: float, stop: float) -> None:
    share = gate.won(gross, target, stop)
    made = gate.expected_value(share, target, stop, 0.0)
    assert made == pytest.approx(min(target, max(-stop, gross)), abs=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"z": -1.0},
        {"explore_per_day": -1},
        {"kappa": 0.0},
        {"max_spread_ratio": 0.5},
        {"explore_confidence": 0.6},
        {"min_confidence": 1.1},
    ],
)
def test_impossible_gate_rules_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadConfig, match="expected"):
        GateRules(**wrong)
