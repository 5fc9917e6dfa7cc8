"""What each card measures: one line a card of the registry.

Levels are sampled at every emission and averaged over each window, weighted
by time; flows are ratios of decayed sums. nan: the card sleeps. What the
inputs of a card take from its confidence goes into `Signals.factors`.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.market.book import ASK, BID, best_lots, best_tick
from bot.market.heads import OK
from bot.signals import impact, intensity, microprice, multilevel, resiliency
from bot.signals.cross import consolidated, divergence, lead_lag
from bot.signals.decay import TAUS_S, decay_factors, hold, mean_of
from bot.signals.derivatives import clusters, crowd, interest, liquidations, premium
from bot.signals.features import (
    band_imbalance,
    bucketed_queue_imbalance,
    decay_imbalance,
    mid_of,
    ratio,
    slope_imbalance,
    spread_bps,
)
from bot.signals.flow import age_quotes, age_trades
from bot.signals.grid import horizon_sigma_bps, sigma_1s_bps
from bot.signals.inputs import index_ticks, notional
from bot.signals.known import DIVERGENCE_ROW, IMPACT_ROW, INTEREST_ROW, PREMIUM_ROW
from bot.signals.listings import PEERS
from bot.signals.reach import reach_asymmetry
from bot.signals.registry import (
    ABSORB,
    BASIS,
    FUNDING,
    INTENSITY,
    LEVEL_CARDS,
    LIQ,
    LSR,
    MICRO,
    OB_DEEP,
    OB_NEAR,
    OFI_INT,
    OI,
    QUEUE,
    REACH,
    RESIL,
    SLOPE,
    TFI,
    THIN,
    TRAP,
    WALL,
    WINDOWS,
    XV_DIV,
    XV_IMB,
    XV_LEAD,
    ZONE,
)
from bot.signals.rolling import median_of
from bot.signals.state import MINUTE_LOTS, SPREAD
from bot.signals.walls import trap_pressure, wall_pressure
from bot.signals.zones.renewal import card_value

NEAR_KAPPA_BPS = 5.0
DEEP_BPS = 50.0
QUEUE_BUCKET_BPS = 0.5
SLOPE_BPS = 25.0
QUIET_TAUS = 5.0  # without a trade for this many taus the trade imbalance is unknown, not 0
REACH_TIMES = 1  # the place of 3 x the usual volume among reach.MULTIPLES
SPREAD_SCALE = 1.4826
MAX_AGE_NS = 15 * NS_PER_S
CLUSTERS_NS = 60 * NS_PER_S


@hot
def is_usable(head, now_ns):
    """A whole, uncrossed, synchronised book that was renewed in the last 15 s."""
    return head.status == OK and head.synced != 0 and now_ns - head.commit_ns <= MAX_AGE_NS


@rare
def sample_book(sig, books, heads, market, values):
    """Cards of the book and of walls, zones and aggression: a usable book is given."""
    grid, known = sig.grid[market], sig.known[market]
    unit = grid.volatility_unit
    kappa = NEAR_KAPPA_BPS * unit
    values[OB_NEAR] = decay_imbalance(books, market, kappa, 5.0 * kappa, sig.scratch[0])
    values[OB_DEEP] = band_imbalance(books, market, DEEP_BPS * unit)
    values[QUEUE] = bucketed_queue_imbalance(books, market, QUEUE_BUCKET_BPS * unit)
    values[MICRO] = microprice.micro_card(
        known.microprice,
        best_tick(books, market, BID),
        best_lots(books, market, BID),
        best_tick(books, market, ASK),
        best_lots(books, market, ASK),
    )
    values[THIN] = grid.thin_ratio if grid.thin_seeded else np.nan
    values[REACH] = reach_asymmetry(known.reach_up[REACH_TIMES], known.reach_down[REACH_TIMES])
    values[SLOPE] = slope_imbalance(books, market, SLOPE_BPS * unit)
    values[WALL] = wall_pressure(sig, market)
    values[TRAP] = trap_pressure(sig, market)
    values[ZONE] = card_value(sig.zones.markets[market])


@rare
def sample_flow(sig, books, heads, market, now_ns, mid, values):
    """Cards of what traded and what came back."""
    known = sig.known[market]
    resiliency.age(known.resiliency, now_ns)
    values[RESIL] = resiliency.resilience(known.resiliency, median_of(sig.bands, market, MINUTE_LOTS) / 6.0)
    intensity.age(known.intensity, now_ns)
    values[INTENSITY] = intensity.imbalance(known.intensity, intensity.CARD_BANK, now_ns)
    impact.close_bin(known.impact, sig.windows, market, IMPACT_ROW, mid)
    values[ABSORB] = known.impact.absorbed


@rare
def sample_derivatives(sig, books, heads, market, now_ns, mid, values):
    """Cards of funding, basis, open interest, forced orders and the crowd."""
    known, head, factors = sig.known[market], heads[market], sig.factors[market]
    windows = sig.windows
    interest.on_minute(known.interest, windows, market, INTEREST_ROW, now_ns, mid)
    values[OI] = interest.interest_score(known.interest, np.int64(0))
    factors[OI] = interest.freshness(known.interest, now_ns)
    row = known.premium
    values[FUNDING] = premium.funding_score(row, windows, market, PREMIUM_ROW, known.interest.change[1] > 0.0)
    premium.on_basis(
        row, windows, market, PREMIUM_ROW, now_ns, premium.basis_bps(books, market, index_ticks(head))
    )
    values[BASIS] = premium.basis_score(row)
    minute = notional(head, mid, median_of(sig.bands, market, MINUTE_LOTS))
    liquidations.on_card(
        known.liquidations,
        now_ns,
        mid,
        minute,
        horizon_sigma_bps(sig, market, 0),
        known.interest.change[0],
        sig.grid[market].thin,
    )
    # before the first forced order nothing says that they are told at all
    values[LIQ] = (
        liquidations.liquidation_score(known.liquidations) if known.liquidations.aged_ns > 0 else np.nan
    )
    factors[LIQ] = liquidations.PARTIAL_FEED if sig.listings[market].partial else 1.0
    values[LSR] = crowd.crowd_score(known.crowd)
    factors[LSR] = crowd.freshness(known.crowd, now_ns)
    if now_ns - known.clusters.aged_ns >= CLUSTERS_NS:
        clusters.age(known.clusters, now_ns)


@rare
def sample_venues(sig, books, heads, market, now_ns, values):
    """Cards across the venues of a symbol; they sleep where there is one venue only."""
    values[XV_IMB] = values[XV_LEAD] = values[XV_DIV] = np.nan
    listing = sig.listings[market]
    if listing.peers == 0:
        return
    unit = sig.grid[market].volatility_unit
    bids, asks, mids = sig.scratch[0, : PEERS + 1], sig.scratch[1, : PEERS + 1], sig.scratch[2, : PEERS + 1]
    shares, ages = sig.scratch[3, : PEERS + 1], sig.scratch[4, : PEERS + 1]
    shares[:] = 0.0
    mids[:] = np.nan
    for k in range(listing.peers + 1):
        other = market if k == 0 else listing.peer[k - 1]
        head = heads[other]
        bids[k] = consolidated.band_notional(books, heads, other, BID, consolidated.BAND_BPS * unit)
        asks[k] = consolidated.band_notional(books, heads, other, ASK, consolidated.BAND_BPS * unit)
        ages[k] = max(0, now_ns - head.commit_ns) / NS_PER_S
        mid = mid_of(books, other) if is_usable(head, now_ns) else np.nan
        mids[k] = mid * head.tick_size
        shares[k] = notional(head, mid, sig.flow[other].traded) if mid == mid else 0.0
    values[XV_IMB], disagreement = consolidated.consolidate(bids, asks, shares, ages)
    factors = sig.factors[market]
    factors[XV_IMB] = consolidated.agreement_factor(disagreement) if disagreement == disagreement else 0.0
    row = sig.known[market].divergence
    others, apart = divergence.consensus(mids, shares, np.int64(0))
    divergence.on_mids(row, sig.windows, market, DIVERGENCE_ROW, now_ns, mids[0], others, apart)
    values[XV_DIV] = divergence.divergence_score(row)
    factors[XV_DIV] = divergence.confidence_factor(row)
    best = 0.0
    sigma = sigma_1s_bps(sig, market)
    for k in range(listing.peers):
        pair = sig.pairs[listing.pair[k]]
        lead_lag.advance(pair, now_ns)
        lead_lag.select(pair, now_ns)
        score = lead_lag.lead_score(pair, listing.place[k], sigma)
        if score == score and abs(pair.correlation) > best:
            best = abs(pair.correlation)
            values[XV_LEAD] = score


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
def spread_factor(sig, books, market):
    """1.11: what a spread wider than usual takes from the confidence of the book's cards."""
    usual = median_of(sig.bands, market, SPREAD)
    if not usual > 0.0:
        return 1.0
    # the spread's own scale is not kept: half its median stands for it
    z = (spread_bps(books, market) - usual) / (SPREAD_SCALE * 0.5 * usual)
    return 1.0 / (1.0 + max(0.0, z - 1.0) / 2.0)


@rare
def measure(sig, books, heads, market, now_ns):
    """Fill sig.raw and sig.factors of a market for an emission."""
    age_quotes(sig.flow[market], now_ns)
    age_trades(sig.flow[market], now_ns)
    usable = is_usable(heads[market], now_ns)
    mid = mid_of(books, market) if usable else np.nan
    values = sig.values
    values[:] = np.nan
    sample_flow(sig, books, heads, market, now_ns, mid, values)
    sample_derivatives(sig, books, heads, market, now_ns, mid, values)
    sample_venues(sig, books, heads, market, now_ns, values)
    multi = sig.known[market].multilevel
    multilevel.age(multi, now_ns)
    multilevel.close_bin(multi)
    multilevel.refit(multi, now_ns)
    if usable:
        sample_book(sig, books, heads, market, values)
        factor = spread_factor(sig, books, market)
        for card in range(RESIL + 1):
            sig.factors[market, card] = factor
        sig.factors[market, OFI_INT] = factor
    else:
        values[:] = np.nan
    factors = decay_factors(now_ns - sig.grid[market].emitted_ns)
    for card in range(LEVEL_CARDS):
        level = sig.levels[market, card]
        level.value = values[card] if math.isfinite(values[card]) else np.nan
        _hold_level(sig.levels, sig.raw, market, card, 0, factors[1])
        _hold_level(sig.levels, sig.raw, market, card, 1, factors[2])
        _hold_level(sig.levels, sig.raw, market, card, 2, factors[3])
    for w in range(WINDOWS):
        sig.raw[market, OFI_INT, w] = multilevel.integrated_flow(multi, w + 1) if usable else np.nan
        sig.raw[market, TFI, w] = trade_imbalance(sig, heads, market, w + 1, now_ns) if usable else np.nan


@hot
def _hold_level(levels, raw, market, card, w, factor):
    level = levels[market, card]
    level.numerator[w], level.weight[w] = hold(level.numerator[w], level.weight[w], level.value, factor)
    # a sleeping level does not speak from memory
    awake = level.value == level.value
    raw[market, card, w] = mean_of(level.numerator[w], level.weight[w]) if awake else np.nan
