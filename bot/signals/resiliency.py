"""What comes back after it was taken: additions, cancellations and recovery of each side (signals.md 1.10).

Level data shows net changes only, so additions and cancellations are lower
bounds. What traded at a price beyond what was displayed there was refilled.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.signals.fade import fade
from bot.signals.features import ratio
from bot.signals.rolling import median_of, push, window_of

BAND_BPS = 10.0
TAU_S = 30.0
DROP = 0.30
DROP_POINTS = 4  # grid points of 250 ms: a second
USUAL_TAU_S = 10.0
CENSOR_S = 60.0
SHOCKS = 32  # half-lives a side the median is taken of
REPLACE_NS = 500 * NS_PER_MS
REPLACE_TICKS = 2
REPLACE_SIZE = 0.10
TICKS = 16  # neighbouring ticks whose last cancellation is remembered, a power of two

RESILIENCY = np.dtype(
    [
        # everything below is (bids, asks) and counts changes within the band only
        ("aged_ns", "<i8"),  # when the sums were last decayed
        ("added", "<f8", (2,)),  # decayed sums, lots
        ("cancelled", "<f8", (2,)),
        ("executed", "<f8", (2,)),
        ("cancels", "<f8", (2,)),  # decayed number of cancellations
        ("replaced", "<f8", (2,)),  # and of those that soon came back nearby
        # the last cancellation at a tick, at tick % TICKS
        ("cancel_ns", "<i8", (2, TICKS)),  # 0: none, or already replaced
        ("cancel_tick", "<i8", (2, TICKS)),
        ("cancel_lots", "<f8", (2, TICKS)),
        # shocks, on the 250 ms grid
        ("points", "<i8", (2,)),  # grid points seen since the last reset
        ("past_depth", "<f8", (2, DROP_POINTS)),  # of the band, a ring
        ("past_taken", "<f8", (2, DROP_POINTS)),
        ("taken", "<f8", (2,)),  # running sum of executed lots
        ("usual_depth", "<f8", (2,)),  # mean with tau 10 s
        ("shock_ns", "<i8", (2,)),  # when the shock began, 0 none
        ("shock_from", "<f8", (2,)),  # usual depth before it
        ("shock_least", "<f8", (2,)),
        ("shocks", window_of(SHOCKS), (2,)),  # half-lives, seconds
    ],
    align=True,
)

_USUAL_GAIN = 1.0 - float(np.exp(-0.25 / USUAL_TAU_S))


def new_resiliency(markets: int) -> np.ndarray:
    """(M,) RESILIENCY rows."""
    return np.zeros(markets, RESILIENCY)


@hot
def attribute_level(before, after, executed):
    """(lots added, lots cancelled), net, of one price's change from before to after with so much executed."""
    rest = after - before + executed
    return max(rest, 0.0), max(-rest, 0.0)


@hot
def age(row, now_ns):
    """Decay the sums to a time; free within one message."""
    if now_ns <= row.aged_ns:
        return
    factor = fade(now_ns - row.aged_ns, TAU_S)
    for side in range(2):
        row.added[side] *= factor
        row.cancelled[side] *= factor
        row.executed[side] *= factor
        row.cancels[side] *= factor
        row.replaced[side] *= factor
    row.aged_ns = now_ns


@hot
def on_change(row, now_ns, side, tick, before, after, executed):
    """A level in the band went from `before` to `after` lots while `executed` lots traded at its price.

    `side` is BID or ASK.
    """
    age(row, now_ns)
    added, cancelled = attribute_level(before, after, executed)
    row.executed[side] += executed
    row.taken[side] += executed
    if cancelled > 0.0:
        row.cancelled[side] += cancelled
        row.cancels[side] += 1.0
        k = tick & (TICKS - 1)
        row.cancel_ns[side, k] = now_ns
        row.cancel_tick[side, k] = tick
        row.cancel_lots[side, k] = cancelled
    elif added > 0.0:
        row.added[side] += added
        _replace(row, now_ns, side, tick, added)


@hot
def _replace(row, now_ns, side, tick, added):
    """An addition replaces one earlier cancellation of about its size at most two ticks away."""
    for near in range(tick - REPLACE_TICKS, tick + REPLACE_TICKS + 1):
        k = near & (TICKS - 1)
        if row.cancel_tick[side, k] != near or now_ns - row.cancel_ns[side, k] > REPLACE_NS:
            continue
        if abs(added - row.cancel_lots[side, k]) <= REPLACE_SIZE * row.cancel_lots[side, k]:
            row.cancel_ns[side, k] = 0
            row.replaced[side] += 1.0
            return


@hot
def on_reset(row):
    """A gap or a new snapshot: shocks and waiting cancellations are dropped, sums stay."""
    row.points[:] = 0
    row.shock_ns[:] = 0
    row.cancel_ns[:, :] = 0


@hot
def on_depth(row, side, now_ns, depth):
    """A grid point (250 ms): the band's depth of a side. Starts, follows and ends shocks.

    A shock is a fall by 30 % within a second in which something was executed;
    its half-life ends when half of what the usual depth lost is back.
    """
    point = row.points[side]
    place = point % DROP_POINTS
    fell = (
        point >= DROP_POINTS
        and depth <= (1.0 - DROP) * row.past_depth[side, place]
        and row.taken[side] > row.past_taken[side, place]
    )
    if row.shock_ns[side] == 0:
        if fell:
            row.shock_ns[side] = now_ns
            row.shock_from[side] = row.usual_depth[side]
            row.shock_least[side] = depth
    else:
        row.shock_least[side] = min(row.shock_least[side], depth)
        elapsed_s = (now_ns - row.shock_ns[side]) / NS_PER_S
        back = depth >= 0.5 * (row.shock_from[side] + row.shock_least[side])
        if back or elapsed_s >= CENSOR_S:
            push(row.shocks[side], min(elapsed_s, CENSOR_S))
            row.shock_ns[side] = 0
    row.usual_depth[side] = (
        depth if point == 0 else row.usual_depth[side] + _USUAL_GAIN * (depth - row.usual_depth[side])
    )
    row.past_depth[side, place] = depth
    row.past_taken[side, place] = row.taken[side]
    row.points[side] = point + 1


@hot
def half_life_s(row, side):
    """Median of a side's last recoveries in seconds, 60 where it took longer; nan before the first."""
    return median_of(row.shocks[side])


@hot
def refill_ratio(row, side, least_lots):
    """Lots added for each one executed; nan unless `least_lots` (the median 10 s volume) were."""
    if not row.executed[side] > 0.0 or not row.executed[side] >= least_lots:
        return np.nan
    return row.added[side] / row.executed[side]


@hot
def resilience(row, least_lots):
    """(bid refill - ask refill) / their sum, + bids come back sooner: the raw value of the `resil` card."""
    return ratio(refill_ratio(row, 0, least_lots), refill_ratio(row, 1, least_lots))


@hot
def cancel_share(row, side):
    """Cancelled lots of all that left a side; nan when nothing did."""
    gone = row.cancelled[side] + row.executed[side]
    if not gone > 0.0:
        return np.nan
    return row.cancelled[side] / gone


@hot
def replace_rate(row, side):
    """Share of a side's cancellations that came back within 500 ms nearby; nan without any."""
    if not row.cancels[side] > 1e-9:
        return np.nan
    return row.replaced[side] / row.cancels[side]
