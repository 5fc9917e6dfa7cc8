"""That learning helps and cannot harm by much: signals.md 7.6 (a) to (f), through the whole learner.

Every card says a score, the calibrations are learned too, labels come a horizon late to the copies.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.signals.learning.experts import ALPHA, regret_bound
from bot.signals.learning.publishing import MOST_STEP
from bot.signals.learning.ranks import rank_correlation
from bot.signals.learning.state import COPIES, PRIOR, PUBLISHED, SHADOW, SYMBOL, Learning
from tests.signals.learning.drive import ADVERSARIAL, RANDOM, SCALP, Run, even_learning, run

CARDS = 11  # and the null expert: N = 12
ROUNDS = 4_000
SEEDS = range(20)
EDGE = 0.10  # the informed card's: right 60 times of 100
COPY = COPIES[SCALP]
NULL_BRIER = 0.25


def sure_scores(rng: np.random.Generator, cards: int = CARDS) -> np.ndarray:
    return np.where(rng.random((ROUNDS, 1, cards)) < 0.5, -1.0, 1.0)


def outcomes_by(
    scores: np.ndarray, informed: np.ndarray, edge: float, rng: np.random.Generator
) -> np.ndarray:
    """Outcomes (T, 1) that agree with card informed[t] with probability 1/2 + edge."""
    said = np.take_along_axis(scores[:, 0], informed[:, None], axis=1)
    right = rng.random((ROUNDS, 1)) < 0.5 + edge
    return np.where(right, said > 0, said < 0).astype(float)


def brier(predictions: np.ndarray, outcomes: np.ndarray) -> float:
    return float(np.mean((predictions - outcomes) ** 2))


def learn(seed: int, edge: float, switch: bool = False) -> tuple[Learning, Run]:
    rng = np.random.default_rng(seed)
    scores = sure_scores(rng)
    informed = np.where(np.arange(ROUNDS) < ROUNDS // 2, 0, 1 if switch else 0)
    outcomes = outcomes_by(scores, informed, edge, rng)
    learning = even_learning(1, CARDS)
    return learning, run(learning, SCALP, scores, outcomes)


def least_loss(losses: np.ndarray, switches: int) -> float:
    """Loss of the best sequence of experts with at most so many switches."""
    best = np.full((switches + 1, losses.shape[1]), np.inf)
    best[0] = 0.0
    for row in losses:
        for k in range(switches, 0, -1):
            best[k] = np.minimum(best[k], best[k - 1].min())
        best += row
    return float(best.min())


@pytest.mark.parametrize(
    ("edge", "switch", "kind"),
    [(0.0, False, RANDOM), (0.3, False, RANDOM), (0.3, True, RANDOM), (0.0, False, ADVERSARIAL)],
    ids=["random", "stationary", "switching", "adversarial"],
)
def test_a_regret_to_any_sequence_of_experts_is_within_the_bound(edge, switch, kind):
    rng = np.random.default_rng(21)
    scores = sure_scores(rng)
    informed = np.where(np.arange(ROUNDS) < ROUNDS // 2, 0, 1 if switch else 0)
    outcomes = outcomes_by(scores, informed, edge, rng)
    seen = run(even_learning(1, CARDS), SCALP, scores, outcomes, kind)
    for copy in range(COPY):
        chances, ys = seen.chances[copy::COPY], seen.outcomes[copy::COPY]
        loss = float(np.sum((seen.predictions[copy::COPY, SYMBOL] - ys) ** 2))
        for switches in (0, 1, 3):
            best = least_loss((chances - ys[:, None]) ** 2, switches)
            assert loss - best <= regret_bound(CARDS + 1, len(ys), switches, ALPHA) + 1e-9, switches
        if kind == ADVERSARIAL:
            assert loss > 0.25 * len(ys)


@pytest.mark.parametrize("switch", [False, True], ids=["stationary", "switch_at_half"])
def test_bc_learned_weights_beat_equal_weights(switch):
    learned, equal, oracle = [], [], []
    for seed in SEEDS:
        _, seen = learn(seed, EDGE, switch)
        informed = np.where(np.arange(ROUNDS) < ROUNDS // 2, 0, 1 if switch else 0)
        learned.append(brier(seen.predictions[:, SYMBOL], seen.outcomes))
        equal.append(brier(seen.chances.mean(axis=1), seen.outcomes))
        knew = np.take_along_axis(seen.chances, informed[:, None], axis=1)[:, 0]
        oracle.append(brier(knew, seen.outcomes))
    assert np.mean(learned) < np.mean(equal) - 0.001
    assert np.mean(learned) < NULL_BRIER - 0.001
    assert np.mean(oracle) - 1e-3 < np.mean(learned)
    print(f"learned {np.mean(learned):.5f} equal {np.mean(equal):.5f} oracle {np.mean(oracle):.5f}")


def test_d_noise_costs_no_more_than_the_bound():
    learned = [
        brier(seen.predictions[:, SYMBOL], seen.outcomes) for _, seen in (learn(s, 0.0) for s in SEEDS)
    ]
    assert max(learned) <= NULL_BRIER + COPY * regret_bound(CARDS + 1, ROUNDS // COPY, 0) / ROUNDS
    assert np.mean(learned) < NULL_BRIER + 0.001
    print(f"noise {np.mean(learned):.5f}")


def test_e_permuted_labels_leave_the_weights_near_the_prior_and_the_composite_without_skill():
    coefficients = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        scores = rng.uniform(-1, 1, (ROUNDS, 1, CARDS))
        outcomes = outcomes_by(scores, np.zeros(ROUNDS, np.int64), EDGE, rng)
        learning = even_learning(1, CARDS)
        seen = run(learning, SCALP, scores, rng.permutation(outcomes))
        steps = np.abs(np.diff(seen.published, axis=0, prepend=learning.priors[SCALP][None])).sum(axis=1)
        assert steps.max() <= MOST_STEP + 1e-9
        published_hours = np.flatnonzero(steps > 0)
        assert np.all(np.diff(published_hours) >= 120)
        distance = np.abs(seen.published - learning.priors[SCALP]).sum(axis=1)
        hours = np.maximum(1.0, (np.arange(ROUNDS) - 399) / 120.0 + 1.0)
        assert np.all(distance <= MOST_STEP * hours + 1e-9)
        coefficients.append(rank_correlation(learning.tables[0, SCALP, -1]))
    error = 1.0 / math.sqrt(ROUNDS)
    assert np.all(np.abs(coefficients) < 4 * error)
    assert abs(np.mean(coefficients)) < 3 * error / math.sqrt(len(SEEDS))


def test_f_a_reversed_card_ends_ignored_and_with_less_than_an_equal_weight():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        scores = sure_scores(rng)
        outcomes = outcomes_by(scores, np.zeros(ROUNDS, np.int64), EDGE, rng)
        scores[:, :, 1] = -scores[:, :, 0]
        learning = even_learning(1, CARDS)
        run(learning, SCALP, scores, outcomes)
        weights = np.exp(learning.log_weights[0, SCALP, :COPY]).mean(axis=0)
        assert learning.theta[0, SCALP, 1] < 0.01  # 0, or one label above it
        assert weights[1] < 1.0 / (CARDS + 1)
        assert learning.theta[0, SCALP, 0] > 0.3
        assert weights[0] > 0.5


def test_the_published_weights_follow_the_learner_to_the_informed_card():
    learning, seen = learn(1, 0.2)
    assert learning.weights[0, SCALP, 0] == pytest.approx(0.35)
    late = slice(ROUNDS // 2, None)
    published = brier(seen.predictions[late, PUBLISHED], seen.outcomes[late])
    assert brier(seen.predictions[late, SHADOW], seen.outcomes[late]) < published
    assert published < brier(seen.predictions[late, PRIOR], seen.outcomes[late])
