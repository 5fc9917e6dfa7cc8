"""A plain ladder, and the mid, rebuilt from rows in the most obvious way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from bot.market.events import Flag, Kind
from bot.market.synthetic import Plants, SyntheticMarket, Truth

START_NS = 1_700_000_000 * 10**9
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

ONLY_THIN = Plants(genuine_per_h=0, spoof_per_h=0, sweep_per_h=0, thin_per_h=40)
ONLY_SPOOFS = Plants(genuine_per_h=0, spoof_per_h=120, sweep_per_h=0, thin_per_h=0, approach=0.9)


class Session(NamedTuple):
    rows: np.ndarray
    truth: list[Truth]
    mids: list[Callable[[int], float]]  # per market, mid in ticks at an exchange time


class PlainBook(NamedTuple):
    """The ladder after a commit, and the last BBO told before it."""

    exch_ns: int
    bids: dict[int, float]
    asks: dict[int, float]
    bbo: tuple[int, float, int, float] | None


def play(market: SyntheticMarket) -> np.ndarray:
    return np.concatenate(list(market.batches()))


def session(market: SyntheticMarket) -> Session:
    rows = play(market)
    return Session(rows, market.truth(), [mid_at(rows, k) for k in range(len(market.instruments))])


def plain_books(rows: np.ndarray, market: int, *, repeats: bool = False) -> Iterator[PlainBook]:
    """Rebuilds one market's ladder in dictionaries; yields it, changing, after every book message.

    Without `repeats` a level that is not there may not be deleted.
    """
    sides: dict[int, dict[int, float]] = {1: {}, -1: {}}
    touch: dict[int, tuple[int, float]] = {}
    bbo = None
    wanted = rows[rows["market"] == market]
    names = ("kind", "side", "price", "value", "flags", "exch_ns")
    for kind, side, price, value, flags, exch_ns in zip(*(wanted[n].tolist() for n in names), strict=True):
        if kind == Kind.LEVEL:
            if value == 0 and repeats:
                sides[side].pop(price, None)
            elif value == 0:
                del sides[side][price]
            else:
                sides[side][price] = value
        elif kind == Kind.BBO:
            touch[side] = (price, value)
        elif kind == Kind.SNAPSHOT:
            sides[1].clear()
            sides[-1].clear()
        elif kind == Kind.COMMIT and flags & Flag.BBO:
            bbo = touch[1] + touch[-1]
        elif kind == Kind.COMMIT:
            yield PlainBook(exch_ns, sides[1], sides[-1], bbo)


def mid_at(rows: np.ndarray, market: int) -> Callable[[int], float]:
    """The mid in ticks, from BBO rows, as a function of exchange time."""
    bbo = rows[(rows["market"] == market) & (rows["kind"] == Kind.BBO)]
    times = bbo["exch_ns"][::2]
    mids = (bbo["price"][::2] + bbo["price"][1::2]) / 2
    return lambda ns: float(mids[max(int(np.searchsorted(times, ns, side="right")) - 1, 0)])
