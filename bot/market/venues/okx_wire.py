"""OKX V5 public frames and REST answers as typed structs: what was sent, nothing decided.

Sources: OKX API guide V5, public data and order book channels; recordings of
2022 (which carry checksums and no sequence ids) and of 2026 (the reverse).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from bot.market.venues.layout import Form, Key, Layout, Means, Told

Id = Annotated[int, Meta(ge=-1, le=2**63 - 1)]


class Arg(Struct, gc=False, frozen=True):
    channel: str = ""
    instId: str = ""
    instType: str = ""


class Head(Struct, gc=False):
    arg: Arg = Arg()
    event: str = ""
    code: str = ""
    msg: str = ""


class Levels(Struct, gc=False):
    asks: Raw
    bids: Raw
    ts: str
    seqId: Id | None = None
    prevSeqId: Id | None = None
    checksum: int = 0


class Book(Struct, gc=False):
    arg: Arg
    data: tuple[Levels]
    action: str = ""


class Print(Struct, gc=False):
    instId: str
    tradeId: str
    px: str
    sz: str
    side: str
    ts: str
    count: str = "1"
    source: str = "0"


class Mark(Struct, gc=False):
    instId: str
    markPx: str
    ts: str


class Index(Struct, gc=False):
    instId: str
    idxPx: str
    ts: str


class Funding(Struct, gc=False):
    instId: str
    fundingRate: str
    fundingTime: str
    nextFundingTime: str = ""
    ts: str = ""


class Interest(Struct, gc=False):
    instId: str
    oi: str
    oiCcy: str
    ts: str


class Touch(Struct, gc=False):
    instId: str
    askPx: str
    askSz: str
    bidPx: str
    bidSz: str
    ts: str


class Forced(Struct, gc=False):
    bkPx: str
    sz: str
    side: str
    ts: str


class ForcedOrders(Struct, gc=False):
    instId: str
    details: list[Forced]


class BookAnswer(Struct, gc=False):
    data: tuple[Levels]


class RatioAnswer(Struct, gc=False):
    data: list[tuple[str, str]]  # time, ratio; newest first


def _frame(kind: Any) -> msgspec.json.Decoder[Any]:
    """Decoder of a frame whose data is a list of `kind`."""
    return msgspec.json.Decoder(msgspec.defstruct("Frame", [("data", list[kind])], gc=False))


HEAD = msgspec.json.Decoder(Head)
BOOK = msgspec.json.Decoder(Book)
BOOK_ANSWER = msgspec.json.Decoder(BookAnswer)
RATIO_ANSWER = msgspec.json.Decoder(RatioAnswer)
FRAMES: dict[str, msgspec.json.Decoder[Any]] = {
    "trades": _frame(Print),
    "mark-price": _frame(Mark),
    "index-tickers": _frame(Index),
    "funding-rate": _frame(Funding),
    "open-interest": _frame(Interest),
    "tickers": _frame(Touch),
    "liquidation-orders": _frame(ForcedOrders),
}


_ARG = Key("arg", Means.INTO, 2)


def _book_layout(form: Form, *keys: Key) -> Layout:
    return Layout(
        form,
        [
            _ARG,
            *keys,
            Key("data", Means.EACH, 1),
            Key("asks", Means.ASKS, within=1),
            Key("bids", Means.BIDS, within=1),
            Key("ts", Means.QUOTED, Told.STAMP, within=1),
            Key("checksum", Means.WHOLE, Told.COUNT, within=1, needed=False),
            Key("prevSeqId", Means.WHOLE, Told.PREV, within=1, needed=form is Form.CHANGES),
            Key("seqId", Means.WHOLE, Told.ID, within=1, needed=form is Form.CHANGES),
        ],
    )


CHANGE_LAYOUT = _book_layout(Form.CHANGES, Key("action", Means.ONLY, words=("update", "")))
TOUCH_LAYOUT = _book_layout(Form.BEST_LEVELS)
TRADES_LAYOUT = Layout(
    Form.PRINTS,
    [
        _ARG,
        Key("data", Means.EACH, 1),
        Key("instId", Means.SYMBOL, within=1),
        Key("tradeId", Means.QUOTED, Told.ID, within=1),
        Key("px", Means.PRICE, Told.PRICE, within=1),
        Key("sz", Means.LOTS, Told.LOTS, within=1),
        Key("side", Means.EITHER, Told.SIDE, ("buy", "sell"), within=1),
        Key("ts", Means.QUOTED, Told.STAMP, within=1),
        Key("count", Means.QUOTED, Told.COUNT, within=1, needed=False),
        Key("source", Means.ONLY, words=("0", ""), within=1, needed=False),
    ],
)
