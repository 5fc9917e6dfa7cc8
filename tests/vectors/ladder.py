"""Micro-price, multi-level flow, additions and cancellations (signals.md 1.5, 1.7, 1.10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.signals import microprice, multilevel, resiliency
from tests.signals.worlds import T0, ladder_of, none_if_nan


@njit
def count_all(states, mids, stayed, moved, shift):
    for i in range(states.size - 1):
        microprice.count_move(stayed, moved, shift, states[i], states[i + 1], mids[i + 1] - mids[i])


def microprice_table(obs, n_imb, n_spread):
    states = [
        microprice.state_of(float(bid), float(ask), np.int64(spread), n_imb, n_spread)
        for bid, ask, spread, _ in obs
    ]
    n = n_imb * n_spread
    stayed, moved, shift = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
    count_all(np.array(states), np.array([o[3] for o in obs]), stayed, moved, shift)
    ahead, _ = microprice.solve(stayed, moved, shift, n_spread)
    return [[none_if_nan(v) for v in row] for row in ahead.reshape(n_imb, n_spread).tolist()]


def mlofi_window(books, m_levels):
    """All in one instant: nothing decays. A bucket of levels is one tick."""
    row = multilevel.new_multilevel(1)[0]
    for book in books:
        bids, asks = ({int(p): float(q) for p, q in book[side]} for side in ("bids", "asks"))
        multilevel.on_commit(row, ladder_of(bids, asks), 0, T0)
    scaled = [none_if_nan(multilevel.level_flow(row, m, 0)) for m in range(m_levels)]
    raw = row["flow"][0, :, 0] - row["flow"][1, :, 0]
    return {
        "ofi": [None if s is None else float(raw[m]) for m, s in enumerate(scaled)],
        "avg_depth": multilevel.common_depth(row, 0),
        "scaled": scaled,
    }


def integrated_weights(rows):
    """Levels the vector does not have never move."""
    row = multilevel.new_multilevel(1)[0]
    for sample in rows:
        full = np.array([*sample, *[0.0] * (multilevel.LEVELS - len(sample))])
        row["weight"] = multilevel.gather(row["mean"], row["scatter"], float(row["weight"]), full, 1.0)
    explained = multilevel.first_vector(row["scatter"], row["weights"], row["product"])
    return {"weights": row["weights"][: len(rows[0])].tolist(), "explained": explained}


def attribute_level(q_prev, q_now, executed):
    added, cancelled = resiliency.attribute_level(float(q_prev), float(q_now), float(executed))
    return {"add": added, "cancel": cancelled, "exec": float(executed)}


ADAPTERS: dict[str, Callable[..., Any]] = {
    "attribute_level": attribute_level,
    "integrated_weights": integrated_weights,
    "microprice_table": microprice_table,
    "mlofi_window": mlofi_window,
}
