"""The gate before live trading: who may trade what, checked in the open before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bot.app.live import LiveSource
from bot.app.live_markets import urls_of
from bot.app.live_trading import LiveTrading
from bot.app.markets import venue_named
from bot.app.secrets import read_secret
from bot.core.enums import TriggerBy
from bot.core.errors import BadConfig, BadInput
from bot.engine.loop import Engine
from bot.execution.ccxt_broker import Account, CcxtBroker
from bot.execution.live_venue import LiveVenue
from bot.execution.venues.hosts import point_at
from bot.store.journal import StoreJournal

if TYPE_CHECKING:
    from bot.app.config import Config
    from bot.app.session import SessionOptions

BINANCE = "binance-usdm"
ACKNOWLEDGEMENT = "I accept that this bot trades my money"

_CREDENTIALS = {
    "hyperliquid": ("walletAddress", "privateKey"),
    "okx": ("apiKey", "secret", "password"),
}


def credentials_of(config: Config) -> dict[str, str]:
    """From the environment or private files, by the names the venue's client wants. Raises BadConfig."""
    live = config.live
    found = (
        read_secret("LOPSIDE_API_KEY", live.key_file),
        read_secret("LOPSIDE_API_SECRET", live.secret_file),
        read_secret("LOPSIDE_API_PASSPHRASE", live.passphrase_file),
    )
    names = _CREDENTIALS.get(config.market.venue, ("apiKey", "secret"))
    missing = [name for name, value in zip(names, found, strict=False) if not value]
    if missing:
        raise BadConfig(
            f"live: no {' and no '.join(missing)} for {config.market.venue}; set LOPSIDE_API_KEY and "
            "LOPSIDE_API_SECRET, or live.key_file and live.secret_file"
        )
    return dict(zip(names, found, strict=False))


def account_of(config: Config) -> Account:
    """How the account is reached. Raises BadConfig while real money is not acknowledged."""
    venue = venue_named(config.market.venue)
    hosts = urls_of(config.market.urls).get(venue)
    if hosts is None and config.live.account == "live" and config.live.acknowledge != ACKNOWLEDGEMENT:
        raise BadConfig(f"live: real money needs live.acknowledge: {ACKNOWLEDGEMENT!r} in the configuration")
    if hosts is None:
        return Account(venue, credentials_of(config), test=config.live.account == "test")
    if venue != BINANCE:
        raise BadConfig(f"market.urls: orders go to another host only for {BINANCE}, was {venue!r}")

    def adapt(ex: Any) -> None:
        point_at(ex, hosts.rest, hosts.ws)

    return Account(venue, credentials_of(config), adapt=adapt)


def open_account(
    options: SessionOptions,
    source: Any,
    engine: Engine,
    journal: StoreJournal,
    keep: Callable[[], None],
    kept: Callable[[], None],
) -> LiveTrading:
    """The shell of a live session. Raises BadInput and BadConfig in words."""
    if not isinstance(source, LiveSource):
        raise BadInput("live: expected a live market; name one with --venue")
    assert engine.trading is not None
    venue = engine.trading.venue
    assert isinstance(venue, LiveVenue)

    def warn(what: str, detail: Mapping[str, Any]) -> None:
        journal.audit(engine.now_ns, what, detail)
        if options.on_warning is not None:
            options.on_warning(what, detail)

    venue.opened_ns = venue.opened_ns or source.clock.now_ns()
    broker = CcxtBroker(
        account_of(options.config),
        source.instruments,
        source.clock,
        fills_from_ns=venue.fills_from_ns,
        since_ns=venue.opened_ns,
        budget=source.budget(source.instruments[0].venue),
    )
    live = options.config.live
    return LiveTrading(
        broker,
        venue,
        engine,
        journal,
        source.clock,
        keep,
        kept,
        warn,
        trigger_by=TriggerBy.MARK if live.stop_trigger == "mark" else TriggerBy.LAST,
        look_every_s=live.look_every,
        heartbeat_url=live.heartbeat_url,
        dry=options.dry,
    )
