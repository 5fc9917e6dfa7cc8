"""Builders for the learner's tests: cards by name, one tick at a time, or a whole run at compiled speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bot.core.enums import Mode
from bot.core.jit import njit
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.signals.learning.rounds import begin, copy_of, note_mid, settle
from bot.signals.learning.state import COPIES, PREDICTORS, SYMBOL, Learning, new_learning
from bot.signals.registry import CardSpec
from bot.signals.state import READING

T0 = 1_699_999_200 * NS_PER_S  # a whole hour, so every mode's cycle begins here
SCALP, DAY, SWING = (mode.place for mode in Mode)
CYCLE_NS = tuple(mode.cycle_s * NS_PER_S for mode in Mode)
START = 1000.0  # decision mid of every round
RANDOM, ADVERSARIAL = 0, 1
FEW = 3  # cards of most tests: each number of cards is another record, and compiled anew


def even_cards(count: int, categories: int = 4) -> list[CardSpec]:
    """Cards of equal prior weight; with the null expert's the weights are uniform."""
    share = 100.0 / (count + 1)
    return [CardSpec(f"card{i}", f"category{i % categories}", 0.3, (share,) * 3) for i in range(count)]


def even_learning(markets: int, count: int = FEW, categories: int = 4) -> Learning:
    return new_learning(markets, even_cards(count, categories), (1.0 / (count + 1),) * 3)


class Desk:
    """A learner driven one tick at a time, the way the card stage and the grid drive it."""

    def __init__(self, learning: Learning) -> None:
        self.learning = learning
        markets, _, cards = learning.theta.shape
        self.cards = np.zeros((markets - 1, cards, 3), READING)
        self.cards["confidence"] = 1.0
        self.cards["score"] = math.nan

    def mid(self, now_ns: int, mid: float, market: int = 0) -> None:
        note_mid(self.learning.rows[market], now_ns, float(mid))

    def settle(self, now_ns: int) -> None:
        settle(self.learning, now_ns)

    def begin(self, now_ns: int, scores: Sequence[float], market: int = 0) -> None:
        self.cards["score"][market] = np.asarray(scores, float)[:, None]
        begin(self.learning, self.cards[market], market, now_ns)

    def tick(self, now_ns: int, scores: Sequence[float]) -> None:
        """Settle, then begin with these scores in all markets."""
        self.settle(now_ns)
        for market in range(self.learning.clocks.size):
            self.begin(now_ns, scores, market)

    def round(self, now_ns: int, scores: Sequence[float], end: float) -> None:
        """The mid that ends the round D cycles ago, this tick, and the usual decision mid 250 ms on."""
        for market in range(self.learning.clocks.size):
            self.mid(now_ns, end, market)
        self.tick(now_ns, scores)
        for market in range(self.learning.clocks.size):
            self.mid(now_ns + 250 * NS_PER_MS, START, market)


class Run(NamedTuple):
    """What happened to market 0 in one mode: a row a labelled round."""

    predictions: np.ndarray  # (T, PREDICTORS)
    chances: np.ndarray  # (T, C + 1) of the market's own experts, the null expert last
    outcomes: np.ndarray  # (T,)
    weights: np.ndarray  # (T, C + 1) traded weights after each round was learned
    published: np.ndarray  # (T, C + 1) the same without the kill rule


def run(learning: Learning, mode: int, scores: np.ndarray, outcomes: np.ndarray, kind: int = RANDOM) -> Run:
    """Drive `mode` of all markets through scores (T, M, C) and outcomes (T, M) of 0, 1/2 or 1.

    ADVERSARIAL: the outcome is the worse one for the market's own learner, `outcomes` is overwritten.
    """
    rounds, markets, cards = scores.shape
    assert markets == learning.clocks.size
    readings = np.zeros((markets, cards, 3), READING)
    readings["confidence"] = 1.0
    predictions = np.empty((rounds, PREDICTORS))
    chances = np.empty((rounds, cards + 1))
    weights = np.empty((2, rounds, cards + 1))
    _run(learning, readings, mode, COPIES[mode], scores, outcomes, kind, predictions, chances, weights)
    return Run(predictions, chances, outcomes[:, 0], *weights)


@njit
def _run(learning, readings, mode, copies, scores, outcomes, kind, predictions, chances, weights):
    rows, rounds = learning.rows, scores.shape[0]
    for t in range(rounds + copies):
        now = T0 + t * CYCLE_NS[mode]
        for market in range(rows.size - 1):
            end = START
            if t >= copies:
                if kind == ADVERSARIAL:
                    outcomes[t - copies, market] = predictions[t - copies, SYMBOL] <= 0.5
                end = START * (1.0 + 0.002 * (outcomes[t - copies, market] - 0.5))
            note_mid(rows[market], now, end)
        settle(learning, now)
        if t >= copies:
            weights[0, t - copies] = rows[0].weights[mode]
            weights[1, t - copies] = rows[0].published[mode]
        if t >= rounds:
            continue
        for market in range(rows.size - 1):
            for card in range(scores.shape[2]):
                readings[market, card, mode].score = scores[t, market, card]
            begin(learning, readings[market], market, now)
            note_mid(rows[market], now + 250_000_000, START)
        copy = copy_of(mode, now)
        predictions[t] = rows[0].rounds[mode, copy].predictions
        chances[t] = rows[0].said[mode, copy, 1]
