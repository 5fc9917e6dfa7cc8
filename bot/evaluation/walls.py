"""The walls a bot followed on a tape: when it saw them, what it thought, how they ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from bot.core.units import NS_PER_S
from bot.signals.state import ENDED_WALLS, Signals
from bot.signals.walls import WallEnd, WallStage
from bot.signals.walls.genuineness import DECISION_S

EARLY_S = 5.0
"""Age at which a wall that the price has not come near is asked for its genuineness."""


class End(StrEnum):
    CONSUMED = "consumed"
    PULLED = "pulled"
    EXPIRED = "expired"
    MOVED = "moved"  # the price ran away from it
    DROPPED = "dropped"  # lost from sight: a gap, a new snapshot
    OPEN = "open"  # there when the tape ended


@dataclass(slots=True)
class WallTrack:
    """One wall from its first sight to its last. Prices in ticks, sizes in lots, nan: never asked."""

    market: int
    id: int
    side: int  # +1 bid, -1 ask
    near: int
    far: int
    born_ns: int
    confirmed_ns: int = 0  # it was more than a candidate; 0 never
    last_ns: int = 0
    near_s: float = 0.0
    peak: float = 0.0
    executed: float = 0.0
    early: float = np.nan  # genuineness at EARLY_S, before any approach
    at_decision: float = np.nan  # genuineness after DECISION_S near (signals.md 11.4)
    verdict: float = np.nan  # the same, or where the wall ended before it, what was thought then: hindsight
    executed_share: float = 0.0  # largest share of its peak executed while it was still displayed
    genuineness: float = np.nan  # the last
    end: End = End.OPEN

    @property
    def age_s(self) -> float:
        """Seconds it was followed after it was confirmed."""
        return (self.last_ns - self.confirmed_ns) / NS_PER_S


_ENDS = {int(end): End(end.name.lower()) for end in WallEnd}


@dataclass(slots=True)
class WallWatch:
    """Follows the wall tables; to be asked at least as often as they are renewed (every 2 s)."""

    tracks: list[WallTrack] = field(default_factory=list)  # confirmed ones, in order of their last sight
    _alive: dict[tuple[int, int], WallTrack] = field(default_factory=dict)

    def look(self, signals: Signals, now_ns: int) -> None:
        """Take in the tables of all markets as they stand."""
        seen = set()
        for market, count in enumerate(signals.grid["walls"].tolist()):
            for row in signals.walls[market, :count]:
                key = (market, int(row["id"]))
                seen.add(key)
                if key not in self._alive:
                    self._alive[key] = _first_sight(market, row)
                _update(self._alive[key], row, now_ns)
        for key in [key for key in self._alive if key not in seen]:
            self._end(self._alive.pop(key), signals, now_ns)

    def finish(self) -> list[WallTrack]:
        """All walls that were ever confirmed; those still there are OPEN."""
        self.tracks += [track for track in self._alive.values() if track.confirmed_ns]
        self._alive.clear()
        return self.tracks

    def _end(self, track: WallTrack, signals: Signals, now_ns: int) -> None:
        row = signals.ended[track.market, track.id % ENDED_WALLS]
        if row["id"] == track.id:
            track.end = _ENDS[int(row["label"])]
            track.last_ns = int(row["ended_ns"])
            track.genuineness = float(row["genuineness"])
            track.executed = float(row["executed"])
            track.verdict = float(row["decided"])
            if row["near_s"] >= DECISION_S:  # before it, `decided` is the verdict at its end
                track.at_decision = float(row["decided"])
        else:
            track.end = End.DROPPED
        if track.confirmed_ns:
            self.tracks.append(track)


def _first_sight(market: int, row: np.void) -> WallTrack:
    known: dict[str, Any] = {name: int(row[name]) for name in ("id", "side", "near", "far", "born_ns")}
    return WallTrack(market, **known)


def _update(track: WallTrack, row: np.void, now_ns: int) -> None:
    track.last_ns = now_ns
    track.near_s, track.peak, track.executed = (float(row[n]) for n in ("near_s", "peak", "executed"))
    track.genuineness = float(row["genuineness"])
    if not track.confirmed_ns and row["stage"] != WallStage.CANDIDATE:
        track.confirmed_ns = now_ns
    track.executed_share = max(track.executed_share, track.executed / track.peak)
    track.at_decision = track.verdict = float(row["decided"])
    untouched = track.near_s == 0.0 and track.executed == 0.0
    if np.isnan(track.early) and untouched and now_ns - track.born_ns >= EARLY_S * NS_PER_S:
        track.early = track.genuineness
