from __future__ import annotations

import numpy as np
import pytest

from bot.evaluation.survival import kaplan_meier


def test_a_curve_by_hand():
    """Six walls: ends at 1, 3, 3 and 6 s; one lost from sight at 2 s, one at 6 s."""
    found = kaplan_meier(np.array([3, 1, 6, 2, 3, 6]), np.array([1, 1, 1, 0, 1, 0]))
    assert found.age_s.tolist() == [0, 1, 3, 6]
    assert found.share == pytest.approx([1, 5 / 6, 5 / 6 * 2 / 4, 5 / 6 * 2 / 4 * 1 / 2])


def test_without_censoring_it_is_the_share_still_there():
    ages = np.random.default_rng(1).exponential(size=50)
    found = kaplan_meier(ages, np.ones(50, bool))
    for age_s, share in zip(found.age_s, found.share, strict=True):
        assert share == pytest.approx(np.mean(ages > age_s))


def test_where_nothing_ended_everything_stands():
    found = kaplan_meier(np.array([4.0, 5.0]), np.zeros(2, bool))
    assert (found.age_s.tolist(), found.share.tolist()) == ([0.0], [1.0])
