"""What limits need to know of a market at a decision beyond what a strategy is shown."""

from __future__ import annotations

from dataclasses import dataclass

from bot.risk.depth import Depth

NEVER_NS = 2**62
BITCOIN = "BTC"
"""How the symbols begin that betas refer to and whose cascades are felt everywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """One market at one instant."""

    depth: Depth
    age_ns: int  # since the last message of its book
    skew_ns: int  # how far the venue's clock runs ahead of ours, transport time not removed
    since_gap_ns: int = NEVER_NS  # since its stream was last interrupted
    cascade: int = 0  # direction of a liquidation cascade here: -1 forced sales, +1 forced purchases, 0 none
    stress: int = 0  # -1 while bitcoin is in a cascade of forced sales and this is another symbol
