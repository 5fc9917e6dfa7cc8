"""The micro-price (signals.md 1.5; Stoikov 2018): where the mid goes from a state of the touch.

A state is a bucket of the queue imbalance and one of the spread. Transitions
between consecutive touches are counted; every ten minutes the expected sum of
all future mid moves from each state is solved for, and old counts fade.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot
from bot.core.units import NS_PER_S

IMBALANCES = 10
SPREADS = 4
STATES = IMBALANCES * SPREADS
MOST_TICKS = 5.0
"""A longer move of the mid counts as this: a sweep is not what the touch before it foretold."""
LEAST_VISITS = 50.0
REFIT_NS = 600 * NS_PER_S
HALF_LIFE_NS = 21_600 * NS_PER_S
MOST_CARD = 2.0

MICROPRICE = np.dtype(
    [
        ("seeded", "<i8"),  # 1 once a touch is known since the last reset
        ("state", "<i8"),  # of that touch
        ("mid", "<f8"),  # ticks
        ("fitted_ns", "<i8"),  # when `table` was last solved, 0 never
        ("stayed", "<f8", (STATES, STATES)),  # faded counts of transitions without a move of the mid
        ("moved", "<f8", (STATES, STATES)),  # and with one
        ("shift", "<f8", (STATES,)),  # faded sums of the moves, ticks
        ("table", "<f8", (STATES,)),  # micro-price minus mid, ticks; nan: too few visits
    ],
    align=True,
)


def new_microprice(markets: int) -> np.ndarray:
    """(M,) MICROPRICE rows that know nothing."""
    rows = np.zeros(markets, MICROPRICE)
    rows["table"] = np.nan
    return rows


@hot
def state_of(bid_lots, ask_lots, spread_ticks, imbalances, spreads):
    """Number of a touch's state: imbalance bucket x `spreads` + spread bucket."""
    bucket = min(np.int64(math.floor(imbalances * bid_lots / (bid_lots + ask_lots))), imbalances - 1)
    return bucket * spreads + min(np.int64(spread_ticks), spreads) - 1


@hot
def count_move(stayed, moved, shift, state, following, ticks):
    """Count one transition and the move of the mid that came with it."""
    if ticks == 0.0:
        stayed[state, following] += 1.0
        return
    moved[state, following] += 1.0
    shift[state] += min(MOST_TICKS, max(-MOST_TICKS, ticks))


@hot
def on_touch(row, bid, bid_lots, ask, ask_lots):
    """The touch changed to these ticks and lots. The first one after a reset only seeds."""
    state = state_of(bid_lots, ask_lots, ask - bid, IMBALANCES, SPREADS)
    mid = 0.5 * (bid + ask)
    if row.seeded:
        count_move(row.stayed, row.moved, row.shift, row.state, state, mid - row.mid)
    row.seeded = 1
    row.state = state
    row.mid = mid


@hot
def on_reset(row):
    """A gap or a new snapshot: no transition is counted across the seam."""
    row.seeded = 0


@hot
def micro_price(row, bid, bid_lots, ask, ask_lots):
    """Micro-price of a touch in ticks; the weighted mid where the state is too little known."""
    ahead = row.table[state_of(bid_lots, ask_lots, ask - bid, IMBALANCES, SPREADS)]
    if ahead != ahead:
        return (ask * bid_lots + bid * ask_lots) / (bid_lots + ask_lots)
    return 0.5 * (bid + ask) + ahead


@hot
def micro_card(row, bid, bid_lots, ask, ask_lots):
    """(micro-price - mid) in half spreads, clipped to +-2: the raw value of the `micro` card."""
    half = 0.5 * (ask - bid)
    ahead = (micro_price(row, bid, bid_lots, ask, ask_lots) - bid) / half - 1.0
    return min(MOST_CARD, max(-MOST_CARD, ahead))


def solve(
    stayed: np.ndarray, moved: np.ndarray, shift: np.ndarray, spreads: int
) -> tuple[np.ndarray, np.ndarray]:
    """(micro-price minus mid of each state in ticks, visits of each state) from counts.

    Each transition counts a second time in the mirror (bid and ask swapped), so
    visits are those of a state and of its mirror image together. With P all
    transitions and R the mean move, G = R + P G is Stoikov's sum over all moves;
    P is stochastic, so the least-norm solution is taken, the antisymmetric one.
    """
    states = shift.size
    mirror = (np.arange(states) // spreads)[::-1] * spreads + np.arange(states) % spreads
    counts = stayed + moved
    counts = counts + counts[np.ix_(mirror, mirror)]
    visits = counts.sum(axis=1)
    seen = np.maximum(visits, np.finfo(float).tiny)
    steps = np.eye(states) - counts / seen[:, None]
    ahead = np.linalg.lstsq(steps, (shift - shift[mirror]) / seen, rcond=1e-12)[0]
    return np.where(visits > 0.0, ahead, np.nan), visits


def refit(row: np.ndarray, now_ns: int) -> bool:
    """Solve the table of one row anew and let its counts fade, when that is due; True when done."""
    if row["fitted_ns"] == 0 or now_ns < row["fitted_ns"]:
        row["fitted_ns"] = now_ns
    elapsed_ns = now_ns - int(row["fitted_ns"])
    if elapsed_ns < REFIT_NS:
        return False
    ahead, visits = solve(row["stayed"], row["moved"], row["shift"], SPREADS)
    row["table"] = np.where(visits >= LEAST_VISITS, ahead, np.nan)
    kept = 0.5 ** (elapsed_ns / HALF_LIFE_NS)
    for field in ("stayed", "moved", "shift"):
        row[field] *= kept
    row["fitted_ns"] = now_ns
    return True
