"""One imbalance out of several venues' books (signals.md 5.1)."""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.market.heads import OK
from bot.signals.features import band_depth, mid_of

BAND_BPS = 25.0
FRESH_S = 1.0
AGE_TAU_S = 3.0
MOST_AGE_S = 15.0


@hot
def age_weight(age_s):
    """1 for a fresh book, decaying from one second on, 0 beyond fifteen."""
    if not age_s <= MOST_AGE_S:
        return 0.0
    return math.exp(-max(0.0, age_s - FRESH_S) / AGE_TAU_S)


@rare
def band_notional(books, heads, market, side, distance_bps):
    """Notional (quote currency) within a distance of the venue's own mid on one side; nan unless OK."""
    head = heads[market]
    if head.status != OK or not head.synced:
        return np.nan
    units = band_depth(books, market, side, distance_bps) * head.lot_size * head.contract_size
    return units if head.inverse else units * mid_of(books, market) * head.tick_size


@rare
def consolidate(bids, asks, shares, ages_s):
    """(imbalance of all venues' notional, how much the venues disagree), nan when no venue speaks.

    Per venue: bids, asks (nan: not OK), its share of the volume, the age of its
    book. Disagreement is the weighted standard deviation of the venues' own
    imbalances, 0 for one venue.
    """
    signed = size = known = total = squares = 0.0
    for v in range(bids.size):
        weight = shares[v] * age_weight(ages_s[v])
        both = bids[v] + asks[v]
        if not weight > 0.0 or not both > 0.0:
            continue
        own = (bids[v] - asks[v]) / both
        signed += weight * (bids[v] - asks[v])
        size += weight * both
        known += weight
        total += weight * own
        squares += weight * own * own
    if not size > 0.0:
        return np.nan, np.nan
    mean = total / known
    return signed / size, math.sqrt(max(0.0, squares / known - mean * mean))


@hot
def agreement_factor(disagreement):
    """Confidence factor 1/(1 + disagreement)."""
    return 1.0 / (1.0 + disagreement)
