"""All state of the zones: a record a market, all tables in it bounded, checkpointed by copying.

Prices are ticks (edges of zones are not whole ones), sizes lots, distances
basis points of the mid, times nanoseconds; nan is unknown. What a full table
drops: `collect` says it of candidates, `identity` of zones.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple

import numpy as np

from bot.core.units import NS_PER_S

RANGE_BPS = 150.0
"""How far from the mid zones are looked for."""
LEAST_PRESENCE = 0.1
"""Below it a zone is not spoken of, and forgotten once it is no longer seen."""

CANDIDATES = 256
ZONES = 64
OUTCOMES = 64
ESTIMATES = 64
VOICES = 8

FLOW_BUCKETS = 1_024
"""Of about 1 bp: what is traded within 5 % of the mid between two renewals."""
PROFILE_BUCKETS = 2_048
"""Of about 5 bps, a ring: two prices share a bucket when one is about twice the other."""
BARS = 288
"""Of five minutes: 24 h."""

FEATURES = ("genuineness", "upside", "absorption", "refill", "cascade", "touches")
PRIOR = (0.8, 1.0, 0.8, 0.4, -1.0, -0.5)
"""Coefficients of the log-odds that a zone holds, in the order of FEATURES."""
FIRST_PRECISION = 10.0
BINS = 10


class Source(IntFlag):
    """What a zone is made of."""

    WALL = 1
    VOLUME = 2
    SWING = 4
    LIQUIDATIONS = 8  # estimated
    ROUND = 16


class Kind(IntEnum):
    UNCERTAIN = 0
    SUPPORT = 1
    RESISTANCE = 2
    BREAKABLE = 3
    TRAP = 4


class Grade(IntEnum):
    C = 0
    B = 1
    A = 2
    S = 3


class Label(IntEnum):
    """How an approach ended."""

    NONE = 0  # turned before the zone, or undecided for too long
    HOLD = 1
    BREAK = 2
    PULLED = 3


class Touch(IntEnum):
    NOT_NEAR = 0
    APPROACHED = 1  # within the near distance of the zone
    REACHED = 2  # at its near edge


AROUND = np.dtype(
    [
        ("mid", "<f8"),  # ticks; nan: the book is not usable, nothing is renewed
        ("tick_size", "<f8"),
        ("volatility_unit", "<f8"),
        ("sigma_60s_bps", "<f8"),
        ("reference_lots", "<f8"),  # median traded a minute: a wall of it has mass 1
        ("book_probability", "<f8"),  # of a rise, by the cards of book, walls and flow only
        ("impact", "<f8"),  # slope of 3.4, bps a lot
        ("much_flow", "<f8"),  # lots; absorption of less says nothing (3.4)
        ("refill", "<f8", (2,)),  # refill ratios of the bids and asks near the touch (1.10)
        ("cascade", "<i8"),  # direction of a BURST or CASCADE of liquidations, else 0
        ("thin", "<i8"),  # +1 ask side thin, -1 bid side thin, 0
        ("voices", "<f8", (VOICES,)),  # signed weighted mean of each category of cards but zones
    ],
    align=True,
)
"""What a renewal needs to know of the market; the caller fills it right before. nan: unknown."""

MARKET = np.dtype(
    [
        # trades since the last renewal
        ("bucket", "<i8"),  # ticks, about 1 bp; 0 before the first renewal
        ("per_tick", "<f8"),  # 1 / bucket
        ("first", "<i8"),  # number of the first bucket
        ("flow", "<f8", (2, FLOW_BUCKETS)),  # lots by buyers, sellers
        # traded volume, faded
        ("profile_buckets", "<i8"),  # flow buckets in one of the profile
        ("profile", "<f8", (PROFILE_BUCKETS,)),
        # swings
        ("bar", "<i8"),  # number of the present five minutes, 0 none
        ("highs", "<f8", (BARS,)),  # by number % BARS, nan unknown
        ("lows", "<f8", (BARS,)),
        ("swing_highs", "<f8", (BARS,)),  # by the bar they are in, nan none
        ("swing_lows", "<f8", (BARS,)),
        # zones
        ("zones", "<i8"),  # rows in use, oldest first
        ("next_zone", "<i8"),
        ("renewed_ns", "<i8"),
        ("renewed_mid", "<f8"),
        ("card", "<f8"),  # bias of the nearest zone, nan without
        # touches
        ("mid", "<f8"),  # last known
        ("mid_ns", "<i8"),
        ("near_bps", "<f8"),
        ("leave_bps", "<f8"),
        ("break_bps", "<f8"),
        ("floor", "<f8"),  # a mid between the two approaches nothing
        ("ceiling", "<f8"),
        ("open", "<i8"),  # approaches under way
        ("outcomes", "<i8"),  # ever written to the ring
    ],
    align=True,
)

ZONE = np.dtype(
    [
        ("id", "<i8"),
        ("side", "<i8"),  # +1 below the mid: support, -1 resistance
        ("sources", "<i8"),  # Source flags
        ("seen", "<i8"),  # 1: at the last renewal
        ("born_ns", "<i8"),
        ("low", "<f8"),
        ("high", "<f8"),
        ("centre", "<f8"),
        ("mass", "<f8"),  # 0 .. 1
        ("presence", "<f8"),  # 0 .. 1
        ("distance_bps", "<f8"),  # of the near edge, 0 inside
        # its walls
        ("walls", "<i8"),
        ("lots", "<f8"),
        ("executed", "<f8"),
        ("added", "<f8"),
        ("cancelled_near", "<f8"),
        ("genuineness", "<f8"),  # 0.5 without walls
        ("absorbed", "<f8"),  # + selling absorbed by bids
        ("refilled", "<f8"),  # (own refill - the other side's) / their sum
        # what became of approaches
        ("touches", "<i8"),
        ("holds", "<i8"),
        ("breaks", "<i8"),
        ("pulls", "<i8"),
        ("recent_pulls", "<i8"),  # bits of the last three approaches, newest first
        # judgement
        ("features", "<f8", (len(FEATURES),)),
        ("hold", "<f8"),  # probability
        ("bias", "<f8"),
        ("utility", "<f8"),
        ("kind", "<i8"),
        ("grade", "<i8"),
        ("rank", "<i8"),  # 1 .. 3 of its side, else 0
        ("spoken", "<i8"),  # 1: ranked, or a trap; the others are kept to themselves
        # the approach under way, frozen when it began
        ("armed", "<i8"),  # 1: the next approach counts
        ("touch", "<i8"),  # Touch
        ("touch_ns", "<i8"),
        ("reached_ns", "<i8"),  # 0 not yet
        ("touch_side", "<i8"),
        ("near", "<f8"),
        ("far", "<f8"),
        ("turned", "<f8"),  # beyond it an approach is over
        ("leave", "<f8"),  # HOLD from here on
        ("broken", "<f8"),  # BREAK from here on
        ("touch_features", "<f8", (len(FEATURES),)),
        ("touch_hold", "<f8"),
        ("touch_trap", "<i8"),
    ],
    align=True,
)

CANDIDATE = np.dtype(
    [("price", "<f8"), ("mass", "<f8"), ("side", "<i8"), ("source", "<i8")],
    align=True,
)

SPAN = np.dtype(
    [
        ("low", "<f8"),
        ("high", "<f8"),
        ("centre", "<f8"),
        ("mass", "<f8"),
        ("side", "<i8"),
        ("sources", "<i8"),
        ("taken", "<i8"),  # 1: a zone of the last renewal goes on in it
    ],
    align=True,
)

OUTCOME = np.dtype(
    [
        ("zone", "<i8"),
        ("label", "<i8"),  # Label
        ("side", "<i8"),
        ("low", "<f8"),
        ("high", "<f8"),
        ("began_ns", "<i8"),
        ("ended_ns", "<i8"),
        ("hold", "<f8"),  # what was said when it began
        ("trap", "<i8"),
    ],
    align=True,
)

MODEL = np.dtype(
    [
        ("theta", "<f8", (len(FEATURES),)),
        ("precision", "<f8", (len(FEATURES),)),
        ("labels", "<i8"),
        ("squares", "<f8"),  # sum of (hold - y)^2
        ("held", "<f8"),  # number of holds
        ("said", "<f8", (BINS,)),  # by tenths of the probability: sum of it,
        ("came", "<f8", (BINS,)),  # holds,
        ("counts", "<f8", (BINS,)),  # labels
        ("traps", "<i8", (2, 2)),  # [called a trap, was pulled]
    ],
    align=True,
)


ZONED = np.dtype(
    [
        ("market", MARKET),
        ("around", AROUND),
        ("zones", ZONE, (ZONES,)),  # the first market.zones in use, oldest first
        ("outcomes", OUTCOME, (OUTCOMES,)),  # a ring
        # nothing in these outlives a renewal
        ("estimates", "<f8", (ESTIMATES, 2)),  # price in ticks, mass
        ("found", CANDIDATE, (CANDIDATES,)),
        ("order", "<i8", (2, CANDIDATES)),
        ("spans", SPAN, (CANDIDATES,)),
    ],
    align=True,
)


class Zones(NamedTuple):
    """A record a market, and what all of them learn together."""

    rows: np.ndarray  # (M,) ZONED
    model: np.ndarray  # (1,) MODEL

    @property
    def markets(self) -> np.ndarray:
        """(M,) MARKET, a view."""
        return self.rows["market"]

    @property
    def around(self) -> np.ndarray:
        """(M,) AROUND, a view."""
        return self.rows["around"]

    @property
    def zones(self) -> np.ndarray:
        """(M, ZONES) ZONE, a view."""
        return self.rows["zones"]

    @property
    def outcomes(self) -> np.ndarray:
        """(M, OUTCOMES) OUTCOME, a view."""
        return self.rows["outcomes"]


def new_zones(markets: int) -> Zones:
    """Cold state: no zones, coefficients at their prior."""
    rows = np.zeros(markets, ZONED)
    rows["market"] = _cold_market()
    around = rows["around"]
    for name in ("mid", "sigma_60s_bps", "reference_lots", "book_probability", "impact", "much_flow"):
        around[name] = np.nan
    around["refill"] = around["voices"] = np.nan
    around["tick_size"] = around["volatility_unit"] = 1.0
    model = np.zeros(1, MODEL)
    model["theta"] = PRIOR
    model["precision"] = FIRST_PRECISION
    return Zones(rows, model)


def forget(zones: Zones, market: int) -> None:
    """A market starts again (another tick or contract size); what was learned stays."""
    zones.markets[market] = _cold_market()
    zones.zones[market] = np.zeros((), ZONE)


def _cold_market() -> np.ndarray:
    row = np.zeros((), MARKET)
    row["first"] = NO_BUCKET
    row["next_zone"] = 1
    for name in ("highs", "lows", "swing_highs", "swing_lows", "renewed_mid", "card", "mid"):
        row[name] = np.nan
    row["floor"], row["ceiling"] = -np.inf, np.inf
    return row


NO_BUCKET = 1 << 60
"""First bucket before any is known: no trade falls into the range."""
BAR_NS = 300 * NS_PER_S
