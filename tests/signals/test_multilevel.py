"""Multi-level flow at irregular times against sums over all snapshots; its common factor against numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals import multilevel
from bot.signals.decay import TAUS_S
from bot.signals.multilevel import BIN_NS, LEAST_BINS, LEVELS, REFIT_NS
from tests import reference
from tests.signals.worlds import NS_PER_S, T0, ladder_of

SIDE = st.dictionaries(st.integers(1, 14), st.integers(1, 9), min_size=1, max_size=13)
GAP_NS = st.one_of(st.just(0), st.integers(0, 90 * NS_PER_S))
EVENT = st.tuples(st.sampled_from(["book", "book", "book", "reset", "empty"]), SIDE, SIDE, GAP_NS)
WIDE = (59_970, 60_030)
"""At these prices a bucket is three ticks and the ladder's blocks end among the levels; at 100 it is one."""


def gathered(centre, bids, asks):
    """The best ten buckets of each side, by sorting: [(price, lots)], best first."""
    width = 3 if centre in WIDE else 1
    sides = []
    for sign, offsets in ((-1, bids), (1, asks)):
        buckets: dict[int, float] = {}
        for offset, lots in offsets.items():
            tick = centre + sign * offset
            name = tick // width * width if sign < 0 else math.ceil(tick / width) * width
            buckets[name] = buckets.get(name, 0.0) + lots
        sides.append(sorted(buckets.items(), key=lambda level: sign * level[0])[:LEVELS])
    return sides


def slow_levels(history, level):
    """(time, increment) and (time, size) of a level since it was last missing; None in history is a reset."""
    flows: list[tuple[float, float]] = []
    sizes: list[tuple[float, float]] = []
    last = None
    for entry in history:
        if entry is None:
            last = None
            continue
        t, (bids, asks) = entry
        if len(bids) <= level or len(asks) <= level:
            flows, sizes, last = [], [], None
            continue
        quote = (*bids[level], *asks[level])
        if last is not None:
            flows.append((t, reference.ofi_increment(last, quote)))
        sizes.append((t, 0.5 * (quote[1] + quote[3])))
        last = quote
    return flows, sizes


def ew(pairs, tau, end):
    return reference.ew_sum([t for t, _ in pairs], [v for _, v in pairs], tau, end)


@settings(max_examples=30)
@given(st.lists(EVENT, min_size=1, max_size=10), st.sampled_from([100, *WIDE]))
def test_every_level_equals_the_sum_over_its_snapshots(events, centre):
    row, now = multilevel.new_multilevel(1)[0], T0
    history: list[Any] = []
    for what, bids, asks, gap in events:
        now += gap
        if what == "reset":
            multilevel.on_reset(row)
            history.append(None)
            continue
        if what == "empty":
            multilevel.on_commit(row, ladder_of({centre: 5.0}, {}), 0, now)
            continue
        books = ladder_of({centre - o: q for o, q in bids.items()}, {centre + o: q for o, q in asks.items()})
        multilevel.on_commit(row, books, 0, now)
        sides = gathered(centre, bids, asks)
        known = [entry for entry in history if entry is not None]
        # the same ten levels again are no event, unless they are the first after a reset
        if not history or history[-1] is None or known[-1][1] != sides:
            history.append(((now - T0) / NS_PER_S, sides))
    multilevel.age(row, now)
    end = (now - T0) / NS_PER_S
    slow = [slow_levels(history, m) for m in range(LEVELS)]
    for k, tau in enumerate(TAUS_S):
        depth = sum(ew(sizes, tau, end) for _, sizes in slow)
        count = sum(ew([(t, 1.0) for t, _ in sizes], tau, end) for _, sizes in slow)
        whole, there = 0.0, 0
        for m, (flows, sizes) in enumerate(slow):
            got = multilevel.level_flow(row, m, k)
            if not ew([(t, 1.0) for t, _ in sizes], tau, end) > 1e-9:
                assert math.isnan(got)
                continue
            assert got == pytest.approx(ew(flows, tau, end) / (depth / count), rel=1e-9, abs=1e-9)
            whole, there = whole + got, there + 1
        integrated = multilevel.integrated_flow(row, k)
        assert math.isnan(integrated) if there == 0 else integrated == pytest.approx(whole / there, abs=1e-9)


def test_bid_and_ask_flow_are_kept_apart():
    row = multilevel.new_multilevel(1)[0]
    multilevel.on_commit(row, ladder_of({100: 5.0}, {101: 4.0}), 0, T0)
    multilevel.on_commit(row, ladder_of({100: 8.0}, {101: 1.0}), 0, T0)
    assert row["flow"][0, 0, 0] == 3.0
    assert row["flow"][1, 0, 0] == -3.0


def test_another_price_range_renews_the_buckets_and_compares_nothing_across():
    row = multilevel.new_multilevel(1)[0]
    multilevel.on_commit(row, ladder_of({60_000: 5.0}, {60_003: 4.0}), 0, T0)
    assert row["width"] == 3
    multilevel.on_commit(row, ladder_of({120_000: 5.0}, {120_009: 4.0}), 0, T0)
    assert row["width"] == 6
    assert (row["flow"] == 0.0).all()


SAMPLES = st.lists(st.lists(st.integers(-9, 9), min_size=LEVELS, max_size=LEVELS), min_size=2, max_size=30)


@settings(max_examples=40)
@given(SAMPLES, st.sampled_from([1.0, 0.97, 0.5]))
def test_moments_equal_weighted_moments_of_all_samples(samples, fade):
    mean, scatter, weight = np.zeros(LEVELS), np.zeros((LEVELS, LEVELS)), 0.0
    for sample in samples:
        weight = multilevel.gather(mean, scatter, weight, np.array(sample, float), fade)
    weights = fade ** np.arange(len(samples))[::-1]
    want = np.average(samples, axis=0, weights=weights)
    apart = np.array(samples) - want
    assert weight == pytest.approx(weights.sum())
    assert mean == pytest.approx(want, abs=1e-9)
    assert scatter == pytest.approx((apart * weights[:, None]).T @ apart, abs=1e-8)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.1, 3.0))
def test_the_first_vector_is_numpys_where_one_factor_rules(seed, noise):
    rng = np.random.default_rng(seed)
    loadings = rng.uniform(0.5, 1.5, LEVELS)
    rows = rng.normal(size=(400, 1)) * loadings * 5.0 + noise * rng.normal(size=(400, LEVELS))
    vector = np.full(LEVELS, 1.0 / LEVELS)
    explained = multilevel.first_vector(np.cov(rows, rowvar=False), vector, np.zeros(LEVELS))
    want = reference.integrated_weights(rows)
    assert vector == pytest.approx(want["weights"], abs=1e-6)
    assert explained == pytest.approx(want["explained"], abs=1e-6)


def bins(row, moves, now):
    """One bin for each move: the touch of ten equal levels changes by it on every level."""
    for move in moves:
        for lots in (20.0, 20.0 + move):
            bids = {100 - m: lots for m in range(LEVELS)}
            multilevel.on_commit(row, ladder_of(bids, {101 + m: 20.0 for m in range(LEVELS)}), 0, now)
        multilevel.close_bin(row)
        now += BIN_NS
    return now


def test_weights_are_equal_until_120_bins_are_known():
    row = multilevel.new_multilevel(1)[0]
    row["weights"] = np.arange(LEVELS) / 45.0
    now = bins(row, [1 + k % 5 for k in range(LEAST_BINS)], T0)
    # the first bin began without a book and does not count
    assert row["bins"] == LEAST_BINS - 1
    multilevel.refit(row, now)
    assert row["weights"] == pytest.approx(np.full(LEVELS, 0.1))
    now = bins(row, [2.0], now)
    row["weights"] = np.arange(LEVELS) / 45.0
    multilevel.refit(row, now)  # not due
    assert row["weights"][0] == 0.0
    multilevel.refit(row, now + REFIT_NS)
    assert row["explained"] == pytest.approx(1.0)
    assert row["weights"] == pytest.approx(np.full(LEVELS, 0.1), abs=1e-9)


def test_a_bin_with_a_gap_or_a_missing_level_does_not_count():
    row = multilevel.new_multilevel(1)[0]
    now = bins(row, [1.0, 1.0], T0)
    assert row["bins"] == 1
    multilevel.on_reset(row)
    now = bins(row, [1.0], now)
    assert row["bins"] == 1
    multilevel.on_commit(row, ladder_of({100: 1.0}, {101: 1.0}), 0, now)
    now = bins(row, [1.0, 1.0], now)
    assert row["bins"] == 2


def test_equal_weights_where_no_factor_rules():
    row, rng = multilevel.new_multilevel(1)[0], np.random.default_rng(1)
    for _ in range(300):
        row["weight"] = multilevel.gather(
            row["mean"], row["scatter"], float(row["weight"]), rng.normal(size=LEVELS), 1.0
        )
    row["bins"] = 300
    multilevel.refit(row, T0)
    assert row["explained"] < 0.5
    assert row["weights"] == pytest.approx(np.full(LEVELS, 0.1))
