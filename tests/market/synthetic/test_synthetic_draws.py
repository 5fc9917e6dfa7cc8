"""Random draws: the published generator, the right distributions, no shared state."""

from __future__ import annotations

import numpy as np
import pytest

from bot.market.synthetic.draws import exponential, normal, normal_at, seed_word, uniform

N = 20_000


def test_uniform_is_splitmix64_as_published():
    """First outputs for seed 1234567, from the generator's reference implementation."""
    published = (6457827717110365317, 3203168211198807973, 9817491932198370423)
    rng = np.array([1234567], np.uint64)
    assert [uniform(rng, 0) for _ in published] == [(word >> 11) / 2**53 for word in published]


def test_streams_do_not_disturb_each_other():
    mixed, single = np.array([1, 2], np.uint64), np.array([1, 2], np.uint64)
    alone = [uniform(single, 0) for _ in range(20)]
    together = []
    for _ in range(20):
        together.append(uniform(mixed, 0))
        uniform(mixed, 1)
    assert together == alone


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda rng: uniform(rng, 0), 0.5, np.sqrt(1 / 12)),
        (lambda rng: exponential(rng, 0, 3.0), 3.0, 3.0),
        (lambda rng: normal(rng, 0), 0.0, 1.0),
    ],
)
def test_draws_have_their_mean_and_deviation(draw, mean: float, deviation: float):
    rng = np.array([seed_word("draws")], np.uint64)
    values = np.array([draw(rng) for _ in range(N)])
    assert values.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(N))
    assert values.std() == pytest.approx(deviation, rel=0.05)


def test_the_shared_normal_depends_only_on_seed_and_position():
    seed = np.uint64(seed_word(1, "common"))
    values = np.array([normal_at(seed, n) for n in range(N)])
    assert values.mean() == pytest.approx(0, abs=4 / np.sqrt(N))
    assert values.std() == pytest.approx(1, rel=0.05)
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / np.sqrt(N)
    assert normal_at(seed, 77) == values[77]


def test_a_seed_word_depends_on_every_part():
    assert len({seed_word(1, "a"), seed_word(1, "b"), seed_word(2, "a"), seed_word(1)}) == 4
