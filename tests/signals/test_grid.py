"""The grid between messages: thin sides, medians and volatility against plain Python."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from bot.signals.grid import (
    THIN_IN,
    horizon_move_bps,
    horizon_sigma_bps,
    mid_extremes,
    return_bps,
    sigma_1s_bps,
)
from bot.signals.rolling import median_of
from bot.signals.state import BID_DEPTH, GRID_NS, MAX_SILENCE_NS, SPREAD
from tests import reference
from tests.signals.worlds import NS_PER_MS, NS_PER_S, T0, OneMarket, assert_same_state, one_market

MID = 60_000
DEPTHS = tuple(range(1, 60, 2))


def book_around(mid: int, bid_lots: float, ask_lots: float) -> tuple[dict[int, float], dict[int, float]]:
    """Thirty levels a side, a tick of a sixth of a basis point."""
    return {mid - d: bid_lots for d in DEPTHS}, {mid + d: ask_lots for d in DEPTHS}


def wandering(seconds: int, seed: int) -> tuple[OneMarket, list[float]]:
    """A book a second on a random walk; the mids as the grid must have sampled them."""
    rng = random.Random(seed)
    market, mid, mids = one_market(), MID, []
    for second in range(seconds):
        mid += rng.choice((-12, -5, 0, 0, 4, 12))
        bids, asks = book_around(mid, float(rng.randint(1, 40)), float(rng.randint(1, 40)))
        market.book(bids, asks, T0 + second * NS_PER_S + 300 * NS_PER_MS)
        mids.append(float(mid))
    return market, mids


@pytest.mark.parametrize("seed", [1, 2])
def test_the_grid_does_not_depend_on_how_many_messages_come_while_the_book_stands(seed):
    """Six minutes of an unchanged book after a busy one, looked at once or at ragged times in between.

    The minutes hold a change of the volatility unit, so the distances of the bands change too.
    """
    often, _ = wandering(400, seed)
    once, _ = wandering(400, seed)
    assert_same_state(often.sig, once.sig)
    for market in (often, once):
        market.book({MID - 2: 4.0, MID - 30: 900.0, MID - 90: 50.0}, {MID + 2: 4.0}, T0 + 401 * NS_PER_S)
        market.sig.grid["volatility_unit"] = 0.5
    rng = random.Random(seed)
    now, end = T0 + 401 * NS_PER_S, T0 + 760 * NS_PER_S + 10 * NS_PER_MS
    while now < end:
        now += rng.randrange(50 * NS_PER_MS, 900 * NS_PER_MS)
        often.grid(min(now, end))
    once.grid(end)
    assert once.sig.grid["volatility_unit"][0] > 0.5
    assert once.sig.grid["second"][0] == end // NS_PER_S
    assert_same_state(often.sig, once.sig)


def test_a_thin_side_is_what_the_slow_reference_says():
    """The ask side thins out for a while, then the bid side; a quarter of a second a step."""
    market = one_market()
    rng = random.Random(7)
    thick, scarce = 20.0, 4.0
    plan = [(thick, thick)] * 400 + [(thick, scarce)] * 60 + [(thick, thick)] * 60 + [(scarce, thick)] * 60
    samples, states = [], []
    for step, (bid, ask) in enumerate(plan):
        bid, ask = bid + rng.randint(0, 2), ask + rng.randint(0, 2)
        # a message just after each grid point, so that the next point sees this book
        market.book(*book_around(MID, bid, ask), T0 + step * GRID_NS + 1)
        samples.append([bid * len(DEPTHS), ask * len(DEPTHS)])
        states.append((float(market.sig.grid["thin_ratio"][0]), int(market.sig.grid["thin"][0])))
    # the state after step i covers samples 0 to i-1; medians are those of the thick book
    assert median_of(market.sig.bands[0, BID_DEPTH]) == pytest.approx(21 * len(DEPTHS), rel=0.1)
    usual = 21 * len(DEPTHS)
    want = reference.thin_side(samples[:-1], 0.25, r_in=THIN_IN, med_bid=usual, med_ask=usual)
    assert [s for _, s in states[1:]] == [w["state"] for w in want]
    assert {s for _, s in states} == {-1, 0, 1}
    np.testing.assert_allclose([r for r, _ in states[1:]], [w["r"] for w in want], rtol=1e-9, atol=1e-12)


def test_volatility_and_medians_equal_plain_python_over_a_random_walk():
    seconds = 700
    market, mids = wandering(seconds, 11)
    market.grid(T0 + seconds * NS_PER_S)
    # the grid point at second s sees the book of the message before it
    sampled = {T0 // NS_PER_S + 1 + i: mid for i, mid in enumerate(mids)}
    last = T0 // NS_PER_S + seconds
    assert market.sig.grid["second"][0] == last

    fade = 0.5 ** (1 / 600)
    square = weight = 0.0
    for second in sorted(sampled)[1:]:
        move = 1e4 * (sampled[second] / sampled[second - 1] - 1)
        square, weight = fade * square + move * move, fade * weight + 1
    assert sigma_1s_bps(market.sig.grid[0]) == pytest.approx(math.sqrt(square / weight), rel=1e-9)

    # 700 s are 23 returns of the scalp horizon's cycle at most, fewer than the 30 it takes
    assert horizon_sigma_bps(market.sig.grid[0], 0) == pytest.approx(
        sigma_1s_bps(market.sig.grid[0]) * math.sqrt(60), rel=1e-12
    )
    assert horizon_move_bps(market.sig.grid[0], 0) == pytest.approx(
        0.8 * horizon_sigma_bps(market.sig.grid[0], 0)
    )
    want = 1e4 * (sampled[last] / sampled[last - 60] - 1)
    assert return_bps(market.sig.mids[0], last, 60) == pytest.approx(want, abs=1e-9)
    recent = [sampled[last - back] for back in range(30)]
    assert mid_extremes(market.sig.mids[0], market.sig.grid["second"][0], 30) == (min(recent), max(recent))

    spreads = [1e4 * 2 / sampled[s] for s in sorted(sampled)[-600:]]
    assert median_of(market.sig.bands[0, SPREAD]) == pytest.approx(float(np.median(spreads)), rel=1e-12)


def test_a_horizon_has_its_own_volatility_after_thirty_of_its_cycles():
    market, mids = wandering(1_100, 3)
    market.grid(T0 + 1_100 * NS_PER_S)
    sampled = {T0 // NS_PER_S + 1 + i: mid for i, mid in enumerate(mids)}
    fade = 0.5 ** (30 / (50 * 60))
    square = moved = weight = 0.0
    for second in sorted(sampled):
        if second % 30 == 0 and second - 60 in sampled:
            move = 1e4 * (sampled[second] / sampled[second - 60] - 1)
            square, moved = fade * square + move * move, fade * moved + abs(move)
            weight = fade * weight + 1
    assert horizon_sigma_bps(market.sig.grid[0], 0) == pytest.approx(math.sqrt(square / weight), rel=1e-9)
    assert horizon_move_bps(market.sig.grid[0], 0) == pytest.approx(moved / weight, rel=1e-9)


def test_minutes_hold_what_was_traded_in_them():
    market = one_market()
    market.book(*book_around(MID, 5.0, 5.0), T0)
    lots = {0: [], 1: [], 2: []}
    for second in range(150):
        market.trade(1 if second % 3 else -1, MID, float(second), T0 + second * NS_PER_S + 5)
        lots[(T0 // NS_PER_S + second) // 60 - T0 // NS_PER_S // 60].append(second)
    market.grid(T0 + 150 * NS_PER_S)
    full = [float(sum(lots[m])) for m in sorted(lots) if lots[m] and lots[m][-1] != 149]
    assert sorted(full) == sorted(market.sig.minute_lots[0]["arrived"][: len(full)].tolist())


def test_a_book_that_is_not_usable_makes_no_samples():
    market = one_market()
    market.book(*book_around(MID, 5.0, 5.0), T0)
    market.grid(T0 + 100 * NS_PER_S)
    held = market.sig.bands["count"].copy()
    market.heads["synced"] = 0
    market.grid(T0 + 110 * NS_PER_S)
    assert held.all()
    np.testing.assert_array_equal(market.sig.bands["count"], held)
    assert math.isnan(return_bps(market.sig.mids[0], int(market.sig.grid["second"][0]), 60))
    assert int(market.sig.grid["bad_seconds"][0]).bit_count() == 10


def test_a_long_silence_leaves_nothing_that_passes_for_recent():
    """4,096 seconds is the ring of mids: a mid of that long ago must not be taken for one of a second ago."""
    market, _ = wandering(130, 5)
    after = T0 + 4_096 * NS_PER_S * 3
    assert after - T0 > MAX_SILENCE_NS
    market.grid(after)
    market.book(*book_around(2 * MID, 5.0, 5.0), after + 1)
    sigma = sigma_1s_bps(market.sig.grid[0])
    market.grid(after + 100 * NS_PER_S)
    assert sigma_1s_bps(market.sig.grid[0]) < sigma
    assert mid_extremes(market.sig.mids[0], market.sig.grid["second"][0], 30) == (2 * MID, 2 * MID)
