"""Distances between ticks and basis points, rounded to the side that is safe."""

from __future__ import annotations

import math

from bot.core.enums import Side


def bps_between(price: float, reference: float) -> float:
    """Signed distance of a price from a reference in bps of the reference; any unit, the same for both."""
    return 1e4 * (price - reference) / reference


def ticks_away(reference: float, distance_bps: float, side: Side) -> int:
    """Tick `distance_bps` from a reference towards `side` (+1 up), rounded away from the reference.

    A negative distance lies on the other side and is rounded towards the reference.
    """
    exact = reference * (1.0 + side * distance_bps / 1e4)
    return math.ceil(exact - 1e-9) if side > 0 else math.floor(exact + 1e-9)


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
