"""What the zone engine is told of its market at every emission; then the zones are renewed (8)."""

from __future__ import annotations

import numpy as np

from bot.core.jit import rare
from bot.signals import impact, resiliency
from bot.signals.derivatives.liquidations import Cascade
from bot.signals.grid import horizon_sigma_bps
from bot.signals.known import IMPACT_ROW
from bot.signals.learning.experts import chance, voice
from bot.signals.registry import CATEGORY_NAMES
from bot.signals.robust import quantile
from bot.signals.rolling import median_of
from bot.signals.state import MIDS, MINUTE_LOTS
from bot.signals.zones.collect import nearby_estimates
from bot.signals.zones.renewal import renew

_BURST, _CASCADE = int(Cascade.BURST), int(Cascade.CASCADE)
_ZONES = CATEGORY_NAMES.index("zones")
_NEAR = tuple(CATEGORY_NAMES.index(name) for name in ("book", "flow", "walls"))
_DAY = 1  # the mode whose cards zones listen to: their lives are minutes


@rare
def renew_zones(sig, heads, market, now_ns):
    """Fill the market's `around` row from the cards just read and renew its zones."""
    zones, known, grid = sig.zones, sig.known[market], sig.grid[market]
    around = zones.around[market]
    mid = sig.mids[market, grid.second % MIDS]
    around.mid = mid
    if mid != mid:
        return
    around.tick_size = heads[market].tick_size
    around.volatility_unit = grid.volatility_unit
    around.sigma_60s_bps = horizon_sigma_bps(sig, market, 0)
    around.reference_lots = median_of(sig.bands, market, MINUTE_LOTS)
    around.impact = impact.slope(known.impact.flow_move, known.impact.flow_square)
    around.much_flow = quantile(sig.windows, market, IMPACT_ROW, impact.MUCH)
    least = around.reference_lots / 6.0
    around.refill[0] = resiliency.refill_ratio(known.resiliency, 0, least)
    around.refill[1] = resiliency.refill_ratio(known.resiliency, 1, least)
    forced = known.liquidations
    around.cascade = forced.direction if forced.state == _BURST or forced.state == _CASCADE else 0
    around.thin = grid.thin
    _voices(sig, market, around)
    count = nearby_estimates(known.clusters, mid, around.tick_size, zones.estimates)
    renew(
        zones.markets[market],
        around,
        zones.zones[market],
        sig.walls[market],
        grid.walls,
        zones.estimates,
        count,
        zones.model[0],
        zones.found,
        zones.order,
        zones.spans,
        now_ns,
    )


@rare
def _voices(sig, market, around):
    """Signed weighted mean of every category but zones, and the probability by book, flow and walls."""
    weights, theta = sig.learning.weights, sig.learning.theta
    around.voices[:] = np.nan
    total = size = 0.0
    for category in range(len(CATEGORY_NAMES)):
        said = weight = 0.0
        for card in range(sig.raw.shape[1]):
            one = sig.cards[market, card, _DAY]
            own = weights[market, _DAY, card]
            if sig.categories[card] != category or one.score != one.score or own == 0.0:
                continue
            x = voice(one.score, one.confidence, one.exhausted)
            said += own * x
            weight += own
            if category in _NEAR:
                total += own * chance(theta[market, _DAY, card], x)
                size += own
        if weight > 0.0 and category != _ZONES:
            around.voices[category] = said / weight
    around.book_probability = total / size if size > 0.0 else 0.5
