"""Zones for people and strategies: frozen rows out of the arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bot.core.enums import Side
from bot.signals.zones.state import OUTCOMES, Grade, Kind, Label, Source, Zones


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A zone at the last renewal. Prices in ticks; `side` BUY: support, below the mid."""

    id: int
    side: Side
    kind: Kind
    grade: Grade
    rank: int  # 1 .. 3 of its side; 0 for a trap, and for what is not spoken of
    low: float
    high: float
    centre: float
    distance_bps: float  # of the near edge, 0 inside
    hold: float  # probability
    bias: float  # -1 .. 1, + up
    utility: float
    mass: float
    presence: float
    sources: Source
    age_ns: int
    touches: int
    holds: int
    breaks: int
    pulls: int
    walls: int
    lots: float  # displayed by its walls
    executed: float
    added: float
    cancelled_near: float
    genuineness: float
    absorbed: float  # + selling absorbed by bids


_PLAIN = [
    field.name
    for field in fields(ZoneView)
    if field.name not in ("side", "kind", "grade", "sources", "age_ns")
]


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """How one approach to a zone ended, and what was said of it when it began."""

    zone: int
    label: Label
    side: Side
    low: float
    high: float
    began_ns: int
    ended_ns: int
    hold: float
    trap: bool


def zone_views(zones: Zones, market: int, everything: bool = False) -> tuple[ZoneView, ...]:
    """The zones spoken of (the best three of a side, and traps), nearest first.

    With `everything` also the rest of the table: too young, too weak, or not
    seen at the last renewal.
    """
    row = zones.markets[market]
    views = [
        _view(zone, int(row["renewed_ns"]))
        for zone in zones.zones[market, : row["zones"]]
        if everything or zone["spoken"]
    ]
    return tuple(sorted(views, key=lambda view: (view.distance_bps, view.id)))


def _view(zone: np.void, now_ns: int) -> ZoneView:
    figures = {name: zone[name].item() for name in _PLAIN}
    return ZoneView(
        side=Side(int(zone["side"])),
        kind=Kind(int(zone["kind"])),
        grade=Grade(int(zone["grade"])),
        sources=Source(int(zone["sources"])),
        age_ns=now_ns - int(zone["born_ns"]),
        **figures,
    )


def outcome_views(zones: Zones, market: int) -> tuple[OutcomeView, ...]:
    """The last ended approaches, oldest first; at most OUTCOMES."""
    count = int(zones.markets[market]["outcomes"])
    rows = (zones.outcomes[market, k % OUTCOMES] for k in range(max(0, count - OUTCOMES), count))
    return tuple(
        OutcomeView(
            zone=int(row["zone"]),
            label=Label(int(row["label"])),
            side=Side(int(row["side"])),
            low=float(row["low"]),
            high=float(row["high"]),
            began_ns=int(row["began_ns"]),
            ended_ns=int(row["ended_ns"]),
            hold=float(row["hold"]),
            trap=bool(row["trap"]),
        )
        for row in rows
    )
