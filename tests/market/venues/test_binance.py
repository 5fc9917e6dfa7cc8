import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import BadInput
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument, find
from bot.market.venues.binance import BinanceStream
from bot.market.venues.binance_session import snapshot_of
from bot.market.venues.protocol import Asked, Fetch, Hosts

MS = 1_000_000
BTC = find("binance-usdm:BTCUSDT")
ETH = find("binance-usdm:ETHUSDT")
PERP = find("binance-coinm:BTCUSD_PERP")
SPOT = find("binance-spot:BTCUSDT")

Level = tuple[str, str]


class Feed:
    """A stream with its rows, driven by plain dictionaries."""

    def __init__(self, *instruments: Instrument, **options: Any) -> None:
        self.stream = BinanceStream(dict(enumerate(instruments)), **options)
        self.out = RowBuffer()

    def send(self, message: dict[str, Any] | bytes, recv_ns: int = 1000, stream: str = "") -> tuple:
        frame = {"stream": stream, "data": message} if stream else message
        return self.stream.on_frame(
            "public", recv_ns, frame if isinstance(frame, bytes) else encode(frame), self.out
        )

    def rows(self) -> list[tuple]:
        """What came since the last call: (kind, market, side, price, value, ref, flags)."""
        names = ["kind", "market", "side", "price", "value", "ref", "flags"]
        return [tuple(row[names].tolist()) for row in self.out.take()]

    def state(self) -> tuple:
        """All that a refused message must leave as it was."""
        books = [(b.sync.synced, b.sync.last, len(b.sync.held)) for b in self.stream.books.values()]
        return books, len(self.out), dict(self.stream.messages), self.stream.level_updates


def encode(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def depth(first: int, last: int, prev: int | None, bids: Any = (), asks: Any = (), **more: Any) -> dict:
    data = {"e": "depthUpdate", "E": 20, "T": 19, "s": "BTCUSDT", "U": first, "u": last, "pu": prev}
    return {k: v for k, v in (data | {"b": bids, "a": asks} | more).items() if v is not None}


def snapshot(last_id: int, bids: Any = (), asks: Any = (), **more: Any) -> dict:
    return {"lastUpdateId": last_id, "E": 10, "T": 9, "bids": bids, "asks": asks, **more}


def commit(ref: int, flags: int = 0, market: int = 0) -> tuple:
    return (Kind.COMMIT, market, 0, 0, 0.0, ref, flags)


def level(side: int, price: int, lots: float, market: int = 0) -> tuple:
    return (Kind.LEVEL, market, side, price, lots, 0, 0)


def synced_feed() -> Feed:
    """A linear book at id 100: 100.0 x 2 bid, 101.0 x 3 ask."""
    feed = Feed(BTC)
    feed.send(depth(90, 100, 80))
    feed.send(snapshot(95, [["100.0", "0.002"]], [["101.0", "0.003"]]))
    feed.rows()
    return feed


def test_a_start_waits_for_the_snapshot_and_then_catches_up() -> None:
    feed = Feed(BTC)
    assert feed.send(depth(10, 19, 5, [["100.0", "0.009"]])) == (snapshot_of("BTCUSDT"),)
    assert feed.send(depth(22, 29, 19, [["100.0", "0.001"]], [["101.0", "0"]])) == ()
    assert feed.rows() == []
    assert feed.send(snapshot(20, [["100.0", "0.005"]], [["101.0", "0.003"]]), recv_ns=3000) == ()
    rows = feed.out.take()
    assert set(rows["recv_ns"]) == {3000}, "what waited becomes known with the snapshot"
    assert rows["exch_ns"].tolist() == [9 * MS] * 4 + [19 * MS] * 3
    feed.out.extend(rows)
    assert feed.rows() == [
        (Kind.SNAPSHOT, 0, 0, 0, 0.0, 20, 0),
        level(1, 1000, 5.0),
        level(-1, 1010, 3.0),
        commit(20, Flag.SNAPSHOT),
        level(1, 1000, 1.0),
        level(-1, 1010, 0.0),
        commit(29),
    ]


def test_a_break_is_a_gap_row_and_a_wanted_snapshot() -> None:
    feed = synced_feed()
    assert feed.send(depth(101, 110, 100, [["100.0", "0.001"]])) == ()
    assert feed.rows() == [level(1, 1000, 1.0), commit(110)]
    assert feed.send(depth(130, 140, 120)) == (snapshot_of("BTCUSDT"),)
    assert feed.rows() == [(Kind.GAP, 0, 0, 0, 0.0, 110, 0)]
    assert feed.send(depth(141, 150, 140, [["100.0", "0.007"]])) == ()
    assert feed.rows() == []
    assert feed.send(snapshot(115)) == (snapshot_of("BTCUSDT"),), "too old to bridge"
    assert feed.send(snapshot(140)) == ()
    assert feed.rows() == [
        (Kind.SNAPSHOT, 0, 0, 0, 0.0, 140, 0),
        commit(140, Flag.SNAPSHOT),
        commit(140),
        level(1, 1000, 7.0),
        commit(150),
    ]


def test_a_repeated_change_is_ignored() -> None:
    feed = synced_feed()
    feed.send(depth(101, 110, 100, [["100.0", "0.001"]]))
    feed.rows()
    assert feed.send(depth(101, 110, 100, [["100.0", "0.009"]])) == ()
    assert feed.rows() == []
    assert feed.stream.books["BTCUSDT"].sync.duplicates == 1


def test_spot_chains_by_u_alone_and_has_no_exchange_time_in_snapshots() -> None:
    feed = Feed(SPOT)
    feed.send({"lastUpdateId": 50, "bids": [["100.00000000", "0.00001000"]], "asks": []})
    assert feed.out.take()["exch_ns"].tolist() == [0, 0, 0]
    feed.send(depth(51, 55, None, T=None))
    feed.send(depth(56, 57, None, T=None))
    assert feed.rows() == [commit(55), commit(57)]
    feed.send(depth(59, 60, None, T=None))
    assert feed.rows() == [(Kind.GAP, 0, 0, 0, 0.0, 57, 0)]


def test_inverse_snapshots_say_whose_they_are() -> None:
    feed = Feed(find("binance-coinm:ETHUSD_PERP"), PERP)
    feed.send(snapshot(50, [["61804.7", "35"]], symbol="BTCUSD_PERP", pair="BTCUSD"))
    feed.send(depth(51, 52, 50, [["61804.7", "36"]], s="BTCUSD_PERP", ps="BTCUSD"))
    assert feed.rows() == [
        (Kind.SNAPSHOT, 1, 0, 0, 0.0, 50, 0),
        level(1, 618047, 35.0, 1),
        commit(50, Flag.SNAPSHOT, 1),
        level(1, 618047, 36.0, 1),
        commit(52, 0, 1),
    ]


def test_an_unnamed_snapshot_goes_to_the_book_whose_prices_it_has() -> None:
    feed = Feed(BTC, ETH)
    feed.send(depth(10, 19, 5, [["60000.0", "1"], ["3000.0", "0"]]))
    feed.send(depth(20, 29, 6, [["3000.00", "1"]], s="ETHUSDT"))
    feed.send(snapshot(25, [["3000.00", "1"]], [["3001.00", "1"]]))
    assert {row[1] for row in feed.rows()} == {1}
    feed.send(snapshot(18, [["60000.0", "1"]], [["60001.0", "1"]]))
    assert {row[1] for row in feed.rows()} == {0}


def test_an_unnamed_snapshot_that_may_be_anyones_is_refused() -> None:
    feed = Feed(BTC, ETH)
    feed.send(snapshot(25, [["2999.0", "1"]], [["3001.0", "1"]]))
    assert feed.stream.refused == 1
    assert feed.rows() == []


def test_the_answer_to_a_request_needs_no_guess() -> None:
    feed = Feed(BTC, ETH)
    feed.stream.on_rest(snapshot_of("ETHUSDT"), 7, encode(snapshot(25)), feed.out)
    assert feed.rows() == [(Kind.SNAPSHOT, 1, 0, 0, 0.0, 25, 0), commit(25, Flag.SNAPSHOT, 1)]
    feed.stream.on_rest(snapshot_of("ETHUSDT"), 7, b'{"code":-1003,"msg":"Too many requests"}', feed.out)
    assert feed.stream.refused == 1


def test_a_disconnect_is_a_gap_of_every_standing_book() -> None:
    feed = synced_feed()
    feed.stream.on_disconnected("public", 5000, feed.out)
    feed.stream.on_disconnected("public", 6000, feed.out)
    assert feed.rows() == [(Kind.GAP, 0, 0, 0, 0.0, 100, 0)]
    assert feed.send(depth(101, 110, 100)) == (snapshot_of("BTCUSDT"),)


TRADE = {"e": "trade", "E": 30, "T": 29, "s": "BTCUSDT", "t": 7, "p": "100.10", "q": "0.038", "m": True}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"X": "MARKET"}, (Kind.TRADE, 0, -1, 1001, 38.0, 7, 0)),
        ({"X": "MARKET", "m": False}, (Kind.TRADE, 0, 1, 1001, 38.0, 7, 0)),
        ({}, (Kind.TRADE, 0, -1, 1001, 38.0, 7, 0)),
        ({"X": "INSURANCE_FUND"}, (Kind.TRADE, 0, -1, 1001, 38.0, 7, Flag.NOT_MARKET)),
        ({"X": "NA", "p": "0", "q": "0"}, (Kind.TRADE, 0, -1, 0, 0.0, 7, Flag.NOT_MARKET)),
        ({"e": "aggTrade", "a": 8, "nq": "0.03"}, (Kind.TRADE, 0, -1, 1001, 38.0, 8, Flag.AGGREGATE)),
    ],
)
def test_a_print_has_the_aggressors_side_and_its_nature(more: dict, expected: tuple) -> None:
    feed = Feed(BTC)
    feed.send(TRADE | more, stream=f"btcusdt@{more.get('e', 'trade')}")
    assert feed.rows() == [expected]
    assert feed.stream.exch_ns == 29 * MS


def test_prints_and_touches_pass_while_there_is_no_book() -> None:
    feed = Feed(BTC)
    feed.send(depth(10, 19, 5))
    feed.send(TRADE)
    assert len(feed.rows()) == 1


@pytest.mark.parametrize("futures", [True, False])
def test_a_touch_is_two_rows_and_a_commit(futures: bool) -> None:
    feed = Feed(BTC if futures else SPOT)
    message = {"u": 77, "s": "BTCUSDT", "b": "100.0", "B": "0.002", "a": "100.1", "A": "0.003"}
    feed.send(message | ({"e": "bookTicker", "E": 31, "T": 30} if futures else {}))
    rows = feed.out.take()
    scale = 1 if futures else 1000
    assert rows["kind"].tolist() == [Kind.BBO, Kind.BBO, Kind.COMMIT]
    assert rows["side"].tolist() == [1, -1, 0]
    assert rows["price"].tolist() == ([1000, 1001, 0] if futures else [10000, 10010, 0])
    assert rows["value"].tolist() == [2.0 * scale, 3.0 * scale, 0.0]
    assert rows["ref"].tolist() == [0, 0, 77]
    assert rows["flags"].tolist() == [0, 0, Flag.BBO]
    assert set(rows["exch_ns"].tolist()) == {30 * MS if futures else 0}


def mark_price(**more: Any) -> dict:
    names = {"e": "markPriceUpdate", "E": 1680652701000, "s": "BTCUSDT", "p": "28147.27373413"}
    return names | {"i": "28159.75642857", "r": "0.00002754", "T": 1680652800000} | more


def test_marks_are_values_and_funding_carries_its_time() -> None:
    feed = Feed(BTC)
    feed.send(mark_price(), stream="btcusdt@markPrice@1s")
    assert feed.rows() == [
        (Kind.MARK, 0, 0, 0, 28147.27373413, 0, 0),
        (Kind.INDEX, 0, 0, 0, 28159.75642857, 0, 0),
        (Kind.FUNDING, 0, 0, 0, 0.00002754, 1680652800000 * MS, 0),
    ]
    assert feed.stream.exch_ns == 1680652701000 * MS, "T is the next funding, not this event"


def test_a_delivery_contract_pays_no_funding() -> None:
    feed = Feed(BTC)
    feed.send(mark_price(r="", T=0))
    assert [row[0] for row in feed.rows()] == [Kind.MARK, Kind.INDEX]


def test_a_forced_order_has_its_own_side() -> None:
    feed = Feed(BTC)
    order = {"s": "BTCUSDT", "S": "SELL", "q": "0.014", "p": "9910", "ap": "9910.37", "z": "0.010", "T": 40}
    feed.send({"e": "forceOrder", "E": 41, "o": order}, stream="!forceOrder@arr")
    assert feed.rows() == [(Kind.LIQUIDATION, 0, -1, 99100, 10.0, 0, 0)]


def test_receive_time_never_goes_back_and_exchange_time_is_left_alone() -> None:
    feed = Feed(BTC)
    for trade_id, (recv_ns, event) in enumerate(((5000, 30), (4000, 29), (6000, 5_000)), 1):
        feed.send(TRADE | {"T": event, "t": trade_id}, recv_ns=recv_ns)
    rows = feed.out.take()
    assert rows["recv_ns"].tolist() == [5000, 5000, 6000]
    assert rows["exch_ns"].tolist() == [30 * MS, 29 * MS, 5_000 * MS]


def test_exchange_stamps_may_be_microseconds() -> None:
    feed = Feed(SPOT)
    feed.send(TRADE | {"T": 1723161255342123})
    assert feed.out.take()["exch_ns"].tolist() == [1723161255342123000]


BROKEN = [
    b"",
    b"not json",
    b"[]",
    b'{"stream":"btcusdt@trade"}',
    b'{"stream":"btcusdt@trade","data":null}',
    b'{"e":"trade","s":"BTCUSDT"}',
    b'{"e":"trade","s":"BTCUSDT\xff"}',
    encode(depth(101, 110, 100, [["100.0", "1"]]))[:-3],
    encode(depth(101, 110, None)),
    encode(depth(101, 110, 100, [["100.0", "1"]], [["100.05", "1"]])),
    encode(depth(101, 110, 100, [["100.0", "1"]], [["100.0", "0.0005"]])),
    encode(depth(101, 2**63, 100)),
    encode(depth(101, 110, 100, T=10**16)),
    encode(depth(101, 110, -1)),
    encode(snapshot(120, [["100.0", "1"]], [["100.05", "1"]])),
    encode(TRADE | {"p": "100.15"}),
    encode(TRADE | {"q": "0.0381"}),
    encode(TRADE | {"t": 2**63}),
    encode(TRADE | {"q": 0.038}),
    encode(mark_price(i="nan")),
    encode(mark_price(r="x")),
    encode({"u": 77, "s": "BTCUSDT", "b": "100.0", "B": "0.002", "a": "100.1", "A": "zero"}),
    encode({"e": "forceOrder", "E": 1, "o": {"s": "BTCUSDT", "S": "LONG", "q": "1", "p": "1"}}),
]


@pytest.mark.parametrize("payload", BROKEN)
def test_a_malformed_message_is_counted_and_changes_nothing(payload: bytes) -> None:
    feed = synced_feed()
    before = feed.state()
    assert feed.send(payload) == ()
    assert feed.state() == before
    assert feed.stream.refused == 1
    assert feed.stream.refusals[0].reason
    assert feed.stream.refusals[0].excerpt == payload[:120].decode("utf-8", "replace")
    assert feed.send(depth(101, 110, 100)) == ()
    assert feed.rows() == [commit(110)], "the next good message is taken as if nothing had been"


@pytest.mark.parametrize(
    ("message", "stream"),
    [
        ({"result": None, "id": 1}, ""),
        ({"e": "kline", "s": "BTCUSDT", "k": {}}, "btcusdt@kline_1m"),
        ({"e": "somethingNew", "x": [1]}, ""),
        ([{"e": "markPriceUpdate"}], "!markPrice@arr@1s"),
        (depth(101, 110, 100, [["100.0", "1"]]), "btcusdt@depth20@100ms"),
        (depth(101, 110, 100, [["100.0", "1"]]), "btcusdt@rpiDepth@500ms"),
        (TRADE, "btcusdt@depth@100ms"),
    ],
)
def test_unknown_kinds_are_counted_and_change_nothing(message: Any, stream: str) -> None:
    feed = synced_feed()
    books, rows, _, levels = feed.state()
    feed.send(message, stream=stream)
    after = feed.state()
    assert (after[0], after[1], after[3]) == (books, rows, levels)
    assert feed.stream.messages["other"] + feed.stream.refused == 1


def test_a_symbol_that_is_not_ours_is_counted_and_named() -> None:
    feed = Feed(BTC)
    feed.send(TRADE | {"s": "DOGEUSDT"})
    assert feed.rows() == []
    assert feed.stream.unknown_symbol == "DOGEUSDT"
    assert feed.stream.messages["unknown symbol"] == 1
    feed.send(TRADE)
    assert feed.stream.unknown_symbol == ""


def test_a_stream_is_of_one_known_venue() -> None:
    with pytest.raises(BadInput, match="binance-usdm, binance-coinm, binance-spot"):
        BinanceStream({0: BTC, 1: SPOT})
    with pytest.raises(BadInput, match="expected instruments of one of"):
        BinanceStream({0: Instrument("elsewhere", "BTCUSDT", Decimal(1), Decimal(1))})


DOCUMENTED = {
    "agg_trade_stream": ("0.001", "1", [(Kind.TRADE, 0, -1, 1, 100.0, 5933014, Flag.AGGREGATE)]),
    "trade_stream": ("0.001", "1", [(Kind.TRADE, 0, -1, 1, 100.0, 5933014, 0)]),
    "book_ticker_stream": (
        "0.0001",
        "0.01",
        [
            (Kind.BBO, 0, 1, 253519, 3121.0, 0, 0),
            (Kind.BBO, 0, -1, 253652, 4066.0, 0, 0),
            commit(400900217, Flag.BBO),
        ],
    ),
    "liquidation_stream": ("0.1", "0.001", [(Kind.LIQUIDATION, 0, -1, 99100, 14.0, 0, 0)]),
    "mark_price_stream": (
        "0.1",
        "0.001",
        [
            (Kind.MARK, 0, 0, 0, 11794.15, 0, 0),
            (Kind.INDEX, 0, 0, 0, 11784.62659091, 0, 0),
            (Kind.FUNDING, 0, 0, 0, 0.00038167, 1562306400000 * MS, 0),
        ],
    ),
    "kline_stream_open": ("0.1", "0.001", []),
    "ticker_stream": ("0.1", "0.001", []),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_venues_own_examples(data_dir: Path, name: str) -> None:
    tick, lot, expected = DOCUMENTED[name]
    text = (data_dir / f"nautilus_trader/binance/futures/market_data_json/{name}.json").read_bytes()
    symbol = json.loads(text).get("s", "BTCUSDT")
    feed = Feed(Instrument("binance-usdm", symbol, Decimal(tick), Decimal(lot)))
    feed.send(text)
    assert feed.stream.refusals == []
    assert feed.rows() == expected


def test_the_venues_own_depth_example(data_dir: Path) -> None:
    folder = data_dir / "nautilus_trader/binance/futures/market_data_json"
    feed = Feed(Instrument("binance-usdm", "BTCUSDT", Decimal("0.0001"), Decimal(1)))
    feed.send(snapshot(155))
    feed.rows()
    feed.send((folder / "depth_update_stream.json").read_bytes())
    assert feed.rows() == [level(1, 24, 10.0), level(-1, 26, 100.0), commit(160)]


def both(feed: Feed, messages: list[dict]) -> None:
    """Every message twice, the second half a step late, as from two connections of one name."""
    late: list[dict] = []
    for message in messages:
        feed.send(message)
        late.append(message)
        if len(late) > 2:
            feed.send(late.pop(0))
    for message in late:
        feed.send(message)


def test_two_connections_while_one_replaces_the_other_count_once() -> None:
    ticker = {"e": "bookTicker", "s": "BTCUSDT", "b": "100.0", "B": "1", "a": "101.0", "A": "1"}
    messages = [
        message
        for i in range(6)
        for message in (
            depth(101 + 10 * i, 110 + 10 * i, 100 + 10 * i, [["99.0", str(i)]]),
            TRADE | {"t": 50 + i},
            ticker | {"u": 105 + 10 * i},
        )
    ]
    once, twice = synced_feed(), synced_feed()
    for message in messages:
        once.send(message)
    both(twice, messages)
    assert twice.rows() == once.rows()
    assert twice.stream.status()["books"]["BTCUSDT"]["gaps"] == 0
    assert twice.stream.duplicate_prints == 6


def test_ids_that_begin_anew_are_believed() -> None:
    feed = Feed(BTC)
    for trade_id in (2**40, 5, 6):
        feed.send(TRADE | {"t": trade_id})
    assert [row[5] for row in feed.rows()] == [2**40, 5, 6]


def test_answers_to_polls_become_readings() -> None:
    feed = Feed(BTC, ETH)
    for asked, symbol, answer in (
        (Asked.OPEN_INTEREST, "ETHUSDT", {"symbol": "ETHUSDT", "openInterest": "10659.5", "time": 5}),
        (Asked.LONG_SHORT, "BTCUSDT", [{"symbol": "BTCUSDT", "longShortRatio": "1.43", "timestamp": 6}]),
        (Asked.LONG_SHORT, "BTCUSDT", []),
        (Asked.FUNDING, "", [{"symbol": "ETHUSDT", "fundingIntervalHours": 4}]),
    ):
        assert feed.stream.on_rest(Fetch(asked, symbol, ""), 9, encode(answer), feed.out) == ()
    assert feed.rows() == [
        (Kind.OPEN_INTEREST, 1, 0, 0, 10659.5, 0, 0),
        (Kind.LONG_SHORT, 0, 0, 0, 1.43, 0, 0),
    ]
    for symbol, hours in (("ETHUSDT", 4), ("BTCUSDT", 8)):
        feed.send({"e": "markPriceUpdate", "E": 5, "s": symbol, "p": "1.5", "i": "", "r": "0.0001", "T": 7})
        assert feed.rows()[1][3] == hours * 3600
    assert feed.stream.refused == 0


@pytest.mark.parametrize(
    "answer",
    [{"code": -1003, "msg": "Too many requests"}, {"lastUpdateId": 5, "bids": [["NaN", "1"]], "asks": []}],
)
def test_a_snapshot_that_is_none_is_asked_for_again(answer: dict) -> None:
    feed = Feed(BTC)
    (asked,) = feed.send(depth(10, 19, 5))
    assert feed.stream.on_rest(asked, 9, encode(answer), feed.out) == (asked,)
    assert feed.rows() == []
    assert feed.stream.refused == 1


def test_an_audit_never_enters_the_ladder() -> None:
    feed = synced_feed()
    feed.rows()
    answer = encode(snapshot(140, [["50.0", "1"]], [["51.0", "1"]]))
    assert feed.stream.on_rest(Fetch(Asked.AUDIT, "BTCUSDT", ""), 9, answer, feed.out) == ()
    assert feed.rows() == []
    (audit,) = feed.stream.take_audits()
    assert (audit.market, audit.ref, audit.rows["price"].tolist()) == (0, 140, [0, 500, 510, 0])
    feed.send(depth(101, 110, 100))
    assert feed.rows() == [commit(110)]


def test_streams_are_asked_for_on_the_path_of_their_class() -> None:
    feed = Feed(ETH)
    public, market = feed.stream.connections(Hosts("wss://venue", "https://venue"))
    asked = {c.name: [p for f in c.hello for p in json.loads(f)["params"]] for c in (public, market)}
    assert public.url == "wss://venue/public/stream"
    assert asked == {
        "public": ["ethusdt@depth@100ms", "ethusdt@trade", "ethusdt@bookTicker", "btcusdt@depth5@500ms"],
        "market": ["ethusdt@markPrice@1s", "ethusdt@forceOrder", "btcusdt@markPrice@1s"],
    }
    assert all(0 < c.renew_after_s < 24 * 3600 for c in (public, market))


def test_the_beat_of_a_connection_is_not_the_book_of_its_symbol() -> None:
    feed = synced_feed()
    feed.rows()
    feed.send(depth(500, 600, 400, [["1.0", "1"]]), stream="btcusdt@depth5@500ms")
    assert feed.rows() == []
    assert feed.stream.synced() == {"BTCUSDT": True}


def test_live_data_is_of_linear_perpetuals() -> None:
    with pytest.raises(BadInput, match="binance-usdm only"):
        Feed(SPOT).stream.connections(Hosts("", ""))


def test_snapshots_that_are_of_no_use_are_asked_for_ever_less_often() -> None:
    feed = Feed(BTC)
    asked, last, at_ns = [], 20, 0
    for _ in range(100):
        at_ns += 100 * MS
        wanted = feed.send(depth(last, last + 9, last - 1), recv_ns=at_ns)
        last += 10
        while wanted:
            asked.append(at_ns // MS)
            wanted = feed.stream.on_rest(wanted[0], at_ns, encode(snapshot(5)), feed.out)
    assert asked == [100, 100, 100, 600, 1600, 3600, 7600]
    answer = encode(snapshot(last - 5, [["100.0", "1"]], [["101.0", "1"]]))
    feed.stream.on_rest(snapshot_of("BTCUSDT"), at_ns, answer, feed.out)
    assert feed.stream.synced() == {"BTCUSDT": True}
