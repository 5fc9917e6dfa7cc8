from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from bot.app.pacing import run_paced
from bot.core.clock import SystemClock
from bot.core.commands import Answer
from bot.engine.inbox import Numbering
from bot.market.events import Flag, Kind, empty_rows

S = 1_000_000_000
T0 = 1_767_225_600 * S
AS_FAST_AS_IT_GOES = 1e6


def messages(count: int, every_ns: int = S) -> np.ndarray:
    """Book messages of four rows: three levels and a commit."""
    rows = empty_rows(4 * count)
    rows["recv_ns"] = np.repeat(T0 + np.arange(count) * every_ns, 4)
    rows["kind"] = np.tile([Kind.LEVEL, Kind.LEVEL, Kind.LEVEL, Kind.COMMIT], count)
    return rows


class Collector:
    """Stands in for the engine: keeps rows and knows whether a message is open."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.parts: list[np.ndarray] = []
        self._stop_after = stop_after

    def apply(self, rows: np.ndarray) -> None:
        self.parts.append(rows)

    def in_message(self) -> bool:
        return bool(self.parts) and self.parts[-1]["kind"][-1] == Kind.LEVEL

    def answer(self) -> Answer:
        raise AssertionError("nobody asked")

    def stopping(self) -> bool:
        return self._stop_after is not None and len(self.parts) >= self._stop_after

    def rows(self) -> np.ndarray:
        return np.concatenate(self.parts)


def pace(batches: Iterator[np.ndarray], to: Collector, **options: object) -> None:
    defaults = {"speed": AS_FAST_AS_IT_GOES, "clock": SystemClock(), "own_timers": False, "answer": to.answer}
    asyncio.run(
        run_paced(batches, to.apply, to.in_message, to.stopping, **{**defaults, **options})  # type: ignore[arg-type]
    )


def singly(rows: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, range(1, rows.size))


def test_no_timer_comes_between_the_rows_of_a_message() -> None:
    to = Collector()
    # 300 stream seconds in a wall second and a half, every row for itself
    pace(iter([messages(300)]), to, speed=200.0, split=singly)

    rows = to.rows()
    timers = np.flatnonzero(rows["kind"] == Kind.TIMER)
    assert timers.size > 5
    assert set(rows["kind"][timers - 1].tolist()) <= {Kind.COMMIT, Kind.TIMER}
    assert rows["ref"][timers].tolist() == [T0 + (k + 1) * 10 * S for k in range(timers.size)]
    assert rows["seq"].tolist() == list(range(1, rows.size + 1))
    assert (np.diff(rows["recv_ns"]) >= 0).all()


def test_a_stream_with_timers_gets_no_others() -> None:
    to = Collector()
    pace(iter([messages(50)]), to, own_timers=True)

    assert to.rows().size == 200
    assert Kind.TIMER not in to.rows()["kind"]


def test_an_earlier_order_is_continued() -> None:
    to = Collector()
    pace(iter([messages(1)]), to, own_timers=True, numbering=Numbering(41, T0 + 5))

    assert to.rows()["seq"].tolist() == [42, 43, 44, 45]
    assert to.rows()["recv_ns"].tolist() == [T0 + 5] * 4


def test_an_empty_source_ends_at_once() -> None:
    to = Collector()
    pace(iter([]), to)

    assert to.parts == []


def test_a_stop_is_noticed_although_the_source_never_ends() -> None:
    def endless() -> Iterator[np.ndarray]:
        k = 0
        while True:
            rows = messages(10)
            rows["recv_ns"] += k * 10 * S
            k += 1
            yield rows

    to = Collector(stop_after=3)
    pace(endless(), to, split=singly)

    assert len(to.parts) == 3


def test_an_error_of_the_engine_ends_it() -> None:
    class Broken(Collector):
        def apply(self, rows: np.ndarray) -> None:
            raise ZeroDivisionError("in the engine")

    with pytest.raises(ZeroDivisionError, match="in the engine"):
        pace(iter([messages(100)] * 3), Broken())


def test_an_error_of_the_source_ends_it() -> None:
    def failing() -> Iterator[np.ndarray]:
        yield messages(3)
        raise OSError("in the source")

    with pytest.raises(OSError, match="in the source"):
        pace(failing(), Collector())


def test_flags_and_stamps_arrive_as_they_were_said() -> None:
    rows = messages(2)
    rows["flags"][3] = Flag.SNAPSHOT
    rows["exch_ns"] = 7
    to = Collector()
    pace(iter([rows]), to, own_timers=True)

    assert to.rows()["flags"].tolist() == rows["flags"].tolist()
    assert to.rows()["exch_ns"].tolist() == [7] * 8
