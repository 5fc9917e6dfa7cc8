"""Metrics, index sets and Sharpe ratios (signals.md 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bot.evaluation import metrics, sharpe, splits


def auc(scores, labels) -> float:
    return metrics.auc(np.array(scores), np.array(labels)).auc


def spearman(x, y) -> float:
    return metrics.spearman(np.array(x), np.array(y))


def r_squared(x, y) -> dict[str, float]:
    return metrics.r_squared(np.array(x), np.array(y))._asdict()


def brier(p, y) -> float:
    return metrics.brier(np.array(p), np.array(y))


def wilson(k, n) -> list[float]:
    return list(metrics.wilson(k, n))


def purged_walk_forward(n, folds, horizon, min_train) -> list[dict[str, Any]]:
    """The vectors give a fit as its range, for here it is always the samples from 0 on."""
    found = splits.purged_walk_forward(n, folds, horizon, min_train)
    for split in found:
        assert split.train.tolist() == list(range(split.train.size))
    return [{"train": [0, split.train.size], "test": list(split.test)} for split in found]


def purged_kfold(n, folds, horizon, embargo) -> list[dict[str, Any]]:
    found = splits.purged_kfold(n, folds, horizon, embargo)
    return [{"test": list(split.test), "train": split.train.tolist()} for split in found]


def psr(sr, sr_star, t, skew, kurt) -> float:
    return sharpe.probabilistic_sharpe(sr, sr_star, t, skew, kurt)


def deflated_sharpe(sr, t, skew, kurt, var_sr, n) -> float:
    return sharpe.deflated_sharpe(sr, t, skew, kurt, var_sr, n)


def expected_max_sharpe(var_sr, n) -> float:
    return sharpe.expected_max_sharpe(var_sr, n)


ADAPTERS: dict[str, Callable[..., Any]] = {
    adapter.__name__: adapter
    for adapter in (
        *(auc, spearman, r_squared, brier, wilson),
        *(purged_walk_forward, purged_kfold),
        *(psr, expected_max_sharpe, deflated_sharpe),
    )
}
