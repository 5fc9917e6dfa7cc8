"""What can go wrong between a venue and us, on purpose.

Faults are switched on by name, for some messages or until switched off, for
one symbol or all. Each is noted when it strikes, with the wall time, so that a
test can say how long its detection took.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple


class Fault(StrEnum):
    """Faults of market data."""

    DROP = "drop"  # a book message is not sent: the next one leaves an id gap
    DUPLICATE = "duplicate"  # a message comes twice
    REORDER = "reorder"  # two book messages change places
    ID_GAP = "id-gap"  # a book message claims a predecessor nobody saw
    STALL = "stall"  # nothing is sent; pings are answered
    HALF_OPEN = "half-open"  # nothing is sent and nothing is answered; the socket stays
    DISCONNECT = "disconnect"  # every connection is cut
    CUT_SNAPSHOT = "cut-snapshot"  # the answer to a snapshot request breaks off
    OLD_SNAPSHOT = "old-snapshot"  # REST shows a book of a while ago
    NEW_SNAPSHOT = "new-snapshot"  # REST shows a book that the stream has not reached yet
    WRONG_SNAPSHOT = "wrong-snapshot"  # REST shows other sizes
    CROSSED = "crossed"  # a bid above the best ask appears and stays
    NAN = "nan"  # sizes that are no numbers
    NEGATIVE = "negative"
    HUGE = "huge"
    RESET = "reset"  # update ids begin anew, as after a restart of the venue
    BURST = "burst"  # every book message goes out fifty times, in order, with ids of its own
    GARBAGE = "garbage"  # text that is no message
    REFUSE = "refuse"  # new connections and requests get HTTP 429
    ACCEPT_AND_DROP = "accept-and-drop"  # new connections stand for an instant


class Struck(NamedTuple):
    at_ns: int
    fault: Fault
    symbol: str


class Change(NamedTuple):
    """A book message on its way out: ids first, last and previous, levels as (price, size) text."""

    first: int
    last: int
    prev: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


BURST_OF = 50
GARBAGE = b'{"e":"depthUpdate","s":\xff\xfe not JSON'
_BAD_SIZES = {Fault.NAN: "NaN", Fault.NEGATIVE: "-1.000", Fault.HUGE: "9" * 40}
_LATER = 10
"""Update ids that a snapshot from the future is ahead."""


@dataclass(slots=True)
class _On:
    left: int | None  # messages, None until switched off
    symbol: str  # "" all


@dataclass(slots=True)
class Faults:
    """`now_ns` stamps what strikes."""

    now_ns: Callable[[], int]
    struck: list[Struck] = field(default_factory=list)
    _on: dict[Fault, _On] = field(default_factory=dict)
    _held: dict[str, Change] = field(default_factory=dict)

    def begin(self, fault: Fault, *, count: int | None = None, symbol: str = "") -> None:
        """Switch on: for the next `count` messages, or until `end`."""
        self._on[fault] = _On(count, symbol)

    def end(self, fault: Fault | None = None) -> None:
        """Switch one off, or all."""
        for each in [fault] if fault else list(self._on):
            self._on.pop(each, None)

    def on(self, fault: Fault, symbol: str = "") -> bool:
        """Whether it is on, without using it up."""
        state = self._on.get(fault)
        return state is not None and (not state.symbol or not symbol or state.symbol == symbol)

    def strikes(self, fault: Fault, symbol: str = "") -> bool:
        """Whether it strikes now; uses one up."""
        if not self.on(fault, symbol):
            return False
        state = self._on[fault]
        self.struck.append(Struck(self.now_ns(), fault, symbol))
        if state.left is not None:
            state.left -= 1
            if state.left <= 0:
                del self._on[fault]
        return True

    def changes(self, symbol: str, change: Change, best_ask: str) -> list[Change]:
        """What becomes of one book message, before it is written."""
        if not self._on and not self._held:
            return [change]
        if self.strikes(Fault.DROP, symbol):
            return []
        if self.strikes(Fault.ID_GAP, symbol):
            change = change._replace(prev=change.prev - 3)
        if best_ask and self.strikes(Fault.CROSSED, symbol):
            change = change._replace(bids=[*change.bids, (_above(best_ask), "1")])
        for fault, text in _BAD_SIZES.items():
            if change.bids and self.strikes(fault, symbol):
                change = change._replace(bids=[(change.bids[0][0], text), *change.bids[1:]])
        held = self._held.pop(symbol, None)
        if held is not None:
            return [change, held]
        if self.strikes(Fault.REORDER, symbol):
            self._held[symbol] = change
            return []
        return [change]

    def frames(self, symbol: str, payload: bytes) -> list[bytes]:
        """What becomes of one written message."""
        if not self._on:
            return [payload]
        if self.strikes(Fault.GARBAGE, symbol):
            return [GARBAGE, payload]
        if self.strikes(Fault.DUPLICATE, symbol):
            return [payload, payload]
        return [payload]

    def snapshot(self, symbol: str, book: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
        """What REST shows instead of `book`; `older` is the book of a while ago."""
        if self.strikes(Fault.OLD_SNAPSHOT, symbol):
            return older
        if self.strikes(Fault.NEW_SNAPSHOT, symbol):
            return {**book, "lastUpdateId": book["lastUpdateId"] + _LATER}
        if self.strikes(Fault.WRONG_SNAPSHOT, symbol):
            bids = book["bids"]
            others = [size for _, size in bids[1:] + bids[:1]]  # each its neighbour's: right in form
            return {**book, "bids": [[bid[0], size] for bid, size in zip(bids, others, strict=True)]}
        return book

    def to_json(self) -> str:
        """What is on, for the control page."""
        on = {fault: {"left": s.left, "symbol": s.symbol} for fault, s in self._on.items()}
        return json.dumps({"on": on, "struck": len(self.struck)})


def _above(price: str) -> str:
    """Twice a price: on every tick the price is on."""
    return f"{2 * Decimal(price):f}"
