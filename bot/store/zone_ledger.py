"""Zones of a run, for its database: a row when one appears, changes or goes, and a transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from bot.signals.zones.state import Grade, Kind, Source, Zones

_SIGNS = ("kind", "grade", "rank", "touch", "touches", "holds", "breaks", "pulls", "spoken")
_COLUMNS = {"low": "low_ticks", "high": "high_ticks", "centre": "centre_ticks", "lots": "wall_lots"}
_PLAIN = (
    "id", "side", "rank", "low", "high", "centre", "born_ns", "hold", "bias", "mass", "presence",
    "touches", "holds", "breaks", "pulls", "walls", "lots", "genuineness",
)  # fmt: skip


class ZoneJournal(Protocol):
    def zone(self, row: dict[str, Any]) -> None: ...

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None: ...


class _Known(NamedTuple):
    signs: list[int]
    name: str
    row: dict[str, Any]


class ZoneLedger:
    """`look` at every tick. A zone is written from the first time it is spoken of until it is forgotten.

    Its figures are those of its last change of kind, grade, rank or approach.
    """

    def __init__(self, journal: ZoneJournal, markets: Sequence[str]) -> None:
        self._journal = journal
        self._markets = tuple(markets)
        self._known: dict[tuple[int, int], _Known] = {}
        self._signs: np.ndarray | None = None  # of the last look, to pass over markets where nothing changed

    def look(self, now_ns: int, zones: Zones) -> None:
        signs = _signs(zones)
        changed = np.ones(len(self._markets), bool)
        if self._signs is not None:
            changed = (signs != self._signs).any(axis=(0, 2))
        self._signs = signs
        for (market,) in np.argwhere(changed).tolist():
            self._look_at_market(now_ns, market, zones, signs[:, market])

    def _look_at_market(self, now_ns: int, market: int, zones: Zones, signs: np.ndarray) -> None:
        seen = set()
        count = int(zones.markets["zones"][market])
        for place, (zone, *now) in enumerate(signs[:, :count].T.tolist()):
            key = (market, zone)
            seen.add(key)
            known = self._known.get(key)
            row = zones.zones[market, place]
            if now != (known.signs if known else None) and (known or row["spoken"]):
                self._note(now_ns, key, now, row)
        for key in sorted(key for key in self._known if key[0] == market and key not in seen):
            gone = self._known.pop(key)
            self._journal.zone({**gone.row, "rank": 0, "gone_ns": now_ns})
            self._step(now_ns, key, gone.name, "", gone.row)

    def _note(self, now_ns: int, key: tuple[int, int], signs: list[int], zone: np.void) -> None:
        name = f"{Kind(int(zone['kind'])).name.lower()} {Grade(int(zone['grade'])).name}"
        kind, grade = name.split()
        row = {
            **{_COLUMNS.get(plain, plain): zone[plain].item() for plain in _PLAIN},
            "market": self._markets[key[0]],
            "kind": kind,
            "grade": grade,
            "sources": _sources(int(zone["sources"])),
            "changed_ns": now_ns,
        }
        before = self._known[key].name if key in self._known else ""
        self._known[key] = _Known(signs, name, row)
        self._journal.zone(row)
        if name != before:
            self._step(now_ns, key, before, name, row)

    def _step(self, now_ns: int, key: tuple[int, int], old: str, new: str, row: Mapping[str, Any]) -> None:
        detail = {name: row[name] for name in ("low_ticks", "high_ticks", "hold", "bias", "touches", "holds")}
        self._journal.transition(now_ns, "zone", f"{self._markets[key[0]]} {key[1]}", old, new, detail)


def _signs(zones: Zones) -> np.ndarray:
    """(fields, M, N): the ids and what makes a change; 0 beyond the zones in use."""
    used = np.arange(zones.zones.shape[1]) < zones.markets["zones"][:, None]
    return np.stack([np.where(used, zones.zones[name], 0) for name in ("id", *_SIGNS)])


def _sources(flags: int) -> str:
    """`wall, volume`."""
    return ", ".join(source.name.lower() for source in Source if flags & source and source.name)
