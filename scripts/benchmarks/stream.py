"""A deterministic stream like Binance's BTCUSDT perpetual (tick 0.1, lot 0.001), for benchmarks.

A snapshot of 1,000 levels a side, then every 100 ms one diff of about 28 level
changes, and about 20 trades a second in bursts: 1.08 M rows an hour. More than
5 % of the level changes lie beyond 32,768 ticks of the touch, on round prices
that come and go, and the price moves by 6 % within ten minutes of every hour-long
stream (twice a day, up and down again). Level density, sizes and clustering are
guesses; the rates are the recordings'.

The stream is made in pieces of an hour, so its length costs no memory. SOURCE rows
are what both sides of a benchmark start from; `Framer` turns them into EVENT rows.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bot.core.jit import njit
from bot.market.events import EVENT, Flag, Kind

SOURCE = np.dtype(
    [
        ("exch_ns", "<i8"),
        ("recv_ns", "<i8"),
        ("price", "<i4"),  # ticks
        ("lots", "<i4"),  # 0 deletes a level
        ("kind", "u1"),
        ("last", "u1"),  # 1 on the last row of a message
    ]
)
BID_LEVEL, ASK_LEVEL, BUY_TRADE, SELL_TRADE, BID_SNAPSHOT, ASK_SNAPSHOT = range(6)
"""Kinds of SOURCE rows. A trade's side is the aggressor's; snapshots replace the whole book."""

START_NS = 1_760_000_000_000_000_000
STEP_NS = 100_000_000
STEPS_AN_HOUR = 36_000
FASTEST_NS = 4_000_000
FAR_TICKS = 32_768

_BID, _ASK = 0, 1
_START_TICK = 1_000_000
_LOW = _START_TICK - (1 << 18)
_SPAN = 1 << 19
_DENSITY = 0.55  # share of the ticks near the touch that hold a level
_BEHIND = 6_000  # levels the touch has left this far behind are mostly withdrawn
_REACH = 160_000  # no level is further from the touch
_ROWS_A_STEP = 160  # room; a quiet step has about 30 rows, one of the ramp about 60


class Move(NamedTuple):
    """A steady move of the price on top of its walk."""

    start_step: int
    steps: int
    ticks_a_step: int


def moves_of(hours: float) -> tuple[Move, ...]:
    """6.1 % in ten minutes: once in a shorter stream, up and down again in a day."""
    if hours < 24:
        return (Move(int(hours * STEPS_AN_HOUR / 2), 5_545, 11),)
    return (Move(198_000, 5_545, 11), Move(630_000, 5_545, -11))


class Market(NamedTuple):
    """The simulated book between pieces."""

    lots: np.ndarray  # (2, _SPAN) int32 by side and tick - _LOW
    touch: np.ndarray  # (2,) int64: best bid and ask, ticks
    clock: np.ndarray  # (2,) int64: next step, steps left of a burst
    seen: np.ndarray  # (_SPAN,) uint8 scratch: sides named in this diff
    scratch: np.ndarray  # SOURCE rows of one diff
    counts: np.ndarray  # (2,) int64: level changes, those beyond FAR_TICKS


@njit
def _quantity(rng):
    """Lots of a level or trade: median 25, heavy tail."""
    return max(1, int(np.exp(rng.normal() * 1.4 + 3.2)))


@njit
def _put(out, n, exch_ns, kind, price, lots, last):
    out[n].exch_ns = exch_ns
    out[n].price = price
    out[n].lots = lots
    out[n].kind = kind
    out[n].last = last
    return n + 1


@njit
def _set(market, out, n, exch_ns, side, price, lots):
    market.lots[side, price - _LOW] = lots
    return _put(out, n, exch_ns, side, price, lots, 0)


@njit
def _trades(rng, market, out, n, start_ns):
    """Trades of one step at the touch; returns the rows so far, their number and net direction."""
    rate = 1.35
    if market.clock[1] > 0:
        market.clock[1] -= 1
        rate = 12.0
    elif rng.random() < 0.008:
        market.clock[1] = 2 + int(rng.random() * 12)
    count = rng.poisson(rate)
    net = 0
    for i in range(count):
        exch_ns = start_ns + 1_000_000 + (i + 1) * (97_000_000 // (count + 1))
        if rng.random() < 0.5:
            n = _put(out, n, exch_ns, BUY_TRADE, market.touch[_ASK], _quantity(rng), 1)
            net += 1
        else:
            n = _put(out, n, exch_ns, SELL_TRADE, market.touch[_BID], _quantity(rng), 1)
            net -= 1
    return n, count, net


@njit
def _walk(rng, market, trades, net):
    """Ticks the touch walks in this step: often none, leaning with the trades, kept off the array's ends."""
    if rng.random() >= 0.30 + 0.02 * min(trades, 10):
        return 0
    ticks = 1 + int(-np.log(1.0 - rng.random()) * 4.0)
    if rng.random() < 0.5 - 0.03 * max(-8, min(8, net)):
        ticks = -ticks
    if market.touch[_BID] > _LOW + _SPAN - _REACH - 1_000:
        return -abs(ticks)
    if market.touch[_BID] < _LOW + _REACH + 1_000:
        return abs(ticks)
    return ticks


@njit
def _shift(rng, market, out, n, exch_ns, ticks):
    """Move the touch: the side in the way is deleted, the other follows, fills in and tidies up behind."""
    step = 1 if ticks > 0 else -1
    eaten = _ASK if ticks > 0 else _BID
    follow = 1 - eaten
    start = market.touch[follow]
    goal = start + ticks
    for price in range(market.touch[eaten], goal + step, step):
        if market.lots[eaten, price - _LOW] != 0:
            n = _set(market, out, n, exch_ns, eaten, price, 0)
    for price in range(start + step, goal + step, step):
        if price == goal or rng.random() < _DENSITY:
            n = _set(market, out, n, exch_ns, follow, price, _quantity(rng))
    market.touch[follow] = goal
    for price in range(start - step * _BEHIND, goal - step * _BEHIND, step):
        if market.lots[follow, price - _LOW] != 0 and rng.random() < 0.85:
            n = _set(market, out, n, exch_ns, follow, price, 0)
    return n


@njit
def _settle(rng, market, out, n, exch_ns):
    """Find the touch again and mostly close the spread."""
    while market.lots[_BID, market.touch[_BID] - _LOW] == 0:
        market.touch[_BID] -= 1
    while market.lots[_ASK, market.touch[_ASK] - _LOW] == 0:
        market.touch[_ASK] += 1
    if market.touch[_ASK] - market.touch[_BID] > 1 and rng.random() < 0.7:
        side = _BID if rng.random() < 0.5 else _ASK
        market.touch[side] = market.touch[1 - side] + (2 * side - 1)
        n = _set(market, out, n, exch_ns, side, market.touch[side], _quantity(rng))
    return n


@njit
def _near_distance(rng):
    v = rng.random()
    if v < 0.12:
        return 0
    if v < 0.72:
        return int(-np.log(1.0 - rng.random()) * 12.0)
    if v < 0.95:
        return min(5_000, int(-np.log(1.0 - rng.random()) * 150.0))
    return int(rng.random() * 4_000.0)


@njit
def _far_distance(rng, touch, outward):
    """Beyond FAR_TICKS, on a multiple of 100 ticks, so that the same prices come back."""
    distance = FAR_TICKS + 232 + min(_REACH - 40_000.0, -np.log(1.0 - rng.random()) * 30_000.0)
    return abs(int((touch + outward * distance) / 100.0) * 100 - touch)


@njit
def _churn(rng, market, out, n, exch_ns, count, far):
    """Changes and deletions of levels at random distances; a far level is deleted as often as it is set."""
    for _ in range(count):
        side = _BID if rng.random() < 0.5 else _ASK
        outward = 2 * side - 1
        touch = market.touch[side]
        distance = _far_distance(rng, touch, outward) if far else _near_distance(rng)
        price = touch + outward * distance
        before = market.lots[side, price - _LOW]
        lots = _quantity(rng)
        if distance > 0 and before != 0 and rng.random() < 0.45:
            lots = 0
        elif lots == before:
            lots += 1
        n = _set(market, out, n, exch_ns, side, price, lots)
    return n


@njit
def _finish_diff(market, out, start, n):
    """Each level once, with its last quantity; bids first, then asks, as the venue sends them."""
    kept = 0
    for i in range(n - 1, start - 1, -1):
        bit = np.uint8(1 << out[i].kind)
        if not market.seen[out[i].price - _LOW] & bit:
            market.seen[out[i].price - _LOW] |= bit
            market.scratch[kept] = out[i]
            kept += 1
    n = start
    for side in range(2):
        for i in range(kept - 1, -1, -1):
            row = market.scratch[i]
            if row.kind == side:
                out[n] = row
                n += 1
                market.seen[row.price - _LOW] = 0
                if abs(row.price - market.touch[side]) > FAR_TICKS:
                    market.counts[1] += 1
    market.counts[0] += kept
    out[n - 1].last = 1
    return n


@njit
def _simulate(rng, market, steps, moves, out):
    """Run `steps` steps; returns the rows written to `out`."""
    n = 0
    for _ in range(steps):
        step = market.clock[0]
        market.clock[0] = step + 1
        start_ns = START_NS + step * STEP_NS
        exch_ns = start_ns + STEP_NS
        n, trades, net = _trades(rng, market, out, n, start_ns)
        first = n
        ticks = _walk(rng, market, trades, net)
        for i in range(moves.shape[0]):
            if moves[i, 0] <= step < moves[i, 0] + moves[i, 1]:
                ticks += moves[i, 2]
        if ticks != 0:
            n = _shift(rng, market, out, n, exch_ns, ticks)
        n = _settle(rng, market, out, n, exch_ns)
        n = _churn(rng, market, out, n, exch_ns, rng.poisson(30.0), False)
        n = _churn(rng, market, out, n, exch_ns, rng.poisson(2.1), True)
        n = _finish_diff(market, out, first, n)
    return n


def _open_market(rng: np.random.Generator) -> tuple[Market, np.ndarray]:
    """The market before its first step and the snapshot's SOURCE rows, best level first."""
    market = Market(
        lots=np.zeros((2, _SPAN), np.int32),
        touch=np.array([_START_TICK, _START_TICK + 1], np.int64),
        clock=np.zeros(2, np.int64),
        seen=np.zeros(_SPAN, np.uint8),
        scratch=np.zeros(1 << 14, SOURCE),
        counts=np.zeros(2, np.int64),
    )
    snapshot = np.zeros(2_000, SOURCE)
    for side in (_BID, _ASK):
        distance = np.concatenate([[0], np.flatnonzero(rng.random(4_000) < _DENSITY) + 1])[:1_000]
        lots = np.maximum(1, np.exp(rng.normal(size=1_000) * 1.4 + 3.2)).astype(np.int32)
        price = market.touch[side] + (2 * side - 1) * distance
        market.lots[side, price - _LOW] = lots
        part = snapshot[side * 1_000 : (side + 1) * 1_000]
        part["price"], part["lots"], part["kind"] = price, lots, BID_SNAPSHOT + side
    snapshot["exch_ns"] = START_NS
    snapshot["last"][-1] = 1
    return market, snapshot


def _receive(rng: np.random.Generator, rows: np.ndarray, after_ns: int) -> None:
    """Receive stamps, strictly increasing: 3 ms and a log-normal of median 4 ms, at least FASTEST_NS.

    The floor is reached every minute, so that the offset of the venue's clock is known exactly.
    """
    message = np.cumsum(rows["last"], dtype=np.int64) - rows["last"]
    starts = np.flatnonzero(np.diff(message, prepend=-1))
    latency_ns = 3e6 + np.exp(rng.normal(size=starts.size) * 0.5) * 4e6
    stamps = rows["exch_ns"][starts] + np.maximum(latency_ns.astype(np.int64), FASTEST_NS)
    order = np.arange(starts.size)
    stamps = np.maximum(np.maximum.accumulate(stamps - order), after_ns + 1) + order
    rows["recv_ns"] = stamps[message]


class Stream:
    """The generated stream; `pieces` may be called once."""

    def __init__(self, hours: float, seed: int = 7) -> None:
        self.hours = hours
        self._rng = np.random.default_rng(seed)
        self._latency = np.random.default_rng(seed + 1)
        self._market, self._snapshot = _open_market(self._rng)

    def pieces(self, steps: int = STEPS_AN_HOUR) -> Iterator[np.ndarray]:
        """SOURCE rows, `steps` steps at a time; the rows do not depend on it."""
        moves = np.array(moves_of(self.hours), np.int64)
        left = round(self.hours * STEPS_AN_HOUR)
        last_ns = 0
        while left > 0:
            now = min(steps, left)
            out = np.zeros(now * _ROWS_A_STEP + 1_024, SOURCE)
            count = _simulate(self._rng, self._market, now, moves, out)
            rows = out[:count].copy()
            if last_ns == 0:
                rows = np.concatenate([self._snapshot, rows])
            _receive(self._latency, rows, last_ns)
            last_ns = int(rows["recv_ns"][-1])
            left -= now
            yield rows

    @property
    def far_share(self) -> float:
        """Share of the level changes so far that lie beyond FAR_TICKS of their touch."""
        changes, far = self._market.counts
        return float(far / max(1, changes))


def rows_of(source: np.ndarray) -> int:
    """What rows per second are counted in: level changes and trades, not snapshots."""
    return int(np.count_nonzero(source["kind"] < BID_SNAPSHOT))


class Framer:
    """SOURCE pieces to EVENT rows of one market: numbered, with snapshot and commit rows."""

    def __init__(self) -> None:
        self._seq = 1
        self._trade = 1
        self._update = 1

    def frame(self, source: np.ndarray) -> np.ndarray:
        """EVENT rows of whole messages; call in order."""
        kind = source["kind"]
        trade = (kind == BUY_TRADE) | (kind == SELL_TRADE)
        snapshot = kind >= BID_SNAPSHOT
        last = source["last"] != 0
        first = np.concatenate([[True], last[:-1]])
        opens, commits = snapshot & first, last & ~trade
        place = np.arange(source.size) + np.cumsum(opens) + np.cumsum(commits) - commits
        rows = np.zeros(source.size + np.count_nonzero(opens) + np.count_nonzero(commits), EVENT)
        side = np.where((kind == ASK_LEVEL) | (kind == SELL_TRADE) | (kind == ASK_SNAPSHOT), -1, 1)
        self._fill(rows, place, source, np.where(trade, Kind.TRADE, Kind.LEVEL), side)
        rows["price"][place] = source["price"]
        rows["value"][place] = source["lots"]
        rows["ref"][place[trade]] = self._trade + np.arange(np.count_nonzero(trade))
        self._fill(rows, place[opens] - 1, source[opens], Kind.SNAPSHOT, 0)
        self._fill(rows, place[commits] + 1, source[commits], Kind.COMMIT, 0)
        rows["ref"][place[commits] + 1] = self._update + np.arange(np.count_nonzero(commits))
        rows["flags"][place[commits & snapshot] + 1] = Flag.SNAPSHOT
        rows["seq"] = self._seq + np.arange(rows.size)
        self._seq += rows.size
        self._trade += int(np.count_nonzero(trade))
        self._update += int(np.count_nonzero(commits))
        return rows

    @staticmethod
    def _fill(rows: np.ndarray, place: np.ndarray, source: np.ndarray, kind: object, side: object) -> None:
        rows["recv_ns"][place] = source["recv_ns"]
        rows["exch_ns"][place] = source["exch_ns"]
        rows["kind"][place] = kind
        rows["side"][place] = side
