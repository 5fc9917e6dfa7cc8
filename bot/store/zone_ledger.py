"""Zones of a run, for its database: a row when one appears, changes or goes, and a transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from bot.signals.zones.state import Grade, Kind, Source, Zones

_SIGNS = ["kind", "grade", "rank", "touch", "touches", "holds", "breaks", "pulls", "spoken"]
_LOOKED_AT = ["id", *_SIGNS]
_SPOKEN = _LOOKED_AT.index("spoken")
_COLUMNS = {"low": "low_ticks", "high": "high_ticks", "centre": "centre_ticks", "lots": "wall_lots"}
_PLAIN = [
    "id", "side", "rank", "low", "high", "centre", "born_ns", "hold", "bias", "mass", "presence",
    "touches", "holds", "breaks", "pulls", "walls", "lots", "genuineness",
]  # fmt: skip
_PLAIN_COLUMNS = [_COLUMNS.get(name, name) for name in _PLAIN]
_WORDS = ["kind", "grade", "sources"]
_FIGURES = [*_WORDS, *_PLAIN]
_DETAIL = ("low_ticks", "high_ticks", "hold", "bias", "touches", "holds")


class ZoneJournal(Protocol):
    def zone(self, row: dict[str, Any]) -> None: ...

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None: ...


class _Known(NamedTuple):
    signs: tuple[int, ...]  # as of _LOOKED_AT
    name: str
    row: dict[str, Any]


class ZoneLedger:
    """`look` at every tick. A zone is written from the first time it is spoken of until it is forgotten.

    Its figures are those of its last change of kind, grade, rank or approach.
    """

    def __init__(self, journal: ZoneJournal, markets: Sequence[str]) -> None:
        self._journal = journal
        self._markets = tuple(markets)
        self._known: list[dict[int, _Known]] = [{} for _ in markets]  # a market: by the zone's id
        # of the last look, to pass over markets where nothing changed
        self._signs: list[list[tuple[int, ...]]] = [[] for _ in markets]

    def look(self, now_ns: int, zones: Zones) -> None:
        for market, count in enumerate(zones.markets["zones"].tolist()):
            rows = zones.zones[market, :count]
            signs = rows[_LOOKED_AT].tolist()
            if signs != self._signs[market]:
                self._signs[market] = signs
                self._look_at_market(now_ns, market, rows, signs)

    def _look_at_market(
        self, now_ns: int, market: int, rows: np.ndarray, signs: list[tuple[int, ...]]
    ) -> None:
        known = self._known[market]
        changed = []
        for place, now in enumerate(signs):
            before = known.get(now[0])
            if now[_SPOKEN] if before is None else now != before.signs:
                changed.append(place)
        figures = rows[changed][_FIGURES].tolist()
        for place, zone in zip(changed, figures, strict=True):
            now = signs[place]
            known[now[0]] = self._note(now_ns, market, now, zone, known.get(now[0]))
        for zone in sorted(known.keys() - {now[0] for now in signs}):
            gone = known.pop(zone)
            self._journal.zone({**gone.row, "rank": 0, "gone_ns": now_ns})
            self._step(now_ns, market, gone.name, "", gone.row)

    def _note(
        self, now_ns: int, market: int, signs: tuple[int, ...], zone: tuple[Any, ...], before: _Known | None
    ) -> _Known:
        kind, grade, sources = _in_words(*zone[: len(_WORDS)])
        row = {
            **dict(zip(_PLAIN_COLUMNS, zone[len(_WORDS) :], strict=True)),
            "market": self._markets[market],
            "kind": kind,
            "grade": grade,
            "sources": sources,
            "changed_ns": now_ns,
        }
        known = _Known(signs, f"{kind} {grade}", row)
        self._journal.zone(row)
        old = "" if before is None else before.name
        if known.name != old:
            self._step(now_ns, market, old, known.name, row)
        return known

    def _step(self, now_ns: int, market: int, old: str, new: str, row: Mapping[str, Any]) -> None:
        subject = f"{self._markets[market]} {row['id']}"
        detail = {name: row[name] for name in _DETAIL}
        self._journal.transition(now_ns, "zone", subject, old, new, detail)


@cache
def _in_words(kind: int, grade: int, flags: int) -> tuple[str, str, str]:
    """`support`, `A`, `wall, volume`."""
    sources = ", ".join(source.name.lower() for source in Source if flags & source and source.name)
    return Kind(kind).name.lower(), Grade(grade).name, sources
