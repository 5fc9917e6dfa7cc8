"""Looks at the books of a running engine, kept for pictures."""

from __future__ import annotations

from collections import deque
from math import nan
from typing import Any

import numpy as np

from bot.core.enums import Trust
from bot.engine.kernel import State
from bot.market.book import ASK, BID, best_tick, levels
from bot.market.heads import OK
from bot.market.trust import trust_of
from bot.pictures.scene import Column

REACH_BPS = 70.0
"""How far from the mid a column keeps levels."""
MOST_LEVELS = 3000


class History:
    """The last columns of every market, for pictures of a running session."""

    def __init__(self, markets: int, most: int = 180) -> None:
        self._columns: list[deque[Column]] = [deque(maxlen=most) for _ in range(markets)]
        self._totals = np.zeros((markets, 2))  # bought and sold since the start

    def look(self, now_ns: int, state: State) -> None:
        """Add a column for every market."""
        for market in range(len(self._columns)):
            before = self._totals[market].copy()
            self._totals[market] = _totals(state, market)
            bought, sold = np.maximum(self._totals[market] - before, 0.0).tolist()
            self._columns[market].append(column(state, market, now_ns, bought, sold))

    def of(self, market: int) -> tuple[Column, ...]:
        return tuple(self._columns[market])


def column(state: State, market: int, now_ns: int, bought: float, sold: float) -> Column:
    """How a market looks now."""
    usable = state.heads[market]["status"] == OK
    bid = float(best_tick(state.books, market, BID)) if usable else nan
    ask = float(best_tick(state.books, market, ASK)) if usable else nan
    trusted = trust_of(state.heads[market], now_ns)[0] is Trust.TRUSTED
    shown = _near(state, market, 0.5 * (bid + ask)) if usable else np.zeros((0, 2), np.float32)
    return Column(now_ns, shown, bid, ask, trusted, bought, sold)


def _near(state: State, market: int, mid: float) -> np.ndarray[Any, Any]:
    sides = []
    for side, sign in ((BID, 1.0), (ASK, -1.0)):
        ticks, lots = levels(state.books, market, side, MOST_LEVELS)
        near = np.abs(ticks / mid - 1.0) <= REACH_BPS / 1e4
        sides.append(np.column_stack([ticks[near].astype(np.float64), sign * lots[near]]))
    return np.concatenate(sides).astype(np.float32)


def _totals(state: State, market: int) -> tuple[float, float]:
    flow = state.signals.rows[market]["flow"]
    traded, signed = float(flow["traded"]), float(flow["cvd"])
    return 0.5 * (traded + signed), 0.5 * (traded - signed)
