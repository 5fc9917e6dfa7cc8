from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BadInput, BadTape, SessionLocked
from bot.market.events import empty_rows
from bot.market.tape import LogWriter, TapeHeader, compact, compact_segment, number_rows, open_tape


def numbered(first: int, n: int) -> np.ndarray:
    """Rows whose content follows from their seq."""
    rows = number_rows(empty_rows(n), first)
    rows["recv_ns"] = rows["seq"] * 1000
    rows["value"] = rows["seq"] * 0.5
    rows["kind"] = 4
    return rows


def contents(path: Path) -> np.ndarray:
    return np.concatenate([empty_rows(0), *open_tape(path).batches()])


def names(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir())


@given(sizes=st.lists(st.tuples(st.integers(1, 30), st.sampled_from("-fsrc")), max_size=12))
def test_what_was_appended_is_read_back_however_it_was_flushed(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    seq = 1
    with LogWriter(folder, TapeHeader()) as log:
        for n, action in sizes:
            log.append(numbered(seq, n))
            seq += n
            if action in "rc":
                log.rotate()
            if action == "c":
                log.compact()
            if action == "s":
                log.sync()
            if action == "f":
                log.flush()
    assert contents(folder).tobytes() == numbered(1, seq - 1).tobytes()


def test_flush_makes_rows_readable_while_writing_goes_on(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 3))
        assert (log.waiting_rows, log.flushed_seq, open_tape(tmp_path).row_count) == (3, 0, 0)
        log.flush()
        assert (log.waiting_rows, log.flushed_seq, log.synced_seq) == (0, 3, 0)
        tape = open_tape(tmp_path)
        log.append(numbered(4, 2))
        log.sync()
        assert log.synced_seq == 5
        assert sum(map(len, tape.batches())) == tape.row_count == 3  # fixed when it was opened
    assert open_tape(tmp_path).header == header


def test_a_full_frame_is_flushed_unasked(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 150_000))
        assert log.flushed_seq == 150_000
    assert contents(tmp_path).tobytes() == numbered(1, 150_000).tobytes()


def test_a_full_segment_is_rotated_at_a_flush(tmp_path, header):
    with LogWriter(tmp_path, header, segment_bytes=2000) as log:
        for first in range(1, 101, 10):
            log.append(numbered(first, 10))
            log.flush()
    assert names(tmp_path) == ["000001.log", "000002.log", "000003.log", "000004.log"]
    assert contents(tmp_path).tobytes() == numbered(1, 100).tobytes()


def test_compaction_changes_no_row_and_removes_the_log(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 50))
        closed = log.rotate()
        log.append(numbered(51, 50))
        log.flush()
        assert log.compact() == [tmp_path / "000001.parquet"]
        assert not closed.exists()
        assert names(tmp_path) == ["000001.parquet", "000002.log"]
        assert contents(tmp_path).tobytes() == numbered(1, 100).tobytes()
    assert compact(tmp_path) == [tmp_path / "000002.parquet"]
    tape = open_tape(tmp_path)
    assert contents(tmp_path).tobytes() == numbered(1, 100).tobytes()
    assert tape.headers == (header, header)


def test_a_tape_opened_before_compaction_still_reads(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 50))
    tape = open_tape(tmp_path)
    compact(tmp_path)
    assert np.concatenate(list(tape.batches())).tobytes() == numbered(1, 50).tobytes()


def test_reading_from_a_seq_goes_across_segments(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        for first in (1, 41, 81):
            log.append(numbered(first, 40))
            log.rotate()
        log.compact()
        log.append(numbered(121, 40))
    for first in (0, 40, 41, 100, 130, 160, 161):
        rows = np.concatenate([empty_rows(0), *open_tape(tmp_path).batches(first_seq=first)])
        assert rows["seq"].tolist() == list(range(max(first, 1), 161))


def test_crash_between_compaction_and_removal_counts_rows_once(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 9))
    before = (tmp_path / "000001.log").read_bytes()
    compact_segment(tmp_path / "000001.log")
    (tmp_path / "000001.log").write_bytes(before)
    (tmp_path / "000002.parquet.partial").write_bytes(b"PAR1")
    assert contents(tmp_path).tobytes() == numbered(1, 9).tobytes()
    with LogWriter(tmp_path, header) as log:
        assert (log.recovered.last_seq, log.recovered.last_recv_ns) == (9, 9000)
    assert names(tmp_path) == ["000001.parquet", "000002.log"]


def test_a_restart_goes_on_behind_what_is_there(tmp_path, header):
    for first in (1, 11, 21):
        with LogWriter(tmp_path, header) as log:
            assert log.recovered.last_seq == first - 1
            if first > 1:
                with pytest.raises(BadInput, match="expected a seq above"):
                    log.append(numbered(first - 1, 1))
            log.append(numbered(first, 10))
    assert contents(tmp_path).tobytes() == numbered(1, 30).tobytes()


def test_a_tail_torn_at_any_byte_costs_only_the_last_frame(tmp_path, header):
    with LogWriter(tmp_path / "whole", header) as log:
        log.append(numbered(1, 4))
        log.sync()
        last_frame = log.segment.stat().st_size
        log.append(numbered(5, 2))
    whole = (tmp_path / "whole" / "000001.log").read_bytes()
    folder = tmp_path / "torn"
    folder.mkdir()
    for cut in range(last_frame, len(whole)):
        (folder / "000001.log").write_bytes(whole[:cut])
        (folder / "000002.log").unlink(missing_ok=True)
        tape = open_tape(folder)
        assert (tape.row_count, tape.torn_bytes) == (4, cut - last_frame)
        with LogWriter(folder, header) as log:
            assert (log.recovered.last_seq, log.recovered.torn_bytes) == (4, cut - last_frame)
            log.append(numbered(5, 3))
        assert contents(folder).tobytes() == numbered(1, 7).tobytes()
        assert open_tape(folder).torn_bytes == 0


def test_a_lost_page_in_what_was_never_synced_is_a_torn_tail(tmp_path, header):
    """After a power cut a later page may be on disk while an earlier one is zeros."""
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 4))
        log.sync()
        start = log.segment.stat().st_size
        for first in (5, 9, 13):
            log.append(numbered(first, 4))
            log.flush()
    blank(tmp_path / "000001.log", start, 100)
    assert open_tape(tmp_path).row_count == 4
    with LogWriter(tmp_path, header) as log:
        assert log.recovered.last_seq == 4


def blank(path: Path, at: int, n: int) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + n] = bytes(n)
    path.write_bytes(data)


def test_damage_in_what_was_synced_is_an_error_at_every_byte(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        start = log.segment.stat().st_size
        log.append(numbered(1, 1))
        log.sync()
        end = log.segment.stat().st_size
        log.append(numbered(2, 1))
    good = (tmp_path / "000001.log").read_bytes()
    for at in range(start, end):
        (tmp_path / "000001.log").write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])
        with pytest.raises(BadTape, match=f"frame at byte {start} is damaged"):
            open_tape(tmp_path)


def test_a_closed_segment_may_not_be_torn(tmp_path, header):
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 9))
        closed = log.rotate()
    closed.write_bytes(closed.read_bytes()[:-1])
    with pytest.raises(BadTape, match=r"000001\.log: the frame at byte \d+ is damaged"):
        open_tape(tmp_path)
    with pytest.raises(BadTape, match="damaged"):
        compact_segment(closed)
    assert closed.exists()


def test_a_full_disk_keeps_the_rows_and_leaves_no_half_frame(tmp_path, header):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LogWriter(tmp_path, header) as log:
        log.append(numbered(1, 2))
        log.flush()
        size = log.segment.stat().st_size
        log.append(numbered(3, 40))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                log.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (log.segment.stat().st_size, log.flushed_seq, log.waiting_rows) == (size, 2, 40)
        log.flush()
    assert contents(tmp_path).tobytes() == numbered(1, 42).tobytes()


def test_rows_that_could_not_be_compacted_are_refused_at_once(tmp_path, header):
    rows = numbered(1, 2)
    rows["price"][1] = -(2**31) - 1
    with LogWriter(tmp_path, header) as log:
        with pytest.raises(BadInput, match="within 32 bits of ticks"):
            log.append(rows)
        assert log.waiting_rows == 0
        log.append(numbered(1, 1))
    assert compact(tmp_path) == [tmp_path / "000001.parquet"]


def test_two_writers_cannot_share_a_directory(tmp_path, header):
    with LogWriter(tmp_path, header), pytest.raises(SessionLocked, match="another process is recording"):
        LogWriter(tmp_path, header)
    LogWriter(tmp_path, header).close()


def test_another_market_table_is_refused(tmp_path, header):
    LogWriter(tmp_path, header).close()
    with pytest.raises(BadInput, match="other markets or instrument versions"):
        LogWriter(tmp_path, TapeHeader(header.instruments[:1]))
    LogWriter(tmp_path, header).close()  # the refused one holds no lock


CHILD = """
import sys
import numpy as np
from bot.market.events import empty_rows
from bot.market.tape import LogWriter, TapeHeader

rng = np.random.default_rng(5)
log = LogWriter(sys.argv[1], TapeHeader(), segment_bytes=40_000)
seq = log.recovered.last_seq + 1
while True:
    rows = empty_rows(int(rng.integers(1, 60)))
    rows["seq"] = np.arange(seq, seq + len(rows))
    rows["recv_ns"] = rows["seq"] * 1000
    rows["value"] = rows["seq"] * 0.5
    rows["kind"] = 4
    seq += len(rows)
    log.append(rows)
    if rng.random() < 0.5:
        log.flush()
        print(log.flushed_seq, flush=True)
    if rng.random() < 0.02:
        log.compact()
"""


def killed_after(folder: Path, lines: int, repo: Path) -> int:
    """Run a recorder until it has reported that many flushes, then kill −9; the last seq it reported."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True, cwd=repo
    ) as child:
        assert child.stdout is not None
        for _ in range(lines):
            reported = child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        reported = (child.stdout.read().splitlines() or [reported])[-1]
    return int(reported.split()[0])


def test_kill_nine_keeps_everything_flushed(tmp_path, repo):
    for lines in (40, 333):  # the second one goes on where the first was killed
        flushed = killed_after(tmp_path, lines, repo)
        rows = contents(tmp_path)
        assert len(rows) >= flushed
        assert rows.tobytes() == numbered(1, len(rows)).tobytes()
    with LogWriter(tmp_path, TapeHeader()) as log:
        assert log.recovered.last_seq == len(rows)
