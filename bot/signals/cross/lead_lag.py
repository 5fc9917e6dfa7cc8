"""Which of two venues moves first, and by how much (signals.md 5.2), on a grid of 50 ms.

Cross-products of the two mids' returns are kept for lags of up to a second
either way. A lag is used only when the correlation is strong and the other
direction's is weak (Huth & Abergel 2014). Times are our receive times: a lead
that the network eats is not one. The exact estimator for research is
`bot.signals.cross.hayashi_yoshida`.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_MS, NS_PER_S

STEP_NS = 50 * NS_PER_MS
LAGS = 20  # steps either way
TAU_S = 300.0  # half of the window of 10 min
SELECT_NS = 3_600 * NS_PER_S
LEAST_STEPS = 12_000  # 10 min
LEAST_CORRELATION = 0.2
LEAST_LEAD = 1.5
_RING = 32  # a power of two above LAGS
_FADE = math.exp(-STEP_NS / NS_PER_S / TAU_S)

PAIR = np.dtype(
    [
        ("step", "<i8"),  # the last grid point worked off, 0 none
        ("steps", "<i8"),  # grid points since the start
        ("mid", "<f8", (2,)),  # now, in any unit; nan unusable
        ("grid_mid", "<f8", (2,)),  # at the last grid point
        ("returns", "<f8", (2, _RING)),  # bps, step s at s % ring
        ("square", "<f8", (2,)),  # faded sums
        ("cross", "<f8", (2 * LAGS + 1,)),  # of x[t - lag] y[t], lag -20 .. 20
        ("selected_ns", "<i8"),
        ("lag", "<i8"),  # steps; > 0 the first venue leads, < 0 the second, 0 neither
        ("correlation", "<f8"),  # at that lag
    ],
    align=True,
)


def new_pairs(pairs: int) -> np.ndarray:
    """(P,) PAIR rows."""
    rows = np.zeros(pairs, PAIR)
    rows["mid"] = rows["grid_mid"] = np.nan
    return rows


@hot
def on_mid(row, now_ns, which, mid):
    """A venue's mid from now on (`which` 0 or 1); nan when its book is not usable."""
    advance(row, now_ns)
    row.mid[which] = mid


@hot
def advance(row, now_ns):
    """Work off all grid points up to a time, on the mids as they stood since the last one."""
    last = now_ns // STEP_NS
    if row.step == 0:
        row.step = last
        return
    passed = last - row.step
    if passed <= 0:
        return
    row.step = last
    # after this many points without news every return in reach is 0
    worked = min(passed, LAGS + 2)
    for _ in range(worked):
        _one_step(row)
    if passed > worked:
        row.steps += passed - worked
        _fade_all(row, _FADE ** (passed - worked))
        row.returns[:, :] = 0.0


@hot
def _fade_all(row, factor):
    row.square[0] *= factor
    row.square[1] *= factor
    for k in range(2 * LAGS + 1):
        row.cross[k] *= factor


@rare
def _one_step(row):
    """One grid point; a return is known only between two usable mids."""
    now = row.steps & (_RING - 1)
    for which in range(2):
        move = 1e4 * math.log(row.mid[which] / row.grid_mid[which])
        row.returns[which, now] = move if move == move else 0.0
        row.grid_mid[which] = row.mid[which]
    x, y = row.returns[0, now], row.returns[1, now]
    _fade_all(row, _FADE)
    row.square[0] += x * x
    row.square[1] += y * y
    row.cross[LAGS] += x * y
    if y != 0.0:
        for k in range(1, LAGS + 1):
            row.cross[LAGS + k] += row.returns[0, (row.steps - k) & (_RING - 1)] * y
    if x != 0.0:
        for k in range(1, LAGS + 1):
            row.cross[LAGS - k] += x * row.returns[1, (row.steps - k) & (_RING - 1)]
    row.steps += 1


@hot
def correlation(row, lag):
    """Correlation of the first venue's returns with the second's `lag` steps later; nan before both moved."""
    norm = math.sqrt(row.square[0] * row.square[1])
    if not norm > 0.0:
        return np.nan
    return row.cross[LAGS + lag] / norm


@hot
def lead_ratio(row):
    """Sum of squared correlations with the first venue leading over those with the second leading."""
    first = second = 0.0
    for k in range(1, LAGS + 1):
        first += row.cross[LAGS + k] ** 2
        second += row.cross[LAGS - k] ** 2
    if second > 0.0:
        return first / second
    return np.inf if first > 0.0 else np.nan


@rare
def select(row, now_ns):
    """After ten minutes and then hourly: the lag to use, 0 when neither venue clearly leads."""
    if row.steps < LEAST_STEPS:
        return
    if row.selected_ns != 0 and 0 <= now_ns - row.selected_ns < SELECT_NS:
        return
    row.selected_ns = now_ns
    best = 0
    for lag in range(-LAGS, LAGS + 1):
        if abs(row.cross[LAGS + lag]) > abs(row.cross[LAGS + best]):
            best = lag
    leads = lead_ratio(row)
    clear = (best > 0 and leads >= LEAST_LEAD) or (best < 0 and leads * LEAST_LEAD <= 1.0)
    strong = abs(correlation(row, best)) >= LEAST_CORRELATION
    row.lag = best if clear and strong else 0
    row.correlation = correlation(row, best) if row.lag != 0 else 0.0


@hot
def lead_score(row, follower, sigma_1s_bps):
    """What the leader did over the last lag and the follower (0 or 1) has not yet done, tanh(z/2).

    `sigma_1s_bps` is the follower's. nan unless the other venue leads. A
    negative correlation turns the leader's move around.
    """
    if row.lag == 0 or (row.lag > 0) == (follower == 0) or not sigma_1s_bps > 0.0:
        return np.nan
    ahead = 0.0
    sign = 1.0 if row.correlation > 0.0 else -1.0
    for back in range(1, abs(row.lag) + 1):
        at = (row.steps - back) & (_RING - 1)
        ahead += sign * row.returns[1 - follower, at] - row.returns[follower, at]
    return math.tanh(0.5 * ahead / sigma_1s_bps)
