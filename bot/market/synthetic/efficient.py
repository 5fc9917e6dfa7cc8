"""The efficient price: how it moves, when what it moves changes, and samples of it for an oracle.

signals.md 11.2 (informed drift) and 11.3 (regime). IN_FLOW market orders lean
towards the efficient price; IN_DEPTH limit orders away from the touch do;
NOWHERE nobody knows it. `Settings.regimes` lets them take turns.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.draws import chance, normal, normal_at, uniform
from bot.market.synthetic.ladder import mid_of, ticks_of
from bot.market.synthetic.state import (
    CHANGED,
    MAX_VALUES,
    NONE,
    PLANT,
    REGIME,
    STEP_NS,
    STEP_S,
    VALUE_EVERY_NS,
)
from bot.market.synthetic.truth import close_truth, open_truth

REGIME_NS = 1_800_000_000_000

_KINDS = 3
_COMMON = 0.6  # correlation of efficient prices
_JUMP_PER_H, _JUMP_BPS = 4.0, 20.0
_ANCHOR_S = 86_400.0


@njit
def drift(lane: Any) -> None:
    """One step of the efficient price: correlated Brownian motion, jumps, a slow way back."""
    common = normal_at(lane.common_seed, lane.step)
    noise = _COMMON**0.5 * common + (1.0 - _COMMON) ** 0.5 * normal(lane.rng, PLANT)
    move_bps = lane.value_bps * sqrt(STEP_S) * noise
    if chance(lane.rng, PLANT, _JUMP_PER_H * STEP_S / 3600.0):
        move_bps += _JUMP_BPS if uniform(lane.rng, PLANT) < 0.5 else -_JUMP_BPS
    lane.value += ticks_of(lane, move_bps) + (lane.anchor - lane.value) * STEP_S / _ANCHOR_S


@njit
def open_regime(lane: Any) -> None:
    lane.regime_truth = open_truth(lane, REGIME, int(mid_of(lane)), NONE)
    lane.truth[lane.regime_truth].after = lane.regime


@njit
def change_regime(lane: Any) -> None:
    """In turn, every half hour of the market; what nobody knew while NOWHERE is forgotten."""
    regime = (lane.now_ns - lane.opened_ns) // REGIME_NS % _KINDS
    if regime == lane.regime:
        return
    close_truth(lane, lane.regime_truth, CHANGED)
    lane.regime = regime
    lane.value = mid_of(lane)
    open_regime(lane)


@njit
def sample_value(lane: Any) -> None:
    """Keeps the efficient price of every whole 10 s of true time."""
    if lane.now_ns // VALUE_EVERY_NS == (lane.now_ns - STEP_NS) // VALUE_EVERY_NS:
        return
    sample = lane.values[lane.n_values % MAX_VALUES]
    sample.t_ns, sample.ticks = lane.now_ns, lane.value
    lane.n_values += 1


def kept_values(lane: np.void) -> np.ndarray:
    """VALUE rows of a market, oldest first."""
    count = int(lane["n_values"])
    return np.roll(lane["values"], -count)[-min(count, MAX_VALUES) :] if count else lane["values"][:0]
