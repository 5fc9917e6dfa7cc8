"""Venues by the names people use, and what a market is called on each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bot.core.errors import BadInput
from bot.market.instruments import Instrument
from bot.market.venues.protocol import VenueStream

VENUES = {
    "binance": "binance-usdm",
    "bybit": "bybit-linear",
    "okx": "okx-swap",
    "hyperliquid": "hyperliquid",
}
"""What people type, and the venue's name in instruments and tapes."""

LIVE_SYMBOLS = (
    *("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT"),
    *("LINKUSDT", "AVAXUSDT", "SUIUSDT", "LTCUSDT", "DOTUSDT", "BCHUSDT", "TRXUSDT"),
    *("NEARUSDT", "APTUSDT", "ARBUSDT", "UNIUSDT", "AAVEUSDT", "HYPEUSDT", "1000PEPEUSDT"),
)
"""Liquid perpetuals with queues deep enough for imbalance, where no symbols are named."""


def venue_named(name: str) -> str:
    """`binance` is `binance-usdm`. Raises BadInput that names the venues there are."""
    if name in VENUES:
        return VENUES[name]
    if name in VENUES.values():
        return name
    raise BadInput(f"unknown venue {name!r}; there are {', '.join(VENUES)}")


def symbol_on(venue: str, symbol: str) -> str:
    """What `BTCUSDT` is called there; a name that is already the venue's own stays."""
    base = symbol.removesuffix("USDT").removesuffix("-")
    if venue == "okx-swap" and not symbol.endswith("-SWAP"):
        return f"{base.removeprefix('1000')}-USDT-SWAP"
    if venue == "hyperliquid" and symbol.endswith("USDT"):
        return f"k{base.removeprefix('1000')}" if base.startswith("1000") else base
    return symbol


def stream_of(instruments: Mapping[int, Instrument]) -> VenueStream:
    """The decoder of the venue these markets are on. Raises BadInput where there is none."""
    venue = next(iter(instruments.values())).venue
    make = _streams().get(venue)
    if make is None:
        raise BadInput(f"{venue}: no live feed of this venue yet; there are {', '.join(_streams())}")
    return make(instruments)


def by_venue(instruments: Sequence[Instrument]) -> dict[str, dict[int, Instrument]]:
    """Venue to its markets by their index in the session."""
    venues: dict[str, dict[int, Instrument]] = {}
    for market, instrument in enumerate(instruments):
        venues.setdefault(instrument.venue, {})[market] = instrument
    return venues


def _streams() -> dict[str, Callable[[Mapping[int, Instrument]], VenueStream]]:
    from bot.market.venues.binance import USDM, BinanceStream

    return {USDM: BinanceStream}
