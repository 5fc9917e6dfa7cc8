"""A checksum over the Parquet footer, which the format itself leaves unprotected.

Pages carry their own; a flipped bit in the footer, however, can end the
process inside the Parquet library, or move rows. Eight bytes (mark, crc32) go
behind the footer's last field, within its stated length. Other readers stop
before them, as they do before the signature of a signed plain footer.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from bot.core.errors import BadTape

MAGIC = b"PAR1"
_MARK = b"LPSF"
_END = struct.Struct("<I4s")  # length of the footer, MAGIC
_SEAL = struct.Struct("<4sI")  # _MARK, crc32 of the footer before it


def seal_footer(path: Path) -> None:
    """Add the checksum to a Parquet file that has just been written. Do it once."""
    with path.open("r+b") as file:
        footer = _read_footer(file)
        file.seek(-_END.size, 2)
        file.write(_SEAL.pack(_MARK, zlib.crc32(footer)))
        file.write(_END.pack(len(footer) + _SEAL.size, MAGIC))


def check_footer(path: Path) -> None:
    """Raises BadTape when the file is no Parquet file, cut off, not sealed by us, or its footer damaged."""
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
        size = file.seek(0, 2)
        if head != MAGIC:
            raise BadTape(
                f"{path}: expected a tape, was another kind of file; make one with `lopside import`"
            )
        file.seek(max(0, size - len(MAGIC)))
        if file.read() != MAGIC or size < len(MAGIC) + _END.size:
            raise BadTape(f"{path}: expected a complete tape, was cut off at {size} bytes; copy it again")
        footer = _read_footer(file)
    mark, crc = _SEAL.unpack(footer[-_SEAL.size :].rjust(_SEAL.size))
    if mark != _MARK:
        raise BadTape(f"{path}: expected a tape, was another Parquet file; import the recording again")
    if crc != zlib.crc32(footer[: -_SEAL.size]):
        raise BadTape(f"{path}: the footer is damaged (bad crc); restore the file from a copy")


def _read_footer(file: BinaryIO) -> bytes:
    """The stated number of bytes before the end, fewer when the file is too short for them."""
    size = file.seek(0, 2)
    file.seek(size - _END.size)
    length, _ = _END.unpack(file.read(_END.size))
    file.seek(max(0, size - _END.size - length))
    return file.read(min(length, size - _END.size))
