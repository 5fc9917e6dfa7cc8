import json
from typing import Any

import pytest

from bot.market.events import Flag, Kind
from bot.market.venues.protocol import Asked, Reconnect, Send
from tests.market.venues.driving import T0, T0_MS, Feed, S, commit, gap, level, touch

MS = 1_000_000
BTC, ETH = "okx:BTC-USDT-SWAP", "okx:ETH-USDT-SWAP"


def book(seq: int, prev: int, bids: Any = (), asks: Any = (), fresh: bool = False) -> dict:
    data = {"asks": asks, "bids": bids, "ts": str(T0_MS), "checksum": 0, "prevSeqId": prev, "seqId": seq}
    arg = {"channel": "books", "instId": "BTC-USDT-SWAP"}
    return {"arg": arg, "action": "snapshot" if fresh else "update", "data": [data]}


def told(channel: str, *data: dict, inst: str = "BTC-USDT-SWAP") -> dict:
    return {
        "arg": {"channel": channel, "instId": inst},
        "data": [{"instId": inst, "ts": str(T0_MS), **d} for d in data],
    }


def trade(trade_id: int, **more: Any) -> dict:
    return told("trades", {"tradeId": str(trade_id), "px": "63913.4", "sz": "34.95", "side": "sell", **more})


def standing() -> Feed:
    feed = Feed(BTC)
    feed.stream.on_connected("public", T0, feed.out)
    feed.send(
        book(100, -1, [["63921.4", "421.93", "0", "28"]], [["63921.5", "790.41", "0", "42"]], fresh=True)
    )
    feed.rows()
    return feed


def test_sizes_are_contracts() -> None:
    feed = Feed(BTC)
    feed.send(book(100, -1, [["63921.4", "421.93", "0", "28"]], fresh=True))
    assert feed.rows()[1] == level(1, 639214, 42193.0)
    assert float(feed.stream.books[BTC.split(":")[1]].instrument.contract_size) == 0.01  # type: ignore[attr-defined]


def test_ids_link_and_are_never_counted() -> None:
    feed = standing()
    for seq, prev in ((107, 100), (119, 107), (212, 119)):
        assert feed.send(book(seq, prev, [["63921.4", "0", "0", "0"]])) == ()
    assert feed.rows() == [r for ref in (107, 119, 212) for r in (level(1, 639214, 0.0), commit(ref))]


def test_an_update_that_names_itself_shows_that_the_book_lives() -> None:
    feed = standing()
    feed.send(book(100, 100))
    assert feed.rows() == [commit(100)]


def test_ids_may_start_lower_after_maintenance() -> None:
    feed = standing()
    assert feed.send(book(3, 100)) == ()
    assert feed.send(book(9, 3)) == ()
    assert feed.rows() == [commit(3), commit(9)]


def test_an_update_that_does_not_follow_is_a_gap() -> None:
    feed = standing()
    (wanted,) = feed.send(book(130, 120, [["63921.4", "1", "0", "1"]]))
    assert feed.rows() == [gap(100)]
    assert isinstance(wanted, Send)
    topic = [{"channel": "books", "instId": "BTC-USDT-SWAP"}]
    assert [json.loads(f) for f in wanted.frames] == [
        {"op": "unsubscribe", "args": topic},
        {"op": "subscribe", "args": topic},
    ]
    feed.send(book(140, 130))
    assert feed.rows() == []
    feed.send(book(150, -1, fresh=True))
    assert feed.kinds() == [Kind.SNAPSHOT, Kind.COMMIT]


def test_an_update_that_came_already_is_left_out() -> None:
    feed = standing()
    feed.send(book(107, 100))
    feed.send(book(107, 100))
    assert feed.rows() == [commit(107)]
    assert feed.stream.synced() == {"BTC-USDT-SWAP": True}


@pytest.mark.parametrize("missing", ["prevSeqId", "seqId"])
def test_an_update_without_its_ids_does_not_follow(missing: str) -> None:
    feed = standing()
    frame = book(107, 100)
    del frame["data"][0][missing]
    feed.send(frame)
    if missing == "prevSeqId":
        assert feed.rows() == [gap(100)]
    else:
        feed.rows()
        feed.send(book(119, 107))
        assert feed.rows() == [gap(0)], "the next one tells"


def test_trades_aggregate_and_may_not_be_of_the_book() -> None:
    feed = Feed(BTC)
    feed.send(trade(5, count="10", source="0"))
    feed.send(trade(6, count="1", source="1"))
    feed.send(trade(6, count="1", source="1"))
    assert feed.rows() == [
        (Kind.TRADE, 0, -1, 639134, 3495.0, 5, Flag.AGGREGATE),
        (Kind.TRADE, 0, -1, 639134, 3495.0, 6, Flag.NOT_MARKET),
    ]


def test_the_touch_and_the_slower_ticker() -> None:
    feed = Feed(BTC)
    slow = told("tickers", {"askPx": "2.0", "askSz": "1", "bidPx": "1.0", "bidSz": "1"})
    feed.send(slow)
    assert feed.rows() == touch((10, 100.0), (20, 100.0), 0)
    fast = told(
        "bbo-tbt", {"asks": [["63921.5", "1", "0", "4"]], "bids": [["63921.4", "2", "0", "2"]], "seqId": 8}
    )
    feed.send(fast)
    assert feed.rows() == touch((639214, 200.0), (639215, 100.0), 8)
    feed.send(slow)
    assert feed.rows() == []


def test_readings_of_a_market() -> None:
    feed = Feed(BTC, ETH)
    feed.send(told("mark-price", {"markPx": "84660.1"}))
    feed.send(told("index-tickers", {"idxPx": "84650.5"}, inst="BTC-USDT"))
    feed.send(told("open-interest", {"oi": "2500000", "oiCcy": "25000.5"}, inst="ETH-USDT-SWAP"))
    due = T0_MS + 3_600_000
    feed.send(
        told(
            "funding-rate",
            {"fundingRate": "0.0001", "fundingTime": str(due), "nextFundingTime": str(due + 14_400_000)},
        )
    )
    assert feed.rows() == [
        (Kind.MARK, 0, 0, 0, 84660.1, 0, 0),
        (Kind.INDEX, 0, 0, 0, 84650.5, 0, 0),
        (Kind.OPEN_INTEREST, 1, 0, 0, 25000.5, 0, 0),
        (Kind.FUNDING, 0, 0, 4 * 3600, 0.0001, due * MS, 0),
    ]


def test_liquidations_of_every_swap_come_and_ours_are_taken() -> None:
    feed = Feed(BTC)
    detail = {
        "bkLoss": "0",
        "bkPx": "63000.02",
        "ccy": "",
        "posSide": "short",
        "side": "buy",
        "sz": "12",
        "ts": str(T0_MS),
    }
    data = [
        {"instId": i, "instType": "SWAP", "details": [detail]} for i in ("MINA-USDT-SWAP", "BTC-USDT-SWAP")
    ]
    feed.send({"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": data})
    assert feed.rows() == [(Kind.LIQUIDATION, 0, 1, 630000, 1200.0, 0, 0)]


def test_long_accounts_to_short_accounts() -> None:
    feed = Feed(BTC)
    feed.answer(
        Asked.LONG_SHORT,
        "BTC-USDT-SWAP",
        {"code": "0", "data": [[str(T0_MS), "1.25"], [str(T0_MS - 1), "9"]]},
    )
    assert feed.rows() == [(Kind.LONG_SHORT, 0, 0, 0, 1.25, 0, 0)]


def test_the_venue_says_that_it_goes_down() -> None:
    feed = Feed(BTC)
    notice = {"event": "notice", "code": "64008", "msg": "The connection will soon be closed", "connId": "a"}
    assert feed.send(notice) == (Reconnect("public", "The connection will soon be closed"),)


def test_events_and_pongs_are_no_market_data() -> None:
    feed = Feed(BTC)
    feed.send(b"pong")
    feed.send(
        {
            "id": "b1",
            "event": "subscribe",
            "arg": {"channel": "books", "instId": "BTC-USDT-SWAP"},
            "connId": "x",
        }
    )
    assert feed.stream.refused == 0
    feed.send({"event": "error", "code": "60012", "msg": "Illegal request"})
    assert "60012" in feed.stream.refusals[0].reason
    assert feed.rows() == []


def test_a_disconnect_is_a_gap_of_each_standing_book() -> None:
    feed = standing()
    feed.stream.on_disconnected("public", T0 + S, feed.out)
    feed.stream.on_disconnected("public", T0 + S, feed.out)
    assert feed.rows() == [gap(100)]


def test_a_connection_carries_25_symbols() -> None:
    from bot.market.instruments import parse_override
    from bot.market.venues.okx import OkxStream

    made = [parse_override(f"okx:C{i}-USDT-SWAP,tick=0.1,lot=1") for i in range(30)]
    stream = OkxStream(dict(enumerate(made)))
    first, second = stream.connections(stream.hosts)
    assert (first.name, second.name) == ("public", "public-2")
    books = [
        [arg for frame in connect.hello for arg in json.loads(frame)["args"] if arg["channel"] == "books"]
        for connect in (first, second)
    ]
    assert [len(b) for b in books] == [25, 5]
    assert all(len(frame) < 65_536 for connect in (first, second) for frame in connect.hello)
    channels = {arg["channel"] for frame in second.hello for arg in json.loads(frame)["args"]}
    assert {"bbo-tbt", "trades", "mark-price", "index-tickers", "funding-rate", "open-interest"} <= channels
    assert {"liquidation-orders", "tickers"} <= channels
    assert first.ping == b"ping"
