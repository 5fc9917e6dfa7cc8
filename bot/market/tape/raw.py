"""Raw frames on disk: everything a venue sent, as it came, so that any session can be decoded anew.

Lines of text, zstd (`.zst`), gzip (`.gz`) or plain by the file's name:

    0 lopside {"format":1,"venue":"okx","instruments":[...]}
    <receive ns> +<connection> <url>          it was opened
    <receive ns> <connection> <payload>       a frame
    <receive ns> rest:<asked>:<symbol> <payload>
    <receive ns> -<connection> <reason>       it is gone

Line breaks within a payload (white space, in JSON) become blanks. What a torn
file still holds is read; `RawReader.torn` tells.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec
import pyarrow as pa

from bot.core.errors import BadInput
from bot.market.instruments import Instrument
from bot.market.venues.protocol import Asked

FORMAT = 1
MAX_LINE = 1 << 25

_HEADER = b"0 lopside "
_REST = "rest:"
_CHUNK = 1 << 16
_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class What(Enum):
    FRAME = "frame"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One thing a venue's shell saw. `name` is the connection's; of an ANSWER it is empty."""

    what: What
    recv_ns: int
    name: str
    payload: bytes
    asked: Asked | None = None
    symbol: str = ""


class RawHeader(msgspec.Struct, frozen=True):
    venue: str
    format: int = FORMAT
    instruments: list[dict[str, Any]] = []

    def made(self) -> list[Instrument]:
        return [Instrument.from_json(data) for data in self.instruments]


class RawWriter:
    """Appends frames to a new file. What was flushed survives a crash. `bytes_written` is as compressed."""

    def __init__(self, path: str | Path, venue: str, instruments: Iterable[Instrument] = ()) -> None:
        self.path = Path(path)
        self._file: IO[bytes] = self.path.open("xb")
        self._out = _packed(self._file, self.path.suffix)
        header = RawHeader(venue, FORMAT, [i.to_json() for i in instruments])
        self._out.write(_HEADER + msgspec.json.encode(header) + b"\n")

    def frame(self, recv_ns: int, name: str, payload: bytes) -> None:
        """Also an answer, under the name `rest:<asked>:<symbol>`."""
        self._line(recv_ns, name, payload)

    def answer(self, recv_ns: int, asked: Asked, symbol: str, payload: bytes) -> None:
        self._line(recv_ns, f"{_REST}{asked}:{symbol}", payload)

    def connected(self, recv_ns: int, name: str, url: str = "") -> None:
        self._line(recv_ns, f"+{name}", url.encode())

    def disconnected(self, recv_ns: int, name: str, reason: str = "") -> None:
        self._line(recv_ns, f"-{name}", reason.encode())

    def flush(self) -> None:
        self._out.flush()
        self._file.flush()

    @property
    def bytes_written(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self._file.closed:
            if self._out is not self._file:
                self._out.close()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self, recv_ns: int, name: str, payload: bytes) -> None:
        self._out.write(b"%d %s %s\n" % (recv_ns, name.encode(), payload.translate(_BREAKS)))


class RawReader:
    """One file of frames, in order. Iterate once. Raises BadInput for another format or a damaged line."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.torn = False
        self._lines = self._text()
        first = next(self._lines, b"")
        if not first.startswith(_HEADER):
            raise BadInput(f"{self.path}: expected frames recorded by lopside, was {first[:60]!r}")
        try:
            self.header = msgspec.json.decode(first[len(_HEADER) :], type=RawHeader)
        except msgspec.MsgspecError as error:
            raise BadInput(f"{self.path}: {error}") from None
        if self.header.format != FORMAT:
            raise BadInput(f"{self.path}: expected format {FORMAT}, was {self.header.format}")

    def __iter__(self) -> Iterator[RawFrame]:
        for number, line in enumerate(self._lines, 2):
            stamp, _, rest = line.partition(b" ")
            name, _, payload = rest.partition(b" ")
            if not stamp.isdigit() or not name:
                raise BadInput(
                    f"{self.path}:{number}: expected a receive time and a connection: {line[:60]!r}"
                )
            yield _understood(int(stamp), name.decode("utf-8", "replace"), payload.rstrip(b"\n"))

    def _text(self) -> Iterator[bytes]:
        """Whole lines; a torn last one is left out."""
        rest = b""
        for chunk in _chunks(self):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE:
                raise BadInput(f"{self.path}: expected lines of at most {MAX_LINE} bytes")
            yield from lines
        self.torn = self.torn or bool(rest)


def is_raw(path: str | Path) -> bool:
    """Whether a file holds frames in this format."""
    try:
        RawReader(path)
    except (BadInput, OSError):
        return False
    return True


def _understood(recv_ns: int, name: str, payload: bytes) -> RawFrame:
    if name[0] == "+":
        return RawFrame(What.CONNECTED, recv_ns, name[1:], payload)
    if name[0] == "-":
        return RawFrame(What.DISCONNECTED, recv_ns, name[1:], payload)
    if not name.startswith(_REST):
        return RawFrame(What.FRAME, recv_ns, name, payload)
    asked, _, symbol = name[len(_REST) :].partition(":")
    try:
        return RawFrame(What.ANSWER, recv_ns, "", payload, Asked(asked), symbol)
    except ValueError:
        raise BadInput(f"expected an answer of {', '.join(Asked)}, was {asked!r}") from None


def _packed(file: IO[bytes], suffix: str) -> Any:
    if suffix == ".zst":
        return pa.CompressedOutputStream(file, "zstd")
    return gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) if suffix == ".gz" else file


def _unpacked(path: Path) -> Any:
    magic = path.open("rb").read(4)
    if magic == b"\x28\xb5\x2f\xfd":
        return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return gzip.open(path) if magic[:2] == b"\x1f\x8b" else path.open("rb")


def _chunks(reader: RawReader) -> Iterator[bytes]:
    done = 0
    stream = _unpacked(reader.path)
    try:
        while chunk := stream.read(_CHUNK):
            done += len(chunk)
            yield chunk
    except (OSError, EOFError, zlib.error):
        reader.torn = True
        yield _what_is_left(reader.path, done)
    finally:
        stream.close()


def _what_is_left(path: Path, done: int) -> bytes:
    """The text of a torn file behind the first `done` bytes, byte by byte as a larger read gives none."""
    left = bytearray()
    stream = _unpacked(path)
    try:
        while done > 0 and (skipped := stream.read(min(done, _CHUNK))):
            done -= len(skipped)
        while byte := stream.read(1):
            left += byte
    except (OSError, EOFError, zlib.error):
        pass
    finally:
        stream.close()
    return bytes(left)
