"""The venues that are read natively, by name."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.errors import BadInput
from bot.market.instruments import Instrument
from bot.market.venues.binance import BinanceStream
from bot.market.venues.bybit import BybitStream
from bot.market.venues.hyperliquid import HyperliquidStream
from bot.market.venues.okx import OkxStream
from bot.market.venues.protocol import Hosts, VenueStream

_STREAMS = (BinanceStream, BybitStream, OkxStream, HyperliquidStream)
_BY_VENUE = {venue: stream for stream in _STREAMS for venue in stream.VENUES}

NATIVE = tuple(_BY_VENUE)
"""Venues with a decoder of their own; recordings of all of them can be imported."""

LIVE = ("binance-usdm", "bybit-linear", "okx", "hyperliquid")
"""Those that are also read live."""

ALIASES = {"binance": "binance-usdm", "bybit": "bybit-linear"}


def full_name(venue: str) -> str:
    """The venue a person means."""
    return ALIASES.get(venue, venue)


def public_hosts(venue: str) -> Hosts:
    """Where a venue's public data is."""
    return _BY_VENUE[full_name(venue)].hosts


def stream_of(venue: str, instruments: Mapping[int, Instrument]) -> VenueStream:
    """The decoder of a venue, for markets of it. Raises BadInput that names the venues there are."""
    stream = _BY_VENUE.get(full_name(venue))
    if stream is None:
        raise BadInput(f"expected a venue of {', '.join(NATIVE)}, was {venue!r}")
    return stream(instruments)
