"""What people and the store see of the learner: plain figures, and the audit rows of weight changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.signals.learning.publishing import mix
from bot.signals.learning.ranks import information_coefficient
from bot.signals.learning.state import COPIES, NULL_LOSS, PUBLISHED_LOSS, RECENT, SHADOW_LOSS, Learning


@dataclass(frozen=True, slots=True)
class Summary:
    """A market's learner in one mode. Arrays follow the cards, the null expert or the composite last."""

    labels: int  # not overlapping
    killed: bool
    omega: tuple[float, float, float]  # trust in the market's own learner, the pooled one, the prior
    brier_published: float  # over the last 500 labels at most, nan without any
    brier_unconstrained: float
    brier_null: float
    weights: np.ndarray  # (C + 1,) traded
    unconstrained: np.ndarray  # (C + 1,) what the learner alone would trade
    theta: np.ndarray  # (C,)
    ic: np.ndarray  # (C + 1,) shrunk rank correlation with the move, the composite's last


def summary(learning: Learning, market: int, mode: int) -> Summary:
    """Figures of one market and mode; copies, not views."""
    learner = learning.learners[market, mode]
    labels = int(learner["labels"])
    recent = learner["losses"][: min(labels, RECENT)]
    brier = recent.mean(axis=0) if labels else np.full(recent.shape[1], np.nan)
    unconstrained = np.empty(learning.weights.shape[2])
    mix(learning.rows[market], learning.rows[-1], learning.shared[0], mode, unconstrained)
    own, pooled, prior = np.exp(learner["log_omega"][: COPIES[mode]]).mean(axis=0).tolist()
    tables = learning.tables[market, mode]
    return Summary(
        labels=labels // COPIES[mode],
        killed=bool(learner["killed"]),
        omega=(own, pooled, prior),
        brier_published=float(brier[PUBLISHED_LOSS]),
        brier_unconstrained=float(brier[SHADOW_LOSS]),
        brier_null=float(brier[NULL_LOSS]),
        weights=learning.weights[market, mode].copy(),
        unconstrained=unconstrained,
        theta=learning.theta[market, mode].copy(),
        ic=np.array([information_coefficient(table, mode) for table in tables]),
    )


def changes_since(learning: Learning, market: int, seen: int) -> tuple[np.ndarray, int]:
    """(CHANGE rows after the first `seen`, how many were written by now); rows the ring lost are missing.

    Pass the second value as `seen` the next time. The ring holds at least two publications of every mode.
    """
    written = int(learning.clocks["changes"][market])
    ring = learning.changes[market]
    first = max(seen, written - ring.size)
    return ring[np.arange(first, written) % ring.size], written
