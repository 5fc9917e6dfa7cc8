from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BadInput
from bot.market.events import EVENT, empty_rows
from bot.market.tape import TapeHeader, TapeWriter, number_rows, open_tape

NASTY = [0.0, -0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, 2.0**31 - 1, 2.0**31, -(2.0**31), 1e300, 5e-324]


@st.composite
def any_rows(draw: st.DrawFn, most: int = 40) -> np.ndarray:
    """Arbitrary bytes in every field that may hold anything, and a legal order."""
    n = draw(st.integers(0, most))
    rows = np.frombuffer(bytearray(draw(st.binary(min_size=56 * n, max_size=56 * n))), EVENT)
    rows["price"] >>= 32
    nasty = draw(st.lists(st.sampled_from(NASTY), max_size=n))
    rows["value"][: len(nasty)] = nasty
    if draw(st.booleans()):
        rows["market"] = 3
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 10**6]), min_size=n, max_size=n))
    rows["seq"] = np.cumsum(np.array(steps, np.int64))
    rows["recv_ns"] = 1_700_000_000_000_000_000 + np.cumsum(rows["recv_ns"] & 0xFFFF)
    return rows


def write(path: Path, rows: np.ndarray, cuts: list[int], group_rows: int = 7) -> None:
    edges = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
    with TapeWriter(path, TapeHeader(), group_rows=group_rows) as writer:
        for start, end in pairwise(edges):
            writer.append(rows[start:end])


def read(path: Path, **options: object) -> np.ndarray:
    parts = list(open_tape(path).batches(**options))  # type: ignore[arg-type]
    for part in parts:
        assert part.dtype == EVENT
        assert part.flags.c_contiguous
        assert part.flags.writeable
        assert part.flags.aligned
        assert len(part)
    return np.concatenate([empty_rows(0), *parts])


@given(rows=any_rows(), cuts=st.lists(st.integers(0, 40), max_size=4), group=st.integers(1, 16))
def test_every_bit_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray, cuts: list[int], group: int
) -> None:
    path = tmp_path_factory.mktemp("tape") / "a.tape"
    write(path, rows, cuts, group)
    assert read(path, prefetch=False).tobytes() == rows.tobytes()


@given(rows=any_rows(), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_the_file_does_not_depend_on_how_rows_came_in(
    tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("tape")
    write(folder / "a.tape", rows, cuts)
    write(folder / "b.tape", rows, [])
    assert (folder / "a.tape").read_bytes() == (folder / "b.tape").read_bytes()


@given(rows=any_rows(), first=st.integers(-1, 60))
def test_reading_from_a_seq_leaves_out_what_is_before(
    tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray, first: int
) -> None:
    path = tmp_path_factory.mktemp("tape") / "a.tape"
    write(path, rows, [])
    wanted = rows[rows["seq"] >= first]
    assert read(path, first_seq=first, prefetch=False).tobytes() == wanted.tobytes()


def test_counts_and_span_are_known_without_reading_rows(tmp_path, header, stream):
    rows = np.concatenate([stream(10), stream(20, first_seq=1000, market=1)])
    rows["recv_ns"] = np.maximum.accumulate(rows["recv_ns"])
    with TapeWriter(tmp_path / "a.tape", header) as writer:
        writer.append(rows)
    tape = open_tape(tmp_path / "a.tape")
    assert tape.row_count == len(rows)
    assert tape.span() == (int(rows["recv_ns"].min()), int(rows["recv_ns"].max()))
    assert tape.counts_by_kind() == {k: int((rows["kind"] == k).sum()) for k in np.unique(rows["kind"])}
    assert tape.tally.counts[1, 4] == 20


def test_markets_beyond_the_small_table_are_counted(tmp_path):
    rows = number_rows(empty_rows(5), 1)
    rows["market"] = [0, 65_535, 300, 300, 0]
    rows["kind"] = 4
    with TapeWriter(tmp_path / "a.tape", TapeHeader()) as writer:
        writer.append(rows)
    assert open_tape(tmp_path / "a.tape").tally.counts == {(0, 4): 2, (300, 4): 2, (65_535, 4): 1}


def test_header_can_be_amended_at_close(tmp_path, header):
    writer = TapeWriter(
        tmp_path / "a.tape", TapeHeader(has_timers=True, provenance={"tool": "x", "lines": 0})
    )
    writer.close(provenance={"lines": 9, "kinds": {"trade": 3}}, instruments=header.instruments)
    found = open_tape(tmp_path / "a.tape").header
    assert found == TapeHeader(header.instruments, True, {"tool": "x", "lines": 9, "kinds": {"trade": 3}})


def test_an_empty_tape_is_a_tape(tmp_path, header):
    with TapeWriter(tmp_path / "a.tape", header):
        pass
    tape = open_tape(tmp_path / "a.tape")
    assert (tape.row_count, tape.span(), list(tape.batches())) == (0, None, [])


def interrupted(path: Path, header: TapeHeader, rows: np.ndarray) -> None:
    with TapeWriter(path, header, group_rows=16) as writer:
        writer.append(rows)
        raise RuntimeError("stop")


def test_an_exception_leaves_nothing(tmp_path, header, stream):
    with pytest.raises(RuntimeError, match="stop"):
        interrupted(tmp_path / "a.tape", header, stream(10))
    assert list(tmp_path.iterdir()) == []


def test_a_failing_close_leaves_nothing(tmp_path, header):
    writer = TapeWriter(tmp_path / "a.tape", header)
    with pytest.raises(TypeError):
        writer.close(provenance={"not json": object()})
    assert list(tmp_path.iterdir()) == []


def test_the_old_tape_stays_until_the_new_one_is_complete(tmp_path, header, stream):
    path = tmp_path / "a.tape"
    write(path, stream(3), [])
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="stop"):
        interrupted(path, header, stream(30))
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_one_clear_message(tmp_path, header):
    with pytest.raises(BadInput, match="cannot write a tape here"):
        TapeWriter(tmp_path / "none" / "a.tape", header)


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("seq", [5, 5], "expected a seq above 5, was 5"),
        ("seq", [6, 4], "expected a seq above 6, was 4"),
        ("recv_ns", [9, 8], "seq 2 was received before seq 1"),
        ("price", [0, 2**31], "within 32 bits of ticks, was 2147483648"),
    ],
)
def test_rows_that_break_the_order_or_range_are_refused(tmp_path, header, field, values, message):
    rows = number_rows(empty_rows(2), 1)
    rows[field] = values
    with pytest.raises(BadInput, match=message), TapeWriter(tmp_path / "a.tape", header) as writer:
        writer.append(rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("field", "shift"), [("seq", -1), ("recv_ns", -1)])
def test_order_holds_between_batches(tmp_path, header, field, shift):
    first, second = number_rows(empty_rows(1), 7, 100), number_rows(empty_rows(1), 8, 100)
    second[field] += shift
    with TapeWriter(tmp_path / "a.tape", header) as writer:
        writer.append(first)
        with pytest.raises(BadInput):
            writer.append(second)
        writer.append(number_rows(empty_rows(1), 8, 100))
    assert open_tape(tmp_path / "a.tape").row_count == 2


def test_numbering_clamps_receive_time_and_goes_on():
    rows = empty_rows(4)
    rows["recv_ns"] = [5, 3, 9, 8]
    number_rows(rows, 11, last_recv_ns=6)
    assert rows["seq"].tolist() == [11, 12, 13, 14]
    assert rows["recv_ns"].tolist() == [6, 6, 9, 9]


def test_other_tools_can_read_value_from_lots_and_reading(tmp_path):
    rows = number_rows(empty_rows(3), 1)
    rows["value"] = [12.0, 0.25, -0.0]
    write(tmp_path / "a.tape", rows, [])
    table = pq.read_table(tmp_path / "a.tape").to_pydict()
    assert table["lots"] == [12, 0, 0]
    assert table["reading"] == [None, 0.25, 0.0]


def test_a_book_stream_takes_few_bytes(tmp_path, stream):
    rows = stream(20_000)
    rng = np.random.default_rng(7)
    rows["price"] += rng.integers(-500, 500, len(rows)) * (rows["price"] > 0)
    rows["value"] = np.where(rows["kind"] == 2, rng.integers(0, 5000, len(rows)), 0)
    write(tmp_path / "a.tape", rows, [], group_rows=65_536)
    assert (tmp_path / "a.tape").stat().st_size < 9 * len(rows)


def test_header_survives_json(header):
    assert TapeHeader.from_json(header.to_json(), "x") == header
    assert json.loads(header.to_json())["version"] == 1
