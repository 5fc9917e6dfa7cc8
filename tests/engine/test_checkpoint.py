from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.errors import BadInput
from bot.engine import checkpoint
from bot.engine.kernel import Ctl
from bot.engine.loop import Engine
from bot.market.events import Kind
from bot.market.synthetic import SyntheticMarket
from bot.signals.readings import Readings
from tests.sessions import wired

S = 1_000_000_000
START_NS = 1_767_225_600 * S
OWNER = {"markets": ["a"], "kernels": "k"}


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(5, ("BTCUSDT", "ETHUSDT"), START_NS, 240.0)


@pytest.fixture(scope="module")
def rows(market: SyntheticMarket) -> np.ndarray:
    return np.concatenate(list(market.batches()))


def watcher(market: SyntheticMarket, tick_blocks: list[tuple[int, bytes]]) -> Engine:
    """An engine that only watches and notes every reading of every tick."""
    engine = wired(market.instruments, trades=False).engine

    def note(due_ns: int) -> None:
        for m in range(len(market.instruments)):
            tick_blocks.append((due_ns, Readings(engine.state.signals).of(m).tobytes()))

    engine._on_tick = note
    return engine


def message_end_before(rows: np.ndarray, at: int) -> int:
    """The last index <= `at` where a message begins."""
    while rows["kind"][at - 1] in (Kind.LEVEL, Kind.SNAPSHOT, Kind.BBO):
        at -= 1
    return at


@pytest.mark.parametrize("second", [95.0, 100.0, 129.99])
def test_a_restored_state_reads_what_the_uninterrupted_run_reads(
    second: float, market: SyntheticMarket, rows: np.ndarray, tmp_path: Path
) -> None:
    whole: list[tuple[int, bytes]] = []
    watcher(market, whole).feed(rows)
    cut = message_end_before(rows, int(np.searchsorted(rows["recv_ns"], START_NS + int(second * S))))

    parts: list[tuple[int, bytes]] = []
    first = watcher(market, parts)
    first.feed(rows[:cut])
    checkpoint.save(tmp_path / "c", first.state, OWNER)
    second_run = watcher(market, parts)
    saved = checkpoint.load(tmp_path / "c", OWNER)
    assert saved is not None
    second_run.state = checkpoint.restore(second_run.state, saved)
    second_run.feed(rows[cut:])

    assert saved.seq == rows["seq"][cut - 1]
    assert parts == whole


def test_after_a_long_absence_ticks_begin_with_the_stream(
    market: SyntheticMarket, rows: np.ndarray, tmp_path: Path
) -> None:
    first = watcher(market, [])
    first.feed(rows[: message_end_before(rows, rows.size // 2)])
    checkpoint.save(tmp_path / "c", first.state, OWNER)
    later = rows.copy()
    later["recv_ns"] += 3_600 * S
    later["exch_ns"] += 3_600 * S
    ticks: list[tuple[int, bytes]] = []
    second = watcher(market, ticks)
    saved = checkpoint.load(tmp_path / "c", OWNER)
    assert saved is not None
    second.state = checkpoint.restore(second.state, saved)
    second.feed(later)

    assert ticks[0][0] == START_NS + 3_610 * S


def test_there_is_none_in_a_new_session(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "absent", OWNER) is None


def test_inside_a_message_it_is_refused(market: SyntheticMarket, rows: np.ndarray, tmp_path: Path) -> None:
    engine = watcher(market, [])
    at = int(np.flatnonzero(rows["kind"] == Kind.LEVEL)[50])
    engine.feed(rows[:at])
    assert engine.state.ctl[Ctl.IN_MESSAGE]

    with pytest.raises(ValueError, match="message"):
        checkpoint.save(tmp_path / "c", engine.state, OWNER)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved_path(market: SyntheticMarket, tmp_path: Path) -> Path:
    checkpoint.save(tmp_path / "c", watcher(market, []).state, OWNER)
    return tmp_path / "c"


@pytest.mark.parametrize("owner", [{**OWNER, "markets": ["b"]}, {**OWNER, "kernels": "other"}])
def test_a_foreign_one_is_refused(owner: dict[str, Any], saved_path: Path) -> None:
    with pytest.raises(BadInput, match="is of other"):
        checkpoint.load(saved_path, owner)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.9, 0.999])
def test_a_damaged_one_is_refused(where: float, saved_path: Path) -> None:
    data = bytearray(saved_path.read_bytes())
    data[int(where * len(data))] ^= 0xFF
    saved_path.write_bytes(data)

    with pytest.raises(BadInput, match="could not read"):
        checkpoint.load(saved_path, OWNER)


def test_a_cut_off_one_is_refused(saved_path: Path) -> None:
    saved_path.write_bytes(saved_path.read_bytes()[:-1000])

    with pytest.raises(BadInput, match="could not read"):
        checkpoint.load(saved_path, OWNER)


def test_arrays_of_another_shape_are_refused_and_nothing_changes(
    market: SyntheticMarket, rows: np.ndarray, saved_path: Path
) -> None:
    saved = checkpoint.load(saved_path, OWNER)
    assert saved is not None
    saved.arrays["signals.rows"] = saved.arrays["signals.rows"][:1]
    engine = watcher(market, [])
    engine.feed(rows[:5_000])
    before = engine.state.ctl.copy()

    with pytest.raises(BadInput, match=r"signals\.rows"):
        checkpoint.restore(engine.state, saved)
    assert np.array_equal(engine.state.ctl, before)
