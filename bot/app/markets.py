"""Venues by the names people use, and what a market is called on each of them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.errors import BadInput
from bot.market.instruments import Instrument
from bot.market.venues.known import LIVE, full_name

LIVE_SYMBOLS = (
    *("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT"),
    *("LINKUSDT", "AVAXUSDT", "SUIUSDT", "LTCUSDT", "DOTUSDT", "BCHUSDT", "TRXUSDT"),
    *("NEARUSDT", "APTUSDT", "ARBUSDT", "UNIUSDT", "AAVEUSDT", "HYPEUSDT", "1000PEPEUSDT"),
)
"""Liquid perpetuals with queues deep enough for imbalance, where no symbols are named."""


def venue_named(name: str) -> str:
    """`binance` is `binance-usdm`; any other name is one of ccxt's. Raises BadInput where there is none."""
    venue = full_name(name)
    if venue not in LIVE and venue not in ccxt_venues():
        raise BadInput(f"unknown venue {name!r}; read live are {', '.join(LIVE)}, and through ccxt many more")
    return venue


def ccxt_venues() -> frozenset[str]:
    """Venues that ccxt.pro can watch, none where it is not installed."""
    try:
        import ccxt.pro
    except ImportError:
        return frozenset()
    return frozenset(ccxt.pro.exchanges)


def symbol_on(venue: str, symbol: str) -> str:
    """What `BTCUSDT` is called there; a name that is already the venue's own stays."""
    base = symbol.removesuffix("USDT").removesuffix("-")
    if venue == "okx" and not symbol.endswith("-SWAP"):
        return f"{base.removeprefix('1000')}-USDT-SWAP"
    if venue == "hyperliquid" and symbol.endswith("USDT"):
        return f"k{base.removeprefix('1000')}" if base.startswith("1000") else base
    return symbol


def by_venue(instruments: Sequence[Instrument]) -> dict[str, dict[int, Instrument]]:
    """Venue to its markets by their index in the session."""
    venues: dict[str, dict[int, Instrument]] = {}
    for market, instrument in enumerate(instruments):
        venues.setdefault(instrument.venue, {})[market] = instrument
    return venues
