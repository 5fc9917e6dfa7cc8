"""When a round begins, what labels it, and that the compiled learner equals its plain twin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.core.units import NS_PER_MS, NS_PER_S
from bot.signals.learning.experts import ALPHA, chance
from bot.signals.learning.state import COPIES, SHARED, SYMBOL, VOICE
from tests import reference
from tests.signals.learning.drive import (
    CYCLE_NS,
    DAY,
    FEW,
    SCALP,
    START,
    SWING,
    T0,
    Desk,
    even_learning,
    run,
)
from tests.signals.learning.plain_learning import PlainLearner

NAN = math.nan
UP, DOWN = START * 1.001, START * 0.999


@pytest.fixture
def desk() -> Desk:
    return Desk(even_learning(1))


def labels(desk: Desk, mode: int = SCALP, market: int = 0) -> int:
    return int(desk.learning.learners["labels"][market, mode])


def open_round(desk: Desk, decision: float = START, scores: tuple[float, ...] = (0.5, -0.5, NAN)) -> None:
    """A scalp round at T0 with its decision mid."""
    desk.tick(T0, scores)
    desk.mid(T0 + 250 * NS_PER_MS, decision)


def close_round(desk: Desk, end: float = UP, late_ns: int = 0) -> None:
    desk.mid(T0 + 60 * NS_PER_S, end)
    desk.tick(T0 + 60 * NS_PER_S + late_ns, (NAN, NAN, NAN))


def test_a_round_is_labelled_one_horizon_later(desk):
    open_round(desk)
    desk.tick(T0 + 30 * NS_PER_S, (NAN, NAN, NAN))
    assert labels(desk) == 0
    close_round(desk)
    assert labels(desk) == 1
    assert desk.learning.theta[0, SCALP, 0] > 0.4 > desk.learning.theta[0, SCALP, 1]
    assert desk.learning.theta[0, SCALP, 2] == 0.4


def test_a_label_is_learned_before_the_prediction_of_the_same_instant(desk):
    open_round(desk)
    desk.mid(T0 + 60 * NS_PER_S, UP)
    desk.tick(T0 + 60 * NS_PER_S, (0.5, 0.5, 0.5))
    assert desk.learning.theta[0, SCALP, 0] != 0.4
    said = desk.learning.said[0, SCALP, 0, 1, 0]
    assert said == chance(desk.learning.theta[0, SCALP, 0], 0.5)


def test_copies_take_turns_by_the_clock_and_only_the_one_with_the_label_learns(desk):
    open_round(desk)
    before = desk.learning.log_weights[0, SCALP].copy()
    close_round(desk)
    changed = np.any(desk.learning.log_weights[0, SCALP] != before, axis=1)
    assert changed.tolist() == [True] + [False] * 11


@pytest.mark.parametrize(
    ("mode", "cycles"), [(SCALP, 2), (DAY, 10), (SWING, 12)], ids=["scalp", "day", "swing"]
)
def test_a_horizon_is_as_many_cycles_as_copies(mode, cycles):
    desk = Desk(even_learning(1))
    assert COPIES[mode] == cycles
    for t in range(cycles + 3):
        assert labels(desk, mode) == max(0, t - cycles)
        desk.round(T0 + t * CYCLE_NS[mode], (0.5, 0.5, 0.5), UP)


def test_the_move_starts_at_the_decision_mid_and_not_at_the_tick(desk):
    desk.mid(T0, START)
    desk.tick(T0, (0.5, NAN, NAN))
    desk.mid(T0 + 250 * NS_PER_MS, START * 1.01)
    close_round(desk, START * 1.005)
    assert labels(desk) == 1
    assert desk.learning.theta[0, SCALP, 0] < 0.4


def test_an_unchanged_mid_is_half_a_rise(desk):
    open_round(desk, scores=(0.5, -0.5, NAN))
    close_round(desk, START)
    assert labels(desk) == 1
    x, y = [0.5], [0.5]
    assert desk.learning.theta[0, SCALP, 0] == pytest.approx(reference.calibrator_run(x, y)["theta"])


def test_the_first_known_mid_within_five_seconds_is_the_decision_mid(desk):
    desk.tick(T0, (0.5, NAN, NAN))
    desk.mid(T0 + 250 * NS_PER_MS, NAN)
    desk.mid(T0 + 5 * NS_PER_S, START)
    desk.mid(T0 + 6 * NS_PER_S, START * 1.01)
    close_round(desk)
    assert desk.learning.theta[0, SCALP, 0] > 0.4


def test_a_mid_from_before_the_decision_is_not_used(desk):
    desk.mid(T0 + 249 * NS_PER_MS, START)
    desk.tick(T0, (0.5, NAN, NAN))
    desk.mid(T0 + 250 * NS_PER_MS, NAN)
    desk.mid(T0 + 6 * NS_PER_S, START)
    close_round(desk)
    assert labels(desk) == 0


def test_an_end_without_a_mid_for_more_than_five_seconds_skips_the_round(desk):
    open_round(desk)
    desk.mid(T0 + 54 * NS_PER_S, UP)
    close_round(desk, NAN)
    assert labels(desk) == 0
    assert np.all(desk.learning.theta == 0.4)


def test_an_end_takes_the_last_mid_of_five_seconds(desk):
    open_round(desk)
    desk.mid(T0 + 56 * NS_PER_S, UP)
    close_round(desk, NAN)
    assert labels(desk) == 1


def test_after_a_skipped_round_the_other_copies_keep_their_turns():
    whole, gap = Desk(even_learning(1)), Desk(even_learning(1))
    for t in range(8):
        for desk in (whole, gap):
            missing = desk is gap and t == 4
            desk.round(T0 + t * CYCLE_NS[SCALP], (0.5, 0.1, -0.2), NAN if missing else UP)
    assert (labels(whole), labels(gap)) == (6, 5)
    np.testing.assert_array_equal(
        whole.learning.rounds["begun_ns"][0, SCALP], gap.learning.rounds["begun_ns"][0, SCALP]
    )
    same = np.isclose(whole.learning.log_weights[0, SCALP], gap.learning.log_weights[0, SCALP]).all(axis=1)
    assert not same[0]


def test_a_gap_in_the_ticks_labels_nothing_with_the_wrong_horizon(desk):
    open_round(desk)
    desk.mid(T0 + 120 * NS_PER_S, UP)
    desk.tick(T0 + 120 * NS_PER_S, (0.5, NAN, NAN))
    assert labels(desk) == 0


def test_a_tick_that_comes_a_little_late_still_labels(desk):
    open_round(desk)
    close_round(desk, late_ns=40 * NS_PER_MS)
    assert labels(desk) == 1


def test_ticks_between_cycles_change_nothing(desk):
    open_round(desk)
    before = desk.learning.rows.copy()
    for second in (10, 20):
        desk.tick(T0 + second * NS_PER_S, (0.9, 0.9, 0.9))
    assert desk.learning.rows.tobytes() == before.tobytes()


def test_no_round_begins_while_all_cards_sleep(desk):
    open_round(desk, scores=(NAN, NAN, NAN))
    close_round(desk)
    assert labels(desk) == 0


def test_the_pooled_learner_takes_the_mean_over_the_markets():
    both, alone = Desk(even_learning(2)), Desk(even_learning(1))
    for desk in (both, alone):
        desk.round(T0, (0.5, -0.5, 0.2), START)
        for t in range(1, 9):
            desk.round(T0 + t * CYCLE_NS[SCALP], (0.5, -0.5, 0.2), UP)
    for name in ("theta", "precision", "log_weights"):
        two, one = getattr(both.learning, name), getattr(alone.learning, name)
        np.testing.assert_allclose(two[-1], one[-1], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(two[0], one[0], rtol=1e-12, err_msg=name)


def test_one_market_does_not_learn_from_another():
    desk = Desk(even_learning(2))
    for t in range(6):
        now = T0 + t * CYCLE_NS[SCALP]
        desk.mid(now, UP, 0)
        desk.settle(now)
        desk.begin(now, (0.5, -0.5, 0.2))
        desk.mid(now + 250 * NS_PER_MS, START, 0)
    assert labels(desk, market=0) == 4
    assert labels(desk, market=1) == 0
    assert np.all(desk.learning.theta[1] == 0.4)
    assert desk.learning.theta[2, SCALP, 0] > 0.4


@pytest.mark.parametrize(("mode", "seed"), [(SCALP, 1), (SCALP, 2), (DAY, 3)])
def test_the_learner_equals_its_plain_twin(mode, seed):
    markets, ticks = 3, 150
    rng = np.random.default_rng(seed)
    desk = Desk(even_learning(markets))
    learning = desk.learning
    plain = PlainLearner(markets, learning.priors[mode].tolist(), COPIES[mode], learning.categories.tolist())
    for t in range(ticks):
        now = T0 + t * CYCLE_NS[mode]
        ends = [None if rng.random() < 0.1 else float(START + rng.integers(-1, 2)) for _ in range(markets)]
        for market, end in enumerate(ends):
            desk.mid(now, NAN if end is None else end, market)
        plain.settle(t, ends)
        desk.settle(now)
        for market in range(markets):
            xs = [None if rng.random() < 0.25 else float(rng.uniform(-1, 1)) for _ in range(FEW)]
            start = None if rng.random() < 0.1 else START
            said = plain.begin(t, market, xs, start)
            desk.begin(now, [NAN if x is None else x for x in xs], market)
            desk.mid(now + 250 * NS_PER_MS, NAN if start is None else start, market)
            if said is not None:
                got = learning.rounds[market, mode, t % COPIES[mode]]["predictions"][[0, 1, 2, 4]]
                np.testing.assert_allclose(got, said, rtol=1e-10)
    for market, want in enumerate(plain.learners):
        np.testing.assert_allclose(learning.theta[market, mode], want["theta"], rtol=1e-9)
        np.testing.assert_allclose(learning.precision[market, mode], want["precision"], rtol=1e-9)
        got = np.exp(learning.log_weights[market, mode, : COPIES[mode]])
        np.testing.assert_allclose(got, want["weights"], rtol=1e-9)
        if market < markets:
            omega = np.exp(learning.learners["log_omega"][market, mode, : COPIES[mode]])
            np.testing.assert_allclose(omega, want["omega"], rtol=1e-9)
            assert labels(desk, mode, market) == want["labels"] > 50


def test_the_interleaved_copies_equal_the_delayed_run_of_the_reference():
    rng = np.random.default_rng(4)
    learning = even_learning(1)
    outcomes = rng.integers(0, 2, (300, 1)).astype(float)
    seen = run(learning, SCALP, rng.uniform(-1, 1, (300, 1, FEW)), outcomes)
    want = reference.delayed_run(seen.chances.tolist(), seen.outcomes.tolist(), COPIES[SCALP], ALPHA)
    np.testing.assert_allclose(seen.predictions[:, SYMBOL], want["predictions"], rtol=1e-10)
    mean = np.exp(learning.log_weights[0, SCALP, : COPIES[SCALP]]).mean(axis=0)
    np.testing.assert_allclose(mean, want["weights"], rtol=1e-9)


def test_the_same_stream_gives_the_same_bytes():
    rng = np.random.default_rng(5)
    scores = rng.uniform(-1, 1, (400, 2, FEW))
    outcomes = rng.integers(0, 2, (400, 2)).astype(float)
    first, second = even_learning(2), even_learning(2)
    for learning in (first, second):
        run(learning, SCALP, scores, outcomes.copy())
    for name in first.rows.dtype.names or ():
        assert first.rows[name].tobytes() == second.rows[name].tobytes(), name


def test_what_is_stored_of_a_round_is_what_was_said(desk):
    desk.cards["exhausted"][0, 0] = 1.0
    desk.cards["confidence"][0, 1] = 0.5
    open_round(desk, scores=(0.8, 0.8, NAN))
    said = desk.learning.said[0, SCALP, 0]
    np.testing.assert_allclose(said[VOICE, :3], [0.2, 0.4, NAN])
    np.testing.assert_allclose(said[SHARED], [chance(0.4, 0.2), chance(0.4, 0.4), NAN, 0.5])
