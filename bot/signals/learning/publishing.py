"""From learned to traded weights (signals.md 7.5): capped, slow, killed when they do harm, on record."""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.signals.learning.state import (
    COPIES,
    MASSES,
    MIXED,
    NULL_LOSS,
    PUBLISHED_LOSS,
    RECENT,
    TARGET,
)

CARD_CAP = 0.35
CATEGORY_CAP = 0.6
MOST_STEP = 0.05  # L1, an hour
HOUR_NS = 3_600 * NS_PER_S
LEAST_LABELS = 200  # not overlapping
KILL_ERRORS = 2.0  # standard errors


class Reason(IntEnum):
    """Why traded weights changed."""

    LEARNED = 1
    KILLED = 2
    RECOVERED = 3


_LEARNED, _KILLED, _RECOVERED = (
    np.int64(reason) for reason in (Reason.LEARNED, Reason.KILLED, Reason.RECOVERED)
)
_ROUNDING = 1e-15


@rare
def cap_weights(weights, capped, cap):
    """Water-filling in place: none of the first `capped` above `cap`, the excess in proportion to the rest.

    The result sums to 1. When even equal weights are above the cap they become equal.
    """
    size = weights.size
    total = 0.0
    for i in range(size):
        total += weights[i]
    for i in range(size):
        weights[i] /= total
    if capped == size and cap * size <= 1.0:
        weights[:] = 1.0 / size
        return
    for _ in range(capped):
        over = full = 0
        rest = 0.0
        for i in range(size):
            if i < capped and weights[i] >= cap - _ROUNDING:
                full += 1
                over += weights[i] > cap + _ROUNDING
            else:
                rest += weights[i]
        if over == 0:
            return
        room = 1.0 - cap * full
        for i in range(size):
            if i < capped and weights[i] >= cap - _ROUNDING:
                weights[i] = cap
            elif rest > 0.0:
                weights[i] *= room / rest
            else:
                weights[i] = room / (size - full)


@rare
def cap_all(weights, categories):
    """Cards at most 0.35, categories at most 0.6, in place; the null expert (last) is exempt.

    Two categories cannot both exceed 0.6. What a category loses goes to all
    outside it in proportion; what a card outside then has too much goes to
    the null expert, which ends it.
    """
    null = weights.size - 1
    cap_weights(weights, null, CARD_CAP)
    for category in range(null):
        inside = 0.0
        for i in range(null):
            if categories[i] == category:
                inside += weights[i]
        if inside <= CATEGORY_CAP + _ROUNDING:
            continue
        outside = 1.0 - inside
        for i in range(null):
            if categories[i] == category:
                weights[i] *= CATEGORY_CAP / inside
            elif outside > _ROUNDING:
                weights[i] *= (1.0 - CATEGORY_CAP) / outside
        break
    cards = 0.0
    for i in range(null):
        weights[i] = min(weights[i], CARD_CAP)
        cards += weights[i]
    weights[null] = 1.0 - cards


@hot
def limit_step(weights, target, most):
    """Move towards the target by at most `most` in L1, in place."""
    distance = 0.0
    for i in range(weights.size):
        distance += abs(target[i] - weights[i])
    part = 1.0 if distance <= most else most / distance
    for i in range(weights.size):
        weights[i] += part * (target[i] - weights[i])


@rare
def publish(row, pooled, shared, mode, now_ns):
    """Once an hour, after 200 labels that do not overlap: a step of the published weights to the target.

    `row`, `pooled`: LEARNED of the market and of the pooled learner.
    """
    learner = row.learners[mode]
    if learner.labels < LEAST_LABELS * COPIES[mode] or now_ns - learner.published_ns < HOUR_NS:
        return
    learner.published_ns = now_ns
    target = shared.scratch[TARGET]
    mix(row, pooled, shared, mode, target)
    cap_all(target, shared.categories)
    limit_step(row.published[mode], target, MOST_STEP)
    trade(row, mode, _LEARNED, now_ns)


@rare
def mix(row, pooled, shared, mode, out):
    """The unconstrained learner's weights: market's, pooled and prior, by omega; means over the copies."""
    copies = COPIES[mode]
    log_omega, own_log, pooled_log = (
        row.learners[mode].log_omega,
        row.log_weights[mode],
        pooled.log_weights[mode],
    )
    omega = shared.scratch[MASSES]
    omega[:MIXED] = 0.0
    for copy in range(copies):
        for k in range(MIXED):
            omega[k] += math.exp(log_omega[copy, k]) / copies
    for i in range(out.size):
        own = mean = 0.0
        for copy in range(copies):
            own += math.exp(own_log[copy, i]) / copies
            mean += math.exp(pooled_log[copy, i]) / copies
        out[i] = omega[0] * own + omega[1] * mean + omega[2] * shared.priors[mode, i]


@rare
def judge(row, mode, now_ns):
    """The kill rule: out when worse than always 1/2 by 2 standard errors, back when not worse.

    Over the last 500 labels, once there are as many. D labels overlap, so they are worth 500 / D. A
    label of 1/2 costs the null expert nothing, hence the difference to its loss and not to 0.25.
    """
    learner = row.learners[mode]
    if learner.labels < RECENT:
        return
    losses = learner.losses
    total = squares = 0.0
    for k in range(RECENT):
        excess = losses[k, PUBLISHED_LOSS] - losses[k, NULL_LOSS]
        total += excess
        squares += excess * excess
    mean = total / RECENT
    error = math.sqrt(max(0.0, squares / RECENT - mean * mean) * COPIES[mode] / RECENT)
    if learner.killed == 0 and mean > KILL_ERRORS * error:
        learner.killed = 1
        trade(row, mode, _KILLED, now_ns)
    elif learner.killed != 0 and mean <= 0.0:
        learner.killed = 0
        trade(row, mode, _RECOVERED, now_ns)


@rare
def trade(row, mode, reason, now_ns):
    """Make the published weights, or those of a killed mode, the traded ones; each change leaves a CHANGE."""
    killed, clock, ring = row.learners[mode].killed, row.clock, row.changes
    weights, published = row.weights[mode], row.published[mode]
    null = weights.size - 1
    for i in range(null + 1):
        before, after = weights[i], published[i]
        if killed != 0:
            after = 1.0 if i == null else 0.0
        if after == before:
            continue
        weights[i] = after
        change = ring[clock.changes % ring.size]
        change.time_ns = now_ns
        change.mode = mode
        change.expert = i
        change.before = before
        change.after = after
        change.reason = reason
        clock.changes += 1
