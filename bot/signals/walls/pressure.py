"""What the cards `wall` and `trap` read of the walls there are (signals.md 6.9)."""

from __future__ import annotations

import math

from bot.core.jit import hot, rare
from bot.signals.rolling import median_of
from bot.signals.walls.genuineness import GENUINE
from bot.signals.walls.ledger import CANDIDATE, is_trap

FADE_BPS = 15.0


@hot
def _nearness(wall, grid):
    return math.exp(-abs(wall.distance_bps) / (FADE_BPS * grid.volatility_unit))


@rare
def wall_pressure(sig):
    """Support minus resistance of genuine walls, nearer and larger counting more."""
    grid = sig.grid
    if grid.walls == 0:
        return 0.0
    reference = median_of(sig.minute_lots)
    total = 0.0
    for i in range(grid.walls):
        wall = sig.walls[i]
        if wall.stage == CANDIDATE or wall.genuineness < GENUINE:
            continue
        sure = max(0.0, 2.0 * wall.genuineness - 1.0)
        size = min(1.0, wall.quantity / reference) if reference > 0.0 else 1.0
        total += wall.side * sure * _nearness(wall, grid) * size
    return total


@rare
def trap_pressure(sig):
    """Away from walls that are likely to be pulled: minus side times the chance that it is."""
    grid = sig.grid
    total = 0.0
    for i in range(grid.walls):
        wall = sig.walls[i]
        if is_trap(wall):
            total -= wall.side * (1.0 - wall.genuineness) * _nearness(wall, grid)
    return total
