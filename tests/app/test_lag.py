from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app.lag import LoopLag


@given(st.lists(st.floats(2e-5, 5.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_those_of_the_sorted_list_within_a_bin(late: list[float], share: float) -> None:
    lag = LoopLag()
    for seconds in late:
        lag.note(seconds)
    exact = sorted(late)[max(0, -int(-share * len(late) // 1) - 1)]
    assert exact * 0.999 <= lag.percentile_s(share) <= exact * 1.08
    assert lag.most_s == max(late)


def test_a_loop_that_is_held_up_is_noticed() -> None:
    async def scene() -> LoopLag:
        lag = LoopLag()
        task = asyncio.create_task(lag.run())
        await asyncio.sleep(0.05)
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:  # somebody computes and does not yield
            pass
        await asyncio.sleep(0.05)
        task.cancel()
        return lag

    lag = asyncio.run(scene())
    assert lag.most_s >= 0.15
    assert lag.figures()["loop_lag_most_ms"] == pytest.approx(1e3 * lag.most_s, abs=0.01)
    assert LoopLag().percentile_s(0.99) == 0.0
