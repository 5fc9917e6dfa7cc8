"""Exponentially weighted sums and means at irregular times (signals.md 3.0), exact.

The horizons are the half-windows of 10 s, 1 min, 5 min and 1 h: a window of
length w decays with tau = w/2, so that the mean age of its samples is that of
a plain window. The four taus are whole multiples of each other, so one
exponential and a few products give all four factors.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot

TAUS_S = (5.0, 30.0, 150.0, 1800.0)
"""10 s, 1 min, 5 min, 1 h windows; the last three are the windows of a card."""

HORIZONS = len(TAUS_S)
_NS = 1e-9
_LEAST_WEIGHT = 1e-12


@hot
def decay_factors(elapsed_ns):
    """exp(-elapsed/tau) for the four taus; an elapsed time below 0 counts as 0."""
    if elapsed_ns <= 0:
        return 1.0, 1.0, 1.0, 1.0
    x = elapsed_ns * (-_NS / 1800.0)
    # below 1.8 s the series is exact to the last bit and costs a fifth of the exponential
    slow = 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x / 24.0))) if x > -1e-3 else math.exp(x)
    squared = slow * slow
    cubed = squared * slow
    sixth = cubed * cubed
    middle = sixth * sixth  # tau 150 = 1800 / 12
    middle_squared = middle * middle
    fast = middle_squared * middle_squared * middle  # tau 30 = 150 / 5
    fast_cubed = fast * fast * fast
    return fast_cubed * fast_cubed, fast, middle, slow  # tau 5 = 30 / 6


@hot
def scale_all(sums, factors):
    """Multiply the four sums by their factors."""
    sums[0] *= factors[0]
    sums[1] *= factors[1]
    sums[2] *= factors[2]
    sums[3] *= factors[3]


@hot
def hold(numerator, weight, value, factor):
    """Time-weighted mean: the value held for the time `factor` stands for. Returns both sums.

    A nan value (unknown meanwhile) only ages what is known.
    """
    if value != value:
        return numerator * factor, weight * factor
    return factor * numerator + (1.0 - factor) * value, factor * weight + (1.0 - factor)


@hot
def mean_of(numerator, weight):
    """The bias-corrected mean, nan before any time has passed."""
    if weight <= _LEAST_WEIGHT:
        return np.nan
    return numerator / weight
