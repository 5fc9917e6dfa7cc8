"""Walls: large resting quantities, found, followed and judged (signals.md 2.1 to 2.3).

`candidates` finds them in the ladder, `ledger` follows each from birth to a
cause of death, `feed` takes in every change and print at them as it comes,
`genuineness` says what the evidence is worth and learns it, `pressure` is what
the cards `wall` and `trap` read. With level data intent cannot be seen: a wall
that vanishes is pulled liquidity, nothing more.
"""

from __future__ import annotations

from bot.core.enums import WallEnd
from bot.signals.walls.candidates import Z_IN, Z_OUT, bucket_lots, wall_z
from bot.signals.walls.feed import drop_walls, on_commit, wall_at
from bot.signals.walls.genuineness import GENUINE, TRAP, base_rate, log_odds, sigmoid
from bot.signals.walls.ledger import SCAN_S, WallStage, layering_of, scan
from bot.signals.walls.pressure import trap_pressure, wall_pressure

__all__ = [
    "GENUINE",
    "SCAN_S",
    "TRAP",
    "Z_IN",
    "Z_OUT",
    "WallEnd",
    "WallStage",
    "base_rate",
    "bucket_lots",
    "drop_walls",
    "layering_of",
    "log_odds",
    "on_commit",
    "scan",
    "sigmoid",
    "trap_pressure",
    "wall_at",
    "wall_pressure",
    "wall_z",
]
