"""Single payloads of a public collection (captures and the venues' own examples), each to its rows.

What a table does not name, private events and answers of other requests, must
leave no row and no trace in a book.
"""

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues.known import stream_of
from bot.market.venues.protocol import Asked, Fetch, VenueStream

MS = 1_000_000
NOW_NS = 1_790_000_000 * 10**9
FOLDERS = {
    "binance-usdm": "binance/futures",
    "binance-spot": "binance/spot",
    "bybit-linear": "bybit",
    "okx": "okx",
    "hyperliquid": "hyperliquid",
}
FINE = {  # finer than any price and size in the payloads
    "binance-usdm": [("BTCUSDT", "0.0001", "0.001"), ("BNBUSDT", "0.0001", "0.01")],
    "binance-spot": [("ETHUSDT", "0.01", "0.00001"), ("BTCUSDT", "0.01", "0.00001")],
    "bybit-linear": [("BTCUSDT", "0.01", "0.001")],
    "okx": [("BTC-USDT", "0.01", "0.00000001"), ("BTC-USDT-SWAP", "0.1", "0.01"), ("BTC-USD", "0.1", "1e-8")],
    "hyperliquid": [("BTC", "0.01", "0.00001")],
}


def stream_for(venue: str) -> VenueStream:
    made = [Instrument(venue, symbol, Decimal(t), Decimal(q)) for symbol, t, q in FINE[venue]]
    return stream_of(venue, dict(enumerate(made)))


def payload_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def plain(rows: np.ndarray) -> list[tuple]:
    """(kind, side, price, value, exchange ms, ref, flags)."""
    return [
        (r["kind"], r["side"], r["price"], r["value"], r["exch_ns"] // MS, r["ref"], r["flags"]) for r in rows
    ]


def levels(side: int, ms: int, *pairs: tuple[int, float]) -> list[tuple]:
    return [(Kind.LEVEL, side, price, lots, ms, 0, 0) for price, lots in pairs]


def touch(ms: int, ref: int, bid: tuple[int, float], ask: tuple[int, float]) -> list[tuple]:
    return [
        (Kind.BBO, 1, *bid, ms, 0, 0),
        (Kind.BBO, -1, *ask, ms, 0, 0),
        (Kind.COMMIT, 0, 0, 0.0, ms, ref, Flag.BBO),
    ]


FRAMES = {
    "bybit/ws_orderbook_snapshot": touch(1709891679000, 123456789, (2745000, 500), (2745100, 750)),
    "bybit/ws_ticker_linear": [
        (Kind.MARK, 0, 0, 17217.33, 1673272861686, 0, 0),
        (Kind.INDEX, 0, 0, 17227.36, 1673272861686, 0, 0),
        (Kind.OPEN_INTEREST, 0, 0, 68744.761, 1673272861686, 0, 0),
        (Kind.FUNDING, 0, 8 * 3600, -0.000212, 1673272861686, 1673280000000 * MS, 0),
        *touch(1673272861686, 24987956059, (1721550, 84489), (1721600, 83020)),
    ],
    "okx/ws_bbo_tbt": touch(1597026383085, 123456, (847697, 256e8), (847698, 415e8)),
    "okx/ws_tickers": touch(1597026383085, 0, (888888, 5e8), (999999, 11e8)),
    "okx/ws_funding_rate": [
        (Kind.FUNDING, 0, 28800, 0.0001, 1744590349506, 1744590349506 * MS, 0),
    ],
    "binance/futures/market_data_json/trade_stream": [
        (Kind.TRADE, -1, 10, 100_000, 123456785, 5933014, 0),
    ],
    "binance/futures/market_data_json/agg_trade_stream": [
        (Kind.TRADE, -1, 10, 100_000, 123456785, 5933014, Flag.AGGREGATE),
    ],
    "binance/futures/market_data_json/book_ticker_stream": touch(
        1568014460891, 400900217, (253519, 3121), (253652, 4066)
    ),
    "binance/futures/market_data_json/liquidation_stream": [
        (Kind.LIQUIDATION, -1, 99100000, 14, 1568014460893, 0, 0),
    ],
    "binance/futures/market_data_json/mark_price_stream": [
        (Kind.MARK, 0, 0, 11794.15, 1562305380000, 0, 0),
        (Kind.INDEX, 0, 0, 11784.62659091, 1562305380000, 0, 0),
        (Kind.FUNDING, 0, 0, 0.00038167, 1562305380000, 1562306400000 * MS, 0),
    ],
}
"""okx/ws_trades is a print of 2021, older than its connection: history. bybit/ws_public_trade names a topic
that the venue does not have. okx/ws_books_* carry an invented checksum, see below."""

NO_ROWS = {"binance/futures/market_data_json/depth_update_stream": 1}  # asks for its snapshot


@pytest.mark.parametrize("venue", FOLDERS)
def test_every_payload_gives_its_rows_and_nothing_else(data_dir: Path, venue: str) -> None:
    root = data_dir / "nautilus_trader"
    seen = 0
    for path in sorted((root / FOLDERS[venue]).rglob("*.json*")):
        name = str(path.relative_to(root)).removesuffix(".gz").removesuffix(".json")
        stream, out = stream_for(venue), RowBuffer()
        wanted = stream.on_frame("public", NOW_NS, payload_of(path), out)
        assert len(wanted) == NO_ROWS.get(name, 0), name
        if name.startswith("binance/spot") and "depth_response" in name:
            continue  # REST answers of one book are understood between frames, as recorders write them
        assert plain(out.take()) == FRAMES.get(name, []), name
        seen += name in FRAMES
    assert seen == sum(name.startswith(FOLDERS[venue] + "/") for name in FRAMES)


@pytest.mark.parametrize(
    ("venue", "name", "asked", "symbol", "ref", "best"),
    [
        ("bybit-linear", "bybit/http_get_orderbook", Asked.AUDIT, "BTCUSDT", 1234567, (2745050, 2745100)),
        ("okx", "okx/http_get_order_book", Asked.AUDIT, "BTC-USDT", 0, (4100670, 4100680)),
        (
            "hyperliquid",
            "hyperliquid/http_l2_book_btc",
            Asked.AUDIT,
            "BTC",
            1761786491067,
            (11042700, 11042800),
        ),
        (
            "hyperliquid",
            "hyperliquid/http_l2_book_snapshot",
            Asked.AUDIT,
            "BTC",
            1703875200000,
            (9845050, 9845100),
        ),
        ("hyperliquid", "hyperliquid/ws_book_data", Asked.AUDIT, "BTC", 1703875200000, (9845050, 9845100)),
    ],
)
def test_audits_are_kept_apart_from_the_ladder(
    data_dir: Path, venue: str, name: str, asked: Asked, symbol: str, ref: int, best: tuple[int, int]
) -> None:
    stream, out = stream_for(venue), RowBuffer()
    payload = (data_dir / f"nautilus_trader/{name}.json").read_bytes()
    assert stream.on_rest(Fetch(asked, symbol, ""), NOW_NS, payload, out) == ()
    assert len(out) == 0
    assert not stream.synced()[symbol]
    (audit,) = stream.take_audits()
    assert stream.take_audits() == ()
    rows = audit.rows
    bids, asks = (rows["price"][(rows["kind"] == Kind.LEVEL) & (rows["side"] == s)] for s in (1, -1))
    assert (audit.symbol, audit.ref, (max(bids), min(asks))) == (symbol, ref, best)
    assert rows["kind"][[0, -1]].tolist() == [Kind.SNAPSHOT, Kind.COMMIT]


def test_okx_books_with_and_without_the_invented_checksum(data_dir: Path) -> None:
    folder = data_dir / "nautilus_trader/okx"
    snapshot, update = ((folder / f"ws_books_{kind}.json").read_bytes() for kind in ("snapshot", "update"))
    stream, out = stream_for("okx"), RowBuffer()
    stream.on_frame("public", NOW_NS, snapshot, out)
    assert (stream.messages["wrong checksum"], len(out)) == (1, 0)

    def of_today(payload: bytes) -> bytes:
        return payload.replace(b"-855196043", b"0")

    for payload, ref in ((snapshot, 123456), (update, 123457)):
        stream.on_frame("public", NOW_NS, of_today(payload), out)
        rows = out.take()
        fresh = payload is snapshot
        ms = 1597026383085
        bids = levels(1, ms, (847697, 256e8), (847555, 101e8))
        assert plain(rows[fresh : fresh + 2]) == bids
        assert len(rows) == 17 + fresh
        assert plain(rows[-1:]) == [(Kind.COMMIT, 0, 0, 0.0, ms, ref, Flag.SNAPSHOT if fresh else 0)]


def test_a_print_of_okx_older_than_its_connection_is_history(data_dir: Path) -> None:
    payload = (data_dir / "nautilus_trader/okx/ws_trades.json").read_bytes()
    stream, out = stream_for("okx"), RowBuffer()
    stream.on_frame("public", 1630048898 * 10**9, payload, out)
    expected = [(Kind.TRADE, 1, 422199, 12060306.0, 1630048897897, 130639474, Flag.AGGREGATE)]
    assert plain(out.take()) == expected
    late = stream_for("okx")
    late.on_frame("public", NOW_NS, payload, out)
    assert len(out) == 0
    assert late.status()["history_prints"] == 1


def test_a_refused_subscription_is_told(data_dir: Path) -> None:
    stream, out = stream_for("bybit-linear"), RowBuffer()
    payload = (data_dir / "nautilus_trader/bybit/ws_subscription_failure.json").read_bytes()
    stream.on_frame("public", NOW_NS, payload, out)
    assert "Invalid topic" in stream.refusals[0].reason
