"""The perpetual layer: who is liquidated where, cascades, drives that are absorbed, and what is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.market.events import Kind
from bot.market.synthetic import LISTINGS, NO_PLANTS, Plants, Settings, SyntheticMarket, Truth, perpetual
from bot.market.synthetic.state import CLUSTER_TICKS, LANE
from tests.market.synthetic.plain_book import START_NS, SYMBOLS, Session, plain_books, session

S = 10**9
MARKETS = range(len(SYMBOLS))
MMR = 0.004


def lane_at(mid: int) -> Any:
    """A market around `mid` ticks with orders of a million lots, just opened."""
    lane = np.zeros(1, LANE)[0]
    lane["order_lots"], lane["bid"], lane["ask"] = 1_000_000, mid - 1, mid + 1
    lane["bucket"] = mid // CLUSTER_TICKS
    return lane


def move_to(lane: Any, mid: int) -> None:
    lane["bid"], lane["ask"] = mid - 1, mid + 1
    perpetual.cross_clusters(lane)


@pytest.mark.parametrize(("leverage", "share"), [(10, 0.4), (25, 0.3), (50, 0.2), (100, 0.1)])
def test_open_positions_are_liquidated_where_their_leverage_ends(leverage: int, share: float):
    """signals.md 4.4, of which a fiftieth is really forced out."""
    lane = lane_at(12_000)
    perpetual.add_clusters(lane, 1_000_000)
    wanted = 1_000_000 * share * 0.02
    long_level = int(12_000 * (1 - 1 / leverage) / (1 - MMR))
    short_level = int(12_000 * (1 + 1 / leverage) / (1 + MMR))
    assert lane["clusters"][0, long_level // CLUSTER_TICKS] == pytest.approx(wanted)
    assert lane["clusters"][1, short_level // CLUSTER_TICKS] == pytest.approx(wanted)


def test_a_crossed_level_is_forced_out_once_and_forgotten():
    lane = lane_at(12_000)
    perpetual.add_clusters(lane, 1_000_000)
    move_to(lane, 11_980)
    assert lane["forced"] == 0
    move_to(lane, 11_900)  # beyond the level of 100, 72 ticks below
    assert lane["forced"] == -2000  # longs are sold
    lane["forced"] = 0
    move_to(lane, 12_000)
    move_to(lane, 11_900)
    assert lane["forced"] == 0
    move_to(lane, 12_100)
    assert lane["forced"] == 2000  # shorts are bought back


def test_half_of_a_level_is_forgotten_in_a_day():
    lane = lane_at(12_000)
    perpetual.add_clusters(lane, 1_000_000)
    lane["now_ns"] = 86_400 * S
    move_to(lane, 11_900)
    assert lane["forced"] == -1000


@pytest.fixture(scope="module")
def cascading() -> Session:
    plants = Plants(genuine_per_h=0, spoof_per_h=0, thin_per_h=0, sweep_per_h=0, cascade_per_h=12)
    settings = Settings(informed=True, perpetual=True, funding_s=600.0)
    return session(SyntheticMarket(21, SYMBOLS, START_NS, 3600.0, plants=plants, settings=settings))


def finished(played: Session, type_: str) -> list[Truth]:
    return [r for r in played.truth if r.type == type_ and r.t1_ns and r.t1_ns < START_NS + 3400 * S]


def moved_bps(played: Session, record: Truth, at_ns: int) -> float:
    mid = played.mids[SYMBOLS.index(record.symbol)]
    return record.side * (mid(at_ns) / mid(record.t0_ns) - 1) * 1e4


def rows_of(played: Session, record: Truth, kind: Kind) -> np.ndarray:
    """Rows of a kind while a phenomenon lasted."""
    rows = played.rows
    market = SYMBOLS.index(record.symbol)
    inside = (rows["exch_ns"] >= record.t0_ns) & (rows["exch_ns"] <= record.t1_ns)
    return rows[inside & (rows["market"] == market) & (rows["kind"] == kind)]


def test_a_cascade_spends_its_levels_within_a_minute_and_moves_the_price_through_them(cascading: Session):
    cascades = finished(cascading, "cascade")
    assert len(cascades) > 15
    spent = [r for r in cascades if r.outcome == "spent"]
    assert len(spent) >= 0.9 * len(cascades)
    assert np.median([(r.t1_ns - r.t0_ns) / S for r in spent]) < 60
    for record in spent:
        assert moved_bps(cascading, record, record.t1_ns) > 38
        planted = 120 * LISTINGS[record.symbol].order_lots
        assert record.params["executed"] > 0.95 * planted


def test_a_cascade_is_told_by_forced_orders_of_its_side_and_falling_open_interest(cascading: Session):
    falls = []
    for record in finished(cascading, "cascade"):
        if record.outcome != "spent":
            continue
        forced = rows_of(cascading, record, Kind.LIQUIDATION)
        assert len(forced) > 100
        assert np.mean(forced["side"] == record.side) > 0.95
        interest = rows_of(cascading, record, Kind.OPEN_INTEREST)["value"]
        falls.append(interest[-1] / interest[0] - 1)
    assert np.median(falls) < -0.006
    assert max(falls) < 0


def test_forced_orders_excite_each_other(cascading: Session):
    """Ten times as many in their busiest 5 s as one a second would be."""
    busiest = []
    for record in finished(cascading, "cascade"):
        times = rows_of(cascading, record, Kind.LIQUIDATION)["exch_ns"]
        if len(times):
            busiest.append(np.bincount((times - times[0]) // (5 * S)).max())
    assert np.median(busiest) > 20


def test_every_forced_order_is_also_a_trade(cascading: Session):
    rows = cascading.rows
    for market in MARKETS:
        mine = rows[rows["market"] == market]
        forced = mine[mine["kind"] == Kind.LIQUIDATION]
        trades = mine[mine["kind"] == Kind.TRADE]
        for side in (1, -1):
            told, lots = np.unique(forced["exch_ns"][forced["side"] == side], return_inverse=True)
            wanted = np.bincount(lots, forced["value"][forced["side"] == side], len(told))
            prints = trades[trades["side"] == side]
            printed = np.bincount(np.searchsorted(told, prints["exch_ns"]), prints["value"], len(told) + 1)
            exact = np.isin(told, prints["exch_ns"])
            assert exact.all()
            assert np.all(printed[:-1] >= wanted)


def depth_near(played: Session, market: int) -> tuple[np.ndarray, np.ndarray]:
    """Times, and lots within 10 bps of the mid, at every commit."""
    times, depths = [], []
    for book in plain_books(played.rows, market):
        bid, ask = max(book.bids), min(book.asks)
        reach = int((bid + ask) / 2 * 10e-4)
        near = sum(book.bids.get(bid - i, 0.0) + book.asks.get(ask + i, 0.0) for i in range(reach))
        times.append(book.exch_ns)
        depths.append(near)
    return np.array(times), np.array(depths)


def test_depth_is_withdrawn_in_a_cascade_and_comes_back(cascading: Session):
    for market in MARKETS:
        times, depths = depth_near(cascading, market)
        drops, recoveries = [], []
        for record in finished(cascading, "cascade"):
            if record.symbol != SYMBOLS[market]:
                continue
            between = [
                depths[(times >= start) & (times < start + 10 * S)].mean()
                for start in (record.t0_ns - 20 * S, record.t1_ns - 10 * S, record.t1_ns + 60 * S)
            ]
            drops.append(between[1] / between[0])
            recoveries.append(between[2] / between[1])
        assert np.median(drops) < 0.8
        assert np.median(recoveries) > 1.2


def test_the_index_is_the_efficient_price_without_the_premium(cascading: Session):
    """Mark over index is the premium: a few bps that wander in minutes."""
    for market in MARKETS:
        rows = cascading.rows[cascading.rows["market"] == market]
        mark, index = (rows["value"][rows["kind"] == kind] for kind in (Kind.MARK, Kind.INDEX))
        premium_bps = (mark / index - 1) * 1e4
        assert abs(np.median(premium_bps)) < 10
        assert np.corrcoef(np.log(mark), np.log(index))[0, 1] > 0.5
        steps = np.diff(np.log(index)) * 1e4
        assert 0.2 < np.median(np.abs(steps)) < 2.0


def test_the_ratio_of_accounts_is_told_every_thirty_seconds(cascading: Session):
    told = cascading.rows[(cascading.rows["kind"] == Kind.LONG_SHORT) & (cascading.rows["market"] == 0)]
    assert np.all(np.diff(told["exch_ns"]) == 30 * S)
    assert np.all((told["value"] > 0.4) & (told["value"] < 2.5))
    assert len(np.unique(told["value"])) == len(told)


def test_without_the_layer_nobody_is_liquidated():
    played = session(
        SyntheticMarket(3, SYMBOLS[:1], START_NS, 600.0, plants=NO_PLANTS, settings=Settings(informed=True))
    )
    assert not np.isin(played.rows["kind"], (Kind.LIQUIDATION, Kind.LONG_SHORT)).any()


@pytest.fixture(scope="module")
def exhausting() -> Session:
    plants = Plants(genuine_per_h=0, spoof_per_h=0, thin_per_h=0, sweep_per_h=0, exhaustion_per_h=15)
    return session(
        SyntheticMarket(5, SYMBOLS, START_NS, 3600.0, plants=plants, settings=Settings(informed=True))
    )


def test_a_drive_goes_six_times_a_minutes_usual_move(exhausting: Session):
    drives = [r for r in finished(exhausting, "exhaustion") if r.outcome == "absorbed"]
    assert len(drives) > 10
    for record in drives:
        start = int(record.params["touched_ns"])
        tick_bps = 1e4 / exhausting.mids[SYMBOLS.index(record.symbol)](record.t0_ns)
        assert moved_bps(exhausting, record, start) > 6 * 7.75 * tick_bps - 3


def test_after_it_as_much_flow_moves_the_price_no_more(exhausting: Session):
    for record in finished(exhausting, "exhaustion"):
        if record.outcome != "absorbed":
            continue
        start = int(record.params["touched_ns"])
        assert record.t1_ns - start == 60 * S
        trades = rows_of(exhausting, record, Kind.TRADE)
        absorbed = trades[trades["exch_ns"] > start]
        orders = (absorbed["side"] * record.side * absorbed["value"]).sum()
        assert orders / LISTINGS[record.symbol].order_lots > 80
        held = moved_bps(exhausting, record, record.t1_ns) - moved_bps(exhausting, record, start)
        assert abs(held) < 8
