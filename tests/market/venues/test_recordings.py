"""Recorded frames drive the streams: no gap where the data has none, books as a plain rebuild has them."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bot.market.events import Kind, RowBuffer
from bot.market.importers.cryptofeed import cryptofeed_frames
from bot.market.importers.raw_lines import raw_lines
from bot.market.instruments import Instrument, find, parse_override
from bot.market.tape.raw import RawFrame, What
from bot.market.venues.known import stream_of
from bot.market.venues.protocol import Fetch
from tests.market.venues.plain_books import PlainBook, from_frame, from_rows

OKX_2022 = [
    parse_override("okx:BTC-USD-220527,tick=0.1,lot=1,contract=inverse,contract_size=100"),
    parse_override("okx:UNI-USD-SWAP,tick=0.001,lot=1,contract=inverse,contract_size=10"),
    parse_override("okx:BTC-USDT,tick=0.1,lot=0.00000001,contract=spot"),
]
BYBIT = [find(f"bybit-linear:{coin}USDT") for coin in ("BTC", "ETH", "SOL", "DOGE")]
SUSHI_AND_MORE = [
    Instrument("binance-usdm", f"{coin}USDT", Decimal(tick), Decimal(1))
    # CTKUSDT still shows orders of a finer tick than its list of instruments says.
    for coin, tick in (("SUSHI", "0.001"), ("AKRO", "0.00001"), ("KEEP", "0.0001"), ("CTK", "0.00001"))
]


def frames_of(data_dir: Path, venue: str) -> list[RawFrame]:
    folder = data_dir / "cryptofeed"
    if venue == "okx":
        return list(cryptofeed_frames([folder / "OKX.ws.1.0.gz"]))
    if venue == "bybit-linear":
        return list(cryptofeed_frames([folder / "BYBIT.jsonl.zst"], "/linear"))
    lines = raw_lines([data_dir / "hftbacktest/hyperliquid/btcusd_20250126.gz"])
    return [RawFrame(What.FRAME, line.recv_ns, "public", line.payload) for line in lines]


@pytest.mark.parametrize(
    ("venue", "instruments", "changes", "prints"),
    [
        ("bybit-linear", BYBIT, 1598, 327),
        ("okx", OKX_2022, 290, 72),
        ("hyperliquid", [find("hyperliquid:BTC")], 46, 34),
    ],
)
def test_books_equal_a_plain_rebuild_at_every_commit(
    data_dir: Path, venue: str, instruments: list[Instrument], changes: int, prints: int
) -> None:
    markets = dict(enumerate(instruments))
    stream, out = stream_of(venue, markets), RowBuffer()
    books: dict[int, PlainBook] = {}
    plain: dict[str, PlainBook] = {}
    commits = trades = 0
    for frame in frames_of(data_dir, venue):
        if frame.what is not What.FRAME:
            continue
        assert stream.on_frame(frame.name, frame.recv_ns, frame.payload, out) == ()
        rows = out.take()
        committed = from_rows(books, markets, rows)
        trades += int((rows["kind"] == Kind.TRADE).sum())
        commits += len(committed)
        symbol = from_frame(plain, venue, frame.payload)
        assert [markets[m].symbol for m in committed] == ([symbol] if symbol else [])
        for market in committed:
            assert books[market] == plain[symbol]
            assert max(books[market].bids) < min(books[market].asks)
    status = stream.status()
    assert (commits, trades) == (changes, prints)
    assert status["refused"] == 0, status["refusals"]
    assert sum(book["gaps"] for book in status["books"].values()) == 0
    assert all(stream.synced().values())


def test_binance_futures_bridges_every_snapshot(data_dir: Path) -> None:
    """All four books come up from REST and stay; each equals snapshot plus the changes behind it."""
    folder = data_dir / "cryptofeed"
    files = [folder / "BINANCE_FUTURES.http.0.0.gz", folder / "BINANCE_FUTURES.ws.1.0.gz"]
    markets = dict(enumerate(SUSHI_AND_MORE))
    stream, out = stream_of("binance-usdm", markets), RowBuffer()
    books: dict[int, PlainBook] = {}
    plain: dict[str, PlainBook] = {}
    ids: dict[str, int] = {}
    changes: list[dict] = []
    for frame in cryptofeed_frames(files):
        if frame.what is What.ANSWER:
            assert frame.asked is not None
            asked = Fetch(frame.asked, frame.symbol, "")
            stream.on_rest(asked, frame.recv_ns, frame.payload, out)
            data = json.loads(frame.payload)
            ids[frame.symbol] = data["lastUpdateId"]
            plain[frame.symbol] = PlainBook()
            plain[frame.symbol].apply(data["bids"], data["asks"])
        elif frame.what is What.FRAME:
            stream.on_frame("public", frame.recv_ns, frame.payload, out)
            data = json.loads(frame.payload).get("data", {})
            if data.get("e") == "depthUpdate":
                changes.append(data)
    for data in changes:
        if data["u"] >= ids[data["s"]]:
            plain[data["s"]].apply(data["b"], data["a"])
    from_rows(books, markets, out.take())
    status = stream.status()
    assert status["refused"] == 0, status["refusals"]
    assert [b["joins"] for b in status["books"].values()] == [1, 1, 1, 1]
    assert [b["gaps"] for b in status["books"].values()] == [0, 0, 0, 0]
    assert {markets[m].symbol: book for m, book in books.items()} == plain


def test_okx_checksums_of_old_recordings_are_verified(data_dir: Path) -> None:
    """Every real one is right (the test above has no gap); one level changed breaks the book at once."""
    stream, out = stream_of("okx", dict(enumerate(OKX_2022))), RowBuffer()
    wanted: list = []
    bent = 0
    for frame in frames_of(data_dir, "okx"):
        payload = frame.payload
        if b'"action":"update"' in payload and b"UNI-USD-SWAP" in payload and not bent:
            bent += payload != (payload := payload.replace(b'"129"', b'"128"'))
        wanted += stream.on_frame("public", frame.recv_ns, payload, out)
    assert bent == 1
    rows = out.take()
    gaps = rows[rows["kind"] == Kind.GAP]
    assert gaps["market"].tolist() == [1]
    assert stream.messages["wrong checksum"] == 1
    assert [f for send in wanted[:1] for f in send.frames] == [
        b'{"op":"unsubscribe","args":[{"channel":"books","instId":"UNI-USD-SWAP"}]}',
        b'{"op":"subscribe","args":[{"channel":"books","instId":"UNI-USD-SWAP"}]}',
    ]
