"""Exact results that the base book and its forecasts are judged by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.synthetic.theory import cdl_up_probability, race_up_probability
from tests import reference
from tests.vectors import cases_of
from tests.vectors.synthetic import ADAPTERS


@pytest.mark.parametrize("case", cases_of(*ADAPTERS), ids=lambda case: case["id"])
def test_a_vector_is_reproduced(case):
    got = ADAPTERS[case["fn"]](**case["args"])
    reference.compare(got, case["expected"], case["rel_tol"], case["id"])


def test_a_race_agrees_with_the_published_table():
    """Cont, Stoikov & Talreja (2010), table 3, Laplace panel: rows bid 1 and 3, columns ask 2 and 5."""
    up = race_up_probability(1.85, 0.94, 0.71)
    assert up[0, 1] == pytest.approx(0.336, abs=1.1e-3)
    assert up[0, 4] == pytest.approx(0.188, abs=1.1e-3)
    assert up[2, 1] == pytest.approx(0.593, abs=1.1e-3)


@settings(max_examples=15)
@given(births=st.floats(0.3, 2.0), market=st.floats(0.3, 2.0), cancels=st.floats(0.2, 1.0))
def test_any_race_agrees_with_its_slow_twin(births: float, market: float, cancels: float):
    wanted = reference.race_up_probability(births, market, cancels, n=12)
    assert np.allclose(race_up_probability(births, market, cancels, most=12), wanted, atol=1e-9)


def test_a_race_is_fair_between_equals_and_better_for_the_longer_queue():
    up = race_up_probability(1.2, 0.8, 0.5, most=40)
    assert np.allclose(up + up.T, 1.0, atol=1e-9)
    assert np.all(np.diff(up, axis=0) > 0)
    assert np.all(np.diff(up, axis=1) < 0)


def test_the_balanced_closed_form_agrees_with_races_without_cancellation():
    """Deaths at the rate of births; the integral has no longest queue, the race here one of 50."""
    up = race_up_probability(1.0, 1.0, 0.0, most=50, shown=3)
    for bid in (1, 2, 3):
        for ask in (1, 2, 3):
            assert up[bid - 1, ask - 1] == pytest.approx(cdl_up_probability(bid, ask), abs=4e-3)


def test_the_balanced_closed_form_of_both_sides_adds_up_to_one():
    for bid, ask in ((1, 4), (2, 7), (5, 3)):
        assert cdl_up_probability(bid, ask) + cdl_up_probability(ask, bid) == pytest.approx(1.0, abs=1e-6)
