"""The embedded market: a seeded, endless or finite stream of EVENT rows of several symbols and venues.

No network, no clock, no files: market time runs as fast as rows are taken. On
one core an hour of three symbols (1.4 M rows) takes about half a second, and 21
symbols on three venues with 200 level rows a second each run a hundred times
faster than real time.

Of the demo, measured over six hours of three symbols, means: a burst of a thin
side moves the mid 27 bps in its first minute, 20 bps from its 10th to its 70th
second (a tenth of them less than -10), a quiet thin side 4; 60 and 120 s after
a tenth of a genuine wall was executed the mid is 10 and 13 bps off the wall (a
tenth of them less than -1 and -6); a sweep moves 9 bps and keeps most of it;
10 s moves have a standard deviation of 5 to 6.5 bps. Chosen to give the
strategies something to find: no evidence about real venues.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from math import isfinite

import numpy as np

from bot.core.errors import BadInput, KernelError
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market.events import EVENT, RAW, copied
from bot.market.instruments import Instrument
from bot.market.synthetic.draws import seed_word
from bot.market.synthetic.efficient import kept_values
from bot.market.synthetic.instruments import VENUE, Listing, listing
from bot.market.synthetic.plants import NO_PLANTS, Plants, advance_market, open_market
from bot.market.synthetic.scenarios import scenario as scenario_named
from bot.market.synthetic.settings import Settings, Venue
from bot.market.synthetic.state import FAULT, FLOW, LANE, LATENCY, PLANT
from bot.market.synthetic.truth import Truth, read_truth, read_values

_FEWEST_TICKS, _MOST_TICKS = 3_000, 30_000
_OPEN_ORDERS, _CROWDED_ORDERS = 20_000.0, 12_000.0
"""Open interest at the start, in mean orders. A cascade closes a hundredth of the crowded one."""

# A leader may run this far ahead of its followers: they look back into what it remembers of its price.
_SLICE_NS = 10 * NS_PER_S


class SyntheticMarket:
    """A `RowSource`; markets are every symbol of the first venue, then of the next.

    Equal arguments give equal bytes, whatever `batch_s` is and however the
    batches are consumed, and a symbol's flow does not depend on which other
    symbols run beside it. `duration_s=None` never ends. `start_prices` are in
    quote currency per symbol and default to the listing's. `scenario` names what
    the markets are like and what is planted; `settings` and `plants` replace
    those parts of it. `clock_offset_ns` is how far the venues' clock runs ahead
    of ours. `bbo=False` leaves out BBO messages.
    """

    def __init__(
        self,
        seed: int,
        symbols: tuple[str, ...],
        start_ns: int,
        duration_s: float | None,
        start_prices: Mapping[str, float] | None = None,
        plants: Plants | None = None,
        *,
        scenario: str = "demo",
        settings: Settings | None = None,
        clock_offset_ns: int = 0,
        batch_s: float = 2.0,
        bbo: bool = True,
    ) -> None:
        if not symbols or len(set(symbols)) != len(symbols):
            raise BadInput(f"demo market: expected one or more different symbols, was {symbols!r}")
        if batch_s <= 0 or (duration_s is not None and duration_s < 0):
            raise BadInput(
                f"demo market: durations must be above 0, was {duration_s} s in {batch_s} s batches"
            )
        named = scenario_named(scenario)
        settings = settings if settings is not None else named.settings
        plants = plants if plants is not None else named.plants
        venues = [(venue, symbol) for venue in settings.venues for symbol in symbols]
        self._listings = tuple(_on(venue, listing(symbol)) for venue, symbol in venues)
        self.instruments: tuple[Instrument, ...] = tuple(item.instrument for item in self._listings)
        self._symbols = symbols
        self._oracle = settings.oracle
        self._done_ns = start_ns
        self._end_ns = None if duration_s is None else start_ns + round(duration_s * NS_PER_S)
        self._batch_ns = round(batch_s * NS_PER_S)
        self._seq = 0
        self._held = np.zeros(0, EVENT)
        prices = start_prices or {}
        self._lanes = np.zeros(len(venues), LANE)
        for market, item in enumerate(self._listings):
            lane = self._lanes[market]
            leader = market % len(symbols)
            venue = settings.venues[market // len(symbols)]
            lane["market"], lane["leader"] = market, leader
            _set_settings(lane, item, settings)
            _set_venue(lane, venue, settings, start_ns)
            _set_plants(lane, plants if market == leader else NO_PLANTS)
            # Quotes that are chased along leave no room for walls and scripts.
            lane["follow"] = len(settings.venues) > 1 and (market != leader or plants.nothing)
            price = prices.get(item.instrument.symbol, float(item.start_price))
            _set_state(lane, item, seed, start_ns, _start_ticks(item, price))
        self._lanes["common_seed"] = seed_word(seed, "common")
        self._lanes["clock_offset_ns"] = clock_offset_ns
        self._lanes["bbo"] = bbo

    def batches(self) -> Iterator[np.ndarray]:
        """The next rows, `batch_s` of market time each; continues where an earlier iteration stopped."""
        while self._end_ns is None or self._done_ns < self._end_ns:
            until_ns = self._done_ns + self._batch_ns
            if self._end_ns is not None:
                until_ns = min(until_ns, self._end_ns)
            rows = self._advance(until_ns)
            if len(rows):
                yield rows

    def truth(self) -> list[Truth]:
        """Everything planted so far, in order of its start; with an oracle also the efficient prices."""
        records: list[Truth] = []
        for item, lane in zip(self.instruments, self._lanes, strict=True):
            records += read_truth(item.venue, item.symbol, lane["truth"])
            if self._oracle:
                records += read_values(item.venue, item.symbol, kept_values(lane))
        return sorted(records, key=lambda record: (record.t0_ns, record.symbol))

    def last_prices(self) -> dict[str, float]:
        """Mid of each symbol on its first venue in quote currency; a later session may start there."""
        mids = ((self._lanes["bid"] + self._lanes["ask"]) / 2).tolist()
        return {
            symbol: float(item.tick) * mid
            for symbol, item, mid in zip(self._symbols, self.instruments, mids, strict=False)
        }

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Copies of all that changes; `restore` of a market with the same arguments continues from there."""
        at = np.array([self._done_ns, self._seq], np.int64)
        return {"at": at, "held": self._held.copy(), "lanes": self._lanes.copy()}

    def restore(self, checkpoint: Mapping[str, np.ndarray]) -> None:
        lanes = checkpoint["lanes"]
        if lanes.dtype != LANE or len(lanes) != len(self._lanes):
            raise BadInput(
                "demo market: the checkpoint is of other symbols or of another version; start anew"
            )
        self._done_ns, self._seq = checkpoint["at"].tolist()
        self._held = checkpoint["held"].copy()
        self._lanes = lanes.copy()

    def _advance(self, until_ns: int) -> np.ndarray:
        """Plays until `until_ns`; returns, numbered, the rows that nothing said later can precede.

        The rest is held back: another market may still say something that arrives earlier.
        """
        held, markets = self._held.view(RAW), self._held["market"]
        said = [[held[markets == k]] for k in range(len(self._lanes))]
        for slice_ns in range(self._done_ns, until_ns, _SLICE_NS):
            for k in range(len(self._lanes)):
                said[k] += self._run_lane(k, min(slice_ns + _SLICE_NS, until_ns))
        raw = np.concatenate([part for parts in said for part in parts])
        # Stable, so that of rows that arrive together those of the first market come first.
        rows = np.take(raw, np.argsort(raw.view(EVENT)["recv_ns"], kind="stable")).view(EVENT)
        self._done_ns = until_ns
        last = self._end_ns is not None and until_ns >= self._end_ns
        complete_ns = self._lanes["now_ns"].min()
        count = len(rows) if last else int(np.searchsorted(rows["recv_ns"], complete_ns))
        self._held = copied(rows[count:])
        rows = rows[:count]
        rows["seq"] = np.arange(self._seq + 1, self._seq + 1 + count)
        self._seq += count
        return rows

    def _run_lane(self, k: int, until_ns: int) -> list[np.ndarray]:
        """All rows, raw, the kth market says until then; what it says waits in its own array until taken."""
        if self._lanes["update_id"][k] == 0:
            open_market(self._lanes, k)
        parts = []
        more = 1
        while more:
            more = advance_market(self._lanes, k, until_ns)
            if more < 0:
                name = self._listings[k].instrument.key
                raise KernelError(f"demo market: the price of {name} left its range; start a new session")
            parts.append(self._lanes["out"][k, : self._lanes["n_rows"][k]].view(RAW).copy())
            self._lanes["n_rows"][k] = 0
        return parts


def _start_ticks(item: Listing, price: float) -> int:
    ticks = round(Decimal(price) / item.instrument.tick) if isfinite(price) else 0
    if not _FEWEST_TICKS <= ticks <= _MOST_TICKS:
        low, high = (item.instrument.price(n) for n in (_FEWEST_TICKS, _MOST_TICKS))
        raise BadInput(
            f"demo market: {item.instrument.symbol} can start between {low} and {high}, was {price}"
        )
    return ticks


def _on(venue: Venue, item: Listing) -> Listing:
    """A listing as a venue has it."""
    instrument = replace(item.instrument, venue=venue.name)
    return replace(item, instrument=instrument, order_lots=max(1, round(item.order_lots * venue.share)))


def _set_settings(lane: np.void, item: Listing, settings: Settings) -> None:
    lane["order_lots"] = item.order_lots
    lane["tick"] = float(item.instrument.tick)
    lane["lot"] = float(item.instrument.lot)
    lane["activity"] = item.activity if settings.activity is None else settings.activity
    for name in ("sizes", "informed", "value_bps", "queue_reactive", "regimes", "perpetual", "oracle"):
        lane[name] = getattr(settings, name)
    lane["excite_self"], lane["excite_cross"] = (0.5, 0.1) if settings.hawkes else (0.0, 0.0)
    lane["open_lots"] = (_CROWDED_ORDERS if settings.perpetual else _OPEN_ORDERS) * item.order_lots
    lane["funding_ns_every"] = round(settings.funding_s * NS_PER_S)
    for name, per_h in asdict(settings.faults).items():
        lane[name] = per_h
    lane["faulty"] = any(asdict(settings.faults).values())


def _set_venue(lane: np.void, venue: Venue, settings: Settings, start_ns: int) -> None:
    lane["lag_ns"] = round(venue.lag_ms * NS_PER_MS)
    lane["later_lag_ns"] = round(venue.later_lag_ms * NS_PER_MS)
    lane["basis_bps"] = venue.basis_bps
    if settings.lag_change_s is not None:
        lane["lag_change_ns"] = start_ns + round(settings.lag_change_s * NS_PER_S)


def _set_plants(lane: np.void, plants: Plants) -> None:
    for name, value in asdict(plants).items():
        lane[name] = value


def _set_state(lane: np.void, item: Listing, seed: int, start_ns: int, mid: int) -> None:
    symbol = item.instrument.symbol
    name = symbol if item.instrument.venue == VENUE else item.instrument.key
    for stream in (FLOW, LATENCY, PLANT, FAULT):
        lane["rng"][stream] = seed_word(seed, name, stream)
    # Venues do not send all books in the same instant.
    lane["now_ns"] = start_ns + seed_word("phase", name) % 90 * NS_PER_MS
    lane["bid"], lane["ask"] = mid - 1, mid + 1
    lane["low"], lane["high"] = mid - 1, mid + 1
    lane["value"] = lane["fair"] = mid
    lane["anchor"] = float(item.start_price / item.instrument.tick)
    lane["push"] = lane["depth"] = 1.0
