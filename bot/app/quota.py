"""How much disk recordings may take: a limit on their own size, and room that is left to everybody else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.app.config import StorageConfig
from bot.core.units import NS_PER_S
from bot.market.tape.log import SEGMENT_BYTES

_MB = 1024 * 1024
SEGMENTS = 8


@dataclass(frozen=True, slots=True)
class Quota:
    """`folder` holds everything that counts; 0 bytes: no limit."""

    folder: Path
    max_bytes: int
    min_free_bytes: int

    @staticmethod
    def of(folder: Path, max_mb: float, min_free_mb: float) -> Quota:
        return Quota(folder, int(max_mb * _MB), int(min_free_mb * _MB))

    def room(self) -> str:
        """Why nothing more may be written, "" while there is room."""
        free = shutil.disk_usage(_existing(self.folder)).free
        if free >= self.min_free_bytes:
            return ""
        return (
            f"{self.folder}: expected {self.min_free_bytes // _MB} MB of free disk, was {free // _MB} MB; "
            "make room, or lower storage.min_free_mb"
        )

    @property
    def segment_bytes(self) -> int:
        """Of a tape's segments: so small that those which may go are always most of what there is."""
        return min(self.max_bytes // SEGMENTS, SEGMENT_BYTES) if self.max_bytes else SEGMENT_BYTES

    def drop_oldest(self, keep: frozenset[Path] = frozenset()) -> int:
        """Delete the oldest recordings until the rest, and the segment that is begun, fit.

        Returns the bytes freed. `keep` is in use.
        """
        files = sorted(self._files(), key=lambda item: item[0])
        in_use = sum(size for _, size, path in files if path in keep)
        total = sum(size for _, size, _ in files) + max(0, self.segment_bytes - in_use)
        freed = 0
        for _, size, path in files:
            if not self.max_bytes or total - freed <= self.max_bytes:
                break
            if path not in keep:
                path.unlink(missing_ok=True)
                freed += size
        return freed

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.rglob("*"):
            if path.suffix in (".log", ".parquet", ".zst", ".gz") and path.is_file():
                found = path.stat()
                yield found.st_mtime, found.st_size, path


def live_tape(
    record: Path | None, tapes: Path, storage: StorageConfig, now_ns: int
) -> tuple[Path | None, Quota | None]:
    """Where a live session records, and what limits it: a folder of its own each run unless one is named.

    A folder that was asked for by name is never thinned out.
    """
    if record is not None:
        return record, Quota.of(record, 0.0, storage.min_free_mb)
    if not storage.live_tapes_mb:
        return None, None
    begun = datetime.fromtimestamp(now_ns / NS_PER_S, UTC).strftime("%Y%m%dT%H%M%SZ")
    return tapes / begun, Quota.of(tapes, storage.live_tapes_mb, storage.min_free_mb)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
