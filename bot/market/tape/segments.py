"""The segments of a tape: a directory's numbered files, or one file by itself."""

from __future__ import annotations

import re
from pathlib import Path

from bot.core.errors import BadTape
from bot.market.tape.files import PARTIAL
from bot.market.tape.frames import MAGIC as LOG_MAGIC
from bot.market.tape.frames import LogSegment
from bot.market.tape.parquet import ParquetSegment

Segment = LogSegment | ParquetSegment

_NAME = re.compile(r"(\d{6,})\.(log|parquet)")


def log_path(directory: Path, number: int) -> Path:
    return directory / f"{number:06d}.log"


def segment_paths(directory: Path) -> dict[int, Path]:
    """Number → file, in order. Parquet wins: it exists only when it holds all of its log."""
    found: dict[int, Path] = {}
    for path in sorted(directory.iterdir()):  # .log sorts before .parquet
        match = _NAME.fullmatch(path.name)
        if match:
            found[int(match[1])] = path
    return dict(sorted(found.items()))


def leftovers(directory: Path) -> list[Path]:
    """What a crash during compaction or rotation can leave: partial files, logs already compacted."""
    kept = set(segment_paths(directory).values())
    return [
        path
        for path in sorted(directory.iterdir())
        if path.name.endswith(PARTIAL) or (_NAME.fullmatch(path.name) and path not in kept)
    ]


def open_segment(path: Path, *, sealed: bool = False) -> Segment:
    """By content, not by name. A log that was compacted meanwhile is found as Parquet."""
    if not path.exists() and path.with_suffix(".parquet").exists():
        path = path.with_suffix(".parquet")
    try:
        with path.open("rb") as file:
            head = file.read(len(LOG_MAGIC))
        return LogSegment(path, sealed=sealed) if head == LOG_MAGIC else ParquetSegment(path)
    except FileNotFoundError:
        raise BadTape(f"{path}: no such tape; check the path, or make one with `lopside import`") from None
    except OSError as error:
        raise BadTape(f"{path}: cannot read the tape: {error.strerror or error}") from None


def open_segments(path: Path) -> list[Segment]:
    """The segments of a tape in order. Raises BadTape when there are none or they overlap."""
    if not path.is_dir():
        return [open_segment(path)]
    paths = list(segment_paths(path).values())
    if not paths:
        raise BadTape(
            f"{path}: expected a tape, found no segment (000001.log, 000001.parquet, …) in the directory"
        )
    segments = [open_segment(p, sealed=p is not paths[-1]) for p in paths]
    _refuse_overlap(segments)
    return segments


def _refuse_overlap(segments: list[Segment]) -> None:
    last_seq = last_recv_ns = 0
    for segment in segments:
        tally = segment.tally
        if not tally.rows:
            continue
        if tally.first_seq <= last_seq or tally.first_recv_ns < last_recv_ns:
            raise BadTape(
                f"{segment.path}: expected rows after seq {last_seq}, starts at {tally.first_seq}; "
                "the segments are of different sessions, keep one of them here"
            )
        last_seq, last_recv_ns = tally.last_seq, tally.last_recv_ns
