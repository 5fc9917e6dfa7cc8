"""Recordings of the library cryptofeed as raw frames, in order of time.

Two formats. Text (`NAME.ws.N`, `NAME.http.N`, gzip or plain), one file a connection:

    <url> <-> <epoch s>             connected
    <url> <- <epoch s>: <text>      sent
    <epoch s>: <text>               received
    <url> -> <epoch s>: <text>      REST answer

JSON lines (`.jsonl`, zstd or plain): `t` is header, http, connect, send or
recv, with `conn`, `ts` and `data`; lines are grouped by connection, so a file
is held in memory to be sorted.
"""

from __future__ import annotations

import gzip
import heapq
import re
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec
import pyarrow as pa

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.market.tape.raw import RawFrame, What
from bot.market.venues.protocol import Asked

_MAX_LINE = 1 << 25
_SNAPSHOT_URL = re.compile(r"/depth\?.*\bsymbol=([A-Za-z0-9_]+)")
_LATEST_S = Decimal(7_258_118_400)  # the year 2200


class _Line(msgspec.Struct, gc=False):
    t: str
    conn: str = ""
    ts: float | int | str = 0
    url: str = ""
    addr: str = ""
    data: str = ""


_LINE = msgspec.json.Decoder(_Line)


def cryptofeed_frames(paths: Sequence[Path], url_holds: str = "") -> Iterator[RawFrame]:
    """The frames of all files, merged by time; of connections whose URL holds a text only.

    Raises BadInput for a file that cannot be read or is of neither format.
    """
    parts = [_frames_of(path, url_holds) for path in paths]
    return heapq.merge(*parts, key=lambda frame: frame.recv_ns)


def _frames_of(path: Path, url_holds: str) -> Iterator[RawFrame]:
    if b'"t":"header"' in next(_lines(path), b""):
        return iter(sorted(_json_frames(path, url_holds), key=lambda frame: frame.recv_ns))
    return _text_frames(path, url_holds)


def _json_frames(path: Path, url_holds: str) -> Iterator[RawFrame]:
    wanted: set[str] = set()
    for number, text in enumerate(_lines(path), 1):
        try:
            line = _LINE.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadInput(f"{path}:{number}: {error}") from None
        recv_ns = _recv_ns(str(line.ts))
        if line.t == "connect" and url_holds in line.addr:
            wanted.add(line.conn)
            yield RawFrame(What.CONNECTED, recv_ns, line.conn, line.addr.encode())
        elif line.t == "recv" and line.conn in wanted:
            yield RawFrame(What.FRAME, recv_ns, line.conn, line.data.encode())
        elif line.t == "http":
            yield from _answer(line.url, recv_ns, line.data.encode())


def _text_frames(path: Path, url_holds: str) -> Iterator[RawFrame]:
    name, wanted, known = path.name, True, False
    for line in _lines(path):
        head, _, payload = line.partition(b": ")
        words = head.decode("utf-8", "replace").split()
        if len(words) == 1 and known and (recv_ns := _recv_ns(words[0])):
            if wanted:
                yield RawFrame(What.FRAME, recv_ns, name, payload.rstrip(b"\n"))
        elif len(words) == 3 and words[1] == "<->":
            known, wanted = True, url_holds in words[0]
            if wanted:
                yield RawFrame(What.CONNECTED, _recv_ns(words[2]), name, words[0].encode())
        elif len(words) == 3 and words[1] == "->":
            known = True
            yield from _answer(words[0], _recv_ns(words[2]), payload.rstrip(b"\n"))
        elif not known and line.strip():
            raise BadInput(f"{path}: expected a recording of cryptofeed, was {line[:60]!r}")


def _answer(url: str, recv_ns: int, payload: bytes) -> Iterator[RawFrame]:
    """Of the REST answers only depth snapshots matter here."""
    found = _SNAPSHOT_URL.search(url)
    if found and recv_ns:
        yield RawFrame(What.ANSWER, recv_ns, "", payload, Asked.SNAPSHOT, found[1])


def _recv_ns(text: str) -> int:
    """Of epoch seconds; 0 for anything else."""
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        return 0
    return int(seconds * NS_PER_S) if seconds.is_finite() and 0 < seconds < _LATEST_S else 0


def _lines(path: Path) -> Iterator[bytes]:
    """Raises BadInput for a file that is damaged or ends too early."""
    try:
        yield from _unpacked(path)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: cannot be read: {error}; get the file again") from None


def _unpacked(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"\x28\xb5\x2f\xfd":
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as packed:
            yield from packed.read().splitlines(keepends=True)
        return
    with gzip.open(path) if magic[:2] == b"\x1f\x8b" else path.open("rb") as stream:
        while line := stream.readline(_MAX_LINE):
            yield line
