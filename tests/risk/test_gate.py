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


@given(lots=st.floats(0, 1e5), more=st.floats(0, 1e5), touch=st.floats(0, 1e4), depth=st.floats(0, 1e5))
def test_walking_further_never_costs_less(lots: float, more: float, touch: float, depth: float) -> None:
    assert gate.walk_bps(lots, touch, depth, 0.5) <= gate.walk_bps(lots + more, touch, depth, 0.5) + 1e-9
    assert gate.walk_bps(min(lots, touch), touch, depth, 0.5) == 0.5


def test_taking_the_whole_band_costs_half_of_it_for_what_lies_behind_the_touch() -> None:
    # 100 at the touch and 900 behind it, evenly to 10 bps: 900 lots pay 5 bps more on average
    assert gate.walk_bps(1000, 100, 1000, 0.5) == pytest.approx(0.5 + 0.9 * 5.0)


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
    records.add("fade", Mode.SCALP, True)
    records.add("fade", Mode.SCALP, False)
    records.add("fade", Mode.DAY, True)
    again = SetupRecords()
    again.restore(json.loads(json.dumps(records.to_state())))
    assert again.of("fade", Mode.SCALP) == SetupRecord(wins=1, count=2)
    assert again.of("break", Mode.SCALP) == SetupRecord()


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
