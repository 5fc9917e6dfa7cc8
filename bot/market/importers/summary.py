"""What an import saw: counts, span, clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market.instruments import Instrument

_BUCKET_NS = NS_PER_MS // 10


class ClockTally:
    """Receive minus exchange time over all messages that carry both, and how often either runs backwards."""

    def __init__(self) -> None:
        self.stamped = 0
        self.backwards = 0
        self.recv_backwards = 0
        self.min_ns: int | None = None
        self._buckets: Counter[int] = Counter()
        self._last_exch = 0
        self._last_recv = 0

    def add(self, recv_ns: list[int], exch_ns: list[int]) -> None:
        """The next messages in stream order, with receive stamps as recorded; exchange time 0 is none."""
        if not recv_ns:
            return
        recv, exch = np.array(recv_ns, np.int64), np.array(exch_ns, np.int64)
        self.recv_backwards += int((np.diff(recv, prepend=self._last_recv) < 0).sum())
        self._last_recv = int(recv[-1])
        stamped = exch > 0
        recv, exch = recv[stamped], exch[stamped]
        if not len(exch):
            return
        self.stamped += len(exch)
        self.backwards += int((np.diff(exch, prepend=self._last_exch) < 0).sum())
        self._last_exch = int(exch[-1])
        offset = recv - exch
        lowest = int(offset.min())
        self.min_ns = lowest if self.min_ns is None else min(self.min_ns, lowest)
        values, counts = np.unique(offset // _BUCKET_NS, return_counts=True)
        self._buckets.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    def median_ms(self) -> float | None:
        """Median offset to 0.1 ms."""
        before = 0
        for bucket in sorted(self._buckets):
            before += self._buckets[bucket]
            if 2 * before >= self.stamped:
                return bucket / 10
        return None

    def min_ms(self) -> float | None:
        return None if self.min_ns is None else round(self.min_ns / NS_PER_MS, 3)

    def backwards_share(self) -> float:
        return round(self.backwards / self.stamped, 6) if self.stamped else 0.0


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Counts over all files of one import. Offsets are receive minus exchange time."""

    files: tuple[str, ...]
    venue: str
    instruments: tuple[Instrument, ...]  # market index order
    lines: int
    messages: Mapping[str, int]  # depthUpdate bookTicker trade aggTrade markPrice forceOrder snapshot other
    level_updates: int  # entries of all depthUpdate messages, applied or not
    trades: int  # trade and aggTrade prints
    not_market: int  # of these, not market trades (insurance fund, ADL, ...)
    gaps: int  # breaks of the update id chain of a standing book
    resyncs: int  # books that came up again
    duplicates: int  # changes the book already had
    predating: int  # changes older than the snapshot they waited for
    stale_snapshots: int  # older than the changes they were to start
    overflowed: int  # changes dropped because no snapshot came for too long
    never_up: tuple[str, ...]  # symbols with book changes but never a book
    malformed: int
    examples: tuple[str, ...]  # of malformed lines: file, line, reason
    rows: int
    commits: int  # judged: of synchronised books
    crossed_commits: int
    first_ns: int
    last_ns: int
    offset_median_ms: float | None
    offset_min_ms: float | None
    exch_backwards: float  # share of messages whose exchange time is before the previous message's
    recv_backwards: int  # receive stamps that went back and were raised

    @property
    def span_s(self) -> float:
        return (self.last_ns - self.first_ns) / NS_PER_S

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["files"] = list(self.files)
        data["instruments"] = [i.to_json() for i in self.instruments]
        data["messages"] = dict(self.messages)
        data["never_up"], data["examples"] = list(self.never_up), list(self.examples)
        data["span_s"] = self.span_s
        return data
