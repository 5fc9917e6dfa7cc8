"""The thin ratio of the last seconds, for markets with an open trade (the exit of signals.md 9.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from bot.core.units import NS_PER_S

LOOKS = 4
"""Now, and one, two and three looks ago."""


class ThinLooks:
    """A few looks a market, a second apart; looks that lie too far apart say nothing."""

    def __init__(self) -> None:
        self._looks: dict[int, deque[tuple[int, float]]] = {}

    def look(self, markets: Iterable[int], ratios: np.ndarray, now_ns: int) -> None:
        """Note the ratios of these markets, (M,) of all; the others are forgotten."""
        second = now_ns // NS_PER_S
        self._looks = {market: self._looks.get(market, deque(maxlen=LOOKS)) for market in set(markets)}
        for market, looks in self._looks.items():
            if looks and looks[-1][0] == second:
                looks.pop()
            looks.append((second, float(ratios[market])))

    def extremes(self, market: int) -> tuple[float, float]:
        """Lowest and highest of the looks, nan before there are enough."""
        looks = self._looks.get(market)
        if looks is None or len(looks) < LOOKS or looks[-1][0] - looks[0][0] >= 2 * LOOKS:
            return float("nan"), float("nan")
        ratios = [ratio for _, ratio in looks]
        return min(ratios), max(ratios)
