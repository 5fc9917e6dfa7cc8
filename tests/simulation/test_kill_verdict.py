"""What the verdict over killed lives lets pass, and what it never does."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.killing.verdict import Booked, compare_fills

ENTRY_A = Booked("en0", 1, 30, 1000, 5, 0)
ENTRY_B = Booked("en0", 1, 10, 1020, 5, 0)
EXIT_A = Booked("ex0", -1, 10, 1100, 6, 900)
EXIT_B = Booked("ex1", -1, 30, 1100, 6, 2900)
TRIP = [ENTRY_A, EXIT_A, ENTRY_B, EXIT_B]


def test_the_same_fills_with_the_same_results_pass() -> None:
    assert compare_fills(TRIP * 2, TRIP * 2) == ([], 0)


def test_a_late_fill_may_split_a_result_in_another_way_but_not_change_its_sum() -> None:
    late = [ENTRY_A, ENTRY_B, EXIT_A._replace(realised_e8=950), EXIT_B._replace(realised_e8=2850)]
    assert compare_fills([*TRIP, *TRIP], [*late, *TRIP]) == ([], 1)
    wrong = [*late[:3], late[3]._replace(realised_e8=2851)]
    faults, _ = compare_fills([*TRIP, *TRIP], [*wrong, *TRIP])
    assert len(faults) == 1


def test_in_the_same_order_every_result_must_be_the_same() -> None:
    shifted = [ENTRY_A, EXIT_A._replace(realised_e8=901), ENTRY_B, EXIT_B._replace(realised_e8=2899)]
    faults, reordered = compare_fills(TRIP, shifted)
    assert (len(faults), reordered) == (1, 0)


@pytest.mark.parametrize(
    "found",
    [
        TRIP[:-1],
        [*TRIP, EXIT_B],
        [*TRIP[:-1], EXIT_B._replace(fee_e8=7)],
        [*TRIP[:-1], EXIT_B._replace(price=1099)],
    ],
)
def test_a_fill_that_is_missing_doubled_or_different_is_a_fault(found: list[Any]) -> None:
    assert compare_fills(TRIP, found)[0]


def test_an_error_in_one_round_trip_is_not_balanced_by_the_next() -> None:
    more = [*TRIP[:-1], EXIT_B._replace(realised_e8=2901)]
    less = [*TRIP[:-1], EXIT_B._replace(realised_e8=2899)]
    assert len(compare_fills(TRIP * 2, more + less)[0]) == 2


def test_fills_that_never_become_flat_are_told() -> None:
    assert compare_fills(TRIP[:1], TRIP[:1])[0]
