"""The composite: one verdict for a symbol and mode out of all awake cards (signals.md 6.8).

There are two figures, both with the learner's published weights and
calibrations. The *bias*, for thresholds and display, is the mean of score x
confidence over the awake cards and a null expert that always says 0; a card
counts by its weight times its calibration over the one it started with, so what
was found to foretell nothing is not heard. The *probability*, for the edge, is
the aggregating algorithm's prediction (7.2) with every card at its learned
calibration (7.1) and a null expert at 1/2: it stays close to 1/2, as an unproven
signal should.
"""

from __future__ import annotations

import numpy as np

from bot.core.enums import Agreement
from bot.core.jit import hot, rare
from bot.signals.learning.experts import FIRST_THETA, chance, predict, voice
from bot.signals.registry import CARD_COUNT, CATEGORIES, CATEGORY_OF, MODES, WINDOWS
from bot.signals.rolling import mid_rank, push
from bot.signals.state import ALIGNMENT, AWAKE, PROBABILITY

DIRECTIONAL = 0.15
RANKED_FROM = 60

_NEUTRAL, _MIXED = int(Agreement.NEUTRAL), int(Agreement.MIXED)
_AGREED, _CONFLICTED = int(Agreement.AGREED), int(Agreement.CONFLICTED)


@rare
def combine_cards(sig, learned, mode):
    """Fill composites[mode] and verdicts[mode] from the cards just read; `learned`: the market's LEARNED."""
    reading = sig.composites[mode]
    weights, theta = learned.weights[mode], learned.theta[mode]
    total = weight = worth = confident = 0.0
    awake = 0
    chances = sig.chances
    for card in range(CARD_COUNT):
        chances[card] = np.nan
        own = weights[card]
        one = sig.cards[card, mode]
        if one.score != one.score or own == 0.0:
            continue
        x = voice(one.score, one.confidence, one.exhausted)
        awake += 1
        weight += own
        heard = own * theta[card] / FIRST_THETA
        worth += heard
        confident += heard * one.confidence
        total += heard * x
        chances[card] = chance(theta[card], x)
    chances[CARD_COUNT] = 0.5
    sig.verdicts[mode, AWAKE] = awake
    if awake == 0:
        reading.score = reading.confidence = reading.strength = reading.agreement = np.nan
        reading.state = -1.0
        sig.verdicts[mode, PROBABILITY] = np.nan
        sig.verdicts[mode, ALIGNMENT] = np.nan
        return
    bias = total / (worth + weights[CARD_COUNT]) if worth > 0.0 else 0.0
    agreement, state = _agreement(sig.cards, weights, theta, mode)
    reading.score = bias
    reading.agreement = agreement
    reading.coverage = weight
    reading.state = state
    reading.confidence = confident / worth * agreement if worth > 0.0 else 0.0
    reading.strength = _strength(sig.history[(WINDOWS + MODES) * CARD_COUNT + mode], abs(bias))
    sig.verdicts[mode, PROBABILITY] = predict(weights, chances)
    drift = sig.grid.drift[mode]
    sig.verdicts[mode, ALIGNMENT] = 0.0 if bias == 0.0 else (drift if bias > 0.0 else -drift)


@hot
def _agreement(cards, weights, theta, mode):
    """(share of the categories' sizes that is left in their sum, state) over categories."""
    signed = size = 0.0
    up = down = known = 0
    for category in range(CATEGORIES):
        total = weight = 0.0
        for card in range(CARD_COUNT):
            one = cards[card, mode]
            own = weights[card] * theta[card]
            if CATEGORY_OF[card] == category and one.score == one.score and own > 0.0:
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
def _strength(window, size):
    strength = size
    if window.count >= RANKED_FROM:
        strength = mid_rank(window, size)
    push(window, size)
    return strength
