"""Full readings as Parquet: every card and composite, mode, market and tick of a run.

A row a reading, null where it is asleep. A tick costs the loop a few copies;
tables are built, compressed and written by a thread. A file is whole or not
there: what a crash loses is the file at hand, at most an hour, which the tape
gives again.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bot.core.enums import Agreement, Mode
from bot.core.units import NS_PER_DAY, NS_PER_S
from bot.market.tape.files import PARTIAL, partial_path, publish
from bot.signals.state import ALIGNMENT, PROBABILITY

FOLDER = "readings"
COMPOSITE = "composite"
"""What stands in the column `card` for the composite; its score is the bias."""

GROUP_TICKS = 60
"""Ticks of a row group: ten minutes."""
FILE_TICKS = 360
"""Ticks of a file at most: an hour."""
WAITING_GROUPS = 4
"""Groups that wait for the disk at most; then the loop waits too."""

_FIGURES = ("score", "strength", "confidence", "agreement", "coverage")
_STATES = ("state", "direction", "fresh", "decelerating", "exhausted")
_FLAGS = ("fresh", "decelerating", "exhausted")
_OF_COMPOSITE = ("probability", "alignment")
_MODES = tuple(mode.value for mode in Mode)
_AGREEMENTS = tuple(agreement.name.lower() for agreement in sorted(Agreement))

_WORD = pa.dictionary(pa.int16(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("time_ns", pa.int64(), nullable=False),
        pa.field("market", _WORD, nullable=False),
        pa.field("card", _WORD, nullable=False),
        pa.field("mode", _WORD, nullable=False),
        *(pa.field(name, pa.float32()) for name in _FIGURES),
        pa.field("state", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("direction", pa.int8(), nullable=False),
        *(pa.field(name, pa.bool_(), nullable=False) for name in _FLAGS),
        *(pa.field(name, pa.float32()) for name in _OF_COMPOSITE),
    ]
)
# Figures hardly repeat: without a dictionary they take a quarter less.
_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": [name for name in SCHEMA.names if name not in (*_FIGURES, *_OF_COMPOSITE)],
}


class ReadingArrays(Protocol):
    """What is read of `bot.signals.state.Signals`."""

    @property
    def cards(self) -> np.ndarray:
        """(M, C, 3) READING."""
        ...

    @property
    def composites(self) -> np.ndarray:
        """(M, 3) READING."""
        ...

    @property
    def verdicts(self) -> np.ndarray:
        """(M, 3, 3) float64."""
        ...


class ReadingsWriter:
    """Takes readings after every tick; files go into `folder`, named after their first tick and the run.

    Never raises for what the disk does: `failure` says it, and nothing more is
    written. Call `close` at the end.
    """

    def __init__(self, folder: Path, run: int, markets: Sequence[str], cards: Sequence[str]) -> None:
        self.folder = folder
        self.failure = ""
        self._run = run
        self._markets = tuple(markets)
        self._cards = (*cards, COMPOSITE)
        self._block = _Block(len(markets), len(cards))
        self._ticks = 0  # in the file at hand
        self._closed = False
        self._waiting: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(1, "readings")
        # of the thread
        self._file: pq.ParquetWriter | None = None
        self._path = folder
        for leftover in folder.glob(f"*{PARTIAL}"):
            leftover.unlink()

    def note(self, now_ns: int, arrays: ReadingArrays) -> None:
        """Take the readings of a tick."""
        if self.failure:
            return
        self._block.put(now_ns, arrays)
        self._ticks += 1
        if self._block.ticks == GROUP_TICKS:
            self._send()
        if self._ticks == FILE_TICKS:
            self.rotate()

    def rotate(self) -> None:
        """Complete the file at hand; the next tick begins another."""
        self._send()
        self._ticks = 0
        self._hand(self._complete)

    def close(self) -> None:
        """Complete the last file and wait until it is there. Nothing happens the second time."""
        if not self._closed:
            self.rotate()
            self._thread.shutdown(wait=True)
            self._closed = True

    def _send(self) -> None:
        if self._block.ticks:
            self._hand(self._write, self._block)
            self._block = _Block(len(self._markets), len(self._cards) - 1)

    def _hand(self, work: Callable[..., None], *arguments: Any) -> None:
        while self._waiting and (len(self._waiting) >= WAITING_GROUPS or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._guarded, work, *arguments))

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        """In the thread: whatever goes wrong with a file ends the writing, not the trading."""
        if self.failure:
            return
        try:
            work(*arguments)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            self._file = None
            partial_path(self._path).unlink(missing_ok=True)

    def _write(self, block: _Block) -> None:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._path = self.folder / _file_name(int(block.times[0]), self._run)
            self._file = pq.ParquetWriter(partial_path(self._path), SCHEMA, **_OPTIONS)
        self._file.write_table(block.table(self._markets, self._cards))

    def _complete(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            publish(self._path)


class _Block:
    """Readings of up to GROUP_TICKS ticks; the composite is the last card."""

    def __init__(self, markets: int, cards: int) -> None:
        shape = (GROUP_TICKS, markets, cards + 1, len(_MODES))
        self.ticks = 0
        self.times = np.zeros(GROUP_TICKS, np.int64)
        self.figures = np.empty((len(_FIGURES), *shape), np.float32)
        self.states = np.empty((len(_STATES), *shape), np.int8)
        self.of_composite = np.full((len(_OF_COMPOSITE), *shape), np.nan, np.float32)

    def put(self, now_ns: int, arrays: ReadingArrays) -> None:
        t = self.ticks
        self.times[t] = now_ns
        for names, into in ((_FIGURES, self.figures), (_STATES, self.states)):
            for k, name in enumerate(names):
                into[k, t, :, :-1] = arrays.cards[name]
                into[k, t, :, -1] = arrays.composites[name]
        for k, column in enumerate((PROBABILITY, ALIGNMENT)):
            self.of_composite[k, t, :, -1] = arrays.verdicts[:, :, column]
        self.ticks += 1

    def table(self, markets: Sequence[str], cards: Sequence[str]) -> pa.Table:
        shape = self.figures.shape[2:]
        each = int(np.prod(shape))
        market, card, mode = np.indices(shape, np.int16).reshape(3, -1)
        states = dict(zip(_STATES, self.states[:, : self.ticks].reshape(len(_STATES), -1), strict=True))
        columns = [
            pa.array(np.repeat(self.times[: self.ticks], each)),
            *(
                _words(np.tile(places, self.ticks), names)
                for places, names in ((market, markets), (card, cards), (mode, _MODES))
            ),
            *(_numbers(figures[: self.ticks]) for figures in self.figures),
            _words(states["state"] - np.int8(Agreement.ASLEEP), _AGREEMENTS),
            pa.array(states["direction"]),
            *(pa.array(states[name] != 0) for name in _FLAGS),
            *(_numbers(figures[: self.ticks]) for figures in self.of_composite),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)


def _words(places: np.ndarray, names: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(places, pa.array(names, pa.string()))


def _numbers(figures: np.ndarray) -> pa.Array:
    """nan, which is asleep, as null."""
    return pa.array(figures.reshape(-1), from_pandas=True)


def _file_name(first_ns: int, run: int) -> str:
    first = datetime.fromtimestamp(first_ns // NS_PER_S, UTC)
    return f"{first:%Y%m%dT%H%M%S}-run{run}.parquet"


_FILE_NAME = re.compile(r"\d{8}T\d{6}-run\d+\.parquet")


def drop_old_readings(folder: Path, keep_days: float, now_ns: int) -> int:
    """Remove files of readings written more than so many days ago; how many there were.

    By when they were written, not by their stream time: a demo or a replay
    plays at any time. Files with other names are nobody's business here.
    """
    oldest_ns = now_ns - int(keep_days * NS_PER_DAY)
    dropped = 0
    for path in sorted(folder.glob("*.parquet")):
        if _FILE_NAME.fullmatch(path.name) and path.stat().st_mtime_ns < oldest_ns:
            path.unlink()
            dropped += 1
    return dropped
