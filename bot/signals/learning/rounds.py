"""Rounds: predictions at a tick, a decision mid 250 ms on, a label one horizon on (signals.md 7 and 7.4).

Copy t mod D takes round t; it is labelled before it predicts again, so no copy
ever sees an overlapping label. A round without a usable mid at either end is
skipped; the copies go on taking turns by the clock.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.signals.learning.experts import (
    ALPHA,
    calibrate,
    chance,
    charge,
    exponentials,
    predict,
    share,
    voice,
)
from bot.signals.learning.publishing import judge, publish
from bot.signals.learning.ranks import note_ranks
from bot.signals.learning.state import (
    COPIES,
    CURVATURES,
    CYCLE_NS,
    FOREVER,
    GRADIENTS,
    HORIZON_NS,
    LOSSES,
    MASSES,
    NULL_LOSS,
    OWN,
    POOLED,
    PRIOR,
    PUBLISHED,
    PUBLISHED_LOSS,
    RECENT,
    SHADOW,
    SHADOW_LOSS,
    SHARED,
    SYMBOL,
    VOICE,
)
from bot.signals.registry import MODES

DECISION_NS = 250 * NS_PER_MS
GRACE_NS = 5 * NS_PER_S
TICK_NS = 10 * NS_PER_S


@hot
def note_mid(clocks, rounds, market, now_ns, mid):
    """The mid (ticks, nan unknown) at a grid point.

    Gives waiting rounds their decision mid: the first known from 250 ms after the tick on, within 5 s.
    """
    clock = clocks[market]
    if mid == mid:
        clock.mid = mid
        clock.mid_ns = now_ns
    if now_ns >= clock.wait_ns:
        _fill_rounds(clock, rounds, market, now_ns, mid)


@rare
def _fill_rounds(clock, rounds, market, now_ns, mid):
    late = now_ns - clock.wait_ns > GRACE_NS
    if mid == mid and not late:
        begun_ns = clock.wait_ns - DECISION_NS
        for mode in range(MODES):
            one = rounds[market, mode, copy_of(mode, begun_ns)]
            if one.begun_ns == begun_ns:
                one.mid = mid
    if mid == mid or late:
        clock.wait_ns = FOREVER


@hot
def copy_of(mode, now_ns):
    """7.4: whose turn it is."""
    return now_ns // CYCLE_NS[mode] % COPIES[mode]


@hot
def is_due(mode, now_ns):
    """Whether a tick (every 10 s, perhaps a little late) is the one of the mode's cycle."""
    return now_ns % CYCLE_NS[mode] < TICK_NS


@rare
def settle(learning, now_ns):
    """Learn from every round whose horizon ends at this tick; then publish. Before the cards are read.

    All markets together: the pooled learner's loss is the mean over the markets of a round.
    """
    for mode in range(MODES):
        if not is_due(mode, now_ns):
            continue
        copy = copy_of(mode, now_ns)
        learning.scratch[: CURVATURES + 1, :] = 0.0
        labelled = 0
        for market in range(learning.clocks.size):
            labelled += _settle_one(learning, market, mode, copy, now_ns)
        if labelled > 0:
            _learn_pooled(learning, mode, copy, labelled)
        for market in range(learning.clocks.size):
            publish(learning, market, mode, now_ns)


@rare
def _settle_one(learning, market, mode, copy, now_ns):
    """Label and learn a market's round: 1 if it had a label, 0 if there was none."""
    one = learning.rounds[market, mode, copy]
    begun_ns = one.begun_ns
    one.begun_ns = 0
    clock = learning.clocks[market]
    if begun_ns == 0 or one.mid != one.mid or now_ns - clock.mid_ns > GRACE_NS:
        return 0
    if abs(now_ns - begun_ns - HORIZON_NS[mode]) > GRACE_NS:
        return 0
    move_bps = 1e4 * math.log(clock.mid / one.mid)
    outcome = 0.5 if move_bps == 0.0 else (1.0 if move_bps > 0.0 else 0.0)
    said = learning.said[market, mode, copy]
    _learn_own(learning, market, mode, copy, said, one.predictions[SYMBOL], outcome)
    charge(learning.scratch[LOSSES], said[SHARED], one.predictions[POOLED], outcome)
    _learn_omega(learning, market, mode, copy, one.predictions, outcome)
    _count_losses(learning.learners[market, mode], one.predictions, outcome)
    note_ranks(learning, market, mode, said[VOICE], one.predictions[PUBLISHED], move_bps)
    judge(learning, market, mode, now_ns)
    return 1


@rare
def _learn_own(learning, market, mode, copy, said, prediction, outcome):
    """The market's weights (this copy's) and calibrations; adds up what the pooled ones learn from."""
    losses = learning.scratch[MASSES]
    losses[:] = 0.0
    charge(losses, said[OWN], prediction, outcome)
    share(learning.log_weights[market, mode, copy], losses, 1.0, ALPHA)
    pooled = learning.theta.shape[0] - 1
    for card in range(learning.theta.shape[2]):
        x = said[VOICE, card]
        if x != x:
            continue
        theta = learning.theta[market, mode, card]
        p = chance(theta, x)
        learning.theta[market, mode, card], learning.precision[market, mode, card] = calibrate(
            theta, learning.precision[market, mode, card], x * (outcome - p), x * x * p * (1.0 - p)
        )
        p = chance(learning.theta[pooled, mode, card], x)
        learning.scratch[GRADIENTS, card] += x * (outcome - p)
        learning.scratch[CURVATURES, card] += x * x * p * (1.0 - p)


@rare
def _learn_pooled(learning, mode, copy, labelled):
    """One step from the means over the markets, which move together: their number is no evidence."""
    pooled = learning.theta.shape[0] - 1
    share(learning.log_weights[pooled, mode, copy], learning.scratch[LOSSES], 1.0 / labelled, ALPHA)
    for card in range(learning.theta.shape[2]):
        curvature = learning.scratch[CURVATURES, card] / labelled
        if curvature == 0.0:
            continue
        learning.theta[pooled, mode, card], learning.precision[pooled, mode, card] = calibrate(
            learning.theta[pooled, mode, card],
            learning.precision[pooled, mode, card],
            learning.scratch[GRADIENTS, card] / labelled,
            curvature,
        )


@rare
def _learn_omega(learning, market, mode, copy, predictions, outcome):
    """7.5: the three predictors are experts themselves, without sharing."""
    log_omega = learning.learners[market, mode].log_omega[copy]
    losses = learning.scratch[MASSES][: log_omega.size]
    losses[:] = 0.0
    charge(losses, predictions, 0.5, outcome)
    share(log_omega, losses, 1.0, 0.0)


@rare
def _count_losses(learner, predictions, outcome):
    place = learner.labels % RECENT
    learner.losses[place, PUBLISHED_LOSS] = (predictions[PUBLISHED] - outcome) ** 2
    learner.losses[place, SHADOW_LOSS] = (predictions[SHADOW] - outcome) ** 2
    learner.losses[place, NULL_LOSS] = (0.5 - outcome) ** 2
    learner.labels += 1


@rare
def begin(learning, cards, market, now_ns):
    """Open a round in every mode whose cycle this tick is. `cards`: (M, C, 3) READING, just read."""
    for mode in range(MODES):
        if is_due(mode, now_ns):
            _begin_one(learning, cards, market, mode, copy_of(mode, now_ns), now_ns)


@rare
def _begin_one(learning, cards, market, mode, copy, now_ns):
    one = learning.rounds[market, mode, copy]
    said = learning.said[market, mode, copy]
    null = learning.theta.shape[2]
    pooled = learning.theta.shape[0] - 1
    awake = 0
    for card in range(null):
        reading = cards[market, card, mode]
        x = voice(reading.score, reading.confidence, reading.exhausted)
        awake += x == x
        said[VOICE, card] = x
        said[OWN, card] = chance(learning.theta[market, mode, card], x)
        said[SHARED, card] = chance(learning.theta[pooled, mode, card], x)
    said[OWN, null] = said[SHARED, null] = 0.5
    one.begun_ns = 0
    one.mid = np.nan
    if awake == 0:
        return
    masses = learning.scratch[MASSES]
    exponentials(learning.log_weights[market, mode, copy], masses)
    one.predictions[SYMBOL] = predict(masses, said[OWN])
    exponentials(learning.log_weights[pooled, mode, copy], masses)
    one.predictions[POOLED] = predict(masses, said[SHARED])
    one.predictions[PRIOR] = predict(learning.priors[mode], said[OWN])
    one.predictions[PUBLISHED] = predict(learning.published[market, mode], said[OWN])
    log_omega = learning.learners[market, mode].log_omega[copy]
    exponentials(log_omega, masses)
    one.predictions[SHADOW] = predict(masses[: log_omega.size], one.predictions[: log_omega.size])
    one.begun_ns = now_ns
    learning.clocks[market].wait_ns = now_ns + DECISION_NS
