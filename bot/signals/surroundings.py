"""What the zone engine is told of its market at every emission; then the zones are renewed (8)."""

from __future__ import annotations

import numpy as np

from bot.core.enums import Cascade
from bot.core.jit import rare
from bot.signals import impact, resiliency
from bot.signals.grid import horizon_sigma_bps
from bot.signals.learning.experts import chance, voice
from bot.signals.registry import CARD_COUNT, CATEGORY_NAMES, CATEGORY_OF
from bot.signals.robust import quantile
from bot.signals.rolling import median_of
from bot.signals.state import MIDS
from bot.signals.zones.collect import nearby_estimates
from bot.signals.zones.renewal import renew

_BURST, _CASCADE = int(Cascade.BURST), int(Cascade.CASCADE)
_ZONES = CATEGORY_NAMES.index("zones")
_NEAR = tuple(CATEGORY_NAMES.index(name) for name in ("book", "flow", "walls"))
_DAY = 1  # the mode whose cards zones listen to: their lives are minutes


@rare
def renew_zones(sig, learned, zones, head, market, now_ns):
    """Fill the market's `around` row from the cards just read and renew its zones."""
    known, grid = sig.known, sig.grid
    zoned = zones.rows[market]
    around = zoned.around
    mid = sig.mids[grid.second % MIDS]
    around.mid = mid
    if mid != mid:
        return
    around.tick_size = head.tick_size
    around.volatility_unit = grid.volatility_unit
    around.sigma_60s_bps = horizon_sigma_bps(grid, 0)
    around.reference_lots = median_of(sig.minute_lots)
    around.impact = impact.slope(known.impact.flow_move, known.impact.flow_square)
    around.much_flow = quantile(known.impact.flows, impact.MUCH)
    least = around.reference_lots / 6.0
    around.refill[0] = resiliency.refill_ratio(known.resiliency, 0, least)
    around.refill[1] = resiliency.refill_ratio(known.resiliency, 1, least)
    forced = known.liquidations
    around.cascade = forced.direction if forced.state == _BURST or forced.state == _CASCADE else 0
    around.thin = grid.thin
    _voices(sig, learned, around)
    count = nearby_estimates(known.clusters, mid, around.tick_size, zoned.estimates)
    renew(zoned, sig.walls, grid.walls, count, zones.model[0], now_ns)


@rare
def _voices(sig, learned, around):
    """Signed weighted mean of every category but zones, and the probability by book, flow and walls."""
    weights, theta = learned.weights[_DAY], learned.theta[_DAY]
    around.voices[:] = np.nan
    total = size = 0.0
    for category in range(len(CATEGORY_NAMES)):
        said = weight = 0.0
        for card in range(CARD_COUNT):
            one = sig.cards[card, _DAY]
            own = weights[card]
            if CATEGORY_OF[card] != category or one.score != one.score or own == 0.0:
                continue
            x = voice(one.score, one.confidence, one.exhausted)
            said += own * x
            weight += own
            if category in _NEAR:
                total += own * chance(theta[card], x)
                size += own
        if weight > 0.0 and category != _ZONES:
            around.voices[category] = said / weight
    around.book_probability = total / size if size > 0.0 else 0.5
