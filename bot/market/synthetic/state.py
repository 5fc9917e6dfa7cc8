"""The state of the synthetic markets: one structured array, a row a market, so a copy of it is a checkpoint.

Constants here are frozen into kernels; naming `bot.core.jit` puts this file
into the hash that their compile cache is named after.

Ladders are indexed by the price in ticks and signed: > 0 lots bid, < 0 lots asked.
"""

from __future__ import annotations

import numpy as np

from bot.market.events import EVENT

STEP_NS = 100_000_000
"""One step, and one book message, every 100 ms of market time."""
STEP_S = 0.1
TICKS = 1 << 16
"""Length of a ladder; prices stay inside."""
EDGE = 1024
"""A touch nearer than this to an end of the ladder stops the market."""
FAR = 300
"""Levels kept filled on each side of the touch."""
FAR_ORDERS = 2
"""Mean orders on a level that the flow has not reached yet."""
MAX_EVENTS = 2048
"""Book events a step; a hundred times what the liveliest market has."""
MAX_SWEPT = 64
"""Levels one market order may walk."""
MAX_WALLS = 24
MAX_REFILLS = 128
MAX_TRUTHS = 4096
"""Truth records kept for a symbol, the newest: about two days."""
ROOM = 16_384
"""Rows a step may need; a step starts only with this much room."""
MAX_ROWS = 2 * ROOM

# Constants that are passed to kernels are numpy integers: numba would compile
# a kernel anew for every plain literal it is called with.
NONE, BID, ASK = np.array([0, 1, -1])
"""Sides."""

FLOW, LATENCY, PLANT, FAULT = np.array([0, 1, 2, 3])
"""Random streams."""

GENUINE, SPOOF, THIN, SWEEP, CASCADE, EXHAUSTION, CROSS_LAG, REGIME = np.arange(1, 9)
"""Types of planted phenomena."""

GAP, DUPLICATE, OUT_OF_ORDER, CROSSED, STALE = np.arange(9, 14)
"""Types of planted faults."""

OPEN, CONSUMED, PULLED, EXPIRED, BURST, QUIET, SWEPT, SPENT, ABSORBED, CHANGED, OVER = np.arange(11)
"""Outcomes of planted phenomena and faults."""

IDLE, THINNING, BURSTING, APPROACH, HOVER, TURN, BREAK, CASCADING, DRIVING, ABSORBING = np.arange(10)
"""Scripts. One market plays one at a time, so that no two pull its price apart."""

IN_FLOW, IN_DEPTH, NOWHERE = np.arange(3)
"""Regimes: what shows where the efficient price is."""

EQUAL, EXPONENTIAL, GEOMETRIC = np.arange(3)
"""Sizes of orders."""

TRAIL = 512
"""Steps of the efficient price that a leading venue keeps for those that follow it."""
CLUSTER_TICKS = 8
"""Width of a bucket of liquidation levels."""
VALUE_EVERY_NS = 10_000_000_000
MAX_VALUES = 8640
"""Samples of the efficient price kept for a market: a day."""

WALL = np.dtype(
    [
        ("type", "<i8"),  # 0: a free slot
        ("side", "<i8"),  # +1 bid wall
        ("price", "<i8"),
        ("size", "<i8"),  # lots shown when full
        ("reserve", "<i8"),
        ("executed", "<i8"),
        ("noticed", "<i8"),  # executed when the last hover ended
        ("end_ns", "<i8"),
        ("group", "<i8"),  # number of the first of a layered set
        ("truth", "<i8"),  # slot
        ("decided", "<i8"),  # a spoof decides once whether to pull
        ("touched_mid", "<f8"),  # mid when a tenth had been executed; 0 before
    ],
    align=True,
)

REFILL = np.dtype([("due_ns", "<i8"), ("price", "<i8"), ("side", "<i8"), ("lots", "<i8")], align=True)

TRUTH = np.dtype(
    [
        ("number", "<i8"),
        ("type", "<i8"),  # 0: nothing here yet
        ("t0_ns", "<i8"),
        ("t1_ns", "<i8"),  # 0 while it lasts
        ("price", "<i8"),
        ("side", "<i8"),
        ("outcome", "<i8"),
        ("lots", "<i8"),  # walls: shown size; sweeps and cascades: executed
        ("reserve", "<i8"),
        ("executed", "<i8"),
        ("group", "<i8"),  # number of the first wall of a layered set
        ("touched_ns", "<i8"),  # walls: a tenth executed; else: the second stage begins; 0 never
        ("scripted", "<i8"),  # the price is led to the wall
        ("move_bps", "<f8"),  # walls: largest bounce; else: move of the mid towards `side`
        ("before", "<f8"),  # cross lag: lag before, ms
        ("after", "<f8"),  # cross lag: lag from now on, ms; regime: which
    ],
    align=True,
)

VALUE = np.dtype([("t_ns", "<i8"), ("ticks", "<f8")], align=True)
"""The efficient price at a time."""

_PARAMS = [
    ("order_lots", "<i8"),
    ("activity", "<f8"),
    ("tick", "<f8"),
    ("lot", "<f8"),
    ("bbo", "<i8"),
    ("sizes", "<i8"),
    ("informed", "<i8"),  # 0: no efficient price
    ("value_bps", "<f8"),  # of the efficient price, per square root of a second
    ("queue_reactive", "<i8"),
    ("regimes", "<i8"),
    ("perpetual", "<i8"),  # 1: positions are liquidated; accounts are counted
    ("funding_ns_every", "<i8"),
    ("oracle", "<i8"),  # 1: samples of the efficient price are kept
    ("leader", "<i8"),  # market index of the symbol's first venue, its own there
    ("follow", "<i8"),  # 1: quotes keep to the efficient price
    ("lag_ns", "<i8"),  # how late the efficient price is known here
    ("later_lag_ns", "<i8"),
    ("lag_change_ns", "<i8"),  # when it becomes later_lag_ns
    ("basis_bps", "<f8"),  # standard deviation of the distance to the leader
    ("faulty", "<i8"),
    ("gap_per_h", "<f8"),
    ("duplicate_per_h", "<f8"),
    ("out_of_order_per_h", "<f8"),
    ("crossed_per_h", "<f8"),
    ("stale_per_h", "<f8"),
    ("excite_self", "<f8"),
    ("excite_cross", "<f8"),
    ("genuine_per_h", "<f8"),
    ("spoof_per_h", "<f8"),
    ("thin_per_h", "<f8"),
    ("sweep_per_h", "<f8"),
    ("cascade_per_h", "<f8"),
    ("exhaustion_per_h", "<f8"),
    ("approach", "<f8"),
    ("react", "<i8"),
    ("turn", "<f8"),
    ("pull", "<f8"),
    ("pull_bps", "<f8"),
    ("layered", "<f8"),
    ("genuine_life_s", "<f8"),
    ("spoof_life_s", "<f8"),
    ("burst", "<f8"),
    ("burst_push_low", "<f8"),
    ("burst_push_high", "<f8"),
    ("burst_least_s", "<f8"),
    ("burst_mean_s", "<f8"),
    ("thin_from", "<i8"),
    ("common_seed", "<u8"),
    ("anchor", "<f8"),  # where the efficient price slowly returns to, ticks
    ("market", "<i8"),
    ("clock_offset_ns", "<i8"),  # the venue's clock minus true time
]

_STATE = [
    ("rng", "<u8", (4,)),
    ("opened_ns", "<i8"),  # true time of the first step's beginning
    ("now_ns", "<i8"),  # true time of the last finished step
    ("step", "<i8"),
    ("recv_ns", "<i8"),  # of the last row
    ("bid", "<i8"),
    ("ask", "<i8"),
    ("low", "<i8"),  # lowest filled bid level
    ("high", "<i8"),  # highest filled ask level
    ("update_id", "<i8"),
    ("trade_id", "<i8"),
    ("bbo_bid", "<i8"),
    ("bbo_ask", "<i8"),
    ("bbo_bid_lots", "<i8"),
    ("bbo_ask_lots", "<i8"),
    ("value", "<f8"),  # efficient price, ticks
    ("basis", "<f8"),  # distance to the leader's, ticks
    ("regime", "<i8"),
    ("regime_truth", "<i8"),  # slot
    ("depth", "<f8"),  # factor on limit orders: makers withdraw in a cascade
    ("excite_buy", "<f8"),
    ("excite_sell", "<f8"),
    ("fair", "<f8"),  # slow mid, ticks; what the mark price shows
    ("premium", "<f8"),  # of the mark over the index, a fraction
    ("premium_sum", "<f8"),
    ("premium_n", "<i8"),
    ("funding_ns", "<i8"),
    ("open_lots", "<f8"),  # open interest
    ("forced", "<i8"),  # lots that wait to be liquidated: > 0 bought, < 0 sold
    ("excite_forced", "<f8"),
    ("crowd", "<f8"),  # logarithm of the ratio of long to short accounts
    ("bucket", "<i8"),  # of the mid when liquidation levels were last looked at
    ("script", "<i8"),
    ("script_side", "<i8"),  # where the script pushes the price
    ("script_ns", "<i8"),  # when it enters its next stage
    ("script_end_ns", "<i8"),
    ("script_wall", "<i8"),  # slot
    ("script_truth", "<i8"),  # slot
    ("script_mid", "<f8"),  # mid when it began, ticks
    ("thin_side", "<i8"),  # +1 asks thin, -1 bids thin
    ("push", "<f8"),  # factor on market orders towards script_side
    ("thin_due_ns", "<i8"),
    ("sweep_due_ns", "<i8"),
    ("wall_due_ns", "<i8"),
    ("cascade_due_ns", "<i8"),
    ("exhaustion_due_ns", "<i8"),
    ("absorb_price", "<i8"),
    ("fault_due_ns", "<i8", (5,)),
    ("lost_until_ns", "<i8"),  # book messages are lost until then, 0: none are
    ("silent_until_ns", "<i8"),  # nothing is told until then
    ("gap_truth", "<i8"),  # slot
    ("stale_truth", "<i8"),  # slot
    ("crossed_price", "<i8"),  # of the bid that a book message has just shown wrongly, 0 none
    ("stamp_back_ns", "<i8"),  # how far the next message's exchange stamp is set back
    ("n_changed", "<i8"),
    ("n_rows", "<i8"),
    ("n_truths", "<i8"),
    ("n_values", "<i8"),
]

_ARRAYS = [
    ("resting", "<i8", (TICKS,)),
    ("walls", "<i8", (TICKS,)),
    ("shown", "<i8", (TICKS,)),  # what the last book message said
    ("marked", "u1", (TICKS,)),  # levels in `changed`
    ("changed", "<i8", (TICKS,)),
    ("planted", WALL, (MAX_WALLS,)),
    ("refills", REFILL, (MAX_REFILLS,)),
    ("truth", TRUTH, (MAX_TRUTHS,)),
    ("trail", "<f8", (TRAIL,)),  # efficient price after each step
    ("clusters", "<f8", (2, TICKS // CLUSTER_TICKS)),  # lots of longs, shorts to be liquidated there
    ("values", VALUE, (MAX_VALUES,)),
    ("out", EVENT, (MAX_ROWS,)),
]

LANE = np.dtype(_PARAMS + _STATE + _ARRAYS, align=True)
"""Everything the kernels of one market read and write."""
