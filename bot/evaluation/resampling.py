"""How sure a figure is when neighbours are alike: block bootstrap, Newey-West, permuted blocks, Holm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from bot.evaluation.metrics import UNKNOWN, Interval, correlation, ranks, standardised

FEWEST_BLOCKS = 5
FEWEST_SAMPLES = 20
"""Below this many an interval would say more about the blocks than about the data."""


def correlation_interval(
    x: np.ndarray, y: np.ndarray, block: int, rng: np.random.Generator, draws: int = 1000
) -> Interval:
    """95 % percentile interval of a correlation by the circular block bootstrap (Politis & Romano 1992).

    `block`: samples a block, longer than the memory of the data. Give ranks for
    an interval of the rank correlation. Unknown with fewer than FEWEST_BLOCKS blocks
    or FEWEST_SAMPLES samples.
    """
    n = x.size
    if block < 1 or n < max(FEWEST_BLOCKS * block, FEWEST_SAMPLES):
        return UNKNOWN
    x, y = standardised(np.asarray(x, float)), standardised(np.asarray(y, float))
    moments = np.stack([x, y, x * x, y * y, x * y])
    around = np.concatenate([moments, moments[:, : block - 1]], axis=1)
    running = np.concatenate([np.zeros((5, 1)), np.cumsum(around, axis=1)], axis=1)
    sums = running[:, block:] - running[:, :-block]  # of the block that starts at each sample
    blocks = math.ceil(n / block)
    # a draw at a time: all at once would not fit into memory for a day of seconds
    drawn_sums = np.array([sums[:, rng.integers(0, n, blocks)].sum(axis=1) for _ in range(draws)])
    mx, my, xx, yy, xy = drawn_sums.T / (blocks * block)
    spread = (xx - mx * mx) * (yy - my * my)
    if not (spread > 0.0).all():
        return UNKNOWN
    drawn = (xy - mx * my) / np.sqrt(spread)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(float(low), float(high))


def newey_west_error(values: np.ndarray, lags: int) -> float:
    """Standard error of a mean whose samples depend on up to `lags` neighbours (Newey & West 1987)."""
    n = values.size
    if n < 2:
        return math.nan
    most = min(lags, n - 1)
    spectrum = np.fft.rfft(values - values.mean(), n + most)  # padded: no sample meets one of the other end
    products = np.fft.irfft(spectrum * spectrum.conj(), n + most)[: most + 1]
    weights = 2.0 * (1.0 - np.arange(most + 1) / (lags + 1.0))
    weights[0] = 1.0
    return math.sqrt(max(0.0, float(weights @ products))) / n


def rank_correlation_error(x: np.ndarray, y: np.ndarray, overlap: int) -> float:
    """Standard error of Spearman's correlation of samples whose outcomes overlap `overlap` neighbours.

    The correlation is the mean of products of standardised ranks. Two overlaps
    of lags: Bartlett's weights would take half off the last of a single one.
    """
    products = standardised(ranks(x)) * standardised(ranks(y))
    return newey_west_error(products, 2 * max(0, overlap - 1))


def two_sided_p(statistic: float, independent: float) -> float:
    """Chance of a larger |t| where nothing is there, with `independent` samples behind it.

    Student's t turned into a normal by Wallace's (1959) approximation; nan with fewer than 3 samples.
    """
    freedom = independent - 2.0
    if not freedom >= 1.0 or math.isnan(statistic):
        return math.nan
    scale = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    z = scale * math.sqrt(freedom * math.log1p(statistic * statistic / freedom))
    return 2.0 * NormalDist().cdf(-z)


def permuted_correlation(
    x: np.ndarray, y: np.ndarray, block: int, rng: np.random.Generator, draws: int = 20
) -> float:
    """Mean correlation of x with y after whole blocks of y changed places; nan with too few blocks.

    Nothing of a forecast can survive this; what does is a fault of the measuring.
    """
    whole = x.size // block if block > 0 else 0
    if whole < FEWEST_BLOCKS:
        return math.nan
    x, blocks = x[: whole * block], y[: whole * block].reshape(whole, block)
    found = [correlation(x, blocks[_elsewhere(whole, rng)].ravel()) for _ in range(draws)]
    return float(np.mean(found))


def _elsewhere(n: int, rng: np.random.Generator) -> np.ndarray:
    """A permutation that leaves nothing in its place: a cycle through all (Sattolo 1986)."""
    order = rng.permutation(n)
    moved = np.empty(n, np.int64)
    moved[order] = np.roll(order, 1)
    return moved


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of a family of tests (Holm 1979); nan is no test and stays nan."""
    tested = [k for k, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = [math.nan] * len(p_values)
    least = 0.0
    for place, k in enumerate(sorted(tested, key=lambda k: p_values[k])):
        least = max(least, min(1.0, (len(tested) - place) * p_values[k]))
        adjusted[k] = least
    return adjusted
