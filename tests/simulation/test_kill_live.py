"""The command itself killed with -9 while it trades over sockets; `scripts.kill_live` does it 200 times."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.kill_live import Killing
from scripts.killing.record import Bare, Record, by_cause

pytestmark = pytest.mark.first

pytest.importorskip("ccxt")

S = 1_000_000_000


@pytest.mark.slow
def test_six_kills_cost_no_fill_no_order_and_no_protection(tmp_path: Path) -> None:
    killing = Killing(tmp_path, seed=5, warm_s=45.0)
    verdict = killing.run(6)
    seconds = [fault for fault in verdict.faults if fault.startswith("unprotected")]  # of a busy machine
    assert [fault for fault in verdict.faults if fault not in seconds] == []
    assert verdict.figures["orders"]["entry"] > 0
    assert killing.checked > 0


def test_a_bare_stretch_is_split_by_the_kill_in_it() -> None:
    bare = [Bare("A", 1 * S, 2 * S), Bare("A", 10 * S, 17 * S), Bare("A", 25 * S, 28 * S)]
    times = by_cause(bare, [0, 13 * S, 26 * S], [12 * S, 24 * S], asked_ns=[1, 15 * S])
    assert (times.up, times.before, times.restart) == ((1.0,), (2.0,), (2.0, 4.0))
    assert times.recovery == (2.0,)


def test_a_stretch_that_begins_while_the_bot_is_loading_counts_from_its_birth() -> None:
    times = by_cause([Bare("A", 11 * S, 14 * S)], [0, 10 * S], [5 * S], asked_ns=[1, 13 * S])
    assert (times.up, times.restart, times.recovery) == ((), (4.0,), (1.0,))


def test_the_record_knows_when_a_position_had_no_stop() -> None:
    def fill(at_s: int, side: str, quantity: str) -> dict[str, object]:
        order = {"x": "TRADE", "s": "A", "S": side, "l": quantity, "L": "1", "n": "0", "rp": "0", "t": at_s}
        return {"at_ns": at_s * S, "event": {"e": "ORDER_TRADE_UPDATE", "o": {**order, "c": "lop-1-en0"}}}

    def stop(at_s: int, status: str, quantity: str) -> dict[str, object]:
        algo = {"X": status, "R": True, "o": "STOP_MARKET", "s": "A", "S": "SELL", "q": quantity, "aid": 1}
        return {"at_ns": at_s * S, "event": {"e": "ALGO_UPDATE", "o": algo}}

    record = Record()
    record.read([fill(1, "BUY", "3"), stop(2, "NEW", "2"), stop(3, "NEW", "3"), fill(4, "BUY", "1")])
    record.read([stop(6, "CANCELED", "3"), fill(9, "SELL", "4")])
    assert [(b.from_ns // S, b.to_ns // S) for b in record.bare] == [(1, 3), (4, 9)]
