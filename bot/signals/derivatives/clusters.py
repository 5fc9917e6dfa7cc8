"""Where liquidations are estimated to wait (signals.md 4.4): a model, not data, and to be labelled so.

Every increase of open interest is taken for new positions at that price, split
over usual leverages. Masses lie in buckets of ten basis points of log price,
fade with a day and are gone when the price crosses them.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.fade import fade

BUCKET_BPS = 10.0
BUCKETS = 2_048
"""A ring over log price: two prices share a bucket when one is 7.7 times the other."""
LEVERAGES = (10.0, 25.0, 50.0, 100.0)
SHARES = (0.4, 0.3, 0.2, 0.1)
TAU_S = 86_400.0 / math.log(2.0)

LONGS, SHORTS = 0, 1

CLUSTERS = np.dtype(
    [
        ("seeded", "<i8"),
        ("place", "<i8"),  # bucket of the last mid
        ("aged_ns", "<i8"),
        ("mass", "<f8", (2, BUCKETS)),  # of longs and shorts, in the unit of open interest
    ],
    align=True,
)


def new_clusters(markets: int) -> np.ndarray:
    """(M,) CLUSTERS rows."""
    return np.zeros(markets, CLUSTERS)


@hot
def bucket_of(price):
    return np.int64(math.floor(math.log(price) * 1e4 / BUCKET_BPS))


@hot
def bucket_price(bucket):
    """Price in the middle of a bucket."""
    return math.exp((bucket + 0.5) * BUCKET_BPS / 1e4)


@hot
def liquidation_price(entry, leverage, maintenance, which):
    """Of a linear position with isolated margin, fees ignored; longs below the entry, shorts above."""
    if which == LONGS:
        return entry * (1.0 - 1.0 / leverage) / (1.0 - maintenance)
    return entry * (1.0 + 1.0 / leverage) / (1.0 + maintenance)


@rare
def on_increase(row, now_ns, price, increase, maintenance):
    """Open interest grew by `increase` while the price was there; a decrease says nothing of where."""
    if not increase > 0.0 or not price > 0.0:
        return
    age(row, now_ns)
    for which in range(2):
        for k in range(len(LEVERAGES)):
            at = bucket_of(liquidation_price(price, LEVERAGES[k], maintenance, which))
            row.mass[which, at % BUCKETS] += SHARES[k] * increase


@rare
def age(row, now_ns):
    """Fade all masses to a time; called about once a minute."""
    if now_ns <= row.aged_ns:
        return
    factor = fade(now_ns - row.aged_ns, TAU_S)
    for which in range(2):
        for k in range(BUCKETS):
            row.mass[which, k] *= factor
    row.aged_ns = now_ns


@hot
def on_price(row, price):
    """Crossed clusters are gone: longs the price fell to, shorts it rose to."""
    place = bucket_of(price)
    if not row.seeded:
        row.seeded = 1
        row.place = place
    if place == row.place:
        return
    steps = min(abs(place - row.place), BUCKETS - 1)
    which = LONGS if place < row.place else SHORTS
    away = 1 if place < row.place else -1
    for k in range(steps + 1):
        row.mass[which, (place + away * k) % BUCKETS] = 0.0
    row.place = place


@hot
def mass_at(row, which, bucket):
    """Estimated mass (LONGS or SHORTS) in a bucket."""
    return row.mass[which, bucket % BUCKETS]
