"""The tape and the readings beside it: rotated together, kept for as long as was asked for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bot.app.quota import Quota
from bot.app.recording import Recording, open_recording
from bot.core.clock import ManualClock
from bot.market.events import Kind, empty_rows
from bot.market.instruments import find
from bot.market.tape import TapeHeader, open_tape
from tests.store.signal_arrays import CARDS, T0, S, fake_signals

NOW_NS = T0
OLD = "20250101T000000-run1.parquet"


@pytest.fixture
def header() -> TapeHeader:
    return TapeHeader(
        instruments=(find("binance-usdm:BTCUSDT"), find("binance-usdm:ETHUSDT")),
        has_timers=False,
        provenance={},
    )


def opened(
    folder: Path | None, header: TapeHeader, session: Path, keep_days: float = 30.0, run: int = 1
) -> Recording:
    return open_recording(folder, header, session, run, CARDS, keep_days, ManualClock(NOW_NS))


def ticks(recording: Recording, first: int, count: int) -> None:
    for k in range(first, first + count):
        recording.note(T0 + 10 * k * S, fake_signals())


def aged(folder: Path, days: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OLD).write_bytes(b"")
    os.utime(folder / OLD, ns=(NOW_NS - int(days * 86_400 * S),) * 2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def taped(recording: Recording, rows: np.ndarray) -> None:
    recording.append(rows)
    recording.flush()


def trades(first_seq: int, count: int) -> np.ndarray:
    rows = empty_rows(count)
    rows["seq"] = np.arange(first_seq, first_seq + count)
    rows["recv_ns"], rows["kind"] = T0, Kind.TRADE
    return rows


def test_readings_lie_beside_the_tape_and_the_tape_still_opens(tmp_path: Path, header: TapeHeader) -> None:
    recording = opened(tmp_path / "tape", header, tmp_path / "session")
    recording.append(trades(1, 5))
    ticks(recording, 0, 2)
    recording.close()
    assert names(tmp_path / "tape") == ["000001.log", "readings"]
    assert names(tmp_path / "tape" / "readings") == ["20260101T000000-run1.parquet"]
    assert open_tape(tmp_path / "tape").row_count == 5
    assert not (tmp_path / "session").exists()
    again = opened(tmp_path / "tape", header, tmp_path / "session", run=2)
    assert again.goes_on
    again.close()


def test_without_a_tape_they_lie_with_the_session(tmp_path: Path, header: TapeHeader) -> None:
    recording = opened(None, header, tmp_path)
    recording.append(trades(1, 5))
    ticks(recording, 0, 1)
    recording.close()
    assert names(tmp_path) == ["readings"]
    assert not recording.goes_on


def test_they_are_rotated_with_the_tape_and_old_ones_go(tmp_path: Path, header: TapeHeader) -> None:
    recording = opened(tmp_path / "tape", header, tmp_path)
    folder = tmp_path / "tape" / "readings"
    taped(recording, trades(1, 1))
    ticks(recording, 0, 1)
    aged(folder, 31)
    assert recording.tape is not None
    recording.tape.rotate()
    taped(recording, trades(2, 1))
    ticks(recording, 1, 1)
    recording.close()
    assert names(folder) == ["20260101T000000-run1.parquet", "20260101T000010-run1.parquet"]


@pytest.mark.parametrize(("age_days", "left"), [(31.0, []), (29.0, [OLD])])
def test_old_ones_go_at_the_start(
    tmp_path: Path, header: TapeHeader, age_days: float, left: list[str]
) -> None:
    aged(tmp_path / "readings", age_days)
    opened(None, header, tmp_path).close()
    assert names(tmp_path / "readings") == left


def test_zero_days_writes_none_and_touches_none(tmp_path: Path, header: TapeHeader) -> None:
    aged(tmp_path / "readings", 99)
    recording = opened(None, header, tmp_path, keep_days=0.0)
    ticks(recording, 0, 3)
    recording.close()
    assert names(tmp_path / "readings") == [OLD]


def test_a_failure_is_told_once(tmp_path: Path, header: TapeHeader) -> None:
    (tmp_path / "readings").write_text("in the way")
    recording = opened(None, header, tmp_path)
    ticks(recording, 0, 1)
    recording.close()
    assert "readings" in recording.failure()
    assert recording.failure() == ""
    ticks(recording, 1, 1)


def test_a_session_never_holds_more_than_its_share(tmp_path: Path, header: TapeHeader) -> None:
    """However long it runs, with what earlier sessions left, and not only when a full segment ends."""
    earlier = tmp_path / "earlier" / "000001.log"
    earlier.parent.mkdir()
    earlier.write_bytes(bytes(400_000))
    os.utime(earlier, ns=(T0 // 2,) * 2)
    quota = Quota(tmp_path, 800_000, 0)
    clock = ManualClock(NOW_NS)
    recording = open_recording(tmp_path / "now", header, tmp_path, 1, CARDS, 0.0, clock, quota)
    random = np.random.default_rng(3)
    most = 0
    for k in range(200):
        rows = trades(1 + 500 * k, 500)
        rows["value"] = random.random(500)  # so that compacting gains little
        rows["exch_ns"] = rows["ref"] = random.integers(1, 2**60, 500)
        taped(recording, rows)
        recording.settle()
        most = max(most, sum(path.stat().st_size for path in tmp_path.rglob("*.*") if path.is_file()))
    recording.close()
    assert not earlier.exists()
    assert 400_000 < most <= 800_000
    assert open_tape(tmp_path / "now").row_count > 0


def test_a_disk_that_fills_up_ends_the_recording_before_the_segment_does(
    tmp_path: Path, header: TapeHeader
) -> None:
    clock = ManualClock(NOW_NS)
    full = Quota(tmp_path, 10**9, 1 << 60)
    recording = open_recording(tmp_path / "now", header, tmp_path, 1, CARDS, 0.0, clock, full)
    taped(recording, trades(1, 5))
    assert "storage.min_free_mb" in recording.failure()
    taped(recording, trades(6, 5))  # the session goes on
    recording.close()
