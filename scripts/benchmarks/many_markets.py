"""A stream of 21 symbols on three venues, livelier and deeper than the synthetic market plays by itself.

The synthetic market with every phenomenon, without faults, so that nothing
puts a card to sleep. Two things are laid over its rows: changes of far levels,
as real feeds have them (the busiest market's are most of its rows), and walls
too large to be overlooked beside so much trading, which stay until the price
has passed them or their time is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bot.core.units import NS_PER_S
from bot.market.events import EVENT, Flag, Kind
from bot.market.synthetic import LISTINGS, NO_FAULTS, NO_PLANTS, SCENARIOS, SyntheticMarket
from bot.market.synthetic.state import TICKS

START_NS = 1_750_000_000 * NS_PER_S
BATCH_S = 10.0
BUSIEST = 0  # market
ACTIVITY, BUSIEST_ACTIVITY = 3.3, 10.0
"""Factors on all rates of a listing's book."""
VALUE_BPS = (
    3.0  # of the efficient price; what moves slower than its book is rough shows no lead between venues
)
FAR_CHANGES, BUSIEST_FAR_CHANGES = 2, 90
"""Changes of far levels a book message."""
FAR_TICKS = (60, 280)  # from the touch, where the synthetic market keeps levels but changes none
WALLS = 24
WALL_TICKS = (10, 160)
WALL_ORDERS = (250.0, 600.0)  # mean orders; more than a tenth of what is traded in a minute
WALL_LIFE_S = 300.0

_RAW = np.dtype(("V", EVENT.itemsize))  # numpy copies structured rows field by field, ten times slower


def synthetic(seed: int, duration_s: float) -> SyntheticMarket:
    """The market under the overlay: everything planted, often enough for every card to have its input."""
    every = SCENARIOS["s-all"]
    settings = replace(
        every.settings,
        activity=ACTIVITY,
        hawkes=False,
        value_bps=VALUE_BPS,
        funding_s=60.0,
        oracle=False,
        faults=NO_FAULTS,
    )
    market = SyntheticMarket(
        seed, tuple(LISTINGS), START_NS, duration_s, settings=settings, plants=NO_PLANTS, batch_s=BATCH_S
    )
    opening = market.checkpoint()
    opening["lanes"]["activity"][BUSIEST] = BUSIEST_ACTIVITY
    market.restore(opening)
    return market


class ManyMarkets:
    """Batches of EVENT rows in seq order; equal arguments give equal bytes."""

    def __init__(self, seed: int, duration_s: float) -> None:
        market = synthetic(seed, duration_s)
        self.instruments = market.instruments
        self._rows = market.batches()
        order_lots = market.checkpoint()["lanes"]["order_lots"]
        self._overlays = [
            Overlay(
                np.random.default_rng((seed, k)),
                order_lots=int(lots),
                far_changes=BUSIEST_FAR_CHANGES if k == BUSIEST else FAR_CHANGES,
                scale=BUSIEST_ACTIVITY / ACTIVITY if k == BUSIEST else 1.0,
            )
            for k, lots in enumerate(order_lots)
        ]
        self._seq = 0

    def batches(self) -> Iterator[np.ndarray]:
        """`BATCH_S` of market time each."""
        for rows in self._rows:
            added, places = [], []
            order = np.argsort(rows["market"], kind="stable")
            ends = np.searchsorted(rows["market"][order], np.arange(len(self._overlays) + 1))
            for k, overlay in enumerate(self._overlays):
                mine = order[ends[k] : ends[k + 1]]
                more, before = overlay.lay(rows, mine)
                added.append(more)
                places.append(before)
            whole = _inserted(rows, np.concatenate(added), np.concatenate(places))
            whole["seq"] = np.arange(self._seq + 1, self._seq + 1 + whole.size)
            self._seq += whole.size
            yield whole


def _inserted(rows: np.ndarray, added: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`rows` with each of `added` before the row at its place, in their order."""
    order = np.argsort(places, kind="stable")
    at = places[order] + np.arange(order.size)
    whole = np.empty(rows.size + added.size, _RAW)
    old = np.ones(whole.size, bool)
    old[at] = False
    whole[at] = added.view(_RAW)[order]
    whole[old] = rows.view(_RAW)
    return whole.view(EVENT)


@dataclass(slots=True)
class Wall:
    side: int
    price: int
    lots: int
    until_ns: int
    last: int = -1  # message of the batch in which it ends, -1 it goes on


@dataclass(slots=True)
class Overlay:
    """What is laid over one market's rows."""

    rng: np.random.Generator
    order_lots: int
    far_changes: int
    scale: float
    touch: tuple[int, int] | None = None  # bid, ask after the last batch
    walls: list[Wall] = field(default_factory=list)
    _shown: np.ndarray = field(default_factory=lambda: np.zeros((2, TICKS)))  # lots by side and price

    def lay(self, rows: np.ndarray, mine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Adds walls to the values of `rows[mine]`; returns more LEVEL rows and the rows they come before.

        The first batch, of which the touch is not known at once, stays as it is.
        """
        part = rows[mine]
        ends = np.flatnonzero((part["kind"] == Kind.COMMIT) & (part["flags"] & Flag.BBO == 0))
        if not ends.size:
            return part[:0], mine[:0]
        first = self.touch is None
        bids, asks = self._touches(part, ends)
        self.touch = int(bids[-1]), int(asks[-1])
        levels = part[part["kind"] == Kind.LEVEL]
        # only what the market holds and does not speak of now may be changed: it will be taken away in time
        free = self._shown > 0
        free[_row_of(levels["side"]), levels["price"]] = False
        message = np.searchsorted(ends, np.arange(part.size))
        if first:
            added, before = part[:0], mine[:0]
        else:
            far, told = self._far_changes(part[ends], free, bids, asks)
            changed, at = self._change_walls(part, message, part[ends], free, bids, asks)
            self._show_walls(part, message)
            self._show_walls(far, told)
            self.walls = [wall for wall in self.walls if wall.last < 0]
            added = np.concatenate([changed, far])
            before = mine[ends[np.concatenate([at, told])]]
            rows["value"][mine] = part["value"]
        self._shown[_row_of(levels["side"]), levels["price"]] = levels["value"]
        return added, before

    def _touches(self, part: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best bid and ask at each book message, as the BBO messages before it told them."""
        told = np.flatnonzero(part["kind"] == Kind.BBO)
        found = []
        for side, last in zip((1, -1), self.touch or (0, 0), strict=True):
            at = told[part["side"][told] == side]
            prices = np.concatenate([[last], part["price"][at]])
            found.append(prices[np.searchsorted(at, ends)])
        return found[0], found[1]

    def _far_changes(
        self, commits: np.ndarray, free: np.ndarray, bids: np.ndarray, asks: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """LEVEL rows, and the message that each is part of."""
        message = np.repeat(np.arange(commits.size), self.far_changes)
        away = self.rng.integers(*FAR_TICKS, message.size)
        side = np.where(self.rng.random(message.size) < 0.5, 1, -1)
        price = np.where(side > 0, bids[message] - away, asks[message] + away)
        kept = free[_row_of(side), price]
        message = message[kept]
        far = _levels(commits[message])
        far["side"], far["price"] = side[kept], price[kept]
        far["value"] = np.ceil(self.rng.exponential(2.0 * self.order_lots, far.size))
        return far, message

    def _change_walls(
        self,
        part: np.ndarray,
        message: np.ndarray,
        commits: np.ndarray,
        free: np.ndarray,
        bids: np.ndarray,
        asks: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Plants walls and marks where others end; their LEVEL rows and the messages these are part of."""
        new = self._new_walls(int(commits["recv_ns"][0]), free, int(bids[0]), int(asks[0]))
        said = [(0, wall.side, wall.price, float(wall.lots)) for wall in new]
        self.walls += new
        for wall in self.walls:
            passed = bids <= wall.price if wall.side > 0 else asks >= wall.price
            over = np.flatnonzero(passed | (commits["recv_ns"] >= wall.until_ns))
            if over.size:
                wall.last = int(over[0])
                said.append((wall.last, wall.side, wall.price, self._plain(part, message, wall)))
        rows = _levels(commits[[row[0] for row in said]])
        for row, (_, side, price, lots) in zip(rows, said, strict=True):
            row["side"], row["price"], row["value"] = side, price, lots
        return rows, np.array([row[0] for row in said], np.int64)

    def _new_walls(self, now_ns: int, free: np.ndarray, bid: int, ask: int) -> list[Wall]:
        """In the stead of those that ended, as many on each side."""
        taken = {wall.price for wall in self.walls}
        new = []
        for side, touch in ((1, bid), (-1, ask)):
            for _ in range(WALLS // 2 - sum(wall.side == side for wall in self.walls)):
                price = touch - side * int(self.rng.integers(*WALL_TICKS))
                lots = int(self.scale * self.rng.uniform(*WALL_ORDERS) * self.order_lots)
                until_ns = now_ns + int((30.0 + self.rng.exponential(WALL_LIFE_S)) * NS_PER_S)
                if free[_row_of(side), price] and price not in taken:
                    taken.add(price)
                    new.append(Wall(side, price, lots, until_ns))
        return new

    def _plain(self, part: np.ndarray, message: np.ndarray, wall: Wall) -> float:
        """What the market itself holds at a wall's level in the wall's last message."""
        hits = np.flatnonzero(_at(part, wall) & (message <= wall.last))
        held = part["value"][hits[-1]] if hits.size else self._shown[_row_of(wall.side), wall.price]
        return float(held)

    def _show_walls(self, part: np.ndarray, message: np.ndarray) -> None:
        """Adds each wall to what is said of its level before the message in which it ends."""
        for wall in self.walls:
            shown = _at(part, wall)
            if wall.last >= 0:
                shown &= message < wall.last
            part["value"][shown] += wall.lots


def _at(rows: np.ndarray, wall: Wall) -> np.ndarray:
    return (rows["price"] == wall.price) & (rows["side"] == wall.side) & (rows["kind"] == Kind.LEVEL)


def _row_of(side: Any) -> Any:
    return np.where(np.asarray(side) > 0, 0, 1)


def _levels(rows: np.ndarray) -> np.ndarray:
    """LEVEL rows of the messages that `rows` (copied) end."""
    rows["kind"], rows["ref"], rows["flags"] = Kind.LEVEL, 0, 0
    return rows
