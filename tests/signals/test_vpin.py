"""VPIN against the slow reference on any cut of trades."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals import vpin
from bot.signals.vpin import BUCKETS, BUCKETS_A_DAY, LEAST_HISTORY
from tests import reference

TRADE = st.tuples(st.integers(1, 60), st.sampled_from([1, -1]))


def fed(trades, bucket):
    """(row, VPIN after each trade)."""
    row = vpin.new_vpin(1)[0]
    vpin.set_daily_volume(row, float(bucket * BUCKETS_A_DAY))
    after = []
    for lots, side in trades:
        vpin.on_trade(row, 1.0 if side > 0 else 0.0, float(lots))
        after.append(float(row["vpin"]))
    return row, after


@settings(max_examples=40)
@given(st.lists(TRADE, min_size=20, max_size=150), st.sampled_from([3, 7.5, 20]))
def test_it_equals_the_slow_reference_after_every_trade(trades, bucket):
    row, after = fed(trades, bucket)
    want = reference.vpin(trades, bucket, BUCKETS)
    assert row["done"] == len(want)
    assert row["history"]["count"] == sum(v is not None for v in want)
    full, traded = 0, 0.0
    for (lots, _), got in zip(trades, after, strict=True):
        traded += lots
        full = int((traded + 1e-9) // bucket)
        slow = want[full - 1] if full else None
        assert got == pytest.approx(slow, rel=1e-9, abs=1e-9) if slow is not None else math.isnan(got)


@given(st.integers(1_000, 9_000), st.integers(1, 9))
def test_a_trade_of_many_buckets_says_what_all_of_them_would(lots, before):
    row, after = fed([(before, -1), (lots, 1)], 10)
    want = reference.vpin([(before, -1), (lots, 1)], 10, BUCKETS)
    assert after[-1] == pytest.approx(want[-1])
    assert row["filled"] == (before + lots) % 10


def test_its_percentile_is_among_earlier_buckets_only():
    rng = np.random.default_rng(5)
    trades = [(10, 1 if rng.random() < 0.5 else -1) for _ in range(BUCKETS - 1 + LEAST_HISTORY)]
    row, _ = fed(trades, 5)
    history = [v for v in reference.vpin(trades, 5, BUCKETS) if v is not None]
    now, past = history[-1], np.array(history[:-1])
    want = ((past < now - 1e-12).sum() + 0.5 * (np.abs(past - now) <= 1e-12).sum()) / past.size
    assert row["rank"] == pytest.approx(want, abs=1e-9)


def test_without_a_known_volume_trades_are_not_bucketed():
    row = vpin.new_vpin(1)[0]
    vpin.on_trade(row, 1.0, 500.0)
    vpin.set_daily_volume(row, math.nan)
    vpin.on_trade(row, 1.0, 500.0)
    assert (row["done"], row["filled"]) == (0, 0.0)


def test_a_new_volume_does_not_cut_a_bucket_below_what_it_holds():
    row, _ = fed([(8, 1)], 10)
    vpin.set_daily_volume(row, 5.0 * BUCKETS_A_DAY)
    assert row["bucket"] == 10.0
    vpin.set_daily_volume(row, 20.0 * BUCKETS_A_DAY)
    assert row["bucket"] == 20.0


def test_trades_without_an_aggressor_count_by_their_share():
    row = vpin.new_vpin(1)[0]
    vpin.set_daily_volume(row, 10.0 * BUCKETS_A_DAY)
    for _ in range(BUCKETS):
        vpin.on_trade(row, vpin.bulk_buy_share(1.0, 2.0), 10.0)
    assert row["vpin"] == pytest.approx(2 * reference.bvc_buy_fraction(1.0, 2.0) - 1)
