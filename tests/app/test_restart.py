"""A named session started again: wallet, positions, stops and signals go on, behind a gap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.app.sources import DEMO_START_NS
from bot.core.enums import OrderRole, ReportKind
from bot.core.errors import BadInput, KernelError
from bot.market.synthetic import SyntheticMarket
from bot.market.tape import TapeHeader, TapeWriter, open_tape, verify
from bot.store.database import Database
from tests.conftest import Recorded
from tests.sessions import demo, run, stored

S = 1_000_000_000


def kept(database: Path) -> dict[str, Any]:
    opened = Database.read(database.parent)
    try:
        return dict(opened.state("session"))
    finally:
        opened.close()


def audits(database: Path, run: int) -> list[str]:
    return [row["what"] for row in stored(database, "audit", run)]


@pytest.fixture(scope="module")
def mid_trade(demo_session: Recorded) -> dict[str, Any]:
    """The demo session until the middle of its longest trade."""
    trades = [t for t in stored(demo_session.result.database, "trades") if t["filled_ns"] and t["closed_ns"]]
    longest = max(trades, key=lambda t: t["closed_ns"] - t["filled_ns"])
    middle_ns = (longest["filled_ns"] + longest["closed_ns"]) // 2
    return {"seed": demo_session.seed, "duration_s": (middle_ns - DEMO_START_NS) / S}


def test_an_open_trade_keeps_its_stop_and_ends_in_the_next_run(
    mid_trade: dict[str, Any], tmp_path: Path
) -> None:
    first = demo(tmp_path, session="paper", **mid_trade)
    before = kept(first.database)
    held = [t for t in before["trader"]["trades"] if t["stage"] == "open"]
    assert held, "expected to stop in the middle of a trade"

    second = demo(tmp_path, session="paper", duration_s=1_800.0)

    orders = stored(second.database, "orders", 2)
    reports = stored(second.database, "reports", 2)
    resumed_ns = orders[0]["sent_ns"]
    for trade in held:
        intent = trade["plan"]["intent"]
        filled = sum(trade["entries"].values())
        stop = next(o for o in orders if o["intent_id"] == intent["id"])
        assert (stop["role"], stop["reduce_only"], stop["side"]) == (OrderRole.STOP, 1, -intent["side"])
        assert stop["lots"] == filled - sum(trade["exits"].values())
        assert stop["trigger_price"] == trade["stop"]
        assert stop["sent_ns"] == resumed_ns
        proof = next(r for r in reports if r["client_id"] == stop["client_id"])
        assert proof["kind"] == ReportKind.ACCEPTED
        assert proof["now_ns"] - resumed_ns <= 5 * S
        ended = next(t for t in stored(second.database, "trades") if t["id"] == intent["id"])
        assert ended["stage"] == "closed"
        assert ended["filled_lots"] == filled
    assert resumed_ns >= DEMO_START_NS + int(mid_trade["duration_s"] * S)
    assert_money_adds_up(second.database)


def assert_money_adds_up(database: Path) -> None:
    """The wallet kept at the end is the one deposit and what every report of every run said."""
    after = kept(database)["venue"]["ledger"]["accounts"]["USDT"]
    reports = stored(database, "reports")
    told = sum(r["realised_e8"] - r["fee_e8"] + r["funding_e8"] for r in reports)
    assert after["deposits_e8"] == 10_000 * 10**8
    on_their_way = after["realised_e8"] - after["fees_e8"] + after["funding_e8"] - told
    assert abs(on_their_way) < 50 * 10**8


def test_signals_go_on_warm_behind_a_gap_in_every_market(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    demo(tmp_path, session="paper", duration_s=300.0, record=tape)
    cold = demo(tmp_path, session="cold", duration_s=20.0)
    warm = demo(tmp_path, session="paper", duration_s=20.0, record=tape)

    assert audits(warm.database, 2)[0] == "checkpoint_restored"
    assert (warm.summary["gaps"], cold.summary["gaps"]) == (3, 0)
    assert warm.summary["commits"] < 1000, "counters are those of this run"
    report = verify(open_tape(tape), deep=True)
    assert report.ok, report.findings
    assert report.gap_count == 3


def test_a_damaged_checkpoint_is_reported_and_ignored(tmp_path: Path) -> None:
    first = demo(tmp_path, session="paper", duration_s=60.0)
    checkpoint = first.database.with_name("checkpoint.npz")
    damaged = bytearray(checkpoint.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    checkpoint.write_bytes(damaged)

    second = demo(tmp_path, session="paper", duration_s=60.0)

    assert "checkpoint_ignored" in audits(second.database, 2)
    assert second.summary["gaps"] == 0
    assert second.summary["ticks"] == first.summary["ticks"] == 5


def test_other_markets_keep_the_wallet_but_not_a_foreign_checkpoint(tmp_path: Path) -> None:
    first = demo(tmp_path, session="paper", duration_s=20.0)
    second = demo(tmp_path, session="paper", duration_s=20.0, symbols=("SOLUSDT",))

    assert "checkpoint_ignored" in audits(second.database, 2)
    accounts = kept(second.database)["venue"]["ledger"]["accounts"]
    assert accounts["USDT"]["deposits_e8"] == 10_000 * 10**8
    assert first.database == second.database


def test_open_trades_refuse_a_start_without_their_market(mid_trade: dict[str, Any], tmp_path: Path) -> None:
    first = demo(tmp_path, session="paper", **mid_trade)
    held = {t["symbol"] for t in stored(first.database, "trades") if t["stage"] == "open"}
    others = tuple(s for s in ("BTCUSDT", "ETHUSDT", "SOLUSDT") if s not in held)

    with pytest.raises(BadInput, match="fresh"):
        demo(tmp_path, session="paper", duration_s=10.0, symbols=others)
    assert [r["state"] for r in stored(first.database, "runs")] == ["ended", "interrupted"]


def test_an_earlier_stream_in_the_same_session_does_not_use_a_later_checkpoint(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    demo(tmp_path, session="maker", duration_s=60.0, record=tape)
    options: dict[str, Any] = {"kind": "paper", "market": "replay", "tapes": (tape,), "session": "same"}
    first = run(tmp_path, **options)
    second = run(tmp_path, **options)

    assert "checkpoint_ignored" in audits(second.database, 2)
    assert second.summary["ticks"] == first.summary["ticks"]


def test_a_fresh_start_forgets_wallet_and_checkpoint(tmp_path: Path) -> None:
    demo(tmp_path, session="paper", duration_s=60.0)

    again = demo(tmp_path, session="paper", duration_s=60.0, fresh=True)

    assert again.summary["run"] == 1
    assert again.summary["gaps"] == 0
    assert audits(again.database, 1) == []


def test_a_run_that_fails_says_why_and_the_next_goes_on(tmp_path: Path) -> None:
    tape = tmp_path / "bad.tape"
    market = SyntheticMarket(1, ("BTCUSDT",), DEMO_START_NS, 30.0)
    rows = np.concatenate(list(market.batches()))
    rows["kind"][-10] = 99
    with TapeWriter(tape, TapeHeader(market.instruments)) as writer:
        writer.append(rows)

    with pytest.raises(KernelError):
        run(tmp_path, kind="backtest", market="replay", tapes=(tape,), session="paper")
    second = demo(tmp_path, session="paper", duration_s=10.0)

    failed, fine = stored(second.database, "runs")
    assert (failed["state"], fine["state"]) == ("interrupted", "ended")
    assert "KernelError" in failed["summary"]
