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
    MIXED,
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
def note_mid(row, now_ns, mid):
    """The mid (ticks, nan unknown) at a grid point, for a market's LEARNED record.

    Gives waiting rounds their decision mid: the first known from 250 ms after the tick on, within 5 s.
    """
    clock = row.clock
    if mid == mid:
        clock.mid = mid
        clock.mid_ns = now_ns
    if now_ns >= clock.wait_ns:
        _fill_rounds(row, now_ns, mid)


@rare
def _fill_rounds(row, now_ns, mid):
    clock = row.clock
    late = now_ns - clock.wait_ns > GRACE_NS
    if mid == mid and not late:
        begun_ns = clock.wait_ns - DECISION_NS
        for mode in range(MODES):
            one = row.rounds[mode, copy_of(mode, begun_ns)]
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
    rows, shared = learning.rows, learning.shared[0]
    markets = rows.size - 1
    pooled = rows[markets]
    for mode in range(MODES):
        if not is_due(mode, now_ns):
            continue
        copy = copy_of(mode, now_ns)
        shared.scratch[: CURVATURES + 1, :] = 0.0
        labelled = np.int64(0)  # a literal 0 would compile what takes it twice
        for market in range(markets):
            labelled += _settle_one(rows[market], pooled, shared, mode, copy, now_ns)
        if labelled > 0:
            _learn_pooled(pooled, shared, mode, copy, labelled)
        for market in range(markets):
            publish(rows[market], pooled, shared, mode, now_ns)


@rare
def _settle_one(row, pooled, shared, mode, copy, now_ns):
    """Label and learn a market's round: 1 if it had a label, 0 if there was none."""
    one = row.rounds[mode, copy]
    begun_ns = one.begun_ns
    one.begun_ns = 0
    clock = row.clock
    if begun_ns == 0 or one.mid != one.mid or now_ns - clock.mid_ns > GRACE_NS:
        return 0
    if abs(now_ns - begun_ns - HORIZON_NS[mode]) > GRACE_NS:
        return 0
    move_bps = 1e4 * math.log(clock.mid / one.mid)
    outcome = 0.5 if move_bps == 0.0 else (1.0 if move_bps > 0.0 else 0.0)
    said = row.said[mode, copy]
    _learn_own(row, pooled, shared, mode, copy, one.predictions[SYMBOL], outcome)
    charge(shared.scratch[LOSSES], said[SHARED], one.predictions[POOLED], outcome)
    learner = row.learners[mode]
    _learn_omega(learner.log_omega[copy], shared.scratch[MASSES], one.predictions[:MIXED], outcome)
    _count_losses(learner, one.predictions, outcome)
    note_ranks(row, mode, said[VOICE], one.predictions[PUBLISHED], move_bps)
    judge(row, mode, now_ns)
    return 1


@rare
def _learn_own(row, pooled, shared, mode, copy, prediction, outcome):
    """The market's weights (this copy's) and calibrations; adds up what the pooled ones learn from."""
    said, scratch = row.said[mode, copy], shared.scratch
    losses = scratch[MASSES]
    losses[:] = 0.0
    charge(losses, said[OWN], prediction, outcome)
    share(row.log_weights[mode, copy], losses, 1.0, ALPHA)
    theta, precision = row.theta[mode], row.precision[mode]
    for card in range(theta.size):
        x = said[VOICE, card]
        if x != x:
            continue
        p = chance(theta[card], x)
        theta[card], precision[card] = calibrate(
            theta[card], precision[card], x * (outcome - p), x * x * p * (1.0 - p)
        )
        p = chance(pooled.theta[mode, card], x)
        scratch[GRADIENTS, card] += x * (outcome - p)
        scratch[CURVATURES, card] += x * x * p * (1.0 - p)


@rare
def _learn_pooled(pooled, shared, mode, copy, labelled):
    """One step from the means over the markets, which move together: their number is no evidence."""
    scratch = shared.scratch
    share(pooled.log_weights[mode, copy], scratch[LOSSES], 1.0 / labelled, ALPHA)
    theta, precision = pooled.theta[mode], pooled.precision[mode]
    for card in range(theta.size):
        curvature = scratch[CURVATURES, card] / labelled
        if curvature == 0.0:
            continue
        gradient = scratch[GRADIENTS, card] / labelled
        theta[card], precision[card] = calibrate(theta[card], precision[card], gradient, curvature)


@hot
def _learn_omega(log_omega, masses, predictions, outcome):
    """7.5: the three predictors are experts themselves, without sharing."""
    losses = masses[:MIXED]
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
    """Open a market's round in every mode whose cycle this is. `cards`: its (C, 3) READING, just read."""
    rows = learning.rows
    for mode in range(MODES):
        if is_due(mode, now_ns):
            _begin_one(rows[market], rows[rows.size - 1], learning.shared[0], cards, mode, now_ns)


@rare
def _begin_one(row, pooled, shared, cards, mode, now_ns):
    copy = copy_of(mode, now_ns)
    one, said = row.rounds[mode, copy], row.said[mode, copy]
    theta, pooled_theta = row.theta[mode], pooled.theta[mode]
    null = theta.size
    awake = 0
    for card in range(null):
        reading = cards[card, mode]
        x = voice(reading.score, reading.confidence, reading.exhausted)
        awake += x == x
        said[VOICE, card] = x
        said[OWN, card] = chance(theta[card], x)
        said[SHARED, card] = chance(pooled_theta[card], x)
    said[OWN, null] = said[SHARED, null] = 0.5
    one.begun_ns = 0
    one.mid = np.nan
    if awake == 0:
        return
    masses, predictions = shared.scratch[MASSES], one.predictions
    exponentials(row.log_weights[mode, copy], masses)
    predictions[SYMBOL] = predict(masses, said[OWN])
    exponentials(pooled.log_weights[mode, copy], masses)
    predictions[POOLED] = predict(masses, said[SHARED])
    predictions[PRIOR] = predict(shared.priors[mode], said[OWN])
    predictions[PUBLISHED] = predict(row.published[mode], said[OWN])
    exponentials(row.learners[mode].log_omega[copy], masses)
    predictions[SHADOW] = predict(masses[:MIXED], predictions[:MIXED])
    one.begun_ns = now_ns
    row.clock.wait_ns = now_ns + DECISION_NS
