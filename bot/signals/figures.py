"""The numbers of a market's view, read from the arrays in one compiled call.

Apart from `bot.signals.view`, so that a change of what people and strategies
see recompiles nothing.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, njit
from bot.market.book import ASK, BID
from bot.signals import features
from bot.signals.grid import (
    horizon_move_bps,
    horizon_sigma_bps,
    mid_extremes,
    sigma_1s_bps,
)
from bot.signals.raw import trade_imbalance
from bot.signals.registry import ABSORB
from bot.signals.rolling import median_of
from bot.signals.state import ALIGNMENT, MIDS, SPREAD, WALLS
from bot.signals.walls.candidates import lots_between

FAST_S = 30
AVERAGE_S = 60.0
COUNT = 34


@hot
def mid_average(mids, second, tau_s):
    """Exponential average of the known mids of the last 3 tau seconds; nan when none is known."""
    total = weight = 0.0
    for back in range(np.int64(3.0 * tau_s)):
        mid = mids[(second - back) % MIDS]
        if mid == mid:
            share = math.exp(-back / tau_s)
            total += share * mid
            weight += share
    return total / weight if weight > 0.0 else np.nan


@njit
def figures(rows, books, heads, market, mode, now_ns):
    """As `market_view` takes them, then what each wall displays: (COUNT + WALLS,) float64.

    The rows of all markets come in: numba takes a single record through its
    buffer format, which costs 200 us a call.
    """
    out = np.empty(COUNT + WALLS)
    mid = features.mid_of(books, market)
    sig, head = rows[market], heads[market]
    grid = sig.grid
    reach = 10.0 * grid.volatility_unit
    out[0] = mid
    out[1] = features.weighted_mid(books, market)
    out[2] = features.spread_bps(books, market)
    out[3] = median_of(sig.bands[SPREAD])
    out[4] = features.band_depth(books, market, BID, reach)
    out[5] = features.band_depth(books, market, ASK, reach)
    out[6] = trade_imbalance(sig.flow, head.trade_ns, 0, now_ns)
    out[7] = trade_imbalance(sig.flow, head.trade_ns, 1, now_ns)
    out[8], out[9] = mid_extremes(sig.mids, grid.second, FAST_S)
    out[10] = sigma_1s_bps(grid)
    out[11] = horizon_sigma_bps(grid, mode)
    out[12] = horizon_move_bps(grid, mode)
    out[13] = features.best_tick(books, market, BID)
    out[14] = features.best_tick(books, market, ASK)
    out[15] = features.best_lots(books, market, BID)
    out[16] = features.best_lots(books, market, ASK)
    out[17] = grid.thin
    out[18] = grid.thin_ratio
    out[19] = grid.volatility_unit
    out[20] = sig.fast[0]
    out[21] = sig.fast[1]
    out[22] = sig.verdicts[mode, ALIGNMENT]
    out[23] = head.mark / head.tick_size
    out[24] = head.funding_rate
    out[25] = grid.walls
    out[26] = sig.known.vacuum
    out[27] = sig.known.liquidations.state
    out[28] = sig.known.liquidations.direction
    out[29] = sig.known.vpin.rank
    out[30] = sig.levels[ABSORB].value
    out[31] = grid.drift[mode]
    out[32] = horizon_sigma_bps(grid, 0)
    out[33] = mid_average(sig.mids, grid.second, AVERAGE_S)
    for i in range(grid.walls):
        wall = sig.walls[i]
        low, high = min(wall.near, wall.far), max(wall.near, wall.far)
        out[COUNT + i] = lots_between(books, market, BID if wall.side > 0 else ASK, low, high)
    return out
