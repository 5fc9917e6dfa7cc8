"""The zero-intelligence book against figures of an independent simulation (signals.md 11.1, S-ZI)."""

from __future__ import annotations

import numpy as np
import pytest

from bot.market.events import Kind
from tests.market.synthetic.plain_book import START_NS, SYMBOLS, Session

SECONDS = 4000
MARKETS = range(len(SYMBOLS))


def touches(session: Session, market: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = session.rows
    bbo = rows[(rows["market"] == market) & (rows["kind"] == Kind.BBO)]
    return bbo["exch_ns"][::2], bbo["price"][::2], bbo["price"][1::2]


def moves(session: Session, market: int, seconds: int) -> np.ndarray:
    mid = session.mids[market]
    return np.diff([mid(START_NS + t * 10**9) for t in range(seconds, SECONDS, seconds)])


def pooled(values: list[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(values) ** 2)))


def test_moves_have_the_size_of_the_reference_simulation(plain: Session):
    """Standard deviation of 10 s and 60 s moves: 3.18 and 7.75 ticks; 1200 and 200 moves are looked at."""
    assert pooled([moves(plain, k, 10) for k in MARKETS]) == pytest.approx(3.18, rel=0.12)
    assert pooled([moves(plain, k, 60) for k in MARKETS]) == pytest.approx(7.75, rel=0.2)


@pytest.mark.parametrize("market", MARKETS)
def test_the_time_weighted_spread_is_that_of_the_reference_simulation(plain: Session, market: int):
    times, bids, asks = touches(plain, market)
    spread = np.average((asks - bids)[:-1], weights=np.diff(times))
    assert spread == pytest.approx(1.35, abs=0.03)


def test_spread_one_has_its_share_of_times_between_moves(plain: Session):
    """One random instant between each two moves of the mid: 37.6 % of them see a spread of one tick."""
    rng = np.random.default_rng(1)
    narrow = []
    for market in MARKETS:
        times, bids, asks = touches(plain, market)
        moved = np.flatnonzero(np.diff(bids + asks) != 0) + 1
        at = rng.uniform(times[moved[:-1]], times[moved[1:]])
        seen = np.searchsorted(times, at, side="right") - 1
        narrow.append((asks - bids)[seen] == 1)
    assert np.concatenate(narrow).mean() == pytest.approx(0.376, abs=0.015)


@pytest.mark.parametrize("market", MARKETS)
def test_the_touch_changes_as_often_as_in_the_reference_simulation(plain: Session, market: int):
    """96.5 changes of price or size in 10 s."""
    times, _, _ = touches(plain, market)
    assert len(times) / SECONDS * 10 == pytest.approx(96.5, rel=0.03)


@pytest.mark.parametrize("side", [1, -1])
def test_market_orders_come_at_their_rate_and_all_of_one_size(plain: Session, side: int):
    """.94 a second and side; four standard deviations of a Poisson count."""
    rows = plain.rows
    trades = rows[(rows["kind"] == Kind.TRADE) & (rows["side"] == side)]
    wanted = 0.94 * SECONDS * len(SYMBOLS)
    assert abs(len(trades) - wanted) < 4 * np.sqrt(wanted)
    for market in MARKETS:
        assert len(np.unique(trades["value"][trades["market"] == market])) == 1


def test_past_order_flow_does_not_forecast_the_next_ten_seconds(plain: Session):
    """Nothing is planted: trade imbalance of 10 s against the next 10 s move."""
    assert plain.truth == []
    past, future = [], []
    for market in MARKETS:
        rows = plain.rows
        trades = rows[(rows["market"] == market) & (rows["kind"] == Kind.TRADE)]
        bins = (trades["exch_ns"] - START_NS) // (10 * 10**9)
        flow = np.bincount(bins, trades["side"], SECONDS // 10)
        past.append(flow[1:-2] - flow[1:-2].mean())
        future.append(moves(plain, market, 10)[1:])
    correlation = np.corrcoef(np.concatenate(past), np.concatenate(future))[0, 1]
    assert abs(correlation) < 4 / np.sqrt(sum(map(len, past)))


def test_the_lively_market_trades_in_bursts_and_in_different_sizes(lively: Session):
    """Self-excited: counts of 2 s vary more than a Poisson process of the same rate."""
    rows = lively.rows
    trades = rows[(rows["market"] == 0) & (rows["kind"] == Kind.TRADE)]
    orders = np.unique(trades["exch_ns"])
    counts = np.bincount((orders - START_NS) // (2 * 10**9), minlength=1200)
    assert counts.var() > 1.5 * counts.mean()
    assert len(np.unique(trades["value"])) > 200
