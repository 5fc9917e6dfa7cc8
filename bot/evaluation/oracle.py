"""The score of somebody who knows the synthetic market's efficient price: the most a card could know.

Where the truth holds samples of that price (signals.md 11.2), what cards and
composite reach is measured against it (11.4, S-DRIFT).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bot.evaluation.samples import Samples
from bot.evaluation.truth import Planted

ORACLE = "oracle"
TYPE = "efficient_price"
SCALE_BPS = 5.0


def with_oracle(samples: Samples, planted: Sequence[Planted]) -> Samples:
    """The samples with one more score a mode, where the efficient price is known; else unchanged."""
    values = [one for one in planted if one.type == TYPE]
    if not values or not samples.ticks_ns.size:
        return samples
    scores = np.full((*samples.scores.shape[:2], 1, samples.scores.shape[3]), np.nan, np.float32)
    for market in range(len(samples.instruments)):
        scores[:, market, 0, :] = _scores(samples, market, [v for v in values if v.market == market])[:, None]
    return replace(
        samples,
        names=(*samples.names, ORACLE),
        scores=np.concatenate([samples.scores, scores], axis=2),
        probability=np.concatenate([samples.probability, np.full_like(scores, np.nan)], axis=2),
    )


def _scores(samples: Samples, market: int, values: Sequence[Planted]) -> np.ndarray:
    """tanh of the efficient price's distance from the mid at each tick; nan before the first sample."""
    times = np.array([0, *(value.t0_ns for value in values)], np.int64)
    ticks = np.array([np.nan, *(value.params.get("ticks", value.price) for value in values)], float)
    price = ticks[np.searchsorted(times, samples.ticks_ns, side="right") - 1]
    mid = samples.mids[market].mid_after(samples.tick_points(market), 0.0)
    return np.tanh(1e4 * (price / mid - 1.0) / SCALE_BPS)
