"""What each card measures: one line a card of the registry.

Levels are sampled at every emission and averaged over each window, weighted
by time; flows are ratios of decayed sums. nan: the card sleeps.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot
from bot.core.units import NS_PER_S
from bot.market.book import BID, best_tick
from bot.market.heads import OK
from bot.signals.decay import TAUS_S, decay_factors, hold, mean_of
from bot.signals.features import (
    band_imbalance,
    bucketed_queue_imbalance,
    decay_imbalance,
    mid_of,
    ratio,
    weighted_mid,
)
from bot.signals.flow import age_quotes, age_trades
from bot.signals.registry import LEVEL_CARDS, MICRO, OB_DEEP, OB_NEAR, OFI, QUEUE, TFI, THIN, WALL, WINDOWS
from bot.signals.walls import wall_pressure

NEAR_KAPPA_BPS = 5.0
DEEP_BPS = 50.0
QUEUE_BUCKET_BPS = 0.5
QUIET_TAUS = 5.0  # without a trade for this many taus the trade imbalance is unknown, not 0


@hot
def sample_level(sig, books, heads, market, card):
    """The present value of a level card."""
    head = heads[market]
    if head.status != OK or not head.synced:
        return np.nan
    unit = sig.grid[market].volatility_unit
    if card == OB_NEAR:
        kappa = NEAR_KAPPA_BPS * unit
        return decay_imbalance(books, market, kappa, 5.0 * kappa, sig.scratch[0])
    if card == OB_DEEP:
        return band_imbalance(books, market, DEEP_BPS * unit)
    if card == QUEUE:
        return bucketed_queue_imbalance(books, market, QUEUE_BUCKET_BPS * unit)
    if card == MICRO:
        mid = mid_of(books, market)
        half = mid - best_tick(books, market, BID)
        return min(2.0, max(-2.0, (weighted_mid(books, market) - mid) / half))
    if card == THIN:
        return sig.grid[market].thin_ratio if sig.grid[market].thin_seeded else np.nan
    if card == WALL:
        return wall_pressure(sig, market)
    return np.nan


@hot
def flow_imbalance(sig, market, horizon):
    """1.6: decayed order-flow imbalance over the mean touch depth of the same horizon."""
    row = sig.flow[market]
    if not row.quotes[horizon] > 1e-9 or not row.depth[horizon] > 0.0:
        return np.nan
    return row.ofi[horizon] / (row.depth[horizon] / row.quotes[horizon])


@hot
def trade_imbalance(sig, heads, market, horizon, now_ns):
    """3.1: decayed (bought - sold) / (bought + sold); nan after 5 taus without a trade."""
    last_ns = heads[market].trade_ns
    if last_ns == 0 or now_ns - last_ns > QUIET_TAUS * TAUS_S[horizon] * NS_PER_S:
        return np.nan
    return ratio(sig.flow[market].bought[horizon], sig.flow[market].sold[horizon])


@hot
def measure(sig, books, heads, market, now_ns):
    """Fill sig.raw of a market for an emission."""
    age_quotes(sig.flow[market], now_ns)
    age_trades(sig.flow[market], now_ns)
    factors = decay_factors(now_ns - sig.grid[market].emitted_ns)
    for card in range(LEVEL_CARDS):
        level = sig.levels[market, card]
        level.value = sample_level(sig, books, heads, market, card)
        _hold_level(sig.levels, sig.raw, market, card, 0, factors[1])
        _hold_level(sig.levels, sig.raw, market, card, 1, factors[2])
        _hold_level(sig.levels, sig.raw, market, card, 2, factors[3])
    usable = heads[market].status == OK and heads[market].synced != 0
    for w in range(WINDOWS):
        sig.raw[market, OFI, w] = flow_imbalance(sig, market, w + 1) if usable else np.nan
        sig.raw[market, TFI, w] = trade_imbalance(sig, heads, market, w + 1, now_ns)


@hot
def _hold_level(levels, raw, market, card, w, factor):
    level = levels[market, card]
    level.numerator[w], level.weight[w] = hold(level.numerator[w], level.weight[w], level.value, factor)
    # a sleeping level does not speak from memory
    awake = level.value == level.value
    raw[market, card, w] = mean_of(level.numerator[w], level.weight[w]) if awake else np.nan
