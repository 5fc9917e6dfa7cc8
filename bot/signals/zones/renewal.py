"""The seven steps in order, every ten seconds a market (signals.md 8)."""

from __future__ import annotations

from bot.core.jit import hot, rare
from bot.signals.zones.clustering import cluster, extent_ticks, gap_ticks
from bot.signals.zones.collect import collect
from bot.signals.zones.evidence import note_absorption, weigh_walls
from bot.signals.zones.flow import pour
from bot.signals.zones.identity import identify
from bot.signals.zones.scoring import judge
from bot.signals.zones.touches import arm


@rare
def renew(
    market, around, zones, walls, wall_count, estimates, estimate_count, model, found, order, spans, now_ns
):
    """Renew a market's zones; nothing happens while its mid is unknown.

    `market`, `around`, `zones`, `walls` are the market's rows, `model` the
    pooled one; `estimates` (ESTIMATES, 2) holds `estimate_count` prices in
    ticks and masses; `found`, `order`, `spans` are scratch.
    """
    mid, unit = around.mid, around.volatility_unit
    if not mid > 0.0:
        return
    elapsed_ns = max(0, now_ns - market.renewed_ns) if market.renewed_ns > 0 else 0
    note_absorption(market, around, zones, elapsed_ns)
    pour(market, mid, elapsed_ns)
    candidates = collect(market, around, zones, walls, wall_count, estimates, estimate_count, found)
    spans_found = cluster(found, candidates, order, gap_ticks(mid, unit), extent_ticks(mid, unit), spans)
    identify(market, zones, spans, spans_found, now_ns, elapsed_ns)
    weigh_walls(market, around, zones, walls, wall_count)
    judge(market, around, zones, model)
    arm(market, around, zones)
    market.renewed_ns, market.renewed_mid = now_ns, mid


@hot
def card_value(market):
    """Raw value of the `zone` card: the bias of the nearest zone that is spoken of; nan without one."""
    return market.card
