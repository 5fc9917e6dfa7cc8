"""Open interest against price (signals.md 4.2): who is entering and who is leaving.

Sampled at whole minutes; changes over five minutes and one hour are judged by
their own last day.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.signals.derivatives.scores import quadrant
from bot.signals.robust import robust_z
from bot.signals.rolling import push, window_of

SPANS = (5, 60)  # minutes
MINUTES = 64  # kept
DAY = 1_440
LEAST_SAMPLES = 60
STALE_NS = 300 * NS_PER_S
"""An older figure is not sampled."""
POLLED_S = 5.0
AGE_TAU_S = 60.0
INTEREST_FLOOR = 0.02  # per cent
PRICE_FLOOR_BPS = 1.0

OPEN_INTEREST = np.dtype(
    [
        ("interest", "<f8"),  # the last figure, nan unknown
        ("noted_ns", "<i8"),
        ("minute", "<i8"),  # the last whole minute sampled
        ("interests", "<f8", (MINUTES,)),  # minute m at m % MINUTES, nan unknown
        ("mids", "<f8", (MINUTES,)),  # ticks
        ("change", "<f8", (2,)),  # per cent over each span, nan unknown
        ("change_z", "<f8", (2,)),
        ("move_z", "<f8", (2,)),
        ("changes", window_of(DAY), (2,)),  # over each span, one a minute
        ("moves", window_of(DAY), (2,)),  # of the price, bps
    ],
    align=True,
)


def new_interest(markets: int) -> np.ndarray:
    """(M,) OPEN_INTEREST rows."""
    rows = np.zeros(markets, OPEN_INTEREST)
    for field in ("interest", "interests", "mids", "change", "change_z", "move_z"):
        rows[field] = np.nan
    return rows


@hot
def on_interest(row, now_ns, interest):
    """A figure of the venue, in any fixed unit."""
    row.interest = interest
    row.noted_ns = now_ns


@rare
def on_minute(row, now_ns, mid):
    """The first call in a whole minute samples it, with the mid in ticks (nan: unusable)."""
    minute = now_ns // (60 * NS_PER_S)
    if minute <= row.minute:
        return
    for missed in range(max(row.minute + 1, minute - MINUTES + 1), minute):
        row.interests[missed % MINUTES] = np.nan
        row.mids[missed % MINUTES] = np.nan
    row.minute = minute
    row.interests[minute % MINUTES] = row.interest if now_ns - row.noted_ns <= STALE_NS else np.nan
    row.mids[minute % MINUTES] = mid
    for k in range(2):
        _span(row, minute, k)


@hot
def _span(row, minute, k):
    at, before = minute % MINUTES, (minute - SPANS[k]) % MINUTES
    change = 100.0 * (row.interests[at] / row.interests[before] - 1.0)
    move = 1e4 * math.log(row.mids[at] / row.mids[before])
    row.change[k] = change if math.isfinite(change) else np.nan
    row.change_z[k] = _judge(row.changes[k], change, INTEREST_FLOOR)
    row.move_z[k] = _judge(row.moves[k], move, PRICE_FLOOR_BPS)


@hot
def latest_change(row, now_ns, k):
    """Per cent from the sample a span before the last whole minute to the last figure; nan unknown.

    What has to be known at once cannot wait for the minute.
    """
    if now_ns - row.noted_ns > STALE_NS:
        return np.nan
    change = 100.0 * (row.interest / row.interests[(row.minute - SPANS[k]) % MINUTES] - 1.0)
    return change if math.isfinite(change) else np.nan


@hot
def _judge(window, value, floor):
    """z of a value among earlier ones, which it then joins."""
    z = np.nan
    if not math.isfinite(value):
        return z
    if window.count >= LEAST_SAMPLES:
        z = robust_z(window, value, floor)
    push(window, value)
    return z


@hot
def interest_score(row, span):
    """Quadrant score over five minutes (span 0) or an hour (1); nan while a z is unknown."""
    if row.change_z[span] != row.change_z[span] or row.move_z[span] != row.move_z[span]:
        return np.nan
    return quadrant(row.move_z[span], row.change_z[span])


@hot
def freshness(row, now_ns):
    """Confidence factor of the figure's age; 0 before the first."""
    if row.interest != row.interest:
        return 0.0
    return math.exp(-max(0.0, (now_ns - row.noted_ns) / NS_PER_S - POLLED_S) / AGE_TAU_S)
