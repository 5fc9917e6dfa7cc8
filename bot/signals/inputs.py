"""What the compiled loop tells the streaming features, and when.

One function for each occasion: a touch, a trade, a rare row, a gap, a grid
point of 250 ms, a whole second. The features themselves live in their own
modules; `bot.signals.raw` reads them at an emission.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.market.book import ASK, BID
from bot.signals import impact, intensity, microprice, multilevel, reach, resiliency, vpin
from bot.signals.cross import lead_lag
from bot.signals.decay import TAUS_S
from bot.signals.derivatives import clusters, interest, liquidations, premium
from bot.signals.features import mid_of
from bot.signals.learning.rounds import note_mid
from bot.signals.resting import watch_band
from bot.signals.rolling import median_of
from bot.signals.walls import drop_walls
from bot.signals.zones import flow as zone_flow
from bot.signals.zones.touches import note_mid as note_zone_mid

MINUTE_NS = 60 * NS_PER_S
DAY_MINUTES = 1_440
"""An average day for VPIN is so many median minutes: a day need not be waited for."""
IMPACT_SHARE = 0.1
"""Of the median traded minute: the size whose average price stands for the venue's impact price."""


@hot
def on_touch(sig, pairs, tick_size, bid, bid_lots, ask, ask_lots, now_ns):
    """The touch of a usable ladder changed."""
    microprice.on_touch(sig.known.microprice, bid, bid_lots, ask, ask_lots)
    listing = sig.listing
    for k in range(listing.peers):
        mid = 0.5 * (bid + ask) * tick_size
        lead_lag.on_mid(pairs[listing.pair[k]], now_ns, listing.place[k], mid)


@hot
def on_trade(sig, zoned, side, tick, lots, stamp_ns, now_ns):
    """A market trade by an aggressor of `side` (+1, -1, 0 not told); `stamp_ns` tells orders apart."""
    known = sig.known
    vpin.on_trade(known.vpin, 0.5 * (1.0 + side), lots)
    intensity.on_trade(known.intensity, side, now_ns, stamp_ns)
    impact.on_trade(known.impact, side, lots)
    zone_flow.note_trade(zoned.market, side, tick, lots)


@rare
def on_reset(sig, pairs, now_ns):
    """A gap or a new snapshot: nothing is concluded across the seam."""
    known = sig.known
    sig.flow.seeded = 0
    drop_walls(sig)
    watch_band(sig.grid, np.nan, 0.0)
    microprice.on_reset(known.microprice)
    multilevel.on_reset(known.multilevel)
    resiliency.on_reset(known.resiliency)
    listing = sig.listing
    for k in range(listing.peers):
        lead_lag.on_mid(pairs[listing.pair[k]], now_ns, listing.place[k], np.nan)


@hot
def notional(head, tick, lots):
    """Quote currency."""
    units = lots * head.lot_size * head.contract_size
    return units if head.inverse else units * tick * head.tick_size


@rare
def on_liquidation(sig, head, side, tick, lots, now_ns):
    quantity = lots * head.lot_size
    liquidations.on_liquidation(sig.known.liquidations, now_ns, side, notional(head, tick, lots), quantity)


@rare
def on_open_interest(sig, head, lots, now_ns):
    """A figure of the venue; what was added since the last one is laid into the estimated clusters."""
    known = sig.known
    mid = sig.grid.emitted_mid[0]
    before = known.interest.interest
    if before == before and mid == mid:
        price = mid * head.tick_size
        clusters.on_increase(known.clusters, now_ns, price, lots - before, sig.listing.maintenance)
    interest.on_interest(known.interest, now_ns, lots)


@hot
def on_quarter(signals, books, market, now_ns, usable, bid_depth, ask_depth):
    """A grid point of 250 ms, with the depths of the 10 bps bands."""
    mid = mid_of(books, market) if usable else np.nan
    note_mid(signals.learning.rows[market], now_ns, mid)
    if usable:
        row = signals.rows[market].known.resiliency
        resiliency.on_depth(row, BID, now_ns, bid_depth)
        resiliency.on_depth(row, ASK, now_ns, ask_depth)


@hot
def usual_lots(sig, now_ns):
    """Lots traded in 10 s on average (1.9); nan before a minute is known."""
    known_s = (now_ns - sig.known.since_ns) / NS_PER_S
    row = sig.flow
    return reach.usual_volume(row.bought[3] + row.sold[3], TAUS_S[3], known_s)


@hot
def index_ticks(head):
    """The index price in ticks, nan unknown."""
    return head.index / head.tick_size


@rare
def on_second(signals, books, heads, market, now_ns, usable):
    """A whole second of stream time, on the book as it stood."""
    sig = signals.rows[market]
    known = sig.known
    if known.since_ns == 0:
        known.since_ns = now_ns
    if now_ns % MINUTE_NS == 0:
        vpin.set_daily_volume(known.vpin, DAY_MINUTES * median_of(sig.minute_lots))
    mid = mid_of(books, market) if usable else np.nan
    known.vacuum = 0
    known.reach_up[:] = np.nan
    known.reach_down[:] = np.nan
    if usable:
        reach.measure(books, market, usual_lots(sig, now_ns), known.reach_up, known.reach_down)
        up = reach.is_vacuum(known.reaches[0], known.reach_up[0])
        down = reach.is_vacuum(known.reaches[1], known.reach_down[0])
        up = up or sig.grid.hollow[ASK] != 0
        down = down or sig.grid.hollow[BID] != 0
        known.vacuum = (1 if up else 0) - (1 if down else 0)
        liquidations.on_price(known.liquidations, now_ns, mid)
        if known.clusters.aged_ns > 0:
            clusters.on_price(known.clusters, mid * heads[market].tick_size)
    index = index_ticks(heads[market])
    if index == index and usable:
        size = IMPACT_SHARE * median_of(sig.minute_lots)
        premium.note(known.premium, now_ns, premium.book_premium(books, market, index, size))
    else:
        premium.note(known.premium, now_ns, np.nan)
    zones = signals.zones
    note_zone_mid(zones.rows[market], sig.walls, sig.grid.walls, sig.ended, zones.model[0], now_ns, mid)
