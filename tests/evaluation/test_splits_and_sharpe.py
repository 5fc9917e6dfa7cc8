"""Index sets that do not leak, and Sharpe ratios after many trials."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.sharpe import effective_trials, overfitting_probability
from bot.evaluation.splits import purged_kfold, purged_walk_forward
from tests import reference

SMALL = st.integers(0, 8)


@given(st.integers(10, 60), st.integers(1, 5), SMALL, SMALL)
def test_kfold_is_that_of_the_slow_twin_and_no_fit_sees_its_test(n, folds, horizon, embargo):
    found = purged_kfold(n, folds, horizon, embargo)
    wanted = reference.purged_kfold(n, folds, horizon, embargo)
    assert [{"test": list(s.test), "train": s.train.tolist()} for s in found] == wanted
    for split in found:
        start, stop = split.test
        for i in split.train:
            assert i + horizon < start or i > stop - 1 + horizon
    assert [s.test[0] for s in found[1:]] == [s.test[1] for s in found[:-1]]


@given(st.integers(10, 60), st.integers(1, 5), SMALL, SMALL)
def test_walk_forward_is_that_of_the_slow_twin(n, folds, horizon, min_train):
    found = purged_walk_forward(n, folds, horizon, min_train)
    wanted = reference.purged_walk_forward(n, folds, horizon, min_train)
    assert [(s.train.tolist(), list(s.test)) for s in found] == [
        (list(range(*w["train"])), w["test"]) for w in wanted
    ]


def test_correlated_trials_count_less():
    assert effective_trials(100, 0.0) == 100
    assert effective_trials(100, 1.0) == 1
    assert effective_trials(100, 0.5) == 50.5


def plain_overfitting(returns: np.ndarray, blocks: int) -> float:
    parts = np.array_split(returns, blocks)
    below = []
    for half in combinations(range(blocks), blocks // 2):
        rest = [k for k in range(blocks) if k not in half]
        inside, outside = (np.concatenate([parts[k] for k in ks]) for ks in (half, rest))
        best = int(np.argmax(inside.mean(axis=0) / inside.std(axis=0)))
        out = outside.mean(axis=0) / outside.std(axis=0)
        below.append(out[best] <= np.median(out))
    return float(np.mean(below))


def test_overfitting_is_that_of_a_plain_loop_over_all_halves():
    returns = np.random.default_rng(1).normal(size=(60, 5))
    assert overfitting_probability(returns, 6) == pytest.approx(plain_overfitting(returns, 6))


def test_the_best_of_worthless_configurations_is_as_often_below_the_median_as_above():
    found = [
        overfitting_probability(np.random.default_rng(seed).normal(size=(480, 20)), 8) for seed in range(20)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_one_configuration_that_earns_is_not_overfitted():
    returns = np.random.default_rng(3).normal(size=(480, 20))
    returns[:, 7] += 0.5
    assert overfitting_probability(returns) == 0.0


@pytest.mark.parametrize(("shape", "blocks"), [((5, 3), 6), ((60, 1), 6), ((60, 3), 5)])
def test_too_little_to_cross_validate_is_refused(shape, blocks):
    with pytest.raises(ValueError, match="two configurations"):
        overfitting_probability(np.ones(shape), blocks)
