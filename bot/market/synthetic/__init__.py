"""The embedded synthetic market: `SyntheticMarket` and what was planted in it."""

from __future__ import annotations

from bot.market.synthetic.instruments import LISTINGS, VENUE
from bot.market.synthetic.market import SyntheticMarket
from bot.market.synthetic.plants import NO_PLANTS, Plants
from bot.market.synthetic.truth import Truth, write_truth

__all__ = ["LISTINGS", "NO_PLANTS", "VENUE", "Plants", "SyntheticMarket", "Truth", "write_truth"]
