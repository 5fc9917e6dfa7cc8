"""One market with zones, driven by hand: mids every second, renewals every ten, walls set as needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bot.core.units import NS_PER_S
from bot.signals.state import ENDED, WALL
from bot.signals.walls import WallStage
from bot.signals.zones import state
from bot.signals.zones.flow import note_trade
from bot.signals.zones.renewal import renew
from bot.signals.zones.state import Zones, new_zones
from bot.signals.zones.touches import note_mid
from bot.signals.zones.view import OutcomeView, ZoneView, outcome_views, zone_views

T0 = 1_700_000_100 * NS_PER_S  # a whole five minutes
MID = 100_350.0
"""In ticks of 0.01 and 1,003.5: round numbers, each 5, are 35 bps below and 15 above; a bp is 10 ticks."""


@dataclass
class ZoneWorld:
    zones: Zones = field(default_factory=lambda: new_zones(1))
    now: int = T0
    mid: float = MID
    walls: np.ndarray = field(default_factory=lambda: np.zeros(32, WALL))
    wall_count: int = 0
    ended: np.ndarray = field(default_factory=lambda: np.zeros(16, ENDED))
    ends: int = 0
    estimates: int = 0

    def __post_init__(self) -> None:
        self.around(
            tick_size=0.01, volatility_unit=1.0, sigma_60s_bps=6.0, reference_lots=100.0, refill=[1.0, 1.0]
        )

    @property
    def row(self) -> Any:
        return self.zones.rows[0]

    @property
    def market(self) -> Any:
        return self.zones.markets[0]

    @property
    def table(self) -> np.ndarray:
        return self.zones.zones[0]

    @property
    def model(self) -> Any:
        return self.zones.model[0]

    def around(self, **values: Any) -> None:
        for name, value in values.items():
            self.zones.around[name][0] = value

    def wall(self, side: int, near: int, lots: float = 100.0, **values: Any) -> int:
        """A tested wall; its place in the table."""
        wall = self.walls[self.wall_count]
        wall["side"], wall["near"] = side, near
        wall["stage"], wall["quantity"], wall["genuineness"] = WallStage.TESTED, lots, 0.5
        for name, value in values.items():
            wall[name] = value
        self.wall_count += 1
        return self.wall_count - 1

    def end_wall(self, place: int, label: int) -> None:
        """It leaves the table with a WallEnd."""
        wall = self.walls[place].copy()
        row = self.ended[self.ends % self.ended.size]
        self.ends += 1
        row["side"], row["near"], row["label"] = wall["side"], wall["near"], label
        row["ended_ns"], row["peak"] = self.now, wall["quantity"]
        self.walls[place : self.wall_count - 1] = self.walls[place + 1 : self.wall_count]
        self.wall_count -= 1

    def trade(self, side: int, tick: int, lots: float) -> None:
        note_trade(self.market, np.int64(side), np.int64(tick), float(lots))

    def renew(self) -> None:
        self.around(mid=self.mid)
        walls, estimates = np.int64(self.wall_count), np.int64(self.estimates)
        renew(self.row, self.walls, walls, estimates, self.model, np.int64(self.now))

    def note_mid(self, mid: float) -> None:
        self.mid = mid if mid == mid else self.mid
        count, now_ns = np.int64(self.wall_count), np.int64(self.now)
        note_mid(self.row, self.walls, count, self.ended, self.model, now_ns, float(mid))

    def second(self, mid: float) -> None:
        """A second later the mid is here; on whole tens of seconds the zones are renewed."""
        self.now += NS_PER_S
        self.note_mid(mid)
        if self.now % (10 * NS_PER_S) == 0:
            self.renew()

    def go(self, *mids: float) -> None:
        for mid in mids:
            self.second(mid)

    def stay(self, seconds: int) -> None:
        self.go(*[self.mid] * seconds)

    def settle(self) -> ZoneWorld:
        """Two minutes at the mid: what is seen is established."""
        self.note_mid(self.mid)
        self.renew()
        self.stay(120)
        return self

    def views(self, everything: bool = False) -> tuple[ZoneView, ...]:
        return zone_views(self.zones, 0, everything)

    def at(self, price: float, everything: bool = True) -> ZoneView:
        """The seen zone that holds a price."""
        (one,) = [v for v in self.views(everything) if v.low <= price <= v.high]
        return one

    def outcomes(self) -> tuple[OutcomeView, ...]:
        return outcome_views(self.zones, 0)


def candidates(rows: list[tuple[float, int, float, int]]) -> np.ndarray:
    """(price, side, mass, source) as the table of found candidates."""
    found = np.zeros(state.CANDIDATES, state.CANDIDATE)
    for k, (price, side, mass, source) in enumerate(rows):
        found[k] = (price, mass, side, source)
    return found
