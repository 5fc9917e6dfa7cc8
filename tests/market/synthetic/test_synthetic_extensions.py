"""Each switch of the settings does what its source says, and only that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.market.events import Kind
from bot.market.synthetic import NO_PLANTS, Settings, Sizes, SyntheticMarket
from bot.market.synthetic import flow as flow_module
from bot.market.synthetic.state import ASK, BID, LANE
from tests.market.synthetic.plain_book import START_NS, Session, plain_books, session

S = 10**9
SECONDS = 4000


def play(seed: int, settings: Settings, seconds: float = SECONDS) -> Session:
    market = SyntheticMarket(seed, ("BTCUSDT",), START_NS, seconds, plants=NO_PLANTS, settings=settings)
    return session(market)


def lane_with_bid_queue(orders: int, *, queue_reactive: bool) -> Any:
    """A market with one bid level, a tick below the ask, and nothing else set."""
    lanes = np.zeros(1, LANE)
    lane = lanes[0]
    lane["order_lots"], lane["bid"], lane["ask"] = 10, 5000, 5001
    lane["resting"][5000] = 10 * orders
    lane["queue_reactive"], lane["push"], lane["depth"] = queue_reactive, 1.0, 1.0
    return lane


@pytest.mark.parametrize("orders", [1, 2, 5, 10, 15])
def test_queue_reactive_cancellation_is_concave_and_saturates(orders: int):
    """theta min(q, 10)^0.8, one tick from the opposite best; theta q without."""
    one = np.int64(1)
    reactive = flow_module._cancel_rate(lane_with_bid_queue(orders, queue_reactive=True), BID, one)
    plain = flow_module._cancel_rate(lane_with_bid_queue(orders, queue_reactive=False), BID, one)
    assert reactive == pytest.approx(0.71 * min(orders, 10) ** 0.8)
    assert plain == pytest.approx(0.71 * orders)


@pytest.mark.parametrize("orders", [1, 2, 5, 15])
def test_queue_reactive_market_orders_avoid_long_queues(orders: int):
    reactive = flow_module._market_rate(lane_with_bid_queue(orders, queue_reactive=True), ASK)
    plain = flow_module._market_rate(lane_with_bid_queue(orders, queue_reactive=False), ASK)
    assert reactive == pytest.approx(0.94 * np.exp(-0.05 * (orders - 1)))
    assert plain == pytest.approx(0.94)


def orders_of(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Market orders from their prints: times, sides, lots."""
    trades = rows[rows["kind"] == Kind.TRADE]
    new = np.r_[True, np.diff(trades["exch_ns"]) != 0]
    at = np.flatnonzero(new)
    return trades["exch_ns"][at], trades["side"][at], np.add.reduceat(trades["value"], at)


def test_self_excited_market_orders_keep_their_mean_rate_and_cluster():
    """The base rate is scaled by 1 - .6, the branching ratio; counts vary (1 - .6)^-2 as much in time."""
    times, sides, _ = orders_of(play(1, Settings(hawkes=True)).rows)
    for side in (1, -1):
        count = np.count_nonzero(sides == side)
        assert abs(count - 0.94 * SECONDS) < 4 * np.sqrt(0.94 * SECONDS / 0.4**2)
    counts = np.bincount((times - START_NS) // (20 * S), minlength=SECONDS // 20)
    assert counts.var() > 3 * counts.mean()


def test_geometric_sizes_are_whole_orders_with_mean_two_and_some_large_ones():
    rows = play(2, Settings(sizes=Sizes.GEOMETRIC)).rows
    _, _, lots = orders_of(rows)
    orders = lots / 250
    usual = orders == np.round(orders)
    assert np.mean(usual) > 0.95
    assert np.mean(orders == 1) == pytest.approx(0.49, abs=4 * 0.5 / np.sqrt(len(orders)))
    assert np.mean(orders == 2) == pytest.approx(0.245, abs=4 * 0.43 / np.sqrt(len(orders)))
    assert np.mean(orders[usual]) == pytest.approx(2.0, abs=0.12)
    assert np.max(orders) > 10


def test_exponential_sizes_vary_for_every_kind_of_order():
    rows = play(2, Settings(sizes=Sizes.EXPONENTIAL), 400.0).rows
    levels = rows["value"][(rows["kind"] == Kind.LEVEL) & (rows["value"] > 0)]
    assert len(np.unique(levels)) > 500


def sampled(played: Session) -> dict[str, np.ndarray]:
    """Every 10 s: efficient price less mid, signed trades of the last minute, imbalance of the deep book."""
    rows = played.rows
    values = {r.t0_ns: r.params["ticks"] for r in played.truth if r.type == "efficient_price"}
    times = np.array(sorted(values))
    apart = np.array([values[t] - played.mids[0](t) for t in times])
    at, sides, _ = orders_of(rows)
    position = np.concatenate([[0], np.cumsum(sides)])
    trades = position[np.searchsorted(at, times)] - position[np.searchsorted(at, times - 60 * S)]
    deep, k = np.zeros(len(times)), 0
    for book in plain_books(rows, 0):
        while k < len(times) and book.exch_ns >= times[k]:
            bid, ask = max(book.bids), min(book.asks)
            bids = sum(book.bids.get(ask - i, 0.0) for i in range(5, 31))
            asks = sum(book.asks.get(bid + i, 0.0) for i in range(5, 31))
            deep[k], k = (bids - asks) / (bids + asks), k + 1
    return {"t_ns": times, "apart": apart, "trades": trades, "deep": deep}


@pytest.fixture(scope="module")
def regimes() -> tuple[Session, dict[str, np.ndarray]]:
    settings = Settings(informed=True, oracle=True, regimes=True)
    played = play(4, settings, 5400.0 + 60.0)
    return played, sampled(played)


@pytest.mark.parametrize(
    ("regime", "shows", "hides"),
    [("flow", ["trades"], ["deep"]), ("depth", ["deep"], ["trades"]), ("none", [], ["trades", "deep"])],
)
def test_a_regime_shows_the_efficient_price_only_where_it_says(
    regimes: tuple[Session, dict[str, np.ndarray]], regime: str, shows: list[str], hides: list[str]
):
    played, samples = regimes
    record = next(r for r in played.truth if r.type == "regime" and r.outcome == regime)
    inside = (samples["t_ns"] > record.t0_ns + 60 * S) & (samples["t_ns"] < record.t1_ns)
    assert np.count_nonzero(inside) > 150
    for name in shows:
        assert np.corrcoef(samples["apart"][inside], samples[name][inside])[0, 1] > 0.3
    for name in hides:
        # Below 0 it may be: what has just been bought at random has moved the mid away.
        assert np.corrcoef(samples["apart"][inside], samples[name][inside])[0, 1] < 0.1


def test_regimes_take_turns_every_half_hour(regimes: tuple[Session, dict[str, np.ndarray]]):
    records = [r for r in regimes[0].truth if r.type == "regime"]
    assert [r.outcome for r in records] == ["flow", "depth", "none", "flow"]
    assert [r.t1_ns - r.t0_ns for r in records[:3]] == [1800 * S] * 3
    assert records[3].t1_ns == 0


def test_the_oracle_forecasts_the_next_minute_where_the_price_is_informed():
    """And its samples are in the truth every 10 s."""
    played = play(6, Settings(informed=True, oracle=True))
    values = [r for r in played.truth if r.type == "efficient_price"]
    times = np.array([r.t0_ns for r in values])
    assert np.all(np.diff(times) == 10 * S)
    assert len(times) in (SECONDS // 10 - 1, SECONDS // 10)
    mid = played.mids[0]
    apart = [r.params["ticks"] - mid(r.t0_ns) for r in values[:-6]]
    moved = [mid(r.t0_ns + 60 * S) - mid(r.t0_ns) for r in values[:-6]]
    assert np.corrcoef(apart, moved)[0, 1] > 0.4


def test_the_efficient_price_moves_as_far_as_the_setting_says():
    for value_bps in (0.8, 2.0):
        played = play(7, Settings(informed=True, oracle=True, value_bps=value_bps), 3000.0)
        ticks = np.array([r.params["ticks"] for r in played.truth if r.type == "efficient_price"])
        moves_bps = np.diff(ticks) / ticks[:-1] * 1e4
        usual = moves_bps[np.abs(moves_bps) < 15]  # without jumps
        assert usual.std() == pytest.approx(value_bps * np.sqrt(10), rel=0.2)
