"""Recordings as lines `<receive stamp> <JSON as received>`, plain text or gzip, one after the other."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bot.core.errors import BadInput
from bot.core.units import NS_PER_MS, NS_PER_US

MAX_LINE = 1 << 24
"""Bytes; a depth snapshot of 5,000 levels a side is 0.3 MB."""

_YEAR_2200_NS = 7_258_118_400 * 10**9
"""A stamp beyond is garbage, and as receive times never go back it would rule over all that follow."""

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER = 1 << 20
_LINES_A_REPORT = 5_000

Progress = Callable[[int, int], None]
"""(bytes of the files read so far, bytes in all)"""


class RawLine(NamedTuple):
    path: Path
    number: int
    recv_ns: int  # 0: the line does not start with a stamp
    payload: bytes  # without the stamp; the whole line where there is none


def recv_ns_of(stamp: bytes) -> int:
    """Nanoseconds of a stamp in ns, µs or ms since the epoch, told apart by size; 0 for anything else."""
    if not stamp.isdigit() or len(stamp) > 19:
        return 0
    value = int(stamp)
    if value >= 10**17:
        return value if value < _YEAR_2200_NS else 0
    if value >= 10**14:
        return value * NS_PER_US
    return value * NS_PER_MS if value >= 10**11 else 0


def raw_lines(paths: Sequence[Path], on_progress: Progress | None = None) -> Iterator[RawLine]:
    """All lines of the files in the given order, as one stream; empty lines are left out.

    Raises BadInput for a file that is missing, unreadable or a gzip that ends too early.
    """
    sizes = [size_of(path) for path in paths]
    done = 0
    for path, size in zip(paths, sizes, strict=True):
        number = 0
        try:
            with path.open("rb") as file:
                text = _text_of(file)
                for number, line in enumerate(iter(partial(text.readline, MAX_LINE), b""), 1):
                    stamp, _, payload = line.partition(b" ")
                    recv_ns = recv_ns_of(stamp)
                    if recv_ns:
                        yield RawLine(path, number, recv_ns, payload)
                    elif not line.isspace():
                        yield RawLine(path, number, 0, line)
                    if on_progress and number % _LINES_A_REPORT == 0:
                        on_progress(done + min(file.tell(), size), sum(sizes))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadInput(
                f"{path}: expected a whole gzip file, but it is damaged or ends behind line {number} "
                f"({error}); get the file again, or unpack what is there with zcat and import that"
            ) from None
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from None
        done += size
        if on_progress:
            on_progress(done, sum(sizes))


def size_of(path: Path) -> int:
    """Bytes of a file. Raises BadInput when there is none."""
    if not path.is_file():
        raise BadInput(f"{path}: expected a recording, but there is no such file")
    return path.stat().st_size


def _text_of(file: BinaryIO) -> BinaryIO:
    packed = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    if not packed:
        return file
    return BufferedReader(gzip.GzipFile(fileobj=file), _BUFFER)  # type: ignore[arg-type, return-value]
