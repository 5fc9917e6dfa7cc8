"""`lopside record`: what venues send, as raw frames and as a tape, side by side, without trading.

The raw frames are what any later decoder can read anew; the tape is what a
replay needs. Both rotate, and both stop before the disk is full.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bot.app.live import START_WITHIN_S, Feed, LiveSource, why_silent
from bot.app.quota import Quota
from bot.app.reach import Unreachable
from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.engine.inbox import Inbox, Numbering
from bot.market.events import Kind
from bot.market.feeds.feed import VenueFeed
from bot.market.tape import LogWriter, TapeHeader
from bot.market.tape.raw import RawWriter

FLUSH_NS = NS_PER_S // 4
ROTATE_BYTES = 128 * 1024 * 1024
RAW_FOLDER = "raw"
TAPE_FOLDER = "tape"

OnNews = Callable[[str, Mapping[str, Any]], None]


@dataclass(slots=True)
class RawFiles:
    """The raw frames of one venue: `raw/<venue>-000001.zst` and on."""

    folder: Path
    venue: str
    instruments: tuple[Any, ...]
    number: int = 0
    frames: int = 0
    _writer: RawWriter | None = None

    def frame(self, recv_ns: int, name: str, payload: bytes) -> None:
        if self._writer is None or self._writer.bytes_written >= ROTATE_BYTES:
            self._next()
        assert self._writer is not None
        self.frames += 1
        self._writer.frame(recv_ns, name, payload)

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _next(self) -> None:
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            self.number += 1
            path = self.folder / f"{self.venue}-{self.number:06d}.zst"
            if not path.exists():
                break
        self._writer = RawWriter(path, self.venue, self.instruments)


@dataclass(slots=True)
class Recorded:
    """What a recording holds in the end."""

    rows: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    gaps: int = 0
    seconds: float = 0.0
    stopped: str = ""  # why it ended early
    feeds: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Recorder:
    """Writes until stopped, the duration is over, or the disk has no more room."""

    source: LiveSource
    folder: Path
    min_free_mb: float
    duration_s: float | None = None
    on_news: OnNews | None = None
    on_progress: Callable[[Recorded], None] | None = None
    result: Recorded = field(default_factory=Recorded)
    stopping: bool = False

    def run(self) -> Recorded:
        """Raises Unreachable when no venue says anything at the start."""
        if self.folder.exists() and not self.folder.is_dir():
            raise BadInput(f"{self.folder}: expected a folder")
        header = TapeHeader(self.source.instruments, provenance={"recorded": self.source.describe()})
        with LogWriter(self.folder / TAPE_FOLDER, header) as tape:
            asyncio.run(self._run(tape))
        return self.result

    async def _run(self, tape: LogWriter) -> None:
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self._stop)
        inbox = Inbox()
        feeds = self.source.open(inbox, None, self.on_news or (lambda what, detail: None))
        raws = [self._raw_of(feed) for feed in feeds if isinstance(feed, VenueFeed)]
        writer = asyncio.create_task(self._write(inbox, tape, raws))
        work = asyncio.create_task(_all(feeds))
        watch = asyncio.create_task(self._watch(feeds, raws))
        tasks = (writer, work, watch)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for raw in raws:
                raw.close()
            self.result.feeds = [feed.status() for feed in feeds]

    def _stop(self) -> None:
        self.stopping = True

    def _raw_of(self, feed: VenueFeed) -> RawFiles:
        raw = RawFiles(self.folder / RAW_FOLDER, feed.stream.venue, tuple(feed.instruments.values()))
        feed.on_raw = raw.frame
        return raw

    async def _write(self, inbox: Inbox, tape: LogWriter, raws: list[RawFiles]) -> None:
        numbering = Numbering(tape.recovered.last_seq, tape.recovered.last_recv_ns)
        flushed_ns = 0
        while True:
            rows = await inbox.get()
            assert isinstance(rows, np.ndarray)
            numbered = numbering.rows(rows)
            tape.append(numbered)
            self.result.rows += rows.size
            self.result.gaps += int((rows["kind"] == Kind.GAP).sum())
            now_ns = numbering.last_ns
            if now_ns - flushed_ns >= FLUSH_NS:
                flushed_ns = now_ns
                tape.flush()
                for raw in raws:
                    raw.flush()

    async def _watch(self, feeds: list[Feed], raws: list[RawFiles]) -> None:
        """The end, the disk, and what people see."""
        quota = Quota.of(self.folder, 0.0, self.min_free_mb)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while not self.stopping:
            await asyncio.sleep(0.25)
            self.result.seconds = loop.time() - began_s
            self.result.frames = {raw.venue: raw.frames for raw in raws}
            if self.on_progress is not None:
                self.on_progress(self.result)
            if self.duration_s and self.result.seconds >= self.duration_s:
                return
            if self.result.seconds >= START_WITHIN_S and not self.result.rows:
                raise Unreachable(why_silent(feeds))
            self.result.stopped = quota.room()
            if self.result.stopped:
                return


async def _all(feeds: list[Feed]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for feed in feeds:
            tasks.create_task(feed.run())
