"""The price a position is valued at: mark, else the last trade."""

from __future__ import annotations

from fractions import Fraction
from math import isnan

import numpy as np

from bot.core.valuation import PriceSource
from bot.market.instruments import Instrument


def exact_ticks(instrument: Instrument, price: float) -> Fraction | None:
    """A quote price, as its shortest decimal, in ticks; None for nan."""
    return None if isnan(price) else Fraction(repr(float(price))) / Fraction(instrument.tick)


def valuation_ticks(head: np.void, instrument: Instrument) -> tuple[Fraction | None, PriceSource]:
    """From a HEAD row; None when no price is known at all."""
    mark = exact_ticks(instrument, head["mark"])
    if mark:
        return mark, PriceSource.MARK
    if head["trade_price"] > 0:
        return Fraction(int(head["trade_price"])), PriceSource.LAST
    return None, PriceSource.ENTRY
