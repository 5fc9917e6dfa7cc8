"""What labels teach: direction, the ridge, the report, and keeping it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BadInput
from bot.signals.zones import state
from bot.signals.zones.learning import FORGET, MOST_TIMES_PRIOR, freeze, learn, report, tally, thaw
from bot.signals.zones.state import FEATURES, FIRST_PRECISION, PRIOR

SIX = st.lists(st.floats(-2, 2), min_size=6, max_size=6)


def new_model() -> np.ndarray:
    return state.new_zones(1).model


def teach(model: np.ndarray, labels: list[tuple[list[float], float]]) -> dict[str, float]:
    for x, held in labels:
        learn(model[0], np.array(x), held)
    return dict(zip(FEATURES, model[0]["theta"].tolist(), strict=True))


def one(name: str, value: float = 1.0) -> list[float]:
    return [value if feature == name else 0.0 for feature in FEATURES]


def test_without_labels_the_coefficients_are_the_prior():
    assert new_model()[0]["theta"].tolist() == list(PRIOR)


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_that_tells_more_than_expected_gains_and_one_that_misleads_loses(name):
    prior = dict(zip(FEATURES, PRIOR, strict=True))[name]
    right = teach(new_model(), [(one(name), float(prior > 0)), (one(name, -1), float(prior < 0))] * 30)
    wrong = teach(new_model(), [(one(name), float(prior < 0)), (one(name, -1), float(prior > 0))] * 30)
    assert abs(right[name]) > abs(prior) + 0.1
    assert abs(wrong[name]) < abs(prior) - 0.1
    others = {k: v for k, v in right.items() if k != name}
    assert others == {k: v for k, v in zip(FEATURES, PRIOR, strict=True) if k != name}


@pytest.mark.parametrize("name", FEATURES)
def test_a_coefficient_may_vanish_but_never_turn_nor_grow_without_bound(name):
    prior = dict(zip(FEATURES, PRIOR, strict=True))[name]
    assert teach(new_model(), [(one(name, 2), float(prior < 0))] * 300)[name] == 0.0
    grown = teach(new_model(), [(one(name, 0.3), float(prior > 0))] * 3_000)[name]
    assert 1 < grown / prior <= MOST_TIMES_PRIOR * (1 + 1e-12)


def test_labels_that_teach_nothing_let_old_lessons_fade_to_the_prior():
    model = new_model()
    teach(model, [(one("upside"), 1.0)] * 20)
    learned = model[0]["theta"][1]
    teach(model, [(one("refill", 0.0), 1.0)] * 20_000)
    assert learned > 1.1
    assert model[0]["theta"][1] == pytest.approx(PRIOR[1], abs=0.01)


def test_a_world_with_known_coefficients_is_learned():
    rng = np.random.default_rng(11)
    truth = np.array([1.6, 0.3, 1.2, 0.1, -2.0, -0.2])
    labels = []
    for _ in range(8_000):
        x = rng.uniform(-1, 1, 6)
        labels.append((x.tolist(), float(rng.random() < 1 / (1 + math.exp(-truth @ x)))))
    model = new_model()
    got = np.array(list(teach(model, labels).values()))
    # the prior and forgetting hold some of it back
    assert np.abs(got - truth).max() < 0.35
    assert np.abs(got - truth).sum() < 0.4 * np.abs(np.array(PRIOR) - truth).sum()


@given(st.lists(st.tuples(SIX, st.sampled_from([0.0, 1.0])), max_size=20))
def test_a_step_equals_the_formula_written_out(labels):
    model = new_model()
    theta, precision = list(PRIOR), [FIRST_PRECISION] * 6
    for x, held in labels:
        p = 1 / (1 + math.exp(-sum(t * v for t, v in zip(theta, x, strict=True))))
        for k in range(6):
            precision[k] = (1 - FORGET) * precision[k] + FORGET * FIRST_PRECISION + x[k] ** 2 * p * (1 - p)
            pull = FORGET * FIRST_PRECISION * (theta[k] - PRIOR[k])
            new = theta[k] + (x[k] * (held - p) - pull) / precision[k]
            theta[k] = sorted([0.0, new, MOST_TIMES_PRIOR * PRIOR[k]])[1]
    teach(model, labels)
    assert model[0]["theta"].tolist() == pytest.approx(theta, rel=1e-9, abs=1e-12)


def tallied(*labels: tuple[float, float, int, int]) -> np.ndarray:
    """(said, held, trap, pulled) each."""
    model = new_model()
    for said, held, trap, pulled in labels:
        tally(model[0], said, held, np.int64(trap), np.int64(pulled))
    return model


def test_the_report_without_labels_has_no_figures():
    assert report(new_model()) == (0, None, None, (), None, None)


def test_the_report_by_hand():
    got = report(
        tallied((0.62, 1.0, 0, 0), (0.68, 0.0, 0, 1), (0.3, 0.0, 1, 1), (0.25, 1.0, 1, 0), (1.0, 1.0, 0, 0))
    )
    assert got.labels == 5
    assert got.brier == pytest.approx((0.38**2 + 0.68**2 + 0.3**2 + 0.75**2 + 0.0) / 5)
    assert got.brier_of_base_rate == pytest.approx(0.6 * 0.4)
    assert [c.labels for c in got.calibration] == [1, 1, 2, 1]
    assert got.calibration[2] == pytest.approx((0.65, 0.5, 2))
    assert (got.trap_precision, got.trap_recall) == (0.5, 0.5)


def test_what_was_learned_survives_plain_json():
    model = tallied((0.62, 1.0, 0, 0), (0.3, 0.0, 1, 1))
    teach(model, [(one("upside"), 1.0)] * 5)
    other = new_model()
    thaw(other, json.loads(json.dumps(freeze(model))))
    assert other.tobytes() == model.tobytes()


def damaged(**changes: object) -> dict[str, object]:
    return {**freeze(new_model()), **changes}


@pytest.mark.parametrize(
    "saved",
    [
        None,
        {},
        damaged(version=2),
        damaged(theta={"upside": 1.0}),
        damaged(theta=dict.fromkeys(FEATURES, 1.0)),
        damaged(theta=dict.fromkeys(FEATURES, math.nan)),
        damaged(precision=dict.fromkeys(FEATURES, 0.0)),
        damaged(counts=[1.0]),
        damaged(traps="many"),
    ],
)
def test_what_cannot_have_been_learned_is_refused_and_changes_nothing(saved):
    model = new_model()
    teach(model, [(one("upside"), 1.0)] * 5)
    before = model.tobytes()
    with pytest.raises(BadInput, match="zones"):
        thaw(model, saved)
    assert model.tobytes() == before
