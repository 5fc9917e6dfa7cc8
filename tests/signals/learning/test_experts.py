"""Calibration, aggregation and fixed share against the slow formulas of the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals.learning import experts
from tests import reference
from tests.vectors import cases_of
from tests.vectors import learning as adapters

CHANCES = st.floats(0.01, 0.99)
WEIGHTS = st.floats(0.001, 1.0)
OUTCOMES = st.sampled_from([0.0, 0.5, 1.0])


@pytest.mark.parametrize("case", cases_of(*adapters.ADAPTERS), ids=lambda case: case["id"])
def test_a_vector_is_reproduced(case):
    got = adapters.ADAPTERS[case["fn"]](**case["args"])
    reference.compare(got, case["expected"], case["rel_tol"], case["id"])


def test_every_function_of_section_7_has_vectors():
    assert len(cases_of(*adapters.ADAPTERS)) == 14


@given(st.lists(st.tuples(WEIGHTS, st.none() | CHANCES), min_size=1, max_size=6), CHANCES, OUTCOMES)
def test_a_step_with_sleepers_equals_the_reference(pairs, awake, outcome):
    weights = [w for w, _ in pairs] + [0.5]
    total = sum(weights)
    weights = [w / total for w in weights]
    chances = [p for _, p in pairs] + [awake]
    got = adapters.fixed_share_step(weights, chances, outcome, experts.ALPHA)
    want = reference.fixed_share_step(weights, chances, outcome, experts.ALPHA)
    reference.compare(got, want, 1e-12, "step")


@given(st.lists(st.tuples(st.floats(-1, 1), OUTCOMES), max_size=60))
def test_a_calibration_equals_the_reference(rounds):
    xs, ys = [x for x, _ in rounds], [y for _, y in rounds]
    got = adapters.calibrator_run(xs, ys)
    reference.compare(got, reference.calibrator_run(xs, ys), 1e-12, "calibrator")
    assert 0.0 <= got["theta"] <= experts.MOST_THETA


@given(st.lists(st.tuples(WEIGHTS, CHANCES), min_size=1, max_size=8), OUTCOMES)
def test_the_aggregate_loses_no_more_than_the_mix_of_its_experts(pairs, outcome):
    weights = np.array([w for w, _ in pairs])
    chances = np.array([p for _, p in pairs])
    loss = (experts.predict(weights, chances) - outcome) ** 2
    mixed = weights / weights.sum() @ np.exp(-experts.ETA * (chances - outcome) ** 2)
    assert loss <= -math.log(mixed) / experts.ETA + 1e-12


def test_thousands_of_losses_leave_a_weight_that_can_still_recover():
    log_weights = np.log([0.5, 0.5])
    for _ in range(5_000):
        experts.share(log_weights, np.array([1.0, 0.0]), 1.0, experts.ALPHA)
    assert math.exp(log_weights[0]) == pytest.approx(experts.ALPHA / 2, rel=0.2)
    for _ in range(10):
        experts.share(log_weights, np.array([0.0, 1.0]), 1.0, experts.ALPHA)
    assert math.exp(log_weights[0]) > 0.99


def test_without_sharing_a_weight_too_small_for_a_float_comes_back():
    log_weights = np.log([0.5, 0.5])
    for loss in (np.array([1.0, 0.0]), np.array([0.0, 1.0])):
        for _ in range(1_000):
            experts.share(log_weights, loss, 1.0, 0.0)
    assert np.exp(log_weights) == pytest.approx([0.5, 0.5])


def test_an_expert_without_prior_weight_gets_its_share():
    with np.errstate(divide="ignore"):
        log_weights = np.log([1.0, 0.0])
    experts.share(log_weights, np.zeros(2), 1.0, experts.ALPHA)
    assert np.exp(log_weights) == pytest.approx([1 - experts.ALPHA / 2, experts.ALPHA / 2])


def test_an_exhausted_card_speaks_a_quarter_as_loud():
    assert experts.voice(0.8, 0.5, 1.0) == pytest.approx(0.1)
    assert experts.voice(0.8, 0.5, 0.0) == pytest.approx(0.4)
