"""What the evidence of a wall is worth, what is learned of it, and what the cards read."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.signals import walls
from bot.signals.state import WALL, new_signals
from bot.signals.walls import genuineness, ledger
from tests.signals.walls.street import FAR_K


def a_tested_wall(**evidence: float) -> np.void:
    wall = np.zeros(1, WALL)[0]
    wall["side"], wall["peak"], wall["decided"] = 1, 100.0, np.nan
    for name, value in evidence.items():
        wall[name] = value
    return wall


def judged(grid: np.void, **evidence: float) -> float:
    wall = a_tested_wall(**evidence)
    genuineness.judge(wall, grid, 0.0, 0.0)
    return float(wall["genuineness"])


def test_the_evidence_of_the_decision_is_kept_and_later_evidence_is_not_learned_from():
    grid = new_signals(1).grid[0]
    wall = a_tested_wall(near_s=2.0, executed=20.0)
    genuineness.judge(wall, grid, 0.0, 0.0)
    kept = wall["evidence"].copy()
    assert kept.tolist() == [0.0, 0.2, 0.0, 0.0, 0.0, 0.0]
    wall["near_s"], wall["cancelled_near"] = 3.0, 90.0
    genuineness.judge(wall, grid, 0.0, 0.0)
    assert wall["evidence"].tolist() == kept.tolist()
    assert wall["genuineness"] < wall["decided"]


def test_weights_follow_what_the_evidence_was_worth_and_stay_between_nothing_and_thrice():
    """Executed walls hold and refilled ones do not; the defaults say both hold."""
    rng = np.random.default_rng(3)
    grid = new_signals(1).grid[0]
    before = judged(grid, near_s=2.0, executed=10.0, added=10.0)
    for _ in range(1_500):
        refilled = float(rng.random() < 0.5)
        wall = a_tested_wall(near_s=2.0, executed=50.0, added=50.0 * refilled)
        genuineness.judge(wall, grid, 0.0, 0.0)
        genuineness.learn(grid, wall, float(rng.random() < (0.3 if refilled else 0.95)))
    learned = grid["wall_learned"].copy()
    assert learned[2] == pytest.approx(-0.5, abs=1e-3)  # refills: weight 0, never below
    assert learned[3] == learned[4] == learned[5] == 0.0  # nothing was seen of these
    assert judged(grid, near_s=2.0, executed=10.0, added=10.0) != before
    for _ in range(20_000):
        wall = a_tested_wall(near_s=2.0, cancelled_near=30.0)
        genuineness.judge(wall, grid, 0.0, 0.0)
        genuineness.learn(grid, wall, 0.0)
    assert 0.0 < grid["wall_learned"][3] <= 8.0


def test_without_a_decision_only_the_base_rate_learns():
    grid = new_signals(1).grid[0]
    genuineness.learn(grid, a_tested_wall(), 0.0)
    assert grid["wall_trials"].tolist() == [1.0, 0.0]
    assert not grid["wall_learned"].any()


def test_traps_push_away_from_where_they_stand_and_untested_walls_do_not():
    sig = new_signals(1)
    sig.grid["walls"] = 3
    for place, (side, stage, g) in enumerate([(1, 2, 0.2), (-1, 2, 0.36), (-1, 1, 0.1)]):
        row = sig.walls[0, place]
        row["side"], row["stage"], row["genuineness"], row["distance_bps"] = side, stage, g, 3.0
    assert walls.trap_pressure(sig.rows[0]) == pytest.approx(-0.8 * math.exp(-3.0 / 15.0))
    assert [bool(ledger.is_trap(row)) for row in sig.walls[0, :3]] == [True, False, False]
    sig.grid["walls"] = 0
    assert walls.trap_pressure(sig.rows[0]) == 0.0


def test_only_confirmed_genuine_walls_press(street):
    street.step({FAR_K: 200.0}, 3)
    assert walls.wall_pressure(street.market.sig.rows[0]) == 0.0
    street.step({FAR_K: 200.0}, 60)
    (wall,) = street.walls
    g = wall["genuineness"]
    assert g > walls.GENUINE
    want = -(2 * g - 1) * math.exp(-wall["distance_bps"] / 15.0)
    assert walls.wall_pressure(street.market.sig.rows[0]) == pytest.approx(want)
    street.walls["genuineness"] = 0.6
    assert walls.wall_pressure(street.market.sig.rows[0]) == 0.0
