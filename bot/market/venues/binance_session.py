"""What a session asks of Binance USDⓈ-M: two connections by class of data, and REST polls.

Sources: Binance developer pages, USDS-margined futures: "Important WebSocket
Change Notice" of 2026-03-06 (public, market and private paths; a stream asked
for on the wrong path stays silent without an error), connection limits (24 h;
10 messages a second to the server; 1,024 streams), request weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bot.market.venues.protocol import Asked, Connect, Fetch, Hosts, Poll

HOSTS = Hosts(ws="wss://fstream.binance.com", rest="https://fapi.binance.com")
PUBLIC, MARKET = "public", "market"

_PUBLIC_STREAMS = ("depth@100ms", "trade", "bookTicker")
_MARKET_STREAMS = ("markPrice@1s", "forceOrder")
_BEATS = {PUBLIC: "btcusdt@depth5@500ms", MARKET: "btcusdt@markPrice@1s"}
"""Never pause, whatever the symbols: silence of a connection is then its own, not the market's."""

_STREAMS_A_MESSAGE = 100
_MESSAGES_EVERY_S = 0.2
_SILENT_S = 3.0
_RENEW_S = 23 * 3600.0
_SNAPSHOT_LIMIT, _SNAPSHOT_WEIGHT = 1000, 20
_AUDIT_LIMIT, _AUDIT_WEIGHT = 100, 5
_POLLED = (
    (Asked.AUDIT, f"/fapi/v1/depth?symbol={{}}&limit={_AUDIT_LIMIT}", _AUDIT_WEIGHT, 60.0),
    (Asked.OPEN_INTEREST, "/fapi/v1/openInterest?symbol={}", 1, 15.0),
    (Asked.LONG_SHORT, "/futures/data/globalLongShortAccountRatio?symbol={}&period=5m&limit=1", 0, 60.0),
)
"""The long/short ratio has a budget of its own, 1,000 requests in 5 minutes."""
_FUNDING_INFO = Poll(Fetch(Asked.FUNDING, "", "/fapi/v1/fundingInfo", 1), 3600.0)


def connections(symbols: Sequence[str], hosts: Hosts) -> tuple[Connect, ...]:
    return tuple(
        Connect(
            name,
            f"{hosts.ws}/{name}/stream",
            _subscriptions(name, symbols, streams),
            hello_every_s=_MESSAGES_EVERY_S,
            silent_after_s=_SILENT_S,
            renew_after_s=_RENEW_S,
        )
        for name, streams in ((PUBLIC, _PUBLIC_STREAMS), (MARKET, _MARKET_STREAMS))
    )


def polls(symbols: Sequence[str]) -> tuple[Poll, ...]:
    each = (
        Poll(Fetch(asked, symbol, path.format(symbol), weight), every_s)
        for asked, path, weight, every_s in _POLLED
        for symbol in symbols
    )
    return (_FUNDING_INFO, *each)


def snapshot_of(symbol: str) -> Fetch:
    path = f"/fapi/v1/depth?symbol={symbol}&limit={_SNAPSHOT_LIMIT}"
    return Fetch(Asked.SNAPSHOT, symbol, path, _SNAPSHOT_WEIGHT)


def _subscriptions(name: str, symbols: Sequence[str], streams: Sequence[str]) -> tuple[bytes, ...]:
    wanted = dict.fromkeys([f"{s.lower()}@{stream}" for s in symbols for stream in streams] + [_BEATS[name]])
    params = list(wanted)
    chunks = [params[i : i + _STREAMS_A_MESSAGE] for i in range(0, len(params), _STREAMS_A_MESSAGE)]
    return tuple(
        msgspec.json.encode({"method": "SUBSCRIBE", "params": chunk, "id": number})
        for number, chunk in enumerate(chunks, 1)
    )
