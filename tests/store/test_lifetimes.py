from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.survival import kaplan_meier
from bot.store.lifetimes import median_life_s

LIVES = st.lists(st.tuples(st.integers(0, 20).map(float), st.booleans()), max_size=30)


@given(LIVES)
def test_the_median_is_where_the_survival_curve_falls_to_a_half(lives: list[tuple[float, bool]]) -> None:
    curve = kaplan_meier(np.array([age for age, _ in lives]), np.array([ended for _, ended in lives], bool))
    below = curve.age_s[curve.share <= 0.5 + 1e-9]
    assert median_life_s(lives) == (below[0] if below.size else None)


def test_by_hand() -> None:
    assert median_life_s([]) is None
    assert median_life_s([(4.0, True), (2.0, True), (9.0, True)]) == 4.0
    assert median_life_s([(4.0, False), (2.0, True), (9.0, False)]) is None
    # 1/4 go at 1; the one last seen at 2 says nothing; of the two left one goes at 3: 3/4 * 1/2
    assert median_life_s([(1.0, True), (2.0, False), (3.0, True), (5.0, True)]) == 3.0
