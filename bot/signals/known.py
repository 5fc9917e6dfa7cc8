"""What is known of one market beyond its book: the state of every streaming feature, in one row."""

from __future__ import annotations

import numpy as np

from bot.signals import impact, intensity, microprice, multilevel, reach, resiliency, vpin
from bot.signals.cross import divergence
from bot.signals.derivatives import clusters, crowd, interest, liquidations, premium
from bot.signals.rolling import window_of

KNOWN = np.dtype(
    [
        ("microprice", microprice.MICROPRICE),
        ("multilevel", multilevel.MULTILEVEL),
        ("resiliency", resiliency.RESILIENCY),
        ("vpin", vpin.VPIN),
        ("intensity", intensity.INTENSITY),
        ("impact", impact.IMPACT),
        ("premium", premium.PREMIUM),
        ("interest", interest.OPEN_INTEREST),
        ("liquidations", liquidations.LIQUIDATIONS),
        ("crowd", crowd.CROWD),
        ("clusters", clusters.CLUSTERS),
        ("divergence", divergence.DIVERGENCE),
        # sampled every second
        ("since_ns", "<i8"),  # first message, 0 none yet
        ("reach_up", "<f8", (3,)),  # 1.9, bps for 1, 3 and 10 times the usual volume of 10 s
        ("reach_down", "<f8", (3,)),
        ("reaches", window_of(reach.SECONDS), (2,)),  # up and down, for the usual volume
        ("vacuum", "<i8"),  # +1 the ask side is far emptier than usual, -1 the bid side, 0
    ],
    align=True,
)

_MAKERS = {
    "microprice": microprice.new_microprice,
    "multilevel": multilevel.new_multilevel,
    "resiliency": resiliency.new_resiliency,
    "vpin": vpin.new_vpin,
    "intensity": intensity.new_intensity,
    "impact": impact.new_impact,
    "premium": premium.new_premium,
    "interest": interest.new_interest,
    "liquidations": liquidations.new_liquidations,
    "crowd": crowd.new_crowd,
    "clusters": clusters.new_clusters,
    "divergence": divergence.new_divergence,
}


def new_known(markets: int) -> np.ndarray:
    """(M,) KNOWN rows that know nothing."""
    rows = np.zeros(markets, KNOWN)
    for name, make in _MAKERS.items():
        rows[name] = make(markets)
    rows["reach_up"] = rows["reach_down"] = np.nan
    return rows
