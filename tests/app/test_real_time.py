"""The real-time path (asyncio inbox, APScheduler, frames cut anywhere), recorded, replays to its own hash."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.market.events import Kind
from bot.market.tape import open_tape, verify
from tests.conftest import Recorded
from tests.sessions import backtest, demo, rows_of, run

pytestmark = pytest.mark.slow

SHARED = ("decision_hash", "decisions", "ticks", "commits", "trades_seen", "gaps", "reports", "last_seq")


def cut_at_random() -> Callable[[np.ndarray], list[np.ndarray]]:
    """Cuts a frame at a few random rows, in the middle of messages too."""
    seed = random.SystemRandom().randrange(2**32)
    print("frames cut with seed", seed)
    draw = random.Random(seed)

    def cut(rows: np.ndarray) -> list[np.ndarray]:
        cuts = sorted(
            {draw.randrange(1, rows.size) for _ in range(draw.randrange(4))} if rows.size > 1 else ()
        )
        return np.split(rows, cuts)

    return cut


def figures(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: summary[name] for name in SHARED}


def test_the_recorded_demo_replays_to_the_hash_of_the_session(demo_session: Recorded, tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    live = demo(
        tmp_path,
        session="live",
        seed=demo_session.seed,
        duration_s=600.0,
        speed=90.0,
        split=cut_at_random(),
        record=tape,
    ).summary
    assert live["decisions"]["orders"] > 0
    assert 50 <= live["ticks"] <= 60, "the scheduler's, every 10 s"

    replayed = backtest(tmp_path, tape, session="replayed").summary

    assert figures(replayed) == figures(live)
    rows = rows_of(tape)
    assert np.count_nonzero(rows["kind"] == Kind.TIMER) == live["ticks"]
    assert verify(open_tape(tape), deep=True).ok


def test_the_real_recording_at_50_times_speed_replays_to_the_hash_of_the_session(
    usdm_tape: Path, tmp_path: Path
) -> None:
    tape = tmp_path / "tape"
    live = run(
        tmp_path,
        kind="paper",
        market="replay",
        tapes=(usdm_tape,),
        session="live",
        duration_s=150.0,
        speed=50.0,
        split=cut_at_random(),
        record=tape,
    ).summary
    assert 10 <= live["ticks"] <= 15

    replayed = backtest(tmp_path, tape, session="replayed").summary

    assert figures(replayed) == figures(live)
    assert live["gaps"] == live["crossed_commits"] == 0
    as_imported, recorded = rows_of(usdm_tape, 150.0), rows_of(tape)
    recorded = recorded[recorded["kind"] != Kind.TIMER]
    for name in ("kind", "side", "price", "value", "exch_ns", "ref"):
        assert np.array_equal(as_imported[name], recorded[name]), name


def test_a_recorded_real_time_session_can_be_paced_again_with_its_own_timers(tmp_path: Path) -> None:
    first = tmp_path / "first"
    demo(tmp_path, session="live", duration_s=100.0, speed=100.0, split=cut_at_random(), record=first)
    again = run(
        tmp_path,
        kind="paper",
        market="replay",
        tapes=(first,),
        session="again",
        speed=100.0,
        split=cut_at_random(),
    ).summary

    assert again["decision_hash"] == backtest(tmp_path, first, session="replayed").summary["decision_hash"]
