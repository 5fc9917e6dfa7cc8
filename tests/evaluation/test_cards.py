"""Figures of scores whose worth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bot.evaluation.cards import (
    FEWEST_INDEPENDENT,
    LATENCY_S,
    CardFigures,
    card_figures,
    ic_figures,
    moves_bps,
)
from bot.evaluation.metrics import spearman
from bot.evaluation.resampling import holm
from bot.evaluation.samples import Samples
from tests.evaluation.worlds import samples

TICKS = 1_000
A_TICK = 40  # points of 250 ms
LATE = 1  # points of the decision latency


def walk(seed: int = 1, ticks: int = TICKS) -> np.ndarray:
    """Mids every 250 ms for `ticks` and the hour after them."""
    rng = np.random.default_rng(seed)
    return 10_000.0 + np.cumsum(rng.normal(0, 0.5, ticks * A_TICK + 4 * 3_600 + 1))


def future(mid: np.ndarray, horizon_s: int) -> np.ndarray:
    """What a score that knew everything would say at each tick."""
    at = A_TICK * np.arange(TICKS)
    return np.tanh((mid[at + 4 * horizon_s] - mid[at + LATE]) / 20.0)


def one(found: list[CardFigures], card: str, mode: str = "scalp") -> CardFigures:
    (match,) = [f for f in found if (f.card, f.mode) == (card, mode)]
    return match


def judged(made: Samples) -> list[CardFigures]:
    return card_figures(made, np.random.default_rng(0))


@pytest.fixture(scope="module")
def known() -> Samples:
    """A card that knows the next minute, one that knows the last, noise, and one that is always asleep."""
    mid = walk()
    rng = np.random.default_rng(9)
    at = A_TICK * np.arange(TICKS)
    before = np.concatenate([np.zeros(6), np.tanh((mid[at[6:]] - mid[at[6:] - 240]) / 20.0)])
    scores = {
        "oracle": future(mid, 60),
        "echo": before,
        "noise": rng.uniform(-1, 1, TICKS),
        "asleep": np.full(TICKS, np.nan),
    }
    chance = {"oracle": 0.5 + 0.49 * np.sign(scores["oracle"]), "noise": np.full(TICKS, 0.5)}
    return samples(mid, scores, probability=chance)


def test_a_card_that_knows_the_future_has_every_figure_of_one(known):
    oracle = one(judged(known), "oracle")
    assert oracle.ic == pytest.approx(1.0, abs=1e-4)
    assert oracle.ic_interval.low > 0.99
    assert oracle.hit_rate == 1.0
    assert oracle.hit_interval.low > 0.97
    assert oracle.r2_next > 0.9
    assert oracle.brier_skill > 0.99
    assert oracle.n == TICKS
    assert oracle.independent == pytest.approx(TICKS / 6)


def test_explaining_is_not_forecasting(known):
    echo = one(judged(known), "echo")
    assert echo.r2_same > 0.9
    assert echo.r2_next < 0.02
    assert abs(echo.ic) < 3 * echo.error


def test_noise_is_worth_nothing_and_is_not_called_significant(known):
    noise = one(judged(known), "noise")
    assert noise.ic_interval.low < 0.0 < noise.ic_interval.high
    assert noise.auc_next_interval.low < 0.5 < noise.auc_next_interval.high
    assert noise.brier_skill == 0.0
    found = ic_figures(known)
    assert {f.card for f in found if f.significant and f.horizon_s == 60} == {"oracle"}
    assert not any(f.significant for f in found if f.card == "noise")


def test_tests_are_counted_all_together(known):
    found = ic_figures(known)
    tested = [f for f in found if not math.isnan(f.p)]
    assert [f.p_holm for f in tested] == holm([f.p for f in tested])
    assert all(f.p_holm > f.p for f in tested if 0.0 < f.p < 0.5)


def test_hits_count_only_labels_that_do_not_overlap(known):
    noise = one(judged(known), "noise")
    width = noise.hit_interval.high - noise.hit_interval.low
    assert width == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(TICKS / 6), rel=0.03)


def test_a_card_that_sleeps_has_no_figures(known):
    assert "asleep" not in {f.card for f in judged(known)} | {f.card for f in ic_figures(known)}


def test_late_inputs_destroy_what_a_forecast_of_the_next_minute_knows(known):
    oracle = one(judged(known), "oracle")
    assert abs(oracle.stale_ic) < 3 * oracle.error + 0.1


def test_permuted_labels_leave_nothing_of_any_card(known):
    for figures in judged(known):
        if figures.mode == "scalp" and figures.card != "oracle":
            assert abs(figures.permuted_ic) < 3 * figures.error
            assert not figures.leaks
    assert abs(one(judged(known), "oracle").permuted_ic) < 0.1


def test_what_survives_permutation_is_called_a_leak(known):
    oracle = one(judged(known), "oracle")
    assert replace(oracle, permuted_ic=0.5, error=0.1).leaks
    assert not replace(oracle, permuted_ic=0.2, error=0.1).leaks
    assert not replace(oracle, permuted_ic=math.nan).leaks


def test_labels_begin_a_decision_latency_after_the_reading():
    """A jump within the 250 ms after a tick is not the card's to earn, one right after them is."""
    for place, wanted in ((LATE, 0.0), (LATE + 1, 1e4 * math.log(1.01))):
        mid = np.full(1_000, 100.0)
        mid[A_TICK + place :] = 101.0
        moves = moves_bps(samples(mid, {"any": np.zeros(5)}), 0, LATENCY_S, 10)
        np.testing.assert_allclose(moves, [0.0, wanted, 0.0, 0.0, 0.0], atol=1e-9)


def test_labels_without_a_book_at_either_end_are_unknown():
    mid = np.full(1_000, 100.0)
    mid[A_TICK + LATE] = np.nan
    mid[5 * A_TICK] = np.nan
    moves = moves_bps(samples(mid, {"any": np.zeros(6)}), 0, LATENCY_S, 10)
    assert np.isnan(moves).tolist() == [False, True, False, False, True, False]


def test_the_correlation_of_each_horizon_is_that_with_its_own_move():
    mid = walk(3)
    found = {f.horizon_s: f for f in ic_figures(samples(mid, {"c": future(mid, 300)})) if f.mode == "scalp"}
    best = max(found.values(), key=lambda f: f.ic)
    assert best.horizon_s == 300
    assert found[300].ic == pytest.approx(1.0, abs=1e-4)
    assert found[60].ic < found[300].ic > found[1800].ic
    assert set(found) == {1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600}


def test_too_few_labels_are_shown_but_not_tested():
    mid = walk(4)
    for f in ic_figures(samples(mid, {"c": future(mid, 600)})):
        assert math.isnan(f.p) == (f.independent < FEWEST_INDEPENDENT) == (f.horizon_s >= 300)
        assert not math.isnan(f.ic)


def test_a_stream_shorter_than_a_horizon_has_no_figures_for_it():
    mid = np.random.default_rng(5).normal(size=70 * A_TICK).cumsum() + 1_000.0
    found = judged(samples(mid, {"c": np.random.default_rng(6).uniform(-1, 1, 65)}))
    assert {f.mode for f in found} == {"scalp", "day"}


def test_figures_are_the_same_each_time(known):
    assert judged(known)[0] == judged(known)[0]


def test_independent_runs_are_taken_together():
    """As one sample, not each by itself; no label reaches from one run into the next."""
    rng = np.random.default_rng(4)
    runs = [samples(walk(seed, 200), {"noise": rng.uniform(-1, 1, 200)}) for seed in (1, 2)]
    (both,) = [f for f in ic_figures(*runs) if (f.mode, f.horizon_s) == ("scalp", 60)]
    pairs = [(run.scores[:, 0, 0, 0], moves_bps(run, 0, LATENCY_S, 60)) for run in runs]
    x, y = (np.concatenate(side) for side in zip(*pairs, strict=True))
    assert both.n == 400
    assert both.ic == pytest.approx(spearman(x, y))
