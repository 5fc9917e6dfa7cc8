from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.risk.portfolio import (
    ENOUGH,
    EVERY_NS,
    HALF_LIFE,
    UNKNOWN_BETA,
    Holding,
    Ties,
    beta_room,
    portfolio_sigma,
    sigma_room,
    worst_sigma,
)
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


def ties_of(moves: np.ndarray, benchmark: int = 0) -> Ties:
    """One sample a minute of prices that moved so."""
    ties = Ties(moves.shape[1], benchmark)
    prices = 100.0 * np.exp(np.cumsum(moves, axis=0))
    for minute, row in enumerate(prices, 1):
        ties.observe(minute * EVERY_NS, dict(enumerate(row)))
    return ties


def test_correlation_and_beta_equal_the_weighted_sums() -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(size=300) * 1e-3
    moves = np.column_stack([common, 1.5 * common + rng.normal(size=300) * 1e-3])
    ties = ties_of(moves)
    seen = moves[1:]  # the first price is no move
    weights = 0.5 ** (np.arange(len(seen))[::-1] / HALF_LIFE)
    sums = {(i, j): float(np.sum(weights * seen[:, i] * seen[:, j])) for i in (0, 1) for j in (0, 1)}
    assert ties.correlation(0, 1) == pytest.approx(sums[0, 1] / math.sqrt(sums[0, 0] * sums[1, 1]))
    assert ties.beta(1) == pytest.approx(0.5 + 0.5 * sums[0, 1] / sums[0, 0])
    assert (ties.beta(0), ties.correlation(1, 1)) == (1.0, 1.0)


def test_little_known_is_unknown_and_a_pause_is_no_move() -> None:
    ties = Ties(2)
    for minute in (*range(1, 20), *range(120, 140)):
        ties.observe(minute * EVERY_NS, {0: 100.0 + minute, 1: 200.0 + minute})
    assert ties.correlation(0, 1) == pytest.approx(1.0, abs=0.01)
    few = Ties(2)
    for minute in range(1, ENOUGH + 1):
        few.observe(minute * EVERY_NS, {0: 100.0 + minute, 1: 200.0 + minute})
        few.observe(minute * EVERY_NS + 1, {0: 1.0, 1: 1.0})  # no minute has passed
    assert math.isnan(few.correlation(0, 1))
    assert few.beta(1) == UNKNOWN_BETA


def test_ties_survive_a_restart_and_forget_other_markets() -> None:
    ties = ties_of(np.random.default_rng(1).normal(size=(50, 3)) * 1e-3)
    saved = json.loads(json.dumps(ties.to_state()))
    again, other = Ties(3), Ties(2)
    again.restore(saved)
    other.restore(saved)
    for one in (ties, again):
        one.observe(51 * EVERY_NS, {0: 100.0, 1: 101.0})
    assert again.to_state() == ties.to_state()
    assert math.isnan(other.correlation(0, 1))


HOLDING = st.builds(Holding, st.integers(0, 4), st.sampled_from((-1, 1)), st.floats(0, 1e5), SIGMA)


@given(st.lists(HOLDING, max_size=5), st.integers(0, 50), st.data())
def test_the_worst_volatility_bounds_every_part_of_the_portfolio(
    held: list[Holding], seed: int, data: st.DataObject
) -> None:
    ties = ties_of(np.random.default_rng(seed).normal(size=(40, 5)) * 1e-3)
    worst = worst_sigma(held, ties)
    part = [h for h in held if data.draw(st.booleans())]
    n = len(part)
    # two trades of one market are the same asset whatever the estimate
    estimate = [[ties.correlation(a.market, b.market) for b in part] for a in part]
    shrunk = [
        [1.0 if a.market == b.market else 0.5 * estimate[i][j] + 0.35 for j, b in enumerate(part)]
        for i, a in enumerate(part)
    ]
    true = portfolio_sigma(
        [h.side * h.notional for h in part],
        [h.sigma_day for h in part],
        np.array(shrunk).reshape(n, n),
        shrink=0.0,
    )
    assert true <= worst * (1 + 1e-9) + 1e-9


@given(st.lists(HOLDING, max_size=4), HOLDING, st.floats(0, 5e4))
def test_an_entry_in_the_room_it_was_given_is_just_within_the_limit(
    held: list[Holding], new: Holding, most: float
) -> None:
    ties = Ties(5)
    room = sigma_room(held, new, ties, most)
    assert room >= 0.0
    if room > 0.0:
        after = worst_sigma([*held, replace(new, notional=room)], ties)
        assert after == pytest.approx(most, rel=1e-6)
    else:
        assert worst_sigma([*held, replace(new, notional=1.0)], ties) >= most * (1 - 1e-6)


def test_only_the_own_direction_counts_for_the_beta_room() -> None:
    ties = Ties(3)
    held = [Holding(0, 1, 100.0, 0.02), Holding(1, -1, 500.0, 0.02)]
    assert beta_room(held, Holding(2, 1, 0.0, 0.02), ties, 250.0) == pytest.approx(150.0 / UNKNOWN_BETA)
    assert beta_room(held, Holding(0, -1, 0.0, 0.02), ties, 250.0) == 0.0
