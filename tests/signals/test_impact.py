"""Impact slope and absorption against the slow reference over whole lists of bins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals import impact
from bot.signals.impact import BIN_FADE, LEAST_HISTORY
from tests import reference

TRADES = st.lists(st.tuples(st.sampled_from([1, -1, 0]), st.integers(1, 40)), max_size=4)
MID = st.one_of(st.integers(990, 1_010), st.none())


@settings(max_examples=40)
@given(
    st.lists(st.tuples(TRADES, MID), min_size=1, max_size=20),
    st.sampled_from([0, LEAST_HISTORY - 2, LEAST_HISTORY + 10]),
)
def test_each_bin_is_judged_by_the_bins_before_it(bins, known):
    row = impact.new_impact(1)[0]
    rng = np.random.default_rng(known)
    past = [float(v) for v in rng.integers(-60, 60, known)]
    bins = [([(1 if v > 0 else -1, abs(v))], 1_000 + k % 2) for k, v in enumerate(past)] + bins
    flows: list[float] = []
    moves: list[float] = []
    before = None
    for trades, mid in bins:
        for side, lots in trades:
            impact.on_trade(row, side, float(lots))
        impact.close_bin(row, math.nan if mid is None else float(mid))
        if mid is None or before is None:
            assert math.isnan(row["absorbed"])
        else:
            flow, move = float(sum(s * q for s, q in trades)), 1e4 * math.log(mid / before)
            fades = BIN_FADE ** (0.5 * np.arange(len(flows))[::-1])
            lam = reference.kyle_lambda(fades * flows, fades * moves) if flows else None
            if len(flows) < LEAST_HISTORY or lam is None:
                assert math.isnan(row["absorbed"])
            else:
                much = float(np.quantile(np.abs(flows), 0.75))
                want = reference.absorption(flow, move, lam, much) if flow else 0.0
                assert row["absorbed"] == pytest.approx(want, abs=1e-6)
            flows.append(flow)
            moves.append(move)
        before = mid
    fades = BIN_FADE ** (0.5 * np.arange(len(flows))[::-1])
    want = reference.kyle_lambda(fades * flows, fades * moves) if flows else None
    got = impact.slope(float(row["flow_move"]), float(row["flow_square"]))
    assert math.isnan(got) if want is None else got == pytest.approx(want, rel=1e-9, abs=1e-9)


def test_selling_that_does_not_move_the_price_is_bullish():
    row = impact.new_impact(1)[0]
    mid = 100_000.0
    impact.close_bin(row, mid)
    for k in range(LEAST_HISTORY):
        side = 1 if k % 2 else -1
        impact.on_trade(row, side, 10.0)
        mid *= math.exp(side * 2e-4)
        impact.close_bin(row, mid)
    impact.on_trade(row, -1, 30.0)
    impact.close_bin(row, mid)
    assert row["absorbed"] == 1.0
    impact.on_trade(row, 1, 30.0)
    impact.close_bin(row, mid * math.exp(3e-4))
    # lambda is about 30 x 20 / (30 x 100 + 900) by now, so 4.6 bps were to be expected
    assert row["absorbed"] == pytest.approx(-(1 - 3 / 4.6), abs=0.02)


def test_no_trades_are_no_absorption():
    assert impact.absorption(0.0, 3.0, 0.5, 0.0) == 0.0
    assert impact.absorption(5.0, 0.0, -0.5, 0.0) == 0.0
    assert impact.absorption(5.0, 0.0, math.nan, 0.0) == 0.0
