"""What the decoders of all venues share: markets, counters, refusals, and prints that count once."""

from __future__ import annotations

import math
import struct
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

import msgspec
import numpy as np

from bot.core.errors import BadInput
from bot.core.units import NS_PER_MS, NS_PER_S, NS_PER_US
from bot.market.events import MAX_TICK, RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues.layout import Layout, Told, template
from bot.market.venues.levels import steps_of
from bot.market.venues.protocol import Audit, Connect, Fetch, Hosts, Poll, Refusal, Wanted
from bot.market.venues.scan import EXCH_NS, FIRST_VALUE, make_ready, scanner, told_of

EXAMPLES = 5
"""Refusals kept to be shown; the rest are counted."""

HISTORY_NS = 2 * NS_PER_S
"""Prints older than their connection by more than this are history that a venue sends at the start."""

_ID = FIRST_VALUE + int(Told.ID)
_EXCERPT = 120
_CACHED_NUMBERS = 1 << 16
_RECENT = 1 << 12
_MOST_QUICK = 1 << 12
_MOST_TRIES = 16
"""Frames of one beginning that are looked at for a template: a few forms of it come, and then no more."""

_SAME_SEQUENCE = 1 << 20
FIRST_MICROSECOND = 9_000_000_000_000
"""As milliseconds this is the year 2255."""


NOT_UNDERSTOOD = (msgspec.MsgspecError, UnicodeDecodeError, BadInput, struct.error, OverflowError)


class _Numbers(dict[str, int]):
    """Decimals read before. A subscript of it costs a tenth of reading one."""

    def __init__(self, read: Callable[[str], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> int:
        value = self._read(text)
        if len(self) >= _CACHED_NUMBERS:
            self.clear()
        self[text] = value
        return value


class Rising:
    """Ids that rise, so that what two connections both deliver counts once. 0: none yet."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0

    def is_new(self, number: int) -> bool:
        """Whether it is newer than the last one. A leap back far is a sequence begun anew."""
        if 0 <= self.last - number < _SAME_SEQUENCE and self.last:
            return False
        self.last = number
        return True


class MarketState:
    """One market: its instrument, its decimals read before, and the prints it told."""

    def __init__(self, market: int, instrument: Instrument) -> None:
        self.market = market
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.steps = steps_of(instrument)
        self.ticks: Callable[[str], int] = _Numbers(instrument.ticks).__getitem__
        self.lots: Callable[[str], int] = _Numbers(instrument.lots).__getitem__
        self.print_ids = Rising()
        self.touch_ids = Rising()
        self.interval_s = 0  # between fundings, 0 unknown
        self.connected_ns = 0  # of the connection that brings its prints, 0 unknown
        self._unordered = 0  # prints whose ids have no order
        self._recent: set[int | str] = set()
        self._recent_order: deque[int | str] = deque()

    def nearest_tick(self, text: str) -> int:
        """Of a price that need not be on the tick, such as a bankruptcy price."""
        try:
            ticks = (Decimal(text) / self.instrument.tick).to_integral_value()
        except InvalidOperation:
            raise BadInput(f"{self.instrument.key} price: expected a decimal number, was {text!r}") from None
        if not ticks.is_finite() or not 0 < ticks <= MAX_TICK:
            raise BadInput(f"{self.instrument.key} price: expected 1 to {MAX_TICK} ticks, was {text}")
        return int(ticks)

    def is_old(self, update_id: int, stands_at: int) -> bool:
        """Whether a snapshot shows no more than a book that stands: the second connection of a renewal."""
        return 0 <= stands_at - update_id < _SAME_SEQUENCE

    def are_unseen(self, ids: Sequence[int | str]) -> bool:
        """Whether all are, as `is_unseen` has it; only then are they seen."""
        if not self._recent.isdisjoint(ids) or len(set(ids)) != len(ids):
            return False
        for print_id in ids:
            self.is_unseen(print_id)
        return True

    def is_history(self, exch_ns: int, recv_ns: int) -> bool:
        """Whether a print is older than its connection, or where that is unknown than the first print."""
        self.connected_ns = self.connected_ns or recv_ns
        return 0 < exch_ns < self.connected_ns - HISTORY_NS

    @property
    def prints(self) -> int:
        """Goes up with each print that counts."""
        return self.print_ids.last or self._unordered

    def is_unseen(self, print_id: int | str) -> bool:
        """The same for ids without order: none of the last 4,096."""
        if print_id in self._recent:
            return False
        self._unordered += 1
        self._recent.add(print_id)
        self._recent_order.append(print_id)
        if len(self._recent_order) > _RECENT:
            self._recent.discard(self._recent_order.popleft())
        return True


Take = Callable[["Quick", int, str, int, bytes, RowBuffer], tuple[Wanted, ...] | None]
"""(what was read, rows, connection, receive time, frame, buffer): keeps the rows that `scan` made, or leaves
everything as it was and returns None, so that the typed decoder judges the frame."""


def _left(quick: Quick, n: int, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> None:
    """The typed decoders judge what is not newer than the last one."""


class Quick:
    """Frames of one kind and market that are like one seen before, which `scan` reads.

    `take`: what becomes of them, or the ids: then those are kept that are newer than the last one.
    """

    __slots__ = (
        "ids",
        "kept",
        "name",
        "other",
        "scan",
        "state",
        "table",
        "table_at",
        "take",
        "told",
        "told_at",
        "values",
    )

    def __init__(
        self, name: str, state: MarketState, table: np.ndarray, take: Take | Rising, other: Quick | None
    ) -> None:
        self.name = name
        self.state = state
        self.table = table
        self.told = told_of(state.market, state.instrument)
        self.table_at, self.told_at = int(table.ctypes.data), int(self.told.ctypes.data)
        # an item of it costs a quarter of an item of the array
        self.values: memoryview[int] = memoryview(self.told)  # type: ignore[arg-type]
        self.ids = take if isinstance(take, Rising) else None
        self.take: Take = _left if isinstance(take, Rising) else take
        self.kept = 0  # frames, by their ids alone
        self.other = other  # frames that begin as these do, and go on otherwise
        self.scan = scanner()


class VenueBase(ABC):
    """The part of a `VenueStream` that is the same everywhere.

    A frame that begins as an earlier one did, up to `KEY_END` (looked for from `KEY_FROM` on: what stands
    before says kind and market), is read by `scan` if it goes on like one, and its rows are kept or left by
    a `Take`. All others, and those that these do not take, are read by typed decoders and learnt from.
    """

    VENUES: ClassVar[tuple[str, ...]]
    KEY_END: ClassVar[bytes]
    KEY_FROM: ClassVar[int]
    hosts: Hosts

    def __init__(self, instruments: Mapping[int, Instrument]) -> None:
        venues = {i.venue for i in instruments.values()}
        if len(venues) != 1 or not venues <= set(self.VENUES):
            raise BadInput(f"expected instruments of one of {', '.join(self.VENUES)}, was {sorted(venues)}")
        make_ready()
        self.venue = venues.pop()
        self.messages: Counter[str] = Counter()
        self.level_updates = 0
        self.not_market = 0
        self.duplicate_prints = 0
        self.history_prints = 0
        self.typed = 0  # frames the typed decoders read; a venue that changes what it sends shows here
        self.refused = 0
        self.refusals: list[Refusal] = []
        self._lost: set[str] = set()  # symbols whose book is to be asked for, of venues that are asked
        self._exch_ns = 0
        self._unknown_symbol = ""
        self._read_by: Quick | None = None  # the last frame; None where a typed decoder read it
        self._recv_ns = 0
        self._audits: list[Audit] = []
        self._quick: dict[bytes, Quick] = {}
        self._tried: Counter[bytes] = Counter()  # typed frames, by how they begin, that might be learnt from
        self._like = False  # whether the last typed frame was like one seen before
        for market, instrument in instruments.items():
            self.add(market, instrument)

    def add(self, market: int, instrument: Instrument) -> None:
        if instrument.venue != self.venue:
            raise BadInput(f"expected an instrument of {self.venue}, was {instrument.key}")
        self._add(market, instrument)

    def on_frame(self, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        if recv_ns < self._recv_ns:
            recv_ns = self._recv_ns
        self._recv_ns = recv_ns
        quick = self._quick.get(payload[: payload.find(self.KEY_END, self.KEY_FROM)])
        while quick is not None:
            n = quick.scan(
                payload, quick.table_at, quick.told_at, out.address, out.capacity, out.used, recv_ns
            )
            if n >= 0:
                self._read_by = quick
                ids = quick.ids
                if ids is not None and ids.last < (number := quick.values[_ID]) and not self._lost:
                    ids.last = number
                    out.used += n
                    quick.kept += 1
                    return ()
                wanted = quick.take(quick, n, name, recv_ns, payload, out)
                if wanted is not None:
                    return wanted
                break
            quick = quick.other
        self._like = quick is not None
        self._begin(recv_ns)
        self.typed += 1
        used = out.used
        try:
            return self._read(name, recv_ns, payload, out)
        except NOT_UNDERSTOOD as error:
            out.cut(used)
            return self._refuse(recv_ns, str(error), payload)

    @property
    def exch_ns(self) -> int:
        """Of the last frame, 0 where it says none."""
        return self._exch_ns if self._read_by is None else self._read_by.values[EXCH_NS]

    @property
    def unknown_symbol(self) -> str:
        """Named by the last frame, which was ignored for it."""
        return "" if self._read_by is not None else self._unknown_symbol

    def heard(self) -> Counter[str]:
        """Messages by kind."""
        heard = Counter(self.messages)
        for quick in self._quick.values():
            likes: Quick | None = quick
            while likes is not None:
                heard[likes.name] += likes.kept
                likes = likes.other
        return +heard

    def on_rest(self, asked: Fetch, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        recv_ns = self._begin(recv_ns)
        used = len(out)
        try:
            return self._answer(asked, recv_ns, payload, out)
        except NOT_UNDERSTOOD as error:
            out.cut(used)
            self._refuse(recv_ns, f"{asked.asked} of {asked.symbol or 'all'}: {error}", payload)
            return self._unanswered(asked, recv_ns)

    def take_audits(self) -> tuple[Audit, ...]:
        audits = tuple(self._audits)
        self._audits.clear()
        return audits

    @abstractmethod
    def _add(self, market: int, instrument: Instrument) -> None: ...

    @abstractmethod
    def _read(self, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        """A frame; changes nothing before it was understood whole. Raises one of NOT_UNDERSTOOD."""

    @abstractmethod
    def _answer(self, asked: Fetch, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        """The same for a REST answer."""

    def _unanswered(self, asked: Fetch, recv_ns: int) -> tuple[Wanted, ...]:
        """What to do about an answer that could not be used."""
        return ()

    @abstractmethod
    def connections(self, hosts: Hosts) -> tuple[Connect, ...]: ...

    @abstractmethod
    def polls(self) -> tuple[Poll, ...]: ...

    def _learn(
        self, payload: bytes, name: str, state: MarketState, layout: Layout, take: Take | Rising
    ) -> None:
        """Frames like this one, which was understood, are read quickly from now on."""
        key = payload[: payload.find(self.KEY_END, self.KEY_FROM)]
        if self._like or self._tried[key] >= _MOST_TRIES or len(self._quick) >= _MOST_QUICK:
            return
        self._tried[key] += 1
        table, known = template(layout, payload, len(key), state.symbol), self._quick.get(key)
        if table is None:
            return
        likes = known
        while likes is not None:
            if np.array_equal(likes.table, table):
                return  # a value was refused
            likes = likes.other
        self._quick[key] = Quick(name, state, table, take, known)

    def _begin(self, recv_ns: int) -> int:
        self._recv_ns = max(self._recv_ns, recv_ns)
        self._read_by = None
        self._exch_ns = 0
        self._unknown_symbol = ""
        return self._recv_ns

    def _refuse(self, recv_ns: int, reason: str, payload: bytes) -> tuple[Wanted, ...]:
        self._exch_ns = 0
        self.refused += 1
        if len(self.refusals) < EXAMPLES:
            excerpt = payload[:_EXCERPT].decode("utf-8", "replace")
            self.refusals.append(Refusal(recv_ns, reason, excerpt))
        return ()

    def _unknown(self, symbol: str) -> None:
        self.messages["unknown symbol"] += 1
        self._unknown_symbol = symbol

    def _stamp(self, stamp: int) -> int:
        """Exchange time in ns of milliseconds, or of microseconds where they are that large; 0 for none."""
        self._exch_ns = stamp * (NS_PER_MS if stamp < FIRST_MICROSECOND else NS_PER_US)
        return self._exch_ns

    def _counters(self) -> dict[str, Any]:
        return {
            "messages": dict(self.heard()),
            "level_updates": self.level_updates,
            "not_market": self.not_market,
            "duplicate_prints": self.duplicate_prints,
            "history_prints": self.history_prints,
            "typed": self.typed,
            "refused": self.refused,
            "refusals": [f"{r.reason}: {r.excerpt}" for r in self.refusals],
        }

    def _keep_audit(self, state: MarketState, ref: int, exch_ns: int, rows: np.ndarray) -> None:
        self._audits.append(Audit(state.market, state.symbol, ref, exch_ns, rows))
        self.messages["audit"] += 1


def reading(text: str | float, what: str) -> float:
    """A finite number. Raises BadInput otherwise."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{what}: expected a number, was {text!r}")
    return value


def positive(text: str | float, what: str) -> float:
    """A finite number above 0. Raises BadInput otherwise."""
    value = reading(text, what)
    if value <= 0.0:
        raise BadInput(f"{what}: expected a number above 0, was {text!r}")
    return value


def amount(text: str | float, what: str) -> float:
    """A finite number, 0 or above. Raises BadInput otherwise."""
    value = reading(text, what)
    if value < 0.0:
        raise BadInput(f"{what}: expected 0 or more, was {text!r}")
    return value
