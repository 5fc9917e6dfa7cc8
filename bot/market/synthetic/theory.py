"""What the base book's theory says exactly: oracles to judge it and its forecasts by (signals.md 11.1)."""

from __future__ import annotations

import numpy as np

_CONVERGED = 1e-13
_MOST_SWEEPS = 200_000
_CDL_STEPS = 200_000


def race_up_probability(
    birth_per_s: float, market_per_s: float, cancel_per_s: float, most: int = 70, shown: int = 5
) -> np.ndarray:
    """P(the ask queue empties before the bid queue) at a spread of one tick, (shown, shown).

    Row b - 1, column a - 1: queues of b and a orders. Each queue is a
    birth-death process: births at `birth_per_s`, deaths at market_per_s +
    cancel_per_s x length, no births at `most`. Cont, Stoikov & Talreja (2010),
    section 4; solved by relaxation instead of Laplace transforms.
    """
    up = np.full((most + 2, most + 2), 0.5)
    up[:, 0], up[0, :] = 1.0, 0.0
    length = np.arange(1, most + 1)
    births = birth_per_s * (length < most)
    deaths = market_per_s + cancel_per_s * length
    births_bid, births_ask = births[:, None], births[None, :]
    deaths_bid, deaths_ask = deaths[:, None], deaths[None, :]
    total = births_bid + births_ask + deaths_bid + deaths_ask
    for _ in range(_MOST_SWEEPS):
        after = (
            births_bid * up[2:, 1:-1]
            + births_ask * up[1:-1, 2:]
            + deaths_bid * up[:-2, 1:-1]
            + deaths_ask * up[1:-1, :-2]
        ) / total
        change = np.max(np.abs(after - up[1:-1, 1:-1]))
        up[1:-1, 1:-1] = after
        if change < _CONVERGED:
            break
    return up[1 : shown + 1, 1 : shown + 1].copy()


def cdl_up_probability(bid_queue: int, ask_queue: int) -> float:
    """P(the next move is up) when births balance deaths, Cont & de Larrard (2013), proposition 3.

    Queues in orders. The integral is taken by the midpoint rule, whose error is below 1e-9 here.
    """
    angle = (np.arange(_CDL_STEPS) + 0.5) * np.pi / _CDL_STEPS
    c = 2.0 - np.cos(angle)
    decay = (c - np.sqrt(c * c - 1.0)) ** ask_queue
    integrand = decay * np.sin(bid_queue * angle) * np.cos(angle / 2) / np.sin(angle / 2)
    return float(integrand.mean())
