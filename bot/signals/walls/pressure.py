"""What the cards `wall` and `trap` read of the walls there are (signals.md 6.9)."""

from __future__ import annotations

import math

from bot.core.jit import hot, rare
from bot.signals.rolling import median_of
from bot.signals.state import MINUTE_LOTS
from bot.signals.walls.genuineness import GENUINE
from bot.signals.walls.ledger import CANDIDATE, is_trap

FADE_BPS = 15.0


@hot
def _nearness(wall, grid):
    return math.exp(-abs(wall.distance_bps) / (FADE_BPS * grid.volatility_unit))


@rare
def wall_pressure(sig, market):
    """Support minus resistance of genuine walls, nearer and larger counting more."""
    grid = sig.grid[market]
    if grid.walls == 0:
        return 0.0
    reference = median_of(sig.bands, market, MINUTE_LOTS)
    total = 0.0
    for i in range(grid.walls):
        wall = sig.walls[market, i]
        if wall.stage == CANDIDATE or wall.genuineness < GENUINE:
            continue
        sure = max(0.0, 2.0 * wall.genuineness - 1.0)
        size = min(1.0, wall.quantity / reference) if reference > 0.0 else 1.0
        total += wall.side * sure * _nearness(wall, grid) * size
    return total


@rare
def trap_pressure(sig, market):
    """Away from walls that are likely to be pulled: minus side times the chance that it is."""
    grid = sig.grid[market]
    total = 0.0
    for i in range(grid.walls):
        wall = sig.walls[market, i]
        if is_trap(wall):
            total -= wall.side * (1.0 - wall.genuineness) * _nearness(wall, grid)
    return total
