"""What the bot thinks of which venue leads, market by market (signals.md 5.2, 11.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bot.core.units import NS_PER_MS, NS_PER_S
from bot.engine.kernel import State
from bot.signals.cross.lead_lag import LAGS, LEAST_STEPS, STEP_NS
from bot.signals.state import Signals

WINDOW_NS = 600 * NS_PER_S
STEP_MS = STEP_NS // NS_PER_MS


class Lag(NamedTuple):
    """Of two markets at a time, ms; above 0 the first leads."""

    time_ns: int
    first: int
    second: int
    best_ms: int  # of the largest correlation of the last ten minutes, whatever its size
    used_ms: int  # that the card goes by until it is chosen anew; 0: neither clearly leads


@dataclass(slots=True)
class LagWatch:
    """Asks every pair of venues at the end of each ten minutes: `note` is for `Collector`."""

    lags: list[Lag] = field(default_factory=list)

    def note(self, state: State, now_ns: int) -> None:
        if now_ns % WINDOW_NS == 0:
            self.lags += lags_of(state.signals, now_ns)


def lags_of(signals: Signals, now_ns: int) -> list[Lag]:
    """Every pair that was followed for ten minutes."""
    found = []
    for first, listing in enumerate(signals.listing):
        for k in range(int(listing["peers"])):
            pair, second = signals.pairs[listing["pair"][k]], int(listing["peer"][k])
            if second > first and pair["steps"] >= LEAST_STEPS:
                best = int(np.abs(pair["cross"]).argmax()) - LAGS
                found.append(Lag(now_ns, first, second, best * STEP_MS, int(pair["lag"]) * STEP_MS))
    return found


def share_within_a_step(said_ms: np.ndarray, true_ms: np.ndarray) -> float:
    """Share of lags that are at most one step off."""
    return float(np.mean(np.abs(said_ms - true_ms) <= STEP_MS)) if said_ms.size else float("nan")
