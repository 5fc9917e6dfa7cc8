"""The faded rank tables against Spearman's correlation of the samples themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.signals.learning.ranks import bin_of, information_coefficient, rank_correlation
from bot.signals.learning.state import BINS
from tests import reference
from tests.signals.learning.drive import FEW, SCALP, SWING, even_learning, run


def table_of(xs: np.ndarray, moves: np.ndarray) -> np.ndarray:
    table = np.zeros((BINS, BINS), np.float32)
    for x, move in zip(xs, moves, strict=True):
        table[bin_of(x), bin_of(move / (1.0 + abs(move)))] += 1.0
    return table


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5, -0.5, 2.0])
@pytest.mark.parametrize("loudness", [0.05, 0.5], ids=["quiet", "loud"])
def test_the_table_orders_as_the_samples_do(strength, loudness):
    rng = np.random.default_rng(7)
    signal = rng.normal(size=1_500)
    moves = strength * signal + rng.normal(size=signal.size)
    xs = np.tanh(loudness * signal)
    got = rank_correlation(table_of(xs, moves))
    assert got == pytest.approx(reference.spearman(xs, moves), rel=0.06, abs=0.01)


def test_bins_are_even_around_nothing():
    values = np.linspace(-1.0, 1.0, 1_001)
    bins = [bin_of(value) for value in values]
    assert bins == sorted(bins)
    assert (bins[0], bins[500], bins[-1]) == (0, BINS // 2, BINS - 1)
    assert [BINS - 1 - b for b in reversed(bins)] == bins


def test_a_card_that_always_says_the_same_has_no_coefficient():
    assert math.isnan(rank_correlation(table_of(np.full(50, 0.3), np.linspace(-1, 1, 50))))
    assert math.isnan(rank_correlation(np.zeros((BINS, BINS), np.float32)))


def test_few_labels_that_overlap_shrink_the_coefficient():
    table = table_of(np.linspace(-1, 1, 480), np.linspace(-1, 1, 480))
    raw = rank_correlation(table)
    assert information_coefficient(table, SCALP) == pytest.approx(raw * 240 / 640)
    assert information_coefficient(table, SWING) == pytest.approx(raw * 40 / 440)


def test_a_card_that_knows_has_a_higher_coefficient_than_one_that_does_not():
    rng = np.random.default_rng(8)
    scores = rng.uniform(-1, 1, (2_000, 1, FEW))
    outcomes = (scores[:, :, 0] + rng.normal(size=(2_000, 1)) > 0).astype(float)
    learning = even_learning(1)
    run(learning, SCALP, scores, outcomes)
    knows, guesses, _, composite = (rank_correlation(table) for table in learning.tables[0, SCALP])
    assert knows > 0.3 > 0.1 > abs(guesses)
    assert composite > 0.2


def test_old_labels_fade_with_a_half_life_of_two_days():
    learning = even_learning(1)
    rounds = 2 * 86_400 // 300  # of a swing cycle: one half-life
    scores = np.full((rounds, 1, FEW), 0.5)
    run(learning, SWING, scores, np.ones((rounds, 1)))
    whole = 0.5 ** (300 / (2 * 86_400))
    assert learning.tables[0, SWING, 0].sum() == pytest.approx((1 - 0.5) / (1 - whole), rel=1e-4)
