"""Instruments of the demo venue, and what each of its markets is like."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.core.errors import BadInput
from bot.market.instruments import Instrument

VENUE = "demo"


@dataclass(frozen=True, slots=True)
class Listing:
    """One demo market. `order_lots` is the mean order size; `activity` scales all rates of its book."""

    instrument: Instrument
    start_price: Decimal
    order_lots: int
    activity: float


def _listing(symbol: str, tick: str, lot: str, price: str, order_lots: int, activity: float) -> Listing:
    instrument = Instrument(VENUE, symbol, Decimal(tick), Decimal(lot))
    return Listing(instrument, Decimal(price), order_lots, activity)


LISTINGS = {
    listing.instrument.symbol: listing
    for listing in (
        # One tick is 0.7 to 1 bp of the price, as in the base model; a mean order is 8,000 to 15,000 USDT.
        _listing("BTCUSDT", "5", "0.001", "60000", 250, 1.25),
        _listing("ETHUSDT", "0.25", "0.01", "3000", 400, 1.1),
        _listing("SOLUSDT", "0.01", "0.1", "150", 600, 1.0),
        _listing("XRPUSDT", "0.00005", "1", "0.6", 15_000, 1.0),
        _listing("DOGEUSDT", "0.00001", "10", "0.12", 7_000, 0.8),
        _listing("BNBUSDT", "0.05", "0.01", "650", 1_500, 0.9),
        _listing("ADAUSDT", "0.00005", "1", "0.7", 13_000, 0.8),
        _listing("LINKUSDT", "0.001", "0.1", "15", 6_000, 0.8),
        _listing("AVAXUSDT", "0.002", "0.1", "25", 3_500, 0.7),
        _listing("SUIUSDT", "0.0002", "1", "3", 3_000, 0.9),
        _listing("LTCUSDT", "0.01", "0.01", "100", 8_000, 0.7),
        _listing("DOTUSDT", "0.0005", "1", "5", 1_600, 0.6),
        _listing("BCHUSDT", "0.05", "0.01", "500", 1_600, 0.6),
        _listing("TRXUSDT", "0.00002", "10", "0.3", 2_600, 0.6),
        _listing("NEARUSDT", "0.0002", "1", "2.5", 3_000, 0.6),
        _listing("APTUSDT", "0.0005", "0.1", "6", 13_000, 0.6),
        _listing("ARBUSDT", "0.00005", "1", "0.5", 15_000, 0.6),
        _listing("UNIUSDT", "0.001", "0.1", "10", 7_000, 0.6),
        _listing("AAVEUSDT", "0.02", "0.01", "250", 3_000, 0.6),
        _listing("HYPEUSDT", "0.002", "0.01", "40", 20_000, 0.9),
        _listing("1000PEPEUSDT", "0.000001", "100", "0.012", 7_000, 0.8),
    )
}


def listing(symbol: str) -> Listing:
    """Raises BadInput that names the demo markets there are."""
    try:
        return LISTINGS[symbol]
    except KeyError:
        known = ", ".join(LISTINGS)
        raise BadInput(f"the demo market has no symbol {symbol!r}; it has {known}") from None
