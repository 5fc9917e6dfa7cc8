"""What a decision rested on, as the database keeps it."""

from __future__ import annotations

from bot.core.messages import MarketView


def figures_of(view: MarketView) -> dict[str, float]:
    """What a decision was taken on, for the database: the market, the composite, and every awake card."""
    cards = {card.name: card.score for card in view.cards}
    weights = {f"weight:{card.name}": card.weight for card in view.cards}
    return {
        "bias": view.composite.bias,
        "probability": view.composite.probability,
        "composite_confidence": view.composite.confidence,
        "composite_state": float(view.composite.agreement),
        "thin_ratio": view.thin_ratio,
        "mid": view.mid,
        "spread_bps": view.spread_bps,
        "sigma_60s_bps": view.sigma_60s_bps,
        "momentum": view.momentum,
        **cards,
        **weights,
    }
