"""Sharpe ratios after many trials: probabilistic, deflated, probability of overfitting (signals.md 10.4).

Bailey & López de Prado (2012, 2014); Bailey, Borwein, López de Prado & Zhu
(2017). Sharpe ratios are per observation, not annual; kurtosis is 3 for a normal.
"""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def probabilistic_sharpe(sharpe: float, benchmark: float, n: int, skew: float, kurtosis: float) -> float:
    """Chance that the true Sharpe ratio is above `benchmark`, from n returns."""
    spread = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(n - 1) / math.sqrt(spread))


def expected_max_sharpe(variance: float, trials: float) -> float:
    """Largest Sharpe ratio to expect of `trials` worthless strategies whose ratios vary by `variance`."""
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - _EULER) * first + _EULER * second)


def deflated_sharpe(
    sharpe: float, n: int, skew: float, kurtosis: float, variance: float, trials: float
) -> float:
    """Chance that the true Sharpe ratio is above what luck over all trials explains."""
    return probabilistic_sharpe(sharpe, expected_max_sharpe(variance, trials), n, skew, kurtosis)


def effective_trials(trials: int, mean_correlation: float) -> float:
    """How many independent trials correlated ones are worth."""
    return mean_correlation + (1.0 - mean_correlation) * trials


def overfitting_probability(returns: np.ndarray, blocks: int = 16) -> float:
    """How often the best of the configurations in one half of the time is below the median in the other.

    Combinatorially symmetric cross-validation over all halves of `blocks`
    blocks. `returns`: (periods, configurations); periods beyond a whole number
    of blocks are left out. ValueError when there is less than a period a block,
    fewer than two configurations, or an odd number of blocks.
    """
    periods, configurations = returns.shape
    if periods < blocks or configurations < 2 or blocks % 2:
        raise ValueError(
            "expected at least a period a block, two configurations and an even number of blocks,"
            f" were {returns.shape} in {blocks} blocks"
        )
    size = periods // blocks
    cut = returns[: size * blocks].reshape(blocks, size, configurations)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, half in zip(chosen, combinations(range(blocks), blocks // 2), strict=True):
        row[list(half)] = 1.0
    inside = _sharpes(chosen @ sums, chosen @ squares, size * blocks // 2)
    outside = _sharpes((1.0 - chosen) @ sums, (1.0 - chosen) @ squares, size * blocks // 2)
    best = inside.argmax(axis=1)
    found = outside[np.arange(best.size), best][:, None]
    rank = (outside < found).sum(axis=1) + 0.5 * ((outside == found).sum(axis=1) + 1.0)
    return float(np.mean(rank <= 0.5 * (configurations + 1)))


def _sharpes(sums: np.ndarray, squares: np.ndarray, n: int) -> np.ndarray:
    mean = sums / n
    variance = np.maximum(squares / n - mean**2, 0.0)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 0.0)
