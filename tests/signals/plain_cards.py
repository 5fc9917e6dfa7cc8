"""The card stage as plain Python: whole histories, every reading computed again from all of them.

Formulas are those of tests/reference.py; this adds only what a card and the
composite are made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.signals.registry import CARDS, NULL_WEIGHTS
from tests import reference

MODES = ("scalp", "day", "swing")
CONFIRM = (1, 2, 2)
CYCLE_S = (30, 60, 300)
CARD = {"th_in": 0.35, "th_out": 0.15, "slope": -0.02}
COMPOSITE = {"th_in": 0.10, "th_out": 0.04, "slope": -0.005}


@dataclass
class Episode:
    """What one card, or the composite, said for one mode since it last woke up."""

    thresholds: dict[str, float]
    mode: int
    scores: list[float] = field(default_factory=list)
    strengths: list[float] = field(default_factory=list)
    mids: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def sleep(self) -> dict[str, Any]:
        self.scores, self.strengths, self.mids, self.times = [], [], [], []
        return {"direction": 0, "fresh": False, "decelerating": False, "exhausted": False}

    def add(self, score: float, strength: float, mid: float, now_s: float, sigma: float) -> dict[str, Any]:
        self.scores.append(score)
        self.strengths.append(strength)
        self.mids.append(mid)
        self.times.append(now_s)
        t = self.thresholds
        states = reference.transitions(self.scores, t["th_in"], t["th_out"], CONFIRM[self.mode])
        slowing = reference.decelerating(self.scores, states, slope_max=t["slope"], th_out=t["th_out"])
        changes = [i for i, s in enumerate(states) if s != (states[i - 1] if i else 0)]
        start = changes[-1] if changes else 0
        direction = states[-1]
        return {
            "direction": direction,
            "fresh": bool(changes) and now_s - self.times[start] <= 3 * CYCLE_S[self.mode],
            "decelerating": slowing[-1],
            "exhausted": direction != 0
            and reference.exhausted(self.strengths[start:], self.mids[start:], direction, sigma),
        }


class PlainCards:
    """Feed it raw values, mids and the age of the book; it answers with every reading."""

    def __init__(self, theta: Sequence[Sequence[float]]) -> None:
        self.theta = theta  # calibrations, a mode and card
        self.raws: list[list[list[float]]] = [[[] for _ in range(3)] for _ in CARDS]
        self.sizes: list[list[list[float]]] = [[[] for _ in range(3)] for _ in range(len(CARDS) + 1)]
        self.episodes = [[Episode(CARD, mode) for mode in range(3)] for _ in CARDS]
        self.whole = [Episode(COMPOSITE, mode) for mode in range(3)]

    def read(
        self,
        raw: list[list[float | None]],
        mid: float,
        now_s: float,
        age_s: float,
        gap_share: float,
        sigmas: list[float],
    ) -> tuple[list[list[float | None]], list[list[dict[str, Any] | None]], list[dict[str, Any] | None]]:
        windows = [self._windows(card, values) for card, values in enumerate(raw)]
        cards = []
        for card, scores in enumerate(windows):
            n = max(len(values) for values in self.raws[card])
            cards.append(
                [self._card(card, m, scores, n, mid, now_s, age_s, gap_share, sigmas[m]) for m in range(3)]
            )
        return windows, cards, [self._composite(m, cards, mid, now_s, sigmas[m]) for m in range(3)]

    def _windows(self, card: int, values: list[float | None]) -> list[float | None]:
        scores: list[float | None] = []
        for history, x in zip(self.raws[card], values, strict=True):
            if x is None:
                scores.append(None)
                continue
            scale = reference.robust_scale(history, CARDS[card].scale, floor=CARDS[card].floor)
            scores.append(reference.score_from_z(x / scale))
            history.append(x)
        return scores

    def _card(
        self,
        card: int,
        m: int,
        scores: list[float | None],
        n: int,
        mid: float,
        now_s: float,
        age_s: float,
        gap_share: float,
        sigma: float,
    ) -> dict[str, Any] | None:
        combined = reference.combine_windows(scores, reference.MODE_WINDOWS[MODES[m]])
        if combined is None:
            self.episodes[card][m].sleep()
            return None
        score, state = combined["score"], combined["state"]
        history = self.sizes[card][m]
        strength = reference.strength(abs(score), history, state == "CONFLICTED")
        history.append(abs(score))
        confidence = reference.card_confidence(
            age_s, gap_share, n, combined["agreement"], state, combined["coverage"]
        )
        follow = self.episodes[card][m].add(score, strength, mid, now_s, sigma)
        return {**combined, "strength": strength, "confidence": confidence, **follow}

    def _composite(
        self, m: int, cards: list[list[dict[str, Any] | None]], mid: float, now_s: float, sigma: float
    ) -> dict[str, Any] | None:
        """6.8 with fixed weights and calibrations: the mean of what awake cards and the null expert say."""
        awake = [
            (spec, card[m], theta)
            for spec, card, theta in zip(CARDS, cards, self.theta[m], strict=True)
            if card[m] is not None and spec.weights[m] > 0
        ]
        if not awake:
            self.whole[m].sleep()
            return None
        says = [
            (
                spec.category,
                spec.weights[m] / 100 * theta / 0.4,
                c["score"] * c["confidence"] * (0.25 if c["exhausted"] else 1),
            )
            for spec, c, theta in awake
        ]
        weight = sum(w for _, w, _ in says)
        bias = sum(w * x for _, w, x in says) / (weight + NULL_WEIGHTS[m])
        shares = [*(spec.weights[m] / 100 for spec, _, _ in awake), NULL_WEIGHTS[m]]
        shares = [w / sum(shares) for w in shares]
        chances = [*(reference.sigmoid(t * x) for (_, _, t), (_, _, x) in zip(awake, says, strict=True)), 0.5]
        groups: dict[str, tuple[float, float]] = {}
        for category, w, x in says:
            total, share = groups.get(category, (0.0, 0.0))
            groups[category] = (total + w * x, share + w)
        sizes = sum(abs(total) for total, _ in groups.values())
        agreement = 1.0 if sizes < 1e-12 else abs(sum(total for total, _ in groups.values())) / sizes
        means = [total / share for total, share in groups.values() if share > 0.0]
        up, down = sum(x >= 0.15 for x in means), sum(x <= -0.15 for x in means)
        if up and down:
            state = "CONFLICTED"
        else:
            state = "NEUTRAL" if not up + down else "MIXED" if up + down == 1 else "AGREED"
        history = self.sizes[len(CARDS)][m]
        strength = reference.strength(abs(bias), history)
        history.append(abs(bias))
        heard = sum(w * c["confidence"] for (_, c, _), (_, w, _) in zip(awake, says, strict=True))
        confidence = agreement * heard / weight
        follow = self.whole[m].add(bias, strength, mid, now_s, sigma)
        return {
            "score": bias,
            "probability": reference.aa_predict(chances, shares),
            "agreement": agreement,
            "state": state,
            "strength": strength,
            "confidence": confidence,
            "awake": len(awake),
            **follow,
        }
