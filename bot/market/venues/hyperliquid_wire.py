"""Hyperliquid websocket frames and info answers as typed structs: what was sent, nothing decided.

Sources: Hyperliquid documentation, "WebSocket subscriptions" and "Info
endpoint"; recordings of 2025 and 2026.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from bot.market.venues.layout import Form, Key, Layout, Means, Told

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Stamp = Annotated[int, Meta(ge=0, le=9_000_000_000_000_000)]


class Head(Struct, gc=False):
    channel: str
    data: Raw = Raw()


class Book(Struct, gc=False):
    coin: str
    time: Stamp
    levels: tuple[Raw, Raw]  # bids, asks
    fast: bool = False


class Level(Struct, gc=False):
    px: str
    sz: str


class Touch(Struct, gc=False):
    coin: str
    time: Stamp
    bbo: tuple[Level | None, Level | None]


class Print(Struct, gc=False):
    coin: str
    side: str
    px: str
    sz: str
    time: Stamp
    tid: Id


class Context(Struct, gc=False):
    funding: str
    openInterest: str
    oraclePx: str
    markPx: str


class AssetContext(Struct, gc=False):
    coin: str
    ctx: Context


HEAD = msgspec.json.Decoder(Head)
BOOK = msgspec.json.Decoder(Book)
TOUCH = msgspec.json.Decoder(Touch)
TRADES = msgspec.json.Decoder(list[Print])
CONTEXT = msgspec.json.Decoder(AssetContext)

BOOK_LAYOUT = Layout(
    Form.BOOK,
    [
        Key("data", Means.INTO, 1),
        Key("coin", Means.SYMBOL, within=1),
        Key("time", Means.TIME, within=1),
        Key("levels", Means.SIDES, within=1),
        Key("fast", Means.EITHER, Told.SIDE, ("true", "false"), within=1, needed=False),
    ],
)
TOUCH_LAYOUT = Layout(
    Form.BEST_LEVELS,
    [
        Key("data", Means.INTO, 1),
        Key("coin", Means.SYMBOL, within=1),
        Key("time", Means.TIME, within=1),
        Key("bbo", Means.BEST, within=1),
    ],
)
TRADES_LAYOUT = Layout(
    Form.PRINTS,
    [
        Key("data", Means.EACH, 1),
        Key("coin", Means.SYMBOL, within=1),
        Key("side", Means.EITHER, Told.SIDE, ("B", "A"), within=1),
        Key("px", Means.PRICE, Told.PRICE, within=1),
        Key("sz", Means.LOTS, Told.LOTS, within=1),
        Key("time", Means.WHOLE, Told.STAMP, within=1),
        Key("tid", Means.WHOLE, Told.ID, within=1),
    ],
)
