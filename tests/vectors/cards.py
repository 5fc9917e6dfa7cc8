"""Cards: scores, agreement, confidence, directions (signals.md 6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bot.core.enums import Agreement
from bot.core.jit import njit
from bot.signals import cards, composite
from bot.signals.registry import SCALES
from bot.signals.rolling import push, window_of
from bot.signals.state import ALIGNMENT, DAY_CARDS, new_signals
from tests.signals.worlds import T0, give_sigma

NAN = math.nan


ADAPTERS: dict[str, Callable[..., Any]] = {}


def adapter(function: Callable[..., Any]) -> Callable[..., Any]:
    ADAPTERS[function.__name__] = function
    return function


def history_of(values):
    window = np.zeros(1, window_of(DAY_CARDS))[0]
    for value in values:
        push(window, abs(value))
    return window


@adapter
def robust_scale(samples, prior_scale):
    return cards.robust_scale(history_of(samples), prior_scale, 1e-9)


@adapter
def score_from_z(z):
    """A raw value z times the prior scale of a card without history."""
    sig = new_signals(1)
    sig.raw[0, 0, 0] = z * SCALES[0]
    cards.read(sig.rows[0], sig.learning.rows[0], T0, 0.0)
    return float(sig.scores[0, 0, 0])


@adapter
def combine_windows(scores, weights):
    mode = [list(w) for w in cards.WINDOW_WEIGHTS].index(weights)
    windows = np.array([NAN if s is None else s for s in scores]).reshape(1, 3)
    score, agreement, coverage, state = cards.combine_windows(windows, 0, mode)
    if math.isnan(score):
        assert Agreement(state) is Agreement.ASLEEP
        return None
    return {"score": score, "agreement": agreement, "coverage": coverage, "state": Agreement(state).name}


@adapter
def card_confidence(age_s, gap_frac, n, agreement, state, coverage):
    return cards.confidence_of(age_s, gap_frac, n, agreement, int(Agreement[state]), coverage)


@adapter
def strength(abs_score, history, conflicted=False):
    state = Agreement.CONFLICTED if conflicted else Agreement.AGREED
    return cards.strength_of(history_of(history), abs_score, int(state))


@njit
def follow_all(sig, mode, scores, directions, slowing):
    """The scores of one card for one mode, one after the other."""
    reading = sig.cards[0, mode]
    for i in range(scores.size):
        reading.score = scores[i]
        cards.follow(sig, 0, mode, reading, T0 + i, cards.ENTER, cards.LEAVE, cards.SLOPE)
        directions[i] = reading.direction
        slowing[i] = reading.decelerating


def followed(scores, confirm):
    mode = cards.CONFIRM.index(confirm)
    directions, slowing = np.zeros(len(scores)), np.zeros(len(scores))
    follow_all(new_signals(1).rows[0], mode, np.array(scores), directions, slowing)
    return directions.astype(int).tolist(), slowing.astype(bool).tolist()


@adapter
def transitions(scores, confirm=2):
    return followed(scores, confirm)[0]


@adapter
def decelerating(scores, states):
    confirm = 1 if states[0] else 2
    directions, slowing = followed(scores, confirm)
    assert directions == states
    return slowing


@njit
def is_exhausted(sig, strength, mid):
    return cards.exhausted(sig, 0, sig.memory[0, 0], strength, mid)


@adapter
def exhausted(strengths, prices, direction, sigma_h_bps):
    sig = new_signals(1)
    memory = sig.memory[0, 0, 0]
    memory["direction"], memory["cards"] = direction, len(prices) - 1
    memory["started_mid"], memory["strength"] = prices[0], strengths[-2]
    sig.grid["emitted_mid"][0, :3] = prices[-2], prices[-3], prices[-4]
    give_sigma(sig, sigma_h_bps)
    return bool(is_exhausted(sig.rows[0], strengths[-1], prices[-1]))


@adapter
def alignment(score, ret_bps, sigma_bps):
    sig = new_signals(1)
    sig.grid["second"] = 1_000
    sig.mids[0, 1_000], sig.mids[0, 940] = 1.0 + ret_bps / 1e4, 1.0
    give_sigma(sig, sigma_bps)
    cards.align(sig.rows[0])
    sig.cards["score"][0, 0], sig.cards["confidence"][0, 0] = score, 1.0
    composite.combine_cards(sig.rows[0], sig.learning.rows[0], 0)
    return float(sig.verdicts[0, 0, ALIGNMENT])
