"""The consolidated imbalance against the slow reference on random venues."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.book import ASK, BID
from bot.market.heads import HEAD
from bot.signals.cross import consolidated
from tests import reference
from tests.signals.worlds import ladder_of

SIDE = st.dictionaries(st.integers(1, 200), st.integers(1, 50), max_size=15)
VENUE = st.tuples(SIDE, SIDE, st.integers(0, 9), st.floats(0.0, 20.0))


@given(st.lists(VENUE, min_size=1, max_size=4), st.sampled_from([10.0, 25.0, 300.0]))
def test_it_equals_the_slow_reference(venues, band):
    bids, asks, plain, own = [], [], [], []
    for bid_offsets, ask_offsets, weight, age_s in venues:
        sides = (
            {20_000 - o: q for o, q in bid_offsets.items()},
            {20_000 + o: q for o, q in ask_offsets.items()},
        )
        books, heads = ladder_of(*sides), np.zeros(1, HEAD)
        heads["tick_size"], heads["lot_size"], heads["contract_size"], heads["synced"] = 0.5, 0.01, 10.0, 1
        heads["status"] = 0 if bid_offsets and ask_offsets else 2
        bids.append(consolidated.band_notional(books, heads, 0, BID, band))
        asks.append(consolidated.band_notional(books, heads, 0, ASK, band))
        lists = [[[tick * 0.5, lots * 0.1] for tick, lots in side.items()] for side in sides]
        plain.append({"bids": lists[0], "asks": lists[1], "weight": weight, "age_s": age_s})
        imbalance = reference.band_imbalance(*lists, band)
        kept = weight * math.exp(-max(0.0, age_s - 1) / 3) if age_s <= 15 else 0.0
        if imbalance is not None and kept > 0.0:
            own.append((kept, imbalance))
    arrays = [np.array(v, float) for v in (bids, asks, [v[2] for v in venues], [v[3] for v in venues])]
    got, disagreement = consolidated.consolidate(*arrays)
    want = reference.consolidated_imbalance(plain, band)
    if not own:
        assert math.isnan(got)
        assert math.isnan(disagreement)
        return
    assert got == pytest.approx(want, rel=1e-9, abs=1e-12)
    weights, values = np.array(own).T
    spread = math.sqrt(np.average((values - np.average(values, weights=weights)) ** 2, weights=weights))
    assert disagreement == pytest.approx(spread, abs=1e-7)
    assert 0.5 <= consolidated.agreement_factor(disagreement) <= 1.0


def test_inverse_contracts_count_at_their_face_value():
    books, heads = ladder_of({100: 3.0}, {101: 3.0}), np.zeros(1, HEAD)
    heads["tick_size"], heads["lot_size"], heads["contract_size"], heads["synced"] = 1.0, 1.0, 100.0, 1
    heads["inverse"] = 1
    assert consolidated.band_notional(books, heads, 0, BID, 100.0) == 300.0
    heads["inverse"] = 0
    assert consolidated.band_notional(books, heads, 0, BID, 100.0) == 300.0 * 100.5


def test_a_venue_that_lost_messages_says_nothing():
    books, heads = ladder_of({100: 3.0}, {101: 3.0}), np.zeros(1, HEAD)
    heads["tick_size"] = heads["lot_size"] = heads["contract_size"] = 1.0
    assert math.isnan(consolidated.band_notional(books, heads, 0, BID, 100.0))


@pytest.mark.parametrize(
    ("age_s", "weight"), [(0.0, 1.0), (1.0, 1.0), (4.0, math.exp(-1)), (15.0, math.exp(-14 / 3)), (15.1, 0.0)]
)
def test_a_book_fades_from_one_second_on_and_is_out_after_fifteen(age_s, weight):
    assert consolidated.age_weight(age_s) == pytest.approx(weight)
    assert consolidated.age_weight(math.nan) == 0.0
