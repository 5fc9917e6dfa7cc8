"""The volatility of all open positions together (signals.md 9.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SHRINK = 0.5
USUAL_CORRELATION = 0.7
"""What correlations are drawn towards: crypto perpetuals rise and fall together when it matters."""


def portfolio_sigma(
    notionals: Sequence[float],
    sigmas: Sequence[float],
    correlations: Sequence[Sequence[float]] | np.ndarray,
    shrink: float = SHRINK,
    towards: float = USUAL_CORRELATION,
) -> float:
    """Standard deviation of the portfolio's value over the period of `sigmas`, in the notionals' coin.

    `notionals` are signed (a short is negative), `sigmas` the positions' return
    volatilities, `correlations` an estimate that is shrunk by the share `shrink`
    towards the constant `towards`. An unknown (nan) estimate makes the answer nan.
    """
    n = len(notionals)
    estimate = np.asarray(correlations, float).reshape(n, n)
    matrix = (1.0 - shrink) * estimate + shrink * (towards + (1.0 - towards) * np.eye(n))
    exposure = np.asarray(notionals, float) * np.asarray(sigmas, float)
    variance = float(exposure @ matrix @ exposure)
    # an estimate that is no correlation matrix can make it negative; max(0, nan) would hide unknowns
    return variance if variance != variance else max(0.0, variance) ** 0.5
