"""Which markets a live session hears: the traded venue first, then the reference venues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.app.live import LiveSource
from bot.app.markets import LIVE_SYMBOLS, symbol_on, venue_named
from bot.app.venue_table import OnNews, instruments_of
from bot.core.clock import SystemClock
from bot.core.errors import BadInput
from bot.market.instruments import Instrument
from bot.market.venues.known import LIVE, public_hosts
from bot.market.venues.protocol import Hosts

if TYPE_CHECKING:
    from bot.app.config import Config
    from bot.app.session import SessionOptions

INSTRUMENTS_FOLDER = "instruments"


def open_live(options: SessionOptions) -> LiveSource:
    """The session's source. Raises BadInput for unknown venues and symbols."""
    markets = live_instruments(options.config, options.symbols, options.on_warning)
    urls = urls_of(options.config.market.urls)
    return LiveSource(markets, urls, options.seed, options.duration_s)


def hosts_of(config: Config) -> dict[str, Hosts]:
    """Where each venue of a live session is looked for, the traded one first."""
    urls = urls_of(config.market.urls)
    native = (venue for venue in venues_of(config) if venue in LIVE or venue in urls)
    return {venue: urls.get(venue) or public_hosts(venue) for venue in native}


def venues_of(config: Config) -> tuple[str, ...]:
    """The traded venue, then the reference venues. Raises BadInput for one that is not read live."""
    named = (config.market.venue, *config.market.references)
    return tuple(dict.fromkeys(venue_named(name) for name in named))


def live_instruments(
    config: Config, symbols: Sequence[str] = (), on_news: OnNews | None = None
) -> tuple[Instrument, ...]:
    """Every symbol on the traded venue, then those on each reference venue."""
    named = symbols or LIVE_SYMBOLS
    urls = urls_of(config.market.urls)
    folder = config.storage.folder.expanduser() / INSTRUMENTS_FOLDER
    found: list[Instrument] = []
    for venue in venues_of(config):
        there = [symbol_on(venue, s) for s in named]
        found += instruments_of(
            venue, there, folder, SystemClock().now_ns(), hosts=urls.get(venue), on_news=on_news
        )
    return tuple(found)


def urls_of(texts: Sequence[str]) -> Mapping[str, Hosts]:
    """`binance=http://127.0.0.1:8080`: websockets and REST of one server. Raises BadInput."""
    urls = {}
    for text in texts:
        name, _, url = text.partition("=")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadInput(f"market.urls: expected venue=http://host:port, was {text!r}")
        base = url.rstrip("/")
        socket = ("wss" if parts.scheme == "https" else "ws") + base[len(parts.scheme) :]
        urls[venue_named(name)] = Hosts(ws=socket, rest=base)
    return urls
