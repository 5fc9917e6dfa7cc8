"""S-ZI: the base book has the figures of the specification, within four standard deviations of a run."""

from __future__ import annotations

import numpy as np
import pytest

from bot.market.synthetic.calibration import RUN_S, TARGETS, Touches, figures, run_figures


@pytest.fixture(scope="module")
def found() -> list[dict[str, float]]:
    """Two runs of full length."""
    return run_figures(300, ("BTCUSDT", "ETHUSDT"), RUN_S)


@pytest.mark.parametrize("name", TARGETS)
def test_a_figure_is_within_four_standard_deviations(found: list[dict[str, float]], name: str):
    for run in found:
        assert abs(run[name] - TARGETS[name].mean) < 4 * TARGETS[name].sd


@pytest.mark.parametrize("name", TARGETS)
def test_the_mean_of_two_runs_is_within_four_of_its_own(found: list[dict[str, float]], name: str):
    mean = np.mean([run[name] for run in found])
    assert abs(mean - TARGETS[name].mean) < 4 * TARGETS[name].sd / np.sqrt(2)


def test_figures_of_a_touch_that_only_flow_moves_are_what_they_must_be():
    """Every 2 s one order comes to the bid or leaves it, and an empty bid moves the price."""
    rng = np.random.default_rng(3)
    steps = rng.choice([-1, 1], 4000)
    position = 10_000 * 8 + np.cumsum(steps)  # in eighths of a tick
    bid, lots = position // 8, position % 8 + 1.0
    t_s = 2.0 * np.arange(len(steps))
    asks = np.full(len(steps), 5.0)
    touches = Touches(t_s, bid, lots, bid + 1, asks, t_s[::2], steps[::2].astype(float))
    got = figures(touches)
    assert got["spread, ticks"] == 1.0
    assert got["share of spread 1"] == 1.0
    assert got["touch changes in 10 s"] == pytest.approx(5.0, abs=0.01)
    assert got["R2 of OFI, 60 s"] > 0.5
    assert abs(got["correlation of OFI with the next 10 s"]) < 0.15
    assert got["AUC of queue imbalance"] > 0.8
