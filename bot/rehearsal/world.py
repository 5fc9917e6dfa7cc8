"""The world behind the rehearsal exchange: markets, their clock, the books, the flow and whoever listens.

One thread, one event loop. Rows of a source (demo market or tape) are applied
to the compiled loop when their receive time has come on the market's clock;
then everybody who listens gets the very rows, numbered. Orders act on the
books as they stand at that moment.

Two clocks. `now_ns` is market time: stamps of rows, of fills, of everything
that is sent. `api_ns` is the wall clock, which signed requests are judged by.
At speed 1 both are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from bot.core.clock import Clock
from bot.core.errors import BadInput, KernelError
from bot.core.messages import Report
from bot.core.units import NS_PER_S
from bot.engine.inbox import Numbering
from bot.engine.kernel import Ctl, State, Stop, advance, new_state
from bot.execution.paper import PaperSettings, PaperVenue
from bot.market.book import ASK, BID, grow, levels
from bot.market.events import Kind, copied, empty_rows, joined
from bot.market.heads import OK
from bot.market.instruments import Contract, Instrument
from bot.signals.state import Awake

FRAME_S = 0.02
"""Wall seconds between two looks at what the market has said meanwhile."""

WARM_NS = 10 * NS_PER_S
"""Market time a source starts before the doors open, so that every book is there."""

OnRows = Callable[[np.ndarray], None]


class Guard(Protocol):
    """Who must act between two rows: conditional orders, the money of what was filled."""

    def first_stop(self, rows: np.ndarray) -> int:
        """Index behind the first row after which `act` must be called; `rows.size` when none is."""
        ...

    def act(self) -> None:
        """The rows up to that one are applied."""
        ...

    def on_reports(self, reports: Sequence[Report]) -> None:
        """What the venue says about orders and positions, in order, before anything later is applied."""
        ...


class World:
    """Instruments, clock, books and flow. `speed` 0: market time moves by `step` only.

    `instruments` are the markets of the rows; served are those of the first one's venue, or of
    them only `symbols`.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        batches: Iterator[np.ndarray],
        clock: Clock,
        *,
        open_ns: int,
        speed: float = 1.0,
        settings: PaperSettings | None = None,
        symbols: Sequence[str] = (),
    ) -> None:
        first = instruments[0].venue
        served = [
            k
            for k, i in enumerate(instruments)
            if i.venue == first and (not symbols or i.symbol in symbols or i.key in symbols)
        ]
        self.instruments = tuple(instruments[k] for k in served)
        _check(self.instruments)
        self.markets = {i.symbol: m for m, i in enumerate(self.instruments)}
        self.speed = speed
        self.venue = PaperVenue(self.instruments, settings or AT_ONCE)
        self.state: State = new_state(self.instruments, mt=self.venue.mt)
        self.state.signals.rows["active"] = Awake.NOTHING
        self.venue.attach(self.state.heads)
        self.ended = False
        self._batches = _whole_messages(batches, _places(served, len(instruments)))
        self._rows = empty_rows(0)
        self._at = 0
        self._clock = clock
        self._open_ns = open_ns
        self._wall_open_ns = clock.now_ns()
        self._stepped_ns = 0
        self._feeding = False
        self._numbering = Numbering()
        self._listeners: list[OnRows] = []
        self._guard: Guard | None = None

    def now_ns(self) -> int:
        """Market time."""
        passed_ns = int((self._clock.now_ns() - self._wall_open_ns) * self.speed)
        return self._open_ns + passed_ns + self._stepped_ns

    def api_ns(self) -> int:
        """Wall time, which signed requests are judged by."""
        return self._clock.now_ns()

    def alarm_ns(self) -> int:
        """Wall time and what was stepped by hand: what countdowns run by."""
        return self._clock.now_ns() + self._stepped_ns

    def watch(self, guard: Guard) -> None:
        self._guard = guard

    def subscribe(self, on_rows: OnRows) -> Callable[[], None]:
        """Hand over every numbered batch from now on, after it was applied; returns how to stop that.

        A batch holds whole messages; read, never write, its rows.
        """
        self._listeners.append(on_rows)
        return lambda: self._listeners.remove(on_rows)

    async def run(self) -> None:
        """Keep the market going until the source ends."""
        while not self.ended:
            self.catch_up()
            await asyncio.sleep(FRAME_S)

    def step(self, by_ns: int) -> None:
        """Move market time forward by hand, on top of what passes by itself."""
        self._stepped_ns += max(0, by_ns)
        self.catch_up()

    def catch_up(self) -> None:
        """Apply every row whose time has come."""
        now_ns = self.now_ns()
        while not self.ended:
            until = int(np.searchsorted(self._rows["recv_ns"], now_ns, side="right"))
            if until > self._at:
                due, self._at = self._rows[self._at : until], until
                self._feed(self._numbering.rows(due))
            if self._at < self._rows.size:
                return
            following = next(self._batches, None)
            if following is None:
                self.ended = True
            else:
                self._rows, self._at = following, 0

    def settle(self, market: int) -> None:
        """Let requests that were just handed to the venue take effect now."""
        now = empty_rows(1)
        now["kind"], now["recv_ns"], now["market"] = Kind.TIMER, self.stamp_ns(), market
        self._advance(self._numbering.rows(now))
        self._tell_reports()

    def stamp_ns(self) -> int:
        """Market time of what happens now: never before what was applied; between rows the last one's."""
        applied_ns = int(self.state.ctl[Ctl.NOW])
        return applied_ns if self._feeding else max(self.now_ns(), applied_ns)

    def depth(self, market: int, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(tick, lots) of bids and asks, best first."""
        return self._side(market, BID, limit), self._side(market, ASK, limit)

    def touch(self, market: int) -> tuple[int, int] | None:
        """Best bid and ask in ticks, None while there is no usable book."""
        if self.state.heads[market]["status"] != OK:
            return None
        (bids, asks) = self.depth(market, 1)
        return bids[0][0], asks[0][0]

    def _side(self, market: int, side: Any, limit: int) -> list[tuple[int, int]]:
        ticks, lots = levels(self.state.books, market, side, limit)
        return list(zip(ticks.tolist(), lots.astype(np.int64).tolist(), strict=True))

    def _feed(self, rows: np.ndarray) -> None:
        """Apply whole messages; the guard acts in between where it asked to."""
        self._feeding = True
        at = 0
        while at < rows.size:
            cut = rows.size if self._guard is None else at + self._guard.first_stop(rows[at:])
            self._advance(rows[at:cut])
            for listener in list(self._listeners):
                listener(rows[at:cut])
            if self._guard is not None:
                self._guard.act()
            at = cut
        self._feeding = False

    def _advance(self, rows: np.ndarray) -> None:
        at = 0
        while True:
            at = advance(self.state, rows, at)
            stop = int(self.state.ctl[Ctl.STOP])
            if stop == Stop.END:
                break
            if stop == Stop.REPORTS:
                self._tell_reports()
            elif stop == Stop.GROW:
                books = grow(self.state.books, int(rows[at]["price"]))
                self.state = self.state.with_books(books)
            elif stop == Stop.BAD_ROW:
                raise KernelError(
                    f"the stream cannot be applied at its row {int(rows[at]['seq'])}: {rows[at]}"
                )
        self._tell_reports()

    def _tell_reports(self) -> None:
        reports = self.venue.drain(int(self.state.ctl[Ctl.NOW]))
        if reports and self._guard is not None:
            self._guard.on_reports(reports)


AT_ONCE = PaperSettings(order_latency_ns=0, cancel_latency_ns=0, report_latency_ns=0, initial_margin=False)
"""The sockets are the latency, and margin is judged by the exchange's own account."""


def shifted(batches: Iterator[np.ndarray], first_ns: int) -> Iterator[np.ndarray]:
    """The rows as if the first had been received at `first_ns`; funding times move with them."""
    by_ns = 0
    for rows in batches:
        rows = copied(rows)
        by_ns = by_ns or first_ns - int(rows[0]["recv_ns"])
        rows["recv_ns"] += by_ns
        stamped = rows["exch_ns"] != 0
        rows["exch_ns"][stamped] += by_ns
        timed = ((rows["kind"] == Kind.FUNDING) & (rows["ref"] > 0)) | (rows["kind"] == Kind.TIMER)
        rows["ref"][timed] += by_ns
        yield rows


def _places(served: Sequence[int], markets: int) -> np.ndarray:
    """Where a market of the source is served, -1 nowhere."""
    places = np.full(markets, -1)
    places[list(served)] = np.arange(len(served))
    return places


def _whole_messages(batches: Iterator[np.ndarray], places: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of served markets, in batches that never end inside a message.

    Rows of a message share their receive time, so those of the last instant wait for the next batch.
    """
    held = empty_rows(0)
    for batch in batches:
        rows = batch[places[batch["market"]] >= 0]
        rows["market"] = places[rows["market"]]
        rows = joined([held, rows])
        cut = int(np.searchsorted(rows["recv_ns"], rows[-1]["recv_ns"])) if rows.size else 0
        held = rows[cut:]
        if cut:
            yield rows[:cut]
    if held.size:
        yield held


def _check(instruments: Sequence[Instrument]) -> None:
    if not instruments:
        raise BadInput(
            "expected at least one market of the first venue of the tape; name others with --symbols"
        )
    for instrument in instruments:
        if instrument.contract is not Contract.LINEAR or instrument.contract_size != 1:
            raise BadInput(
                f"{instrument.key}: expected a linear contract of size 1, which is all that Binance "
                f"USDⓈ-M has, was {instrument.contract} of {instrument.contract_size}"
            )
