"""The learner's arithmetic (signals.md 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bot.signals.learning import experts, publishing

ADAPTERS: dict[str, Callable[..., Any]] = {}


def adapter(function: Callable[..., Any]) -> Callable[..., Any]:
    ADAPTERS[function.__name__] = function
    return function


@adapter
def calibrator_run(xs, ys):
    theta, precision = experts.FIRST_THETA, experts.FIRST_PRECISION
    said = []
    for x, y in zip(xs, ys, strict=True):
        p = experts.chance(theta, x)
        said.append(p)
        theta, precision = experts.calibrate(theta, precision, x * (y - p), x * x * p * (1.0 - p))
    return {"p": said, "theta": theta, "precision": precision}


@adapter
def aa_predict(p, w):
    return experts.predict(np.array(w), np.array(p))


@adapter
def fixed_share_step(w, p, y, alpha):
    chances = np.array([np.nan if one is None else one for one in p])
    log_weights = np.log(w)
    prediction = experts.predict(np.array(w), chances)
    losses = np.zeros(len(w))
    experts.charge(losses, chances, prediction, y)
    experts.share(log_weights, losses, 1.0, alpha)
    return {
        "prediction": prediction,
        "loss": (prediction - y) ** 2,
        "weights": np.exp(log_weights).tolist(),
    }


@adapter
def fixed_share_run(preds, ys, alpha):
    return delayed_run(preds, ys, 1, alpha)


@adapter
def delayed_run(preds, ys, delay, alpha):
    size = len(preds[0])
    copies = [[1.0 / size] * size for _ in range(delay)]
    said, loss = [], 0.0
    for t, (p, y) in enumerate(zip(preds, ys, strict=True)):
        step = fixed_share_step(copies[t % delay], p, y, alpha)
        copies[t % delay] = step["weights"]
        said.append(step["prediction"])
        loss += step["loss"]
    return {"predictions": said, "loss": loss, "weights": np.mean(copies, axis=0).tolist()}


@adapter
def fixed_share_bound(n, t, k, alpha):
    return experts.regret_bound(n, t, k, alpha)


@adapter
def cap_weights(w, cap):
    weights = np.array(w)
    publishing.cap_weights(weights, weights.size, cap)
    return weights.tolist()


@adapter
def limit_step(prev, target, max_l1):
    weights = np.array(prev)
    publishing.limit_step(weights, np.array(target), max_l1)
    return weights.tolist()
