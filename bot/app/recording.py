"""What a run writes beside its database: the tape, when one is recorded, and the full readings."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bot.app.quota import Quota
from bot.core.clock import Clock
from bot.core.units import NS_PER_S
from bot.market.tape import LogWriter, TapeHeader
from bot.market.tape.log import SEGMENT_BYTES
from bot.signals.state import Signals
from bot.store.readings import FOLDER as READINGS_FOLDER
from bot.store.readings import ReadingsWriter, drop_old_readings

LOOK_EVERY_NS = 5 * NS_PER_S


@dataclass(slots=True)
class Recording:
    """Made by `open_recording`. Readings are rotated with the tape, and old ones dropped then.

    With a quota closed segments are compacted beside the session, the oldest
    recordings make room for new ones, and a disk that runs full ends the
    recording, not the session.
    """

    tape: LogWriter | None
    readings: ReadingsWriter | None
    keep_days: float
    clock: Clock
    quota: Quota | None = None
    stopped: str = ""  # why the tape ended early
    _segment: Path | None = None
    _beside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "compact"))
    _looked_ns: int = 0
    _told: bool = False
    _compacting: Future[None] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the tape has rows of an earlier run."""
        return self.tape is not None and bool(self.tape.recovered.last_seq)

    def append(self, rows: np.ndarray) -> None:
        """Rows for the tape; `flush` hands them over."""
        if self.tape is None:
            return
        try:
            self.tape.append(rows)
        except OSError as error:
            self._refused(error)

    def flush(self) -> None:
        """What was appended out of our hands: before anything that rests on it leaves us."""
        if self.tape is None:
            return
        try:
            self.tape.flush()
            if self.tape.segment is not self._segment:
                self._rotate(self.tape.segment)
            self._look_at_disk()
        except OSError as error:
            self._refused(error)

    def note(self, now_ns: int, signals: Signals) -> None:
        """The readings of a tick."""
        if self.readings is not None:
            self.readings.note(now_ns, signals)

    def failure(self) -> str:
        """Why no more of the tape or the readings is written; said once, "" otherwise."""
        if self.stopped and not self._told:
            self._told = True
            return self.stopped
        if self.readings is None or not self.readings.failure:
            return ""
        failure = self.readings.failure
        self.readings.close()
        self.readings = None
        return failure

    def settle(self) -> None:
        """Wait until what runs beside is done."""
        if self._compacting is not None:
            self._compacting.result()

    def close(self) -> None:
        if self.readings is not None:
            self.readings.close()
        self._beside.shutdown(wait=True, cancel_futures=True)
        if self.tape is not None:
            self.tape.close()

    def _rotate(self, segment: Path) -> None:
        if self._segment is not None and self.readings is not None:
            self.readings.rotate()
            drop_old_readings(self.readings.folder, self.keep_days, self.clock.now_ns())
        self._segment = segment
        if self.quota is not None and (self._compacting is None or self._compacting.done()):
            self._compacting = self._beside.submit(self._tidy, self.quota, segment)

    def _look_at_disk(self) -> None:
        """Others write too: a segment may take hours, a disk fills in minutes."""
        now_ns = self.clock.now_ns()
        if self.quota is not None and now_ns - self._looked_ns >= LOOK_EVERY_NS:
            self._looked_ns = now_ns
            reason = self.quota.room()
            if reason:
                self._stop(reason)

    def _tidy(self, quota: Quota, segment: Path) -> None:
        if self.tape is not None:
            self.tape.compact()
            quota.drop_oldest(frozenset({segment}))

    def _refused(self, error: OSError) -> None:
        """By the disk: with a quota that ends the recording only. Else raises it again."""
        if self.quota is None or self.tape is None:
            raise error
        self._stop(f"{self.tape.directory}: {error.strerror or error}")

    def _stop(self, reason: str) -> None:
        """The session goes on without a tape; what is recorded stays."""
        self.stopped = reason
        tape, self.tape = self.tape, None
        if tape is not None:
            with suppress(OSError):
                tape.close()


def open_recording(
    folder: Path | None,
    header: TapeHeader,
    session: Path,
    run: int,
    cards: Sequence[str],
    keep_days: float,
    clock: Clock,
    quota: Quota | None = None,
) -> Recording:
    """Open the tape in `folder`, if any; readings go beside it, or else into the `session`'s folder.

    `keep_days` 0 writes no readings. Raises as `LogWriter` does.
    """
    segment_bytes = SEGMENT_BYTES if quota is None else quota.segment_bytes
    tape = None if folder is None else LogWriter(folder, header, segment_bytes=segment_bytes)
    readings = None
    if keep_days:
        place = (session if folder is None else folder) / READINGS_FOLDER
        drop_old_readings(place, keep_days, clock.now_ns())
        readings = ReadingsWriter(place, run, [i.key for i in header.instruments], cards)
    return Recording(tape, readings, keep_days, clock, quota)
