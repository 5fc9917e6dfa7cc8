"""All state of the signals: a record a market, checkpointed by copying.

Compiled code takes a market's record (`signals.rows[market]`); numpy code may
read the same through the properties of `Signals`, an array each with a row a
market. nan means unknown or asleep. Prices are ticks, sizes lots, distances
basis points of the mid, times nanoseconds.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

import numpy as np

from bot.core.enums import Mode
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.signals.attribution import ATTRIBUTION
from bot.signals.cross.lead_lag import new_pairs
from bot.signals.decay import HORIZONS
from bot.signals.known import KNOWN, new_known
from bot.signals.learning.state import Learning, new_learning
from bot.signals.listings import LISTING, new_listings, pair_count
from bot.signals.registry import CARDS, MODES, WINDOWS
from bot.signals.rolling import window_of
from bot.signals.zones.state import Zones, new_zones

GRID_NS = 250 * NS_PER_MS
SECOND_NS = NS_PER_S
MAX_SILENCE_NS = 7_200 * NS_PER_S
"""After a longer jump in the stream's time the grid starts again as after a cold start."""

MIDS = 4096  # whole seconds of mids kept, a power of two above 3,600
WALLS = 64
DAY_CARDS = 4320  # 12 h of cards
MINUTES = 60  # of traded lots
BAND_SECONDS = 600
BUCKETS = 100  # price buckets a side in which walls are looked for
WALL_WORDS = 16  # of the filter of walls, a bit a unit of price
WALL_EVIDENCE = 6  # kinds of evidence with a learned weight


class Awake(IntFlag):
    """What runs in a market beside its book; bits of SIGNALS.active."""

    NOTHING = 0  # as a recorder needs it
    WALLS = 1  # the wall ledger, what trades explain of each change at a wall, the volatility it rests on
    FEATURES = 2  # everything else that cards read; needs WALLS
    ALL = 3


BID_DEPTH, ASK_DEPTH, SPREAD = range(3)
"""Places in SIGNALS.bands."""

FLOW = np.dtype(
    [
        ("seeded", "<i8"),  # 1 once a touch is known since the last reset
        ("bid", "<i8"),  # the touch of the last commit
        ("ask", "<i8"),
        ("bid_lots", "<f8"),
        ("ask_lots", "<f8"),
        ("quote_ns", "<i8"),  # when the sums below were last decayed
        ("ofi", "<f8", (HORIZONS,)),  # sums of order-flow increments, lots
        ("depth", "<f8", (HORIZONS,)),  # sums of the mean touch size, lots
        ("quotes", "<f8", (HORIZONS,)),  # sums of 1
        ("trade_ns", "<i8"),  # when the sums below were last decayed
        ("bought", "<f8", (HORIZONS,)),  # lots by buying aggressors
        ("sold", "<f8", (HORIZONS,)),
        ("cvd", "<f8"),  # running sum of side x lots
        ("traded", "<f8"),  # running sum of lots
        ("ofi_total", "<f8"),  # running sum of order-flow increments, lots
        ("minute_lots", "<f8"),  # traded since the last whole minute
    ],
    align=True,
)

GRID = np.dtype(
    [
        # thin side, every 250 ms
        ("thin_seeded", "<i8"),
        ("thin_ratio", "<f8"),  # smoothed log depth ratio, + = ask side thinner
        ("thin_bid", "<f8"),  # smoothed band depths, lots
        ("thin_ask", "<f8"),
        ("thin_run", "<i8"),  # grid points the condition has held
        ("thin_last", "<i8"),
        ("thin", "<i8"),  # +1 ask side thin, -1 bid side thin, 0
        # every second
        ("second", "<i8"),  # the last whole second accounted for
        ("bad_seconds", "<u8"),  # bit i: the book was not usable i seconds ago
        ("square_1s", "<f8"),  # weighted squares of returns, bps^2, and their weights
        ("weight_1s", "<f8"),
        ("returns_1s", "<i8"),
        ("square_10s", "<f8"),
        ("weight_10s", "<f8"),
        ("returns_10s", "<i8"),
        ("square_h", "<f8", (MODES,)),
        ("moved_h", "<f8", (MODES,)),  # weighted |return|
        ("weight_h", "<f8", (MODES,)),
        ("returns_h", "<i8", (MODES,)),
        ("volatility_unit", "<f8"),
        # walls
        ("walls", "<i8"),  # rows in use, kept dense
        ("next_wall", "<i8"),
        ("bucket", "<i8"),  # ticks a wall bucket, 0 not set
        ("band_low", "<i8"),  # ticks in which resiliency is measured
        ("band_width", "<i8"),
        ("wall_shift", "<i8"),  # a unit of the filter has 2 to this power ticks
        ("wall_marks", "<u8", (2, WALL_WORDS)),  # a book side: bits of the units that a wall touches
        ("hollow", "<i8", (2,)),  # a book side: 1 hardly anything lies between the touch and a wall
        ("wall_cuts", "<i8"),  # 1: something was cancelled far away in this message
        ("wall_wins", "<f8", (2,)),  # a book side: tested walls that held, and all tested
        ("wall_trials", "<f8", (2,)),
        ("wall_learned", "<f8", (WALL_EVIDENCE,)),  # added to the default weights of the evidence
        ("wall_precision", "<f8", (WALL_EVIDENCE,)),  # gained since the start
        # a book side and bucket, outwards from the mid
        ("shelf", "<f8", (2, BUCKETS)),  # usual ln lots of the last 10 min
        ("shelf_spread", "<f8", (2, BUCKETS)),  # median distance from it
        ("shelf_samples", "<i8", (2, BUCKETS)),
        ("shelf_least", "<f8", (2, BUCKETS)),  # lots that stand out from it, 0 not known yet
        # every emission
        ("emissions", "<i8"),
        ("emitted_ns", "<i8"),
        ("emitted_mid", "<f8", (4,)),  # mids at the last four emissions, newest first
        ("drift", "<f8", (MODES,)),  # tanh(return / sigma) over the mode's alignment window
    ],
    align=True,
)

WALL = np.dtype(
    [
        ("id", "<i8"),
        ("side", "<i8"),  # book side: +1 bid, -1 ask
        ("near", "<i8"),  # ticks of the bucket's edges
        ("far", "<i8"),
        ("stage", "<i8"),  # CANDIDATE, ACTIVE, TESTED of bot.signals.walls
        ("quantity", "<f8"),  # lots displayed now
        ("born_lots", "<f8"),
        ("peak", "<f8"),
        ("executed", "<f8"),  # lots traded at it since birth
        ("grown", "<f8"),  # lots added before the first execution
        ("added", "<f8"),  # lots added after it
        ("cancelled", "<f8"),  # lots cancelled and not put back
        ("cancelled_near", "<f8"),  # of these, while the price was near
        ("unplaced", "<f8"),  # lots cancelled far away in this message, so far
        ("cut", "<f8"),  # lots cancelled lately, which a late trade may explain
        ("cut_ns", "<i8"),
        ("near_s", "<f8"),  # seconds within / beyond the near distance
        ("far_s", "<f8"),
        ("touches", "<i8"),  # times the price came to it
        ("touching", "<i8"),
        ("born_ns", "<i8"),
        ("seen_ns", "<i8"),  # last time its z was high enough to stay
        ("strong_ns", "<i8"),  # since when its z is high enough to enter, 0 it is not
        ("gone_ns", "<i8"),  # when most of it was gone, 0 it is there
        ("gone_cancelled", "<i8"),  # 1: it went by a cancellation
        ("returns", "<f8"),  # re-appearances, decayed with a minute
        ("layering", "<f8"),
        ("iceberg", "<i8"),  # 1: much more was executed than ever displayed
        ("decided", "<f8"),  # genuineness when a fade would have to decide, nan before
        ("evidence", "<f8", (WALL_EVIDENCE,)),  # as it was then
        ("genuineness", "<f8"),
        ("distance_bps", "<f8"),
    ],
    align=True,
)

ENDED = np.dtype(
    [
        ("id", "<i8"),
        ("side", "<i8"),
        ("near", "<i8"),
        ("far", "<i8"),
        ("label", "<i8"),  # CONSUMED, PULLED, EXPIRED, MOVED of bot.signals.walls
        ("stage", "<i8"),
        ("born_ns", "<i8"),
        ("ended_ns", "<i8"),
        ("born_lots", "<f8"),
        ("peak", "<f8"),
        ("executed", "<f8"),
        ("grown", "<f8"),
        ("added", "<f8"),
        ("cancelled", "<f8"),
        ("cancelled_near", "<f8"),
        ("near_s", "<f8"),
        ("far_s", "<f8"),
        ("touches", "<i8"),
        ("returns", "<f8"),
        ("layering", "<f8"),
        ("iceberg", "<i8"),
        ("decided", "<f8"),
        ("genuineness", "<f8"),
        ("distance_bps", "<f8"),  # from the mid at its end
    ],
    align=True,
)
"""What a wall was, once it is no more; fields as of WALL."""
ENDED_WALLS = 64

LEVEL = np.dtype(
    [
        ("value", "<f8"),  # held since the last second, nan unknown
        ("numerator", "<f8", (WINDOWS,)),
        ("weight", "<f8", (WINDOWS,)),
    ],
    align=True,
)

READING = np.dtype(
    [
        ("score", "<f8"),  # -1 .. 1; nan asleep
        ("strength", "<f8"),  # 0 .. 1
        ("confidence", "<f8"),  # 0 .. 1
        ("agreement", "<f8"),  # 0 .. 1
        ("coverage", "<f8"),
        ("state", "<f8"),  # bot.core.enums.Agreement
        ("direction", "<f8"),  # -1, 0, 1 after hysteresis
        ("fresh", "<f8"),  # 1: the direction changed within 3 cycles of the mode
        ("decelerating", "<f8"),
        ("exhausted", "<f8"),
    ]
)
"""All float64, so that a block of readings is a plain view. A card's or the composite's, for one mode."""

MEMORY = np.dtype(
    [
        ("direction", "<i8"),
        ("candidate", "<i8"),
        ("confirmed", "<i8"),  # consecutive cards towards the candidate
        ("changed_ns", "<i8"),  # of the last change of direction, 0 none
        ("cards", "<i8"),  # since the direction changed
        ("peak", "<f8"),
        ("past", "<f8", (3,)),  # the scores before this one, newest first
        ("strength", "<f8"),  # of the card before
        ("started_mid", "<f8"),
    ],
    align=True,
)


C = len(CARDS)
HISTORIES = (WINDOWS + MODES) * C + MODES + 1
"""Windows of a card, then modes of a card, modes of the composite, the fast order flow."""

SIGNALS = np.dtype(
    [
        ("active", "<i8"),  # Awake
        ("next_grid_ns", "<i8"),  # at or after it `on_grid` is due; 0 before the first row
        ("flow", FLOW),
        ("grid", GRID),
        ("known", KNOWN),
        ("listing", LISTING),
        ("attribution", ATTRIBUTION),
        ("mids", "<f8", (MIDS,)),  # mid of second s at s % MIDS
        ("bands", window_of(BAND_SECONDS), (3,)),  # every second: lots within 10 bps a side, spread
        ("minute_lots", window_of(MINUTES)),  # traded a minute
        ("walls", WALL, (WALLS,)),  # the first grid.walls in use
        ("ended", ENDED, (ENDED_WALLS,)),  # a ring by id of the wall that ended
        # cards in registry order, windows 1m 5m 1h, modes scalp day swing
        ("levels", LEVEL, (C,)),
        ("history", window_of(DAY_CARDS), (HISTORIES,)),  # sizes of raw values and scores
        ("raw", "<f8", (C, WINDOWS)),
        ("scores", "<f8", (C, WINDOWS)),
        ("cards", READING, (C, MODES)),
        ("composites", READING, (MODES,)),  # score is the bias
        ("verdicts", "<f8", (MODES, 3)),  # probability, awake cards, alignment
        ("ladder", "<f8", (4,)),  # levels and lots of the bids, of the asks: all of them
        ("fast", "<f8", (2,)),  # 10 s order-flow imbalance in mean touch depths, and its z
        ("memory", MEMORY, (C + 1, MODES)),  # the composite last
        ("factors", "<f8", (C,)),  # what a card's inputs take from its confidence
        # nothing in these outlives a call
        ("values", "<f8", (C,)),
        ("chances", "<f8", (C + 1,)),
        ("scratch", "<f8", (5, 128)),
    ],
    align=True,
)


class Signals(NamedTuple):
    """Arrays of M markets."""

    rows: np.ndarray  # (M,) SIGNALS
    pairs: np.ndarray  # (P,) PAIR of venues of one symbol, at least one row
    learning: Learning
    zones: Zones

    def __getattr__(self, name: str) -> np.ndarray:
        """A field of all rows, a view: `signals.cards` is (M, C, 3) READING."""
        try:
            return self.rows[name]
        except ValueError:
            raise AttributeError(name) from None


PROBABILITY, AWAKE, ALIGNMENT = range(3)
CYCLE_NS = tuple(mode.cycle_s * NS_PER_S for mode in Mode)
HORIZON_S = tuple(mode.horizon_s for mode in Mode)


def new_signals(markets: int, listings: np.ndarray | None = None) -> Signals:
    """Cold state: everything asleep. `listings`: of the markets, by default strangers to each other."""
    listings = new_listings(markets) if listings is None else listings
    rows = np.zeros(markets, SIGNALS)
    rows["known"] = new_known(markets)
    rows["listing"] = listings
    rows["active"] = Awake.ALL
    rows["grid"]["volatility_unit"] = 1.0
    rows["grid"]["next_wall"] = 1
    rows["grid"]["band_low"] = -1
    rows["factors"] = 1.0
    for array in (rows["mids"], rows["raw"], rows["scores"], rows["verdicts"], rows["fast"]):
        array[:] = np.nan
    for array in (rows["grid"]["emitted_mid"], rows["grid"]["drift"], rows["levels"]["value"]):
        array[:] = np.nan
    for readings in (rows["cards"], rows["composites"]):
        for field in ("score", "strength", "confidence", "agreement"):
            readings[field] = np.nan
        readings["state"] = -1.0
    return Signals(
        rows=rows,
        pairs=new_pairs(max(1, pair_count(listings))),
        learning=new_learning(markets),
        zones=new_zones(markets),
    )
