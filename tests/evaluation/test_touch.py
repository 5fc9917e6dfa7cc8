"""The touch on a grid, however it is cut into stretches, against a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.touch import Points, Sampler, Steps, Touches, flow_increments
from bot.evaluation.watching import TOUCH
from tests import reference

STEP = 100

TOUCHES = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 30, 99, 100, 101, 250]),  # ns since the one before
        st.sampled_from([10, 10, 10, 11]),
        st.sampled_from([1, 1, 1, 3]),  # spread
        st.integers(1, 4),
        st.integers(1, 4),
        st.sampled_from([True, True, True, True, False]),  # a usable book
    ),
    min_size=1,
    max_size=30,
)


def touch_rows(drawn) -> np.ndarray:
    rows = np.zeros(len(drawn), TOUCH)
    now = 1_000
    for row, (wait, bid, spread, bid_lots, ask_lots, known) in zip(rows, drawn, strict=True):
        now += wait
        row["time_ns"] = now
        if known:
            row["bid"], row["ask"] = bid, bid + spread
            row["bid_lots"], row["ask_lots"] = bid_lots, ask_lots
    return rows


def sampled(rows: np.ndarray, cuts: list[int], end_ns: int, origin_ns: int | None = None) -> Points:
    sampler = Sampler(STEP, origin_ns)
    before = rows[:0]
    for part in np.split(rows, cuts):
        if part.size:
            sampler.feed(Touches.of(part, before))
            before = part[-1:]
    return sampler.finish(end_ns)


def plain_mid(row: np.void | None) -> float:
    return math.nan if row is None or row["bid"] == 0 else 0.5 * float(row["bid"] + row["ask"])


def plain_points(
    rows: np.ndarray, origin_ns: int, end_ns: int
) -> list[tuple[float, float, float, int, float]]:
    """(mid, imbalance, flow, next move, wait) of each point, by looking at all touches every time."""
    found = []
    for at in range(origin_ns, end_ns + 1, STEP):
        past = [row for row in rows if row["time_ns"] <= at]
        last = past[-1] if past else None
        mid = plain_mid(last)
        both = last["bid_lots"] + last["ask_lots"] if last is not None else 0.0
        imbalance = (last["bid_lots"] - last["ask_lots"]) / both if last is not None and both else math.nan
        flow = 0.0
        for k, row in enumerate(rows):
            begun = at - STEP < row["time_ns"] <= at and (at > origin_ns or row["time_ns"] <= origin_ns)
            if begun:
                flow += plain_flow(rows, k)
        move, wait = 0, math.inf
        for row in rows:
            later = plain_mid(row)
            if row["time_ns"] > at and not (later == mid or (math.isnan(later) and math.isnan(mid))):
                if not math.isnan(later) and not math.isnan(mid):
                    move, wait = (1 if later > mid else -1), (int(row["time_ns"]) - at) / 1e9
                break
        found.append((mid, imbalance, flow, move, wait))
    return found


def plain_flow(rows: np.ndarray, k: int) -> float:
    if rows[k]["bid"] == 0:
        return math.nan
    if k == 0 or rows[k - 1]["bid"] == 0:
        return 0.0
    names = ("bid", "bid_lots", "ask", "ask_lots")
    before, now = ([float(rows[j][name]) for name in names] for j in (k - 1, k))
    return reference.ofi_increment(before, now)


@given(TOUCHES, st.lists(st.integers(0, 30), max_size=4), st.integers(0, 400))
def test_points_equal_a_plain_loop_however_the_stretches_are_cut(drawn, cuts, beyond):
    rows = touch_rows(drawn)
    end_ns = int(rows[-1]["time_ns"]) + beyond
    for where in ([], sorted(cuts), range(1, rows.size)):
        equals_a_plain_loop(rows, sampled(rows, list(where), end_ns), end_ns)


def equals_a_plain_loop(rows: np.ndarray, points: Points, end_ns: int) -> None:
    known = rows[rows["bid"] > 0]
    if not known.size:
        assert points.mid.size == 0
        return
    assert points.origin_ns == known[0]["time_ns"]
    first = int(np.flatnonzero(rows["bid"] > 0)[0])
    wanted = plain_points(rows[first:], points.origin_ns, end_ns)
    got = zip(points.mid, points.imbalance, points.flow, points.move, points.wait_s, strict=True)
    for one, want in zip(list(got), wanted, strict=True):
        assert [float(v) for v in one] == pytest.approx([float(v) for v in want], nan_ok=True)


def test_a_grid_with_an_origin_of_its_own_begins_there_without_a_book():
    rows = touch_rows([(0, 10, 2, 1, 1, True), (250, 12, 2, 1, 1, True)])  # at 1000 and 1250
    points = sampled(rows, [], 1_400, origin_ns=800)
    np.testing.assert_array_equal(points.mid, [np.nan, np.nan, 11, 11, 11, 13, 13])
    assert points.move.tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_the_mid_later_is_unknown_beyond_the_ends():
    rows = touch_rows([(0, 10, 2, 1, 1, True), (250, 12, 2, 1, 1, True)])
    points = sampled(rows, [], 1_400)
    later = points.mid_after(np.array([0, 3, 4]), 100e-9)
    np.testing.assert_array_equal(later, [11, 13, np.nan])
    np.testing.assert_array_equal(points.mid_after(np.array([0, 4]), -100e-9), [np.nan, 13])


def test_no_flow_is_concluded_across_a_time_without_a_book():
    rows = touch_rows([(0, 10, 1, 2, 2, True), (5, 0, 0, 0, 0, False), (5, 12, 1, 9, 1, True)])
    flow = flow_increments(rows)
    assert flow[0] == 0.0
    assert math.isnan(flow[1])
    assert flow[2] == 0.0


def test_values_fall_into_the_step_that_the_next_point_closes():
    steps = Steps(STEP)
    steps.add(None, np.array([900]), np.array([7.0]))
    steps.add(1_000, np.array([990, 1_000, 1_001, 1_100, 1_101]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert steps.first(4).tolist() == [0.0, 7.0, 5.0, 0.0]
    steps.add(1_000, np.array([1_000 + STEP * 5_000]), np.array([6.0]))
    assert steps.first(5_001)[-1] == 6.0
