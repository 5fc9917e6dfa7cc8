"""Opening a tape and streaming it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bot.market.events import Kind
from bot.market.tape.header import TapeHeader
from bot.market.tape.order import Tally
from bot.market.tape.prefetch import prefetched
from bot.market.tape.segments import Segment, open_segment, open_segments

_KNOWN = frozenset(Kind)


class Tape:
    """A recorded stream: one Parquet file, or a directory of segments.

    What it holds is fixed when it is opened, also while a session goes on writing.
    """

    def __init__(self, path: Path, segments: list[Segment]) -> None:
        self.path = path
        self.segments = segments
        self.tally = Tally()
        for segment in segments:
            self.tally.follow(segment.tally)

    @property
    def header(self) -> TapeHeader:
        """The first segment's; the markets are the same in all of them."""
        return self.segments[0].header

    @property
    def headers(self) -> tuple[TapeHeader, ...]:
        """One a segment: each restart of a recorded session brings its own provenance."""
        return tuple(s.header for s in self.segments)

    @property
    def row_count(self) -> int:
        return self.tally.rows

    @property
    def torn_bytes(self) -> int:
        """Bytes of a frame that a crash left unfinished; they are not read."""
        return sum(s.torn_bytes for s in self.segments)

    def span(self) -> tuple[int, int] | None:
        """First and last receive time in ns; None when the tape has no rows."""
        return (self.tally.first_recv_ns, self.tally.last_recv_ns) if self.tally.rows else None

    def counts_by_kind(self) -> dict[int, int]:
        """Rows of each kind over all markets, by `Kind`, without reading the rows."""
        counts: dict[int, int] = {}
        for (_, kind), n in sorted(self.tally.counts.items(), key=lambda item: item[0][1]):
            counts[_kind(kind)] = counts.get(kind, 0) + n
        return counts

    def batches(self, first_seq: int = 0, prefetch: bool = True) -> Iterator[np.ndarray]:
        """EVENT arrays in `seq` order, from the row numbered `first_seq` on.

        Each is fresh, writable, contiguous and at least one row long; where one
        ends means nothing. With `prefetch` they are decoded a little ahead in a
        thread that ends with the iterator. Raises BadTape at a damaged place.
        """
        return prefetched(lambda: self._stream(first_seq)) if prefetch else self._stream(first_seq)

    def _stream(self, first_seq: int) -> Iterator[np.ndarray]:
        for segment in self.segments:
            if segment.tally.rows and segment.tally.last_seq >= first_seq:
                yield from _reopened(segment).batches(first_seq)


def _reopened(segment: Segment) -> Segment:
    """The segment where it is now: a running session may have compacted it since."""
    if segment.path.exists():
        return segment
    return open_segment(segment.path)


def _kind(number: int) -> int:
    return Kind(number) if number in _KNOWN else number


def open_tape(path: str | Path) -> Tape:
    """Open a tape for reading.

    Raises BadTape, saying what was expected, what came and what to do, when
    it is missing, of another format or version, cut off, or damaged.
    """
    path = Path(path)
    return Tape(path, open_segments(path))
