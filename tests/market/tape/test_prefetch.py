from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bot.market.tape.prefetch import AHEAD, prefetched


def alive() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "tape-prefetch"]


def test_items_come_in_order_and_the_thread_ends():
    assert list(prefetched(lambda: iter(range(100)))) == list(range(100))
    assert alive() == []


def test_stopping_early_leaves_no_thread_and_closes_the_source():
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    items = prefetched(source)
    assert [next(items), next(items)] == [0, 1]
    items.close()  # type: ignore[attr-defined]
    assert alive() == []
    assert closed.is_set()


def test_a_dropped_iterator_leaves_no_thread():
    items = prefetched(lambda: iter(range(10**9)))
    next(items)
    del items
    assert alive() == []


def test_no_thread_before_the_first_item_is_wanted():
    items = prefetched(lambda: iter(range(3)))
    assert alive() == []
    assert list(items) == [0, 1, 2]


def test_an_error_surfaces_after_the_items_before_it():
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    items = prefetched(source)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
    assert alive() == []


def test_it_runs_ahead_by_a_fixed_number_of_items_at_most():
    made = 0

    def source() -> Iterator[int]:
        nonlocal made
        for i in range(50):
            made += 1
            yield i

    for taken, _ in enumerate(prefetched(source), start=1):
        assert made <= taken + AHEAD + 1
