"""Toxicity, trade intensity, impact (signals.md 3.2 to 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bot.signals import impact, intensity, vpin
from tests.signals.worlds import NS_PER_S, T0


def vpin_series(trades, bucket, n):
    """The production ring holds fifty buckets: the first `n` of the vector's are spread over it."""
    row = vpin.new_vpin(1)[0]
    vpin.set_daily_volume(row, float(bucket * vpin.BUCKETS_A_DAY))
    out: list[float | None] = []
    for lots, side in trades:
        done = int(row["done"])
        vpin.on_trade(row, 1.0 if side > 0 else 0.0, float(lots))
        for k in range(done + 1, int(row["done"]) + 1):
            out.append(float(row["shares"][k - n : k].mean()) if k >= n else None)
    return out


def hawkes_intensity(times, mu, alpha, beta, t_eval):
    """Time is stretched until beta is that of the card's bank."""
    row = intensity.new_intensity(1)[0]
    stretch = beta / intensity.BETAS[intensity.CARD_BANK] * NS_PER_S
    for i, t in enumerate(times):
        intensity.on_trade(row, 1, T0 + round(t * stretch), i)
    intensity.age(row, T0 + round(t_eval * stretch))
    row["fit"][0] = mu, alpha, intensity.BETAS[intensity.CARD_BANK]
    return intensity.fitted_rate(row, 1)


def hawkes_loglik(times, mu, alpha, beta, horizon):
    return intensity.log_likelihood(np.array(times), mu, alpha, beta, horizon)


def kyle_lambda(flows, moves):
    flows, moves = np.array(flows), np.array(moves)
    return impact.slope(float(flows @ moves), float(flows @ flows))


ADAPTERS: dict[str, Callable[..., Any]] = {
    "absorption": lambda flow, move_bps, lam, flow_min: impact.absorption(flow, move_bps, lam, flow_min),
    "bvc_buy_fraction": lambda dp, sigma: vpin.bulk_buy_share(dp, sigma),
    "hawkes_intensity": hawkes_intensity,
    "hawkes_loglik": hawkes_loglik,
    "kyle_lambda": kyle_lambda,
    "vpin": vpin_series,
}
