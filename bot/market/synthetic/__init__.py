"""The embedded synthetic market: `SyntheticMarket`, its scenarios and what was planted in it."""

from __future__ import annotations

from bot.market.synthetic.faults import NO_FAULTS, Faults
from bot.market.synthetic.instruments import LISTINGS, VENUE
from bot.market.synthetic.market import SyntheticMarket
from bot.market.synthetic.plants import NO_PLANTS, Plants
from bot.market.synthetic.scenarios import SCENARIOS, Scenario, scenario
from bot.market.synthetic.settings import Settings, Sizes, Venue
from bot.market.synthetic.truth import Truth, write_truth

__all__ = [
    "LISTINGS",
    "NO_FAULTS",
    "NO_PLANTS",
    "SCENARIOS",
    "VENUE",
    "Faults",
    "Plants",
    "Scenario",
    "Settings",
    "Sizes",
    "SyntheticMarket",
    "Truth",
    "Venue",
    "scenario",
    "write_truth",
]
