from pathlib import Path

import pytest

from bot.core.errors import BadInput
from bot.market.events import Kind
from bot.market.importers.cryptofeed import cryptofeed_frames
from bot.market.importers.frames import import_frames
from bot.market.instruments import find, parse_override
from bot.market.tape import open_tape, verify
from bot.market.tape.raw import RawWriter, What
from bot.market.venues.protocol import Asked
from tests.market.venues.driving import T0, S, encode
from tests.market.venues.test_bybit import book, ticker, trade
from tests.market.venues.test_fuzz import LEVELS, depth

BTC = find("bybit-linear:BTCUSDT")


def kinds(tape: Path) -> list[Kind]:
    return [Kind(kind) for batch in open_tape(tape).batches() for kind in batch["kind"].tolist()]


def test_our_own_frames_need_no_names(tmp_path: Path) -> None:
    raw, tape = tmp_path / "frames.zst", tmp_path / "out.tape"
    with RawWriter(raw, "bybit-linear", [BTC]) as writer:
        writer.connected(T0, "public", "wss://venue")
        writer.frame(T0 + 1, "public", encode(book(10, *LEVELS, fresh=True)))
        writer.frame(T0 + 2, "public", encode(trade("a")))
        writer.disconnected(T0 + S, "public", "reset")
        writer.connected(T0 + 2 * S, "public", "wss://venue")
        writer.frame(T0 + 3 * S, "public", encode(book(90, fresh=True)))
    summary = import_frames([raw], tape)
    assert kinds(tape) == [
        Kind.SNAPSHOT,
        *[Kind.LEVEL] * 5,
        Kind.COMMIT,
        Kind.TRADE,
        Kind.GAP,
        Kind.SNAPSHOT,
        Kind.COMMIT,
    ]
    assert (summary.venue, summary.instruments, summary.gaps, summary.torn) == ("bybit-linear", (BTC,), 1, ())
    assert verify(open_tape(tape)).ok


def test_answers_of_binance_start_its_books(tmp_path: Path) -> None:
    raw, tape = tmp_path / "frames.gz", tmp_path / "out.tape"
    with RawWriter(raw, "binance-usdm", [find("binance-usdm:BTCUSDT")]) as writer:
        writer.frame(T0, "public", encode(depth(90, 100, 80)))
        answer = {"lastUpdateId": 95, "bids": LEVELS[0], "asks": LEVELS[1]}
        writer.answer(T0 + 1, Asked.SNAPSHOT, "BTCUSDT", encode(answer))
        writer.answer(T0 + 2, Asked.OPEN_INTEREST, "BTCUSDT", b'{"openInterest":"5","time":5}')
        writer.answer(T0 + 3, Asked.AUDIT, "BTCUSDT", encode(answer))
    import_frames([raw], tape)
    assert kinds(tape)[0] is Kind.SNAPSHOT
    assert kinds(tape)[-1] is Kind.OPEN_INTEREST


def test_a_torn_recording_is_imported_as_far_as_it_goes(tmp_path: Path) -> None:
    raw, tape = tmp_path / "frames.txt", tmp_path / "out.tape"
    with RawWriter(raw, "bybit-linear", [BTC]) as writer:
        writer.frame(T0, "public", encode(ticker(True, markPrice="5")))
        writer.frame(T0, "public", encode(ticker(True, markPrice="6")))
    raw.write_bytes(raw.read_bytes()[:-9])
    summary = import_frames([raw], tape)
    assert (summary.rows, summary.torn) == (1, (str(raw),))


@pytest.mark.parametrize(
    ("venue", "text", "says"),
    [
        ("", "{}", "name it with --venue"),
        ("kraken", "{}", "binance-usdm, binance-coinm"),
        ("okx", "hello", "recording of cryptofeed"),
        ("okx", "", "found none"),
        (
            "bybit",
            '1723161255030314667 {"topic":"tickers.BTCUSDT","data":{"symbol":"BTCUSDT"}}',
            "not one of 1",
        ),
        ("bybit", '1723161255030314667 {"topic":"tickers.XUSDT","data":{"symbol":"XUSDT"}}', "--instrument"),
    ],
)
def test_files_that_cannot_be_imported_leave_no_tape(
    tmp_path: Path, venue: str, text: str, says: str
) -> None:
    path, tape = tmp_path / "some.txt", tmp_path / "out.tape"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        import_frames([path], tape, venue=venue)
    assert not tape.exists()


def test_cryptofeeds_recordings_become_tapes_in_order(data_dir: Path, tmp_path: Path) -> None:
    folder, tape = data_dir / "cryptofeed", tmp_path / "bybit.tape"
    summary = import_frames([folder / "BYBIT.jsonl.zst"], tape, venue="bybit")
    assert {i.symbol for i in summary.instruments} == {f"{c}USDT" for c in ("BTC", "ETH", "SOL", "DOGE")}
    assert (summary.gaps, summary.never_up, summary.crossed_commits, summary.commits) == (0, (), 0, 1598)
    assert verify(open_tape(tape)).ok


def test_frames_of_several_files_are_merged_by_time(data_dir: Path) -> None:
    folder = data_dir / "cryptofeed"
    frames = list(
        cryptofeed_frames([folder / "BINANCE_FUTURES.ws.1.0.gz", folder / "BINANCE_FUTURES.http.0.0.gz"])
    )
    stamps = [frame.recv_ns for frame in frames]
    assert stamps == sorted(stamps)
    assert [f.symbol for f in frames if f.what is What.ANSWER] == [
        "SUSHIUSDT",
        "AKROUSDT",
        "KEEPUSDT",
        "CTKUSDT",
    ]
    assert sum(f.what is What.FRAME for f in frames) == 1535


def test_a_recording_of_stamped_lines(data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "hftbacktest/hyperliquid/btcusd_20250126.gz"
    summary = import_frames([path], tmp_path / "hl.tape", venue="hyperliquid")
    assert (summary.frames, summary.commits, summary.gaps) == (55, 46, 0)


def test_instruments_may_be_described(data_dir: Path, tmp_path: Path) -> None:
    made = [
        parse_override("okx:BTC-USD-220527,tick=0.1,lot=1,contract=inverse,contract_size=100"),
        parse_override("okx:UNI-USD-SWAP,tick=0.001,lot=1,contract=inverse,contract_size=10"),
        parse_override("okx:BTC-USDT,tick=0.1,lot=0.00000001,contract=spot"),
    ]
    path = data_dir / "cryptofeed/OKX.ws.1.0.gz"
    summary = import_frames([path], tmp_path / "okx.tape", venue="okx", instruments=made)
    assert summary.instruments == tuple(made)
    assert (summary.gaps, summary.commits) == (0, 290)
