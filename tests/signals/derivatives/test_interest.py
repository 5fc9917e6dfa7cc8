"""Open interest: changes and their z against whole lists of minutes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals.derivatives import interest
from bot.signals.derivatives.interest import INTEREST_FLOOR, LEAST_SAMPLES, PRICE_FLOOR_BPS, SPANS
from tests import reference
from tests.signals.worlds import NS_PER_S

MINUTE_NS = 60 * NS_PER_S
START = 28_333_333  # minutes since the epoch
FIGURE = st.one_of(st.none(), st.integers(900, 1_100))
STEPS = st.lists(
    st.tuples(st.sampled_from([1, 1, 1, 1, 2, 7, 61, 200]), FIGURE, FIGURE), min_size=1, max_size=25
)


def changes(interests, mids, minute, span):
    """(per cent, bps) over a span; None where a figure is missing."""
    pair = [(series.get(minute), series.get(minute - span)) for series in (interests, mids)]
    known = [None not in p for p in pair]
    return (
        100.0 * (pair[0][0] / pair[0][1] - 1.0) if known[0] else None,
        1e4 * math.log(pair[1][0] / pair[1][1]) if known[1] else None,
    )


@settings(max_examples=40)
@given(STEPS, st.sampled_from([0, 70, 125]))
def test_changes_and_their_z_equal_those_of_the_whole_list(steps, warm):
    row = interest.new_interest(1)[0]
    steps = [(1, 1_000 + k * 7 % 11, 1_000 + k * 5 % 13) for k in range(warm)] + steps
    minute, interests, mids = START, {}, {}
    history: list[list[float]] = [[] for _ in range(4)]
    last = None
    for gap, figure, mid in steps:
        minute += gap
        if figure is not None:
            interest.on_interest(row, minute * MINUTE_NS + 7, float(figure))
            last = (minute, figure)
        if last is not None and minute - last[0] <= 5:
            interests[minute] = last[1]
        if mid is not None:
            mids[minute] = mid
        for _ in range(2):  # the second call of a minute changes nothing
            interest.on_minute(row, minute * MINUTE_NS + 7, math.nan if mid is None else float(mid))
        for k, span in enumerate(SPANS):
            want = changes(interests, mids, minute, span)
            z = []
            for r, value, floor in ((k, want[0], INTEREST_FLOOR), (2 + k, want[1], PRICE_FLOOR_BPS)):
                known = value is not None and len(history[r]) >= LEAST_SAMPLES
                z.append(reference.robust_z(value, history[r], floor) if known else math.nan)
                if value is not None:
                    history[r].append(value)
            assert row["change"][k] == pytest.approx(math.nan if want[0] is None else want[0], nan_ok=True)
            assert row["change_z"][k] == pytest.approx(z[0], nan_ok=True, rel=1e-6, abs=1e-6)
            assert row["move_z"][k] == pytest.approx(z[1], nan_ok=True, rel=1e-6, abs=1e-6)
            score = interest.interest_score(row, k)
            if any(math.isnan(v) for v in z):
                assert math.isnan(score)
            else:
                assert score == pytest.approx(reference.oi_quadrant(z[1], z[0]), abs=1e-6)


def test_a_figure_is_fresh_for_five_seconds_and_fades_with_a_minute():
    row = interest.new_interest(1)[0]
    assert interest.freshness(row, START * MINUTE_NS) == 0.0
    interest.on_interest(row, START * MINUTE_NS, 5.0)
    for after_s, want in ((-1, 1.0), (5, 1.0), (65, math.exp(-1)), (605, math.exp(-10))):
        assert interest.freshness(row, START * MINUTE_NS + after_s * NS_PER_S) == pytest.approx(want)


def test_the_latest_figure_is_compared_with_five_minutes_before_the_last_minute():
    row = interest.new_interest(1)[0]
    for minute, figure in enumerate((1_000.0, 2_000.0, 3_000.0, 4_000.0, 5_000.0, 6_000.0)):
        now = (START + minute) * MINUTE_NS
        interest.on_interest(row, now, figure)
        interest.on_minute(row, now, 100.0)
    assert interest.latest_change(row, now, 0) == pytest.approx(500.0)
    interest.on_interest(row, now + 20 * NS_PER_S, 990.0)
    assert row["change"][0] == pytest.approx(500.0)  # the minute's
    assert interest.latest_change(row, now + 29 * NS_PER_S, 0) == pytest.approx(-1.0)
    assert math.isnan(interest.latest_change(row, now + 29 * NS_PER_S, 1))  # an hour is not known
    assert math.isnan(interest.latest_change(row, now + 400 * NS_PER_S, 0))  # too old
