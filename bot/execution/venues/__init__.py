"""What differs between venues when orders are placed through ccxt: one small module each."""

from __future__ import annotations

from bot.execution.venues.binance import Binance
from bot.execution.venues.bybit import Bybit
from bot.execution.venues.dialect import Dialect
from bot.execution.venues.hyperliquid import Hyperliquid
from bot.execution.venues.okx import Okx

_SHORT = {"binance-usdm": "binance", "bybit-linear": "bybit", "rehearsal": "binance"}
_OWN: dict[str, type[Dialect]] = {d.name: d for d in (Binance, Bybit, Okx, Hyperliquid)}


def dialect_of(venue: str) -> Dialect:
    """By our name of the venue; any other is taken as ccxt's own id of it."""
    own = _OWN.get(_SHORT.get(venue, venue))
    return own() if own else Dialect(venue)
