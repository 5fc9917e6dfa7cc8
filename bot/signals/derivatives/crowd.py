"""How one-sided and how levered the crowd is (signals.md 4.4)."""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot
from bot.core.units import NS_PER_S
from bot.signals.derivatives.scores import contrarian
from bot.signals.robust import robust_z
from bot.signals.rolling import push, window_of

HISTORY = 864  # figures: three days of one every five minutes
LEAST_HISTORY = 36
FLOOR = 0.01  # of ln ratio
AGE_TAU_S = 300.0

CROWD = np.dtype(
    [
        ("log_ratio", "<f8"),  # ln(longs / shorts), nan unknown
        ("z", "<f8"),  # among earlier figures, nan unknown
        ("noted_ns", "<i8"),
        ("history", window_of(HISTORY)),  # of ln ratios
    ],
    align=True,
)


def new_crowd(markets: int) -> np.ndarray:
    """(M,) CROWD rows."""
    rows = np.zeros(markets, CROWD)
    rows["log_ratio"] = rows["z"] = np.nan
    return rows


@hot
def on_ratio(row, now_ns, long_short):
    """A venue's ratio of longs to shorts; it joins the history after it was judged by it.

    A figure repeated by polling only renews the age.
    """
    if not long_short > 0.0:
        return
    row.noted_ns = now_ns
    value = math.log(long_short)
    if value == row.log_ratio:
        return
    row.log_ratio = value
    row.z = np.nan
    if row.history.count >= LEAST_HISTORY:
        row.z = robust_z(row.history, value, FLOOR)
    push(row.history, value)


@hot
def crowd_score(row):
    """Against an unusual ratio: the raw value of the `lsr` card; nan while its z is unknown."""
    return contrarian(row.z) if row.z == row.z else np.nan


@hot
def freshness(row, now_ns):
    """Confidence factor of the figure's age; 0 before the first."""
    if row.log_ratio != row.log_ratio:
        return 0.0
    return math.exp(-max(0.0, (now_ns - row.noted_ns) / NS_PER_S) / AGE_TAU_S)


@hot
def estimated_leverage(interest_notional, margin):
    """Open interest over the margin behind it, where a venue tells; else nan."""
    return interest_notional / margin if margin > 0.0 else np.nan
