"""Walls of a run, for its database: each one that ends, and those that stand at a commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from bot.signals.walls import WallEnd, WallStage

LOST = "lost"
"""End of a wall that went out of sight with the book: a gap, a new snapshot."""

_COLUMNS = {
    **{name: name for name in ("id", "side", "born_ns", "ended_ns", "genuineness", "distance_bps")},
    "near": "near_ticks",
    "far": "far_ticks",
    "peak": "peak_lots",
    "executed": "executed_lots",
    # in `figures`
    **{name: name for name in ("quantity", "born_lots", "grown", "added", "cancelled", "cancelled_near")},
    **{name: name for name in ("near_s", "far_s", "touches", "returns", "layering", "iceberg", "decided")},
}
"""What is kept of the fields of WALL and ENDED, where they have them, and under which name."""


class WallArrays(Protocol):
    """What is read of `bot.signals.state.Signals`."""

    @property
    def walls(self) -> np.ndarray:
        """(M, N) WALL, the first `grid["walls"]` in use."""
        ...

    @property
    def ended(self) -> np.ndarray:
        """(M, R) ENDED, a ring: a slot whose `id` or `ended_ns` changed holds another wall."""
        ...

    @property
    def grid(self) -> np.ndarray:
        """(M,) with the field `walls`."""
        ...


class WallJournal(Protocol):
    def wall(self, row: dict[str, Any]) -> None: ...


class WallLedger:
    """`look` at every tick, so that no ended wall is overwritten unseen; `note_standing` before a commit.

    Candidates that never became walls are left out. What the ring holds at the start is of an earlier run.
    """

    def __init__(self, journal: WallJournal, markets: Sequence[str], arrays: WallArrays) -> None:
        self._journal = journal
        self._markets = tuple(markets)
        self._standing: dict[tuple[int, int], dict[str, Any]] = {}
        self._taken = _stamps(arrays)
        self._seen = b""

    def look(self, now_ns: int, arrays: WallArrays) -> None:
        """Write the walls that ended since the last look."""
        seen = arrays.ended["id"].tobytes() + arrays.ended["ended_ns"].tobytes()
        if seen == self._seen:  # most ticks end no wall
            return
        self._seen = seen
        stamps = _stamps(arrays)
        changed = (stamps != self._taken).any(axis=0)
        self._taken = stamps
        for market in np.flatnonzero(changed.any(axis=1)).tolist():
            for row in _rows(arrays.ended[market][changed[market]]):
                known = self._standing.pop((market, row["id"]), {})
                if row["id"] and row["stage"] != WallStage.CANDIDATE:
                    self._journal.wall({**known, **self._row(market, row, now_ns)})

    def note_standing(self, now_ns: int, arrays: WallArrays) -> None:
        """Write the walls that stand; those that are gone without an end are lost."""
        self.look(now_ns, arrays)
        before, self._standing = self._standing, {}
        for market, count in enumerate(arrays.grid["walls"].tolist()):
            for row in _rows(arrays.walls[market, :count]):
                if row["stage"] != WallStage.CANDIDATE:
                    self._standing[market, row["id"]] = self._row(market, row, now_ns)
        for row in self._standing.values():
            self._journal.wall(row)
        for key in sorted(before.keys() - self._standing.keys()):
            self._journal.wall({**before[key], "end": LOST})

    def _row(self, market: int, row: dict[str, Any], now_ns: int) -> dict[str, Any]:
        made = {column: row[name] for name, column in _COLUMNS.items() if name in row}
        if "stage" in row:
            made["stage"] = WallStage(row["stage"]).name.lower()
            made["tested"] = int(row["stage"] == WallStage.TESTED)
        if "label" in row:
            made["end"] = WallEnd(row["label"]).name.lower()
        return {**made, "market": self._markets[market], "seen_ns": row.get("ended_ns", now_ns)}


def _stamps(arrays: WallArrays) -> np.ndarray:
    return np.stack([arrays.ended["id"], arrays.ended["ended_ns"]])


def _rows(array: np.ndarray) -> list[dict[str, Any]]:
    names = [name for name in array.dtype.names or () if name in _COLUMNS or name in ("stage", "label")]
    return [dict(zip(names, values, strict=True)) for values in array[names].tolist()]
