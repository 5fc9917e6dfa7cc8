from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.events import Flag, Kind, empty_rows
from bot.market.tape import LogWriter, TapeWriter, open_tape, verify
from bot.market.tape.checks import Check, RowChecks
from bot.market.tape.ladders import LadderChecks, PlainLadder

# Of `stream`: rows 0-7 the snapshot, then level, level, commit, trade.
LEVEL, ASK, COMMIT, TRADE = 8, 9, 10, 11


def spoilt(rows: np.ndarray, at: int, **fields: float) -> np.ndarray:
    rows = rows.copy()
    for name, value in fields.items():
        rows[name][at] = value
    return rows


def checked(rows: np.ndarray, header, parts: int = 1) -> RowChecks:
    checks = RowChecks(len(header.instruments), header.has_timers)
    for part in np.array_split(rows, parts):
        checks.add(part)
    return checks


def test_a_sound_stream_has_no_finding(tmp_path, header, stream):
    rows = stream(50)
    with TapeWriter(tmp_path / "a.tape", header) as writer:
        writer.append(rows)
    report = verify(open_tape(tmp_path / "a.tape"), deep=True)
    assert report.ok
    assert report.findings == ()
    assert report.rows == len(rows)
    assert report.crossed_count == 0
    assert report.counts == {"binance-usdm:BTCUSDT": {"snapshot": 1, "level": 106, "commit": 51, "trade": 50}}
    assert json.loads(json.dumps(asdict(report)))["counts"] == report.counts


@pytest.mark.parametrize(
    ("at", "fields", "check"),
    [
        (LEVEL, {"seq": 3}, Check.SEQ_BACK),
        (TRADE, {"recv_ns": 5}, Check.RECV_BACK),
        (COMMIT, {"kind": Kind.TRADE, "side": 1}, Check.UNFINISHED),
        (COMMIT, {"exch_ns": 5}, Check.UNFINISHED),
        (COMMIT, {"market": 1}, Check.UNFINISHED),
        (ASK, {"kind": Kind.SNAPSHOT}, Check.UNFINISHED),
        (ASK, {"kind": Kind.BBO}, Check.UNFINISHED),
        (COMMIT, {"flags": Flag.BBO}, Check.COMMIT_FLAG),
        (TRADE, {"kind": 0}, Check.UNKNOWN_KIND),
        (TRADE, {"kind": 18}, Check.UNKNOWN_KIND),
        (TRADE, {"market": 2}, Check.UNKNOWN_MARKET),
        (LEVEL, {"side": 0}, Check.BAD_SIDE),
        (TRADE, {"side": 3}, Check.BAD_SIDE),
        (LEVEL, {"price": -1}, Check.BAD_PRICE),
        (TRADE, {"price": 2**31}, Check.BAD_PRICE),
        (LEVEL, {"value": -0.5}, Check.BAD_VALUE),
        (LEVEL, {"value": np.nan}, Check.BAD_VALUE),
        (TRADE, {"value": np.inf}, Check.BAD_VALUE),
        (TRADE, {"kind": Kind.TIMER}, Check.STRAY_TIMER),
        (7, {"seq": 9}, Check.SEQ_HOLE),
    ],
)
@pytest.mark.parametrize("parts", [1, 3, 1000])
def test_each_check_sees_its_fault_wherever_batches_end(header, stream, at, fields, check, parts):
    checks = checked(spoilt(stream(20), at, **fields), header, parts)
    assert checks.count[check] >= 1
    whole = checked(spoilt(stream(20), at, **fields), header)
    assert checks.count.tolist() == whole.count.tolist()
    assert checks.first_seq.tolist() == whole.first_seq.tolist()


@pytest.mark.parametrize(
    "fields",
    [
        {"side": 0, "flags": Flag.NO_SIDE},
        {"kind": Kind.MARK, "value": -1.5, "side": 0},
        {"kind": Kind.GAP},
        {"price": 2**31 - 1},
        {"value": 0.0},
    ],
)
def test_what_is_allowed_is_no_fault(header, stream, fields):
    checks = checked(spoilt(stream(1), TRADE, **fields), header)
    assert not checks.count.any()


def test_empty_messages_are_allowed(header):
    rows = empty_rows(3)
    rows["seq"] = [1, 2, 3]
    rows["kind"] = [Kind.COMMIT, Kind.SNAPSHOT, Kind.COMMIT]
    assert not checked(rows, header).count.any()


def test_timers_belong_where_the_header_says_so(header, stream):
    rows = spoilt(stream(1), TRADE, kind=Kind.TIMER, market=65_535)
    assert not checked(rows, replace(header, has_timers=True)).count.any()


def test_levels_are_early_before_a_snapshot_and_stale_after_a_gap_or_loss(header, stream):
    rows = stream(3)
    rows["kind"][0] = Kind.COMMAND
    assert checked(rows, header).count[Check.EARLY_LEVEL] == 12
    for kind in (Kind.GAP, Kind.LOST):
        assert checked(spoilt(stream(3), TRADE, kind=kind), header).count[Check.STALE_LEVEL] == 4
    other = checked(spoilt(stream(3), TRADE, kind=Kind.GAP, market=1), header)
    assert other.count[Check.STALE_LEVEL] == 0


def test_gaps_losses_holes_and_faults_are_told_apart(tmp_path, header, stream):
    rows = stream(10)
    rows["kind"][TRADE] = Kind.GAP
    rows["kind"][TRADE + 4] = Kind.LOST
    rows["value"][TRADE + 4] = 120
    rows["side"][TRADE + 8] = 0
    rows["seq"][TRADE + 8 :] += 5
    with TapeWriter(tmp_path / "a.tape", header) as writer:
        writer.append(rows[:-2])
    report = verify(open_tape(tmp_path / "a.tape"))
    assert not report.ok
    assert [(m.seq, m.market) for m in report.gaps] == [(rows["seq"][TRADE], 0)]
    assert [(m.recv_ns, m.value) for m in report.lost] == [(rows["recv_ns"][TRADE + 4], 120.0)]
    assert (report.gap_count, report.lost_rows, report.missing_seq) == (1, 120.0, 5)
    assert [(f.fault, f.text) for f in report.findings] == [
        (True, "1 rows with neither a buy nor a sell side (first at seq 25)"),
        (False, "18 levels between a gap or loss and the next snapshot (first at seq 13)"),
        (False, "the tape ends inside a message: its last rows have no COMMIT"),
        (False, "5 seq numbers in 1 holes are not on the tape: records of the journal, or rows lost"),
        (False, "1 gaps of the feed"),
        (False, "the recorder lost 120 rows in 1 places"),
    ]


def test_a_torn_tail_is_told_and_is_no_fault(tmp_path, header, stream):
    with LogWriter(tmp_path, header) as log:
        log.append(stream(5))
    with (tmp_path / "000001.log").open("ab") as file:
        file.write(b"half a frame")
    report = verify(open_tape(tmp_path))
    assert report.ok
    assert report.torn_bytes == 12
    assert "12 bytes of an unfinished frame" in report.findings[0].text


def test_a_missing_segment_is_a_fault(tmp_path, header, stream):
    rows = stream(9)
    with LogWriter(tmp_path, header) as log:
        for part in np.array_split(rows, 3):
            log.append(part)
            log.rotate()
    (tmp_path / "000002.log").unlink()
    report = verify(open_tape(tmp_path))
    assert not report.ok
    assert report.findings[0].text.startswith("segment 000002 is missing")


def test_a_crossed_ladder_is_found_at_its_commit_only_while_synchronised(tmp_path, header, stream):
    rows = spoilt(stream(5), LEVEL, price=1001, value=2.0)
    with TapeWriter(tmp_path / "a.tape", header) as writer:
        writer.append(rows)
    tape = open_tape(tmp_path / "a.tape")
    assert verify(tape).crossed_count is None
    report = verify(tape, deep=True)
    assert report.crossed_count == 5
    assert "leave the ladder crossed (first at seq 11 of binance-usdm:BTCUSDT)" in report.findings[0].text
    for kind in (Kind.GAP, Kind.LOST):
        ladders = LadderChecks(9)
        ladders.add(spoilt(rows, TRADE, kind=kind))
        assert (ladders.crossed_count, ladders.crossed, ladders.commits) == (1, [(11, 0)], 2)


@given(
    st.lists(
        st.tuples(st.sampled_from([1, -1]), st.integers(0, 12), st.sampled_from([0.0, 1.0, 2.5])),
        max_size=200,
    )
)
def test_the_best_of_a_plain_ladder_is_its_extreme(changes: list[tuple[int, int, float]]) -> None:
    ladder = PlainLadder()
    bids: set[int] = set()
    asks: set[int] = set()
    for side, price, lots in changes:
        ladder.set(side, price, lots)
        (bids if side > 0 else asks).discard(price)
        if lots:
            (bids if side > 0 else asks).add(price)
        assert ladder.crossed() == (bool(bids) and bool(asks) and max(bids) >= min(asks))
