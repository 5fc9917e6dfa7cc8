"""The micro-price against the slow table of the reference, seams, fading and what it is for."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.signals import microprice
from bot.signals.microprice import IMBALANCES, REFIT_NS, SPREADS
from tests import reference
from tests.signals.worlds import T0

# the mid moves by less than the five ticks at which moves are cut
TOUCH = st.tuples(st.integers(99, 101), st.integers(1, 9), st.integers(1, 6), st.integers(1, 9))


def feed(row, touches):
    for bid, bid_lots, spread, ask_lots in touches:
        microprice.on_touch(row, bid, float(bid_lots), bid + spread, float(ask_lots))


def table_of(row):
    return microprice.solve(row["stayed"], row["moved"], row["shift"], SPREADS)


def observed(touches):
    """As the reference takes them: [bid lots, ask lots, spread, mid]."""
    return [[float(b), float(a), s, bid + 0.5 * s] for bid, b, s, a in touches]


def summable(touches, ahead):
    """Whether the reference's series has a sum: G = R + P G holds, and the mid moves from every state."""
    obs = observed(touches)
    states = [microprice.state_of(b, a, s, IMBALANCES, SPREADS) for b, a, s, _ in obs]
    stay, all_moves, shift = np.zeros((40, 40)), np.zeros((40, 40)), np.zeros(40)
    for (x, y), (before, after) in zip(pairwise(states), pairwise(obs), strict=True):
        for sign, u, v in ((1, x, y), (-1, 36 - x // 4 * 4 + x % 4, 36 - y // 4 * 4 + y % 4)):
            all_moves[u, v] += 1
            shift[u] += sign * (after[3] - before[3])
            stay[u, v] += after[3] == before[3]
    counts = np.maximum(all_moves.sum(axis=1), 1)
    values = np.nan_to_num(ahead)
    left = values - (all_moves @ values) / counts - shift / counts
    return np.abs(left).max() < 1e-9 and np.linalg.cond(np.eye(40) - stay / counts[:, None]) < 1e9


@given(st.lists(TOUCH, min_size=3, max_size=120))
def test_the_table_is_that_of_the_slow_reference(touches):
    row = microprice.new_microprice(1)[0]
    feed(row, touches)
    ahead, visits = table_of(row)
    assert np.array_equal(np.isnan(ahead), visits == 0.0)
    if not summable(touches, ahead):
        return
    want = np.array(reference.microprice_table(observed(touches), IMBALANCES, SPREADS), float).ravel()
    assert np.array_equal(np.isnan(ahead), np.isnan(want))
    assert np.nanmax(np.abs(ahead - want)) < 1e-6


@given(st.lists(TOUCH, min_size=2, max_size=60))
def test_swapping_bid_and_ask_turns_the_table_around(touches):
    row = microprice.new_microprice(1)[0]
    feed(row, touches)
    table = table_of(row)[0].reshape(IMBALANCES, SPREADS)
    assert np.allclose(table, -table[::-1], atol=1e-9, equal_nan=True)


@given(st.lists(st.lists(TOUCH, min_size=1, max_size=12), min_size=1, max_size=5))
def test_no_transition_is_counted_across_a_reset(segments):
    whole, parts = microprice.new_microprice(1)[0], []
    for segment in segments:
        microprice.on_reset(whole)
        feed(whole, segment)
        parts.append(microprice.new_microprice(1)[0])
        feed(parts[-1], segment)
    for field in ("stayed", "moved", "shift"):
        assert np.array_equal(whole[field], sum(part[field] for part in parts))
    assert whole["stayed"].sum() + whole["moved"].sum() == sum(len(s) - 1 for s in segments)


def test_a_sweep_counts_as_five_ticks():
    row = microprice.new_microprice(1)[0]
    feed(row, [(100, 5, 1, 5), (140, 5, 1, 5)])
    assert row["shift"].sum() == 5.0


def test_little_known_states_fall_back_to_the_weighted_mid():
    row = microprice.new_microprice(1)[0]
    assert microprice.micro_price(row, 100, 3.0, 101, 1.0) == pytest.approx(100.75)
    feed(row, [(100 + i % 2, 8, 1, 1) for i in range(int(microprice.LEAST_VISITS) // 2)])
    assert not microprice.refit(row, T0)  # the first call only starts the clock
    assert microprice.refit(row, T0 + REFIT_NS)
    assert np.isnan(row["table"]).all()
    assert microprice.micro_card(row, 100, 3.0, 101, 1.0) == pytest.approx(0.5)


def test_a_heavy_bid_lifts_the_price_where_queues_race():
    """The mid follows the heavier queue seven times of ten: the table must say so, and the card its sign."""
    rng, row, bid = random.Random(3), microprice.new_microprice(1)[0], 10_000
    for _ in range(6_000):
        bid_lots, ask_lots = rng.randint(1, 9), rng.randint(1, 9)
        microprice.on_touch(row, bid, float(bid_lots), bid + 1, float(ask_lots))
        if rng.random() < 0.4:
            up = rng.random() < bid_lots / (bid_lots + ask_lots)
            bid += 1 if up else -1
    microprice.refit(row, T0)
    microprice.refit(row, T0 + REFIT_NS)
    ahead = row["table"].reshape(IMBALANCES, SPREADS)[:, 0]
    assert (np.diff(ahead) > 0.0).all()
    assert ahead == pytest.approx(-ahead[::-1], abs=1e-9)
    assert microprice.micro_card(row, 100, 9.0, 101, 1.0) > 0.1
    assert microprice.micro_card(row, 100, 1.0, 101, 9.0) < -0.1


def test_counts_halve_in_six_hours_and_a_fit_is_made_every_ten_minutes():
    row = microprice.new_microprice(1)[0]
    feed(row, [(100, 5, 1, 5), (100, 5, 1, 4), (101, 5, 1, 4)])
    now = T0
    fits = sum(microprice.refit(row, now + k * REFIT_NS // 2) for k in range(73))
    assert fits == 36
    assert row["stayed"].sum() == pytest.approx(0.5)
    assert row["moved"].sum() == pytest.approx(0.5)
    assert row["shift"].sum() == pytest.approx(0.5)


def test_the_card_is_clipped_at_two_half_spreads():
    row = microprice.new_microprice(1)[0]
    row["table"] = 4.0
    assert microprice.micro_card(row, 100, 1.0, 101, 1.0) == 2.0
    row["table"] = -4.0
    assert microprice.micro_card(row, 100, 1.0, 101, 1.0) == -2.0
