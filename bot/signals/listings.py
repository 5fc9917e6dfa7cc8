"""Which markets belong together: the venues of one symbol, and what a listing says about itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bot.market.instruments import Instrument

PEERS = 4
"""Other venues of a symbol that are compared with; further ones are left out."""

PARTIAL_LIQUIDATIONS = ("binance",)
"""Venues that publish only the latest liquidation a second, by the beginning of their name."""

LISTING = np.dtype(
    [
        ("peers", "<i8"),  # other markets of the same symbol
        ("peer", "<i8", (PEERS,)),  # which
        ("pair", "<i8", (PEERS,)),  # row of the pair with each of them
        ("place", "<i8", (PEERS,)),  # 0 when this market is the first of the pair, else 1
        ("partial", "<i8"),  # 1: its liquidations are a lower bound
        ("maintenance", "<f8"),  # margin rate
    ],
    align=True,
)


def new_listings(markets: int) -> np.ndarray:
    """(M,) LISTING rows of markets that have nothing to do with each other."""
    return np.zeros(markets, LISTING)


def listings_of(instruments: Sequence[Instrument]) -> np.ndarray:
    """(M,) LISTING rows; markets of one symbol on several venues are each other's peers."""
    rows = new_listings(len(instruments))
    for row, instrument in zip(rows, instruments, strict=True):
        row["partial"] = instrument.venue.startswith(PARTIAL_LIQUIDATIONS)
        row["maintenance"] = float(instrument.maintenance_rate)
    pairs = 0
    for first, one in enumerate(instruments):
        for second in range(first + 1, len(instruments)):
            if one.symbol != instruments[second].symbol:
                continue
            if max(rows["peers"][first], rows["peers"][second]) == PEERS:
                continue
            for market, other, place in ((first, second, 0), (second, first, 1)):
                at = rows["peers"][market]
                rows["peer"][market, at] = other
                rows["pair"][market, at] = pairs
                rows["place"][market, at] = place
                rows["peers"][market] += 1
            pairs += 1
    return rows


def pair_count(listings: np.ndarray) -> int:
    """Pairs of venues among all markets."""
    return int(listings["peers"].sum()) // 2
