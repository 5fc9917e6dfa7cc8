"""All state of the learner: a row a market and mode, and one more learner that pools all markets.

An *expert* is a card, or the null expert (last) that always says 1/2. A round
begins at a tick of a mode's cycle and is labelled one horizon later, D cycles
on. D copies of the weights take turns, so a copy has one open round and its
place is the copy's. nan means asleep or unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bot.core.enums import Mode
from bot.core.units import NS_PER_S
from bot.signals.learning.experts import FIRST_PRECISION, FIRST_THETA
from bot.signals.registry import CARDS, MODES, NULL_WEIGHTS, CardSpec

FOREVER = np.iinfo(np.int64).max
RECENT = 500  # labels of the rolling Brier scores
BINS = 17  # a side of a rank table

COPIES = tuple(mode.horizon_s // mode.cycle_s for mode in Mode)
"""D of 7.4 a mode."""
MOST_COPIES = max(COPIES)

SYMBOL, POOLED, PRIOR, PUBLISHED, SHADOW = range(5)
"""Predictors: the market's learner, the pooled one, the prior weights; the published ones; the free mix."""
PREDICTORS = 5
LEAST_CARDS = 2  # a row of scratch also holds the three mixed predictors
MIXED = 3  # the first three, which the unconstrained mix weighs
FIRST_OMEGA = (0.2, 0.3, 0.5)

# rows of `Learning.said`
VOICE, OWN, SHARED = range(3)

# columns of LEARNER.losses
PUBLISHED_LOSS, SHADOW_LOSS, NULL_LOSS = range(3)

# rows of `Learning.scratch`
LOSSES, GRADIENTS, CURVATURES, MASSES, TARGET = range(5)

CLOCK = np.dtype(
    [
        ("mid", "<f8"),  # last known, ticks
        ("mid_ns", "<i8"),
        ("wait_ns", "<i8"),  # from when on open rounds want their decision mid, FOREVER none
        ("changes", "<i8"),  # ever written to `Learning.changes`
    ],
    align=True,
)

ROUND = np.dtype(
    [
        ("begun_ns", "<i8"),  # 0: no round
        ("mid", "<f8"),  # decision mid, nan until it is known
        ("predictions", "<f8", (PREDICTORS,)),
    ],
    align=True,
)

LEARNER = np.dtype(
    [
        ("labels", "<i8"),  # rounds learned from, overlapping ones counted one by one
        ("published_ns", "<i8"),  # of the last hourly publication
        ("killed", "<i8"),  # 1: the mode is forced to the null expert
        ("log_omega", "<f8", (MOST_COPIES, MIXED)),
        ("moved", "<f8"),  # faded sum of |move|, bps, and of its weights
        ("moves", "<f8"),
        ("losses", "<f8", (RECENT, 3)),  # a ring by label: squared errors
    ],
    align=True,
)

CHANGE = np.dtype(
    [
        ("time_ns", "<i8"),
        ("market", "<i8"),
        ("mode", "<i8"),
        ("expert", "<i8"),
        ("before", "<f8"),
        ("after", "<f8"),
        ("reason", "<i8"),  # bot.signals.learning.publishing.Reason
    ],
    align=True,
)


class Learning(NamedTuple):
    """Arrays of M markets, C cards (registry order), 3 modes, 12 copies; M + 1: the pooled learner last."""

    theta: np.ndarray  # (M + 1, 3, C) float64: p = sigmoid(theta x), 0 .. 3
    weights: np.ndarray  # (M, 3, C + 1) float64: what the composite trades on, the null expert last
    published: np.ndarray  # (M, 3, C + 1) float64: the same, but for a killed mode
    priors: np.ndarray  # (3, C + 1) float64, sum 1
    precision: np.ndarray  # (M + 1, 3, C) float64
    log_weights: np.ndarray  # (M + 1, 3, 12, C + 1) float64, a copy; exp sums to 1
    learners: np.ndarray  # (M, 3) LEARNER
    clocks: np.ndarray  # (M,) CLOCK
    rounds: np.ndarray  # (M, 3, 12) ROUND, a copy
    said: np.ndarray  # (M, 3, 12, 3, C + 1) float64, a copy's open round: x, p by own theta, p by the pooled
    tables: np.ndarray  # (M, 3, C + 1, 17, 17) float32: faded counts by x and move; the composite last
    changes: np.ndarray  # (M, R) CHANGE, a ring
    categories: np.ndarray  # (C,) int64, from 0 without holes
    scratch: np.ndarray  # (5, C + 1) float64: nothing in it outlives a call


def new_learning(
    markets: int, cards: Sequence[CardSpec] = CARDS, null_weights: Sequence[float] = NULL_WEIGHTS
) -> Learning:
    """Everything at its prior. Weights of the cards are %, of the null expert shares; both are normalised."""
    if len(cards) < LEAST_CARDS:
        raise ValueError(f"expected {LEAST_CARDS} cards or more to learn about, was {len(cards)}")
    experts = len(cards) + 1
    names = sorted({card.category for card in cards})
    priors = np.empty((MODES, experts))
    priors[:, :-1] = np.array([card.weights for card in cards], float).T.reshape(MODES, -1) / 100.0
    priors[:, -1] = null_weights
    priors /= priors.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_priors = np.log(priors)
    learners = np.zeros((markets, MODES), LEARNER)
    learners["log_omega"] = np.log(FIRST_OMEGA)
    clocks = np.zeros(markets, CLOCK)
    clocks["mid"] = np.nan
    clocks["wait_ns"] = FOREVER
    return Learning(
        theta=np.full((markets + 1, MODES, experts - 1), FIRST_THETA),
        weights=np.tile(priors, (markets, 1, 1)),
        published=np.tile(priors, (markets, 1, 1)),
        priors=priors,
        precision=np.full((markets + 1, MODES, experts - 1), FIRST_PRECISION),
        log_weights=np.tile(log_priors[:, None, :], (markets + 1, 1, MOST_COPIES, 1)),
        learners=learners,
        clocks=clocks,
        rounds=np.zeros((markets, MODES, MOST_COPIES), ROUND),
        said=np.full((markets, MODES, MOST_COPIES, 3, experts), np.nan),
        tables=np.zeros((markets, MODES, experts, BINS, BINS), np.float32),
        changes=np.zeros((markets, 8 * MODES * experts), CHANGE),
        categories=np.array([names.index(card.category) for card in cards], np.int64),
        scratch=np.zeros((5, experts)),
    )


CYCLE_NS = tuple(mode.cycle_s * NS_PER_S for mode in Mode)
HORIZON_NS = tuple(mode.horizon_s * NS_PER_S for mode in Mode)
