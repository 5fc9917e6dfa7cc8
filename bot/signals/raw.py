"""What each card measures: one line a card of the registry.

Levels are sampled at every emission and averaged over each window, weighted
by time; flows are ratios of decayed sums. nan: the card sleeps. What the
inputs of a card take from its confidence goes into `factors` of the market's record.
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
from bot.signals.robust import robust_z
from bot.signals.rolling import median_of
from bot.signals.state import SPREAD
from bot.signals.walls import trap_pressure, wall_pressure
from bot.signals.zones.renewal import card_value

NEAR_KAPPA_BPS = 5.0
DEEP_BPS = 50.0
QUEUE_BUCKET_BPS = 0.5
SLOPE_BPS = 25.0
QUIET_TAUS = 5.0  # without a trade for this many taus the trade imbalance is unknown, not 0
REACH_TIMES = 1  # the place of 3 x the usual volume among reach.MULTIPLES
SPREAD_FLOOR_BPS = 0.25  # a spread of one tick all the time has no scale of its own
MAX_AGE_NS = 15 * NS_PER_S
CLUSTERS_NS = 60 * NS_PER_S


@hot
def is_usable(head, now_ns):
    """A whole, uncrossed, synchronised book that was renewed in the last 15 s."""
    return head.status == OK and head.synced != 0 and now_ns - head.commit_ns <= MAX_AGE_NS


@rare
def sample_book(sig, zoned, books, market, values):
    """Cards of the book and of walls, zones and aggression: a usable book is given."""
    grid, known = sig.grid, sig.known
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
    values[WALL] = wall_pressure(sig)
    values[TRAP] = trap_pressure(sig)
    values[ZONE] = card_value(zoned.market)


@rare
def sample_flow(sig, now_ns, mid, values):
    """Cards of what traded and what came back."""
    known = sig.known
    resiliency.age(known.resiliency, now_ns)
    values[RESIL] = resiliency.resilience(known.resiliency, median_of(sig.minute_lots) / 6.0)
    intensity.age(known.intensity, now_ns)
    values[INTENSITY] = intensity.imbalance(known.intensity, intensity.CARD_BANK, now_ns)
    impact.close_bin(known.impact, mid)
    values[ABSORB] = known.impact.absorbed


@rare
def sample_derivatives(sig, books, head, market, now_ns, mid, values):
    """Cards of funding, basis, open interest, forced orders and the crowd."""
    known, factors = sig.known, sig.factors
    interest.on_minute(known.interest, now_ns, mid)
    values[OI] = interest.interest_score(known.interest, np.int64(0))
    factors[OI] = interest.freshness(known.interest, now_ns)
    row = known.premium
    values[FUNDING] = premium.funding_score(row, known.interest.change[1] > 0.0)
    premium.on_basis(row, now_ns, premium.basis_bps(books, market, index_ticks(head)))
    values[BASIS] = premium.basis_score(row)
    minute = notional(head, mid, median_of(sig.minute_lots))
    liquidations.on_card(
        known.liquidations,
        now_ns,
        mid,
        minute,
        horizon_sigma_bps(sig.grid, 0),
        known.interest.interest,
        interest.latest_change(known.interest, now_ns, 0),
        sig.grid.thin,
    )
    # before the first forced order nothing says that they are told at all
    forced = known.liquidations
    values[LIQ] = liquidations.liquidation_score(forced) if forced.slow[0] + forced.slow[1] > 0.0 else np.nan
    factors[LIQ] = liquidations.PARTIAL_FEED if sig.listing.partial else 1.0
    values[LSR] = crowd.crowd_score(known.crowd)
    factors[LSR] = crowd.freshness(known.crowd, now_ns)
    if now_ns - known.clusters.aged_ns >= CLUSTERS_NS:
        clusters.age(known.clusters, now_ns)


@rare
def sample_venues(rows, pairs, books, heads, market, now_ns, values):
    """Cards across the venues of a symbol; they sleep where there is one venue only."""
    values[XV_IMB] = values[XV_LEAD] = values[XV_DIV] = np.nan
    sig = rows[market]
    listing = sig.listing
    if listing.peers == 0:
        return
    unit = sig.grid.volatility_unit
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
        shares[k] = notional(head, mid, rows[other].flow.traded) if mid == mid else 0.0
    values[XV_IMB], disagreement = consolidated.consolidate(bids, asks, shares, ages)
    factors = sig.factors
    factors[XV_IMB] = consolidated.agreement_factor(disagreement) if disagreement == disagreement else 0.0
    row = sig.known.divergence
    others, apart = divergence.consensus(mids, shares, np.int64(0))
    divergence.on_mids(row, now_ns, mids[0], others, apart)
    values[XV_DIV] = divergence.divergence_score(row)
    factors[XV_DIV] = divergence.confidence_factor(row)
    best = 0.0
    sigma = sigma_1s_bps(sig.grid)
    for k in range(listing.peers):
        pair = pairs[listing.pair[k]]
        lead_lag.advance(pair, now_ns)
        lead_lag.select(pair, now_ns)
        score = lead_lag.lead_score(pair, listing.place[k], sigma)
        if score == score and abs(pair.correlation) > best:
            best = abs(pair.correlation)
            values[XV_LEAD] = score


@hot
def flow_imbalance(row, horizon):
    """1.6: decayed order-flow imbalance over the mean touch depth of the same horizon."""
    if not row.quotes[horizon] > 1e-9 or not row.depth[horizon] > 0.0:
        return np.nan
    return row.ofi[horizon] / (row.depth[horizon] / row.quotes[horizon])


@hot
def trade_imbalance(row, trade_ns, horizon, now_ns):
    """3.1: decayed (bought - sold) / (bought + sold); nan after 5 taus without a trade."""
    if trade_ns == 0 or now_ns - trade_ns > QUIET_TAUS * TAUS_S[horizon] * NS_PER_S:
        return np.nan
    return ratio(row.bought[horizon], row.sold[horizon])


@hot
def spread_factor(sig, books, market):
    """1.11: what a spread wider than usual takes from the confidence of the book's cards."""
    z = robust_z(sig.bands[SPREAD], spread_bps(books, market), SPREAD_FLOOR_BPS)
    return 1.0 / (1.0 + max(0.0, z - 1.0) / 2.0) if z == z else 1.0


@rare
def measure(rows, zoned, pairs, books, heads, market, now_ns):
    """Fill raw and factors of a market's row for an emission."""
    sig = rows[market]
    age_quotes(sig.flow, now_ns)
    age_trades(sig.flow, now_ns)
    usable = is_usable(heads[market], now_ns)
    mid = mid_of(books, market) if usable else np.nan
    values = sig.values
    values[:] = np.nan
    sample_flow(sig, now_ns, mid, values)
    sample_derivatives(sig, books, heads[market], market, now_ns, mid, values)
    sample_venues(rows, pairs, books, heads, market, now_ns, values)
    multi = sig.known.multilevel
    multilevel.age(multi, now_ns)
    multilevel.close_bin(multi)
    multilevel.refit(multi, now_ns)
    if usable:
        sample_book(sig, zoned, books, market, values)
        factor = spread_factor(sig, books, market)
        for card in range(RESIL + 1):
            sig.factors[card] = factor
        sig.factors[OFI_INT] = factor
    else:
        values[:] = np.nan
    factors = decay_factors(now_ns - sig.grid.emitted_ns)
    for card in range(LEVEL_CARDS):
        level = sig.levels[card]
        level.value = values[card] if math.isfinite(values[card]) else np.nan
        _hold_level(level, sig.raw, card, 0, factors[1])
        _hold_level(level, sig.raw, card, 1, factors[2])
        _hold_level(level, sig.raw, card, 2, factors[3])
    sig.raw[OFI_INT, :] = sig.raw[TFI, :] = np.nan
    if usable:
        for w in range(WINDOWS):
            sig.raw[OFI_INT, w] = multilevel.integrated_flow(multi, w + 1)
            sig.raw[TFI, w] = trade_imbalance(sig.flow, heads[market].trade_ns, w + 1, now_ns)


@hot
def _hold_level(level, raw, card, w, factor):
    level.numerator[w], level.weight[w] = hold(level.numerator[w], level.weight[w], level.value, factor)
    # a sleeping level does not speak from memory
    awake = level.value == level.value
    raw[card, w] = mean_of(level.numerator[w], level.weight[w]) if awake else np.nan
