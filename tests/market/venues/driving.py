"""A stream with its rows, driven by plain dictionaries."""

from __future__ import annotations

import json
from typing import Any

from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import find
from bot.market.venues.known import stream_of
from bot.market.venues.protocol import Asked, Fetch, Wanted

S = 1_000_000_000
T0 = 1_790_000_000 * S
T0_MS = 1_790_000_000_000

COLUMNS = ["kind", "market", "side", "price", "value", "ref", "flags"]


class Feed:
    def __init__(self, *keys: str) -> None:
        instruments = [find(key) for key in keys]
        self.stream = stream_of(instruments[0].venue, dict(enumerate(instruments)))
        self.out = RowBuffer()

    def send(self, message: Any, at_s: float = 0.0, name: str = "public") -> tuple[Wanted, ...]:
        return self.stream.on_frame(name, T0 + int(at_s * S), encode(message), self.out)

    def answer(self, asked: Asked, symbol: str, message: Any, at_s: float = 0.0) -> tuple[Wanted, ...]:
        return self.stream.on_rest(Fetch(asked, symbol, ""), T0 + int(at_s * S), encode(message), self.out)

    def rows(self) -> list[tuple]:
        """What came since the last call."""
        return [tuple(row[COLUMNS].tolist()) for row in self.out.take()]

    def kinds(self) -> list[Kind]:
        return [Kind(row[0]) for row in self.rows()]


def encode(message: Any) -> bytes:
    return message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()


def gap(ref: int, market: int = 0) -> tuple:
    return (Kind.GAP, market, 0, 0, 0.0, ref, 0)


def commit(ref: int, flags: int = 0, market: int = 0) -> tuple:
    return (Kind.COMMIT, market, 0, 0, 0.0, ref, flags)


def level(side: int, price: int, lots: float, market: int = 0) -> tuple:
    return (Kind.LEVEL, market, side, price, lots, 0, 0)


def touch(bid: tuple[int, float], ask: tuple[int, float], ref: int, market: int = 0) -> list[tuple]:
    return [
        (Kind.BBO, market, 1, *bid, 0, 0),
        (Kind.BBO, market, -1, *ask, 0, 0),
        commit(ref, Flag.BBO, market),
    ]
