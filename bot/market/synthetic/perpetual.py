"""The perpetual layer: index, mark, premium, funding, open interest, liquidations, accounts.

signals.md 4 and 11.2. Liquidation levels follow 4.4: of every increase of open
interest at a price some lots are liquidated where a leverage of 10, 25, 50 or
100 ends, longs below and shorts above; they are forgotten with a half-life of a day.
Only a small share is forced out that way, the rest is taken to close in time.
When the mid crosses a level its lots are bought or sold in forced market
orders that excite each other.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.draws import exponential, normal, uniform
from bot.market.synthetic.ladder import market_order, mid_of
from bot.market.synthetic.state import (
    ASK,
    BID,
    CASCADING,
    CLUSTER_TICKS,
    NONE,
    PLANT,
    STEP_S,
    TICKS,
)
from bot.market.synthetic.wire import (
    tell_accounts,
    tell_liquidation,
    tell_mark,
    tell_open_interest,
)

_S = 1_000_000_000
_PREMIUM_S, _PREMIUM = 600.0, 3e-4
_INDEX_NOISE = 3e-5
_FAIR_S = 10.0

_SHARES = np.array([0.4, 0.3, 0.2, 0.1])
_LEVERAGES = np.array([10.0, 25.0, 50.0, 100.0])
_MAINTENANCE = 0.004
_FORCED_SHARE = 0.02
_DAY_NS = 86_400.0 * _S
_BUCKETS = TICKS // CLUSTER_TICKS
_LONGS, _SHORTS = np.arange(2)

_FORCED_RATE = 1.0  # orders a second while any wait
_FORCED_BRANCHING, _FORCED_DECAY = 0.85, 1.0
_FORCED_START = 3.0  # orders a second on top, when levels are crossed
_MOST_FORCED = 64  # orders a step
_CROWD_S, _CROWD, _CROWD_LEAN = 3600.0, 0.15, 20.0


@njit
def _weight(lane: Any) -> float:
    """Lots are kept as of the market's opening, so that forgetting them needs no pass over the levels."""
    return 2.0 ** ((lane.now_ns - lane.opened_ns) / _DAY_NS)


@njit
def put_cluster(lane: Any, row: int, price: float, lots: float) -> None:
    """Lots of longs (row 0) or shorts (row 1) that are to be liquidated at a price."""
    bucket = int(price) // CLUSTER_TICKS
    if 0 <= bucket < _BUCKETS:
        lane.clusters[row, bucket] += lots * _weight(lane)


@njit
def add_clusters(lane: Any, lots: int) -> None:
    """Where positions opened now will be liquidated."""
    mid = mid_of(lane)
    for k in range(_SHARES.size):
        share = _FORCED_SHARE * _SHARES[k] * lots
        put_cluster(lane, _LONGS, mid * (1.0 - 1.0 / _LEVERAGES[k]) / (1.0 - _MAINTENANCE), share)
        put_cluster(lane, _SHORTS, mid * (1.0 + 1.0 / _LEVERAGES[k]) / (1.0 + _MAINTENANCE), share)


@njit
def cross_clusters(lane: Any) -> None:
    """Positions whose level the mid has reached since the last look wait to be closed by force."""
    bucket = int(mid_of(lane)) // CLUSTER_TICKS
    crossed = 0.0
    while lane.bucket > bucket:
        crossed -= lane.clusters[_LONGS, lane.bucket]
        lane.clusters[_LONGS, lane.bucket] = 0.0
        lane.bucket -= 1
    while lane.bucket < bucket:
        crossed += lane.clusters[_SHORTS, lane.bucket]
        lane.clusters[_SHORTS, lane.bucket] = 0.0
        lane.bucket += 1
    lots = int(crossed / _weight(lane))
    if lots == 0:
        return
    if lane.forced == 0:
        lane.excite_forced += _FORCED_START
    lane.forced += lots


@njit
def _force_one(lane: Any, t_ns: int) -> None:
    side = BID if lane.forced > 0 else ASK
    lots = min(abs(lane.forced), lane.order_lots)
    limit = np.int64(TICKS) if side > 0 else NONE
    price = lane.ask if side > 0 else lane.bid
    done = market_order(lane, t_ns, side, lots, limit)
    tell_liquidation(lane, t_ns, side, price, done)
    lane.forced -= side * lots
    lane.open_lots = max(lane.open_lots - done, 0.0)
    lane.excite_forced += _FORCED_BRANCHING
    if lane.script == CASCADING:
        lane.truth[lane.script_truth].executed += done


@njit
def force_orders(lane: Any) -> None:
    """The forced market orders of a step; venues send them in batches, here at its end."""
    at = 0.0
    for _ in range(_MOST_FORCED):
        if lane.forced == 0:
            lane.excite_forced = 0.0
            return
        most = _FORCED_RATE + lane.excite_forced
        wait = min(exponential(lane.rng, PLANT, 1.0 / most), STEP_S - at)
        lane.excite_forced *= exp(-_FORCED_DECAY * wait)
        at += wait
        if at >= STEP_S:
            return
        # The excitement decayed meanwhile: the excess is a non-event.
        if uniform(lane.rng, PLANT) * most < _FORCED_RATE + lane.excite_forced:
            _force_one(lane, lane.now_ns)


@njit
def _funding(lane: Any) -> None:
    """A second of the premium, an Ornstein-Uhlenbeck process, and of its average since the settlement."""
    decay = 1.0 / _PREMIUM_S
    lane.premium += -lane.premium * decay + _PREMIUM * sqrt(2.0 * decay) * normal(lane.rng, PLANT)
    lane.premium_sum += lane.premium
    lane.premium_n += 1
    if lane.now_ns >= lane.funding_ns:
        lane.funding_ns += lane.funding_ns_every
        lane.premium_sum, lane.premium_n = lane.premium, 1


@njit
def _index(lane: Any) -> float:
    """The efficient price without the premium and with some noise, else the mark price without it."""
    if lane.perpetual and lane.informed:
        noise = _INDEX_NOISE * normal(lane.rng, PLANT)
        return lane.value * lane.tick / (1.0 + lane.premium) * (1.0 + noise)
    return lane.fair * lane.tick / (1.0 + lane.premium)


@njit
def _accounts(lane: Any) -> None:
    """Half a minute of the long/short ratio: accounts lean against the last moves."""
    decay = 30.0 / _CROWD_S
    against = -_CROWD_LEAN * log(mid_of(lane) / lane.fair)
    shock = _CROWD * sqrt(2.0 * decay) * normal(lane.rng, PLANT)
    lane.crowd += decay * (against - lane.crowd) + shock
    tell_accounts(lane, lane.now_ns, exp(lane.crowd))


@njit
def tell_perpetual(lane: Any) -> None:
    """Mark, index and funding every second; open interest every five; accounts every thirty."""
    lane.fair += (mid_of(lane) - lane.fair) * STEP_S / _FAIR_S
    if lane.step % 10 == 0:
        _funding(lane)
        tell_mark(lane, lane.now_ns, _index(lane))
    if lane.step % 50 == 0:
        tell_open_interest(lane, lane.now_ns)
    if lane.perpetual and lane.step % 300 == 0:
        _accounts(lane)
