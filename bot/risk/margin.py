"""What a venue keeps as margin, and where it closes a position by force (isolated margin).

Maintenance margin grows by tiers. In tier n it is `value * rate_n - deduction_n`, the
deductions chosen so that it does not jump (Binance: "maintenance amount", `cum` of its
leverage brackets). Such a function is the largest of its tiers' lines, so a position is
closed at the nearest of the prices that the single lines give.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from bot.core.enums import Side
from bot.market.instruments import Instrument


def lines(instrument: Instrument) -> Iterator[tuple[float, float]]:
    """(rate, deduction in settle coin) of every known tier."""
    if not instrument.tiers:
        yield float(instrument.maintenance_rate), 0.0
        return
    deduction, floor, before = 0.0, 0.0, float(instrument.maintenance_rate)
    for tier in instrument.tiers:
        rate = float(tier.maintenance_rate)
        deduction += floor * (rate - before)
        yield rate, deduction
        floor, before = float(tier.up_to), rate


def maintenance(instrument: Instrument, value: float) -> float:
    """Maintenance margin of a position worth `value`, in settle coin."""
    return max(value * rate - deduction for rate, deduction in lines(instrument))


def largest_value(instrument: Instrument) -> float:
    """Where the known tiers end, settle coin; inf where none are known."""
    return float(instrument.tiers[-1].up_to) if instrument.tiers else inf


def liquidation_price(
    entry: float, leverage: float, rate: float, side: Side, inverse: bool = False, deduction: float = 0.0
) -> float:
    """Price at which isolated margin of 1/leverage is down to maintenance, fees ignored; inf when never.

    `deduction` is the tier's, as a share of the position's value at entry.
    """
    sign = 1.0 if side > 0 else -1.0
    if inverse:
        left = 1.0 + sign * (1.0 / leverage + deduction)
        return entry * (1.0 + sign * rate) / left if left > 0 else inf
    return entry * (1.0 - sign * (1.0 / leverage + deduction)) / (1.0 - sign * rate)


def liquidation_bps(instrument: Instrument, side: Side, entry: float, leverage: float, value: float) -> float:
    """Distance from entry to liquidation in bps of the entry, positive while it lies on the losing side.

    `value` is the position's, in settle coin.
    """
    prices = [
        liquidation_price(entry, leverage, rate, side, instrument.inverse, deduction / value)
        for rate, deduction in lines(instrument)
    ]
    nearest = max(prices) if side > 0 else min(prices)
    return int(side) * (1.0 - nearest / entry) * 1e4
