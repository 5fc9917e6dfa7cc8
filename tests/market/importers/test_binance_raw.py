import gzip
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.errors import BadInput
from bot.market.events import Flag, Kind
from bot.market.importers.binance_raw import import_binance_raw, import_to_tape
from bot.market.importers.raw_lines import recv_ns_of
from bot.market.importers.summary import ClockTally
from bot.market.instruments import Instrument, parse_override
from bot.market.tape import open_tape

NS = 1_723_161_255_000_000_000
DEPTH = {"e": "depthUpdate", "E": 1723161256299, "s": "BTCUSDT", "U": 11, "u": 19, "pu": 5}
TRADE = {"e": "trade", "E": 1723161256322, "s": "BTCUSDT", "t": 7, "p": "100.1", "q": "0.01", "m": True}


class Rows:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def append(self, rows: np.ndarray) -> None:
        self.batches.append(rows)

    def all(self) -> np.ndarray:
        return np.concatenate(self.batches)


def line(message: Any, stamp: int = NS, stream: str = "") -> str:
    text = json.dumps({"stream": stream, "data": message} if stream else message)
    return f"{stamp} {text}\n"


def depth(first: int, last: int, prev: int, *bids: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {**DEPTH, "U": first, "u": last, "pu": prev, "b": bids, "a": [["101.0", "1"]], **more}


def snapshot(last_id: int) -> dict[str, Any]:
    return {"lastUpdateId": last_id, "bids": [["100.0", "1"]], "asks": [["101.0", "1"]]}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Starts before its snapshot; holds a repeated change, a break, odd prints and a torn last line."""
    path = tmp_path / "btc.txt"
    path.write_text(
        line(depth(11, 19, 5), NS)
        + line(TRADE | {"X": "MARKET"}, NS + 1, "btcusdt@trade")
        + line(snapshot(15), NS + 2)
        + line(depth(11, 19, 5), NS + 3)
        + line(depth(20, 29, 19), NS + 5)
        + line(TRADE | {"X": "ADL", "t": 8}, NS + 4)
        + line(depth(50, 59, 45), NS + 6)
        + line(snapshot(55), NS + 7)
        + line({"e": "kline", "s": "BTCUSDT"}, NS + 8, "btcusdt@kline_1m")
        + "\n"
        + "no stamp here\n"
        + line(TRADE | {"p": "100.15"}, NS + 9)
        + line(TRADE)[:-9]
    )
    return path


def test_the_summary_says_what_was_seen(recording: Path) -> None:
    writer = Rows()
    summary = import_binance_raw([recording], writer)
    assert summary.venue == "binance-usdm"
    assert [i.key for i in summary.instruments] == ["binance-usdm:BTCUSDT"]
    assert summary.messages == {"depthUpdate": 4, "other": 1, "snapshot": 2, "trade": 2}
    assert (summary.lines, summary.level_updates) == (12, 4)
    assert (summary.trades, summary.not_market) == (2, 1)
    assert (summary.gaps, summary.resyncs, summary.duplicates) == (1, 1, 1)
    assert summary.malformed == 3
    assert [e.partition(": ")[0] for e in summary.examples] == ["btc.txt:11", "btc.txt:12", "btc.txt:13"]
    assert "multiple of the tick 0.1" in summary.examples[1]
    assert (summary.first_ns, summary.last_ns, summary.recv_backwards) == (NS, NS + 9, 2)
    assert (summary.commits, summary.crossed_commits, summary.never_up) == (5, 0, ())
    json.dumps(summary.to_json())


def test_rows_are_numbered_from_one_and_never_go_back_in_time(recording: Path) -> None:
    writer = Rows()
    summary = import_binance_raw([recording], writer)
    rows = writer.all()
    assert rows["seq"].tolist() == list(range(1, summary.rows + 1))
    assert (np.diff(rows["recv_ns"]) >= 0).all()
    assert rows["kind"].tolist() == [
        Kind.TRADE,
        *(Kind.SNAPSHOT, Kind.LEVEL, Kind.LEVEL, Kind.COMMIT),
        *(Kind.LEVEL, Kind.COMMIT),
        *(Kind.LEVEL, Kind.COMMIT),
        Kind.TRADE,
        Kind.GAP,
        *(Kind.SNAPSHOT, Kind.LEVEL, Kind.LEVEL, Kind.COMMIT),
        *(Kind.LEVEL, Kind.COMMIT),
    ]
    prints = rows[rows["kind"] == Kind.TRADE]
    assert prints["flags"].tolist() == [0, Flag.NOT_MARKET]


def test_files_in_order_are_one_stream_packed_or_not(recording: Path, tmp_path: Path) -> None:
    lines = recording.read_bytes().splitlines(keepends=True)
    first, second = tmp_path / "1.dat", tmp_path / "2.gz"
    first.write_bytes(b"".join(lines[:5]))
    second.write_bytes(gzip.compress(b"".join(lines[5:])))
    whole, parts = Rows(), Rows()
    import_binance_raw([recording], whole)
    import_binance_raw([first, second], parts)
    assert np.array_equal(whole.all(), parts.all())


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (b"1723161255030314667", 1723161255030314667),
        (b"1723161255030314", 1723161255030314000),
        (b"1723161255030", 1723161255030000000),
        (b"1723161255", 0),
        (b"9999999999999999999", 0),
        (b"99999999999999999999999", 0),
        (b"1_723161255030314667", 0),
        (b"", 0),
        (b"{}", 0),
    ],
)
def test_receive_stamps_are_told_apart_by_size(stamp: bytes, expected: int) -> None:
    assert recv_ns_of(stamp) == expected


def test_each_symbol_is_a_market_in_order_of_appearance(tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    late = [line(TRADE | {"s": "SOLUSDT", "p": "1.01"}, NS + 5_000)]
    path.write_text(
        line(TRADE | {"s": "ETHUSDT"}, stream="ethusdt@trade")
        + "".join(line(TRADE | {"X": "MARKET", "t": trade_id}) for trade_id in range(1, 2_501))
        + "".join(late)
    )
    writer = Rows()
    summary = import_binance_raw([path], writer)
    assert [i.symbol for i in summary.instruments] == ["ETHUSDT", "BTCUSDT", "SOLUSDT"]
    assert writer.all()["market"].tolist() == [0, *[1] * 2_500, 2]
    assert summary.messages == {"trade": 2_502}


@pytest.mark.parametrize(
    ("message", "venue"),
    [
        (depth(1, 2, 3), "binance-usdm"),
        ({k: v for k, v in depth(1, 2, 3).items() if k != "pu"}, "binance-spot"),
        (TRADE | {"M": True}, "binance-spot"),
        (TRADE | {"X": "MARKET"}, "binance-usdm"),
        (TRADE | {"s": "BTCUSD_PERP", "q": "4", "X": "MARKET"}, "binance-coinm"),
        ({"u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"}, "binance-spot"),
    ],
)
def test_the_venue_is_recognised_from_the_messages(tmp_path: Path, message: dict, venue: str) -> None:
    path = tmp_path / "some.txt"
    path.write_text(line(message) + line(TRADE | {"s": message["s"], "q": "1"}))
    assert import_binance_raw([path], Rows()).venue == venue


def test_an_override_comes_before_the_table(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(line(TRADE | {"p": "100.15", "X": "MARKET"}))
    made = parse_override("binance-usdm:BTCUSDT,tick=0.05")
    writer = Rows()
    summary = import_binance_raw([path], writer, instruments=[made])
    assert summary.instruments == (made,)
    assert writer.all()["price"].tolist() == [2003]


def test_a_snapshot_on_the_first_line_is_used(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(line(snapshot(15)) + line(depth(20, 29, 14)))
    summary = import_binance_raw([path], Rows())
    assert (summary.commits, summary.gaps) == (2, 0)


def test_a_recording_without_a_snapshot_says_that_no_book_came_up(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(line(depth(11, 19, 5)) + line(TRADE))
    summary = import_binance_raw([path], Rows())
    assert summary.never_up == ("BTCUSDT",)


def test_a_tape_carries_instruments_and_what_was_seen(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "btc.tape"
    summary = import_to_tape([recording], target)
    tape = open_tape(target)
    assert tape.header.instruments == summary.instruments
    assert tape.header.provenance["import"] == json.loads(json.dumps(summary.to_json()))
    assert sum(len(batch) for batch in tape.batches()) == summary.rows


def truncated(path: Path) -> None:
    # noise, so that the cut falls far behind the lines that are probed first
    prices = [(f"{n * 7919 % 90_000}.1", "1") for n in range(20)]
    lines = [line(depth(n, n, n - 1, *prices[n % 20 :], E=n * 7919)) for n in range(4_000)]
    whole = gzip.compress("".join(lines).encode())
    path.write_bytes(whole[: len(whole) * 9 // 10])


BAD_FILES = {
    "missing": (lambda path: None, "no such file"),
    "folder": (lambda path: path.mkdir(), "no such file"),
    "empty": (lambda path: path.write_text(""), "no lines"),
    "words": (lambda path: path.write_text("hello\nworld\n"), "expected lines of a receive stamp"),
    "csv": (lambda path: path.write_text("1723161255030314667,1,2\n"), "expected lines of a receive stamp"),
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 50), "expected lines of a receive stamp"),
    "not binance": (lambda path: path.write_text(line({"topic": "orderbook.50.X"})), "--venue"),
    "mixture": (
        lambda path: path.write_text(line(depth(1, 2, 3)) + line(TRADE | {"M": True})),
        "mixture of binance-spot, binance-usdm",
    ),
    "unknown symbol": (
        lambda path: path.write_text(line(TRADE | {"s": "ZZZUSDT", "X": "NA"})),
        "--instrument",
    ),
    "truncated gzip": (truncated, "expected a whole gzip file"),
    "damaged gzip": (lambda path: path.write_bytes(b"\x1f\x8b" + b"x" * 50), "expected a whole gzip file"),
    "nothing usable": (
        lambda path: path.write_text(line(TRADE | {"X": "MARKET", "p": "0.05"})),
        "not one of 1 lines.*multiple of the tick",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_clear_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    make, says = BAD_FILES[name]
    source = tmp_path / "in" / "source.gz"
    source.parent.mkdir()
    make(source)
    target = tmp_path / "out" / "new.tape"
    target.parent.mkdir()
    with pytest.raises(BadInput, match=says):
        import_to_tape([source], target)
    assert list(target.parent.iterdir()) == []


def test_an_unknown_symbol_late_in_the_file_leaves_nothing_either(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text(line(TRADE | {"X": "MARKET"}) * 3_000 + line(TRADE | {"s": "ZZZUSDT"}))
    with pytest.raises(BadInput, match=r"ZZZUSDT.*--instrument"):
        import_to_tape([source], tmp_path / "new.tape")
    assert [p.name for p in tmp_path.iterdir()] == ["source.txt"]


def test_a_recording_is_never_written_over(recording: Path) -> None:
    before = recording.read_bytes()
    with pytest.raises(BadInput, match="choose another name"):
        import_to_tape([recording], recording)
    assert recording.read_bytes() == before


def test_an_unknown_venue_is_refused(recording: Path) -> None:
    with pytest.raises(BadInput, match="expected a venue of"):
        import_binance_raw([recording], Rows(), venue="binance")


def test_progress_ends_at_the_whole(recording: Path) -> None:
    seen: list[tuple[int, int]] = []
    import_binance_raw([recording], Rows(), on_progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1] == (recording.stat().st_size, recording.stat().st_size)


def test_offsets_and_backward_steps_do_not_depend_on_batches() -> None:
    rng = np.random.default_rng(5)
    recv = (NS + np.cumsum(rng.integers(0, 9_000_000, 500))).tolist()
    exch = [r - int(o) for r, o in zip(recv, rng.integers(-2_000_000_000, 30_000_000, 500), strict=True)]
    exch[10:20] = [0] * 10
    whole, parts = ClockTally(), ClockTally()
    whole.add(recv, exch)
    for start in range(0, 500, 7):
        parts.add(recv[start : start + 7], exch[start : start + 7])
    pairs = [(r, e) for r, e in zip(recv, exch, strict=True) if e]
    offsets = sorted(r - e for r, e in pairs)
    backwards = sum(b[1] < a[1] for a, b in pairwise(pairs))
    for tally in (whole, parts):
        assert tally.median_ms() == pytest.approx(offsets[(len(offsets) - 1) // 2] / 1e6, abs=0.1)
        assert tally.min_ms() == pytest.approx(offsets[0] / 1e6, abs=0.001)
        assert tally.backwards == backwards
        assert tally.recv_backwards == 0


def test_nothing_stamped_has_no_offset() -> None:
    tally = ClockTally()
    tally.add([NS], [0])
    assert (tally.median_ms(), tally.min_ms(), tally.backwards_share()) == (None, None, 0.0)


def test_instruments_of_another_venue_do_not_interfere(recording: Path) -> None:
    other = Instrument("binance-spot", "BTCUSDT", Decimal(1), Decimal(1))
    summary = import_binance_raw([recording], Rows(), instruments=[other])
    assert summary.instruments[0].venue == "binance-usdm"
