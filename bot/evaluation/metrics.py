"""How good a forecast is: rank correlation, AUC, R², Brier, calibration, hit rate (signals.md 10.2).

Plain numpy over one-dimensional arrays of equal length without nan. A figure
that the data cannot give (one class only, a constant input) is nan.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

Z_95 = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """A 95 % interval; nan where the data are too few for one."""

    low: float
    high: float


UNKNOWN = Interval(math.nan, math.nan)


class Line(NamedTuple):
    """Least squares with intercept."""

    slope: float
    intercept: float
    r2: float


class Bin(NamedTuple):
    """Forecasts of about the same probability: how many, their mean, how often it happened."""

    n: int
    forecast: float
    happened: float


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties share their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - 0.5 * (count - 1))[place]


def standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and variance 1; nan when the values are constant."""
    centred = values - values.mean()
    spread = math.sqrt(float(np.mean(centred**2)))
    return centred / spread if spread > 0.0 else np.full(values.shape, np.nan)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's; nan below three pairs or when one side is constant."""
    if x.size < 3:
        return math.nan
    return float(np.mean(standardised(np.asarray(x, float)) * standardised(np.asarray(y, float))))


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Rank information coefficient."""
    return correlation(ranks(x), ranks(y))


def r_squared(x: np.ndarray, y: np.ndarray) -> Line:
    """Regression of y on x."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.size < 3 or not np.ptp(x) > 0.0 or not np.ptp(y) > 0.0:
        return Line(math.nan, math.nan, math.nan)
    dx = x - x.mean()
    slope = float(dx @ (y - y.mean()) / (dx @ dx))
    intercept = float(y.mean() - slope * x.mean())
    left = y - intercept - slope * x
    return Line(slope, intercept, float(1.0 - left @ left / np.sum((y - y.mean()) ** 2)))


FEWEST_CLUSTERS = 5
"""Of each class; with fewer the error of an area is not known."""


class Area(NamedTuple):
    """Area under the ROC curve with its standard error."""

    auc: float
    error: float

    @property
    def interval(self) -> Interval:
        if math.isnan(self.error):
            return UNKNOWN
        reach = Z_95 * self.error
        return Interval(max(0.0, self.auc - reach), min(1.0, self.auc + reach))


def auc_value(scores: np.ndarray, labels: np.ndarray) -> float:
    """Chance that a positive (label 1) scores above a negative (label 0); ties count half."""
    positive = np.asarray(labels) == 1
    m = int(positive.sum())
    if m == 0 or m == positive.size:
        return math.nan
    return float((ranks(scores)[positive].mean() - 0.5 * (m + 1)) / (positive.size - m))


def auc(scores: np.ndarray, labels: np.ndarray, clusters: np.ndarray | None = None) -> Area:
    """`auc_value` with its standard error.

    The error is DeLong's (1988). Neighbouring samples that share their outcome
    are no independent evidence: give them the same number in `clusters` and the
    error is Obuchowski's (1997), which with clusters of one is DeLong's.
    """
    positive = np.asarray(labels) == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return Area(math.nan, math.nan)
    scores = np.asarray(scores, float)
    overall = ranks(scores)
    share = np.empty(scores.size)  # of the other class, that a sample is on the right side of
    share[positive] = (overall[positive] - ranks(scores[positive])) / n
    share[~positive] = 1.0 - (overall[~positive] - ranks(scores[~positive])) / m
    area = float(share[positive].mean())
    group = np.arange(scores.size)
    if clusters is not None:
        _, group = np.unique(clusters, return_inverse=True)
    ups = np.bincount(group, np.where(positive, share - area, 0.0))
    downs = np.bincount(group, np.where(positive, 0.0, share - area))
    per_class = [np.unique(group[side]).size for side in (positive, ~positive)]
    if min(per_class) < (2 if clusters is None else FEWEST_CLUSTERS):
        return Area(area, math.nan)
    scaled = (per_class[0] / (per_class[0] - 1)) * float(ups @ ups) / m**2
    scaled += (per_class[1] / (per_class[1] - 1)) * float(downs @ downs) / n**2
    groups = ups.size
    scaled += 2.0 * groups / (groups - 1) * float(ups @ downs) / (m * n)
    return Area(area, math.sqrt(max(0.0, scaled)))


def brier(probability: np.ndarray, outcome: np.ndarray) -> float:
    """Mean squared error of a probability; outcomes are 1, 0 or 1/2 for neither."""
    return float(np.mean((np.asarray(probability, float) - np.asarray(outcome, float)) ** 2))


def brier_skill(probability: np.ndarray, outcome: np.ndarray) -> float:
    """1 - Brier / Brier of always saying 1/2: above 0 is better than knowing nothing."""
    nothing = brier(np.full(len(outcome), 0.5), outcome)
    return 1.0 - brier(probability, outcome) / nothing if nothing > 0.0 else math.nan


def calibration(probability: np.ndarray, outcome: np.ndarray, bins: int = 10) -> list[Bin]:
    """Forecasts in bins of equal count, lowest first; equal forecasts stay in one bin.

    Equal counts and not equal widths: honest probabilities of a market crowd around 1/2.
    """
    probability, outcome = np.asarray(probability, float), np.asarray(outcome, float)
    if not probability.size:
        return []
    place = np.minimum(((ranks(probability) - 0.5) * bins / probability.size).astype(int), bins - 1)
    return [
        Bin(int(chosen.sum()), float(probability[chosen].mean()), float(outcome[chosen].mean()))
        for chosen in (place == k for k in range(bins))
        if chosen.any()
    ]


def wilson(wins: float, n: float, z: float = Z_95) -> Interval:
    """Wilson's score interval of a share.

    `n` may be fewer than the samples counted, and not whole: how many of them
    are independent. `wins` is then the share times that.
    """
    if not n > 0.0:
        return UNKNOWN
    share, room = wins / n, z * z / n
    centre = (share + room / 2.0) / (1.0 + room)
    reach = z * math.sqrt(share * (1.0 - share) / n + room / (4.0 * n)) / (1.0 + room)
    return Interval(centre - reach, centre + reach)
