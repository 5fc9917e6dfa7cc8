"""Volume-synchronised toxicity, VPIN (signals.md 3.2; Easley, Lopez de Prado & O'Hara 2012).

The imbalance of buyers and sellers over the last fifty buckets of equal
volume. It has no direction: a risk input, never a signal.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot
from bot.signals.rolling import mid_rank, push, window_of

BUCKETS = 50
BUCKETS_A_DAY = 288
HISTORY = 1_440  # buckets the percentile is taken among: five days
LEAST_HISTORY = 60
TOXIC = 0.95
"""From this percentile on, maker entries and fades are forbidden."""

VPIN = np.dtype(
    [
        ("bucket", "<f8"),  # lots of a bucket; 0: not known yet, trades are ignored
        ("filled", "<f8"),  # lots in the unfinished one
        ("bought", "<f8"),
        ("done", "<i8"),  # buckets finished
        ("shares", "<f8", (BUCKETS,)),  # |bought - sold| of a bucket over its size, a ring
        ("vpin", "<f8"),  # after the last finished bucket, nan before 50
        ("rank", "<f8"),  # its percentile among earlier ones, nan before 60 of them
        ("history", window_of(HISTORY)),  # of VPIN after each bucket
    ],
    align=True,
)
_SLACK = 1e-12


def new_vpin(markets: int) -> np.ndarray:
    """(M,) VPIN rows without a bucket size."""
    rows = np.zeros(markets, VPIN)
    rows["vpin"] = rows["rank"] = np.nan
    return rows


@hot
def set_daily_volume(row, lots):
    """Size of the buckets: 288 are an average day. The one being filled keeps its size if it holds more."""
    size = lots / BUCKETS_A_DAY
    if size > row.filled:
        row.bucket = size


@hot
def on_trade(row, buy_share, lots):
    """A trade; `buy_share` is 1 for a buying aggressor, 0 for a selling one, in between when not told.

    It is split at the edges of the buckets.
    """
    if not row.bucket > 0.0:
        return
    # more than fill the whole ring: the rest would say the same over and over
    spare = math.floor((lots - (row.bucket - row.filled)) / row.bucket) - BUCKETS
    if spare > 0.0:
        lots -= spare * row.bucket
    while lots > _SLACK:
        part = min(lots, row.bucket - row.filled)
        row.filled += part
        row.bought += part * buy_share
        lots -= part
        if row.bucket - row.filled <= _SLACK:
            _close(row)


@hot
def _close(row):
    row.shares[row.done % BUCKETS] = abs(2.0 * row.bought - row.filled) / row.filled
    row.done += 1
    row.filled = row.bought = 0.0
    if row.done < BUCKETS:
        return
    total = 0.0
    for k in range(BUCKETS):
        total += row.shares[k]
    row.vpin = total / BUCKETS
    row.rank = np.nan
    if row.history.count >= LEAST_HISTORY:
        row.rank = mid_rank(row.history, row.vpin)
    push(row.history, row.vpin)


@hot
def bulk_buy_share(move, sigma):
    """Share of a bulk of volume taken for bought, from its price move: only where no aggressor is told."""
    return 0.5 * math.erfc(-move / sigma / math.sqrt(2.0))
