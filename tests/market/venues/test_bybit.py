import json
from itertools import pairwise
from typing import Any

import pytest

from bot.market.events import Flag, Kind
from bot.market.venues.protocol import Asked, Send
from tests.market.venues.driving import T0, T0_MS, Feed, S, commit, gap, level, touch

MS = 1_000_000
BTC, ETH = "bybit-linear:BTCUSDT", "bybit-linear:ETHUSDT"


def book(
    u: int, bids: Any = (), asks: Any = (), fresh: bool = False, depth: int = 200, symbol: str = "BTCUSDT"
):
    kind = "snapshot" if fresh else "delta"
    data = {"s": symbol, "b": bids, "a": asks, "u": u, "seq": u * 7}
    return {"topic": f"orderbook.{depth}.{symbol}", "type": kind, "ts": T0_MS, "data": data, "cts": T0_MS - 2}


def ticker(fresh: bool = False, **fields: str) -> dict:
    kind = "snapshot" if fresh else "delta"
    return {
        "topic": "tickers.BTCUSDT",
        "type": kind,
        "data": {"symbol": "BTCUSDT", **fields},
        "cs": 9,
        "ts": T0_MS,
    }


def trade(trade_id: str, **more: Any) -> dict:
    told = {"T": T0_MS, "s": "BTCUSDT", "S": "Sell", "v": "0.004", "p": "65114.20", "i": trade_id, "seq": 5}
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": T0_MS, "data": [told | more]}


def standing() -> Feed:
    feed = Feed(BTC)
    feed.stream.on_connected("public", T0, feed.out)
    feed.send(book(10, [["65114.20", "6.054"]], [["65114.30", "1"]], fresh=True))
    feed.rows()
    return feed


def asked_anew(wanted: tuple) -> bool:
    frames = [json.loads(frame) for send in wanted for frame in send.frames]
    return [(f["op"], f["args"]) for f in frames] == [
        ("unsubscribe", ["orderbook.200.BTCUSDT"]),
        ("subscribe", ["orderbook.200.BTCUSDT"]),
    ]


def test_a_snapshot_then_changes() -> None:
    feed = Feed(BTC)
    feed.send(book(10, [["65114.20", "6.054"]], [["65114.30", "1"]], fresh=True))
    assert feed.rows() == [
        (Kind.SNAPSHOT, 0, 0, 0, 0.0, 10, 0),
        level(1, 651142, 6054.0),
        level(-1, 651143, 1000.0),
        commit(10, Flag.SNAPSHOT),
    ]
    assert feed.send(book(11, [["65114.20", "0"]])) == ()
    assert feed.rows() == [level(1, 651142, 0.0), commit(11)]


def test_a_lost_message_is_a_gap_and_the_topic_is_joined_anew() -> None:
    feed = standing()
    wanted = feed.send(book(12, [["65114.10", "1"]]))
    assert feed.rows() == [gap(10)]
    assert isinstance(wanted[0], Send)
    assert wanted[0].name == "public"
    assert asked_anew(wanted)
    assert feed.send(book(13, [["65114.00", "1"]])) == ()
    assert feed.rows() == [], "changes without a book say nothing"
    assert not feed.stream.synced()["BTCUSDT"]
    feed.send(book(14, fresh=True))
    assert feed.kinds() == [Kind.SNAPSHOT, Kind.COMMIT]
    assert feed.send(book(15)) == ()
    assert feed.rows() == [commit(15)]


def test_a_snapshot_that_does_not_come_is_asked_for_again_but_not_without_end() -> None:
    feed = standing()
    asked = [0.0] if asked_anew(feed.send(book(12))) else []
    for half in range(1, 2 * 3_600):
        if feed.send(trade(str(half)), at_s=half / 2):
            asked.append(half / 2)
    assert asked[:4] == [0.0, 3.0, 8.0, 13.0]
    assert 100 <= len(asked) <= 160, "two of OKX's 480 requests an hour each"
    assert max(b - a for a, b in pairwise(asked)) == 60.0


def test_a_chain_that_breaks_all_the_time_does_not_hammer_the_venue() -> None:
    feed = standing()
    requests, u = 0, 10
    for second in range(60):
        u += 5
        if feed.send(book(u), at_s=second):
            requests += 1
            u += 1
            feed.send(book(u, fresh=True), at_s=second + 0.5)
    assert 10 <= requests <= 20


@pytest.mark.parametrize("fresh", [True, False])
def test_update_id_one_is_a_restart_of_the_service(fresh: bool) -> None:
    feed = standing()
    assert feed.send(book(1, [["1.0", "1"]], [["2.0", "1"]], fresh=fresh)) == ()
    assert feed.kinds() == [Kind.SNAPSHOT, Kind.LEVEL, Kind.LEVEL, Kind.COMMIT]
    feed.send(book(2))
    assert feed.rows() == [commit(2)]


def test_a_change_that_came_already_is_left_out() -> None:
    feed = standing()
    for u in (11, 11, 10, 12):
        assert feed.send(book(u)) == ()
    assert feed.rows() == [commit(11), commit(12)]
    assert feed.stream.status()["books"]["BTCUSDT"]["duplicates"] == 2


def test_another_depth_of_the_same_symbol_does_not_enter_the_ladder() -> None:
    feed = standing()
    feed.send(book(90, [["1.0", "1"]], fresh=True, depth=50))
    assert feed.rows() == []
    feed.send(book(11))
    assert feed.rows() == [commit(11)]


def test_a_topic_and_its_data_must_name_the_same_symbol() -> None:
    feed = Feed(BTC, ETH)
    frame = book(10, fresh=True)
    frame["topic"] = "orderbook.200.ETHUSDT"
    feed.send(frame)
    assert feed.rows() == []
    assert feed.stream.refused == 1


def test_a_disconnect_is_a_gap_and_the_next_connection_brings_the_book() -> None:
    feed = standing()
    feed.stream.on_disconnected("public", T0 + S, feed.out)
    assert feed.rows() == [gap(10)]
    assert feed.stream.on_connected("public", T0 + 2 * S, feed.out) == ()
    assert feed.send(trade("a"), at_s=11) == ()
    assert asked_anew(feed.send(trade("b"), at_s=12)), "no snapshot for 10 s"
    feed.rows()
    feed.send(book(50, fresh=True), at_s=13)
    assert feed.kinds() == [Kind.SNAPSHOT, Kind.COMMIT]


def test_the_touch_comes_from_depth_one_and_once_each() -> None:
    feed = Feed(BTC)
    one = book(7, [["65114.20", "6.054"]], [["65114.30", "1"]], fresh=True, depth=1)
    feed.send(one)
    feed.send(one)
    assert feed.rows() == touch((651142, 6054.0), (651143, 1000.0), 7)
    feed.send(ticker(True, bid1Price="1.0", bid1Size="1", ask1Price="2.0", ask1Size="1"))
    assert feed.rows() == [], "the ticker's touch is slower"


def test_a_ticker_is_merged_field_by_field() -> None:
    feed = Feed(BTC)
    feed.send(ticker(markPrice="65000.5"))
    assert feed.rows() == [(Kind.MARK, 0, 0, 0, 65000.5, 0, 0)], "a delta before its snapshot"
    feed.send(
        ticker(
            True,
            fundingRate="0.0001",
            nextFundingTime="1790006400000",
            fundingIntervalHour="4",
            bid1Price="65114.20",
            bid1Size="6",
            ask1Price="65114.30",
            ask1Size="1",
        )
    )
    due = 1_790_006_400_000 * MS
    assert feed.rows() == [
        (Kind.FUNDING, 0, 0, 4 * 3600, 0.0001, due, 0),
        *touch((651142, 6000.0), (651143, 1000.0), 9),
    ]
    feed.send(ticker(fundingRate="-0.0002"))
    assert feed.rows() == [(Kind.FUNDING, 0, 0, 4 * 3600, -0.0002, due, 0)]
    feed.send(ticker(bid1Size="7"))
    assert feed.rows() == touch((651142, 7000.0), (651143, 1000.0), 9)
    feed.send(ticker(openInterest="59891.732", indexPrice="65001"))
    assert feed.rows() == [
        (Kind.INDEX, 0, 0, 0, 65001.0, 0, 0),
        (Kind.OPEN_INTEREST, 0, 0, 0, 59891.732, 0, 0),
    ]


@pytest.mark.parametrize("field", ["markPrice", "indexPrice", "openInterest", "fundingRate", "bid1Size"])
@pytest.mark.parametrize("text", ["NaN", "inf", "1e999", "x"])
def test_a_ticker_with_nonsense_is_refused_whole(field: str, text: str) -> None:
    feed = Feed(BTC)
    whole = {"markPrice": "1", "bid1Price": "1.0", "bid1Size": "1", "ask1Price": "2.0", "ask1Size": "1"}
    feed.send(ticker(True, **(whole | {field: text})))
    assert feed.rows() == []
    assert feed.stream.refused == 1
    feed.send(ticker(ask1Size="2"))
    assert feed.rows() == [], "nothing of it was kept"


@pytest.mark.parametrize(("flag", "flags"), [("BT", Flag.NOT_MARKET), ("RPI", Flag.NOT_MARKET), ("L", 0)])
def test_block_and_retail_prints_are_set_apart(flag: str, flags: int) -> None:
    feed = Feed(BTC)
    feed.send(trade("a", **{flag: True if flag != "L" else "PlusTick"}))
    assert feed.rows() == [(Kind.TRADE, 0, -1, 651142, 4.0, 5, flags)]


def test_a_print_counts_once() -> None:
    feed = Feed(BTC)
    for trade_id in "aabca":
        feed.send(trade(trade_id))
    assert feed.kinds() == [Kind.TRADE] * 3


@pytest.mark.parametrize(("position", "side"), [("Buy", -1), ("Sell", 1)])
def test_a_liquidation_has_the_side_of_its_order(position: str, side: int) -> None:
    feed = Feed(BTC)
    told = {"T": T0_MS, "s": "BTCUSDT", "S": position, "v": "0.02", "p": "65000.123"}
    feed.send({"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": T0_MS, "data": [told]})
    assert feed.rows() == [(Kind.LIQUIDATION, 0, side, 650001, 20.0, 0, 0)]


def test_long_accounts_to_short_accounts() -> None:
    feed = Feed(BTC)
    told = {"symbol": "BTCUSDT", "buyRatio": "0.6", "sellRatio": "0.4", "timestamp": str(T0_MS)}
    feed.answer(Asked.LONG_SHORT, "BTCUSDT", {"retCode": 0, "result": {"list": [told]}})
    assert feed.rows() == [(Kind.LONG_SHORT, 0, 0, 0, pytest.approx(1.5), 0, 0)]
    feed.answer(Asked.LONG_SHORT, "BTCUSDT", {"retCode": 10006, "retMsg": "Too many visits!", "result": {}})
    assert feed.stream.refused == 1


def test_a_connection_subscribes_to_all_and_to_a_beat() -> None:
    feed = Feed(ETH)
    (connect,) = feed.stream.connections(feed.stream.hosts)
    args = [arg for frame in connect.hello for arg in json.loads(frame)["args"]]
    assert connect.url == "wss://stream.bybit.com/v5/public/linear"
    assert args == [
        "orderbook.1000.ETHUSDT",
        "orderbook.1.ETHUSDT",
        "publicTrade.ETHUSDT",
        "tickers.ETHUSDT",
        "allLiquidation.ETHUSDT",
        "tickers.BTCUSDT",
    ]
    assert json.loads(connect.ping or b"") == {"op": "ping"}
