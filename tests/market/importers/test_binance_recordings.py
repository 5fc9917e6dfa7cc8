"""Every Binance recording, against its README and against a book rebuilt here from the JSON alone."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.market.events import EVENT, Flag, Kind
from bot.market.importers.binance_raw import import_binance_raw
from bot.market.importers.summary import ImportSummary
from bot.market.instruments import Instrument

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Recording:
    files: tuple[str, ...]
    key: str
    lines: int
    depth: int
    touches: int
    trades: int
    level_updates: int = 0  # 0: the README does not say
    marks: int = 0


RECORDINGS = {
    "linear": Recording(
        ("hftbacktest/usdm/btcusdt_20240808.gz",), "binance-usdm:BTCUSDT", 93954, 6551, 66089, 21313, 443521
    ),
    "inverse": Recording(
        ("hftbacktest/cm/btcusd_perp_20240808.gz", "hftbacktest/cm/btcusd_perp_20240809.gz"),
        *("binance-coinm:BTCUSD_PERP", 98386, 44795, 48355, 5235, 659671),
    ),
    "spot": Recording(
        ("hftbacktest/spot/btcusdt_20240808.gz", "hftbacktest/spot/btcusdt_20240809.gz"),
        *("binance-spot:BTCUSDT", 99574, 6495, 73174, 19904, 298111),
    ),
    "linear with marks": Recording(
        ("hftbacktest_playground/usdm/btcusdt_20230404.dat.gz",),
        *("binance-usdm:BTCUSDT", 13384, 4322, 6765, 2197, 0, 99),
    ),
    "thin spot": Recording(
        (
            "hftbacktest_playground/spot/nexousdt_20240723.dat.gz",
            "hftbacktest_playground/spot/nexousdt_20240724.dat.gz",
        ),
        *("binance-spot:NEXOUSDT", 1804 + 112274, 1188 + 66994, 437 + 33000, 178 + 12280),
    ),
}


@dataclass(frozen=True)
class Imported:
    recording: Recording
    paths: list[Path]
    summary: ImportSummary
    rows: np.ndarray

    def of(self, kind: Kind) -> np.ndarray:
        return self.rows[self.rows["kind"] == kind]


class Rows:
    def __init__(self) -> None:
        self.batches = [np.zeros(0, EVENT)]

    def append(self, rows: np.ndarray) -> None:
        self.batches.append(rows)


@pytest.fixture(scope="module", params=RECORDINGS)
def imported(request: pytest.FixtureRequest, data_dir: Path) -> Imported:
    recording = RECORDINGS[request.param]
    paths = [data_dir / name for name in recording.files]
    writer = Rows()
    summary = import_binance_raw(paths, writer)
    return Imported(recording, paths, summary, np.concatenate(writer.batches))


def test_counts_equal_the_readme(imported: Imported) -> None:
    recording, summary = imported.recording, imported.summary
    expected = {
        "depthUpdate": recording.depth,
        "bookTicker": recording.touches,
        "trade": recording.trades,
        "markPrice": recording.marks,
        "snapshot": 1,
    }
    assert summary.messages == {k: n for k, n in expected.items() if n}
    assert summary.lines == recording.lines
    assert summary.level_updates == recording.level_updates or not recording.level_updates
    assert [i.key for i in summary.instruments] == [recording.key]
    assert summary.malformed == 0, summary.examples


def test_nothing_is_lost_and_no_commit_is_crossed(imported: Imported) -> None:
    summary = imported.summary
    assert (summary.gaps, summary.resyncs, summary.duplicates, summary.stale_snapshots) == (0, 0, 0, 0)
    assert summary.crossed_commits == 0
    assert summary.commits == 1 + imported.recording.depth - summary.predating
    assert summary.never_up == ()


def test_rows_are_numbered_and_in_receive_order(imported: Imported) -> None:
    rows = imported.rows
    assert len(rows) == imported.summary.rows
    assert np.array_equal(rows["seq"], np.arange(1, len(rows) + 1))
    assert (np.diff(rows["recv_ns"]) >= 0).all()
    assert not rows["market"].any()


def test_messages_are_whole_and_trade_ids_contiguous(imported: Imported) -> None:
    assert (np.diff(imported.of(Kind.TRADE)["ref"]) == 1).all()
    commits = imported.of(Kind.COMMIT)
    touches = commits["flags"] & Flag.BBO != 0
    assert touches.sum() * 2 == len(imported.of(Kind.BBO))
    assert (np.diff(commits["ref"][~touches]) >= 0).all(), "update ids never go back"
    ends = np.flatnonzero(np.isin(imported.rows["kind"], (Kind.LEVEL, Kind.BBO))) + 1
    after = imported.rows["kind"][ends]
    assert np.isin(after, (Kind.LEVEL, Kind.BBO, Kind.COMMIT)).all()


def messages(paths: list[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with gzip.open(path, "rt") as text:
            for line in text:
                frame = json.loads(line.partition(" ")[2])
                yield frame.get("data", frame)


def plain_book(paths: list[Path], spot: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Price → quantity as text, from the snapshot and every change that is not older."""
    held: list[dict[str, Any]] = []
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    start = None
    for message in messages(paths):
        if "lastUpdateId" in message:
            start = message["lastUpdateId"]
            bids, asks = dict(message["bids"]), dict(message["asks"])
        elif message.get("e") == "depthUpdate":
            held.append(message)
        if start is None:
            continue
        for change in held:
            if change["u"] > start or (change["u"] == start and not spot):
                bids.update(change["b"])
                asks.update(change["a"])
        held.clear()
    return bids, asks


def test_the_last_book_equals_one_rebuilt_from_the_json(imported: Imported) -> None:
    instrument = imported.summary.instruments[0]
    plain = plain_book(imported.paths, instrument.venue == "binance-spot")
    levels = imported.of(Kind.LEVEL)
    for side, expected in zip((1, -1), plain, strict=True):
        ours = levels[levels["side"] == side]
        # the snapshot comes first, so the last word on each price is its row of highest seq
        book = dict(zip(ours["price"].tolist(), ours["value"].tolist(), strict=True))
        assert book == {
            int(Decimal(price) / instrument.tick): float(Decimal(quantity) / instrument.lot)
            for price, quantity in expected.items()
        }


def test_clock_offsets_are_those_the_readme_tells_of(data_dir: Path, imported: Imported) -> None:
    ahead = imported.recording.files[0].startswith("hftbacktest/")
    median = imported.summary.offset_median_ms
    assert median is not None
    assert (-1300 < median < -1200) if ahead else (-100 < median < 100)
    assert 0 < imported.summary.exch_backwards < 0.1


def test_marks_come_each_second_with_index_and_funding(imported: Imported) -> None:
    marks, index, funding = (imported.of(k) for k in (Kind.MARK, Kind.INDEX, Kind.FUNDING))
    assert len(marks) == len(index) == len(funding) == imported.recording.marks
    if len(marks):
        assert (abs(np.diff(marks["exch_ns"]) - 1_000_000_000) < 50_000_000).all()
        assert ((marks["value"] > 27_000) & (marks["value"] < 29_000)).all()
        assert set(funding["ref"]) == {1680652800000 * 1_000_000}
        assert funding["value"][0] == 0.00002754


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def cryptofeed_instruments(folder: Path, symbols: tuple[str, ...]) -> list[Instrument]:
    """As the recorded exchangeInfo has them."""
    text = unpacked(folder / "BINANCE_FUTURES.0.gz")
    info = json.JSONDecoder().raw_decode(text[text.index('{"timezone"') :])[0]
    made = []
    for symbol in info["symbols"]:
        if symbol["symbol"] in symbols:
            filters = {f["filterType"]: f for f in symbol["filters"]}
            tick = Decimal(filters["PRICE_FILTER"]["tickSize"])
            lot = Decimal(filters["LOT_SIZE"]["stepSize"])
            made.append(Instrument("binance-usdm", symbol["symbol"], tick, lot))
    return made


def test_four_symbols_with_unnamed_snapshots_in_one_file(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "cryptofeed"
    lines: list[tuple[float, str]] = []
    for text in unpacked(folder / "BINANCE_FUTURES.ws.1.0.gz").splitlines():
        stamp, _, body = text.partition(": ")
        if body.startswith("{"):
            lines.append((float(stamp), body.strip()))
    for text in unpacked(folder / "BINANCE_FUTURES.http.0.0.gz").splitlines():
        if " -> " in text:
            stamp, _, body = text.partition(" -> ")[2].partition(": ")
            lines.append((float(stamp), body.strip()))
    path = tmp_path / "four.txt"
    path.write_text("".join(f"{round(t * 1e6)} {body}\n" for t, body in sorted(lines)))
    symbols = ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")
    writer = Rows()
    table = cryptofeed_instruments(folder, symbols)
    strict = import_binance_raw([path], Rows(), instruments=table)
    assert strict.never_up == ("CTKUSDT",), "an order of before a tick change still rests at 0.50579"
    assert "multiple of the tick 0.00100, was 0.50579" in strict.examples[0]
    finer = [replace(i, tick=Decimal("0.00001")) if i.symbol == "CTKUSDT" else i for i in table]
    summary = import_binance_raw([path], writer, instruments=finer)
    events = Counter(json.loads(body).get("data", {}).get("e") for _, body in lines)
    assert sorted(i.symbol for i in summary.instruments) == sorted(symbols)
    assert summary.messages["depthUpdate"] == events["depthUpdate"] == 764
    assert summary.messages["aggTrade"] == events["aggTrade"] == 91
    assert summary.messages["snapshot"] == 4
    assert (summary.gaps, summary.crossed_commits, summary.malformed, summary.never_up) == (0, 0, 0, ())
    rows = np.concatenate(writer.batches)
    ends = rows[(rows["kind"] == Kind.COMMIT) & (rows["flags"] == Flag.SNAPSHOT)]
    assert sorted(ends["market"].tolist()) == [0, 1, 2, 3]
