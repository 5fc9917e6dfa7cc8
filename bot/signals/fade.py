"""Exponential forgetting for any time constant, for features whose tau is not one of the four windows'."""

from __future__ import annotations

import math

from bot.core.jit import hot

_NS = 1e-9


@hot
def fade(elapsed_ns, tau_s):
    """exp(-elapsed/tau), what is left of a sum (signals.md 3.0); an elapsed time below 0 counts as 0."""
    if elapsed_ns <= 0:
        return 1.0
    return math.exp(-_NS * elapsed_ns / tau_s)
