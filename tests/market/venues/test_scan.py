"""The compiled reader of frames says what the typed decoders say, or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.events import RowBuffer
from bot.market.instruments import Instrument, find
from bot.market.tape.raw import What
from bot.market.venues import base
from bot.market.venues.base import VenueBase
from bot.market.venues.known import stream_of
from bot.market.venues.protocol import Asked
from tests.market.venues.driving import T0, S, encode
from tests.market.venues.test_bybit import trade as bybit_trade
from tests.market.venues.test_fuzz import LEVELS, VENUES, Venue, bent, books_of, depth
from tests.market.venues.test_recordings import BYBIT, OKX_2022, frames_of


@contextmanager
def nothing_learnt() -> Iterator[None]:
    """Every frame is left to the typed decoders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_MOST_QUICK", 0)
        yield


def said(stream: Any, out: RowBuffer) -> tuple[Any, ...]:
    """All a frame may leave behind. Rows of one message have no order among themselves."""
    rows = sorted(row.tolist() for row in out.take())
    counts = {k: v for k, v in stream.status().items() if k not in ("typed", "books", "refusals")}
    return rows, counts, stream.synced(), stream.exch_ns, stream.unknown_symbol


def two_feeds(venue: Venue) -> tuple[Any, Any]:
    """A feed that has seen every kind of frame, and one that reads with the typed decoders only."""
    quick = venue.feed()
    with nothing_learnt():
        typed = venue.feed()
    for frame in venue.frames:
        quick.stream.on_frame("public", T0 + S // 2, encode(frame), quick.out)
        with nothing_learnt():
            typed.stream.on_frame("public", T0 + S // 2, encode(frame), typed.out)
    assert said(quick.stream, quick.out) == said(typed.stream, typed.out)
    return quick, typed


@pytest.mark.parametrize("name", VENUES)
@settings(max_examples=150)
@given(data=st.data())
def test_bent_frames_mean_the_same_to_both_readers(name: str, data: st.DataObject) -> None:
    quick, typed = two_feeds(VENUES[name])
    for step in range(data.draw(st.integers(1, 6))):
        payload = data.draw(bent(VENUES[name].frames))
        at_ns = T0 + (step + 1) * S
        wanted = quick.stream.on_frame("public", at_ns, payload, quick.out)
        with nothing_learnt():
            assert wanted == typed.stream.on_frame("public", at_ns, payload, typed.out), payload
        assert said(quick.stream, quick.out) == said(typed.stream, typed.out), payload
        assert books_of(quick) == books_of(typed)


@pytest.mark.parametrize(
    ("venue", "instruments", "most_typed"),
    [
        ("bybit-linear", BYBIT, 0.35),  # tickers
        ("okx", OKX_2022, 1.0),  # with checksums, as no more: none is read quickly
        ("hyperliquid", [find("hyperliquid:BTC")], 0.25),  # few frames, most prints in lists
    ],
)
def test_recordings_mean_the_same_to_both_readers(
    data_dir: Path, venue: str, instruments: list[Instrument], most_typed: float
) -> None:
    markets, out = dict(enumerate(instruments)), RowBuffer()
    quick, typed = stream_of(venue, markets), stream_of(venue, markets)
    assert isinstance(quick, VenueBase)
    assert isinstance(typed, VenueBase)
    frames = 0
    for frame in frames_of(data_dir, venue):
        if frame.what is not What.FRAME:
            continue
        frames += 1
        quick.on_frame(frame.name, frame.recv_ns, frame.payload, out)
        first = said(quick, out)
        with nothing_learnt():
            typed.on_frame(frame.name, frame.recv_ns, frame.payload, out)
        assert first == said(typed, out)
    assert typed.typed == frames
    assert quick.typed <= most_typed * frames


def binance_like(stream: str, **fields: Any) -> bytes:
    return encode({"stream": f"btcusdt@{stream}", "data": {"E": 5, "s": "BTCUSDT"} | fields})


TRADE = {"e": "trade", "T": 5, "t": 7, "p": "65114.2", "q": "1", "X": "MARKET", "m": True}


@pytest.mark.parametrize(
    "odd",
    [
        {"q": "0.0001"},  # off the lot
        {"X": "INSURANCE_FUND"},
        {"p": "0"},
        {"m": 1},
        {"t": 1.5},
        {"note": "\u00e9"},
        {"note": {"within": 1}},
        {"note": '"'},
        {"s": "ETHUSDT"},
        {"e": "aggTrade"},
    ],
)
def test_what_the_layout_does_not_foresee_goes_to_the_typed_decoder(odd: dict[str, Any]) -> None:
    feed = VENUES["binance"].feed()
    stream = feed.stream
    assert isinstance(stream, VenueBase)
    stream.on_frame("public", T0, binance_like("trade", **TRADE), feed.out)
    before = stream.typed
    stream.on_frame("public", T0, binance_like("trade", **TRADE | {"t": 8}), feed.out)
    assert stream.typed == before
    stream.on_frame("public", T0, binance_like("trade", **TRADE | {"t": 9} | odd), feed.out)
    assert stream.typed == before + 1


def test_another_order_of_keys_and_unknown_ones_are_learnt_and_change_nothing() -> None:
    feed = VENUES["binance"].feed()
    stream = feed.stream
    assert isinstance(stream, VenueBase)
    feed.send(binance_like("trade", **TRADE))
    turned = dict(reversed(TRADE.items())) | {"new": [1, "a", None], "more": -0.0 * 0 + 1.5}
    feed.out.take()
    feed.send(binance_like("trade", **turned | {"t": 8}))
    before = stream.typed
    feed.send(binance_like("trade", **turned | {"t": 9, "new": ["b"], "more": 2}))
    feed.send(binance_like("trade", **TRADE | {"t": 10}))
    assert stream.typed == before
    rows = feed.out.take()
    assert rows["ref"].tolist() == [8, 9, 10]
    for row in rows:
        assert (row["price"], row["value"], row["side"]) == (651142, 1000.0, -1)


@pytest.mark.parametrize("orders", [None, True, 1.5, [], {}])
def test_a_level_is_refused_by_both_readers_for_what_stands_beside_price_and_size(orders: Any) -> None:
    quick, typed = two_feeds(VENUES["hyperliquid"])
    level = {"px": "84143.0", "sz": "1", "n": orders}
    book = {"coin": "BTC", "time": T0 // 1_000_000, "levels": [[level], []], "fast": True}
    quick.stream.on_frame("public", T0 + S, encode({"channel": "l2Book", "data": book}), quick.out)
    with nothing_learnt():
        typed.stream.on_frame("public", T0 + S, encode({"channel": "l2Book", "data": book}), typed.out)
    assert quick.stream.refused == 1
    assert said(quick.stream, quick.out) == said(typed.stream, typed.out)


def test_a_message_that_does_not_fit_grows_the_buffer() -> None:
    feed = VENUES["binance"].feed()
    feed.out = RowBuffer(8)
    feed.send(depth(101, 110, 100))
    many = [[f"{60000 + k}.0", "1"] for k in range(500)]
    message = depth(111, 120, 110)
    message["data"] |= {"b": many, "a": LEVELS[1]}
    feed.send(message)
    rows = feed.out.take()
    assert np.count_nonzero(rows["side"] == 1) == 503
    assert feed.stream.synced() == {"BTCUSDT": True}


def test_a_bybit_frame_of_several_prints_counts_each_once() -> None:
    feed = VENUES["bybit"].feed()
    stream = feed.stream
    assert isinstance(stream, VenueBase)
    feed.send(bybit_trade("a"))
    feed.out.take()
    both = json.loads(encode(bybit_trade("b")))
    both["data"] += json.loads(encode(bybit_trade("c")))["data"]
    before = stream.typed
    feed.send(both)
    assert stream.typed == before
    assert len(feed.out.take()) == 2
    again = json.loads(encode(bybit_trade("d")))
    again["data"] += both["data"]
    feed.send(again)
    assert len(feed.out.take()) == 1
    assert feed.answer(Asked.LONG_SHORT, "BTCUSDT", {}) == ()
