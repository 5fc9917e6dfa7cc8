"""Whatever a venue sends: nothing raises, a frame counts whole or not at all, and the books heal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.events import EVENT, MAX_TICK, Flag, Kind
from bot.market.venues.protocol import Asked
from tests.market.venues.driving import T0, T0_MS, Feed, S, encode
from tests.market.venues.test_bybit import book as bybit_book
from tests.market.venues.test_bybit import ticker as bybit_ticker
from tests.market.venues.test_bybit import trade as bybit_trade
from tests.market.venues.test_hyperliquid import book as hl_book
from tests.market.venues.test_hyperliquid import sides as hl_sides
from tests.market.venues.test_hyperliquid import trade as hl_trade
from tests.market.venues.test_okx import book as okx_book
from tests.market.venues.test_okx import told as okx_told
from tests.market.venues.test_okx import trade as okx_trade

LEVELS = [["65114.2", "6.05"], ["65114.1", "0"], ["65000.0", "1"]], [["65114.3", "1"], ["65200.5", "0.5"]]


def depth(first: int, last: int, prev: int) -> dict:
    data = {"e": "depthUpdate", "E": T0_MS, "T": T0_MS, "s": "BTCUSDT", "U": first, "u": last, "pu": prev}
    return {"stream": "btcusdt@depth@100ms", "data": data | {"b": LEVELS[0], "a": LEVELS[1]}}


def binance(stream: str, event: str, **fields: Any) -> dict:
    return {"stream": f"btcusdt@{stream}", "data": {"e": event, "E": T0_MS, "s": "BTCUSDT", **fields}}


def coin(channel: str, **fields: Any) -> dict:
    return {"channel": channel, "data": {"coin": "BTC", **fields}}


def with_counts(side: list[list[str]]) -> list[list[str]]:
    return [[price, size, "0", "3"] for price, size in side]


FORCED = {"s": "BTCUSDT", "S": "SELL", "q": "0.014", "p": "65110", "ap": "65110", "z": "0.014", "T": T0_MS}
LIQUIDATED = {"T": T0_MS, "s": "BTCUSDT", "S": "Buy", "v": "0.02", "p": "65000.1"}
BEST = {"b": "65114.2", "B": "6", "a": "65114.3", "A": "1"}
BINANCE: list[Any] = [
    depth(101, 110, 100),
    depth(115, 120, 110),
    binance("trade", "trade", T=T0_MS, t=7, p="65114.2", q="1", X="MARKET", m=True),
    binance("bookTicker", "bookTicker", u=119, T=T0_MS, **BEST),
    binance("markPrice@1s", "markPriceUpdate", p="65114.22", i="65110.1", r="0.0001", T=T0_MS + 9),
    binance("forceOrder", "forceOrder", o=FORCED),
]
BYBIT: list[Any] = [
    bybit_book(10, *LEVELS, fresh=True),
    bybit_book(11, *LEVELS),
    bybit_book(12, *LEVELS, depth=1, fresh=True),
    bybit_trade("a"),
    bybit_ticker(True, markPrice="65000.5", indexPrice="65001", openInterest="5.5", fundingRate="0.0001"),
    bybit_ticker(bid1Price="1.0", bid1Size="1", ask1Price="2.0", ask1Size="1"),
    {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": T0_MS, "data": [LIQUIDATED]},
]
OKX: list[Any] = [
    okx_book(100, -1, with_counts(LEVELS[0]), with_counts(LEVELS[1]), fresh=True),
    okx_book(107, 100, with_counts(LEVELS[0]), with_counts(LEVELS[1])),
    okx_trade(5, count="10", source="0"),
    okx_told("bbo-tbt", {"asks": [["63921.5", "1"]], "bids": [["63921.4", "2"]], "seqId": 8}),
    okx_told("mark-price", {"markPx": "84660.1"}),
    okx_told("open-interest", {"oi": "2500000", "oiCcy": "25000.5"}),
    okx_told(
        "funding-rate",
        {"fundingRate": "0.0001", "fundingTime": str(T0_MS), "nextFundingTime": str(T0_MS + 9)},
    ),
]
HYPERLIQUID: list[Any] = [
    hl_book(T0_MS, hl_sides(("84143.0", "10.25")), hl_sides(("84144.0", "50.6")), fast=True),
    hl_trade(7),
    coin("bbo", time=T0_MS, bbo=[*hl_sides(("84143.0", "1")), *hl_sides(("84144.0", "2"))]),
    coin("activeAssetCtx", ctx={"funding": "0.00001", "openInterest": "3", "oraclePx": "8", "markPx": "8"}),
]


@dataclass(frozen=True)
class Venue:
    key: str
    frames: list[Any]
    symbol: str

    def feed(self) -> Feed:
        feed = Feed(self.key)
        feed.stream.on_connected("public", T0, feed.out)
        if self.frames is BINANCE:
            feed.send(depth(90, 100, 80))
            feed.answer(Asked.SNAPSHOT, "BTCUSDT", {"lastUpdateId": 95, "bids": LEVELS[0], "asks": LEVELS[1]})
        else:
            feed.send(self.frames[0])
        feed.out.take()
        return feed


VENUES = {
    "binance": Venue("binance-usdm:BTCUSDT", BINANCE, "BTCUSDT"),
    "bybit": Venue("bybit-linear:BTCUSDT", BYBIT, "BTCUSDT"),
    "okx": Venue("okx:BTC-USDT-SWAP", OKX, "BTC-USDT-SWAP"),
    "hyperliquid": Venue("hyperliquid:BTC", HYPERLIQUID, "BTC"),
}
NONSENSE = [
    *(b"NaN", b'"NaN"', b'"inf"', b'"-1"', b"-1", b'"-0"', b'"1e400"', b"1e400", b'"0"', b"0"),
    *(b'"99999999999999999999999"', b"99999999999999999999", b'"0.00000000001"'),
    *(b"null", b'""', b"[]", b"{}", b"true", b'"\\u0000"', b'"\xff"'),
]
_VALUE = re.compile(rb'"[^"]*"|-?\d+(?:\.\d+)?|true|false|null|\[\]')


@st.composite
def bent(draw: st.DrawFn, frames: list[Any]) -> bytes:
    """A frame, mostly with one to three of its tokens, bytes or ends changed."""
    text = encode(draw(st.sampled_from(frames)))
    for _ in range(draw(st.integers(0, 3))):
        how = draw(st.sampled_from(["token", "token", "token", "cut", "byte", "double"]))
        if how == "token" and (spans := [m.span() for m in _VALUE.finditer(text)]):
            start, end = draw(st.sampled_from(spans))
            text = text[:start] + draw(st.sampled_from(NONSENSE)) + text[end:]
        elif how == "cut":
            text = text[: draw(st.integers(0, len(text)))]
        elif how == "byte" and text:
            at = draw(st.integers(0, len(text) - 1))
            text = text[:at] + bytes([draw(st.integers(0, 255))]) + text[at + 1 :]
        elif how == "double":
            text = text + text
    return text


def sane(rows: np.ndarray) -> None:
    """What any consumer may rely on: whole messages, numbers in their ranges."""
    assert rows.dtype == EVENT
    assert np.isfinite(rows["value"]).all()
    assert ((rows["price"] >= 0) & (rows["price"] <= MAX_TICK)).all()
    assert (
        rows["value"][np.isin(rows["kind"], [Kind.LEVEL, Kind.BBO, Kind.TRADE, Kind.LIQUIDATION])] >= 0
    ).all()
    assert (rows["value"][rows["kind"] == Kind.MARK] > 0).all()
    trades = rows[(rows["kind"] == Kind.TRADE) & (rows["flags"] & Flag.NOT_MARKET == 0)]
    assert ((trades["price"] > 0) & (trades["value"] > 0)).all()
    opened = 0
    for kind, flags in zip(rows["kind"].tolist(), rows["flags"].tolist(), strict=True):
        if kind in (Kind.LEVEL, Kind.SNAPSHOT, Kind.BBO):
            opened += 1
        elif kind == Kind.COMMIT:
            assert opened or not flags & Flag.BBO
            opened = 0
        else:
            assert not opened, "a message within a message"
    assert not opened


def books_of(feed: Feed) -> list:
    return [
        {k: v for k, v in vars(book).items() if k in ("synced", "last", "gaps", "joins")}
        | {"touch": book.touch_ids.last, "print": book.print_ids.last}
        for book in feed.stream.books.values()  # type: ignore[attr-defined]
    ]


@pytest.mark.parametrize("name", VENUES)
@settings(max_examples=80)
@given(data=st.data())
def test_bent_frames_never_raise_and_never_count_half(name: str, data: st.DataObject) -> None:
    venue = VENUES[name]
    feed = venue.feed()
    for step in range(data.draw(st.integers(1, 6))):
        payload = data.draw(bent(venue.frames))
        before, refused = books_of(feed), feed.stream.refused
        feed.stream.on_frame("public", T0 + (step + 1) * S, payload, feed.out)
        rows = feed.out.take()
        sane(rows)
        if feed.stream.refused > refused:
            assert len(rows) == 0
            assert books_of(feed) == before
    heal(venue, feed)


def heal(venue: Venue, feed: Feed) -> None:
    """A new connection brings everything back, whatever came before."""
    feed.stream.on_disconnected("public", T0 + 100 * S, feed.out)
    feed.stream.on_connected("public", T0 + 101 * S, feed.out)
    sane(feed.out.take())
    if venue.frames is BINANCE:
        feed.send(depth(2**41, 2**41 + 9, 2**41 - 1), at_s=102)
        answer = {"lastUpdateId": 2**41 + 5, "bids": LEVELS[0], "asks": LEVELS[1]}
        feed.answer(Asked.SNAPSHOT, "BTCUSDT", answer, at_s=102)
    elif venue.frames is HYPERLIQUID:
        feed.send(
            hl_book(9 * T0_MS // 2, hl_sides(("84143.0", "1")), hl_sides(("84144.0", "2")), fast=True),
            at_s=102,
        )
    else:
        feed.send(venue.frames[0], at_s=102)
    rows = feed.out.take()
    sane(rows)
    assert Kind.SNAPSHOT in rows["kind"].tolist()
    assert feed.stream.synced() == {venue.symbol: True}


@pytest.mark.parametrize("name", VENUES)
@settings(max_examples=40)
@given(payload=st.binary(max_size=200))
def test_any_bytes_are_refused_or_ignored(name: str, payload: bytes) -> None:
    feed = VENUES[name].feed()
    feed.stream.on_frame("public", T0, payload, feed.out)
    assert len(feed.out) == 0


@pytest.mark.parametrize("name", VENUES)
@settings(max_examples=40)
@given(data=st.data())
def test_bent_answers_never_raise(name: str, data: st.DataObject) -> None:
    venue = VENUES[name]
    feed = venue.feed()
    asked = data.draw(st.sampled_from(Asked))
    answers = [
        {"lastUpdateId": 95, "bids": LEVELS[0], "asks": LEVELS[1]},
        {"symbol": "BTCUSDT", "openInterest": "5.5", "time": T0_MS},
        [{"symbol": "BTCUSDT", "longShortRatio": "1.5", "timestamp": T0_MS}],
        [{"symbol": "BTCUSDT", "fundingIntervalHours": 4}],
        {"result": {"s": "BTCUSDT", "b": LEVELS[0], "a": LEVELS[1], "ts": T0_MS, "u": 5, "seq": 6}},
        {
            "result": {
                "list": [{"symbol": "BTCUSDT", "buyRatio": "0.5", "sellRatio": "0.5", "timestamp": "5"}]
            }
        },
        {"code": "0", "data": [{"asks": LEVELS[1], "bids": LEVELS[0], "ts": "5"}]},
        {"code": "0", "data": [["5", "1.5"]]},
        {"coin": "BTC", "time": 5, "levels": [hl_sides(("1.0", "1")), hl_sides(("2.0", "1"))]},
    ]
    feed.answer(asked, venue.symbol, data.draw(bent(answers)))
    sane(feed.out.take())
    for audit in feed.stream.take_audits():
        sane(audit.rows)
