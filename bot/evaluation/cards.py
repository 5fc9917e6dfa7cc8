"""What each card's score says about the move that follows, at every horizon (signals.md 10.2 to 10.4).

The label of a reading at t is the move of the ladder's mid from t + 250 ms, the
latency of a decision, to t + H, in bps; unknown when the book is not usable at
either end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bot.core.enums import Mode
from bot.evaluation.flows import BLOCK_HORIZONS
from bot.evaluation.metrics import (
    Bin,
    Interval,
    auc,
    auc_value,
    brier,
    brier_skill,
    calibration,
    correlation,
    r_squared,
    ranks,
    spearman,
    wilson,
)
from bot.evaluation.resampling import (
    correlation_interval,
    holm,
    permuted_correlation,
    rank_correlation_error,
    two_sided_p,
)
from bot.evaluation.samples import Samples

HORIZONS_S = (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600)
TICK_S = 10
LATENCY_S = 0.25
FEWEST_INDEPENDENT = 50
"""Labels that do not overlap, below which a correlation is shown but not tested."""
NEXT_TICKS = 6
"""Ticks a cluster of the next move's AUC: a minute, after which the next move is another one."""
SIGNIFICANT = 0.01
"""Holm-adjusted, over all cards, modes, horizons and markets of an evaluation."""


@dataclass(frozen=True, slots=True)
class IcFigures:
    """The rank correlation of one score with the move over one horizon."""

    market: str
    card: str
    mode: str
    horizon_s: int
    n: int
    independent: float  # labels that do not overlap
    ic: float
    error: float  # standard error, for overlapping labels
    p: float  # two-sided; nan: too few labels to test
    p_holm: float
    auc: float

    @property
    def significant(self) -> bool:
        return self.p_holm < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class CardFigures:
    """One card in one mode, at the mode's horizon. nan: the data are too few."""

    market: str
    card: str
    mode: str
    horizon_s: int
    n: int
    independent: float  # labels that do not overlap
    ic: float
    ic_interval: Interval
    auc_next: float  # of the direction of the next move of the mid, whenever it comes
    auc_next_interval: Interval
    r2_same: float  # of the move of the horizon before the reading: explains
    r2_next: float  # of the move that follows: forecasts
    brier: float
    brier_skill: float
    calibration: tuple[Bin, ...]
    hit_rate: float
    hit_interval: Interval  # counting only labels that do not overlap
    stale_ic: float  # of the score one horizon earlier: what is left when all inputs are late by H
    permuted_ic: float  # after the labels' blocks changed places
    error: float

    @property
    def leaks(self) -> bool:
        """Something is left after the labels' blocks were permuted: the measuring is at fault."""
        return abs(self.permuted_ic) > 3.0 * self.error


def moves_bps(samples: Samples, market: int, begin_s: float, end_s: float) -> np.ndarray:
    """(T,) log move of the mid between two times counted from each tick; nan unknown."""
    points, ticks = samples.mids[market], samples.tick_points(market)
    return 1e4 * np.log(points.mid_after(ticks, end_s) / points.mid_after(ticks, begin_s))


def ic_figures(samples: Samples, *more: Samples) -> list[IcFigures]:
    """Every market, card, mode and horizon that has labels, Holm-adjusted together.

    `more` are further, independent runs of the same markets, taken together with the first.
    """
    runs = (samples, *more)
    found = []
    for market, instrument in enumerate(samples.instruments):
        for horizon_s in HORIZONS_S:
            labels = [moves_bps(run, market, LATENCY_S, horizon_s) for run in runs]
            for k, name in enumerate(samples.names):
                for mode in Mode:
                    pairs = [
                        _pairs(run.scores[:, market, k, mode.place], label)
                        for run, label in zip(runs, labels, strict=True)
                    ]
                    x, y = (np.concatenate(side) for side in zip(*pairs, strict=True))
                    if x.size >= 3:
                        found.append(_ic(instrument.key, name, mode, horizon_s, x, y))
    adjusted = holm([figure.p for figure in found])
    return [replace(figure, p_holm=p) for figure, p in zip(found, adjusted, strict=True)]


def _ic(market: str, card: str, mode: Mode, horizon_s: int, x: np.ndarray, y: np.ndarray) -> IcFigures:
    overlap = _overlap(horizon_s)
    ic, error = spearman(x, y), rank_correlation_error(x, y, overlap)
    independent = x.size / overlap
    tested = independent >= FEWEST_INDEPENDENT and error > 0.0
    p = two_sided_p(ic / error, independent) if tested else math.nan
    moved = y != 0
    area = auc_value(x[moved], y[moved] > 0)
    return IcFigures(market, card, mode.value, horizon_s, x.size, independent, ic, error, p, math.nan, area)


def card_figures(samples: Samples, rng: np.random.Generator) -> list[CardFigures]:
    """Every market, card and mode whose horizon the stream is long enough for."""
    found = []
    for market, instrument in enumerate(samples.instruments):
        ticks = samples.tick_points(market)
        next_move = samples.mids[market].move[ticks]
        for mode in Mode:
            label = moves_bps(samples, market, LATENCY_S, mode.horizon_s)
            before = moves_bps(samples, market, -mode.horizon_s, 0.0)
            for k, name in enumerate(samples.names):
                score = samples.scores[:, market, k, mode.place]
                chance = samples.probability[:, market, k, mode.place]
                if np.isfinite(score + label).sum() >= 3:
                    found.append(
                        _card(instrument.key, name, mode, score, chance, label, before, next_move, rng)
                    )
    return found


def _card(
    market: str,
    card: str,
    mode: Mode,
    score: np.ndarray,
    chance: np.ndarray,
    label: np.ndarray,
    before: np.ndarray,
    next_move: np.ndarray,
    rng: np.random.Generator,
) -> CardFigures:
    x, y = _pairs(score, label)
    overlap = _overlap(mode.horizon_s)
    block = BLOCK_HORIZONS * overlap
    rx, ry = ranks(x), ranks(y)
    moving = np.isfinite(score) & (next_move != 0)
    area = auc(score[moving], next_move[moving] > 0, np.flatnonzero(moving) // NEXT_TICKS)
    p, happened = _pairs(chance, 0.5 * (1.0 + np.sign(label)))
    clear = (x != 0) & (y != 0)
    hits = float(np.sum(np.sign(x[clear]) == np.sign(y[clear])))
    return CardFigures(
        market,
        card,
        mode.value,
        mode.horizon_s,
        n=x.size,
        independent=x.size / overlap,
        ic=correlation(rx, ry),
        ic_interval=correlation_interval(rx, ry, block, rng),
        auc_next=area.auc,
        auc_next_interval=area.interval,
        r2_same=r_squared(*_pairs(score, before)).r2,
        r2_next=r_squared(x, y).r2,
        brier=brier(p, happened) if p.size else math.nan,
        brier_skill=brier_skill(p, happened) if p.size else math.nan,
        calibration=tuple(calibration(p, happened)),
        hit_rate=hits / clear.sum() if clear.any() else math.nan,
        hit_interval=wilson(hits / overlap, clear.sum() / overlap),
        stale_ic=spearman(*_pairs(score[:-overlap], label[overlap:])),
        permuted_ic=permuted_correlation(rx, ry, block, rng),
        error=rank_correlation_error(x, y, overlap),
    )


def _overlap(horizon_s: int) -> int:
    """Ticks whose labels share a part of the same move."""
    return max(1, -(-horizon_s // TICK_S))


def _pairs(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where both are known, float64."""
    known = np.isfinite(x) & np.isfinite(y)
    return x[known].astype(float), y[known].astype(float)
