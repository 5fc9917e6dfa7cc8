"""The learner again, slow and plain: dicts and lists, the reference's functions, one market after another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bot.signals.learning.experts import ALPHA
from tests import reference

GRACE_S = 5.0


class PlainLearner:
    """One mode of some markets, given (x per card, decision mid) at each tick and the mids at the ticks."""

    def __init__(self, markets: int, prior: list[float], copies: int, categories: list[int]) -> None:
        self.copies = copies
        self.prior = prior
        self.categories = categories
        cards = len(prior) - 1
        self.learners: list[Any] = [
            {
                "weights": [list(prior) for _ in range(copies)],
                "theta": [0.4] * cards,
                "precision": [10.0] * cards,
                "omega": [[0.2, 0.3, 0.5] for _ in range(copies)],
                "labels": 0,
            }
            for _ in range(markets + 1)
        ]
        self.open: dict[tuple[int, int], Any] = {}

    def settle(self, t: int, mids: list[float | None]) -> None:
        """`mids`: at tick t, None unknown."""
        copy = t % self.copies
        pool = self.learners[-1]
        charged, examples = [], []
        for market, end in enumerate(mids):
            one = self.open.pop((market, copy), None)
            if one is None or end is None or one["mid"] is None:
                continue
            move = math.log(end / one["mid"])
            y = 0.5 if move == 0 else float(move > 0)
            own = self.learners[market]
            own["labels"] += 1
            step = reference.fixed_share_step(own["weights"][copy], one["own"], y, ALPHA)
            own["weights"][copy] = step["weights"]
            charged.append([(one["said"][1] if p is None else p) - y for p in one["shared"]])
            own["omega"][copy] = reference.fixed_share_step(own["omega"][copy], one["said"], y, 0.0)[
                "weights"
            ]
            for card, x in enumerate(one["x"]):
                if x is not None:
                    own["theta"][card], own["precision"][card] = self._step(own, card, [(x, y)])
                    examples.append((card, x, y, len(charged)))
        if not charged:
            return
        losses = (np.array(charged) ** 2).mean(axis=0)
        mass = np.array(pool["weights"][copy]) * np.exp(-reference.ETA * losses)
        pool["weights"][copy] = list((1 - ALPHA) * mass / mass.sum() + ALPHA / mass.size)
        for card in {card for card, *_ in examples}:
            heard = [(x, y) for c, x, y, _ in examples if c == card]
            heard += [(0.0, 0.5)] * (len(charged) - len(heard))
            pool["theta"][card], pool["precision"][card] = self._step(pool, card, heard)

    def begin(self, t: int, market: int, xs: list[float | None], mid: float | None) -> list[float] | None:
        """Predictions of the market's, the pooled and the prior weights, None without an awake card."""
        if all(x is None for x in xs):
            return None
        copy = t % self.copies
        own, pool = self.learners[market], self.learners[-1]
        p_own = [*self._chances(own, xs), 0.5]
        p_shared = [*self._chances(pool, xs), 0.5]
        said = [
            _aggregate(p_own, own["weights"][copy]),
            _aggregate(p_shared, pool["weights"][copy]),
            _aggregate(p_own, self.prior),
        ]
        self.open[market, copy] = {"x": xs, "own": p_own, "shared": p_shared, "said": said, "mid": mid}
        return [*said, _aggregate(said, own["omega"][copy])]

    def _chances(self, learner: Any, xs: list[float | None]) -> list[float | None]:
        return [
            None if x is None else float(reference.sigmoid(theta * x))
            for theta, x in zip(learner["theta"], xs, strict=True)
        ]

    def _step(self, learner: Any, card: int, examples: list[tuple[float, float]]) -> tuple[float, float]:
        """One step of 7.1 with the means over some examples."""
        theta = learner["theta"][card]
        ps = [float(reference.sigmoid(theta * x)) for x, _ in examples]
        curvature = float(np.mean([x * x * p * (1 - p) for (x, _), p in zip(examples, ps, strict=True)]))
        gradient = float(np.mean([x * (y - p) for (x, y), p in zip(examples, ps, strict=True)]))
        precision = 0.9995 * learner["precision"][card] + 0.0005 * 10.0 + curvature
        return float(reference.clip(theta + gradient / precision, 0.0, 3.0)), precision


def _aggregate(chances: list[Any], weights: list[float]) -> float:
    awake = [(p, w) for p, w in zip(chances, weights, strict=True) if p is not None]
    total = sum(w for _, w in awake)
    return reference.aa_predict([p for p, _ in awake], [w / total for _, w in awake])
