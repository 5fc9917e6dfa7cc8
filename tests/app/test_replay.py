"""Same stream, same decisions: the real recording, a recorded demo session, cut, shifted and damaged."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.app.inspect import signal_lines
from bot.core.enums import Mode
from bot.market.events import Kind
from bot.market.instruments import Instrument
from bot.market.tape import TapeHeader, TapeWriter, open_tape
from tests.conftest import Recorded
from tests.sessions import backtest, decide, demo, rows_of, stored

S = 1_000_000_000
TICK_NS = 10 * S
SHARED = ("decision_hash", "decisions", "rows", "ticks", "commits", "trades_seen", "gaps", "reports")


def figures(summary: dict) -> dict:
    return {name: summary[name] for name in SHARED}


@pytest.fixture(scope="module")
def eventful(demo_session: Recorded) -> tuple[tuple[Instrument, ...], np.ndarray]:
    """The recorded demo until a minute after its first fills, as one array."""
    rows = rows_of(demo_session.tape)
    first_fill_ns = stored(demo_session.result.database, "fills")[0]["now_ns"]
    until = int(np.searchsorted(rows["recv_ns"], first_fill_ns + 60 * S))
    return open_tape(demo_session.tape).header.instruments, rows[:until]


@pytest.fixture(scope="module")
def whole(eventful: tuple[tuple[Instrument, ...], np.ndarray]) -> tuple[str, dict[str, int]]:
    """Hash and counts of the eventful rows fed at once."""
    outcome = decide(eventful[0], [eventful[1]])
    assert outcome.counts["fills"] > 0, "expected a stretch with fills"
    return outcome.hash, outcome.counts


def test_the_real_recording_replays_to_the_same_decisions_and_counts(usdm_tape: Path, tmp_path: Path) -> None:
    first = backtest(tmp_path, usdm_tape, session="one").summary
    again = backtest(tmp_path, usdm_tape, session="two").summary

    assert figures(first) == figures(again)
    assert first["gaps"] == first["crossed_commits"] == first["lost_rows"] == 0
    assert first["not_market_prints"] == 0
    # the README of the recording: depth diffs (the first four precede the snapshot), bookTicker, trades
    assert first["trades_seen"] == 21_313
    assert first["commits"] == 6_551 - 4 + 1
    seen = first["source"]["recorded"]
    assert seen["messages"] == {"depthUpdate": 6_551, "bookTicker": 66_089, "trade": 21_313, "snapshot": 1}
    assert seen["level_updates"] == 443_521
    rows = rows_of(usdm_tape)
    assert np.count_nonzero(rows["kind"] == Kind.BBO) == 2 * 66_089
    assert first["rows"] == rows.size


def test_every_awake_card_is_read_every_ten_seconds(usdm_tape: Path, tmp_path: Path) -> None:
    summary = backtest(tmp_path, usdm_tape, session="one").summary

    recv = rows_of(usdm_tape)["recv_ns"]
    ticks = int(recv[-1]) // TICK_NS - int(recv[0]) // TICK_NS
    assert summary["ticks"] == ticks
    awake = [
        [
            name
            for name, card in line["cards"].items()
            if any(card[m.value]["score"] == card[m.value]["score"] for m in Mode)
        ]
        for line in signal_lines(usdm_tape)
    ]
    assert summary["decisions"]["readings"] == sum(len(names) for names in awake)
    # a liquid market with a book and trades from the first tick on; other venues and the contract say nothing
    for names in awake:
        assert {"ob_near", "ob_deep", "queue", "micro", "thin", "slope", "wall", "trap", "tfi"} <= set(names)
    assert len(set().union(*awake)) >= 14


def test_a_recorded_session_replays_to_its_decisions(demo_session: Recorded, tmp_path: Path) -> None:
    replayed = backtest(tmp_path, demo_session.tape, session="again")

    assert figures(replayed.summary) == figures(demo_session.result.summary)
    for table in ("intents", "plans", "orders", "reports", "fills", "trades", "denials", "equity"):
        assert stored(replayed.database, table) == stored(demo_session.result.database, table), table


def test_the_same_seed_trades_the_same_and_another_differs(demo_session: Recorded, tmp_path: Path) -> None:
    same = demo(tmp_path, session="same", seed=demo_session.seed)
    other = demo(tmp_path, session="other", duration_s=60.0, seed=77)

    assert figures(same.summary) == figures(demo_session.result.summary)
    assert same.summary["decision_hash"] != other.summary["decision_hash"]


@settings(max_examples=12)
@given(data=st.data())
def test_batch_boundaries_change_nothing(
    data: st.DataObject,
    eventful: tuple[tuple[Instrument, ...], np.ndarray],
    whole: tuple[str, dict[str, int]],
) -> None:
    instruments, rows = eventful
    anywhere = data.draw(st.lists(st.integers(1, rows.size - 1), max_size=60))
    # a row that is neither first nor last of its message: the cut falls inside
    inside = np.flatnonzero((rows["kind"][:-1] == Kind.LEVEL) & (rows["kind"][1:] == Kind.LEVEL)) + 1
    messages = data.draw(st.lists(st.sampled_from(inside.tolist()), max_size=60))
    start = data.draw(st.integers(0, rows.size - 300))
    singly = range(start + 1, start + 300) if data.draw(st.booleans()) else ()
    cuts = sorted({*anywhere, *messages, *singly})

    outcome = decide(instruments, np.split(rows, cuts))

    assert (outcome.hash, outcome.counts) == whole


@pytest.mark.parametrize("shift_s", [-2, 2])
def test_shifting_all_exchange_stamps_changes_no_fill_and_no_decision(
    shift_s: int,
    eventful: tuple[tuple[Instrument, ...], np.ndarray],
    whole: tuple[str, dict[str, int]],
) -> None:
    instruments, rows = eventful
    shifted = rows.copy()
    shifted["exch_ns"][shifted["exch_ns"] != 0] += shift_s * S

    outcome = decide(instruments, [shifted])

    assert (outcome.hash, outcome.counts) == whole
    assert outcome.journal.of("fill") == decide(instruments, [rows]).journal.of("fill")


@pytest.mark.parametrize("shift_s", [-2, 2])
def test_shifting_the_real_recording_changes_no_decision(shift_s: int, usdm_tape: Path) -> None:
    instruments = open_tape(usdm_tape).header.instruments
    rows = rows_of(usdm_tape, 120.0)
    shifted = rows.copy()
    shifted["exch_ns"][shifted["exch_ns"] != 0] += shift_s * S

    assert decide(instruments, [shifted]).hash == decide(instruments, [rows]).hash


def surviving_levels(rows: np.ndarray) -> np.ndarray:
    """Indices of LEVEL rows whose quantity is still displayed at the next tick, from a plain look ahead."""
    kept = []
    until: dict[tuple[int, int, int], int] = {}  # when a level is next said anew
    cleared: dict[int, int] = {}
    for i in range(rows.size - 1, -1, -1):
        row = rows[i]
        market, recv_ns = int(row["market"]), int(row["recv_ns"])
        if row["kind"] == Kind.SNAPSHOT:
            cleared[market] = recv_ns
        if row["kind"] != Kind.LEVEL:
            continue
        key = (market, int(row["side"]), int(row["price"]))
        ends = min(until.get(key, 2**62), cleared.get(market, 2**62))
        tick = recv_ns // TICK_NS * TICK_NS + TICK_NS
        if row["value"] > 0 and tick < ends and tick <= rows["recv_ns"][-1]:
            kept.append(i)
        until[key] = recv_ns
    return np.array(sorted(kept))


def test_flipping_one_quantity_changes_the_hash(usdm_tape: Path) -> None:
    instruments = open_tape(usdm_tape).header.instruments
    rows = rows_of(usdm_tape, 30.0)
    honest = decide(instruments, [rows]).hash
    seed = random.randrange(2**32)
    print("seed", seed)

    for at in random.Random(seed).sample(surviving_levels(rows).tolist(), 12):
        flipped = rows.copy()
        flipped["value"][at] += 1.0
        assert decide(instruments, [flipped]).hash != honest, rows[at]


def test_flipping_one_traded_quantity_changes_the_hash(usdm_tape: Path) -> None:
    instruments = open_tape(usdm_tape).header.instruments
    rows = rows_of(usdm_tape, 30.0)
    at = int(np.flatnonzero(rows["kind"] == Kind.TRADE)[100])
    flipped = rows.copy()
    flipped["value"][at] += 1.0

    assert decide(instruments, [flipped]).hash != decide(instruments, [rows]).hash


def test_a_tape_with_one_flipped_quantity_is_told_apart(demo_session: Recorded, tmp_path: Path) -> None:
    tape = open_tape(demo_session.tape)
    rows = rows_of(demo_session.tape, 120.0)
    levels = surviving_levels(rows)
    flipped = rows.copy()
    flipped["value"][levels[levels.size // 2]] += 1.0
    for name, written in (("honest", rows), ("flipped", flipped)):
        with TapeWriter(tmp_path / f"{name}.tape", TapeHeader(tape.header.instruments)) as writer:
            writer.append(written)

    hashes = {
        name: backtest(tmp_path, tmp_path / f"{name}.tape", session=name).summary["decision_hash"]
        for name in ("honest", "flipped")
    }

    assert hashes["honest"] != hashes["flipped"]
