from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.clock import ManualClock
from bot.core.enums import Mode
from bot.engine.scheduler import PacedClock, TickScheduler, first_due_ns, modes_due

S = 1_000_000_000


@given(st.integers(0, 2**62))
def test_the_first_tick_is_the_next_whole_ten_seconds(now_ns: int) -> None:
    due = first_due_ns(now_ns)

    assert due % (10 * S) == 0
    assert 0 < due - now_ns <= 10 * S


@pytest.mark.parametrize(
    ("due_s", "modes"),
    [
        (10, ()),
        (30, (Mode.SCALP,)),
        (60, (Mode.SCALP, Mode.DAY)),
        (90, (Mode.SCALP,)),
        (270, (Mode.SCALP,)),
        (86_400, (Mode.SCALP, Mode.DAY, Mode.SWING)),
        (300, (Mode.SCALP, Mode.DAY, Mode.SWING)),
    ],
)
def test_cycles_end_on_their_multiples_shortest_first(due_s: int, modes: tuple[Mode, ...]) -> None:
    assert modes_due(due_s * S) == modes


def test_stream_time_runs_at_its_speed() -> None:
    wall = ManualClock(5 * S)
    paced = PacedClock(wall, 1_000 * S, 50.0)
    wall.set(7 * S)

    assert paced.now_ns() == 1_100 * S
    assert paced.wall_seconds_until(1_150 * S) == 1.0
    assert paced.wall_seconds_until(1_000 * S) == 0.0


def test_one_late_run_catches_up_with_every_tick_owed() -> None:
    wall = ManualClock(0)
    got: list[tuple[int, int]] = []

    async def enqueue(due_ns: int, arrived_ns: int) -> None:
        got.append((due_ns // S, arrived_ns // S))

    async def scene() -> None:
        paced = PacedClock(wall, 1_003 * S, 10.0)
        wall.set(1 * S)  # stream time 1013 when the scheduler is ready
        scheduler = TickScheduler(paced, 10.0, enqueue)
        wall.set(3 * S)  # 1033
        await scheduler._run()
        await scheduler._run()
        wall.set(4 * S)  # 1043
        await scheduler._run()

    asyncio.run(scene())
    assert got == [(1_010, 1_033), (1_020, 1_033), (1_030, 1_033), (1_040, 1_043)]


class ByHand:
    """A scheduler at single speed whose job is run by hand."""

    def __init__(self, start_s: int) -> None:
        self.wall = ManualClock(0)
        self.got: list[int] = []
        self.scheduler = TickScheduler(PacedClock(self.wall, start_s * S, 1.0), 1.0, self.enqueue)

    async def enqueue(self, due_ns: int, arrived_ns: int) -> None:
        self.got.append(due_ns // S)

    def run_at(self, wall_ns: int) -> list[int]:
        self.wall.set(wall_ns)
        self.got = []
        asyncio.run(self.scheduler._run())
        return self.got


def test_a_tick_is_handed_over_from_its_due_instant_on_and_only_once() -> None:
    job = ByHand(start_s=1_003)

    assert job.run_at(7 * S - 1) == []
    assert job.run_at(7 * S) == [1_010]
    assert job.run_at(16 * S) == []
    assert job.run_at(17 * S) == [1_020]


def test_a_start_on_a_tick_owes_the_next_one() -> None:
    job = ByHand(start_s=1_010)

    assert job.run_at(0) == []
    assert job.run_at(10 * S) == [1_020]
