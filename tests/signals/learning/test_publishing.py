"""Traded weights: when they move, how far, what caps them, when a mode is killed; all of it on record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.units import NS_PER_S
from bot.signals.learning.publishing import (
    CARD_CAP,
    CATEGORY_CAP,
    LEAST_LABELS,
    MOST_STEP,
    Reason,
    cap_all,
    cap_weights,
    judge,
    publish,
    trade,
)
from bot.signals.learning.report import changes_since, summary
from bot.signals.learning.state import NULL_LOSS, PUBLISHED_LOSS, RECENT, Learning
from tests import reference
from tests.signals.learning.drive import DAY, FEW, SCALP, SWING, T0, even_learning, run

HOUR_NS = 3_600 * NS_PER_S
POSITIVE = st.floats(1e-6, 1.0)


def ready() -> Learning:
    """A learner with labels enough, all of whose weight lies on one card."""
    learning = even_learning(1)
    learning.learners["labels"] = 12 * LEAST_LABELS
    loved = np.full(FEW + 1, 1e-6)
    loved[0] = 1.0
    learning.log_weights[...] = np.log(loved / loved.sum())
    return learning


def of_market(learning: Learning) -> tuple[Any, Any, Any]:
    """The first market's record, the pooled learner's, what is shared."""
    return learning.rows[0], learning.rows[-1], learning.shared[0]


@given(st.lists(POSITIVE, min_size=1, max_size=8), st.floats(0.05, 0.9))
def test_water_filling_equals_the_reference(weights, cap):
    got = np.array(weights)
    cap_weights(got, got.size, cap)
    reference.compare(got.tolist(), reference.cap_weights(weights, cap), 1e-9, "cap")


@given(st.lists(st.tuples(POSITIVE, st.integers(0, 3)), min_size=2, max_size=12), st.floats(0.0, 1.0))
def test_caps_hold_for_cards_and_categories_and_all_is_given_away(cards, null):
    weights = np.array([w for w, _ in cards] + [null])
    categories = np.unique([category for _, category in cards], return_inverse=True)[1].astype(np.int64)
    cap_all(weights, categories)
    assert weights.sum() == pytest.approx(1.0)
    assert np.all(weights >= -1e-12)
    assert weights[:-1].max() <= CARD_CAP + 1e-12
    for category in range(4):
        assert weights[:-1][categories == category].sum() <= CATEGORY_CAP + 1e-9


@given(st.lists(POSITIVE, min_size=12, max_size=12))
def test_weights_within_the_caps_are_left_alone(raw):
    weights = 1.0 + np.array(raw)
    weights /= weights.sum()
    capped = weights.copy()
    cap_all(capped, np.arange(11) % 4)
    np.testing.assert_allclose(capped, weights, rtol=1e-12)


def test_the_null_expert_may_have_it_all():
    weights = np.array([0.01, 0.01, 0.98])
    cap_all(weights, np.array([0, 1]))
    np.testing.assert_allclose(weights, [0.01, 0.01, 0.98])


def test_a_lone_category_leaves_the_rest_to_the_null_expert():
    weights = np.array([0.5, 0.5, 0.0])
    cap_all(weights, np.array([0, 0]))
    np.testing.assert_allclose(weights, [0.3, 0.3, 0.4])


def test_nothing_moves_before_200_labels_that_do_not_overlap():
    for mode, copies in ((SCALP, 2), (DAY, 10), (SWING, 12)):
        learning = ready()
        learning.learners["labels"] = LEAST_LABELS * copies - 1
        publish(*of_market(learning), mode, T0)
        assert np.all(learning.weights == learning.priors[None])
        learning.learners["labels"] += 1
        publish(*of_market(learning), mode, T0)
        assert not np.allclose(learning.weights[0, mode], learning.priors[mode])


def test_a_publication_is_one_small_step_an_hour():
    learning = ready()
    before = learning.weights[0, SCALP].copy()
    publish(*of_market(learning), SCALP, T0)
    after = learning.weights[0, SCALP].copy()
    assert np.abs(after - before).sum() == pytest.approx(MOST_STEP)
    publish(*of_market(learning), SCALP, T0 + HOUR_NS - 1)
    np.testing.assert_array_equal(learning.weights[0, SCALP], after)
    publish(*of_market(learning), SCALP, T0 + HOUR_NS)
    assert np.abs(learning.weights[0, SCALP] - after).sum() == pytest.approx(MOST_STEP)


def test_a_pause_of_days_is_not_made_up_for():
    learning = ready()
    publish(*of_market(learning), SCALP, T0)
    before = learning.weights[0, SCALP].copy()
    publish(*of_market(learning), SCALP, T0 + 72 * HOUR_NS)
    assert np.abs(learning.weights[0, SCALP] - before).sum() == pytest.approx(MOST_STEP)


def test_the_target_is_reached_and_is_capped():
    learning = ready()
    learning.learners["log_omega"] = np.log([0.98, 0.01, 0.01])
    for hour in range(100):
        publish(*of_market(learning), SCALP, T0 + hour * HOUR_NS)
    assert learning.weights[0, SCALP, 0] == pytest.approx(CARD_CAP)
    assert learning.weights[0, SCALP].sum() == pytest.approx(1.0)
    assert summary(learning, 0, SCALP).unconstrained[0] > 0.9


def test_the_target_follows_the_trust_in_the_three_learners():
    learning = ready()
    learning.log_weights[-1] = np.log(learning.priors[:, None, :])
    own = np.exp(learning.log_weights[0, SCALP, 0])
    prior = learning.priors[SCALP]
    want = 0.2 * own + 0.3 * prior + 0.5 * prior
    np.testing.assert_allclose(summary(learning, 0, SCALP).unconstrained, want)


def test_every_change_leaves_a_row_that_adds_up():
    learning = ready()
    before = learning.weights[0, SCALP].copy()
    publish(*of_market(learning), SCALP, T0)
    rows, seen = changes_since(learning, 0, 0)
    assert seen == rows.size == FEW + 1
    replayed = before.copy()
    for row in rows:
        assert (row["time_ns"], row["mode"]) == (T0, SCALP)
        assert row["reason"] == Reason.LEARNED
        assert row["before"] == replayed[row["expert"]]
        replayed[row["expert"]] = row["after"]
    np.testing.assert_array_equal(replayed, learning.weights[0, SCALP])
    assert changes_since(learning, 0, seen)[0].size == 0


def test_a_reader_that_is_late_gets_the_newest_rows_and_can_tell():
    learning = ready()
    for hour in range(60):
        learning.log_weights[...] = np.roll(learning.log_weights, 1, axis=-1)
        publish(*of_market(learning), SCALP, T0 + hour * HOUR_NS)
    rows, seen = changes_since(learning, 0, 0)
    assert rows.size == learning.changes.shape[1] < seen
    assert np.all(np.diff(rows["time_ns"]) >= 0)
    assert rows["time_ns"][-1] == T0 + 59 * HOUR_NS


def with_losses(excess: np.ndarray) -> Learning:
    """A learner whose last 500 published predictions lost this much more than always 1/2."""
    learning = even_learning(1)
    learning.learners["labels"] = RECENT
    learning.learners["losses"][0, :, :, NULL_LOSS] = 0.25
    learning.learners["losses"][0, :, :, PUBLISHED_LOSS] = 0.25 + excess
    return learning


def test_a_mode_that_does_harm_is_forced_to_the_null_expert_until_it_recovers():
    rng = np.random.default_rng(3)
    learning = with_losses(0.02 + 0.05 * rng.normal(size=RECENT))
    judge(learning.rows[0], SCALP, T0)
    assert learning.learners["killed"][0, SCALP] == 1
    assert learning.weights[0, SCALP].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert learning.learners["killed"][0, DAY] == 0
    learning.learners["losses"][0, SCALP, :, PUBLISHED_LOSS] = 0.2501
    judge(learning.rows[0], SCALP, T0 + 1)
    assert learning.learners["killed"][0, SCALP] == 1
    learning.learners["losses"][0, SCALP, :, PUBLISHED_LOSS] = 0.2499
    judge(learning.rows[0], SCALP, T0 + 2)
    np.testing.assert_array_equal(learning.weights[0, SCALP], learning.priors[SCALP])
    rows, _ = changes_since(learning, 0, 0)
    assert [Reason(reason) for reason in rows["reason"]] == [Reason.KILLED] * 4 + [Reason.RECOVERED] * 4


def test_two_standard_errors_count_overlapping_labels_once():
    # mean 0.006, s.e. of 500 labels 0.0022 when none overlap, 0.0077 when 12 do
    excess = np.where(np.arange(RECENT) % 2 == 0, 0.056, -0.044)
    learning = with_losses(excess)
    judge(learning.rows[0], SCALP, T0)
    judge(learning.rows[0], SWING, T0)
    assert learning.learners["killed"][0].tolist() == [0, 0, 0]
    learning.learners["losses"][0, :, :, PUBLISHED_LOSS] += 0.002
    judge(learning.rows[0], SCALP, T0)
    judge(learning.rows[0], SWING, T0)
    assert learning.learners["killed"][0].tolist() == [1, 0, 0]


def test_nobody_is_killed_on_fewer_than_500_labels():
    learning = with_losses(np.full(RECENT, 0.1))
    learning.learners["labels"] = RECENT - 1
    judge(learning.rows[0], SCALP, T0)
    assert learning.learners["killed"][0, SCALP] == 0


def test_a_killed_mode_goes_on_learning_but_trades_nothing():
    learning = ready()
    learning.learners["killed"][0, SCALP] = 1
    trade(learning.rows[0], SCALP, int(Reason.KILLED), T0)
    publish(*of_market(learning), SCALP, T0 + 1)
    assert learning.weights[0, SCALP, -1] == 1.0
    assert learning.published[0, SCALP, 0] > learning.priors[SCALP, 0]
    rows, _ = changes_since(learning, 0, 0)
    assert set(rows["reason"].tolist()) == {Reason.KILLED}


def test_cards_that_turn_against_their_history_are_killed_in_a_run():
    rng = np.random.default_rng(9)
    scores = np.sign(rng.uniform(-1, 1, (3_000, 1, 3)))
    right = rng.random((3_000, 1)) < np.where(np.arange(3_000) < 1_500, 0.75, 0.2)[:, None]
    outcomes = np.where(right, scores[:, :, 0] > 0, scores[:, :, 0] < 0).astype(float)
    learning = even_learning(1)
    seen = run(learning, SCALP, scores, outcomes)
    killed = seen.weights[:, -1] == 1.0
    assert not killed[:1_500].any()
    assert killed[1_500:2_000].any()


def test_the_summary_counts_and_scores():
    rng = np.random.default_rng(10)
    outcomes = rng.integers(0, 2, (300, 1)).astype(float)
    learning = even_learning(1)
    empty = summary(learning, 0, SCALP)
    assert (empty.labels, empty.killed) == (0, False)
    assert np.isnan(empty.brier_published)
    seen = run(learning, SCALP, rng.uniform(-1, 1, (300, 1, 3)), outcomes)
    got = summary(learning, 0, SCALP)
    assert got.labels == 150
    assert got.brier_null == 0.25
    assert got.brier_published == pytest.approx(reference.brier(seen.predictions[:, 3], seen.outcomes))
    assert got.brier_unconstrained == pytest.approx(reference.brier(seen.predictions[:, 4], seen.outcomes))
    assert sum(got.omega) == pytest.approx(1.0)
    assert got.ic.shape == got.weights.shape == (4,)
