from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.core.enums import Trust
from bot.market import book as ladder
from bot.market.book import ASK, BID
from bot.market.heads import CROSSED, EMPTY_ASK, EMPTY_BID, HEAD, LOCKED, NO_BOOK, OK, new_heads
from bot.market.trust import judge, note_print, trust_of
from tests.trading import LINEAR, OTHER, T0

S = 1_000_000_000
MS = 1_000_000


def head_of(**fields: Any) -> np.void:
    """A book that was committed just now and gives no reason to doubt it, but for `fields`."""
    head = np.zeros(1, HEAD)[0]
    for name, value in {"synced": 1, "status": OK, "commit_ns": T0, **fields}.items():
        head[name] = value
    return head


VERDICTS = [
    # (what the head says, ns since its last commit, verdict, words of the reason)
    pytest.param({}, 0, Trust.TRUSTED, "", id="fresh"),
    pytest.param({"synced": 0}, 0, Trust.QUARANTINED, "snapshot", id="never synchronised"),
    pytest.param({"status": EMPTY_BID}, 0, Trust.SUSPECT, "one side empty", id="no bids"),
    pytest.param({"status": EMPTY_ASK}, 0, Trust.SUSPECT, "one side empty", id="no asks"),
    pytest.param({"status": NO_BOOK}, 0, Trust.SUSPECT, "one side empty", id="empty"),
    pytest.param(
        {"status": CROSSED, "crossed_ns": T0}, 500 * MS, Trust.SUSPECT, "crossed", id="crossed briefly"
    ),
    pytest.param({"status": LOCKED, "crossed_ns": T0}, 0, Trust.SUSPECT, "locked", id="just locked"),
    pytest.param(
        {"status": CROSSED, "crossed_ns": T0},
        501 * MS,
        Trust.QUARANTINED,
        "more than 500 ms",
        id="crossed for long",
    ),
    pytest.param({}, 15 * S, Trust.TRUSTED, "", id="quiet 15 s"),
    pytest.param({}, 15 * S + 1, Trust.SUSPECT, "no book message for 15 s", id="quiet longer"),
    pytest.param({}, 60 * S, Trust.SUSPECT, "60 s", id="quiet 60 s"),
    pytest.param({}, 61 * S, Trust.QUARANTINED, "no book message for 61 s", id="silent"),
    pytest.param(
        {"outside_price": 5, "outside_ns": T0}, 14 * S, Trust.TRUSTED, "", id="a stray print, no commit"
    ),
    pytest.param(
        {"outside_price": 5, "outside": 1, "outside_ns": T0}, 2 * S, Trust.TRUSTED, "", id="unanswered 2 s"
    ),
    pytest.param(
        {"outside_price": 5, "outside": 1, "outside_ns": T0}, 2 * S + 1, Trust.SUSPECT, "outside", id="longer"
    ),
    pytest.param({"outside_price": 5, "outside": 5, "outside_ns": T0}, 0, Trust.TRUSTED, "", id="5 commits"),
    pytest.param(
        {"outside_price": 5, "outside": 6, "outside_ns": T0}, 0, Trust.SUSPECT, "outside", id="6 commits"
    ),
    # the worst reason is told
    pytest.param(
        {"synced": 0, "status": CROSSED}, 99 * S, Trust.QUARANTINED, "snapshot", id="everything wrong"
    ),
]


@pytest.mark.parametrize(("fields", "later_ns", "verdict", "reason"), VERDICTS)
def test_the_verdict_and_its_reason(
    fields: dict[str, int], later_ns: int, verdict: Trust, reason: str
) -> None:
    trust, words = trust_of(head_of(**fields), T0 + later_ns)

    assert trust is verdict
    assert reason in words
    assert bool(words) == (trust is not Trust.TRUSTED)


class Market:
    """Two ladders in one table; the tests drive the second."""

    def __init__(self) -> None:
        self.books = ladder.new_books(2, max_tick=4_095)
        self.heads = new_heads((LINEAR, OTHER))
        self.heads["synced"] = 1

    @property
    def head(self) -> np.void:
        row: np.void = self.heads[1]
        return row

    def commit(self, bid: int | None, ask: int | None, at_ns: int) -> None:
        ladder.clear(self.books, 1)
        for side, tick in ((BID, bid), (ASK, ask)):
            if tick is not None:
                ladder.set_level(self.books, 1, side, tick, 5.0)
        ladder.settle(self.books, 1)
        judge(self.head, *self._touch(), at_ns)

    def print(self, tick: int, at_ns: int) -> None:
        note_print(self.head, *self._touch(), tick, at_ns)

    def _touch(self) -> tuple[int, int]:
        return ladder.best_tick(self.books, 1, BID), ladder.best_tick(self.books, 1, ASK)

    def trust(self, now_ns: int) -> Trust:
        return trust_of(self.head, now_ns)[0]


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.mark.parametrize(
    ("bid", "ask", "status"),
    [
        (1_000, 1_001, OK),
        (1_000, 1_000, LOCKED),
        (1_001, 1_000, CROSSED),
        (None, 1_000, EMPTY_BID),
        (1_000, None, EMPTY_ASK),
        (None, None, NO_BOOK),
        (0, 1, OK),
    ],
)
def test_a_commit_tells_the_state_of_the_ladder(
    bid: int | None, ask: int | None, status: int, market: Market
) -> None:
    market.commit(bid, ask, T0)

    assert (market.head["status"], market.head["commits"], market.head["commit_ns"]) == (status, 1, T0)
    assert market.heads[0]["commits"] == 0, "the other market's head is left alone"


def test_crossed_time_runs_from_the_first_such_commit_until_one_without(market: Market) -> None:
    market.commit(1_001, 1_000, T0)
    market.commit(1_000, 1_000, T0 + 400 * MS)
    assert market.trust(T0 + 500 * MS) is Trust.SUSPECT
    assert market.trust(T0 + 501 * MS) is Trust.QUARANTINED

    market.commit(1_000, 1_001, T0 + 600 * MS)
    assert market.trust(T0 + 600 * MS) is Trust.TRUSTED
    market.commit(1_001, 1_000, T0 + 700 * MS)
    assert market.trust(T0 + 1_200 * MS) is Trust.SUSPECT, "a new crossing begins anew"
    assert market.head["crossed_commits"] == 3


def test_a_print_outside_the_spread_that_the_book_follows_means_nothing(market: Market) -> None:
    market.commit(1_000, 1_002, T0)
    market.print(1_005, T0 + 1)
    market.commit(1_004, 1_006, T0 + 2)

    assert market.trust(T0 + 10 * S) is Trust.TRUSTED


@pytest.mark.parametrize("tick", [999, 1_003])
def test_a_print_that_the_book_does_not_follow_makes_it_suspect(tick: int, market: Market) -> None:
    market.commit(1_000, 1_002, T0)
    market.print(tick, T0 + 1)
    for n in range(5):
        market.commit(1_000, 1_002, T0 + 2 + n)
        assert market.trust(T0 + 2 + n) is Trust.TRUSTED
    market.commit(1_000, 1_002, T0 + 10)

    assert market.trust(T0 + 10) is Trust.SUSPECT


def test_the_clock_of_a_stray_print_is_that_of_the_first_one(market: Market) -> None:
    market.commit(1_000, 1_002, T0)
    market.print(1_005, T0 + 1 * S)
    market.commit(1_000, 1_002, T0 + 1 * S + 1)
    market.print(1_006, T0 + 2 * S)

    assert market.trust(T0 + 3 * S) is Trust.TRUSTED
    assert market.trust(T0 + 3 * S + 1) is Trust.SUSPECT


@pytest.mark.parametrize("tick", [1_000, 1_001, 1_002])
def test_a_print_at_or_inside_the_spread_is_the_answer(tick: int, market: Market) -> None:
    market.commit(1_000, 1_002, T0)
    market.print(1_005, T0 + 1)
    for n in range(6):
        market.commit(1_000, 1_002, T0 + 2 + n)
    assert market.trust(T0 + 8) is Trust.SUSPECT
    market.print(tick, T0 + 9)

    assert market.trust(T0 + 9) is Trust.TRUSTED


def test_prints_against_a_book_that_is_not_usable_say_nothing_about_it(market: Market) -> None:
    market.commit(1_002, 1_000, T0)
    market.print(1_005, T0 + 1)

    assert market.head["outside_price"] == 0
