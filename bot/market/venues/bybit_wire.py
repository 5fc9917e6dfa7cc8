"""Bybit V5 public frames and REST answers as typed structs: what was sent, nothing decided.

Sources: Bybit API documentation, v5 websocket public (orderbook, trade, ticker,
all-liquidation) and v5 market; recordings of 2026.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from bot.market.venues.layout import Form, Key, Layout, Means, Told

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Stamp = Annotated[int, Meta(ge=0, le=9_000_000_000_000_000)]


class Head(Struct, gc=False):
    topic: str = ""
    op: str = ""
    success: bool = True
    ret_msg: str = ""


class Levels(Struct, gc=False):
    s: str
    b: Raw
    a: Raw
    u: Id
    seq: Id = 0
    cts: Stamp = 0  # only in REST answers, where it stands beside the levels
    ts: Stamp = 0


class Book(Struct, gc=False):
    type: str
    data: Levels
    ts: Stamp = 0
    cts: Stamp = 0  # the matching engine's time


class Print(Struct, gc=False):
    T: Stamp
    s: str
    S: str
    v: str
    p: str
    i: str
    BT: bool = False
    RPI: bool = False
    seq: Id = 0


class Trades(Struct, gc=False):
    data: list[Print]


class Fields(Struct, gc=False):
    """Of a ticker; one that a delta leaves out has not changed."""

    symbol: str
    markPrice: str | None = None
    indexPrice: str | None = None
    openInterest: str | None = None
    fundingRate: str | None = None
    nextFundingTime: str | None = None
    fundingIntervalHour: str | None = None
    bid1Price: str | None = None
    bid1Size: str | None = None
    ask1Price: str | None = None
    ask1Size: str | None = None


class Ticker(Struct, gc=False):
    type: str
    data: Fields
    ts: Stamp = 0
    cs: Id = 0


class Forced(Struct, gc=False):
    T: Stamp
    s: str
    S: str
    v: str
    p: str


class Liquidations(Struct, gc=False):
    data: list[Forced]


class BookAnswer(Struct, gc=False):
    result: Levels
    retCode: int = 0


class Ratio(Struct, gc=False):
    symbol: str
    buyRatio: str
    sellRatio: str
    timestamp: str = "0"


class Ratios(Struct, gc=False, rename={"ratios": "list"}):
    ratios: list[Ratio]


class RatioAnswer(Struct, gc=False):
    result: Ratios
    retCode: int = 0


TOPIC_FIRST = b'{"topic":"'


def topic_of(payload: bytes) -> str:
    """The topic of a frame, "" for frames without. It comes first, which spares reading the frame twice.

    Raises msgspec.MsgspecError or UnicodeDecodeError when the frame is malformed.
    """
    if payload.startswith(TOPIC_FIRST):
        start = len(TOPIC_FIRST)
        return payload[start : payload.find(b'"', start)].decode()
    return HEAD.decode(payload).topic


HEAD = msgspec.json.Decoder(Head)
BOOK = msgspec.json.Decoder(Book)
TRADES = msgspec.json.Decoder(Trades)
TICKER = msgspec.json.Decoder(Ticker)
LIQUIDATIONS = msgspec.json.Decoder(Liquidations)
BOOK_ANSWER = msgspec.json.Decoder(BookAnswer)
RATIO_ANSWER = msgspec.json.Decoder(RatioAnswer)


def _book_layout(form: Form, kind: str) -> Layout:
    return Layout(
        form,
        [
            Key("type", Means.ONLY, words=(kind, "")),
            Key("ts", Means.WHOLE, Told.STAMP_ELSE, needed=False),
            Key("cts", Means.WHOLE, Told.STAMP, needed=False),
            Key("data", Means.INTO, 1),
            Key("s", Means.SYMBOL, within=1),
            Key("b", Means.BIDS, within=1),
            Key("a", Means.ASKS, within=1),
            Key("u", Means.WHOLE, Told.ID, within=1),
            Key("seq", Means.WHOLE, Told.SPAN, within=1, needed=False),
        ],
    )


CHANGE_LAYOUT = _book_layout(Form.CHANGES, "delta")
TOUCH_LAYOUT = _book_layout(Form.BEST_LEVELS, "snapshot")
TRADES_LAYOUT = Layout(
    Form.PRINTS,
    [
        Key("data", Means.EACH, 1),
        Key("T", Means.WHOLE, Told.STAMP, within=1),
        Key("s", Means.SYMBOL, within=1),
        Key("S", Means.EITHER, Told.SIDE, ("Buy", "Sell"), within=1),
        Key("v", Means.LOTS, Told.LOTS, within=1),
        Key("p", Means.PRICE, Told.PRICE, within=1),
        Key("i", Means.SPAN, Told.SPAN, within=1),
        Key("BT", Means.ONLY, words=("false", ""), within=1, needed=False),
        Key("RPI", Means.ONLY, words=("false", ""), within=1, needed=False),
        Key("seq", Means.WHOLE, Told.ID, within=1, needed=False),
    ],
)
