"""Intervals, errors and corrections where neighbours are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.metrics import correlation, spearman
from bot.evaluation.resampling import (
    FEWEST_BLOCKS,
    correlation_interval,
    holm,
    newey_west_error,
    permuted_correlation,
    rank_correlation_error,
    two_sided_p,
)


def moving_sums(noise: np.ndarray, overlap: int) -> np.ndarray:
    """Labels that share all but one of `overlap` increments with their neighbour."""
    return np.convolve(noise, np.ones(overlap), "valid")


def test_the_interval_of_a_correlation_holds_the_true_one_about_nineteen_times_of_twenty():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        x = rng.normal(size=300)
        y = 0.5 * x + math.sqrt(0.75) * rng.normal(size=300)
        low, high = correlation_interval(x, y, 5, rng, draws=300)
        held += low <= 0.5 <= high
    assert 0.89 <= held / 200 <= 0.985


@given(st.integers(20, 60), st.integers(1, 4), st.integers(0, 5))
def test_the_interval_is_that_of_samples_drawn_in_whole_blocks_around_the_end(n, block, seed):
    x, y = np.random.default_rng(seed).normal(size=(2, n))
    found = correlation_interval(x, y, block, np.random.default_rng(9), draws=40)
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(40):
        starts = rng.integers(0, n, math.ceil(n / block))
        at = (starts[:, None] + np.arange(block)).ravel() % n
        drawn.append(np.corrcoef(x[at], y[at])[0, 1])
    assert tuple(found) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))))


def test_blocks_widen_the_interval_of_what_lasts():
    rng = np.random.default_rng(2)
    x, y = (moving_sums(rng.normal(size=2019), 20) for _ in range(2))
    single = correlation_interval(x, y, 1, rng)
    blocks = correlation_interval(x, y, 60, rng)
    assert blocks.high - blocks.low > 2.0 * (single.high - single.low)


def test_equal_seeds_give_equal_intervals():
    x, y = np.random.default_rng(3).normal(size=(2, 100))
    first, again = (correlation_interval(x, y, 4, np.random.default_rng(7)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(("n", "block"), [(10, 1), (100, 100 // FEWEST_BLOCKS + 1), (100, 0)])
def test_too_few_blocks_or_samples_give_no_interval(n, block):
    x = np.arange(float(n))
    assert math.isnan(correlation_interval(x, x, block, np.random.default_rng(1)).low)


def test_what_does_not_vary_gives_no_interval():
    assert math.isnan(correlation_interval(np.ones(50), np.arange(50.0), 1, np.random.default_rng(1)).low)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30), st.integers(0, 12))
def test_newey_west_is_its_definition(values, lags):
    """Sum over all pairs of samples, weighted by how near they are (Bartlett)."""
    u = np.array(values) - np.mean(values)
    n = len(values)
    total = sum(max(0.0, 1.0 - abs(i - j) / (lags + 1.0)) * u[i] * u[j] for i in range(n) for j in range(n))
    assert newey_west_error(np.array(values), lags) == pytest.approx(math.sqrt(max(0.0, total)) / n, abs=1e-6)


def test_without_lags_it_is_the_error_of_a_mean():
    values = np.random.default_rng(4).normal(size=50)
    assert newey_west_error(values, 0) == pytest.approx(values.std() / math.sqrt(50))
    assert math.isnan(newey_west_error(values[:1], 0))


def test_the_error_of_a_rank_correlation_is_how_much_it_varies_when_nothing_is_there():
    """Scores that last and overlapping labels, unrelated: the error says how far from 0 they come."""
    rng = np.random.default_rng(5)
    overlap, found, errors = 6, [], []
    for _ in range(150):
        x = moving_sums(rng.normal(size=619), 20)
        y = moving_sums(rng.normal(size=600 + overlap - 1), overlap)
        found.append(spearman(x, y))
        errors.append(rank_correlation_error(x, y, overlap))
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.2)
    assert np.mean(np.abs(found) > 1.96 * np.array(errors)) < 0.12


@pytest.mark.parametrize(
    ("t", "independent", "p"),
    # Student's tables: t at two-sided 5 %, 1 % and 0.1 % with 10, 30 and 100 degrees of freedom
    [(2.228, 12, 0.05), (2.750, 32, 0.01), (3.390, 102, 0.001), (0.0, 50, 1.0)],
)
def test_p_values_are_students(t, independent, p):
    assert two_sided_p(t, independent) == pytest.approx(p, rel=0.02)
    assert two_sided_p(-t, independent) == two_sided_p(t, independent)


def test_hardly_any_samples_give_no_p():
    assert math.isnan(two_sided_p(5.0, 2.5))
    assert math.isnan(two_sided_p(math.nan, 100))


def test_nothing_of_a_perfect_forecast_survives_permuted_blocks():
    rng = np.random.default_rng(6)
    x = moving_sums(rng.normal(size=2005), 6)
    assert correlation(x, x) == pytest.approx(1.0)
    assert abs(permuted_correlation(x, x, 60, rng)) < 0.1


def test_a_constant_offset_of_both_halves_does_survive_and_so_is_noticed():
    """A score that only knows a trend within every block: blocks changed places do not hide that."""
    trend = np.tile(np.arange(60.0), 20)
    assert permuted_correlation(trend, trend, 60, np.random.default_rng(7)) == pytest.approx(1.0)


def test_too_few_blocks_cannot_be_permuted():
    x = np.arange(100.0)
    assert math.isnan(permuted_correlation(x, x, 21, np.random.default_rng(1)))


def test_holm_by_hand():
    """Holm (1979): 4 x .005, then 3 x .01, then 2 x .03 = .06 and never below, 1 x .04."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12))
def test_holm_lies_between_the_bare_and_bonferronis_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    tests = sum(not math.isnan(p) for p in p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert math.isnan(p) == math.isnan(q)
        assert math.isnan(p) or p <= q <= min(1.0, tests * p) + 1e-12
    known = sorted((p, q) for p, q in zip(p_values, adjusted, strict=True) if not math.isnan(p))
    assert [q for _, q in known] == sorted(q for _, q in known)
