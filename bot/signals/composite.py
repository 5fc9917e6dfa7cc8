"""The composite: one verdict for a symbol and mode out of all awake cards (signals.md 6.8).

There are two figures, both with the learner's published weights. The *bias*,
for thresholds and display, is the weighted mean of score x confidence over the
awake cards and a null expert that always says 0. The *probability*, for the
edge, is the aggregating algorithm's prediction (7.2) with every card at its
learned calibration (7.1) and a null expert at 1/2: it stays close to 1/2, as an
unproven signal should.
"""

from __future__ import annotations

import numpy as np

from bot.core.enums import Agreement
from bot.core.jit import hot, rare
from bot.signals.learning.experts import chance, predict, voice
from bot.signals.registry import CATEGORIES, MODES, WINDOWS
from bot.signals.rolling import count_of, mid_rank, push
from bot.signals.state import ALIGNMENT, AWAKE, DAY_CARDS, PROBABILITY

DIRECTIONAL = 0.15
RANKED_FROM = 60

_NEUTRAL, _MIXED = int(Agreement.NEUTRAL), int(Agreement.MIXED)
_AGREED, _CONFLICTED = int(Agreement.AGREED), int(Agreement.CONFLICTED)


@rare
def combine_cards(sig, market, mode):
    """Fill composites[market, mode] and verdicts[market, mode] from the cards just read."""
    reading = sig.composites[market, mode]
    weights, theta = sig.learning.weights, sig.learning.theta
    total = weight = confident = 0.0
    awake = 0
    null = sig.raw.shape[1]
    chances = sig.chances
    for card in range(null):
        chances[card] = np.nan
        own = weights[market, mode, card]
        one = sig.cards[market, card, mode]
        if one.score != one.score or own == 0.0:
            continue
        x = voice(one.score, one.confidence, one.exhausted)
        awake += 1
        weight += own
        confident += own * one.confidence
        total += own * x
        chances[card] = chance(theta[market, mode, card], x)
    chances[null] = 0.5
    sig.verdicts[market, mode, AWAKE] = awake
    if awake == 0:
        reading.score = reading.confidence = reading.strength = reading.agreement = np.nan
        reading.state = -1.0
        sig.verdicts[market, mode, PROBABILITY] = np.nan
        sig.verdicts[market, mode, ALIGNMENT] = np.nan
        return
    bias = total / (weight + weights[market, mode, null])
    agreement, state = _agreement(sig, market, mode)
    reading.score = bias
    reading.agreement = agreement
    reading.coverage = weight
    reading.state = state
    reading.confidence = confident / weight * agreement
    reading.strength = _strength(sig, market, mode, abs(bias))
    sig.verdicts[market, mode, PROBABILITY] = predict(weights[market, mode], chances)
    drift = sig.grid[market].drift[mode]
    sig.verdicts[market, mode, ALIGNMENT] = 0.0 if bias == 0.0 else (drift if bias > 0.0 else -drift)


@hot
def _agreement(sig, market, mode):
    """(share of the categories' sizes that is left in their sum, state) over categories."""
    signed = size = 0.0
    up = down = known = 0
    for category in range(CATEGORIES):
        total = weight = 0.0
        for card in range(sig.raw.shape[1]):
            one = sig.cards[market, card, mode]
            own = sig.learning.weights[market, mode, card]
            if sig.categories[card] == category and one.score == one.score and own > 0.0:
                total += own * voice(one.score, one.confidence, one.exhausted)
                weight += own
        if weight == 0.0:
            continue
        known += 1
        signed += total
        size += abs(total)
        up += total / weight >= DIRECTIONAL
        down += total / weight <= -DIRECTIONAL
    agreement = 1.0 if size < 1e-12 else abs(signed) / size
    if up > 0 and down > 0:
        return agreement, _CONFLICTED
    if up + down == 0:
        return agreement, _NEUTRAL
    return agreement, _AGREED if up + down >= 2 else _MIXED


@hot
def _strength(sig, market, mode, size):
    row = (WINDOWS + MODES) * sig.raw.shape[1] + mode
    strength = size
    if count_of(sig.history, market, row) >= RANKED_FROM:
        strength = mid_rank(sig.history, market, row, size)
    push(sig.history, market, row, DAY_CARDS, size)
    return strength
