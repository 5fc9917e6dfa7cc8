"""Raw Binance recordings to EVENT rows: the live decoder, fed from files.

Memory does not grow with the length of the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from bot.core.errors import BadInput
from bot.market.events import RowBuffer
from bot.market.importers.binance_probe import PROBED_LINES, probe
from bot.market.importers.raw_lines import Progress, RawLine, raw_lines, size_of
from bot.market.importers.summary import ClockTally, ImportSummary
from bot.market.instruments import Instrument, find
from bot.market.tape import TapeHeader, TapeWriter, number_rows
from bot.market.tape.ladders import LadderChecks
from bot.market.venues.binance import BinanceStream

BATCH_ROWS = 1 << 16
EXAMPLES = 5


class RowWriter(Protocol):
    def append(self, rows: np.ndarray) -> None:
        """Take numbered EVENT rows, whole messages at a time."""
        ...


def import_to_tape(
    files: Sequence[str | Path],
    tape: str | Path,
    *,
    venue: str = "",
    instruments: Iterable[Instrument] = (),
    on_progress: Progress | None = None,
) -> ImportSummary:
    """Import into a new tape; see `import_binance_raw`. On an error no tape is left."""
    paths = [Path(f) for f in files]
    target = Path(tape)
    if any(path.resolve() == target.resolve() for path in paths):
        raise BadInput(
            f"{target}: expected a new tape, was one of the recordings; choose another name for -o"
        )
    with TapeWriter(target, TapeHeader()) as writer:
        summary = import_binance_raw(
            paths, writer, venue=venue, instruments=instruments, on_progress=on_progress
        )
        writer.close(instruments=summary.instruments, provenance={"import": summary.to_json()})
    return summary


def import_binance_raw(
    files: Sequence[str | Path],
    writer: RowWriter,
    *,
    venue: str = "",
    instruments: Iterable[Instrument] = (),
    on_progress: Progress | None = None,
) -> ImportSummary:
    """Read the files in order as one stream and hand numbered rows to `writer`, seq from 1.

    `venue` is recognised from the first lines unless given; `instruments` come
    before the shipped table. Markets are numbered by first appearance. Lines
    that are not understood are counted, not fatal. Raises BadInput for a
    missing or damaged file, another format, a symbol in no table, or when not
    one message could be used.
    """
    paths = [Path(f) for f in files]
    overrides = tuple(instruments)
    if venue and venue not in BinanceStream.VENUES:
        raise BadInput(f"expected a venue of {', '.join(BinanceStream.VENUES)}, was {venue!r}")
    for path in paths:
        size_of(path)
    seen = probe(islice(raw_lines(paths), PROBED_LINES))
    venue = venue or seen.venue
    if not venue or not seen.symbols:
        raise BadInput(
            f"{paths[0]}: expected Binance market data, but its first {PROBED_LINES} lines do not tell "
            f"which; name the market with --venue, one of {', '.join(BinanceStream.VENUES)}"
        )
    known = [find(f"{venue}:{symbol}", overrides) for symbol in seen.symbols]
    run = _Import(known, overrides, writer)
    for line in raw_lines(paths, on_progress):
        run.feed(line)
    return run.finish(paths)


class _Import:
    """The state of one import."""

    def __init__(self, known: list[Instrument], overrides: tuple[Instrument, ...], writer: RowWriter) -> None:
        self.stream = BinanceStream(dict(enumerate(known)))
        self.instruments = known
        self.overrides = overrides
        self.writer = writer
        self.out = RowBuffer(2 * BATCH_ROWS)
        self.clock = ClockTally()
        self.ladders = LadderChecks(0)
        self.recv: list[int] = []
        self.exch: list[int] = []
        self.lines = 0
        self.rows = 0
        self.unstamped = 0
        self.examples: list[str] = []
        self.first_ns = 0
        self.last_ns = 0

    def feed(self, line: RawLine) -> None:
        self.lines += 1
        if not line.recv_ns:
            self.unstamped += 1
            self._example(line, "expected a receive stamp and a JSON message")
            return
        self.first_ns = self.first_ns or line.recv_ns
        self.last_ns = max(self.last_ns, line.recv_ns)
        stream = self.stream
        refused = stream.refused
        stream.on_frame("", line.recv_ns, line.payload, self.out)
        if stream.unknown_symbol:
            self._meet(stream.unknown_symbol)
            stream.on_frame("", line.recv_ns, line.payload, self.out)
        if stream.refused != refused and stream.refusals:
            self._example(line, stream.refusals.pop().reason)
        self.recv.append(line.recv_ns)
        self.exch.append(stream.exch_ns)
        if len(self.out) >= BATCH_ROWS:
            self._hand_over()

    def _meet(self, symbol: str) -> None:
        """A symbol that the first lines did not show; it gets the next market index."""
        instrument = find(f"{self.stream.venue}:{symbol}", self.overrides)
        self.stream.add(len(self.instruments), instrument)
        self.instruments.append(instrument)
        del self.stream.messages["unknown symbol"]

    def _example(self, line: RawLine, reason: str) -> None:
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{line.path.name}:{line.number}: {reason}")

    def _hand_over(self) -> None:
        self.clock.add(self.recv, self.exch)
        self.recv, self.exch = [], []
        rows = number_rows(self.out.take(), self.rows + 1)
        if len(rows):
            self.rows += len(rows)
            self.ladders.add(rows)
            self.writer.append(rows)

    def finish(self, paths: list[Path]) -> ImportSummary:
        self._hand_over()
        if not self.rows:
            why = f"; {self.examples[0]}" if self.examples else ""
            raise BadInput(f"{paths[0]}: not one of {self.lines} lines could be used{why}")
        stream = self.stream
        heard = stream.heard()
        syncs = {symbol: book.sync for symbol, book in stream.books.items()}
        return ImportSummary(
            files=tuple(str(p) for p in paths),
            venue=stream.venue,
            instruments=tuple(self.instruments),
            lines=self.lines,
            messages=dict(sorted(heard.items())),
            level_updates=stream.level_updates,
            trades=heard["trade"] + heard["aggTrade"],
            not_market=stream.not_market,
            gaps=sum(s.gaps for s in syncs.values()),
            resyncs=sum(max(s.joins - 1, 0) for s in syncs.values()),
            duplicates=sum(s.duplicates for s in syncs.values()),
            predating=sum(s.predating for s in syncs.values()),
            stale_snapshots=sum(s.stale_snapshots for s in syncs.values()),
            overflowed=sum(s.overflowed for s in syncs.values()),
            never_up=tuple(symbol for symbol, s in syncs.items() if not s.joins and s.held),
            malformed=self.unstamped + stream.refused,
            examples=tuple(self.examples),
            rows=self.rows,
            commits=self.ladders.commits,
            crossed_commits=self.ladders.crossed_count,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            offset_median_ms=self.clock.median_ms(),
            offset_min_ms=self.clock.min_ms(),
            exch_backwards=self.clock.backwards_share(),
            recv_backwards=self.clock.recv_backwards,
        )
