"""Instruments as a venue lists them now, through ccxt: asked once a day, kept in a file.

Ticks and lots change by announcement several times a month, and a price that is
off the tick is refused, so a live session does not trust the shipped table. When
the venue cannot be asked the last answer serves, then the table; both are said.
Source of the fields: ccxt manual, "Market Structure" (precision, limits, contractSize).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.market.instruments import Contract, Instrument, find, shipped
from bot.market.venues.protocol import Hosts

EXPIRES_NS = 24 * 3600 * NS_PER_S
TIMEOUT_MS = 5_000
CCXT_NAMES = {
    "binance-usdm": "binanceusdm",
    "bybit-linear": "bybit",
    "okx": "okx",
    "hyperliquid": "hyperliquid",
}

Markets = Mapping[str, Instrument]
Ask = Callable[[str, Hosts | None], Markets]
OnNews = Callable[[str, Mapping[str, Any]], None]


def instruments_of(
    venue: str,
    symbols: Sequence[str],
    folder: Path,
    now_ns: int,
    *,
    hosts: Hosts | None = None,
    ask: Ask | None = None,
    on_news: OnNews | None = None,
) -> tuple[Instrument, ...]:
    """The venue's own description of these symbols.

    `hosts`: a server in the venue's place. It is asked at every start, and its last answer, kept apart
    from the venue's, serves when it cannot be: a session with open trades must find its ticks and lots
    again. Raises BadInput for a symbol that nobody knows.
    """
    kept = folder / f"{venue}.json" if hosts is None else folder / f"{venue}@{_place_of(hosts)}.json"
    markets = None if hosts else _fresh(kept, now_ns)
    if markets is None or any(s not in markets for s in symbols):
        try:
            markets = (ask or ask_ccxt)(venue, hosts)
            with suppress(OSError):  # then it is asked again; a full disk is said by whoever records
                _keep(kept, markets, now_ns)
        except (OSError, CannotAsk) as error:
            markets = _read(kept)[1] if kept.is_file() else {}
            said = "the last known" if markets else "the shipped"
            if on_news is not None:
                on_news("instruments_not_asked", {"reason": f"{venue}: {error}; {said} table serves"})
    return tuple(markets[s] if s in markets else find(f"{venue}:{s}") for s in symbols)


def _place_of(hosts: Hosts) -> str:
    """Host and port, as part of a file's name."""
    return urlsplit(hosts.rest).netloc.replace(":", "-")


class CannotAsk(Exception):
    """The venue did not answer, or ccxt is not installed."""


def ask_ccxt(venue: str, hosts: Hosts | None = None) -> Markets:
    """Every linear perpetual of a venue. Raises CannotAsk."""
    try:
        import ccxt
    except ImportError:
        raise CannotAsk("ccxt is not installed (pip install 'lopside[live]')") from None
    if hosts is not None and not CCXT_NAMES.get(venue, venue).startswith("binance"):
        raise CannotAsk(f"a server in the place of {venue} is not asked for its instruments")
    exchange = make_exchange(ccxt, venue, hosts)
    try:
        listed = exchange.load_markets()
    except ccxt.BaseError as error:
        raise CannotAsk(f"{type(error).__name__}: {str(error)[:200]}") from None
    made = {}
    for market in listed.values():
        if market.get("swap") and market.get("linear") and market.get("active") is not False:
            instrument = from_ccxt(venue, market)
            if instrument is not None:
                made[instrument.symbol] = instrument
    return made


def make_exchange(module: Any, venue: str, hosts: Hosts | None = None) -> Any:
    """An exchange of `ccxt` or `ccxt.pro`, without keys; `hosts` put a local server in its place."""
    name = CCXT_NAMES.get(venue, venue)
    options = {"fetchCurrencies": False, **_OPTIONS.get(name, {})}
    exchange = getattr(module, name)({"timeout": TIMEOUT_MS, "options": options})
    if hosts is not None:
        point(exchange, hosts)
    return exchange


_OPTIONS: dict[str, dict[str, Any]] = {
    "binanceusdm": {"fetchMarkets": {"types": ["linear"]}},
    "bybit": {"fetchMarkets": {"types": ["linear"]}},
    "okx": {"fetchMarkets": {"types": ["swap"]}},
    "hyperliquid": {"fetchMarkets": {"types": ["swap"]}},
}


def point(exchange: Any, hosts: Hosts) -> None:
    """Put a local server in the place of Binance's hosts; every other address fails loudly."""
    api = exchange.urls["api"]
    for name in list(api):
        if name == "ws":
            api["ws"] = {**api["ws"], "linear": f"{hosts.ws}/ws"}
        elif name == "fapiData":
            api[name] = f"{hosts.rest}/futures/data"
        elif name.startswith("fapi"):
            version = {"V2": "v2", "V3": "v3"}.get(name[-2:], "v1")
            api[name] = f"{hosts.rest}/fapi/{version}"
        elif isinstance(api[name], str):
            api[name] = f"{hosts.rest}/blocked/{name}"


def from_ccxt(venue: str, market: Mapping[str, Any]) -> Instrument | None:
    """A ccxt market as an Instrument; None when it lacks a tick or a lot."""
    tick, lot = market["precision"].get("price"), market["precision"].get("amount")
    if not tick or not lot:
        return None
    if venue == "hyperliquid":
        symbol = str(market["base"])
    else:
        symbol = str(market["id"]) if venue in CCXT_NAMES else f"{market['base']}{market['quote']}"
    known = shipped().get(f"{venue}:{symbol}")
    limits = market.get("limits", {})
    leverage = (limits.get("leverage") or {}).get("max")
    minimum = (limits.get("cost") or {}).get("min")
    base = known or Instrument(venue, symbol, Decimal(1), Decimal(1))
    try:
        made = replace(
            base,
            tick=_exact(tick),
            lot=_exact(lot),
            contract=Contract.INVERSE if market.get("inverse") else Contract.LINEAR,
            contract_size=_exact(market.get("contractSize") or 1),
            settle=str(market["settle"]),
            min_notional=_exact(minimum) if minimum else base.min_notional,
            max_leverage=int(leverage) if leverage else base.max_leverage,
        )
    except (ArithmeticError, ValueError, KeyError):
        return None
    changed = known is not None and made != known
    return replace(made, version=base.version + 1) if changed else made


def _exact(number: Any) -> Decimal:
    """ccxt gives steps as floats of short decimals; plain notation, no exponent."""
    value = Decimal(str(number)).normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


def _fresh(path: Path, now_ns: int) -> Markets | None:
    if not path.is_file():
        return None
    asked_ns, markets = _read(path)
    return markets if 0 <= now_ns - asked_ns < EXPIRES_NS else None


def _read(path: Path) -> tuple[int, Markets]:
    try:
        data = json.loads(path.read_text())
        markets = [Instrument.from_json(m) for m in data["markets"]]
        return int(data["asked_ns"]), {m.symbol: m for m in markets}
    except (OSError, ValueError, KeyError, TypeError, BadInput):
        return 0, {}  # damaged or of another version: ask again


def _keep(path: Path, markets: Markets, now_ns: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"asked_ns": now_ns, "markets": [m.to_json() for m in markets.values()]}))
    partial.replace(path)
