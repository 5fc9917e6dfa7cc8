"""Scores the derivatives' cards share (signals.md 4.1, 4.2)."""

from __future__ import annotations

import math

from bot.core.jit import hot

DEAD_ZONE = 1.0


@hot
def contrarian(z):
    """0 within one deviation, beyond it against z, growing to 1: a crowd is wrong when it is large."""
    beyond = abs(z) - DEAD_ZONE
    if beyond <= 0.0:
        return 0.0
    score = math.tanh(0.5 * beyond)
    return -score if z > 0.0 else score


@hot
def quadrant(z_price, z_interest):
    """With growing interest the move's direction counts, with falling interest half of its opposite.

    Up and up are new longs (+), up and down is covering (half, -).
    """
    x = math.tanh(0.5 * z_price)
    y = math.tanh(0.5 * z_interest)
    return x * y if y >= 0.0 else 0.5 * x * y
