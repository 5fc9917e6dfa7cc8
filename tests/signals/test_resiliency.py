"""Additions, cancellations and recovery against sums over all changes and a plain search for shocks."""

from __future__ import annotations

import math
from operator import itemgetter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.units import NS_PER_MS
from bot.signals import resiliency
from bot.signals.resiliency import CENSOR_S, SHOCKS, TAU_S
from tests import reference
from tests.signals.worlds import NS_PER_S, T0

LOTS = st.integers(0, 9)
CHANGE = st.tuples(
    st.sampled_from([0, 0, 1_000_000, 300_000_000, 700_000_000, 40_000_000_000]),  # ns since the one before
    st.integers(0, 1),
    st.integers(95, 105),
    LOTS,
    LOTS,
    st.one_of(st.just(0), LOTS),
    st.sampled_from([True, True, True, False]),
)


def fed(changes, resets=()):
    row, now, seen = resiliency.new_resiliency(1)[0], T0, []
    for k, (gap, side, tick, before, after, executed, in_band) in enumerate(changes):
        now += gap
        if k in resets:
            resiliency.on_reset(row)
        if in_band:
            resiliency.on_change(row, now, side, tick, float(before), float(after), float(executed))
        if in_band:
            seen.append((k, now, side, tick, reference.attribute_level(before, after, executed)))
    resiliency.age(row, now)
    return row, now, seen


def slow_sum(seen, side, now, value):
    kept = [((t - T0) / NS_PER_S, value(part)) for _, t, s, _, part in seen if s == side]
    return reference.ew_sum([t for t, _ in kept], [v for _, v in kept], TAU_S, (now - T0) / NS_PER_S)


@settings(max_examples=60)
@given(st.lists(CHANGE, min_size=1, max_size=25))
def test_sums_equal_the_attribution_of_every_change(changes):
    row, now, seen = fed(changes)
    for side in range(2):
        want = {part: slow_sum(seen, side, now, itemgetter(part)) for part in ("add", "cancel", "exec")}
        for field, name in (("added", "add"), ("cancelled", "cancel"), ("executed", "exec")):
            assert row[field][side] == pytest.approx(want[name], rel=1e-9, abs=1e-12)
        gone = want["cancel"] + want["exec"]
        share = resiliency.cancel_share(row, side)
        assert share == pytest.approx(want["cancel"] / gone) if gone > 0 else math.isnan(share)
        refill = resiliency.refill_ratio(row, side, 0.5)
        known = want["exec"] >= 0.5
        assert refill == pytest.approx(want["add"] / want["exec"]) if known else math.isnan(refill)
    bid, ask = (resiliency.refill_ratio(row, side, 0.5) for side in range(2))
    imbalance = (bid - ask) / (bid + ask) if bid + ask > 0 else math.nan
    assert resiliency.resilience(row, 0.5) == pytest.approx(imbalance, nan_ok=True)


def replacements(seen, resets):
    """Each addition takes the last cancellation of the lowest tick that fits; a reset forgets all."""
    last: dict[tuple[int, int], tuple[int, float]] = {}
    found: list[tuple[int, int]] = []
    waiting = list(resets)
    for k, t, side, tick, part in seen:
        while waiting and waiting[0] <= k:
            waiting.pop(0)
            last = {}
        if part["cancel"] > 0:
            last[side, tick] = (t, part["cancel"])
        elif part["add"] > 0:
            for near in range(tick - 2, tick + 3):
                at, lots = last.get((side, near), (None, 0.0))
                if at is None or t - at > 500 * NS_PER_MS or abs(part["add"] - lots) > 0.1 * lots:
                    continue
                found.append((side, t))
                del last[side, near]
                break
    return found


@settings(max_examples=60)
@given(st.lists(CHANGE, min_size=1, max_size=25), st.sets(st.integers(0, 24), max_size=2))
def test_replacements_are_cancellations_that_soon_come_back_nearby(changes, resets):
    row, now, seen = fed(changes, resets)
    found = replacements(seen, sorted(r for r in resets if r < len(changes)))
    for side in range(2):
        times = [(t - T0) / NS_PER_S for s, t in found if s == side]
        end = (now - T0) / NS_PER_S
        want = reference.ew_sum(times, [1.0] * len(times), TAU_S, end)
        cancels = slow_sum(seen, side, now, lambda part: float(part["cancel"] > 0))
        assert row["replaced"][side] == pytest.approx(want, abs=1e-12)
        rate = resiliency.replace_rate(row, side)
        assert rate == pytest.approx(want / cancels) if cancels > 1e-9 else math.isnan(rate)


@pytest.mark.parametrize(
    ("after_ms", "ticks", "lots", "replaced"),
    [
        (0, 0, 20.0, 1.0),
        (500, 2, 22.0, 1.0),
        (500, -2, 18.0, 1.0),
        (501, 0, 20.0, 0.0),
        (0, 3, 20.0, 0.0),
        (0, -3, 20.0, 0.0),
        (0, 16, 20.0, 0.0),
        (0, 0, 22.1, 0.0),
        (0, 0, 17.9, 0.0),
    ],
)
def test_a_replacement_is_soon_near_and_of_about_the_size(after_ms, ticks, lots, replaced):
    row = resiliency.new_resiliency(1)[0]
    resiliency.on_change(row, T0, 0, 100, 20.0, 0.0, 0.0)
    now = T0 + after_ms * NS_PER_MS
    resiliency.on_change(row, now, 1, 100 + ticks, 0.0, lots, 0.0)  # the other side's never counts
    resiliency.on_change(row, now, 0, 100 + ticks, 0.0, lots, 0.0)
    resiliency.on_change(row, now, 0, 100 + ticks, 0.0, lots, 0.0)  # once only
    assert resiliency.replace_rate(row, 0) == pytest.approx(replaced / math.exp(-after_ms / 30_000))


def slow_half_lives(depths, taken):
    """Half-lives in seconds on a 250 ms grid, by looking back and forth in whole lists."""
    found, k = [], 0
    usual = [depths[0]]
    for depth in depths[1:]:
        usual.append(usual[-1] + (1 - math.exp(-0.025)) * (depth - usual[-1]))
    while k < len(depths):
        if k < 4 or depths[k] > 0.7 * depths[k - 4] or taken[k] <= taken[k - 4]:
            k += 1
            continue
        start = k
        for k in range(start + 1, len(depths)):
            least = min(depths[start : k + 1])
            if depths[k] >= (usual[start - 1] + least) / 2 or k - start >= 4 * CENSOR_S:
                found.append(min((k - start) / 4, CENSOR_S))
                break
        else:
            break
        k += 1
    return found


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=5, max_size=60), st.integers(0, 1))
def test_half_lives_equal_a_plain_search(points, side):
    row = resiliency.new_resiliency(1)[0]
    taken, depths, total = [], [float(d) for d, _ in points], 0
    for k, (depth, hit) in enumerate(points):
        now = T0 + k * 250 * NS_PER_MS
        if hit:
            resiliency.on_change(row, now, side, 100, 1.0, 0.0, 1.0)
        total += hit
        taken.append(total)
        resiliency.on_depth(row, side, now, float(depth))
    found = slow_half_lives(depths, taken)[-SHOCKS:]
    assert row["shocks"][side]["count"] == len(found)
    got = resiliency.half_life_s(row, side)
    assert got == pytest.approx(float(np.median(found))) if found else math.isnan(got)


def test_a_side_that_never_recovers_is_counted_as_a_minute_and_a_reset_forgets_the_shock():
    row = resiliency.new_resiliency(1)[0]
    now = T0
    depths = [100.0] * 8 + [10.0] * 241
    for k, depth in enumerate(depths):
        if k == 8:
            resiliency.on_change(row, now, 0, 100, 90.0, 0.0, 90.0)
        resiliency.on_depth(row, 0, now, depth)
        now += 250 * NS_PER_MS
    assert resiliency.half_life_s(row, 0) == CENSOR_S
    for depth in [100.0] * 8 + [10.0]:
        resiliency.on_change(row, now, 0, 100, 1.0, 0.0, 1.0)
        resiliency.on_depth(row, 0, now, depth)
        now += 250 * NS_PER_MS
    assert row["shock_ns"][0] != 0
    resiliency.on_reset(row)
    assert row["shock_ns"][0] == 0
    resiliency.on_depth(row, 0, now, 1.0)  # far below, but nothing is compared across the seam
    assert row["shock_ns"][0] == 0


def test_a_fall_without_executions_is_no_shock():
    row = resiliency.new_resiliency(1)[0]
    for k, depth in enumerate([100.0] * 5 + [20.0] * 5):
        resiliency.on_depth(row, 1, T0 + k * 250 * NS_PER_MS, depth)
    assert row["shock_ns"][1] == 0
