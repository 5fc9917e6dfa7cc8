"""Binance market data frames as typed structs: what was sent, nothing decided.

Accepts combined-stream frames (`{"stream":..., "data":...}`), bare payloads
and REST depth snapshots. Numbers stay the text the venue wrote; the two sides
of a book stay JSON text for the compiled decoder.
Sources: Binance developer pages of spot, USDS-margined and COIN-margined market
streams; recorded frames where they differ.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from bot.market.events import Flag
from bot.market.venues.layout import Form, Key, Layout, Means, Told

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Stamp = Annotated[int, Meta(ge=0, le=9_000_000_000_000_000)]
"""Milliseconds, or microseconds where a spot connection asked for them."""


AGGREGATE = "aggregate"


class Depth(Struct, gc=False):
    s: str
    U: Id
    u: Id
    b: Raw
    a: Raw
    E: Stamp = 0
    T: Stamp = 0
    pu: Id | None = None
    e: str = ""


class Snapshot(Struct, gc=False):
    lastUpdateId: Id
    bids: Raw
    asks: Raw
    E: Stamp = 0
    T: Stamp = 0
    symbol: str = ""


class Trade(Struct, gc=False):
    s: str
    t: Id
    p: str
    q: str
    m: bool
    E: Stamp = 0
    T: Stamp = 0
    X: str = "MARKET"
    e: str = ""


class AggTrade(Struct, gc=False, rename={"t": "a"}):
    """Under the names of a `Trade`; it says no nature, as the fills of an order share none."""

    s: str
    t: Id
    p: str
    q: str
    m: bool
    E: Stamp = 0
    T: Stamp = 0
    X: str = AGGREGATE
    e: str = ""


class BookTicker(Struct, gc=False):
    s: str
    u: Id
    b: str
    B: str
    a: str
    A: str
    E: Stamp = 0
    T: Stamp = 0
    e: str = ""


class MarkPrice(Struct, gc=False):
    s: str
    p: str
    i: str = ""
    r: str = ""
    T: Stamp = 0  # the next funding, not this event
    E: Stamp = 0
    e: str = ""


class ForcedOrder(Struct, gc=False):
    s: str
    S: str
    p: str
    q: str
    z: str = ""
    T: Stamp = 0


class ForceOrder(Struct, gc=False):
    o: ForcedOrder
    E: Stamp = 0
    e: str = ""


class Other(Struct, gc=False):
    """A frame of a kind that is not used, or an answer to a request of ours."""

    kind: str


class OpenInterest(Struct, gc=False):
    openInterest: str
    time: Stamp = 0


class LongShort(Struct, gc=False):
    longShortRatio: str
    timestamp: Stamp | str = 0


class FundingInterval(Struct, gc=False):
    symbol: str
    fundingIntervalHours: Annotated[int, Meta(ge=1, le=24)]


Message = Depth | Snapshot | Trade | AggTrade | BookTicker | MarkPrice | ForceOrder | Other


class _Outer(Struct, gc=False):
    stream: str = ""
    data: Raw = Raw()
    e: str = ""
    lastUpdateId: int = -1
    u: int = -1
    B: Raw = Raw()


_OUTER = msgspec.json.Decoder(_Outer)
_SNAPSHOT = msgspec.json.Decoder(Snapshot)
_BOOK_TICKER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(BookTicker)
_BY_EVENT: dict[str, msgspec.json.Decoder[Any]] = {
    "depthUpdate": msgspec.json.Decoder(Depth),
    "trade": msgspec.json.Decoder(Trade),
    "aggTrade": msgspec.json.Decoder(AggTrade),
    "bookTicker": _BOOK_TICKER,
    "markPriceUpdate": msgspec.json.Decoder(MarkPrice),
    "forceOrder": msgspec.json.Decoder(ForceOrder),
}
OPEN_INTEREST = msgspec.json.Decoder(OpenInterest)
LONG_SHORT = msgspec.json.Decoder(list[LongShort])
FUNDING_INTERVALS = msgspec.json.Decoder(list[FundingInterval])
_FRAMES: dict[str, msgspec.json.Decoder[Any]] = {
    event: msgspec.json.Decoder(msgspec.defstruct("Frame", [("data", decoder.type)], gc=False))
    for event, decoder in _BY_EVENT.items()
}
_EVENT_OF_STREAM = {
    "depth": "depthUpdate",
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
    "markPrice": "markPriceUpdate",
    "forceOrder": "forceOrder",
    "!bookTicker": "bookTicker",
    "!forceOrder": "forceOrder",
}


def read(payload: bytes) -> Message:
    """The message in a frame. Raises msgspec.MsgspecError or UnicodeDecodeError when it is malformed.

    A stream's name rules over its payload: `@depth20` and `@rpiDepth` carry
    `"e":"depthUpdate"` too and are not the book's changes.
    """
    outer = _OUTER.decode(payload)
    if outer.stream:
        return _read_data(event_of_stream(outer.stream), outer.data, outer.stream)
    if outer.e:
        decoder = _BY_EVENT.get(outer.e)
        return decoder.decode(payload) if decoder else Other(outer.e)
    if outer.lastUpdateId >= 0:
        return _SNAPSHOT.decode(payload)
    if outer.u >= 0 and outer.B:
        return _BOOK_TICKER.decode(payload)  # spot names no event here
    return Other("control")


COMBINED = b'{"stream":"'
_KNOWN_STREAMS = 4096
_decoders: dict[bytes, tuple[str, msgspec.json.Decoder[Any]]] = {}


def read_fast(payload: bytes) -> Message:
    """`read`, with one pass instead of two over a combined-stream frame of a stream that was seen before."""
    if payload.startswith(COMBINED):
        start = len(COMBINED)
        stream = payload[start : payload.find(b'"', start)]
        known = _decoders.get(stream)
        if known is not None:
            message: Any = known[1].decode(payload).data
            return Other(message.e) if message.e and message.e != known[0] else message  # type: ignore[no-any-return]
        event = event_of_stream(stream.decode())
        if event and len(_decoders) < _KNOWN_STREAMS:
            _decoders[stream] = event, _FRAMES[event]
    return read(payload)


@lru_cache(maxsize=4096)
def event_of_stream(stream: str) -> str:
    """Event name of a stream such as `btcusdt@depth@100ms`, empty for kinds that are not used.

    `!markPrice@arr` and its like put all symbols into one list; nothing here subscribes to them.
    """
    symbol, _, rest = stream.partition("@")
    name = symbol if symbol.startswith("!") else rest.partition("@")[0]
    return _EVENT_OF_STREAM.get(name, "")


def _read_data(event: str, data: Raw, stream: str) -> Message:
    decoder = _BY_EVENT.get(event)
    if decoder is None:
        return Other(stream.partition("@")[2] or stream)
    message: Any = decoder.decode(data)
    if message.e and message.e != event:
        return Other(message.e)
    return message  # type: ignore[no-any-return]


def _inner(event: str, *keys: Key) -> list[Key]:
    """The keys of a combined-stream frame of an event."""
    within = [
        Key("e", Means.ONLY, words=(event, ""), needed=False),
        Key("E", Means.WHOLE, Told.STAMP_ELSE, needed=False),
        Key("T", Means.WHOLE, Told.STAMP, needed=False),
        Key("s", Means.SYMBOL),
        *keys,
    ]
    return [Key("data", Means.INTO, 1), *(key._replace(within=1) for key in within)]


def _of_print(id_key: str, nature: str) -> list[Key]:
    return [
        Key(id_key, Means.WHOLE, Told.ID),
        Key("p", Means.PRICE, Told.PRICE),
        Key("q", Means.LOTS, Told.LOTS),
        Key("X", Means.ONLY, words=(nature, ""), needed=False),
        Key("m", Means.EITHER, Told.SIDE, words=("false", "true")),
    ]


def depth_layout(*, needs_prev: bool) -> Layout:
    return Layout(
        Form.CHANGES,
        _inner(
            "depthUpdate",
            Key("U", Means.WHOLE, Told.FROM),
            Key("u", Means.WHOLE, Told.ID),
            Key("pu", Means.WHOLE, Told.PREV, needed=needs_prev),
            Key("b", Means.BIDS),
            Key("a", Means.ASKS),
        ),
    )


TRADE_LAYOUT = Layout(Form.PRINTS, _inner("trade", *_of_print("t", "MARKET")))
AGG_TRADE_LAYOUT = Layout(
    Form.PRINTS, _inner("aggTrade", *_of_print("a", AGGREGATE)), flags=int(Flag.AGGREGATE)
)
BOOK_TICKER_LAYOUT = Layout(
    Form.TOUCH,
    _inner(
        "bookTicker",
        Key("u", Means.WHOLE, Told.ID),
        Key("b", Means.PRICE, Told.BID),
        Key("B", Means.LOTS, Told.BID_LOTS),
        Key("a", Means.PRICE, Told.ASK),
        Key("A", Means.LOTS, Told.ASK_LOTS),
    ),
)
