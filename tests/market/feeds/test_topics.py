"""Which topic of a market is silent, from ids alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.market.feeds.topics import MarketTopics
from bot.market.venues.protocol import Progress

STEP_S = 0.25


def looked(until_s: float, told: Callable[[float], Progress]) -> list[tuple[float, str, bool]]:
    """When what changed, looking four times a second."""
    topics, changes = MarketTopics(), []
    for k in range(int(until_s / STEP_S)):
        now_s = 100.0 + k * STEP_S
        for name, silent in topics.look(now_s, told(k * STEP_S)).items():
            changes.append((k * STEP_S, name, silent))
    return changes


def going(at_s: float, every_s: float = 0.1) -> int:
    return 1 + int(at_s / every_s + 1e-9)


def test_nothing_is_said_while_everything_flows() -> None:
    assert looked(300.0, lambda t: Progress(going(t), going(t), going(t, 2.0))) == []


def test_a_book_is_silent_when_the_touch_moves_on_without_it() -> None:
    changes = looked(60.0, lambda t: Progress(going(min(t, 20.0) if t < 40 else t), going(t), going(t)))
    (silent_s, name, silent), (speaks_s, again, speaks) = changes
    assert (name, silent, again, speaks) == ("book", True, "book", False)
    assert 20.0 < silent_s <= 23.0
    assert speaks_s == pytest.approx(40.0, abs=0.5)


def test_a_book_that_comes_seldom_is_not_silent_between() -> None:
    assert looked(200.0, lambda t: Progress(going(t, 5.4), going(t), going(t))) == []


def test_a_quiet_market_is_no_silent_book() -> None:
    assert looked(120.0, lambda t: Progress(going(min(t, 20.0)), going(min(t, 20.0)), going(t))) == [
        (30.25, "touch", True)
    ]


def test_a_connection_that_says_nothing_is_not_a_matter_of_topics() -> None:
    assert looked(120.0, lambda t: Progress(*(going(min(t, 20.0)),) * 3)) == []


@pytest.mark.parametrize(("every_s", "says_s"), [(0.5, 60.0), (10.0, 200.0)])
def test_prints_may_pause_for_many_times_as_long_as_usual(every_s: float, says_s: float) -> None:
    end_s = 400.0
    changes = looked(2 * end_s, lambda t: Progress(going(t), going(t), going(min(t, end_s), every_s)))
    ((silent_s, name, silent),) = changes
    assert (name, silent) == ("prints", True)
    assert silent_s - end_s == pytest.approx(says_s, rel=0.25)
