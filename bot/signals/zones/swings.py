"""Highs and lows of five minutes that two bars on each side do not pass, for 24 h (signals.md 8.1)."""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.zones.state import BAR_NS, BARS

BESIDE = 2


@hot
def note_bar(row, now_ns, mid):
    """A mid of this second."""
    bar = now_ns // BAR_NS
    if bar != row.bar:
        _open(row, bar)
    k = bar % BARS
    row.highs[k] = mid if not row.highs[k] >= mid else row.highs[k]
    row.lows[k] = mid if not row.lows[k] <= mid else row.lows[k]


@rare
def _open(row, bar):
    """Close the present bar, which may complete a swing two bars ago, and open another."""
    if row.bar > 0:
        _complete(row, row.bar - BESIDE)
    for number in range(max(row.bar + 1, bar - BARS + 1), bar + 1):
        k = number % BARS
        row.highs[k] = row.lows[k] = row.swing_highs[k] = row.swing_lows[k] = np.nan
    row.bar = bar


@hot
def _complete(row, bar):
    """A bar whose two neighbours on each side are known: the first of equals is the swing."""
    high, low = row.highs[bar % BARS], row.lows[bar % BARS]
    is_high = is_low = True
    for beside in range(1, BESIDE + 1):
        before, after = (bar - beside) % BARS, (bar + beside) % BARS
        is_high = is_high and high > row.highs[before] and high >= row.highs[after]
        is_low = is_low and low < row.lows[before] and low <= row.lows[after]
    if is_high:
        row.swing_highs[bar % BARS] = high
    if is_low:
        row.swing_lows[bar % BARS] = low
