"""Delays, budgets and clocks of the feeds, by themselves."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.feeds.backoff import LIVED_S, MOST_S, Backoff
from bot.market.feeds.budget import WINDOW_NS, RateBudget
from bot.market.feeds.offset import OffsetEstimate
from bot.market.feeds.steady import SteadyClock

S = 1_000_000_000


def test_delays_grow_whether_connections_were_refused_or_dropped_at_once() -> None:
    backoff = Backoff(Random(1))
    delays = [backoff.after(0.5) for _ in range(12)]

    assert delays[0] <= 0.25
    assert all(later > sooner for sooner, later in zip(delays[:6], delays[2:8], strict=True))
    assert MOST_S / 2 <= delays[-1] <= MOST_S


def test_a_long_life_begins_the_delays_anew() -> None:
    backoff = Backoff(Random(1))
    for _ in range(8):
        backoff.after(0.0)
    assert backoff.after(LIVED_S) <= 0.25


def test_the_venues_word_is_the_least_delay() -> None:
    assert Backoff(Random(1)).after(LIVED_S, retry_after_s=17.0) >= 17.0


def test_three_hundred_attempts_in_five_minutes_are_never_reached() -> None:
    backoff, now_s, attempts = Backoff(Random(2)), 0.0, 0
    while now_s < 300:
        now_s += backoff.after(0.01)
        attempts += 1
    assert attempts < 30


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 5 * S)), max_size=60))
def test_market_data_never_spends_the_reserve(requests: list[tuple[int, int]]) -> None:
    budget, now_ns = RateBudget(limit=1000, reserve=0.25), 100 * S
    spent: list[tuple[int, int]] = []
    for weight, pause_ns in requests:
        now_ns += pause_ns
        wait_ns = budget.wait_ns(weight, now_ns)
        now_ns += wait_ns
        assert budget.wait_ns(weight, now_ns) == 0
        budget.take(weight, now_ns)
        spent.append((now_ns, weight))
        assert sum(w for at, w in spent if at > now_ns - WINDOW_NS) <= 750


def test_exits_may_use_the_reserve() -> None:
    budget = RateBudget(limit=1000, reserve=0.25)
    budget.take(740, 0)
    assert budget.wait_ns(50, 1) > 0
    assert budget.wait_ns(50, 1, exiting=True) == 0


def test_a_refusal_stops_exits_too() -> None:
    budget = RateBudget()
    budget.block(0, 30.0)
    assert budget.wait_ns(1, 10 * S, exiting=True) == 20 * S
    assert budget.wait_ns(1, 30 * S, exiting=True) == 0


def test_what_others_spent_from_the_same_address_counts() -> None:
    budget = RateBudget(limit=1000, reserve=0.25)
    budget.take(10, 0)
    budget.told(700, 1)
    assert budget.used(1) == 700


def test_what_others_spent_is_over_with_the_venues_minute() -> None:
    budget, minute_ns = RateBudget(limit=1000, reserve=0.25), 600 * S
    budget.take(10, minute_ns + 40 * S)
    budget.told(700, minute_ns + 50 * S)
    assert budget.used(minute_ns + 59 * S) == 700
    assert budget.used(minute_ns + 61 * S) == 10


class Clocks:
    """A wall clock and a monotonic one that a test moves."""

    def __init__(self) -> None:
        self.wall, self.mono = 1_700_000_000 * S, 5 * S

    def pass_s(self, seconds: float, step_s: float = 0.0) -> None:
        self.mono += int(seconds * S)
        self.wall += int((seconds + step_s) * S)


@pytest.mark.parametrize("steps", [(3.0,), (-4.0,), (-4.0, 4.0), (2.0, -2.0, 2.0), (3600.0, -1.0)])
def test_time_never_goes_back_and_follows_the_wall_ahead(steps: tuple[float, ...]) -> None:
    clocks = Clocks()
    steady = SteadyClock(lambda: clocks.wall, lambda: clocks.mono)
    before = steady.now_ns()
    for step_s in steps:
        clocks.pass_s(1.0, step_s)
        assert abs(steady.check() - int(step_s * S)) < 1000
        now = steady.now_ns()
        assert now >= before + S - 1000
        assert now >= clocks.wall - 1000
        before = now
    assert steady.steps == len(steps)


def test_slewing_is_no_step() -> None:
    clocks = Clocks()
    steady = SteadyClock(lambda: clocks.wall, lambda: clocks.mono)
    clocks.pass_s(10.0, 0.1)
    assert steady.check() == 0


@given(
    st.lists(st.tuples(st.integers(0, S), st.integers(0, S)), min_size=1, max_size=16),
    st.integers(-9 * S, 9 * S),
)
def test_the_true_offset_is_within_half_the_round_trip(ways: list[tuple[int, int]], offset: int) -> None:
    estimate, now_ns = OffsetEstimate(), 10**18
    for there, back in ways:
        estimate.note(now_ns, now_ns + there + back, now_ns + there + offset)
    best = estimate.best()
    assert best is not None
    assert abs(best.offset_ns - offset) <= best.within_ns + 1
    assert best.within_ns == min(there + back for there, back in ways) // 2
