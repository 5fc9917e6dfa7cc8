from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bot.core.garbage import SELDOM, USUAL, collect_seldom, short_collections


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_collector_leaves_old_objects_alone_for_a_while_only() -> None:
    before = gc.get_freeze_count()
    with short_collections():
        assert gc.get_freeze_count() > before + 10_000
    assert gc.get_freeze_count() <= before


def test_a_loop_is_looked_at_often_whatever_was_set_before() -> None:
    gc.set_threshold(1234, 5, 6)
    with short_collections():
        assert gc.get_threshold() == USUAL
    assert gc.get_threshold() == (1234, 5, 6)


def test_a_program_that_loads_is_looked_at_seldom() -> None:
    collect_seldom()
    assert gc.get_threshold() == SELDOM
