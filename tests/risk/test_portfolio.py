from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.risk.portfolio import portfolio_sigma
from tests import reference

SIGMA = st.floats(0.001, 0.2)
NOTIONAL = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(NOTIONAL, SIGMA), min_size=1, max_size=6), st.integers(0, 1000), st.floats(0, 1))
def test_it_equals_the_slow_reference(positions, seed, shrink):
    n = len(positions)
    returns = np.random.default_rng(seed).normal(size=(n + 4, n))
    correlations = np.corrcoef(returns, rowvar=False).reshape(n, n)
    notionals, sigmas = [p[0] for p in positions], [p[1] for p in positions]
    got = portfolio_sigma(notionals, sigmas, correlations, shrink)
    want = reference.portfolio_sigma(notionals, sigmas, correlations, shrink)
    assert got == pytest.approx(want, rel=1e-9, abs=1e-6)


def test_a_hedge_of_a_twin_is_not_free_because_the_estimate_is_not_believed():
    hedged = portfolio_sigma([1000.0, -1000.0], [0.03, 0.03], [[1.0, 1.0], [1.0, 1.0]])
    assert hedged == pytest.approx(30.0 * math.sqrt(2 - 2 * 0.85))


def test_no_positions_have_no_volatility_and_an_unknown_one_is_unknown():
    assert portfolio_sigma([], [], []) == 0.0
    assert math.isnan(portfolio_sigma([100.0], [math.nan], [[1.0]]))
