"""One pass over a stream with the bot's own loop, without trading: what it saw and said, and what came of it.

What is kept does not grow with the rows, only with time: about 20 MB a market
and day for each touch, and 3 MB for the cards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bot.core.errors import KernelError
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.engine.kernel import Ctl, State, Stop, new_state, read_cards
from bot.engine.scheduler import TICK_NS
from bot.evaluation.touch import Points, Sampler, Steps, Touches
from bot.evaluation.walls import WallTrack, WallWatch
from bot.evaluation.watching import THIN, TOUCH, watch
from bot.market.book import grow
from bot.market.events import EVENT, Flag, Kind
from bot.market.instruments import Instrument
from bot.signals.registry import MODES, card_names
from bot.signals.state import PROBABILITY
from bot.signals.walls import SCAN_S

TOUCH_STEP_NS = 100 * NS_PER_MS
LABEL_STEP_NS = 250 * NS_PER_MS
"""The decision latency of labels (signals.md 7): forecasts of a tick are judged from the mid 250 ms later."""
LOOK_NS = SCAN_S * NS_PER_S
COMPOSITE = "composite"
_ROOM = 65_536


@dataclass(slots=True)
class Touched:
    """One touch of a market: the ladder's, or the one that best bid/offer messages tell."""

    source: str  # "ladder" or "bbo"
    points: Points  # every 100 ms from the first touch on
    traded: np.ndarray  # float64, signed market trades in the step that ends at each point, lots


@dataclass(slots=True)
class ThinChange:
    time_ns: int
    market: int
    side: int  # +1 the ask side became thin, -1 the bid side, 0 neither any more


@dataclass(slots=True)
class Samples:
    """Everything an evaluation looks at. T ticks of 10 s, M markets, N = cards and the composite, 3 modes."""

    instruments: tuple[Instrument, ...]
    names: tuple[str, ...]  # of the N
    begin_ns: int
    end_ns: int
    ticks_ns: np.ndarray  # (T,) int64
    scores: np.ndarray  # (T, M, N, 3) float32, -1 .. 1; nan asleep
    probability: np.ndarray  # (T, M, N, 3) float32: of a rise; nan where it has none
    mids: list[Points]  # a market: the ladder's on whole 250 ms
    touches: list[list[Touched]]  # a market: those it has
    thins: list[ThinChange]
    walls: list[WallTrack]

    @property
    def span_s(self) -> float:
        return (self.end_ns - self.begin_ns) / NS_PER_S

    def tick_points(self, market: int) -> np.ndarray:
        """Where the ticks lie among `mids` of a market."""
        points = self.mids[market]
        return (self.ticks_ns - points.origin_ns) // points.step_ns


EXHAUSTED_WEIGHT = 0.25


@dataclass(slots=True)
class _Series:
    """What becomes of one touch of one market; the first sampler's grid is the touch's own."""

    source: str
    samplers: list[Sampler]
    trades: Steps = field(default_factory=lambda: Steps(TOUCH_STEP_NS))
    before: np.ndarray = field(default_factory=lambda: np.zeros(0, TOUCH))

    def feed(self, rows: np.ndarray) -> None:
        if rows.size:
            touches = Touches.of(rows, self.before)
            for sampler in self.samplers:
                sampler.feed(touches)
            self.before = rows[-1:].copy()

    def feed_trades(self, time_ns: np.ndarray, signed_lots: np.ndarray) -> None:
        self.trades.add(self.samplers[0].origin_ns, time_ns, signed_lots)

    def touched(self, end_ns: int) -> Touched:
        points = self.samplers[0].finish(end_ns)
        return Touched(self.source, points, self.trades.first(points.mid.size))


class Collector:
    """Fed with a stream batch by batch; `finish` gives the samples.

    `on_tick` is called with the loop's state and the time after the cards of every 10 s, to look only.
    """

    def __init__(
        self, instruments: Sequence[Instrument], on_tick: Callable[[State, int], None] | None = None
    ) -> None:
        self._instruments = tuple(instruments)
        self._on_tick = on_tick
        markets = len(self._instruments)
        self._state = new_state(self._instruments)
        self._touches, self._thins = np.zeros(_ROOM, TOUCH), np.zeros(_ROOM, THIN)
        self._used = np.zeros(2, np.int64)
        self._last_touch, self._last_thin = np.zeros(markets, TOUCH), np.zeros(markets, np.int64)
        self._ladders = [_Series("ladder", [Sampler(TOUCH_STEP_NS)]) for _ in range(markets)]
        self._bbos = [_Series("bbo", [Sampler(TOUCH_STEP_NS)]) for _ in range(markets)]
        self._held = [np.zeros(0, EVENT) for _ in range(markets)]
        self._changes: list[ThinChange] = []
        self._walls = WallWatch()
        self._begin_ns = 0
        self._ticks_ns: list[int] = []
        self._scores: list[np.ndarray] = []
        self._probability: list[np.ndarray] = []

    def feed(self, rows: np.ndarray) -> None:
        """The next EVENT rows, contiguous and in order.

        Raises KernelError for a row that cannot be applied.
        """
        if not rows.size:
            return
        if not self._begin_ns:
            self._begin(int(rows[0]["recv_ns"]))
        self._advance(rows)
        self._drain()
        for market in range(len(self._instruments)):
            own = rows[rows["market"] == market]
            whole = np.concatenate([self._held[market], own])
            cut = whole_bbos(whole)
            self._held[market] = whole[cut:]
            self._bbos[market].feed(bbo_touches(whole[:cut]))
            traded = signed_trades(own)
            self._bbos[market].feed_trades(*traded)
            self._ladders[market].feed_trades(*traded)

    def finish(self) -> Samples:
        """Everything seen. The collector is used up."""
        end_ns = int(self._state.ctl[Ctl.NOW])
        names = (*card_names(), COMPOSITE)
        shape = (-1, len(self._instruments), len(names), MODES)
        pairs = zip(self._ladders, self._bbos, strict=True)
        touches = [[ladder.touched(end_ns), bbo.touched(end_ns)] for ladder, bbo in pairs]
        return Samples(
            instruments=self._instruments,
            names=names,
            begin_ns=self._begin_ns,
            end_ns=end_ns,
            ticks_ns=np.array(self._ticks_ns, np.int64),
            scores=np.array(self._scores, np.float32).reshape(shape),
            probability=np.array(self._probability, np.float32).reshape(shape),
            mids=[series.samplers[1].finish(end_ns) for series in self._ladders] if self._begin_ns else [],
            touches=[[one for one in found if one.points.mid.size] for found in touches],
            thins=self._changes,
            walls=self._walls.finish(),
        )

    def _begin(self, first_ns: int) -> None:
        self._begin_ns = first_ns
        self._state.ctl[Ctl.NEXT_TIMER] = first_ns // LOOK_NS * LOOK_NS + LOOK_NS
        for series in self._ladders:
            series.samplers.append(Sampler(LABEL_STEP_NS, first_ns // LABEL_STEP_NS * LABEL_STEP_NS))

    def _advance(self, rows: np.ndarray) -> None:
        at = 0
        while True:
            at = watch(
                self._state.tables,
                rows,
                at,
                self._touches,
                self._thins,
                self._used,
                self._last_touch,
                self._last_thin,
            )
            stop = self._state.ctl[Ctl.STOP]
            if stop == Stop.END:
                return
            if stop == Stop.TIMER:
                self._timer(int(self._state.ctl[Ctl.TIMER_DUE]))
            elif stop == Stop.GROW:
                self._state = self._state.with_books(grow(self._state.books, int(rows[at]["price"])))
            elif stop == Stop.BAD_ROW:
                raise KernelError(f"row {int(rows[at]['seq'])} cannot be applied; run `lopside tape verify`")
            else:
                self._drain()

    def _timer(self, due_ns: int) -> None:
        """Every 2 s the walls, every 10 s the cards, before the first row at or after that time."""
        self._state.ctl[Ctl.NEXT_TIMER] = due_ns + LOOK_NS
        if due_ns % TICK_NS == 0:
            read_cards(self._state, due_ns)
            self._read(due_ns)
            if self._on_tick is not None:
                self._on_tick(self._state, due_ns)
        self._walls.look(self._state.signals, due_ns)

    def _read(self, due_ns: int) -> None:
        sig = self._state.signals
        cards, composites = sig.cards, sig.composites
        voice = (
            cards["score"] * cards["confidence"] * np.where(cards["exhausted"] != 0, EXHAUSTED_WEIGHT, 1.0)
        )
        theta = sig.learning.theta[: len(cards)].transpose(0, 2, 1)
        chances = 1.0 / (1.0 + np.exp(-theta * voice))
        verdicts = sig.verdicts[:, :, PROBABILITY]
        self._ticks_ns.append(due_ns)
        self._scores.append(_joined(cards["score"], composites["score"]))
        self._probability.append(_joined(chances, verdicts))

    def _drain(self) -> None:
        """Hand what the loop noted on to the samplers."""
        touches, thins = self._touches[: self._used[0]], self._thins[: self._used[1]]
        for market, series in enumerate(self._ladders):
            series.feed(touches[touches["market"] == market])
        self._changes += [ThinChange(*row.tolist()) for row in thins]
        self._used[:] = 0


def _joined(cards: np.ndarray, composite: np.ndarray) -> np.ndarray:
    """(M, C, 3) and (M, 3) as (M, C + 1, 3) float32."""
    return np.concatenate([cards, composite[:, None, :]], axis=1).astype(np.float32)


def whole_bbos(rows: np.ndarray) -> int:
    """How many of the rows of one market may be looked at: a batch can end between bid and ask."""
    sides = np.flatnonzero(rows["kind"] == Kind.BBO)
    if sides.size and rows["side"][sides[-1]] > 0:
        return int(sides[-1])
    return rows.size


def bbo_touches(rows: np.ndarray) -> np.ndarray:
    """TOUCH rows of the best bid/offer messages among the rows of one market; a gap ends what is known."""
    at = np.flatnonzero(((rows["kind"] == Kind.BBO) & (rows["side"] > 0)) | (rows["kind"] == Kind.GAP))
    found = np.zeros(at.size, TOUCH)
    found["time_ns"], found["market"] = rows["recv_ns"][at], rows["market"][at]
    told = np.flatnonzero(rows["kind"][at] == Kind.BBO)
    asks = np.flatnonzero((rows["kind"] == Kind.BBO) & (rows["side"] < 0))
    for side, places in (("bid", at[told]), ("ask", asks)):
        found[side][told] = rows["price"][places]
        found[f"{side}_lots"][told] = rows["value"][places]
    broken = found["bid"] >= found["ask"]
    for name in ("bid", "ask", "bid_lots", "ask_lots"):
        found[name][broken] = 0
    return found


def signed_trades(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Receive times and signed lots (+ the buyer was the aggressor) of the market trades among rows."""
    chosen = rows[(rows["kind"] == Kind.TRADE) & (rows["flags"] & Flag.NOT_MARKET == 0)]
    return chosen["recv_ns"], chosen["side"] * chosen["value"]
