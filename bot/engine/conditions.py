"""Reads from the arrays what limits need to know of a market at a decision."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.enums import Side
from bot.engine.kernel import State
from bot.market.book import ASK, BID, levels
from bot.market.instruments import Instrument
from bot.market.venue_clock import offset_ns
from bot.risk.conditions import BITCOIN, NEVER_NS, Conditions
from bot.risk.depth import BookSide, Depth
from bot.signals.derivatives.liquidations import Cascade

MOST_LEVELS = 1000
"""Levels of a side that are read; what lies deeper counts as not there."""


def conditions_of(
    state: State,
    instruments: Sequence[Instrument],
    market: int,
    now_ns: int,
    most_levels: int = MOST_LEVELS,
) -> Conditions:
    """Of a market whose book is usable."""
    head = state.heads[market]
    bids = BookSide.of(Side.BUY, *levels(state.books, market, BID, most_levels))
    asks = BookSide.of(Side.SELL, *levels(state.books, market, ASK, most_levels))
    mid = 0.5 * float(bids.ticks[0] + asks.ticks[0])
    gap_ns = int(head["gap_ns"])
    return Conditions(
        depth=Depth(mid, bids, asks),
        age_ns=now_ns - int(head["commit_ns"]),
        skew_ns=offset_ns(state.clocks, int(head["venue"])) if head["exch_ns"] else 0,
        since_gap_ns=now_ns - gap_ns if gap_ns else NEVER_NS,
        cascade=_cascade(state, market),
        stress=_stress(state, instruments, market),
    )


def _cascade(state: State, market: int) -> int:
    """Direction of a cascade of liquidations, 0 without one."""
    known = state.signals.rows["known"]["liquidations"][market]
    return int(known["direction"]) if known["state"] == Cascade.CASCADE else 0


def _stress(state: State, instruments: Sequence[Instrument], market: int) -> int:
    """-1 while bitcoin, on any venue, is sold by force (signals.md 4.3); 0 else, and in bitcoin itself."""
    if instruments[market].symbol.startswith(BITCOIN):
        return 0
    there = (_cascade(state, m) for m, i in enumerate(instruments) if i.symbol.startswith(BITCOIN))
    return min(0, 0, *there)
