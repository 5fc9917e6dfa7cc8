from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from bot.core.enums import Agreement
from bot.store import readings
from bot.store.readings import ReadingsWriter, drop_old_readings
from tests.store.signal_arrays import CARDS, MARKETS, T0, S, fake_signals

TICK = 10 * S


def random_signals(rng: np.random.Generator) -> Any:
    """Readings as they come: some asleep."""
    signals = fake_signals()
    for array in (signals.cards, signals.composites):
        asleep = rng.random(array.shape) < 0.3
        for name in ("score", "strength", "confidence", "agreement", "coverage"):
            array[name] = np.where(asleep, np.nan, rng.uniform(-1, 1, array.shape))
        array["state"] = np.where(asleep, -1, rng.integers(0, 4, array.shape))
        array["direction"] = np.where(asleep, 0, rng.integers(-1, 2, array.shape))
        array["exhausted"] = rng.integers(0, 2, array.shape)
    signals.verdicts[:] = rng.random(signals.verdicts.shape)
    return signals


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_every_reading_of_every_tick_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    ticks = [random_signals(rng) for _ in range(readings.GROUP_TICKS + 3)]
    writer = ReadingsWriter(tmp_path, 1, MARKETS, CARDS)
    for k, signals in enumerate(ticks):
        writer.note(T0 + k * TICK, signals)
    writer.close()
    rows = iter(rows_of(tmp_path))
    for k, signals in enumerate(ticks):
        for market, name in enumerate(MARKETS):
            for card, title in enumerate((*CARDS, "composite")):
                for mode, word in enumerate(("scalp", "day", "swing")):
                    composite = card == len(CARDS)
                    array = signals.composites[market] if composite else signals.cards[market, card]
                    expected, row = array[mode], next(rows)
                    assert (row["time_ns"], row["market"]) == (T0 + k * TICK, name)
                    assert (row["card"], row["mode"]) == (title, word)
                    for figure in ("score", "strength", "confidence", "agreement", "coverage"):
                        value = float(expected[figure])
                        assert row[figure] == (None if np.isnan(value) else np.float32(value)), figure
                    assert row["state"] == Agreement(int(expected["state"])).name.lower()
                    assert row["direction"] == expected["direction"]
                    assert row["exhausted"] == bool(expected["exhausted"])
                    probability = np.float32(signals.verdicts[market, mode, 0]) if composite else None
                    assert row["probability"] == probability
    assert next(rows, None) is None


def test_a_block_is_a_row_group_and_an_hour_a_file(tmp_path: Path) -> None:
    signals = fake_signals()
    writer = ReadingsWriter(tmp_path, 7, MARKETS, CARDS)
    for k in range(readings.FILE_TICKS + 1):
        writer.note(T0 + k * TICK, signals)
    writer.close()
    first, second = sorted(tmp_path.iterdir())
    assert (first.name, second.name) == ("20260101T000000-run7.parquet", "20260101T010000-run7.parquet")
    file = pq.ParquetFile(first)
    assert file.num_row_groups == readings.FILE_TICKS // readings.GROUP_TICKS
    assert file.metadata.row_group(0).num_rows == readings.GROUP_TICKS * 2 * 3 * 3
    assert file.metadata.row_group(0).column(4).compression == "ZSTD"
    assert pq.ParquetFile(second).metadata.num_rows == 2 * 3 * 3


def test_rotating_begins_another_file_and_an_empty_one_is_not_made(tmp_path: Path) -> None:
    writer = ReadingsWriter(tmp_path, 1, MARKETS, CARDS)
    writer.rotate()
    writer.note(T0, fake_signals())
    writer.rotate()
    writer.rotate()
    writer.note(T0 + TICK, fake_signals())
    writer.close()
    writer.close()
    assert [p.name for p in sorted(tmp_path.iterdir())] == [
        "20260101T000000-run1.parquet",
        "20260101T000010-run1.parquet",
    ]


def test_what_a_crash_left_half_written_is_removed_by_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000-run1.parquet.partial").write_bytes(b"PAR1")
    (tmp_path / "mine.txt").write_text("kept")
    ReadingsWriter(tmp_path, 2, MARKETS, CARDS).close()
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_disk_that_refuses_is_a_failure_and_no_exception(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    writer = ReadingsWriter(tmp_path / "file", 1, MARKETS, CARDS)
    for k in range(readings.GROUP_TICKS):
        writer.note(T0 + k * TICK, fake_signals())
    writer.close()
    assert "FileExistsError" in writer.failure or "NotADirectoryError" in writer.failure
    writer.note(T0, fake_signals())
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_failure_in_the_middle_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(readings, "publish", full_disk)
    writer = ReadingsWriter(tmp_path, 1, MARKETS, CARDS)
    writer.note(T0, fake_signals())
    writer.close()
    assert "No space left" in writer.failure
    assert list(tmp_path.iterdir()) == []


def test_old_files_go_and_only_those_that_are_ours(tmp_path: Path) -> None:
    day = 86_400
    names = {"20260101T000000-run1.parquet": 31, "20260102T000000-run1.parquet": 29, "mine.parquet": 99}
    for name, age_days in names.items():
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (1_000 * day - age_days * day,) * 2)
    assert drop_old_readings(tmp_path, 30.0, 1_000 * day * S) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["20260102T000000-run1.parquet", "mine.parquet"]
    assert drop_old_readings(tmp_path / "absent", 30.0, 1_000 * day * S) == 0
