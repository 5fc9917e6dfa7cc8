"""What single rows say, judged by a ladder rebuilt in dictionaries."""

from __future__ import annotations

import numpy as np
import pytest

from bot.market.events import Flag, Kind
from bot.market.synthetic import LISTINGS
from tests.market.synthetic.plain_book import START_NS, SYMBOLS, Session, plain_books

MARKETS = range(len(SYMBOLS))


@pytest.mark.parametrize("market", MARKETS)
def test_the_ladder_is_deep_never_crossed_and_agrees_with_the_bbo_at_every_commit(
    lively: Session, market: int
):
    seen = 0
    for book in plain_books(lively.rows, market):
        bid, ask = max(book.bids), min(book.asks)
        assert bid < ask
        assert len(book.bids) > 100
        assert len(book.asks) > 100
        if book.bbo is not None:
            assert book.bbo == (bid, book.bids[bid], ask, book.asks[ask])
        seen += 1
    assert seen > 20_000


@pytest.mark.parametrize("market", MARKETS)
def test_a_trade_takes_the_best_opposite_level_first(lively: Session, market: int):
    """Prints of one order: the first at the touch last told, each next one a worse level,
    and only after the one before was emptied."""
    rows = lively.rows[lively.rows["market"] == market]
    touch: dict[int, tuple[int, float]] = {}
    order: tuple[int, int] | None = None
    price_before, trades, walks = 0, 0, 0
    names = ("kind", "side", "price", "value", "exch_ns")
    for kind, side, price, lots, exch_ns in zip(*(rows[n].tolist() for n in names), strict=True):
        if kind == Kind.BBO:
            touch[side] = (price, lots)
        if kind != Kind.TRADE:
            order = None
            continue
        best, best_lots = touch.get(-side, (0, 0.0))
        if order == (exch_ns, side):
            assert side * (price - price_before) > 0
            walks += 1
        elif best:
            assert price == best
            assert lots <= best_lots
        order, price_before = (exch_ns, side), price
        trades += 1
    assert trades > 2000
    assert walks > 50


def test_numbers_are_whole_positive_and_of_the_instrument(lively: Session):
    rows = lively.rows
    priced = np.isin(rows["kind"], (Kind.LEVEL, Kind.BBO, Kind.TRADE))
    assert np.all(rows["price"][priced] > 0)
    assert np.all(rows["price"][~priced] == 0)
    assert np.all(rows["value"][priced] == np.round(rows["value"][priced]))
    sized = np.isin(rows["kind"], (Kind.BBO, Kind.TRADE))
    assert np.all(rows["value"][sized] > 0)
    assert np.all(rows["value"][rows["kind"] == Kind.LEVEL] >= 0)
    assert set(np.unique(rows["side"][priced]).tolist()) == {-1, 1}


@pytest.mark.parametrize("market", MARKETS)
def test_each_market_begins_with_one_snapshot_and_then_sends_diffs(lively: Session, market: int):
    rows = lively.rows[lively.rows["market"] == market]
    assert rows["kind"][0] == Kind.SNAPSHOT
    assert np.count_nonzero(rows["kind"] == Kind.SNAPSHOT) == 1
    commits = rows[(rows["kind"] == Kind.COMMIT) & ((rows["flags"] & Flag.BBO) == 0)]
    assert commits["flags"][0] == Flag.SNAPSHOT
    assert not commits["flags"][1:].any()
    assert np.array_equal(commits["ref"], np.arange(1, len(commits) + 1))
    assert np.all(np.diff(commits["exch_ns"]) % 100_000_000 == 0)


@pytest.mark.parametrize("market", MARKETS)
def test_trade_ids_count_up_by_one(lively: Session, market: int):
    rows = lively.rows
    ids = rows["ref"][(rows["market"] == market) & (rows["kind"] == Kind.TRADE)]
    assert np.array_equal(ids, np.arange(1, len(ids) + 1))


@pytest.mark.parametrize("market", MARKETS)
def test_mark_and_index_are_told_every_second_near_the_mid(lively: Session, market: int):
    mid = lively.mids[market]
    tick = float(LISTINGS[SYMBOLS[market]].instrument.tick)
    rows = lively.rows[lively.rows["market"] == market]
    for kind in (Kind.MARK, Kind.INDEX):
        told = rows[rows["kind"] == kind]
        assert np.all(np.diff(told["exch_ns"]) == 10**9)
        away = [row["value"] / (mid(int(row["exch_ns"])) * tick) - 1 for row in told]
        assert np.median(np.abs(away)) < 10e-4
        assert np.max(np.abs(away)) < 80e-4


def test_funding_settles_every_ten_minutes_at_a_plausible_rate(lively: Session):
    funding = lively.rows[lively.rows["kind"] == Kind.FUNDING]
    assert set(np.unique(funding["ref"] % (600 * 10**9)).tolist()) == {0}
    assert len(np.unique(funding["ref"])) == 5
    assert np.all(funding["ref"] > funding["exch_ns"])
    assert np.all(funding["ref"] <= funding["exch_ns"] + 600 * 10**9)
    assert np.all(np.abs(funding["value"]) < 3e-3)


def test_open_interest_is_told_every_five_seconds_and_moves(lively: Session):
    told = lively.rows[(lively.rows["kind"] == Kind.OPEN_INTEREST) & (lively.rows["market"] == 0)]
    assert np.all(np.diff(told["exch_ns"]) == 5 * 10**9)
    assert np.all(told["value"] > 0)
    assert len(np.unique(told["value"])) > 100


def test_everything_happens_within_the_session(lively: Session):
    assert lively.rows["exch_ns"].min() >= START_NS
    assert lively.rows["exch_ns"].max() <= START_NS + 2400 * 10**9
