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
_SHORT_NS = 200_000_000  # most messages come sooner after the one before


@hot
def _short_fade(x):
    """exp(x) for -0.04 <= x <= 0: the series, exact to the last bit, summed in independent pairs."""
    square = x * x
    low = (1.0 + x) + square * (1.0 / 2.0 + x * (1.0 / 6.0))
    high = (1.0 / 24.0 + x * (1.0 / 120.0)) + square * (1.0 / 720.0 + x * (1.0 / 5040.0))
    return low + square * square * high


@hot
def decay_factors(elapsed_ns):
    """exp(-elapsed/tau) for the four taus; an elapsed time below 0 counts as 0."""
    if elapsed_ns <= 0:
        return 1.0, 1.0, 1.0, 1.0
    if elapsed_ns <= _SHORT_NS:
        return (
            _short_fade(elapsed_ns * (-_NS / 5.0)),
            _short_fade(elapsed_ns * (-_NS / 30.0)),
            _short_fade(elapsed_ns * (-_NS / 150.0)),
            _short_fade(elapsed_ns * (-_NS / 1800.0)),
        )
    slow = math.exp(elapsed_ns * (-_NS / 1800.0))
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
def add_all(sums, value, growth):
    """Add a value to the four sums, times what each has to grow by until the time it stands for."""
    sums[0] += value * growth[0]
    sums[1] += value * growth[1]
    sums[2] += value * growth[2]
    sums[3] += value * growth[3]


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
