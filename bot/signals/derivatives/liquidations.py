"""Forced orders: how fast they come, and the life of a cascade (signals.md 4.3).

Some venues publish only the latest liquidation a second: what is seen is then
a lower bound, and the card's confidence is multiplied by `PARTIAL_FEED`.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.enums import Cascade
from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.signals.fade import fade
from bot.signals.features import ratio

FAST_S, SLOW_S = 10.0, 3_600.0
FLOOR_RATE = 1.0  # quote currency a second
BURST = 5.0
LEAST_SHARE = 0.05
"""Fast notional must be this share of the median traded notional of a minute: a third of ten seconds' of it.

4.3 has 0.2: forced orders alone would have to exceed all that is usually
traded meanwhile, and half of the planted cascades were over before they did
(development seeds 300 to 305).
"""
MOVED_SIGMAS = 2.0
INTEREST_DROP = -0.5  # per cent in five minutes
LEAST_CLOSED = 0.25
"""Per cent of the open interest that forced orders have closed since the burst began.

It stands for a fall of the open interest, which venues tell late and net of
what others open meanwhile; what is told of forced orders is a lower bound.
"""
SPENT = 0.3  # of the peak rate
STILL_NS = 15 * NS_PER_S
REST_NS = 60 * NS_PER_S
PARTIAL_FEED = 0.6
STRESS = -0.4
MOST_BETA = 2.0


_QUIET, _BURST = int(Cascade.QUIET), int(Cascade.BURST)
_CASCADE, _EXHAUST = int(Cascade.CASCADE), int(Cascade.EXHAUST)

LIQUIDATIONS = np.dtype(
    [
        ("aged_ns", "<i8"),  # when the sums were last decayed
        ("fast", "<f8", (2,)),  # decayed notional of forced buys and forced sells
        ("slow", "<f8", (2,)),
        ("closed", "<f8", (2,)),  # quantity of all forced buys and forced sells, in the unit of open interest
        ("last_closed", "<f8", (2,)),  # at the last emission
        ("began_closed", "<f8"),  # of the burst's side, at the emission before it
        ("state", "<i8"),  # Cascade
        ("since_ns", "<i8"),
        ("direction", "<i8"),  # +1 forced buys, -1 forced sells; 0 quiet
        ("cards", "<i8"),  # emissions in BURST
        ("peak", "<f8"),  # largest fast notional since the burst began
        ("began_mid", "<f8"),  # ticks, at the emission before the burst
        ("extreme", "<f8"),  # farthest mid in the direction since
        ("extreme_ns", "<i8"),
        ("last_mid", "<f8"),  # at the last emission
    ],
    align=True,
)


def new_liquidations(markets: int) -> np.ndarray:
    """(M,) LIQUIDATIONS rows."""
    rows = np.zeros(markets, LIQUIDATIONS)
    rows["last_mid"] = np.nan
    return rows


@hot
def age(row, now_ns):
    """Decay the sums to a time."""
    elapsed_ns = now_ns - row.aged_ns
    if elapsed_ns <= 0:
        return
    fast, slow = fade(elapsed_ns, FAST_S), fade(elapsed_ns, SLOW_S)
    for side in range(2):
        row.fast[side] *= fast
        row.slow[side] *= slow
    row.aged_ns = now_ns


@hot
def on_liquidation(row, now_ns, side, notional, quantity):
    """A forced order of `side` (+1: a short is bought in); `quantity` as open interest is counted."""
    age(row, now_ns)
    which = 0 if side > 0 else 1
    row.fast[which] += notional
    row.slow[which] += notional
    row.closed[which] += quantity
    if row.state != _QUIET:
        row.peak = max(row.peak, row.fast[0] + row.fast[1])


@hot
def burst_of(row):
    """Rate of the last seconds over that of the last hour, after `age`."""
    slow = (row.slow[0] + row.slow[1]) / SLOW_S
    return (row.fast[0] + row.fast[1]) / FAST_S / max(slow, FLOOR_RATE)


@hot
def direction_of(row):
    """(forced buys - forced sells) / their sum in the last seconds; nan without any."""
    return ratio(row.fast[0], row.fast[1])


@hot
def on_price(row, now_ns, mid):
    """A mid in ticks, at least once a second: extremes of a burst are noted."""
    if row.state != _QUIET and row.direction * (mid - row.extreme) > 0.0:
        row.extreme = mid
        row.extreme_ns = now_ns


@hot
def _enter(row, state, now_ns):
    row.state = state
    row.since_ns = now_ns
    if state == _QUIET:
        row.direction = 0


@hot
def _begin(row, now_ns, mid, direction):
    """A burst; its move is measured from the price before the emission that noticed it."""
    _enter(row, _BURST, now_ns)
    row.direction = direction
    row.cards = 1
    row.peak = row.fast[0] + row.fast[1]
    row.began_closed = row.last_closed[0 if direction > 0 else 1]
    row.began_mid = row.last_mid if row.last_mid == row.last_mid else mid
    row.extreme = mid
    row.extreme_ns = now_ns


@rare
def on_card(row, now_ns, mid, minute_notional, sigma_60s_bps, interest, interest_percent, thin):
    """Every emission: one step of the life cycle.

    `minute_notional` is the median traded notional of a minute, `interest` the
    last open interest, `interest_percent` its change in five minutes (nan
    unknown), `thin` +1 with a thin ask side, -1 with a thin bid side. An
    unusable mid (nan) changes nothing.
    """
    age(row, now_ns)
    if mid != mid:
        return
    on_price(row, now_ns, mid)
    fast = row.fast[0] + row.fast[1]
    strong = fast > 0.0 and burst_of(row) >= BURST and fast >= LEAST_SHARE * minute_notional
    towards = 1 if row.fast[0] >= row.fast[1] else -1
    spent = fast <= SPENT * row.peak
    if strong and towards != row.direction:
        # also from quiet: a wave the other way ends what there was
        _begin(row, now_ns, mid, towards)
    elif row.state == _BURST:
        row.cards += 1
        moved = row.direction * 1e4 * (mid / row.began_mid - 1.0)
        closed = 100.0 * (row.closed[0 if row.direction > 0 else 1] - row.began_closed) / interest
        driven = interest_percent <= INTEREST_DROP or closed >= LEAST_CLOSED or thin == row.direction
        if spent:
            _enter(row, _QUIET, now_ns)
        elif row.cards >= 2 and driven and moved >= MOVED_SIGMAS * sigma_60s_bps:
            _enter(row, _CASCADE, now_ns)
    elif row.state == _CASCADE:
        if spent and now_ns - row.extreme_ns >= STILL_NS:
            _enter(row, _EXHAUST, now_ns)
    elif row.state == _EXHAUST:
        if strong and row.extreme_ns > row.since_ns:
            # a second wave to a new extreme: what looked exhausted was not
            _enter(row, _CASCADE, now_ns)
        elif now_ns - row.since_ns >= REST_NS:
            _enter(row, _QUIET, now_ns)
    row.last_mid = mid
    for side in range(2):
        row.last_closed[side] = row.closed[side]


@hot
def liquidation_score(row):
    """With a burst or cascade, half against its direction once exhausted, else 0: the `liq` card."""
    if row.state == _QUIET:
        return 0.0
    if row.state == _EXHAUST:
        return -0.5 * row.direction
    towards = direction_of(row)
    if towards != towards:
        return 0.0
    return towards * math.tanh(0.5 * math.log(max(1.0, burst_of(row))))


@hot
def forbids(row, side):
    """Whether a cascade forbids fading it: entering against its direction."""
    return row.state == _CASCADE and side == -row.direction


@hot
def stress_shift(bitcoin, beta):
    """Shift of another symbol's logit(p) in a sell cascade of bitcoin: -0.4 x beta up to 2, else 0.

    New longs elsewhere are then forbidden too (`forbids(bitcoin, +1)`); there is no bonus for shorts.
    """
    if bitcoin.state != _CASCADE or bitcoin.direction >= 0:
        return 0.0
    return STRESS * min(MOST_BETA, max(0.0, beta))
