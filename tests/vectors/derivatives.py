"""Premium, funding, open interest, liquidations (signals.md 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bot.signals.derivatives import liquidations, premium, scores
from bot.signals.robust import robust_z
from bot.signals.rolling import push, window_of
from tests.signals.worlds import NS_PER_S, T0, none_if_nan


def funding_rate(avg_premium, interest=premium.INTEREST, band=premium.BAND, cap=math.inf):
    return premium.funding_rate(avg_premium, interest, band, cap)


def robust_z_of(x, history, scale_floor):
    window = np.zeros(1, window_of(len(history)))[0]
    for value in history:
        push(window, value)
    return robust_z(window, x, scale_floor)


def liquidation_ratio(events, t_eval):
    row = liquidations.new_liquidations(1)[0]
    for t, notional, side in events:
        if t <= t_eval:
            liquidations.on_liquidation(row, T0 + round(t * NS_PER_S), side, notional, 0.0)
    liquidations.age(row, T0 + round(t_eval * NS_PER_S))
    return {
        "burst": liquidations.burst_of(row),
        "direction": none_if_nan(liquidations.direction_of(row)),
    }


ADAPTERS: dict[str, Callable[..., Any]] = {
    "annualised_funding": lambda rate, hours: premium.annualised(rate, hours),
    "contrarian_score": lambda z: scores.contrarian(z),
    "funding_rate": funding_rate,
    "liquidation_ratio": liquidation_ratio,
    "oi_quadrant": lambda z_price, z_oi: scores.quadrant(z_price, z_oi),
    "premium_index": lambda impact_bid, impact_ask, index: premium.premium_index(
        impact_bid, impact_ask, index
    ),
    "robust_z": robust_z_of,
}
