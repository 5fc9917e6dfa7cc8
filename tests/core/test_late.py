"""Sequences that are made when they are looked at."""

from __future__ import annotations

import copy
import pickle

from bot.core.late import Late


def test_it_is_made_once_and_only_when_looked_at() -> None:
    made: list[int] = []

    def make() -> tuple[int, ...]:
        made.append(1)
        return (3, 4)

    late = Late(make)
    assert made == []
    assert (list(late), len(late), late[-1], late[:1]) == ([3, 4], 2, 4, (3,))
    assert made == [1]


def test_it_reads_as_the_tuple() -> None:
    late = Late(lambda: (1, 2))
    assert late == (1, 2)
    assert late == Late(lambda: (1, 2))
    assert late != (1,)
    assert hash(late) == hash((1, 2))
    assert repr(late) == "(1, 2)"
    assert not Late(lambda: ())


def test_a_copy_is_the_tuple() -> None:
    late = Late(lambda: (1, 2))
    assert copy.deepcopy(late) == (1, 2)
    assert pickle.loads(pickle.dumps(late)) == (1, 2)
