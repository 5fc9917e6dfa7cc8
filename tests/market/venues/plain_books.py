"""Books rebuilt from recorded frames with dictionaries and Decimal only: the oracle of the streams."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal

from bot.market.events import Flag, Kind
from bot.market.instruments import Instrument

Side = dict[Decimal, Decimal]


@dataclass
class PlainBook:
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)

    def apply(self, bids: list, asks: list) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for level in levels:
                price, size = Decimal(level[0]), Decimal(level[1])
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)

    def clear(self) -> None:
        self.bids.clear()
        self.asks.clear()


def from_rows(books: dict[int, PlainBook], instruments: dict[int, Instrument], rows) -> list[int]:
    """Apply EVENT rows; the markets that got a book commit."""
    committed = []
    for row in rows:
        market, kind = int(row["market"]), int(row["kind"])
        book = books.setdefault(market, PlainBook())
        made = instruments[market]
        if kind == Kind.SNAPSHOT:
            book.clear()
        elif kind == Kind.LEVEL:
            level = (made.price(int(row["price"])), made.quantity(int(row["value"])))
            book.apply([level] if row["side"] > 0 else [], [level] if row["side"] < 0 else [])
        elif kind == Kind.COMMIT and not int(row["flags"]) & Flag.BBO:
            committed.append(market)
    return committed


def from_frame(books: dict[str, PlainBook], venue: str, payload: bytes) -> str:
    """Apply a frame of the venue; the symbol whose book it changed, "" for other frames."""
    if payload == b"pong":
        return ""
    frame = json.loads(payload)
    if venue == "bybit-linear" and frame.get("topic", "").startswith("orderbook.2"):
        data, fresh = frame["data"], frame["type"] == "snapshot"
        symbol, bids, asks = data["s"], data["b"], data["a"]
    elif venue == "okx" and frame.get("arg", {}).get("channel") == "books" and "data" in frame:
        symbol, fresh = frame["arg"]["instId"], frame["action"] == "snapshot"
        bids, asks = frame["data"][0]["bids"], frame["data"][0]["asks"]
    elif venue == "hyperliquid" and frame["channel"] == "l2Book":
        symbol, fresh = frame["data"]["coin"], True
        bids, asks = ([(x["px"], x["sz"]) for x in side] for side in frame["data"]["levels"])
    else:
        return ""
    book = books.setdefault(symbol, PlainBook())
    if fresh:
        book.clear()
    book.apply(bids, asks)
    return str(symbol)
