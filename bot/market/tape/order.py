"""The order of rows, and what a stretch of them amounts to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from bot.core.errors import BadInput
from bot.core.jit import direct, njit
from bot.market.events import EVENT, MAX_TICK, empty_rows

_BEFORE_ALL = -(2**63)


def number_rows(rows: np.ndarray, first_seq: int, last_recv_ns: int = 0) -> np.ndarray:
    """Number rows `first_seq`, `first_seq + 1`, … and keep receive time from going back, in place.

    `last_recv_ns` is the receive time of the row before them. Returns `rows`.
    """
    rows["seq"] = np.arange(first_seq, first_seq + len(rows))
    if len(rows):
        rows["recv_ns"][0] = max(int(rows["recv_ns"][0]), last_recv_ns)
        np.maximum.accumulate(rows["recv_ns"], out=rows["recv_ns"])
    return rows


class Order:
    """Watches that rows come in order, whatever batches they come in: `seq` rises, `recv_ns` never falls,
    prices fit 32 bits. Begins behind the row named, or before all.
    """

    def __init__(self, last_seq: int = _BEFORE_ALL, last_recv_ns: int = _BEFORE_ALL) -> None:
        self._last = np.array([last_seq, last_recv_ns])
        self._compiled = _checker()

    @property
    def last_seq(self) -> int:
        return int(self._last[0])

    @property
    def last_recv_ns(self) -> int:
        return int(self._last[1])

    def follow(self, rows: np.ndarray) -> None:
        """The rows come next. Raises BadInput, and changes nothing, when they cannot."""
        if rows.dtype is not EVENT and rows.dtype != EVENT:
            raise BadInput(f"tape: expected EVENT rows, was an array of {rows.dtype}")
        wrong = self._compiled(np.ascontiguousarray(rows), self._last)
        if wrong >= 0:
            raise BadInput(self._words(rows, wrong))

    def _words(self, rows: np.ndarray, at: int) -> str:
        seq, recv_ns, price = (int(rows[at][name]) for name in ("seq", "recv_ns", "price"))
        last_seq, last_ns = (rows[at - 1]["seq"], rows[at - 1]["recv_ns"]) if at else self._last
        if seq <= last_seq:
            return f"tape: expected a seq above {last_seq}, was {seq}; number rows once"
        if recv_ns < last_ns:
            earlier = f"seq {last_seq}" if at else "the row before it"
            return f"tape: seq {seq} was received before {earlier}; clamp receive times"
        return (
            f"tape: expected a price within 32 bits of ticks, was {price} at seq {seq}; "
            "check the instrument's tick"
        )


@njit
def _first_wrong(rows, last):  # type: ignore[no-untyped-def]
    """Index of the first row that must not follow those before it, -1 for none; then `last` is the last."""
    seq, recv_ns = last[0], last[1]
    for k in range(len(rows)):
        row = rows[k]
        if row.seq <= seq or row.recv_ns < recv_ns or not -MAX_TICK - 1 <= row.price <= MAX_TICK:
            return k
        seq, recv_ns = row.seq, row.recv_ns
    last[0], last[1] = seq, recv_ns
    return -1


@cache
def _checker() -> Callable[..., int]:
    return direct(_first_wrong, empty_rows(0), np.zeros(2, np.int64))


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
        order = Order(self.last_seq, self.last_recv_ns) if self.rows else Order()
        order.follow(rows)
        if not self.rows:
            self.first_seq, self.first_recv_ns = int(rows["seq"][0]), int(rows["recv_ns"][0])
        self.last_seq, self.last_recv_ns = order.last_seq, order.last_recv_ns
        self.rows += len(rows)
        for key, count in _count(rows).items():
            self.counts[key] = self.counts.get(key, 0) + count

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


def _count(rows: np.ndarray) -> dict[tuple[int, int], int]:
    codes = rows["market"].astype(np.int64) << 8 | rows["kind"]
    if codes.max() < 1 << 16:
        found = np.bincount(codes)
        present = np.flatnonzero(found)
        numbers = found[present]
    else:  # a table over every possible market would be 128 MB
        present, numbers = np.unique(codes, return_counts=True)
    return {(int(c) >> 8, int(c) & 255): int(n) for c, n in zip(present, numbers, strict=True)}
