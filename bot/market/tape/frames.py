"""The framed log: how rows lie in a segment that is still being written.

A segment is frames back to back; the first holds the header's JSON, the
others EVENT rows as they are in memory. A frame is

    magic 4 bytes · length u32 · synced u64 · crc32 u32 · payload

little-endian; the crc covers length, synced and payload. `synced` is how many
bytes of the segment were durable when the frame was written. It decides what
an unreadable frame means: a place that a later frame calls durable is damage
and an error, any other is the torn tail of a crash, was never promised to
anybody, and is cut off.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bot.core.errors import BadInput, BadTape
from bot.market.events import EVENT, copied
from bot.market.tape.header import TapeHeader
from bot.market.tape.order import Tally

MAGIC = b"\xf0LPS"
MAX_FRAME_ROWS = 65_536
BATCH_ROWS = 65_536

_HEAD = struct.Struct("<4sIQI")
_COVERED = struct.Struct("<IQ")
_MAX_PAYLOAD = max(MAX_FRAME_ROWS * EVENT.itemsize, 1 << 24)


def encode_frame(payload: bytes, synced: int) -> bytes:
    return _HEAD.pack(MAGIC, len(payload), synced, _crc(payload, synced)) + payload


def _crc(payload: bytes, synced: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_COVERED.pack(len(payload), synced)))


@dataclass(frozen=True, slots=True)
class Frame:
    payload: bytes
    synced: int
    end: int  # offset of the byte after it


def read_frame(file: BinaryIO) -> Frame | None:
    """The frame at the file's position; None when there is no whole, sound one."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, length, synced, crc = _HEAD.unpack(head)
    if magic != MAGIC or length > _MAX_PAYLOAD:
        return None
    payload = file.read(length)
    if len(payload) < length or _crc(payload, synced) != crc:
        return None
    return Frame(payload, synced, file.tell())


class LogSegment:
    """A segment of the live log. Opening it reads and checks every frame once.

    `torn_bytes` is what a crash left after the last whole frame; `end` the
    offset where they begin. Raises BadTape when the file is no segment or was
    damaged where it had been durable; `sealed` says that all of it had been.
    """

    def __init__(self, path: Path, *, sealed: bool = False) -> None:
        self.path = path
        self.tally = Tally()
        with path.open("rb") as file:
            first = read_frame(file)
            if first is None:
                raise BadTape(
                    f"{path}: expected a tape segment, found no whole header; restore it from a copy"
                )
            self.header = TapeHeader.from_json(first.payload, path)
            self.end = first.end
            while (frame := read_frame(file)) is not None:
                self._count(frame)
            size = file.seek(0, 2)
            self.torn_bytes = size - self.end
            if self.torn_bytes and (sealed or self._was_durable(file)):
                raise BadTape(
                    f"{path}: the frame at byte {self.end} is damaged (bad crc or length), "
                    f"after seq {self.tally.last_seq}; restore the file from a copy"
                )

    def _count(self, frame: Frame) -> None:
        if len(frame.payload) % EVENT.itemsize:
            raise BadTape(
                f"{self.path}: the frame at byte {self.end} has {len(frame.payload)} bytes, "
                f"expected a multiple of {EVENT.itemsize}; another program wrote it"
            )
        try:
            self.tally.add(np.frombuffer(frame.payload, EVENT))
        except BadInput as error:
            raise BadTape(f"{self.path}: {error}") from None
        self.end = frame.end

    def _was_durable(self, file: BinaryIO) -> bool:
        """Does a sound frame behind the unreadable place say that the place was on disk?"""
        file.seek(self.end)
        rest = file.read()
        at = rest.find(MAGIC, 1)
        while at >= 0:
            file.seek(self.end + at)
            frame = read_frame(file)
            if frame is not None and frame.synced > self.end:
                return True
            at = rest.find(MAGIC, at + 1)
        return False

    def batches(self, first_seq: int = 0) -> Iterator[np.ndarray]:
        """EVENT arrays of about BATCH_ROWS, from the row numbered `first_seq` on.

        Ends where the segment ended when it was opened, also while it grows.
        """
        waiting: list[bytes] = []
        size = 0
        for payload in self._payloads():
            waiting.append(payload)
            size += len(payload)
            if size >= BATCH_ROWS * EVENT.itemsize:
                yield from _rows(waiting, first_seq)
                waiting, size = [], 0
        yield from _rows(waiting, first_seq)

    def _payloads(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            read_frame(file)
            while file.tell() < self.end:
                at = file.tell()
                frame = read_frame(file)
                if frame is None:
                    raise BadTape(f"{self.path}: changed at byte {at} while it was read; open it again")
                yield frame.payload


def _rows(payloads: list[bytes], first_seq: int) -> Iterator[np.ndarray]:
    rows = np.frombuffer(bytearray(b"".join(payloads)), EVENT)
    if len(rows) and rows["seq"][0] < first_seq:
        rows = copied(rows[np.searchsorted(rows["seq"], first_seq) :])
    if len(rows):
        yield rows
