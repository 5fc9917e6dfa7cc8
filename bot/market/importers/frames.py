"""Raw frames of any native venue to a tape, through the live decoders.

Three formats: our recorder's (`tape.raw`), cryptofeed's, and lines of a
receive stamp and a frame (`raw_lines`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.market.events import RowBuffer
from bot.market.importers.cryptofeed import cryptofeed_frames
from bot.market.importers.raw_lines import raw_lines
from bot.market.instruments import Instrument, find
from bot.market.tape import TapeHeader, TapeWriter, number_rows
from bot.market.tape.ladders import LadderChecks
from bot.market.tape.raw import RawFrame, RawReader, What, is_raw
from bot.market.venues.known import NATIVE, full_name, stream_of
from bot.market.venues.protocol import Fetch, VenueStream

BATCH_ROWS = 1 << 16
PROBED_FRAMES = 5_000

_SYMBOLS = {
    "okx": re.compile(rb'"channel":\s*"[a-z0-9-]+",\s*"instId":\s*"([A-Za-z0-9_-]+)"'),
    "hyperliquid": re.compile(rb'"coin":\s*"([A-Za-z0-9:]+)"'),
}
_SYMBOL = re.compile(rb'"s(?:ymbol)?":\s*"([A-Za-z0-9_]+)"')
_URL_HOLDS = {"bybit-linear": "/linear"}
"""Bybit's spot and linear connections name their topics alike; only the URL tells them apart."""


@dataclass(frozen=True, slots=True)
class FramesSummary:
    """What an import of frames saw."""

    files: tuple[str, ...]
    venue: str
    instruments: tuple[Instrument, ...]
    frames: int
    rows: int
    commits: int
    crossed_commits: int
    gaps: int
    never_up: tuple[str, ...]  # symbols without a book to the end
    torn: tuple[str, ...]  # files that end too early
    first_ns: int
    last_ns: int
    venue_status: dict[str, Any]

    @property
    def span_s(self) -> float:
        return (self.last_ns - self.first_ns) / NS_PER_S

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self) | {"instruments": [i.to_json() for i in self.instruments], "span_s": self.span_s}


def import_frames(
    files: Sequence[str | Path],
    tape: str | Path,
    *,
    venue: str = "",
    instruments: Iterable[Instrument] = (),
) -> FramesSummary:
    """Import into a new tape; markets are numbered by first appearance. On an error no tape is left.

    `venue` may be left out for our own recordings, which say it and their
    instruments; `instruments` come before these and before the shipped table.
    Raises BadInput for files of another format, symbols in no table, or when
    not one frame could be used.
    """
    paths = [Path(f) for f in files]
    for path in paths:
        if not path.is_file():
            raise BadInput(f"{path}: expected a recording, but there is no such file")
    if any(path.resolve() == Path(tape).resolve() for path in paths):
        raise BadInput(f"{tape}: expected a new tape, was one of the recordings; choose another name for -o")
    source = _Source(paths, full_name(venue), tuple(instruments))
    with TapeWriter(tape, TapeHeader()) as writer:
        run = _Import(source, writer)
        for frame in source.frames():
            run.feed(frame)
        summary = run.finish()
        writer.close(instruments=summary.instruments, provenance={"import": summary.to_json()})
    return summary


class _Source:
    """The files, of either format, and what is known of their instruments."""

    def __init__(self, paths: list[Path], venue: str, overrides: tuple[Instrument, ...]) -> None:
        self.paths = paths
        self._readers = [RawReader(path) for path in paths] if is_raw(paths[0]) else []
        named = {reader.header.venue for reader in self._readers}
        if len(named) > 1 or (venue and named - {venue}):
            raise BadInput(f"expected recordings of {venue or 'one venue'}, was {', '.join(sorted(named))}")
        self.venue = venue or next(iter(named), "")
        if not self.venue:
            raise BadInput(f"{paths[0]}: does not say of which venue it is; name it with --venue")
        if self.venue not in NATIVE:
            raise BadInput(f"expected a venue of {', '.join(NATIVE)}, was {self.venue!r}")
        self._stamped = not self._readers and _is_stamped(paths[0])
        recorded = {i.key: i for reader in self._readers for i in reader.header.made()}
        self.overrides = (*recorded.values(), *overrides)

    def frames(self) -> Iterator[RawFrame]:
        if self._readers:
            return chain.from_iterable(self._readers)
        if self._stamped:
            return (RawFrame(What.FRAME, line.recv_ns, "", line.payload) for line in raw_lines(self.paths))
        return cryptofeed_frames(self.paths, _URL_HOLDS.get(self.venue, ""))

    def torn(self) -> tuple[str, ...]:
        return tuple(str(reader.path) for reader in self._readers if reader.torn)

    def instrument(self, symbol: str) -> Instrument:
        return find(f"{self.venue}:{symbol}", self.overrides)

    def symbols(self) -> list[str]:
        """Those recorded, or those that the first frames name."""
        listed = [i.symbol for reader in self._readers for i in reader.header.made()]
        if listed:
            return list(dict.fromkeys(listed))
        pattern = _SYMBOLS.get(self.venue, _SYMBOL)
        first = islice(_peek(self.paths) if self._readers else self.frames(), PROBED_FRAMES)
        found = (symbol for frame in first for symbol in pattern.findall(frame.payload))
        return list(dict.fromkeys(symbol.decode() for symbol in found))


def _is_stamped(path: Path) -> bool:
    first = next(raw_lines([path]), None)
    return first is not None and first.recv_ns > 0 and first.payload.startswith(b"{")


def _peek(paths: list[Path]) -> Iterator[RawFrame]:
    return chain.from_iterable(RawReader(path) for path in paths)


class _Import:
    """The state of one import."""

    def __init__(self, source: _Source, writer: TapeWriter) -> None:
        symbols = source.symbols()
        if not symbols:
            raise BadInput(f"{source.paths[0]}: expected market data of {source.venue}, found none")
        self.source = source
        self.instruments = [source.instrument(symbol) for symbol in symbols]
        self.stream: VenueStream = stream_of(source.venue, dict(enumerate(self.instruments)))
        self.writer = writer
        self.out = RowBuffer(2 * BATCH_ROWS)
        self.ladders = LadderChecks(0)
        self.frames = self.rows = self.first_ns = self.last_ns = 0

    def feed(self, frame: RawFrame) -> None:
        stream, out = self.stream, self.out
        self.frames += 1
        self.first_ns = self.first_ns or frame.recv_ns
        self.last_ns = max(self.last_ns, frame.recv_ns)
        if frame.what is What.FRAME:
            stream.on_frame(frame.name, frame.recv_ns, frame.payload, out)
        elif frame.what is What.CONNECTED:
            stream.on_connected(frame.name, frame.recv_ns, out)
        elif frame.what is What.DISCONNECTED:
            stream.on_disconnected(frame.name, frame.recv_ns, out)
        elif frame.asked is not None:
            stream.on_rest(Fetch(frame.asked, frame.symbol, ""), frame.recv_ns, frame.payload, out)
            stream.take_audits()
        if len(out) >= BATCH_ROWS:
            self._hand_over()

    def _hand_over(self) -> None:
        rows = number_rows(self.out.take(), self.rows + 1)
        if len(rows):
            self.rows += len(rows)
            self.ladders.add(rows)
            self.writer.append(rows)

    def finish(self) -> FramesSummary:
        self._hand_over()
        status = self.stream.status()
        if not self.rows:
            why = f"; {status['refusals'][0]}" if status["refusals"] else ""
            raise BadInput(f"{self.source.paths[0]}: not one of {self.frames} frames could be used{why}")
        books = status["books"]
        return FramesSummary(
            files=tuple(str(path) for path in self.source.paths),
            venue=self.source.venue,
            instruments=tuple(self.instruments),
            frames=self.frames,
            rows=self.rows,
            commits=self.ladders.commits,
            crossed_commits=self.ladders.crossed_count,
            gaps=sum(book["gaps"] for book in books.values()),
            never_up=tuple(symbol for symbol, book in books.items() if not book["joins"]),
            torn=self.source.torn(),
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            venue_status=status,
        )
