"""Metrics against their slow twins and against what they must be by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.metrics import (
    auc,
    auc_value,
    brier_skill,
    calibration,
    correlation,
    r_squared,
    ranks,
    spearman,
    wilson,
)
from tests import reference
from tests.signals.worlds import none_if_nan
from tests.vectors import cases_of
from tests.vectors.evaluation import ADAPTERS

VALUES = st.integers(-4, 4).map(lambda k: 0.5 * k)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=40)
LABELLED = st.lists(st.tuples(VALUES, st.integers(0, 1)), min_size=1, max_size=40)


@pytest.mark.parametrize("case", cases_of(*ADAPTERS), ids=lambda case: case["id"])
def test_a_vector_is_reproduced(case):
    got = ADAPTERS[case["fn"]](**case["args"])
    reference.compare(none_if_nan(got), case["expected"], case["rel_tol"], case["id"])


def columns(pairs) -> tuple[np.ndarray, np.ndarray]:
    x, y = zip(*pairs, strict=True)
    return np.array(x, float), np.array(y, float)


@given(PAIRS)
def test_ranks_and_spearman_are_those_of_the_slow_twin(pairs):
    x, y = columns(pairs)
    assert ranks(x).tolist() == reference._ranks(x.tolist())
    if np.ptp(x) and np.ptp(y):
        assert spearman(x, y) == pytest.approx(reference.spearman(x, y), abs=1e-12)
        assert r_squared(x, y)._asdict() == pytest.approx(reference.r_squared(x, y), abs=1e-12)
    else:
        assert math.isnan(spearman(x, y))
        assert math.isnan(r_squared(x, y).r2)


@given(LABELLED)
def test_auc_is_that_of_all_pairs(pairs):
    scores, labels = columns(pairs)
    wanted = reference.auc(scores, labels)
    assert none_if_nan(auc(scores, labels).auc) == pytest.approx(wanted, abs=1e-12)
    assert none_if_nan(auc_value(scores, labels)) == pytest.approx(wanted, abs=1e-12)


@given(LABELLED)
def test_clusters_of_one_are_delongs_error(pairs):
    """DeLong's variance, by its definition: the placements of either class vary around the area."""
    scores, labels = columns(pairs)
    positive, negative = scores[labels == 1], scores[labels == 0]
    if min(positive.size, negative.size) < 2:
        assert math.isnan(auc(scores, labels).error)
        return
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = wins.mean(axis=1).var(ddof=1) / positive.size + wins.mean(axis=0).var(ddof=1) / negative.size
    assert auc(scores, labels).error == pytest.approx(math.sqrt(variance), abs=1e-12)


def test_samples_repeated_within_clusters_are_no_further_evidence():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 200)
    scores = labels + rng.normal(size=200)
    once = auc(scores, labels)
    again = auc(np.repeat(scores, 5), np.repeat(labels, 5), np.repeat(np.arange(200), 5))
    assert again.auc == pytest.approx(once.auc)
    assert again.error == pytest.approx(once.error, rel=0.02)
    assert auc(np.repeat(scores, 5), np.repeat(labels, 5)).error < 0.5 * once.error


def test_the_interval_of_an_area_holds_the_true_one_nineteen_times_of_twenty():
    rng = np.random.default_rng(2)
    true = 0.7602  # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2)
    held = 0
    for _ in range(300):
        labels = rng.integers(0, 2, 150)
        low, high = auc(labels + rng.normal(size=150), labels).interval
        held += low <= true <= high
    assert 0.91 <= held / 300 <= 0.98


def test_few_clusters_give_no_error_and_no_interval():
    labels = np.tile([0, 1], 20)
    area = auc(np.arange(40.0), labels, np.arange(40) // 10)
    assert not math.isnan(area.auc)
    assert math.isnan(area.error)
    assert math.isnan(area.interval.low)


def test_a_correlation_needs_three_pairs_and_two_values():
    assert math.isnan(correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert math.isnan(correlation(np.ones(5), np.arange(5.0)))
    assert correlation(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1.0)


def test_skill_is_zero_for_always_half_one_for_the_truth_and_below_zero_for_confident_nonsense():
    happened = np.array([1, 0, 0.5, 1])
    assert brier_skill(np.full(4, 0.5), happened) == 0.0
    assert brier_skill(happened, happened) == 1.0
    assert brier_skill(1.0 - happened, happened) < 0.0
    assert math.isnan(brier_skill(np.full(2, 0.4), np.full(2, 0.5)))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1)), max_size=80))
def test_calibration_bins_hold_everything_in_order_and_do_not_split_equal_forecasts(pairs):
    probability, happened = columns(pairs) if pairs else (np.empty(0), np.empty(0))
    probability = probability / 20.0
    bins = calibration(probability, happened)
    assert len(bins) <= 10
    assert sum(b.n for b in bins) == probability.size
    assert sum(b.n * b.happened for b in bins) == pytest.approx(happened.sum())
    forecasts = [b.forecast for b in bins]
    assert forecasts == sorted(forecasts)
    distinct = np.unique(probability)
    if distinct.size <= 1:
        assert len(bins) == distinct.size


def test_ten_different_forecasts_make_ten_bins_of_equal_count():
    bins = calibration(np.repeat(np.arange(10) / 10.0, 7), np.zeros(70))
    assert [b.n for b in bins] == [7] * 10


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_the_slow_twin_and_inside_zero_and_one(counts):
    wins, n = counts
    interval = wilson(wins, n)
    assert list(interval) == pytest.approx(reference.wilson(wins, n), rel=1e-12, abs=1e-12)
    slack = 1e-12
    assert -slack <= interval.low <= wins / n + slack
    assert wins / n - slack <= interval.high <= 1 + slack


def test_fewer_independent_samples_widen_an_interval():
    all_of_them, a_tenth = wilson(600.0, 1000.0), wilson(60.0, 100.0)
    assert a_tenth.low < all_of_them.low < 0.6 < all_of_them.high < a_tenth.high
    assert math.isnan(wilson(0.0, 0.0).low)
