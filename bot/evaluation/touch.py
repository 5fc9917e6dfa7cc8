"""The best bid and ask of a market over time, reduced while it streams by.

A touch series can have millions of changes a day. What is kept of it: the mid,
the queue imbalance and the next move at points of a regular grid, and the
order flow between them. A point knows what was received up to it. nan: no
usable book.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Touches:
    """A stretch of a touch series, ordered by time; prices in ticks, nan where there is no book."""

    time_ns: np.ndarray
    mid: np.ndarray
    imbalance: np.ndarray  # (bid lots - ask lots) / both
    flow: np.ndarray  # order-flow increment against the touch before, lots; nan across a seam

    @staticmethod
    def of(rows: np.ndarray, before: np.ndarray) -> Touches:
        """From TOUCH rows (see `watching`) of one market; `before`: the row ahead of them, or none."""
        known = rows["bid"] > 0
        bid_lots, ask_lots = rows["bid_lots"], rows["ask_lots"]
        with np.errstate(invalid="ignore", divide="ignore"):
            imbalance = (bid_lots - ask_lots) / (bid_lots + ask_lots)
        return Touches(
            rows["time_ns"].copy(),
            np.where(known, 0.5 * (rows["bid"] + rows["ask"]), np.nan),
            np.where(known, imbalance, np.nan),
            flow_increments(np.concatenate([before, rows]))[-rows.size :],
        )


def flow_increments(rows: np.ndarray) -> np.ndarray:
    """e_n of Cont, Kukanov & Stoikov (2014, section 2) for each row after the first, whose own is 0.

    Only seeded after a time without a book: the first touch then counts 0. nan while there is none.
    """
    bid, ask, bid_lots, ask_lots = (rows[name] for name in ("bid", "ask", "bid_lots", "ask_lots"))
    known = bid > 0
    flow = np.zeros(rows.size)
    flow[1:] += bid_lots[1:] * (bid[1:] >= bid[:-1]) - bid_lots[:-1] * (bid[1:] <= bid[:-1])
    flow[1:] += ask_lots[:-1] * (ask[1:] >= ask[:-1]) - ask_lots[1:] * (ask[1:] <= ask[:-1])
    flow[1:][~known[:-1]] = 0.0
    flow[~known] = np.nan
    return flow


class Grown:
    """An array that grows at its end."""

    def __init__(self, dtype: str) -> None:
        self._parts: list[np.ndarray] = []
        self._dtype = dtype

    def append(self, values: np.ndarray) -> None:
        self._parts.append(values.astype(self._dtype))

    def whole(self) -> np.ndarray:
        """All values; they are joined once."""
        if len(self._parts) != 1:
            self._parts = [np.concatenate([np.empty(0, self._dtype), *self._parts])]
        return self._parts[0]


class Steps:
    """Sums of values over the steps of a grid; point k closes the step after point k - 1."""

    def __init__(self, step_ns: int) -> None:
        self._step_ns = step_ns
        self._sums = np.zeros(1024)

    def add(self, origin_ns: int | None, time_ns: np.ndarray, values: np.ndarray) -> None:
        """Values after the origin count; without one yet, none does."""
        if origin_ns is None or not time_ns.size:
            return
        place = -((origin_ns - time_ns) // self._step_ns)  # rounded up
        counted = place > 0
        most = int(place.max())
        while most >= self._sums.size:
            self._sums = np.concatenate([self._sums, np.zeros(self._sums.size)])
        np.add.at(self._sums, place[counted], values[counted])

    def first(self, count: int) -> np.ndarray:
        """The sums that the first `count` points close."""
        found = np.zeros(count)
        found[: min(count, self._sums.size)] = self._sums[:count]
        return found


@dataclass(slots=True)
class Points:
    """A touch series on a grid: point k is at origin_ns + k step_ns."""

    origin_ns: int
    step_ns: int
    mid: np.ndarray  # float64, ticks
    imbalance: np.ndarray  # float32
    flow: np.ndarray  # float64, lots in the step that ends at the point; nan where the book was lost in it
    move: np.ndarray  # int8: direction of the next change of the mid; 0 not known
    wait_s: np.ndarray  # float32: until that change; inf not known

    def mid_after(self, points: np.ndarray, seconds: float) -> np.ndarray:
        """Mid `seconds` (a whole number of steps) after each of the points; nan beyond the end."""
        later = points + round(seconds * 1e9) // self.step_ns
        inside = (later >= 0) & (later < self.mid.size)
        return np.where(inside, self.mid[np.where(inside, later, 0)] if self.mid.size else np.nan, np.nan)


@dataclass(slots=True)
class Sampler:
    """Puts a touch series on a grid as it comes. `origin_ns` None: at the first touch with a book."""

    step_ns: int
    origin_ns: int | None = None
    _done: int = 0  # points written
    _pending: int = 0  # of them at the end, those whose next move is not known yet
    _mid: float = np.nan
    _imbalance: float = np.nan
    _flow: float = 0.0  # since the last point
    _mids: Grown = field(default_factory=lambda: Grown("f8"))
    _imbalances: Grown = field(default_factory=lambda: Grown("f4"))
    _flows: Grown = field(default_factory=lambda: Grown("f8"))
    _moves: Grown = field(default_factory=lambda: Grown("i1"))
    _waits: Grown = field(default_factory=lambda: Grown("f4"))

    def feed(self, touches: Touches) -> None:
        """The next stretch."""
        if self.origin_ns is None:
            known = np.flatnonzero(~np.isnan(touches.mid))
            if not known.size:
                return
            first = int(known[0])
            touches = Touches(*(getattr(touches, name)[first:] for name in Touches.__slots__))
            self.origin_ns = int(touches.time_ns[0])
        if touches.time_ns.size:
            self._points_before(touches, int(touches.time_ns[-1]) - 1)
            self._mid, self._imbalance = touches.mid[-1], touches.imbalance[-1]

    def finish(self, end_ns: int) -> Points:
        """All points up to and including `end_ns`."""
        none = np.empty(0)
        if self.origin_ns is not None:
            self._points_before(Touches(none.astype(np.int64), none, none, none), end_ns)
        self._resolve(none.astype(np.int64), none, self._pending)
        return Points(
            self.origin_ns or 0,
            self.step_ns,
            *(g.whole() for g in (self._mids, self._imbalances, self._flows, self._moves, self._waits)),
        )

    def _points_before(self, touches: Touches, last_ns: int) -> None:
        """Write the points up to `last_ns`, all touches up to which are here."""
        assert self.origin_ns is not None
        count = max(0, (last_ns - self.origin_ns) // self.step_ns + 1 - self._done)
        at_ns = self.origin_ns + self.step_ns * np.arange(self._done, self._done + count)
        place = np.searchsorted(touches.time_ns, at_ns, side="right")
        mids = np.concatenate([[self._mid], touches.mid])
        changed = np.flatnonzero(~_same(mids[1:], mids[:-1]))
        steps = np.zeros(count + 1)
        np.add.at(steps, np.searchsorted(at_ns, touches.time_ns), touches.flow)
        steps[0] += self._flow
        self._flow = float(steps[-1])
        self._mids.append(mids[place])
        self._imbalances.append(np.concatenate([[self._imbalance], touches.imbalance])[place])
        self._flows.append(steps[:-1])
        self._follow(touches.time_ns[changed], np.sign(mids[changed + 1] - mids[changed]), at_ns)
        self._done += count

    def _follow(self, change_ns: np.ndarray, direction: np.ndarray, at_ns: np.ndarray) -> None:
        """Next moves of the points that waited and of the new ones, as far as changes are known."""
        direction = np.nan_to_num(direction)  # to or from no book: no move
        if change_ns.size:
            self._resolve(change_ns, direction, self._pending)
            self._pending = 0
        known = int(np.searchsorted(at_ns, change_ns[-1])) if change_ns.size else 0
        after = np.searchsorted(change_ns, at_ns[:known], side="right")
        self._moves.append(direction[after])
        self._waits.append(np.where(direction[after] != 0, (change_ns[after] - at_ns[:known]) / 1e9, np.inf))
        self._pending += at_ns.size - known

    def _resolve(self, change_ns: np.ndarray, direction: np.ndarray, count: int) -> None:
        """The points that waited: all of them for the first change, or for none."""
        found = change_ns.size > 0 and direction[0] != 0
        self._moves.append(np.full(count, direction[0] if found else 0))
        waits = np.full(count, np.inf)
        if found:
            assert self.origin_ns is not None
            first = self._done - self._pending
            points_ns = self.origin_ns + self.step_ns * np.arange(first, first + count)
            waits = (change_ns[0] - points_ns) / 1e9
        self._waits.append(waits)


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | (np.isnan(a) & np.isnan(b))
