"""The present state of every limit, for people: value, limit, whether it is broken and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from bot.core.units import NS_PER_S
from bot.risk.breakers import BREAKERS, Breaker, Per
from bot.risk.manager import RiskManager
from bot.risk.scene import Scene


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """One limit for one subject: a market, a coin, a setup, or "" for all markets together."""

    name: str
    per: Per
    subject: str
    value: float
    limit: float
    sense: str
    unit: str
    broken: bool
    since_ns: int  # of a latched one, 0 else
    blocks: str
    resets: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; what is not known is null."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in fields.items()}


def look(
    manager: RiskManager,
    markets: Mapping[str, Scene],
    coins: Mapping[str, Scene],
    now_ns: int,
    *,
    paused: bool = False,
) -> tuple[LimitStatus, ...]:
    """All limits that can be said without an entry in mind; scenes by market and by coin.

    A market without a usable book has no scene, and so no rows. `paused`: the session takes no entries.
    """
    scene = manager.scene(now_ns)
    whole = replace(scene, facts=replace(scene.facts, paused=paused or scene.facts.paused))
    rows: list[LimitStatus] = []
    for breaker in BREAKERS:
        if breaker.per is Per.BOT:
            rows.append(_row(manager, breaker, "", whole))
        elif breaker.per in (Per.COIN, Per.SIDE):
            rows += (_row(manager, breaker, coin, scene) for coin, scene in coins.items())
        elif breaker.per is Per.MARKET:
            rows += (_row(manager, breaker, market, scene) for market, scene in markets.items())
        elif breaker.per is Per.SETUP:
            rows += _resting(manager, breaker, now_ns)
    return tuple(rows)


def _row(manager: RiskManager, breaker: Breaker, subject: str, scene: Scene) -> LimitStatus:
    value, limit = float(breaker.value(scene)), float(breaker.limit(scene))
    trip = manager.latches.of(breaker, subject) if breaker.latched else None
    return LimitStatus(
        name=breaker.name,
        per=breaker.per,
        subject=subject,
        value=value,
        limit=limit,
        sense=breaker.sense.value,
        unit=breaker.unit.value,
        broken=trip is not None or not breaker.sense.holds(value, limit),
        since_ns=trip.since_ns if trip is not None else 0,
        blocks=breaker.blocks.value,
        resets=breaker.resets.value,
    )


def _resting(manager: RiskManager, breaker: Breaker, now_ns: int) -> Iterable[LimitStatus]:
    for setup, until_ns in manager.cool_downs.resting(now_ns).items():
        left_s = (until_ns - now_ns) / NS_PER_S
        yield LimitStatus(
            breaker.name, breaker.per, setup, left_s, 0.0, breaker.sense.value, breaker.unit.value,
            True, 0, breaker.blocks.value, breaker.resets.value,
        )  # fmt: skip
