from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import DenyReason, OrderRole, OrderType, ReportKind, Side
from bot.core.errors import BadInput
from bot.core.messages import Intent, Order, Plan, Report
from bot.store.database import Database
from bot.store.journal import StoreJournal
from bot.store.overview import overview
from bot.store.report import build_report, drawdown, wilson
from bot.store.trades_csv import write_trades
from bot.store.why import explain

S = 1_000_000_000


def trade(key: str, net_e8: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": key,
        "symbol": "BTCUSDT",
        "market": 0,
        "strategy": "wall_fade",
        "mode": "scalp",
        "side": 1,
        "stage": "closed",
        "explore": False,
        "coin": "USDT",
        "opened_ns": 1 * S,
        "hold_ns": 10 * S,
        "filled_lots": 5,
        "gross_e8": net_e8 + 30,
        "fees_e8": 20,
        "funding_e8": -10,
        "net_e8": net_e8,
        "best_bps": 4.0,
        "worst_bps": -2.0,
        "unprotected_max_ns": 5,
    }
    return row | changes


@pytest.fixture
def journal(database: Database) -> StoreJournal:
    return StoreJournal(database, database.start_run("paper", {}, 0))


def test_performance_is_a_strategy_and_a_coin_and_leaves_exploration_out(
    database: Database, journal: StoreJournal
) -> None:
    for row in (
        trade("a", 100),
        trade("b", -40),
        trade("c", 7, coin="BTC"),
        trade("d", 5, strategy="thin"),
        trade("e", 10**9, explore=True),
        trade("f", 0, filled_lots=0),
        trade("g", 0, stage="open"),
    ):
        journal.trade(row)
    journal.commit()
    made = build_report(database)
    figures = {(p.strategy, p.coin): (p.round_trips, p.wins, p.net_e8) for p in made.performance}
    assert figures == {
        ("thin", "USDT"): (1, 1, 5),
        ("wall_fade", "BTC"): (1, 1, 7),
        ("wall_fade", "USDT"): (2, 1, 60),
    }
    assert {(p.coin, p.round_trips, p.net_e8) for p in made.totals} == {("BTC", 1, 7), ("USDT", 3, 65)}
    assert [(p.strategy, p.round_trips, p.net_e8) for p in made.exploration] == [("wall_fade", 1, 10**9)]
    assert (made.round_trips, made.explored, made.unfilled, made.still_open) == (4, 1, 1, 1)
    for group in (*made.performance, *made.totals, *made.exploration):
        assert group.gross_e8 - group.fees_e8 + group.funding_e8 == group.net_e8
    assert json.loads(json.dumps(made.to_json()))["round_trips"] == 4


def test_refusals_are_counted_with_their_repeats(
    database: Database, journal: StoreJournal, denied: Any
) -> None:
    for n in range(3):
        journal.denied(denied(n))
    journal.denied(denied(7, DenyReason.SPREAD_WIDE, strategy="thin"))
    journal.commit()
    made = build_report(database)
    assert [(r.reason, r.count, r.strategies) for r in made.refusals] == [
        ("edge_below_cost", 3, ("wall_fade",)),
        ("spread_wide", 1, ("thin",)),
    ]
    assert (made.refused, made.intents) == (4, 4)


def test_wallets_follow_the_equity_through_restarts(database: Database, journal: StoreJournal) -> None:
    for now, equity in ((1, 100), (2, 120), (3, 90)):
        journal.equity(now * S, "USDT", 100, equity)
    journal.commit()
    second = StoreJournal(database, database.start_run("paper", {}, 1))
    second.equity(4 * S, "USDT", 95, 60)
    second.commit()
    (wallet,) = build_report(database).wallets
    assert (wallet.first_equity_e8, wallet.last_equity_e8, wallet.last_wallet_e8) == (100, 60, 95)
    assert (wallet.max_drawdown_e8, wallet.max_drawdown) == (60, 0.5)
    (only,) = build_report(database, 1).wallets
    assert only.max_drawdown_e8 == 30


def test_which_runs_a_report_covers(database: Database) -> None:
    with pytest.raises(BadInput, match="no runs yet"):
        build_report(database)
    database.start_run("backtest", {}, 0)
    database.start_run("backtest", {}, 1)
    assert build_report(database).runs == (2,)
    database.start_run("paper", {}, 2)
    assert build_report(database).runs == (3,)
    assert build_report(database, 1).runs == (1,)
    with pytest.raises(BadInput, match="runs are 1 to 3"):
        build_report(database, 9)


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_drawdown_is_the_worst_pair(points: list[int]) -> None:
    pairs = [(a, b) for i, a in enumerate(points) for b in points[i:]]
    amount, share = drawdown(points)
    assert amount == max((a - b for a, b in pairs), default=0)
    assert share == pytest.approx(max(((a - b) / a for a, b in pairs if a), default=0.0))


@pytest.mark.parametrize(
    ("wins", "trials", "expected"),
    [(0, 0, (0.0, 1.0)), (5, 10, (0.2366, 0.7634)), (0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0))],
)
def test_wilson_against_published_values(wins: int, trials: int, expected: tuple[float, float]) -> None:
    assert wilson(wins, trials) == pytest.approx(expected, abs=5e-5)


def test_trades_as_csv_are_exact_decimals(tmp_path: Path, database: Database, journal: StoreJournal) -> None:
    journal.trade(trade("a", -123_456_789))
    journal.commit()
    write_trades(build_report(database).trades, tmp_path / "t.csv")
    (row,) = csv.DictReader((tmp_path / "t.csv").read_text().splitlines())
    assert (row["id"], row["net"], row["fees"], row["closed_ns"]) == ("a", "-1.23456789", "0.00000020", "")


def chain(journal: StoreJournal, asked: Intent) -> None:
    journal.intent(asked)
    journal.plan(Plan(asked, 5, 90, False, 10, {"kelly": 0.1}))
    order = Order(
        f"lop-{asked.id}-en0", asked.id, 0, "BTCUSDT", Side.BUY, OrderType.LIMIT, OrderRole.ENTRY, 5
    )
    journal.order(order)
    journal.report(Report(ReportKind.ACCEPTED, order.client_id, 0, "BTCUSDT", 1, 2))
    journal.trade(trade(asked.id, 3))
    journal.commit()


def test_why_shows_the_whole_chain_from_any_id(
    database: Database, journal: StoreJournal, intent: Any
) -> None:
    asked = intent(1)
    chain(journal, asked)
    for identity in (asked.id, f"lop-{asked.id}-en0", f"lop-{asked.id}"):
        found = explain(database, identity)
        assert found["id"] == asked.id
        assert found["plan"]["figures"] == {"kelly": 0.1}
        assert found["trade"]["net_e8"] == 3
        assert [len(order["reports"]) for order in found["orders"]] == [1]


def test_why_of_a_refusal_by_its_first_and_latest_id(
    database: Database, journal: StoreJournal, denied: Any
) -> None:
    first, last = denied(1, value=0.5), denied(2, value=float("nan"))
    journal.denied(first)
    journal.denied(last)
    journal.commit()
    for refused in (first, last):
        found = explain(database, refused.intent.id)["denial"]
        assert (found["reason"], found["count"], found["value"]) == ("edge_below_cost", 2, None)


def test_why_asks_for_more_of_an_ambiguous_id_and_knows_no_wildcards(
    database: Database, journal: StoreJournal, intent: Any
) -> None:
    chain(journal, intent(1))
    chain(journal, intent(2))
    with pytest.raises(BadInput, match="give more of it"):
        explain(database, "000")
    for nothing in ("%", "zzz", ""):
        with pytest.raises(BadInput):
            explain(database, nothing)


def test_the_overview_knows_a_running_session_from_a_dead_one(
    tmp_path: Path, database: Database, journal: StoreJournal
) -> None:
    journal.trade(trade("a", 1, stage="open"))
    journal.trade(trade("b", 1))
    journal.equity(3 * S, "USDT", 5, 6)
    journal.equity(9 * S, "USDT", 7, 8)
    journal.commit()
    with Database.read(tmp_path / "paper") as reader:
        alive = overview(reader)
    assert (alive["running"], alive["state"], alive["round_trips"]) == (True, "running", 1)
    assert [t["id"] for t in alive["open_trades"]] == ["a"]
    assert alive["equity"][0]["equity_e8"] == 8
    database.close()
    with Database.read(tmp_path / "paper") as reader:
        dead = overview(reader)
    assert (dead["running"], dead["state"]) == (False, "interrupted")
