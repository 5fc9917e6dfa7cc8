"""Order flow and trades at irregular times against sums over all events."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals.decay import TAUS_S
from bot.signals.flow import age_quotes, age_trades, on_trade
from bot.signals.inputs import on_reset
from bot.signals.raw import flow_imbalance, trade_imbalance
from tests import reference
from tests.signals.worlds import NS_PER_S, T0, ladder_of, one_market

GAPS_NS = st.lists(st.integers(0, 400 * NS_PER_S), min_size=1, max_size=12)
TOUCH = st.tuples(st.integers(95, 99), st.integers(1, 9), st.integers(100, 104), st.integers(1, 9))


@settings(max_examples=40)
@given(st.lists(st.tuples(TOUCH, st.integers(0, 60 * NS_PER_S)), min_size=1, max_size=15))
def test_order_flow_sums_equal_the_sum_over_all_quotes(quotes):
    market = one_market()
    now, seen = T0, []
    for (bid, bid_lots, ask, ask_lots), gap in quotes:
        now += gap
        books = ladder_of({bid: bid_lots}, {ask: ask_lots})
        market.touch(books, now)
        if not seen or seen[-1][1] != (bid, bid_lots, ask, ask_lots):
            seen.append((now, (bid, bid_lots, ask, ask_lots)))
    age_quotes(market.sig.flow[0], now)
    row = market.sig.flow[0]
    times = [t / NS_PER_S for t, _ in seen]
    increments = [reference.ofi_increment(a, b) for (_, a), (_, b) in pairwise(seen)]
    for k, tau in enumerate(TAUS_S):
        end = now / NS_PER_S
        # seconds since the epoch in floats carry 2e-7 s of rounding
        want = reference.ew_sum(times[1:], increments, tau, end)
        assert row["ofi"][k] == pytest.approx(want, rel=1e-6, abs=1e-6)
        depth = reference.ew_sum(times, [(q[1] + q[3]) / 2 for _, q in seen], tau, end)
        count = reference.ew_sum(times, [1.0] * len(seen), tau, end)
        assert row["depth"][k] == pytest.approx(depth, rel=1e-6)
        if count > 1e-6:
            assert flow_imbalance(market.sig.flow[0], k) == pytest.approx(
                want / (depth / count), rel=1e-5, abs=1e-6
            )


@settings(max_examples=40)
@given(GAPS_NS, st.data())
def test_trade_imbalance_equals_the_sum_over_all_trades(gaps, data):
    market = one_market()
    now, trades = T0, []
    for gap in gaps:
        now += gap
        side, lots = data.draw(st.sampled_from([1, -1])), data.draw(st.integers(1, 50))
        market.heads["trade_ns"] = now
        on_trade(market.sig.flow[0], side, float(lots), now)
        trades.append([(now - T0) / NS_PER_S, float(lots), side])
    later = now + NS_PER_S
    age_trades(market.sig.flow[0], later)
    for k, tau in enumerate(TAUS_S):
        want = reference.trade_imbalance(trades, tau, (later - T0) / NS_PER_S)
        assert trade_imbalance(market.sig.flow[0], market.heads["trade_ns"][0], k, later) == pytest.approx(
            want, rel=1e-9
        )
    assert market.sig.flow["cvd"][0] == sum(q * s for _, q, s in trades)


def test_trade_imbalance_is_unknown_after_five_taus_without_a_trade():
    market = one_market()
    market.trade(1, 100, 5.0, T0)
    for k, tau in enumerate(TAUS_S):
        quiet = T0 + int(5 * tau * NS_PER_S)
        assert trade_imbalance(market.sig.flow[0], market.heads["trade_ns"][0], k, quiet) == 1.0
        assert math.isnan(trade_imbalance(market.sig.flow[0], market.heads["trade_ns"][0], k, quiet + 1))


def test_nothing_is_concluded_across_a_reset():
    market = one_market()
    market.touch(ladder_of({99: 5}, {101: 5}), T0)
    on_reset(market.sig.rows[0], market.sig.pairs, T0)
    market.touch(ladder_of({199: 50}, {201: 1}), T0)
    assert not market.sig.flow["ofi"].any()
    market.touch(ladder_of({199: 53}, {201: 1}), T0)
    assert market.sig.flow["ofi"][0].tolist() == [3.0] * len(TAUS_S)


def test_time_running_backwards_counts_as_no_time():
    market = one_market()
    market.trade(1, 100, 5.0, T0)
    on_trade(market.sig.flow[0], 1, 5.0, T0 - NS_PER_S)
    assert market.sig.flow["bought"][0].tolist() == [10.0] * len(TAUS_S)
    assert market.sig.flow["trade_ns"][0] == T0
