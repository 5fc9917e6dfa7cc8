import struct

import numpy as np
import pytest

from bot.market.events import EVENT, Flag, Kind, RowBuffer, empty_rows


def put_number(out: RowBuffer, n: int) -> None:
    out.put(Kind.TRADE, n, n + 1, 3, side=-1, price=n + 2, value=n + 0.5, ref=n + 4, flags=Flag.AGGREGATE)


def test_put_fills_every_field() -> None:
    out = RowBuffer()
    put_number(out, 10)
    (row,) = out.take()
    assert row.tolist() == (0, 10, 11, 14, 12, 10.5, 3, Kind.TRADE, -1, Flag.AGGREGATE)


def test_rows_keep_their_order_through_both_ways_in() -> None:
    out = RowBuffer(capacity=1)
    put_number(out, 1)
    room = out.room(40)
    room[:40] = empty_rows(40)
    room["recv_ns"][:40] = np.arange(2, 42)
    out.keep(30)
    out.extend(np.array([(0, 32, 0, 0, 0, 0.0, 0, Kind.GAP, 0, 0)], EVENT))
    put_number(out, 33)
    assert len(out) == 33
    assert out.take()["recv_ns"].tolist() == list(range(1, 34))


def test_rows_that_are_not_kept_never_existed() -> None:
    out = RowBuffer()
    out.room(5)["recv_ns"][:5] = 7
    assert len(out) == 0
    assert len(out.take()) == 0


def test_taken_rows_are_not_touched_by_what_comes_after() -> None:
    out = RowBuffer()
    put_number(out, 1)
    taken = out.take()
    put_number(out, 2)
    assert taken["recv_ns"].tolist() == [1]
    assert out.take()["recv_ns"].tolist() == [2]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_that_does_not_fit_is_refused_and_appends_nothing(number: int) -> None:
    out = RowBuffer()
    with pytest.raises(struct.error):
        out.put(Kind.TRADE, 1, 1, 0, ref=number)
    assert len(out) == 0
