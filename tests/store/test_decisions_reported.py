"""What the database says of decisions afterwards: shadows, outcomes, and prices as decimals."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.enums import OrderRole, OrderType, Side
from bot.core.messages import Order, Plan
from bot.store.database import Database
from bot.store.journal import StoreJournal
from bot.store.prices import price, priced
from bot.store.report import build_report
from bot.store.shadow_report import FEWEST, mean_interval
from bot.store.trades_csv import write_trades
from bot.store.why import explain
from tests.store.conftest import make_denied, make_intent
from tests.store.test_report import trade

HEADER = {
    "instruments": [
        {"venue": "v", "symbol": "BTCUSDT", "tick": "0.1"},
        {"venue": "v", "symbol": "ETHUSDT", "tick": "0.01"},
    ]
}


@pytest.fixture
def journal(database: Database) -> StoreJournal:
    return StoreJournal(database, database.start_run("paper", HEADER, 0))


def shadow(key: str, same: bool, net_bps: float, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "trade_id": key,
        "symbol": "BTCUSDT",
        "strategy": "wall_fade",
        "mode": "scalp",
        "explore": False,
        "side": 1 if same else -1,
        "same": int(same),
        "momentum": 0,
        "entry_ns": 1,
        "exit_ns": 2,
        "lots": 5,
        "value_e8": 10_000,
        "entry_price": 100.0,
        "exit_price": 100.5,
        "reason": "time",
        "gross_bps": net_bps + 10.0,
        "fees_bps": 10.0,
        "net_bps": net_bps,
    }
    return row | changes


def pair(
    journal: StoreJournal, key: str, gross_e8: int, with_bps: float, against_bps: float, **of: Any
) -> None:
    """A trade worth 10,000 at its entry, fees of 20, and its two shadows."""
    journal.trade(trade(key, 0, gross_e8=gross_e8, fees_e8=20, **of))
    momentum = of.get("momentum", 0)
    journal.shadow(shadow(key, True, with_bps, momentum=momentum))
    journal.shadow(shadow(key, False, against_bps, momentum=momentum))


def test_what_was_added_is_the_trade_less_each_shadow(database: Database, journal: StoreJournal) -> None:
    pair(journal, "a", 50, 20.0, -40.0, momentum=1)
    pair(journal, "b", -10, -30.0, 10.0, momentum=-1)
    journal.commit()
    (added,) = build_report(database).added

    # bps of the value at entry: 1e4 x 50 / 10,000 = 50
    assert (added.strategy, added.explore, added.trades) == ("wall_fade", False, 2)
    assert (added.gross_bps, added.net_bps) == (20.0, 0.0)
    found = {one.shadow: (one.shadow_bps, one.added_bps, one.low_bps) for one in added.versus}
    assert found == {
        "flat": (0.0, 0.0, None),
        "random": (-10.0, 10.0, None),
        "momentum": (15.0, -15.0, None),  # with a, against b
    }


def test_a_trade_without_both_shadows_is_not_compared(database: Database, journal: StoreJournal) -> None:
    journal.trade(trade("a", 10))
    journal.shadow(shadow("a", True, 1.0))
    pair(journal, "open", 10, 1.0, 1.0, stage="open")
    journal.commit()

    assert build_report(database).added == ()


def test_exploration_is_compared_apart(database: Database, journal: StoreJournal) -> None:
    pair(journal, "a", 50, 1.0, 1.0)
    pair(journal, "b", 50, 1.0, 1.0, explore=True)
    journal.commit()

    assert [(one.explore, one.trades) for one in build_report(database).added] == [(False, 1), (True, 1)]


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        low, high = mean_interval(rng.normal(3.0, 10.0, 60), draws=300)
        assert low is not None
        assert high is not None
        covered += low <= 3.0 <= high
    assert 180 <= covered <= 198
    assert mean_interval(np.ones(FEWEST - 1)) == (None, None)
    assert mean_interval(np.ones(FEWEST)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("ticks", "tick", "text"),
    [
        (12_345, "0.1", "1234.5"),
        (12_345.0, "0.01", "123.45"),
        (10_000, "0.1", "1000.0"),
        (10_000.25, "0.1", "1000.025"),
        (10_000.333333333, "0.1", "1000.03333"),
        (3, "0.00000001", "0.00000003"),
        (0, "0.5", "0.0"),
    ],
)
def test_ticks_become_exact_decimals(ticks: float, tick: str, text: str) -> None:
    from decimal import Decimal

    assert price(ticks, Decimal(tick)) == text


def test_without_a_known_tick_ticks_stay_ticks() -> None:
    assert priced({"stop_ticks": 5, "lots": 2}, ["stop_ticks"], None) == {"stop": 5, "lots": 2}
    assert price(None, None) is None


def test_why_tells_a_trade_from_its_signals_to_what_came_after(
    database: Database, journal: StoreJournal
) -> None:
    intent = make_intent(
        1, symbol="ETHUSDT", market=1, limit=12_345, invalidation=12_000, targets=((12_500, 1.0),)
    )
    journal.intent(intent)
    journal.plan(Plan(intent, 5, 12_000, False, 7, {"mid": 12_340.5, "p_win": 0.6}))
    journal.readings(1, "ETHUSDT", intent.id, {"bias": 0.2, "mid": 12_340.5, "weight:tfi": 0.1, "tfi": 0.5})
    journal.order(
        Order("c1", intent.id, 1, "ETHUSDT", Side.BUY, OrderType.LIMIT, OrderRole.ENTRY, 5, price=12_345)
    )
    journal.trade(
        trade(
            intent.id, 10, symbol="ETHUSDT", market=1, entry_price=12_345.5, exit_price=12_400.0, stop=12_000,
            first_stop=12_000, mid=12_340.5, slip_bps=4.1,
        )
    )  # fmt: skip
    journal.shadow(shadow(intent.id, True, 3.0, symbol="ETHUSDT", entry_price=12_345.0))
    journal.outcome(outcome(intent.id, "entered", symbol="ETHUSDT", market=1, mid=12_340.5))
    journal.commit()
    chain = explain(database, intent.id)

    assert (chain["intent"]["limit"], chain["intent"]["invalidation"]) == ("123.45", "120.00")
    assert chain["intent"]["figures"]["targets"] == [["125.00", 1.0]]
    assert (chain["plan"]["stop"], chain["plan"]["figures"]["mid"]) == ("120.00", "123.405")
    assert chain["readings"]["figures"]["mid"] == "123.405"
    assert (chain["orders"][0]["price"], chain["orders"][0]["trigger_price"]) == ("123.45", "0.00")
    assert (chain["trade"]["entry_price"], chain["trade"]["exit_price"]) == ("123.455", "124.00")
    assert chain["shadows"][0]["entry_price"] == "123.45"
    assert (chain["outcomes"][0]["path"], chain["outcomes"][0]["mid"]) == ({"10": 1.5}, "123.405")


def outcome(key: str, what: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": key,
        "what": what,
        "symbol": "BTCUSDT",
        "market": 0,
        "strategy": "wall_fade",
        "mode": "scalp",
        "side": 1,
        "reason": "",
        "from_ns": 1,
        "mid": 1_000.0,
        "horizon_s": 60,
        "best_bps": 2.0,
        "worst_bps": -1.0,
        "first": "target",
        "path": {"10": 1.5},
    }
    return row | changes


def test_why_tells_a_refusal_with_its_signals_and_what_came_after(
    database: Database, journal: StoreJournal
) -> None:
    refused = make_denied(3)
    assert journal.denied(refused) is True
    assert journal.denied(refused) is False
    journal.readings(1, "BTCUSDT", refused.intent.id, {"mid": 1_000.5})
    journal.outcome(outcome(refused.intent.id, "refused", reason="edge_below_cost"))
    journal.commit()
    chain = explain(database, refused.intent.id)

    assert chain["denial"]["reason"] == "edge_below_cost"
    assert chain["readings"]["figures"]["mid"] == "100.05"
    assert [one["what"] for one in chain["outcomes"]] == ["refused"]


def test_prices_in_reports_and_csv_are_decimals(
    database: Database, journal: StoreJournal, tmp_path: Path
) -> None:
    journal.trade(trade("a", 10, entry_price=10_000.5, exit_price=10_001.0, stop=9_990, first_stop=9_980))
    journal.commit()
    report = build_report(database)
    write_trades(report.trades, tmp_path / "trades.csv")

    (row,) = csv.DictReader((tmp_path / "trades.csv").read_text().splitlines())
    for told in (report.trades[0], row):
        prices = [told[name] for name in ("entry_price", "exit_price", "stop", "first_stop")]
        assert prices == ["1000.05", "1000.1", "999.0", "998.0"]
