"""One row a market of all that is a single number: the book's state, the second touch, readings.

Filled by the compiled loop; read by signals, matching, trust and views.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bot.market.instruments import Contract, Instrument

TRADE_IDS = 64
"""Prints remembered: a venue that tells one again does so at once (a reconnect, a resent message)."""

HEAD = np.dtype(
    [
        # from the instrument table, never changed by rows
        ("tick_size", "<f8"),  # quote currency a tick
        ("lot_size", "<f8"),  # venue quantity unit a lot
        ("contract_size", "<f8"),
        ("inverse", "<i8"),
        ("venue", "<i8"),  # index into the session's venues
        # the ladder
        ("synced", "<i8"),  # 1 after a snapshot commit, 0 before and after a gap
        ("status", "<i8"),  # BookStatus at the last ladder commit
        ("crossed_ns", "<i8"),  # since when the ladder is crossed or locked, 0 it is not
        ("commit_ns", "<i8"),  # receive time of the last ladder commit
        ("update_id", "<i8"),
        ("commits", "<i8"),
        ("crossed_commits", "<i8"),  # of them, crossed or locked
        ("gaps", "<i8"),
        ("gap_ns", "<i8"),  # receive time of the last gap, 0 none
        ("outside_price", "<i8"),  # ticks of a print outside the spread that no later one has undone
        ("outside", "<i8"),  # ladder commits it has stayed outside, 0 none
        ("outside_ns", "<i8"),
        # the second touch (BBO messages); never edits the ladder
        ("bbo_bid", "<i8"),
        ("bbo_ask", "<i8"),
        ("bbo_bid_lots", "<f8"),
        ("bbo_ask_lots", "<f8"),
        ("bbo_ns", "<i8"),
        # last of everything
        ("recv_ns", "<i8"),
        ("exch_ns", "<i8"),
        ("trade_price", "<i8"),
        ("trade_ns", "<i8"),
        ("mark", "<f8"),  # quote currency, nan unknown
        ("index", "<f8"),
        ("mark_ns", "<i8"),
        ("funding_rate", "<f8"),
        ("funding_ns", "<i8"),  # next settlement, 0 unknown
        ("open_interest", "<f8"),
        ("trades", "<i8"),
        ("trade_ids", "<i8", (TRADE_IDS,)),  # of the last prints, a ring by `trades`
        ("last_trade_id", "<i8"),  # the largest
        ("duplicates", "<i8"),  # prints told again, ignored
        ("not_market", "<i8"),  # prints that are not market trades
    ],
    align=True,
)

OK, NO_BOOK, EMPTY_BID, EMPTY_ASK, LOCKED, CROSSED = range(6)
"""Book status at a commit (signals.md 1.0); every book feature is None unless OK."""


def new_heads(instruments: Sequence[Instrument]) -> np.ndarray:
    """(M,) HEAD rows for markets in table order; venues are numbered by first appearance."""
    heads = np.zeros(len(instruments), HEAD)
    venues: dict[str, int] = {}
    for head, instrument in zip(heads, instruments, strict=True):
        head["tick_size"] = float(instrument.tick)
        head["lot_size"] = float(instrument.lot)
        head["contract_size"] = float(instrument.contract_size)
        head["inverse"] = instrument.contract is Contract.INVERSE
        head["venue"] = venues.setdefault(instrument.venue, len(venues))
        head["status"] = NO_BOOK
        for field in ("mark", "index", "funding_rate", "open_interest"):
            head[field] = np.nan
    return heads
