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
def renew(row, walls, wall_count, estimate_count, model, now_ns):
    """Renew a market's zones; nothing happens while its mid is unknown.

    `row`: its ZONED, with `estimate_count` row.estimates. `walls`: the first
    `wall_count` WALL of bot.signals.state are in use. `model`: the pooled one.
    """
    market, mid, unit = row.market, row.around.mid, row.around.volatility_unit
    if not mid > 0.0:
        return
    elapsed_ns = max(0, now_ns - market.renewed_ns) if market.renewed_ns > 0 else 0
    note_absorption(row, elapsed_ns)
    pour(market, mid, elapsed_ns)
    candidates = collect(row, walls, wall_count, estimate_count)
    spans = cluster(row, candidates, gap_ticks(mid, unit), extent_ticks(mid, unit))
    identify(row, spans, now_ns, elapsed_ns)
    weigh_walls(row, walls, wall_count)
    judge(row, model)
    arm(row)
    market.renewed_ns, market.renewed_mid = now_ns, mid


@hot
def card_value(market):
    """Raw value of the `zone` card: the bias of the nearest zone that is spoken of; nan without one.

    `market`: ZONED.market.
    """
    return market.card
