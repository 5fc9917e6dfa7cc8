from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.enums import (
    DenyReason,
    Liquidity,
    Mode,
    OrderRole,
    OrderType,
    ReportKind,
    Side,
)
from bot.core.messages import Denied, Fill, Intent, Order, Plan, Report
from bot.store import journal as journal_module
from bot.store.database import Database
from bot.store.journal import StoreJournal
from bot.store.refusals import WINDOW_NS, Refusals


@pytest.fixture
def journal(database: Database) -> StoreJournal:
    return StoreJournal(database, database.start_run("paper", {}, 0))


def rows(database: Database, table: str) -> list[dict[str, object]]:
    return database.query(f"SELECT * FROM {table}")


def test_nothing_is_written_before_a_commit_and_everything_after(
    database: Database, journal: StoreJournal, intent: Callable[..., Intent]
) -> None:
    journal.intent(intent(1))
    journal.equity(5, "USDT", 10**12, 10**12 + 1)
    assert rows(database, "intents") == rows(database, "equity") == []
    journal.commit()
    assert rows(database, "equity") == [
        {"run": 1, "now_ns": 5, "coin": "USDT", "wallet_e8": 10**12, "equity_e8": 10**12 + 1}
    ]
    (row,) = rows(database, "intents")
    assert (row["id"], row["mode"], row["side"], row["limit_ticks"]) == (f"{1:016x}", "scalp", 1, 100)
    assert json.loads(str(row["figures"]))["wall_lots"] == 12.5


def test_every_message_is_stored_with_its_figures(
    database: Database, journal: StoreJournal, intent: Callable[..., Intent]
) -> None:
    asked = intent(1)
    journal.plan(Plan(asked, 7, 90, True, 25_000_000, {"kelly": 0.1}))
    order = Order("o1", asked.id, 0, "BTCUSDT", Side.BUY, OrderType.LIMIT, OrderRole.ENTRY, 7, 100, sent_ns=9)
    journal.order(order)
    journal.report(Report(ReportKind.FILL, "o1", 0, "BTCUSDT", 10, 11, Side.BUY, 7, 100, fee_e8=-3))
    journal.fill(Fill("o1", "BTCUSDT", Side.BUY, 7, 100, Liquidity.MAKER, -3, 0, 11), "t1")
    journal.readings(11, "BTCUSDT", asked.id, {"bias": 0.2, "asleep": float("nan")})
    journal.transition(12, "trust", "BTCUSDT", "trusted", "suspect", {"age_ms": 700})
    journal.audit(13, "pause", {"by": "operator"})
    journal.commit()
    (plan,), (stored,), (report,), (fill,) = (
        rows(database, table) for table in ("plans", "orders", "reports", "fills")
    )
    assert (plan["explore"], plan["risk_e8"], json.loads(str(plan["figures"]))) == (
        1,
        25_000_000,
        {"kelly": 0.1},
    )
    assert (stored["role"], stored["type"], stored["reduce_only"], stored["sent_ns"]) == ("entry", 0, 0, 9)
    assert (report["kind"], report["fee_e8"], report["venue_ns"]) == (3, -3, 10)
    assert (fill["trade_id"], fill["liquidity"], fill["fee_e8"]) == ("t1", 1, -3)
    assert json.loads(str(rows(database, "readings")[0]["figures"])) == {"asleep": None, "bias": 0.2}
    assert rows(database, "transitions")[0]["new"] == "suspect"
    assert json.loads(str(rows(database, "audit")[0]["detail"])) == {"by": "operator"}


def test_numpy_numbers_are_stored_as_numbers(database: Database, journal: StoreJournal) -> None:
    journal.equity(np.int64(7), "USDT", np.int64(2**62), np.int64(-5))  # type: ignore[arg-type]
    journal.readings(1, "BTCUSDT", "x", {"a": np.float64(0.5), "b": np.int64(3), "c": np.float32(2)})  # type: ignore[dict-item]
    journal.commit()
    kinds = "SELECT typeof(now_ns) AS t, typeof(wallet_e8) AS w, wallet_e8 FROM equity"
    assert database.query(kinds) == [{"t": "integer", "w": "integer", "wallet_e8": 2**62}]
    assert json.loads(str(rows(database, "readings")[0]["figures"])) == {"a": 0.5, "b": 3, "c": 2}


def test_the_same_intent_twice_is_one_row(
    database: Database, journal: StoreJournal, intent: Callable[..., Intent]
) -> None:
    journal.intent(intent(1))
    journal.commit()
    journal.intent(intent(1))
    journal.commit()
    assert len(rows(database, "intents")) == 1


def test_a_trade_row_is_the_latest_and_keeps_unforeseen_figures(
    database: Database, journal: StoreJournal
) -> None:
    journal.trade({"id": "t1", "stage": "open", "net_e8": 0})
    journal.commit()
    journal.trade({"id": "t1", "stage": "closed", "net_e8": -5, "venue_ms": 12, "detail": "late"})
    journal.commit()
    (row,) = rows(database, "trades")
    assert (row["stage"], row["net_e8"], row["detail"]) == ("closed", -5, "late")
    assert json.loads(str(row["figures"])) == {"venue_ms": 12}


def test_a_trade_that_survives_a_restart_stays_one_row(database: Database, journal: StoreJournal) -> None:
    journal.trade({"id": "t1", "stage": "open"})
    journal.trade({"id": "t2", "stage": "closed"})
    journal.commit()
    second = StoreJournal(database, database.start_run("paper", {}, 1))
    second.trade({"id": "t1", "stage": "closed"})
    second.trade({"id": "t2", "stage": "closed"})  # the same tape again: another trade of the same id
    second.commit()
    found = {(row["run"], row["id"], row["stage"]) for row in rows(database, "trades")}
    assert found == {(1, "t1", "closed"), (1, "t2", "closed"), (2, "t2", "closed")}


def test_a_commit_that_fails_writes_nothing_and_can_be_tried_again(
    database: Database, journal: StoreJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.equity(1, "USDT", 1, 1)
    journal.audit(1, "x", {})
    working = journal_module._INSERTS["audit"]
    monkeypatch.setitem(journal_module._INSERTS, "audit", "INSERT INTO absent VALUES (?, ?, ?, ?)")
    with pytest.raises(sqlite3.OperationalError):
        journal.commit()
    assert rows(database, "equity") == []
    monkeypatch.setitem(journal_module._INSERTS, "audit", working)
    journal.commit()
    assert len(rows(database, "equity")) == len(rows(database, "audit")) == 1


def test_memory_is_bounded_without_a_commit(database: Database, journal: StoreJournal) -> None:
    for nth in range(journal_module.FLUSH_ROWS + 5):
        journal.equity(nth, "USDT", nth, nth)
    assert journal.commits == 1
    assert database.query("SELECT count(*) AS n FROM equity") == [{"n": journal_module.FLUSH_ROWS}]


def test_repeats_of_a_refusal_are_a_count(
    database: Database, journal: StoreJournal, denied: Callable[..., Denied]
) -> None:
    for nth in range(3):
        journal.denied(denied(nth, value=float(nth)))
    journal.commit()
    journal.denied(denied(3, value=9.0))
    journal.commit()
    (row,) = rows(database, "denials")
    assert (row["id"], row["last_id"], row["count"]) == (f"{0:016x}", f"{3:016x}", 4)
    assert (row["value"], row["first_ns"], row["last_ns"]) == (9.0, 0, 3_000_000_000)
    assert json.loads(str(row["figures"])) == {"edge_bps": 0.0, "wall_lots": 12.5}


def test_an_approval_or_another_reason_begins_a_new_row(
    database: Database, journal: StoreJournal, denied: Callable[..., Denied], intent: Callable[..., Intent]
) -> None:
    journal.denied(denied(1))
    journal.plan(Plan(intent(2), 1, 90, False, 0, {}))
    journal.denied(denied(3))
    journal.denied(denied(4, DenyReason.SPREAD_WIDE))
    journal.denied(denied(5, DenyReason.SPREAD_WIDE))
    journal.denied(denied(6))
    journal.commit()
    assert [(row["reason"], row["count"]) for row in rows(database, "denials")] == [
        ("edge_below_cost", 1),
        ("edge_below_cost", 1),
        ("spread_wide", 2),
        ("edge_below_cost", 1),
    ]


def test_refusals_in_other_symbols_modes_and_sides_are_counted_apart(
    database: Database, journal: StoreJournal, denied: Callable[..., Denied]
) -> None:
    journal.denied(denied(1))
    journal.denied(denied(2, symbol="ETHUSDT"))
    journal.denied(denied(3, mode=Mode.DAY))
    journal.denied(denied(4, side=Side.SELL))
    journal.denied(denied(5))
    journal.commit()
    assert sorted(str(row["count"]) for row in rows(database, "denials")) == ["1", "1", "1", "2"]


def test_a_streak_lasts_an_hour(denied: Callable[..., Denied]) -> None:
    refusals = Refusals()
    counts = [refusals.add(denied(n, now_ns=now)) for n, now in enumerate((0, WINDOW_NS - 1, WINDOW_NS))]
    assert counts == [1, 2, 1]


def test_kept_state_is_written_with_the_rows_and_only_with_them(
    database: Database, journal: StoreJournal
) -> None:
    journal.keep("session", {"wallet": 1}, 5)
    journal.keep("session", {"wallet": 2}, 6)
    assert database.state("session") is None or database.state("session") == {}
    journal.equity(6, "USDT", 2, 2)
    journal.commit()
    assert database.state("session") == {"wallet": 2}
    assert len(rows(database, "equity")) == 1


def test_state_and_rows_are_both_absent_when_a_commit_fails(
    database: Database, journal: StoreJournal
) -> None:
    journal.keep("session", {"wallet": 1}, 5)
    journal.commit()
    journal.equity(6, "USDT", 2, 2)
    journal.keep("session", {"wallet": object()}, 6)
    with pytest.raises((TypeError, AttributeError)):
        journal.commit()
    assert database.state("session") == {"wallet": 1}
    assert rows(database, "equity") == []


def test_a_journal_that_keeps_state_never_commits_by_itself(
    database: Database, journal: StoreJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "FLUSH_ROWS", 3)
    journal.keep("session", {"wallet": 1}, 0)
    for now_ns in range(5):
        journal.equity(now_ns, "USDT", 1, 1)
    assert rows(database, "equity") == []
    journal.commit()
    assert len(rows(database, "equity")) == 5


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    happened=st.lists(
        st.tuples(st.sampled_from(list(DenyReason)[:3]), st.sampled_from(["A", "B"]), st.booleans()),
        max_size=40,
    )
)
def test_no_refusal_is_lost_in_the_counts_wherever_commits_fall(
    denied: Callable[..., Denied], happened: list[tuple[DenyReason, str, bool]]
) -> None:
    refusals = Refusals()
    stored: dict[str, tuple[str, int]] = {}
    for nth, (reason, symbol, commit) in enumerate(happened):
        refusals.add(denied(nth, reason, symbol=symbol))
        if commit:
            stored |= {row[1]: (row[8], row[11]) for row in refusals.changed(1)}
            refusals.written()
    stored |= {row[1]: (row[8], row[11]) for row in refusals.changed(1)}
    for reason in DenyReason:
        counted = sum(count for found, count in stored.values() if found == reason)
        assert counted == sum(1 for r, _, _ in happened if r is reason)
