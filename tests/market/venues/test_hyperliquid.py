import json
from typing import Any

import pytest

from bot.market.events import Flag, Kind
from bot.market.venues.protocol import Asked
from tests.market.venues.driving import T0, T0_MS, Feed, S, commit, gap, level, touch

BTC = "hyperliquid:BTC"


def sides(*levels: tuple[str, str]) -> list[dict]:
    return [{"px": px, "sz": sz, "n": 3} for px, sz in levels]


def book(time_ms: int, bids: Any = (), asks: Any = (), **more: Any) -> dict:
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": time_ms, "levels": [bids, asks], **more}}


def trade(tid: int, time_ms: int = T0_MS, **more: Any) -> dict:
    one = {
        "coin": "BTC",
        "side": "A",
        "px": "84143.0",
        "sz": "0.00036",
        "time": time_ms,
        "hash": "0x1",
        "tid": tid,
    }
    return {"channel": "trades", "data": [one | {"users": ["0x1", "0x2"]} | more]}


def test_every_message_is_the_whole_book() -> None:
    feed = Feed(BTC)
    for time_ms in (T0_MS, T0_MS + 537):
        feed.send(book(time_ms, sides(("84143.0", "10.25923")), sides(("84144.0", "50.66449")), fast=True))
        assert feed.rows() == [
            (Kind.SNAPSHOT, 0, 0, 0, 0.0, time_ms, 0),
            level(1, 841430, 1025923.0),
            level(-1, 841440, 5066449.0),
            commit(time_ms, Flag.SNAPSHOT),
        ]


def test_an_older_book_is_left_out() -> None:
    feed = Feed(BTC)
    feed.send(book(T0_MS))
    feed.send(book(T0_MS - 1))
    feed.send(book(T0_MS))
    assert [row[5] for row in feed.rows() if row[0] == Kind.COMMIT] == [T0_MS, T0_MS]


def test_the_slow_book_does_not_overwrite_the_fast_one() -> None:
    feed = Feed(BTC)
    feed.send(book(T0_MS, fast=True))
    feed.send(book(T0_MS + 100))
    assert [row[5] for row in feed.rows() if row[0] == Kind.COMMIT] == [T0_MS]


def test_a_disconnect_is_a_gap_and_the_next_message_heals_it() -> None:
    feed = Feed(BTC)
    feed.send(book(T0_MS))
    feed.rows()
    feed.stream.on_disconnected("public", T0, feed.out)
    assert feed.rows() == [gap(T0_MS)]
    feed.stream.on_connected("public", T0, feed.out)
    feed.send(book(T0_MS + 1))
    assert feed.kinds() == [Kind.SNAPSHOT, Kind.COMMIT]


def test_the_touch_needs_both_sides() -> None:
    feed = Feed(BTC)
    bid, ask = sides(("84143.0", "1")), sides(("84144.0", "2"))
    feed.send({"channel": "bbo", "data": {"coin": "BTC", "time": T0_MS, "bbo": [*bid, None]}})
    assert feed.rows() == []
    feed.send({"channel": "bbo", "data": {"coin": "BTC", "time": T0_MS, "bbo": [*bid, *ask]}})
    assert feed.rows() == touch((841430, 100000.0), (841440, 200000.0), T0_MS)


def test_the_first_trades_of_a_connection_are_history() -> None:
    feed = Feed(BTC)
    feed.stream.on_connected("public", T0, feed.out)
    old = trade(1, T0_MS - 20_000)
    old["data"] += trade(2, T0_MS - 100)["data"]
    feed.send(old, at_s=0.5)
    feed.send(trade(3, T0_MS + 900), at_s=1)
    assert [row[5] for row in feed.rows()] == [2, 3]
    assert feed.stream.status()["history_prints"] == 1


@pytest.mark.parametrize(("letter", "side"), [("A", -1), ("B", 1)])
def test_the_aggressor_of_a_trade(letter: str, side: int) -> None:
    feed = Feed(BTC)
    feed.send(trade(7, side=letter))
    feed.send(trade(7, side=letter))
    assert feed.rows() == [(Kind.TRADE, 0, side, 841430, 36.0, 7, 0)]


def test_the_context_of_a_coin() -> None:
    feed = Feed(BTC)
    ctx = {
        "funding": "0.0000125",
        "openInterest": "36585.3",
        "oraclePx": "84198.0",
        "markPx": "84148.0",
        "midPx": None,
    }
    feed.send({"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": ctx}})
    hour = 3600 * S
    assert feed.rows() == [
        (Kind.MARK, 0, 0, 0, 84148.0, 0, 0),
        (Kind.INDEX, 0, 0, 0, 84198.0, 0, 0),
        (Kind.FUNDING, 0, 0, 3600, 0.0000125, (T0 // hour + 1) * hour, 0),
        (Kind.OPEN_INTEREST, 0, 0, 0, 36585.3, 0, 0),
    ]


def test_other_channels_and_an_error() -> None:
    feed = Feed(BTC)
    feed.send({"channel": "pong"})
    feed.send({"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": {}}})
    assert feed.stream.refused == 0
    feed.send({"channel": "error", "data": "Already subscribed: {}"})
    assert "Already subscribed" in feed.stream.refusals[0].excerpt
    assert feed.rows() == []


def test_one_subscription_a_message_and_fast_books() -> None:
    feed = Feed("hyperliquid:ETH")
    (connect,) = feed.stream.connections(feed.stream.hosts)
    assert connect.url == "wss://api.hyperliquid.xyz/ws"
    subscriptions = [json.loads(frame)["subscription"] for frame in connect.hello]
    assert subscriptions == [
        {"type": "l2Book", "coin": "ETH", "fast": True},
        {"type": "bbo", "coin": "ETH"},
        {"type": "trades", "coin": "ETH"},
        {"type": "activeAssetCtx", "coin": "ETH"},
        {"type": "bbo", "coin": "BTC"},
    ]
    (poll,) = feed.stream.polls()
    assert (poll.fetch.asked, json.loads(poll.fetch.body)) == (Asked.AUDIT, {"type": "l2Book", "coin": "ETH"})


@pytest.mark.parametrize(("fast", "levels"), [(True, 5), (False, 20)])
def test_an_audit_is_no_deeper_than_the_ladder(fast: bool, levels: int) -> None:
    feed = Feed(BTC)
    feed.send(book(T0_MS, fast=fast))
    feed.rows()
    bids = sides(*((f"{84143 - i}.0", "1") for i in range(20)))
    asks = sides(*((f"{84144 + i}.0", "1") for i in range(20)))
    feed.answer(Asked.AUDIT, "BTC", {"coin": "BTC", "time": T0_MS + 9, "levels": [bids, asks]})
    (audit,) = feed.stream.take_audits()
    shown = [audit.rows["price"][audit.rows["side"] == side].tolist() for side in (1, -1)]
    assert shown == [
        [841430 - 10 * i for i in range(levels)],
        [841440 + 10 * i for i in range(levels)],
    ]
    assert len(audit.rows) == 2 * levels + 2
