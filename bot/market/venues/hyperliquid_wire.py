"""Hyperliquid websocket frames and info answers as typed structs: what was sent, nothing decided.

Sources: Hyperliquid documentation, "WebSocket subscriptions" and "Info
endpoint"; recordings of 2025 and 2026.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

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
