"""Faults of venues and feeds, told in the rows that our own feeds would put on the stream.

signals.md 11.2. A gap: GAP, then nothing of the book until a snapshot; trades
and the touch go on. A duplicate: all that the venue said in the last step,
again. Out of order: one book message whose exchange stamp is set back.
Crossed: one book message shows a bid above the best ask, the next takes it
back. Stale: the venue says nothing at all, then goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.draws import exponential, uniform
from bot.market.synthetic.state import (
    CROSSED,
    DUPLICATE,
    FAULT,
    GAP,
    NONE,
    OUT_OF_ORDER,
    OVER,
    STALE,
)
from bot.market.synthetic.truth import close_truth, open_truth
from bot.market.synthetic.wire import tell_again, tell_book, tell_gap, tell_snapshot


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault happens to a market, per hour."""

    gap_per_h: float = 1.0
    duplicate_per_h: float = 20.0
    out_of_order_per_h: float = 60.0
    crossed_per_h: float = 2.0
    stale_per_h: float = 1.0


NO_FAULTS = Faults(0.0, 0.0, 0.0, 0.0, 0.0)

_S = 1_000_000_000
_NEVER = 1 << 62
_GAP_NS, _STALE_NS = 3 * _S, 20 * _S
_MOST_BACK_NS = 200_000_000.0


@njit
def _rate_per_h(lane: Any, fault: int) -> float:
    if fault == GAP:
        return lane.gap_per_h
    if fault == DUPLICATE:
        return lane.duplicate_per_h
    if fault == OUT_OF_ORDER:
        return lane.out_of_order_per_h
    return lane.crossed_per_h if fault == CROSSED else lane.stale_per_h


@njit
def _set_due(lane: Any, fault: int) -> None:
    rate = _rate_per_h(lane, fault)
    due_ns = _NEVER
    if rate > 0.0:
        due_ns = lane.now_ns + int(exponential(lane.rng, FAULT, 3600.0 / rate) * _S)
    lane.fault_due_ns[fault - GAP] = due_ns


@njit
def open_faults(lane: Any) -> None:
    """When the first of each is due."""
    for k in range(lane.fault_due_ns.size):
        _set_due(lane, np.int64(GAP + k))


@njit
def _happens(lane: Any, fault: int) -> int:
    """The slot of the truth record when the fault begins now, else -1."""
    if lane.now_ns < lane.fault_due_ns[fault - GAP]:
        return -1
    _set_due(lane, fault)
    return open_truth(lane, fault, int(lane.bid), NONE)


@njit
def _is_lost(lane: Any) -> bool:
    """Is the feed in a gap, or the venue silent? Ends both when their time has come."""
    now_ns = lane.now_ns
    if lane.silent_until_ns > 0:
        if now_ns < lane.silent_until_ns:
            return True
        lane.silent_until_ns = 0
        close_truth(lane, lane.stale_truth, OVER)
    if lane.lost_until_ns > 0:
        if now_ns >= lane.lost_until_ns:
            lane.lost_until_ns = 0
            tell_snapshot(lane, now_ns)
            close_truth(lane, lane.gap_truth, OVER)
        return True
    return False


@njit
def _is_cut_off(lane: Any) -> bool:
    """Does a gap or a silence begin now? Neither does while a crossed bid waits to be taken back."""
    if lane.crossed_price != 0:
        return False
    slot = _happens(lane, GAP)
    if slot >= 0:
        lane.gap_truth = slot
        lane.lost_until_ns = lane.now_ns + _GAP_NS
        tell_gap(lane, lane.now_ns)
        return True
    slot = _happens(lane, STALE)
    if slot >= 0:
        lane.stale_truth = slot
        lane.silent_until_ns = lane.now_ns + _STALE_NS
        return True
    return False


@njit
def tell_faulty_book(lane: Any, first: int) -> None:
    """The book message of a step, with what goes wrong; `first` is the step's first row."""
    if _is_lost(lane) or _is_cut_off(lane):
        return
    if lane.crossed_price == 0:
        slot = _happens(lane, CROSSED)
        if slot >= 0:
            lane.crossed_price = -1
            close_truth(lane, slot, OVER)
    slot = _happens(lane, OUT_OF_ORDER)
    if slot >= 0:
        lane.stamp_back_ns = int(_MOST_BACK_NS * uniform(lane.rng, FAULT))
        close_truth(lane, slot, OVER)
    tell_book(lane, lane.now_ns)
    lane.stamp_back_ns = 0
    slot = _happens(lane, DUPLICATE)
    if slot >= 0:
        tell_again(lane, lane.now_ns, first)
        close_truth(lane, slot, OVER)
