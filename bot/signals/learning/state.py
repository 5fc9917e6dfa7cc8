"""All state of the learner: a record a market, and one more that pools all markets.

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

# rows of LEARNED.said
VOICE, OWN, SHARED = range(3)

# columns of LEARNER.losses
PUBLISHED_LOSS, SHADOW_LOSS, NULL_LOSS = range(3)

# rows of `scratch`
LOSSES, GRADIENTS, CURVATURES, MASSES, TARGET = range(5)

CLOCK = np.dtype(
    [
        ("mid", "<f8"),  # last known, ticks
        ("mid_ns", "<i8"),
        ("wait_ns", "<i8"),  # from when on open rounds want their decision mid, FOREVER none
        ("changes", "<i8"),  # ever written to LEARNED.changes
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
        ("mode", "<i8"),
        ("expert", "<i8"),
        ("before", "<f8"),
        ("after", "<f8"),
        ("reason", "<i8"),  # bot.signals.learning.publishing.Reason
    ],
    align=True,
)


def learned_of(cards: int) -> np.dtype:
    """The record LEARNED: what a market has taught about C cards (registry order), in 3 modes, 12 copies."""
    experts = cards + 1
    return np.dtype(
        [
            ("theta", "<f8", (MODES, cards)),  # p = sigmoid(theta x), 0 .. 3
            ("weights", "<f8", (MODES, experts)),  # what the composite trades on, the null expert last
            ("published", "<f8", (MODES, experts)),  # the same, but for a killed mode
            ("precision", "<f8", (MODES, cards)),
            ("clock", CLOCK),
            ("learners", LEARNER, (MODES,)),
            ("log_weights", "<f8", (MODES, MOST_COPIES, experts)),  # a copy; exp sums to 1
            ("rounds", ROUND, (MODES, MOST_COPIES)),  # a copy
            ("said", "<f8", (MODES, MOST_COPIES, 3, experts)),  # its open round: x, p by own theta, by pooled
            ("tables", "<f4", (MODES, experts, BINS, BINS)),  # faded counts by x and move; the composite last
            ("changes", CHANGE, (8 * MODES * experts,)),  # a ring
        ],
        align=True,
    )


def shared_of(cards: int) -> np.dtype:
    """The record of what all markets share."""
    experts = cards + 1
    return np.dtype(
        [
            ("priors", "<f8", (MODES, experts)),  # sum 1
            ("categories", "<i8", (cards,)),  # from 0 without holes
            ("scratch", "<f8", (5, experts)),  # nothing in it outlives a call
        ],
        align=True,
    )


class Learning(NamedTuple):
    """Records of M markets and the pooled learner; numpy code may read an array of a field instead.

    The pooled learner has but theta, precision and log_weights: these arrays have M + 1 rows, the others M.
    """

    rows: np.ndarray  # (M + 1,) LEARNED, the pooled learner last
    shared: np.ndarray  # (1,) of `shared_of`

    @property
    def clocks(self) -> np.ndarray:
        return self.rows["clock"][:-1]

    def __getattr__(self, name: str) -> np.ndarray:
        """A field of all rows or of `shared`, a view: `learning.weights` is (M, 3, C + 1) float64."""
        if name in (self.shared.dtype.names or ()):
            return self.shared[name][0]
        if name not in (self.rows.dtype.names or ()):
            raise AttributeError(name)
        return self.rows[name] if name in _POOLED_TOO else self.rows[name][:-1]


_POOLED_TOO = ("theta", "precision", "log_weights")


def new_learning(
    markets: int, cards: Sequence[CardSpec] = CARDS, null_weights: Sequence[float] = NULL_WEIGHTS
) -> Learning:
    """Everything at its prior. Weights of the cards are %, of the null expert shares; both are normalised."""
    if len(cards) < LEAST_CARDS:
        raise ValueError(f"expected {LEAST_CARDS} cards or more to learn about, was {len(cards)}")
    names = sorted({card.category for card in cards})
    shared = np.zeros(1, shared_of(len(cards)))
    shared["categories"] = [names.index(card.category) for card in cards]
    priors = shared["priors"][0]
    priors[:, :-1] = np.array([card.weights for card in cards], float).T.reshape(MODES, -1) / 100.0
    priors[:, -1] = null_weights
    priors /= priors.sum(axis=1, keepdims=True)
    rows = np.zeros(markets + 1, learned_of(len(cards)))
    rows["theta"] = FIRST_THETA
    rows["weights"] = rows["published"] = priors
    rows["precision"] = FIRST_PRECISION
    with np.errstate(divide="ignore"):
        rows["log_weights"] = np.log(priors)[:, None, :]
    rows["learners"]["log_omega"] = np.log(FIRST_OMEGA)
    rows["clock"]["mid"] = np.nan
    rows["clock"]["wait_ns"] = FOREVER
    rows["said"] = np.nan
    return Learning(rows, shared)


CYCLE_NS = tuple(mode.cycle_s * NS_PER_S for mode in Mode)
HORIZON_NS = tuple(mode.horizon_s * NS_PER_S for mode in Mode)
