"""What one expert says and how experts are weighed (signals.md 7.1 to 7.3).

Square loss on [0, 1] is 2-mixable (Vovk 1998; Haussler, Kivinen & Warmuth
1998). A sleeping expert (nan) is left out of the prediction and charged the
aggregate's own loss (Freund et al. 1997; Chernov & Vovk 2009).
"""

from __future__ import annotations

import math

from bot.core.jit import hot, rare

ETA = 2.0
ALPHA = 0.002
FIRST_THETA = 0.4
FIRST_PRECISION = 10.0
FADE = 0.9995
MOST_THETA = 3.0
EXHAUSTED_WEIGHT = 0.25


@hot
def voice(score, confidence, exhausted):
    """6.8: what a card says, x; a quarter of it when it is exhausted."""
    return score * confidence * (EXHAUSTED_WEIGHT if exhausted else 1.0)


@hot
def chance(theta, x):
    """Probability of a rise by one card; nan while it sleeps."""
    return 1.0 / (1.0 + math.exp(-theta * x))


@hot
def calibrate(theta, precision, gradient, curvature):
    """7.1: (theta, precision) after a label with gradient x (y - p) and curvature x^2 p (1 - p).

    Theta is never negative: a card may be ignored, never reversed.
    """
    precision = FADE * precision + (1.0 - FADE) * FIRST_PRECISION + curvature
    return min(MOST_THETA, max(0.0, theta + gradient / precision)), precision


@rare
def predict(weights, chances):
    """7.2: the aggregating algorithm's prediction; `weights` need no normalising, one awake must be > 0."""
    up = down = 0.0
    for i in range(weights.size):
        p = chances[i]
        if p == p:
            up += weights[i] * math.exp(-ETA * (1.0 - p) * (1.0 - p))
            down += weights[i] * math.exp(-ETA * p * p)
    return 0.5 * (1.0 + math.log(up / down) / ETA)


@hot
def charge(losses, chances, prediction, outcome):
    """Add every expert's loss of one round; a sleeper's is the aggregate's."""
    for i in range(losses.size):
        p = chances[i] if chances[i] == chances[i] else prediction
        losses[i] += (p - outcome) * (p - outcome)


@rare
def share(log_weights, losses, scale, alpha):
    """7.2: weights after losses (times `scale`); then `alpha` of them is shared equally, if any."""
    most = -math.inf
    for i in range(log_weights.size):
        log_weights[i] -= ETA * scale * losses[i]
        most = max(most, log_weights[i])
    total = 0.0
    for i in range(log_weights.size):
        total += math.exp(log_weights[i] - most)
    base = most + math.log(total)
    for i in range(log_weights.size):
        log_weights[i] -= base
        if alpha > 0.0:
            own = (1.0 - alpha) * math.exp(log_weights[i]) + alpha / log_weights.size
            log_weights[i] = math.log(own)


@hot
def exponentials(log_weights, out):
    for i in range(log_weights.size):
        out[i] = math.exp(log_weights[i])


def regret_bound(experts: int, rounds: int, switches: int, alpha: float = ALPHA) -> float:
    """7.3: most Brier units the algorithm can lose to any sequence of experts, from a uniform start."""
    bound = math.log(experts)
    if switches:
        bound += switches * math.log(experts / alpha)
    if alpha > 0.0:
        bound += (rounds - 1 - switches) * math.log(1.0 / (1.0 - alpha))
    return bound / ETA
