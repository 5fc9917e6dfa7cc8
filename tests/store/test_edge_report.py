"""Moves after decisions, judged by hand-made outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.errors import BadInput
from bot.store.database import Database
from bot.store.edge_report import edge_of, edge_report
from bot.store.journal import StoreJournal

OUTCOME: dict[str, Any] = {
    "what": "entered",
    "symbol": "BTCUSDT",
    "market": 0,
    "strategy": "wall_fade",
    "mode": "scalp",
    "side": 1,
    "reason": "",
    "from_ns": 1,
    "mid": 5.0,
    "horizon_s": 60,
    "best_bps": 3.0,
    "worst_bps": -1.0,
    "first": "target",
}


def test_means_and_standard_errors_by_hand() -> None:
    moves = [1.0, 2.0, 6.0]
    rows = [
        {"first": first, "path": f'{{"60": {m}, "10": 1.0}}'}
        for m, first in zip(moves, ("target", "stop", ""), strict=True)
    ]
    edge = edge_of("s", "scalp", "entered", rows)
    assert (edge.count, edge.target_first, edge.stop_first) == (3, 1, 1)
    ten, sixty = edge.markouts
    assert (ten.seconds, ten.mean_bps, ten.error_bps) == (10, 1.0, 0.0)
    # variance of 1, 2, 6 is 7; over three values the error of the mean is sqrt(7 / 3)
    assert (sixty.seconds, sixty.mean_bps) == (60, 3.0)
    assert sixty.error_bps == pytest.approx((7 / 3) ** 0.5)


def test_a_single_decision_has_no_error() -> None:
    (only,) = edge_of("s", "scalp", "left", [{"first": "", "path": '{"60": -2.0}'}]).markouts
    assert (only.count, only.mean_bps, only.error_bps) == (1, -2.0, None)


def test_what_the_journal_kept_is_grouped_by_strategy_mode_and_decision(database: Database) -> None:
    journal = StoreJournal(database, database.start_run("paper", {}, 0))
    for what, strategy, move in (
        ("entered", "wall_fade", 4.0),
        ("entered", "wall_fade", 2.0),
        ("refused", "wall_fade", -1.0),
        ("entered", "breakout", 0.5),
    ):
        journal.outcome({**OUTCOME, "id": "x", "what": what, "strategy": strategy, "path": {"60": move}})
    journal.commit()
    edges = edge_report(database)["edges"]
    assert [(e["strategy"], e["what"], e["count"], e["markouts"][0]["mean_bps"]) for e in edges] == [
        ("breakout", "entered", 1, 0.5),
        ("wall_fade", "entered", 2, 3.0),
        ("wall_fade", "refused", 1, -1.0),
    ]


def test_a_run_that_is_not_there_is_said(database: Database) -> None:
    database.start_run("paper", {}, 0)
    with pytest.raises(BadInput, match="no run 7"):
        edge_report(database, 7)
