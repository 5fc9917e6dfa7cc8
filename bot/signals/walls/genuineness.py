"""What the evidence says of a wall: sequential log-odds, base rates, and weights learned as walls end (2.2).

Evidence only arrives when the wall is near: it survives, it absorbs, or it is
pulled. Untouched walls cannot be told apart.
"""

from __future__ import annotations

import math

from bot.core.jit import hot
from bot.signals.state import WALL_EVIDENCE

GENUINE, TRAP = 0.65, 0.35
DECISION_S = 2.0
"""Seconds near a wall after which a fade would have to decide; weights are learned for that moment."""
MOST_BASE_RATE = 0.5
"""Of the prior odds. Most walls of a quiet market hold; that alone shall not speak for the one at hand."""
KEEP = 0.98  # of the counts of held and tested walls, a new trial

_NEAR_MOST = 2.3  # ln(1 / (1 - 0.9)): one spoofer of ten does not pull, so surviving proves no more
_WEIGHTS = (1.0, 1.5, 0.5, 4.0, 1.0, 0.5)
_PRECISION, _FORGET = 10.0, 0.9995
_MOST = 3.0  # times the default


@hot
def evidence(far_s, executed, added, cancelled_near, peak, layering, flicker):
    """What the six weights are for: waited, absorbed, refilled, pulled, layered, flickered; + is genuine."""
    refilled = min(1.0, added / executed) if executed > 0.0 else 0.0
    return (
        min(1.0, 0.02 * far_s),
        min(2.0, executed / peak),
        refilled,
        -cancelled_near / (cancelled_near + executed + 0.25 * peak),
        -layering,
        -flicker,
    )


@hot
def log_odds(near_s, far_s, executed, added, cancelled_near, peak, base_rate, layering, flicker):
    """2.2: sequential log-odds that a wall is genuine, with the default weights."""
    x = evidence(far_s, executed, added, cancelled_near, peak, layering, flicker)
    odds = math.log(base_rate / (1.0 - base_rate)) + min(_NEAR_MOST, near_s)
    for j in range(WALL_EVIDENCE):
        odds += _WEIGHTS[j] * x[j]
    return odds


@hot
def base_rate(wins, trials):
    """2.2: share of a side's tested walls that held, Beta(1, 1) prior, clipped to [0.1, 0.9]."""
    return min(0.9, max(0.1, (wins + 1.0) / (trials + 2.0)))


@hot
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@hot
def judge(wall, grid, layering, flicker):
    """Renew a wall's genuineness; note the evidence when a fade would have to decide."""
    which = 0 if wall.side > 0 else 1
    odds = log_odds(
        wall.near_s,
        wall.far_s,
        wall.executed,
        wall.added,
        wall.cancelled_near,
        wall.peak,
        min(MOST_BASE_RATE, base_rate(grid.wall_wins[which], grid.wall_trials[which])),
        layering,
        flicker,
    )
    x = evidence(wall.far_s, wall.executed, wall.added, wall.cancelled_near, wall.peak, layering, flicker)
    for j in range(WALL_EVIDENCE):
        odds += grid.wall_learned[j] * x[j]
    wall.genuineness = sigmoid(odds)
    if wall.near_s >= DECISION_S and wall.decided != wall.decided:
        wall.decided = wall.genuineness
        for j in range(WALL_EVIDENCE):
            wall.evidence[j] = x[j]


@hot
def learn(grid, wall, held):
    """A tested wall ended: its side's base rate, and the weights of the evidence it was decided on.

    The step of 7.1 for each weight, drawn back to the defaults as fast as
    precision is forgotten. A weight may fall to nothing and never turns round.
    The evidence at the end would not do: it contains the pull itself.
    """
    which = 0 if wall.side > 0 else 1
    grid.wall_wins[which] = KEEP * grid.wall_wins[which] + held
    grid.wall_trials[which] = KEEP * grid.wall_trials[which] + 1.0
    p = wall.decided
    if p != p:
        return
    for j in range(WALL_EVIDENCE):
        x = wall.evidence[j]
        gained = _FORGET * grid.wall_precision[j] + x * x * p * (1.0 - p)
        grid.wall_precision[j] = gained
        step = x * (held - p) - (1.0 - _FORGET) * _PRECISION * grid.wall_learned[j]
        learned = grid.wall_learned[j] + step / (_PRECISION + gained)
        grid.wall_learned[j] = min((_MOST - 1.0) * _WEIGHTS[j], max(-_WEIGHTS[j], learned))
