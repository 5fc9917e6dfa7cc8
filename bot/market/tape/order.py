"""The order of rows, and what a stretch of them amounts to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bot.core.errors import BadInput
from bot.market.events import EVENT


def number_rows(rows: np.ndarray, first_seq: int, last_recv_ns: int = 0) -> np.ndarray:
    """Number rows `first_seq`, `first_seq + 1`, … and keep receive time from going back, in place.

    `last_recv_ns` is the receive time of the row before them. Returns `rows`.
    """
    rows["seq"] = np.arange(first_seq, first_seq + len(rows))
    if len(rows):
        rows["recv_ns"][0] = max(int(rows["recv_ns"][0]), last_recv_ns)
        np.maximum.accumulate(rows["recv_ns"], out=rows["recv_ns"])
    return rows


@dataclass(slots=True)
class Tally:
    """Count, span and kinds of the rows added so far; refuses rows that are out of order."""

    rows: int = 0
    first_seq: int = 0
    last_seq: int = 0
    first_recv_ns: int = 0
    last_recv_ns: int = 0
    counts: dict[tuple[int, int], int] = field(default_factory=dict)  # (market, kind) → rows

    def add(self, rows: np.ndarray) -> None:
        """Raises BadInput, and changes nothing, when `seq` or `recv_ns` is out of order
        or a price does not fit 32 bits.
        """
        if not len(rows):
            return
        self._refuse_disorder(rows)
        _refuse_wide_prices(rows)
        if not self.rows:
            self.first_seq, self.first_recv_ns = int(rows["seq"][0]), int(rows["recv_ns"][0])
        self.last_seq, self.last_recv_ns = int(rows["seq"][-1]), int(rows["recv_ns"][-1])
        self.rows += len(rows)
        for key, count in _count(rows).items():
            self.counts[key] = self.counts.get(key, 0) + count

    def _refuse_disorder(self, rows: np.ndarray) -> None:
        if rows.dtype != EVENT:
            raise BadInput(f"tape: expected EVENT rows, was an array of {rows.dtype}")
        seq, recv = rows["seq"], rows["recv_ns"]
        if self.rows and seq[0] <= self.last_seq:
            raise BadInput(f"tape: expected a seq above {self.last_seq}, was {seq[0]}; number rows once")
        if (seq[1:] <= seq[:-1]).any():
            at = int(np.argmax(seq[1:] <= seq[:-1]))
            raise BadInput(f"tape: expected a seq above {seq[at]}, was {seq[at + 1]}; number rows once")
        if self.rows and recv[0] < self.last_recv_ns:
            raise BadInput(f"tape: seq {seq[0]} was received before the row before it; clamp receive times")
        if (recv[1:] < recv[:-1]).any():
            at = int(np.argmax(recv[1:] < recv[:-1]))
            raise BadInput(f"tape: seq {seq[at + 1]} was received before seq {seq[at]}; clamp receive times")

    def follow(self, other: Tally) -> None:
        """Add the tally of the rows that come next."""
        if not other.rows:
            return
        if not self.rows:
            self.first_seq, self.first_recv_ns = other.first_seq, other.first_recv_ns
        self.last_seq, self.last_recv_ns = other.last_seq, other.last_recv_ns
        self.rows += other.rows
        for key, count in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count

    def to_json(self) -> dict[str, Any]:
        counts = [[market, kind, n] for (market, kind), n in sorted(self.counts.items())]
        return {
            "rows": self.rows,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "first_recv_ns": self.first_recv_ns,
            "last_recv_ns": self.last_recv_ns,
            "counts": counts,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Tally:
        counts = {(market, kind): n for market, kind, n in data["counts"]}
        return Tally(**{**data, "counts": counts})


def _refuse_wide_prices(rows: np.ndarray) -> None:
    wrong = rows["price"] != rows["price"].astype(np.int32)
    if wrong.any():
        row = rows[int(np.argmax(wrong))]
        raise BadInput(
            f"tape: expected a price within 32 bits of ticks, was {row['price']} at seq {row['seq']}; "
            "check the instrument's tick"
        )


def _count(rows: np.ndarray) -> dict[tuple[int, int], int]:
    codes = rows["market"].astype(np.int64) << 8 | rows["kind"]
    if codes.max() < 1 << 16:
        found = np.bincount(codes)
        present = np.flatnonzero(found)
        numbers = found[present]
    else:  # a table over every possible market would be 128 MB
        present, numbers = np.unique(codes, return_counts=True)
    return {(int(c) >> 8, int(c) & 255): int(n) for c, n in zip(present, numbers, strict=True)}
