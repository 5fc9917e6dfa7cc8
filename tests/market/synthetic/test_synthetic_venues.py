"""Several venues of a symbol: who leads, by how much, how far apart they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bot.core.errors import BadInput
from bot.market.events import Kind
from bot.market.synthetic import SCENARIOS, Settings, SyntheticMarket, Venue
from tests.market.synthetic.plain_book import START_NS, Session, session

S = 10**9
STEP_NS = 50_000_000
WINDOW_S = 600
CHANGE_S = 3600
SECONDS = 7200


@pytest.fixture(scope="module")
def lagged() -> Session:
    """Two hours of one symbol on three venues; lags change after the first."""
    return session(SyntheticMarket(17, ("BTCUSDT",), START_NS, float(SECONDS), scenario="s-lag"))


def moves(mid: Callable[[int], float], start_s: int) -> np.ndarray:
    """Of the mid on a 50 ms grid through one window."""
    grid = range(START_NS + start_s * S, START_NS + (start_s + WINDOW_S) * S, STEP_NS)
    return np.diff([mid(t) for t in grid])


def best_lag_ms(leader: np.ndarray, follower: np.ndarray) -> tuple[int, float]:
    """Of -1000 to 1000 ms, by correlation, which is given too; > 0: the first leads."""
    found = {}
    for lag in range(-20, 21):
        a = leader[max(-lag, 0) : len(leader) - max(lag, 0)]
        b = follower[max(lag, 0) : len(follower) - max(-lag, 0)]
        found[lag * 50] = float(np.corrcoef(a, b)[0, 1])
    best = max(found, key=lambda lag: abs(found[lag]))
    return best, found[best]


@pytest.mark.parametrize(("market", "before_ms", "after_ms"), [(1, 150, 300), (2, 400, 200)])
def test_the_lag_is_found_within_a_step_in_windows_of_ten_minutes(
    lagged: Session, market: int, before_ms: int, after_ms: int
):
    right, correlations = [], []
    for start_s in [*range(0, CHANGE_S, WINDOW_S), *range(CHANGE_S, SECONDS - WINDOW_S, WINDOW_S)]:
        lag, correlation = best_lag_ms(moves(lagged.mids[0], start_s), moves(lagged.mids[market], start_s))
        right.append(abs(lag - (before_ms if start_s < CHANGE_S else after_ms)) <= 50)
        correlations.append(correlation)
    assert np.mean(right) >= 0.95
    assert np.median(correlations) > 0.2


def test_the_change_of_lags_is_in_the_truth(lagged: Session):
    records = [r for r in lagged.truth if r.type == "cross_lag"]
    assert [(r.venue, r.params) for r in sorted(records, key=lambda r: r.venue)] == [
        ("demo-east", {"before_ms": 150.0, "after_ms": 300.0}),
        ("demo-west", {"before_ms": 400.0, "after_ms": 200.0}),
    ]
    for record in records:
        assert 0 <= record.t0_ns - (START_NS + CHANGE_S * S) <= S // 10


@pytest.mark.parametrize("market", [1, 2])
def test_a_follower_stays_around_the_leader_by_its_basis(lagged: Session, market: int):
    times = range(START_NS + 60 * S, START_NS + SECONDS * S, 10 * S)
    apart = np.array([lagged.mids[market](t) / lagged.mids[0](t) - 1 for t in times]) * 1e4
    assert abs(apart.mean()) < 2.0
    assert 1.0 < apart.std() < 6.0


def test_markets_are_the_symbols_of_one_venue_after_the_other():
    market = SyntheticMarket(1, ("BTCUSDT", "SOLUSDT"), START_NS, 1.0, scenario="s-faults")
    assert [i.key for i in market.instruments] == [
        "demo:BTCUSDT",
        "demo:SOLUSDT",
        "demo-east:BTCUSDT",
        "demo-east:SOLUSDT",
    ]
    assert set(market.last_prices()) == {"BTCUSDT", "SOLUSDT"}


def test_a_venue_trades_its_share_in_smaller_orders(lagged: Session):
    trades = lagged.rows[lagged.rows["kind"] == Kind.TRADE]
    lots = [trades["value"][trades["market"] == k] for k in range(3)]
    for follower in (1, 2):
        assert np.quantile(lots[follower], 0.1) == pytest.approx(0.3 * np.quantile(lots[0], 0.1))
        assert 0.2 < lots[follower].sum() / lots[0].sum() < 0.45


def test_followers_do_not_change_the_leader():
    """Its rows are the same with one and with two followers."""
    venues = SCENARIOS["s-lag"].settings.venues

    def leader(count: int) -> np.ndarray:
        settings = Settings(informed=True, venues=venues[:count])
        rows = session(
            SyntheticMarket(9, ("ETHUSDT",), START_NS, 60.0, settings=settings, scenario="s-lag")
        ).rows
        names = [name for name in rows.dtype.names or () if name != "seq"]
        return rows[rows["market"] == 0][names]

    assert np.array_equal(leader(2), leader(3))


def test_a_planted_leader_is_the_market_that_it_would_be_alone():
    """Walls and scripts are not chased away by its followers."""
    named = SCENARIOS["s-all"]
    rows = []
    for count in (1, 3):
        settings = replace(named.settings, venues=named.settings.venues[:count])
        market = SyntheticMarket(
            2, ("BTCUSDT",), START_NS, 600.0, plants=named.plants, settings=settings, scenario="s-all"
        )
        played = session(market).rows
        names = [name for name in played.dtype.names or () if name != "seq"]
        rows.append(played[played["market"] == 0][names])
    assert np.array_equal(*rows)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"venues": ()}, "one or more"),
        ({"venues": (Venue("a"), Venue("a", lag_ms=200.0)), "informed": True}, "different venues"),
        ({"venues": (Venue("a"), Venue("b", lag_ms=50.0)), "informed": True}, "100 to 10000 ms"),
        ({"venues": (Venue("a"), Venue("b", lag_ms=200.0))}, "informed"),
        ({"regimes": True}, "informed"),
    ],
)
def test_venues_that_cannot_be_are_refused(settings: dict, words: str):
    with pytest.raises(BadInput, match=words):
        Settings(**settings)
