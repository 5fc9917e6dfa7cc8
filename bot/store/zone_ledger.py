"""Zones of a run, for its database: a row when one appears, changes or goes, and a transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from bot.signals.zones.state import Grade, Kind, Source, Zones

_SIGNS = ["kind", "grade", "rank", "touch", "touches", "holds", "breaks", "pulls", "spoken"]
_LOOKED_AT = ["id", *_SIGNS]
_KIND, _GRADE, _SPOKEN = (_LOOKED_AT.index(name) for name in ("kind", "grade", "spoken"))
_COLUMNS = {"low": "low_ticks", "high": "high_ticks", "centre": "centre_ticks", "lots": "wall_lots"}
_PLAIN = [
    "id", "side", "rank", "low", "high", "centre", "born_ns", "hold", "bias", "mass", "presence",
    "touches", "holds", "breaks", "pulls", "walls", "lots", "genuineness",
]  # fmt: skip
_PLAIN_COLUMNS = [_COLUMNS.get(name, name) for name in _PLAIN]
_DETAIL = ["low", "high", "hold", "bias", "touches", "holds"]
_DETAIL_COLUMNS = [_COLUMNS.get(name, name) for name in _DETAIL]


class ZoneJournal(Protocol):
    def zone(self, row: dict[str, Any]) -> None: ...

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None: ...


class _Known(NamedTuple):
    """A zone as it was at its last change: row `place` of a copy of the zones of then."""

    signs: tuple[int, ...]  # as of _LOOKED_AT
    changed_ns: int
    rows: np.ndarray
    place: int

    @property
    def name(self) -> str:
        return " ".join(_in_words(self.signs[_KIND], self.signs[_GRADE]))


class ZoneLedger:
    """`look` at every tick, `write` before every commit: a zone changes often between two commits.

    A zone is written from the first time it is spoken of until it is forgotten. Its figures are
    those of its last change of kind, grade, rank or approach.
    """

    def __init__(self, journal: ZoneJournal, markets: Sequence[str]) -> None:
        self._journal = journal
        self._markets = tuple(markets)
        self._known: list[dict[int, _Known]] = [{} for _ in markets]  # a market: by the zone's id
        self._unwritten: dict[tuple[int, int], tuple[_Known, int]] = {}  # with when it went, or 0
        # of the last look, to pass over markets where nothing changed
        self._signs: list[list[tuple[int, ...]]] = [[] for _ in markets]

    def look(self, now_ns: int, zones: Zones) -> None:
        for market, count in enumerate(zones.markets["zones"].tolist()):
            rows = zones.zones[market, :count]
            signs = rows[_LOOKED_AT].tolist()
            if signs != self._signs[market]:
                self._signs[market] = signs
                self._look_at_market(now_ns, market, rows.copy(), signs)

    def write(self) -> None:
        """What changed since the last time, as it is by now."""
        for (market, _), (known, gone_ns) in self._unwritten.items():
            row = self._row(market, known)
            self._journal.zone({**row, "rank": 0, "gone_ns": gone_ns} if gone_ns else row)
        self._unwritten.clear()

    def _look_at_market(
        self, now_ns: int, market: int, rows: np.ndarray, signs: list[tuple[int, ...]]
    ) -> None:
        known = self._known[market]
        for place, now in enumerate(signs):
            before = known.get(now[0])
            if now[_SPOKEN] if before is None else now != before.signs:
                known[now[0]] = after = _Known(now, now_ns, rows, place)
                self._unwritten[market, now[0]] = after, 0
                if before is None or after.name != before.name:
                    self._step(now_ns, market, "" if before is None else before.name, after.name, after)
        for zone in sorted(known.keys() - {now[0] for now in signs}):
            gone = known.pop(zone)
            self._unwritten[market, zone] = gone, now_ns
            self._step(now_ns, market, gone.name, "", gone)

    def _row(self, market: int, known: _Known) -> dict[str, Any]:
        zone = known.rows[known.place]
        kind, grade = _in_words(known.signs[_KIND], known.signs[_GRADE])
        return {
            **dict(zip(_PLAIN_COLUMNS, zone[_PLAIN].tolist(), strict=True)),
            "market": self._markets[market],
            "kind": kind,
            "grade": grade,
            "sources": _sources(int(zone["sources"])),
            "changed_ns": known.changed_ns,
        }

    def _step(self, now_ns: int, market: int, old: str, new: str, known: _Known) -> None:
        subject = f"{self._markets[market]} {known.signs[0]}"
        detail = dict(zip(_DETAIL_COLUMNS, known.rows[known.place][_DETAIL].tolist(), strict=True))
        self._journal.transition(now_ns, "zone", subject, old, new, detail)


@cache
def _in_words(kind: int, grade: int) -> tuple[str, str]:
    """`support` and `A`."""
    return Kind(kind).name.lower(), Grade(grade).name


@cache
def _sources(flags: int) -> str:
    """`wall, volume`."""
    return ", ".join(source.name.lower() for source in Source if flags & source and source.name)
