"""A venue's price apart from the others' (signals.md 5.3): expected to come back.

Makarov & Schoar 2020; Alexander & Heck 2020. A lasting difference (other quote
currency, other fees) is taken out by a slow mean.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.decay import hold, mean_of
from bot.signals.fade import fade
from bot.signals.robust import robust_z
from bot.signals.rolling import push, window_of

TAU_S = 300.0
HISTORY = 720  # emissions: two hours
LEAST_HISTORY = 60
FLOOR_BPS = 0.1

DIVERGENCE = np.dtype(
    [
        ("noted_ns", "<i8"),
        ("numerator", "<f8"),  # slow mean of the difference, bps
        ("weight", "<f8"),
        ("apart_bps", "<f8"),  # the difference, held since noted_ns; nan unknown
        ("excess_bps", "<f8"),  # minus its slow mean
        ("z", "<f8"),
        ("believed", "<i8"),  # 1: the others agree among themselves better than this one with them
        ("history", window_of(HISTORY)),  # of excesses, bps
    ],
    align=True,
)


def new_divergence(markets: int) -> np.ndarray:
    """(M,) DIVERGENCE rows, one a market (a symbol on a venue)."""
    rows = np.zeros(markets, DIVERGENCE)
    for field in ("apart_bps", "excess_bps", "z"):
        rows[field] = np.nan
    return rows


@rare
def consensus(mids, weights, skip):
    """(weighted mean mid of all venues but `skip`, how far they are apart in bps); nan without another one.

    Mids in one currency, nan where unusable.
    """
    total = known = 0.0
    low, high = np.inf, 0.0
    for v in range(mids.size):
        if v == skip or not mids[v] > 0.0 or not weights[v] > 0.0:
            continue
        total += weights[v] * mids[v]
        known += weights[v]
        low, high = min(low, mids[v]), max(high, mids[v])
    if not known > 0.0:
        return np.nan, np.nan
    return total / known, 1e4 * math.log(high / low)


@rare
def on_mids(row, now_ns, mid, others, others_apart_bps):
    """Every emission: the venue's mid, the others' and how far they are apart (`consensus`); nan unknown.

    An excess joins the history after it was judged by it.
    """
    factor = fade(now_ns - row.noted_ns, TAU_S)
    row.numerator, row.weight = hold(row.numerator, row.weight, row.apart_bps, factor)
    row.noted_ns = now_ns
    row.apart_bps = 1e4 * math.log(mid / others)
    row.excess_bps = row.apart_bps - mean_of(row.numerator, row.weight)
    row.z = np.nan
    row.believed = 0
    if row.excess_bps != row.excess_bps:
        return
    row.believed = others_apart_bps <= abs(row.excess_bps)
    if row.history.count >= LEAST_HISTORY:
        row.z = robust_z(row.history, row.excess_bps, FLOOR_BPS)
    push(row.history, row.excess_bps)


@hot
def divergence_score(row):
    """-tanh(z/2), + the venue is cheap: the raw value of the `xv_div` card; nan while z is unknown."""
    return -math.tanh(0.5 * row.z)


@hot
def confidence_factor(row):
    """0 while the other venues are further apart from each other than this one from them."""
    return 1.0 if row.believed else 0.0
