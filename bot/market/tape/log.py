"""The live tape: an append-only framed log in segments, compacted to Parquet when closed.

Nothing here reads a clock: the caller decides when to flush and sync.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from bot.core.errors import BadInput, SessionLocked
from bot.market.events import EVENT, RAW
from bot.market.tape.files import partial_path, publish, sync_directory
from bot.market.tape.frames import MAX_FRAME_ROWS, LogSegment, encode_frame
from bot.market.tape.header import TapeHeader
from bot.market.tape.order import Order
from bot.market.tape.segments import leftovers, log_path, open_segment, segment_paths
from bot.market.tape.writer import TapeWriter

SEGMENT_BYTES = 64 * 1024 * 1024
"""Default size after which a segment is closed: about an hour of one busy market."""
_MOST_BYTES = MAX_FRAME_ROWS * EVENT.itemsize


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the writer found in the directory, and what it cut off."""

    last_seq: int  # 0 when there was nothing
    last_recv_ns: int
    torn_bytes: int  # cut off the last segment; never promised to anybody


class LogWriter:
    """Appends rows to the last segment of a directory, which it makes and locks.

    `append` gathers, `flush` hands to the operating system (survives kill −9),
    `sync` makes durable (survives a power cut). After a restart a new segment
    begins behind what `recovered` names. `segment` is the file being appended to.
    For one thread at a time.

    Raises SessionLocked when another process writes here, BadInput when the
    directory holds a tape of other markets, BadTape when that is damaged.
    """

    def __init__(
        self, directory: str | Path, header: TapeHeader, *, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self.directory = Path(directory)
        self.header = header
        self.segment_bytes = segment_bytes
        self.flushed_seq = 0
        self.synced_seq = 0
        self._fd = -1
        self._waiting: list[bytes] = []
        self._waiting_rows = 0
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.directory)
        try:
            self.recovered, self._number = _recover(self.directory, header)
            found = self.recovered  # the order goes on across a restart
            self._order = Order(found.last_seq, found.last_recv_ns) if found.last_seq else Order()
            self.flushed_seq = self.synced_seq = self.recovered.last_seq
            self._begin_segment()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def waiting_rows(self) -> int:
        """Rows that `append` took and `flush` has not written yet."""
        return self._waiting_rows

    def append(self, rows: np.ndarray) -> None:
        """Take EVENT rows (copied). Raises BadInput, taking nothing, when they are out of order.

        Flushes by itself when a full frame has gathered.
        """
        count = len(rows)
        if not count:
            return
        self._order.follow(rows)
        self._waiting.append(rows.view(RAW).tobytes())
        self._waiting_rows += count
        if self._waiting_rows >= MAX_FRAME_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered to the operating system; begin a new segment when this one is full.

        Raises OSError when the disk refuses; the rows are kept and no partial frame stays.
        """
        self._write()
        if self._end >= self.segment_bytes:
            self.rotate()

    def sync(self) -> None:
        """`flush`, then wait until it is on disk."""
        self._write()
        self._sync()
        if self._end >= self.segment_bytes:
            self.rotate()

    def rotate(self) -> Path:
        """Close the segment durably and begin the next. Returns the closed one, ready to compact."""
        self._write()
        self._sync()
        closed = self.segment
        os.close(self._fd)
        self._fd = -1
        self._number += 1
        self._begin_segment()
        return closed

    def compact(self) -> list[Path]:
        """Compact every closed segment; slow, and safe beside appending from another thread."""
        return compact(self.directory, below=self._number)

    def close(self) -> None:
        """Sync and release the directory. The last segment stays a log."""
        if self._fd < 0:
            return
        try:
            self._write()
            self._sync()
        finally:
            os.close(self._fd)
            os.close(self._lock)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin_segment(self) -> None:
        """The header is durable before the segment has its name: no crash leaves one without."""
        self.segment = log_path(self.directory, self._number)
        partial = partial_path(self.segment)
        frame = encode_frame(self.header.to_json().encode(), 0)
        partial.write_bytes(frame)
        publish(self.segment)
        self._fd = os.open(self.segment, os.O_WRONLY | os.O_APPEND)
        self._end = self._synced = len(frame)

    def _write(self) -> None:
        if not self._waiting_rows:
            return
        rows = b"".join(self._waiting)
        frames = [
            encode_frame(rows[at : at + _MOST_BYTES], self._synced) for at in range(0, len(rows), _MOST_BYTES)
        ]
        self._end = _append_all(self._fd, b"".join(frames), self._end)
        self.flushed_seq = self._order.last_seq
        self._waiting.clear()
        self._waiting_rows = 0

    def _sync(self) -> None:
        os.fdatasync(self._fd)
        self._synced = self._end
        self.synced_seq = self.flushed_seq


def compact_segment(path: Path, provenance: Mapping[str, Any] | None = None) -> Path:
    """Turn a closed log segment into Parquet, then remove the log. Returns the Parquet file.

    A crash in between leaves both, and the Parquet one counts.
    """
    segment = LogSegment(path, sealed=True)
    made = path.with_suffix(".parquet")
    with TapeWriter(made, segment.header) as writer:
        for rows in segment.batches():
            writer.append(rows)
        writer.close(provenance=provenance)
    path.unlink()
    sync_directory(path.parent)
    return made


def compact(directory: str | Path, below: int | None = None) -> list[Path]:
    """Compact the log segments numbered below `below` (default: all; then nobody may be writing)."""
    made = []
    for number, path in segment_paths(Path(directory)).items():
        if path.suffix == ".log" and (below is None or number < below):
            made.append(compact_segment(path))
    return made


def _append_all(fd: int, data: bytes, end: int) -> int:
    """Append all of data or none of it; returns the new end."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.ftruncate(fd, end)  # half a frame would hide every later one
        raise
    return end + len(data)


def _lock(directory: Path) -> int:
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise SessionLocked(
            f"{directory}: another process is recording here; stop it or name another tape"
        ) from None
    return handle


def _recover(directory: Path, header: TapeHeader) -> tuple[Recovery, int]:
    """Clean up after a crash; returns what was found and the number of the next segment."""
    for path in leftovers(directory):
        path.unlink()
    paths = segment_paths(directory)
    last_seq = last_recv_ns = torn = 0
    for path in reversed(paths.values()):
        segment = open_segment(path, sealed=path != next(reversed(paths.values())))
        _refuse_other_markets(path, segment.header, header)
        if isinstance(segment, LogSegment):
            torn += segment.torn_bytes
            _settle(path, segment.end)
        if segment.tally.rows:
            last_seq, last_recv_ns = segment.tally.last_seq, segment.tally.last_recv_ns
            break
    return Recovery(last_seq, last_recv_ns, torn), max(paths, default=0) + 1


def _settle(path: Path, end: int) -> None:
    """Cut a torn tail off, and make the rest durable: from now on the segment counts as sealed."""
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())


def _refuse_other_markets(path: Path, found: TapeHeader, wanted: TapeHeader) -> None:
    if found.instruments != wanted.instruments or found.has_timers != wanted.has_timers:
        names = ", ".join(i.key for i in found.instruments) or "none"
        raise BadInput(
            f"{path}: this tape is of other markets or instrument versions ({names}); "
            "start a new tape or session for the new ones"
        )
