"""How large a trade may be (signals.md 9.4). Floats until the last step, then exact whole lots."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import inf, isfinite

from bot.core.enums import Side
from bot.core.units import to_e8
from bot.market.instruments import Instrument


@dataclass(frozen=True, slots=True)
class SizeRules:
    """Shares of equity at risk per trade and of volatility a day; leverage in times equity."""

    risk_per_trade: float = 0.0025
    kelly_share: float = 0.25
    daily_volatility: float = 0.01
    max_leverage: float = 3.0
    explore_floor: float = 0.1  # least confidence multiplier of an exploration trade


def kelly_fraction(p_win: float, target: float, stop: float, cost: float) -> float:
    """Share of equity to risk, 0 when the bet does not pay."""
    win, lose = target - cost, stop + cost
    if win <= 0:
        return 0.0
    odds = win / lose
    return max(0.0, (p_win * odds - (1.0 - p_win)) / odds)


def confidence_multiplier(confidence: float, conflicted: bool) -> float:
    """0 at confidence 0.3, 1 from 0.8; half of it when the windows conflict."""
    scaled = min(1.0, max(0.0, (confidence - 0.3) / 0.5))
    return scaled * (0.5 if conflicted else 1.0)


@dataclass(frozen=True, slots=True)
class Size:
    """The notional in settle coin and the parts it is the smallest of."""

    parts: dict[str, float]
    multiplier: float
    notional: float

    @property
    def binding(self) -> str:
        """Name of the part that decided."""
        return min(self.parts, key=lambda name: self.parts[name])


def size_notional(
    equity: float,
    stop_bps: float,
    cost_bps: float,
    p_lcb: float,
    target_bps: float,
    multiplier: float,
    sigma_day: float,
    rules: SizeRules,
    explore: bool = False,
) -> Size:
    """Smallest of the risk, Kelly, volatility and leverage notionals, times the confidence multiplier.

    Exploration trades have no proven edge to bet on, so Kelly does not apply to them.
    """
    loss = (stop_bps + cost_bps) * 1e-4
    kelly = rules.kelly_share * kelly_fraction(p_lcb, target_bps, stop_bps, cost_bps) * equity / loss
    parts = {
        "risk": rules.risk_per_trade * equity / loss,
        "kelly": inf if explore else kelly,
        "volatility": rules.daily_volatility * equity / sigma_day,
        "leverage": rules.max_leverage * equity,
    }
    scale = max(multiplier, rules.explore_floor) if explore else multiplier
    return Size(parts, scale, scale * min(parts.values()))


def lot_value(instrument: Instrument, price: Fraction | int) -> Fraction:
    """Value of one lot in settle coin at `price` ticks, exact."""
    unit = _unit(instrument.lot, instrument.contract_size, instrument.tick, instrument.inverse)
    return unit / price if instrument.inverse else unit * price


@cache
def _unit(lot: Decimal, contract_size: Decimal, tick: Decimal, inverse: bool) -> Fraction:
    """Value of one lot at one tick; on inverse contracts what a price in ticks divides."""
    units = Fraction(lot) * Fraction(contract_size)
    return units / Fraction(tick) if inverse else units * Fraction(tick)


def quote_value(instrument: Instrument, lots: int, price: Fraction | int) -> Fraction:
    """What a venue compares with its minimum notional: the value in quote currency."""
    units = Fraction(instrument.lot) * Fraction(instrument.contract_size) * lots
    return units if instrument.inverse else units * Fraction(instrument.tick) * price


def whole_lots(instrument: Instrument, notional: float, price: int) -> int:
    """Lots worth at most `notional` of settle coin at `price` ticks, rounded down; 0 when not finite."""
    if not isfinite(notional) or notional <= 0:
        return 0
    return int(Fraction(notional) / lot_value(instrument, price))


def stop_loss_bps(instrument: Instrument, side: Side, entry: float, stop: float) -> float:
    """Loss at the stop in bps of the settle-coin notional at entry (inverse: convex against longs)."""
    move = entry / stop - 1.0 if instrument.inverse else 1.0 - stop / entry
    return side * move * 1e4


def risk_e8(
    instrument: Instrument, lots: int, entry: int, stop: int, entry_fee: Fraction, exit_fee: Fraction
) -> int:
    """Settle coin (e8) lost by entering at `entry` ticks and leaving at `stop`, with fees."""
    at_entry, at_stop = lots * lot_value(instrument, entry), lots * lot_value(instrument, stop)
    return to_e8(
        abs(at_entry - at_stop) + at_entry * entry_fee + at_stop * exit_fee,
    )
