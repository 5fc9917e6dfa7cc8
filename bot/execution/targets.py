"""Profit targets: how the filled quantity is shared among them, and where the stop goes after the first."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from bot.risk.trades import Trade


def allocate(lots: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Whole lots by target, by rounding the running sum of the shares.

    Never more than `lots`, all of them when the shares sum to 1. A share too
    small for a lot gets none; its neighbour does.
    """
    given, total, parts = 0, 0.0, []
    for share in shares:
        total += share
        reached = min(lots, floor(lots * total + 0.5))
        parts.append(reached - given)
        given = reached
    return tuple(parts)


def wanted_lots(room: int, allocated: Sequence[int], filled: Sequence[int]) -> tuple[int, ...]:
    """Lots that should rest at each target now: what is left of its share, near targets served first."""
    wanted = []
    for part, done in zip(allocated, filled, strict=True):
        take = max(0, min(part - done, room))
        wanted.append(take)
        room -= take
    return tuple(wanted)


def stop_after_first_target(trade: Trade) -> int:
    """Entry plus costs, in ticks, rounded to protect.

    Not past half the way to the first target: where costs exceed that, a stop
    beyond the market would only turn the rest of the trade into a market order.
    """
    side, entry = int(trade.side), trade.entry_price
    cost = Fraction(trade.plan.figures.get("cost_bps", 0.0)) / 10_000
    first_target = trade.plan.intent.targets[0][0]
    away = min(entry * cost, abs(first_target - entry) / 2)
    return ceil(entry + away) if side > 0 else floor(entry - away)
