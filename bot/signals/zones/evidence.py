"""Steps 4 and 5 before the judgement: what flow and walls say of each zone (signals.md 8.4, 8.5).

Absorption (3.4) is taken from the flow inside the zone. Refill (1.10) is that
of the zone's own walls against the other side's near the touch: changes of
levels that are no walls are not followed price by price.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.fade import fade
from bot.signals.features import ratio
from bot.signals.impact import absorption
from bot.signals.walls import WallStage
from bot.signals.zones.collect import wall_mass
from bot.signals.zones.flow import BUYERS, SELLERS, flow_between

ABSORBED_TAU_S = 60.0
TEN_SECONDS = 1.0 / 6.0  # of the reference volume of a minute
_CANDIDATE = int(WallStage.CANDIDATE)


@rare
def note_absorption(row, elapsed_ns):
    """Before the flow is poured: zones with much flow inside are read anew, the others' reading fades."""
    market, around = row.market, row.around
    move_bps = 1e4 * math.log(around.mid / market.renewed_mid)
    keep_share = fade(elapsed_ns, ABSORBED_TAU_S)
    telling = around.impact > 0.0 and around.much_flow > 0.0 and move_bps == move_bps
    for i in range(market.zones):
        zone = row.zones[i]
        bought = flow_between(market, zone.low, zone.high, BUYERS)
        sold = flow_between(market, zone.low, zone.high, SELLERS)
        if telling and abs(bought - sold) >= around.much_flow:
            zone.absorbed = absorption(bought - sold, move_bps, around.impact, around.much_flow)
        else:
            zone.absorbed *= keep_share


@hot
def is_member(zone, side, near):
    """Whether a wall belongs to a zone."""
    return side == zone.side and zone.low <= near <= zone.high


@rare
def weigh_walls(row, walls, wall_count):
    """Sums over each zone's confirmed walls, their genuineness by mass, and how they refill."""
    around = row.around
    for i in range(row.market.zones):
        zone = row.zones[i]
        zone.walls = 0
        zone.lots = zone.executed = zone.added = zone.cancelled_near = 0.0
        weight = total = 0.0
        for k in range(wall_count):
            wall = walls[k]
            if wall.stage == _CANDIDATE or not is_member(zone, wall.side, wall.near):
                continue
            mass = wall_mass(wall.quantity, around.reference_lots)
            weight += mass
            total += mass * wall.genuineness
            zone.walls += 1
            zone.lots += wall.quantity
            zone.executed += wall.executed
            zone.added += wall.added
            zone.cancelled_near += wall.cancelled_near
        zone.genuineness = total / weight if weight > 0.0 else 0.5
        zone.refilled = _refilled(zone, around)


@hot
def _refilled(zone, around):
    """(own refill - the other side's) / their sum; nan unless ten seconds' usual volume was executed."""
    if not zone.executed > 0.0 or zone.executed < TEN_SECONDS * around.reference_lots:
        return np.nan
    return ratio(zone.added / zone.executed, around.refill[1 if zone.side > 0 else 0])
