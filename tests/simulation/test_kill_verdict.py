"""What the verdict over killed lives lets pass, and what it never does."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from scripts.killing.verdict import Booked, average_cost, compare_fills

ENTRY_A = Booked("en0", 1, 30, 1000, 5, 0)
ENTRY_B = Booked("en0", 1, 10, 1020, 5, 0)
EXIT_A = Booked("ex0", -1, 10, 1100, 6, 1000)
EXIT_B = Booked("ex1", -1, 30, 1100, 6, 2800)
TRIP = [ENTRY_A, EXIT_A, ENTRY_B, EXIT_B]


def compared(wanted: list[Booked], found: list[Booked]) -> tuple[list[str], int]:
    return compare_fills(wanted, found, Fraction(1))


def test_average_cost_by_hand() -> None:
    """30 at 1000, 10 sold at 1100; 10 more at 1020: 30 that cost 30,200, sold for 33,000."""
    assert average_cost(TRIP, Fraction(1)) == [0, 1000, 0, 2800]
    short = [fill._replace(side=-fill.side) for fill in TRIP]
    assert average_cost(short, Fraction(1)) == [0, -1000, 0, -2800]


def test_the_same_fills_with_the_same_results_pass() -> None:
    assert compared(TRIP * 2, TRIP * 2) == ([], 0)


def test_a_late_fill_may_split_a_result_in_another_way_but_not_change_its_sum() -> None:
    late = [ENTRY_A, ENTRY_B, EXIT_A._replace(realised_e8=950), EXIT_B._replace(realised_e8=2850)]
    assert compared([*TRIP, *TRIP], [*late, *TRIP]) == ([], 1)
    wrong = [*late[:3], late[3]._replace(realised_e8=2851)]
    faults, _ = compared([*TRIP, *TRIP], [*wrong, *TRIP])
    assert len(faults) == 1


def test_of_a_late_fill_each_result_must_be_that_of_its_order() -> None:
    shifted = [ENTRY_A, ENTRY_B, EXIT_A._replace(realised_e8=960), EXIT_B._replace(realised_e8=2840)]
    assert len(compared(TRIP, shifted)[0]) == 2


def test_in_the_same_order_every_result_must_be_the_same() -> None:
    shifted = [ENTRY_A, EXIT_A._replace(realised_e8=1001), ENTRY_B, EXIT_B._replace(realised_e8=2799)]
    faults, reordered = compared(TRIP, shifted)
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
    assert compared(TRIP, found)[0]


def test_an_error_in_one_round_trip_is_not_balanced_by_the_next() -> None:
    more = [*TRIP[:-1], EXIT_B._replace(realised_e8=2801)]
    less = [*TRIP[:-1], EXIT_B._replace(realised_e8=2799)]
    assert len(compared(TRIP * 2, more + less)[0]) == 2


def test_fills_that_never_become_flat_are_told() -> None:
    assert compared(TRIP[:1], TRIP[:1])[0]
