"""Highs and lows of five minutes that two bars on each side do not pass, for 24 h (signals.md 8.1)."""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.zones.state import BAR_NS, BARS

BESIDE = 2


@hot
def note_bar(market, now_ns, mid):
    """A mid of this second."""
    bar = now_ns // BAR_NS
    if bar != market.bar:
        _open(market, bar)
    k = bar % BARS
    market.highs[k] = mid if not market.highs[k] >= mid else market.highs[k]
    market.lows[k] = mid if not market.lows[k] <= mid else market.lows[k]


@rare
def _open(market, bar):
    """Close the present bar, which may complete a swing two bars ago, and open another."""
    if market.bar > 0:
        _complete(market, market.bar - BESIDE)
    for number in range(max(market.bar + 1, bar - BARS + 1), bar + 1):
        k = number % BARS
        market.highs[k] = market.lows[k] = market.swing_highs[k] = market.swing_lows[k] = np.nan
    market.bar = bar


@hot
def _complete(market, bar):
    """A bar whose two neighbours on each side are known: the first of equals is the swing."""
    high, low = market.highs[bar % BARS], market.lows[bar % BARS]
    is_high = is_low = True
    for beside in range(1, BESIDE + 1):
        before, after = (bar - beside) % BARS, (bar + beside) % BARS
        is_high = is_high and high > market.highs[before] and high >= market.highs[after]
        is_low = is_low and low < market.lows[before] and low <= market.lows[after]
    if is_high:
        market.swing_highs[bar % BARS] = high
    if is_low:
        market.swing_lows[bar % BARS] = low
