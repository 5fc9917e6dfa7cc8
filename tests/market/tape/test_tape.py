from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.core.errors import BadTape
from bot.market.tape import LogWriter, TapeHeader, TapeWriter, open_tape
from bot.market.tape.header import FORMAT_VERSION


@pytest.fixture
def tape_file(tmp_path, header, stream):
    path = tmp_path / "a.tape"
    with TapeWriter(path, header, group_rows=50) as writer:
        writer.append(stream(100))
    return path


def make_missing(path):
    path.unlink()


def make_empty(path):
    path.write_bytes(b"")


def make_gzip(path):
    path.write_bytes(b"\x1f\x8b" + bytes(100))


def make_cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def make_foreign(path):
    pq.write_table(pa.table({"a": [1]}), path)


def make_bad_footer(path):
    data = bytearray(path.read_bytes())
    data[-400:-20] = bytes(380)
    path.write_bytes(data)


def make_directory(path):
    path.unlink()
    path.mkdir()


def make_newer(path):
    with TapeWriter(path, TapeHeader(version=FORMAT_VERSION + 1)):
        pass


def make_newer_log(path):
    path.unlink()
    LogWriter(path, TapeHeader(version=FORMAT_VERSION + 1)).close()


def make_headless_log(path):
    path.unlink()
    LogWriter(path, TapeHeader()).close()
    (path / "000001.log").write_bytes((path / "000001.log").read_bytes()[:30])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (make_missing, "no such tape; check the path"),
        (make_empty, "expected a tape, was another kind of file"),
        (make_gzip, "expected a tape, was another kind of file; make one with `lopside import`"),
        (make_cut, r"expected a complete tape, was cut off at \d+ bytes"),
        (make_foreign, "expected a tape, was another Parquet file"),
        (make_bad_footer, r"the footer is damaged \(bad crc\)"),
        (make_directory, "found no segment"),
        (make_newer, "expected tape format 1, was 2; open it with the Lopside version that wrote it"),
        (make_newer_log, "expected tape format 1, was 2"),
        (make_headless_log, "found no whole header"),
    ],
)
def test_what_is_no_tape_gets_one_clear_message(tape_file, spoil, message):
    spoil(tape_file)
    with pytest.raises(BadTape, match=message) as caught:
        open_tape(tape_file)
    assert str(tape_file) in str(caught.value)
    assert "\n" not in str(caught.value)


def outcome(path, prefetch=False):
    try:
        return np.concatenate(list(open_tape(path).batches(prefetch=prefetch))).tobytes()
    except BadTape as error:
        return str(error)


def test_a_flipped_bit_anywhere_is_noticed_or_harmless(tape_file, stream):
    """Harmless: in a column that is constant or contiguous, which is not read."""
    good, rows = tape_file.read_bytes(), stream(100).tobytes()
    assert outcome(tape_file) == rows
    noticed = 0
    for at in range(1, len(good), 41):
        tape_file.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        found = outcome(tape_file)
        noticed += found != rows
        assert found == rows or str(tape_file) in found
    assert noticed > 100


def test_damage_surfaces_in_the_reader_after_the_sound_batches(tape_file):
    data = bytearray(tape_file.read_bytes())
    place = pq.ParquetFile(tape_file).metadata.row_group(2).column(4)
    data[place.data_page_offset + place.total_compressed_size - 3] ^= 1
    tape_file.write_bytes(data)
    batches = open_tape(tape_file).batches()
    assert [len(next(batches)), len(next(batches))] == [50, 50]
    with pytest.raises(BadTape, match="row group 2 is damaged"):
        next(batches)


def test_batches_can_be_read_again_and_side_by_side(tape_file, stream):
    tape = open_tape(tape_file)
    for left, right in zip(tape.batches(), tape.batches(), strict=True):
        assert left.tobytes() == right.tobytes()
        left["seq"] = 0  # a batch belongs to who reads it
    assert np.concatenate(list(tape.batches())).tobytes() == stream(100).tobytes()


def test_segments_of_different_sessions_are_refused(tmp_path, header, stream):
    for name in ("one", "two"):
        with LogWriter(tmp_path / name, header) as log:
            log.append(stream(5))
    shutil.copy(tmp_path / "two" / "000001.log", tmp_path / "one" / "000002.log")
    with pytest.raises(BadTape, match=r"000002\.log: expected rows after seq 28, starts at 1"):
        open_tape(tmp_path / "one")


def test_one_segment_can_be_opened_by_itself(tmp_path, header, stream):
    with LogWriter(tmp_path / "log", header) as log:
        log.append(stream(5))
    tape = open_tape(tmp_path / "log" / "000001.log")
    assert np.concatenate(list(tape.batches())).tobytes() == stream(5).tobytes()
