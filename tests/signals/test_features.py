"""Features on random ladders: equal to the slow reference, bounded, antisymmetric, free of units."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.book import ASK, BID
from bot.signals import features
from tests import reference
from tests.signals.worlds import ladder_of

CENTRE = 20_000  # ticks; 1 tick is half a basis point
LOTS = st.integers(1, 500)
SIDE = st.dictionaries(st.integers(1, 400), LOTS, min_size=1, max_size=60)
BANDS = st.sampled_from([0.5, 1.0, 5.0, 10.0, 25.0, 200.0])

RATIOS = {
    "top 1": lambda b: features.top_imbalance(b, 0, 0, np.zeros(4), np.zeros(4)),
    "top 5": lambda b: features.top_imbalance(b, 0, 1, np.zeros(4), np.zeros(4)),
    "top 20": lambda b: features.top_imbalance(b, 0, 3, np.zeros(4), np.zeros(4)),
    "queue": lambda b: features.queue_imbalance(b, 0),
    "bucketed queue": lambda b: features.bucketed_queue_imbalance(b, 0, 0.5),
    "band": lambda b: features.band_imbalance(b, 0, 25.0),
    "decay": lambda b: features.decay_imbalance(b, 0, 5.0, 25.0, np.zeros(64)),
    "slope": lambda b: features.slope_imbalance(b, 0, 25.0),
}


def sides(bids: dict[int, int], asks: dict[int, int]) -> tuple[dict[int, float], dict[int, float]]:
    """Offsets from the centre as ticks."""
    return (
        {CENTRE - offset: float(lots) for offset, lots in bids.items()},
        {CENTRE + offset: float(lots) for offset, lots in asks.items()},
    )


def pairs(bids, asks):
    return [list(level) for level in bids.items()], [list(level) for level in asks.items()]


def same(got: float, want: float | None) -> None:
    if want is None:
        assert math.isnan(got)
    else:
        assert got == pytest.approx(want, rel=1e-9, abs=1e-12)


@settings(max_examples=60)
@given(SIDE, SIDE, BANDS)
def test_every_feature_equals_the_slow_reference(bid_offsets, ask_offsets, band):
    bids, asks = sides(bid_offsets, ask_offsets)
    books = ladder_of(bids, asks)
    plain = pairs(bids, asks)
    same(features.mid_of(books, 0), reference.mid_spread(*plain)["mid"])
    same(features.spread_bps(books, 0), reference.mid_spread(*plain)["spread_bps"])
    for which, n in enumerate((1, 5, 10, 20)):
        got = features.top_imbalance(books, 0, which, np.zeros(4), np.zeros(4))
        same(got, reference.topn_imbalance(*plain, n))
    same(features.band_imbalance(books, 0, band), reference.band_imbalance(*plain, band))
    same(
        features.decay_imbalance(books, 0, band / 5.0, band, np.zeros(64)),
        reference.decay_imbalance(*plain, band / 5.0, band),
    )
    same(features.weighted_mid(books, 0), reference.weighted_mid(*plain))
    same(features.slope_imbalance(books, 0, band), reference.book_slope(*plain, band)["imbalance"])


@settings(max_examples=60)
@given(SIDE, SIDE, st.integers(1, 20_000))
def test_walking_the_book_equals_the_slow_reference(bid_offsets, ask_offsets, lots):
    bids, asks = sides(bid_offsets, ask_offsets)
    books = ladder_of(bids, asks)
    plain = pairs(bids, asks)
    for direction, taking, reaching in ((1, "buy", "up"), (-1, "sell", "down")):
        want = reference.walk_cost(*plain, taking, lots)
        average, cost, found, worst = features.walk(books, 0, direction, float(lots))
        same(average, want["vwap"])
        assert cost == pytest.approx(want["cost_bps"], abs=1e-7)
        assert (found, worst, found < lots) == (want["filled"], want["worst"], want["exhausted"])
        bps, exhausted = features.reach_bps(books, 0, direction, float(lots))
        want = reference.reach_bps(*plain, reaching, lots)
        same(bps, want["bps"])
        assert bool(exhausted) == want["exhausted"]
    same(features.impact_asymmetry(books, 0, float(lots)), reference.impact_asymmetry(*plain, lots))


@settings(max_examples=40)
@given(st.integers(1, 30), LOTS, LOTS, SIDE, SIDE)
def test_swapping_the_sides_turns_every_imbalance_around(touch, bid, ask, bid_tail, ask_tail):
    """The touches are equally far from the centre, so the mirror image has the same mid."""
    bids = {touch + o: lots for o, lots in bid_tail.items()} | {touch: bid}
    asks = {touch + o: lots for o, lots in ask_tail.items()} | {touch: ask}
    book, mirrored = ladder_of(*sides(bids, asks)), ladder_of(*sides(asks, bids))
    for name, ratio in RATIOS.items():
        if name == "bucketed queue":
            continue  # buckets lie on a fixed grid of prices, which has no mirror image
        value, other = ratio(book), ratio(mirrored)
        assert math.isnan(value) or -1.0 <= value <= 1.0, name
        assert other == pytest.approx(-value, abs=1e-12, nan_ok=True), name
    assert features.weighted_mid(book, 0) - CENTRE == pytest.approx(
        CENTRE - features.weighted_mid(mirrored, 0), abs=1e-8
    )
    assert features.impact_asymmetry(book, 0, 40.0) == pytest.approx(
        -features.impact_asymmetry(mirrored, 0, 40.0), abs=1e-6, nan_ok=True
    )


@settings(max_examples=40)
@given(SIDE, SIDE, st.integers(2, 1_000))
def test_ratios_depend_neither_on_the_size_of_a_lot_nor_on_the_size_of_a_tick(bids, asks, factor):
    book = ladder_of(*sides(bids, asks))
    larger = ladder_of(*({t: q * factor for t, q in side.items()} for side in sides(bids, asks)))
    finer = ladder_of(*({t * 3: q for t, q in side.items()} for side in sides(bids, asks)))
    for name, ratio in RATIOS.items():
        value = ratio(book)
        assert math.isnan(value) or -1.0 <= value <= 1.0, name
        assert ratio(larger) == pytest.approx(value, abs=1e-9, nan_ok=True), name
        if name != "bucketed queue":
            assert ratio(finer) == pytest.approx(value, abs=1e-9, nan_ok=True), name


@settings(max_examples=60)
@given(SIDE, SIDE, st.sampled_from([0.5, 1.0, 3.0]))
def test_a_bucketed_queue_gathers_the_ticks_of_the_best_bucket(bid_offsets, ask_offsets, bucket_bps):
    """Oracle: gather every level by its bucket, then 1.4 on the buckets."""
    bids, asks = sides(bid_offsets, ask_offsets)
    mid = (max(bids) + min(asks)) / 2
    width = max(1, round(mid * bucket_bps / 1e4))
    gathered: list[dict[int, float]] = [{}, {}]
    for tick, lots in bids.items():
        bucket = tick // width
        gathered[0][bucket] = gathered[0].get(bucket, 0.0) + lots
    for tick, lots in asks.items():
        bucket = math.ceil(tick / width)
        gathered[1][bucket] = gathered[1].get(bucket, 0.0) + lots
    bid, ask = gathered[0][max(gathered[0])], gathered[1][min(gathered[1])]
    got = features.bucketed_queue_imbalance(ladder_of(bids, asks), 0, bucket_bps)
    assert got == pytest.approx((bid - ask) / (bid + ask))


@pytest.mark.parametrize(
    ("bids", "asks"),
    [({}, {}), ({100: 5}, {}), ({}, {100: 5}), ({101: 5}, {100: 5}), ({100: 5}, {100: 5})],
    ids=["empty", "no asks", "no bids", "crossed", "locked"],
)
def test_everything_is_undefined_without_an_uncrossed_book(bids, asks):
    books = ladder_of(bids, asks)
    for name, ratio in RATIOS.items():
        assert math.isnan(ratio(books)), name
    for value in (
        features.mid_of(books, 0),
        features.weighted_mid(books, 0),
        features.band_depth(books, 0, BID, 10.0),
        features.band_depth(books, 0, ASK, 10.0),
        features.impact_asymmetry(books, 0, 1.0),
        features.walk(books, 0, 1, 1.0)[1],
        features.reach_bps(books, 0, -1, 1.0)[0],
    ):
        assert math.isnan(value)


def test_a_band_spans_pages_and_empty_blocks_alike():
    """Levels thousands of ticks apart, more than a page of the ladder: 1.2 and 1.3 still see them."""
    bids = {60_000: 2.0, 59_998: 3.0, 58_500: 7.0, 55_000: 11.0}
    asks = {60_002: 2.0, 62_400: 5.0}
    books = ladder_of(bids, asks)
    plain = pairs(bids, asks)
    for band in (1.0, 300.0, 900.0):
        same(features.band_imbalance(books, 0, band), reference.band_imbalance(*plain, band))
        same(
            features.decay_imbalance(books, 0, band / 3.0, band, np.zeros(64)),
            reference.decay_imbalance(*plain, band / 3.0, band),
        )
