"""The streams on disk: SOURCE pieces for the peer, a tape for us, and what they hold.

A folder is made once and again when the code that made it changes:
`source-NNN.npy`, `stream.tape`, `warm.tape` (its first minute), `stream.json`.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from bot.market.events import Flag, Kind
from bot.market.importers.binance_raw import import_to_tape
from bot.market.instruments import Instrument, find
from bot.market.tape import TapeHeader, TapeWriter, open_tape
from scripts.benchmarks.stream import (
    ASK_LEVEL,
    BID_LEVEL,
    BID_SNAPSHOT,
    BUY_TRADE,
    SELL_TRADE,
    SOURCE,
    Framer,
    Stream,
    rows_of,
)

RECORDING = "hftbacktest/usdm/btcusdt_20240808.gz"
MARKET = "binance-usdm:BTCUSDT"
HOUR_NS = 3_600_000_000_000
WARM_NS = 60_000_000_000
ROI_TICKS = 10_000  # the peer keeps levels this far around the traded prices
_BATCH = 1 << 17


def generated(root: Path, hours: float) -> Path:
    """Folder of the generated stream."""

    def pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        stream, framer = Stream(hours), Framer()
        for source in stream.pieces():
            yield source, framer.frame(source)
        about["far_share"] = stream.far_share

    about: dict[str, Any] = {}
    return _folder(root, f"generated-{hours:g}h", pieces, about)


def recorded(root: Path, data: Path, hours: float) -> Path:
    """Folder of the real BTCUSDT recording, repeated until it is as long."""

    def pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        tape = root / "recording.tape"
        tape.unlink(missing_ok=True)
        import_to_tape([data / RECORDING], tape)
        once = np.concatenate(list(open_tape(tape).batches()))
        for rows in looped(once, round(hours * HOUR_NS)):
            yield unframe(rows), rows

    return _folder(root, f"recorded-{hours:g}h", pieces, {})


def looped(once: np.ndarray, span_ns: int) -> Iterator[np.ndarray]:
    """A recording from its first synchronised book on, again and again, stamps and ids moving on.

    Each repetition begins with that book as a snapshot, a second after the last row.
    """
    begin = int(np.argmax(once["kind"] == Kind.SNAPSHOT))
    body = once[begin:].copy()
    start_ns = int(body["recv_ns"][0])
    period_ns = int(body["recv_ns"][-1]) - start_ns + 1_000_000_000
    numbered = {kind: body["kind"] == kind for kind in (Kind.COMMIT, Kind.TRADE)}
    seq = 1
    for lap in range(-(-span_ns // period_ns)):
        rows = body.copy()
        rows["recv_ns"] += lap * period_ns
        rows["exch_ns"][body["exch_ns"] != 0] += lap * period_ns
        for mine in numbered.values():
            ids = body["ref"][mine]
            rows["ref"][mine] += lap * (int(ids.max()) - int(ids.min()) + 1)
        rows = rows[rows["recv_ns"] < start_ns + span_ns]
        rows["seq"] = seq + np.arange(rows.size)
        seq += rows.size
        yield rows


def unframe(rows: np.ndarray) -> np.ndarray:
    """SOURCE rows of one market's EVENT rows: levels and market trades, snapshots marked."""
    level, trade = rows["kind"] == Kind.LEVEL, rows["kind"] == Kind.TRADE
    trade &= rows["flags"] & Flag.NOT_MARKET == 0
    commit = rows["kind"] == Kind.COMMIT
    ends = commit & (rows["flags"] & Flag.SNAPSHOT != 0)
    in_snapshot = np.cumsum(rows["kind"] == Kind.SNAPSHOT) > np.cumsum(ends)
    kept = level | trade
    part = rows[kept]
    source = np.zeros(part.size, SOURCE)
    for name in ("exch_ns", "recv_ns", "price"):
        source[name] = part[name]
    source["lots"] = part["value"]
    ask = part["side"] < 0
    source["kind"] = np.where(
        level[kept], np.where(ask, ASK_LEVEL, BID_LEVEL), np.where(ask, SELL_TRADE, BUY_TRADE)
    )
    source["kind"][in_snapshot[kept]] += BID_SNAPSHOT
    source["last"] = trade[kept]
    source["last"][np.cumsum(kept)[commit & ~(rows["flags"] & Flag.BBO != 0)] - 1] = 1
    return source


def _folder(
    root: Path,
    name: str,
    pieces: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]],
    about: dict[str, Any],
) -> Path:
    folder = root / f"{name}-{_code_hash()}"
    if folder.exists():
        return folder
    for old in root.glob(f"{name}-*"):
        shutil.rmtree(old)
    print(f"making {folder.name} (once)", file=sys.stderr)
    making = root / f"making-{name}"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    _write(making, pieces(), about)
    making.rename(folder)
    return folder


def _write(folder: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]], about: dict[str, Any]) -> None:
    rows, low, high = 0, 1 << 40, 0
    header = TapeHeader(
        instruments=(instrument(),), provenance={"source": folder.name.removeprefix("making-")}
    )
    with TapeWriter(folder / "stream.tape", header) as writer:
        for number, (source, events) in enumerate(pieces):
            np.save(folder / f"source-{number:03d}.npy", source)
            if number == 0:
                _write_warm(folder, header, events)
            for start in range(0, events.size, _BATCH):
                writer.append(events[start : start + _BATCH])
            rows += rows_of(source)
            traded = source["price"][(source["kind"] == BUY_TRADE) | (source["kind"] == SELL_TRADE)]
            low, high = min(low, int(traded.min())), max(high, int(traded.max()))
    about |= {
        "rows": rows,
        "traded_ticks": [low, high],
        "roi_ticks": [max(0, low - ROI_TICKS), high + ROI_TICKS],
    }
    (folder / "stream.json").write_text(json.dumps(about))


def _write_warm(folder: Path, header: TapeHeader, events: np.ndarray) -> None:
    with TapeWriter(folder / "warm.tape", header) as writer:
        writer.append(events[events["recv_ns"] < events["recv_ns"][0] + WARM_NS])


def instrument() -> Instrument:
    return find(MARKET)


def _code_hash() -> str:
    here = Path(__file__).resolve().parent
    code = b"".join((here / name).read_bytes() for name in ("stream.py", "inputs.py"))
    return blake2b(code, digest_size=4).hexdigest()
