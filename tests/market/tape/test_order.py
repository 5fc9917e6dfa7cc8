"""Which rows may follow which, against a plain check row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BadInput
from bot.market.events import MAX_TICK, empty_rows
from bot.market.tape.order import Order, Tally

STEPS = st.integers(-1, 2)
PRICES = st.sampled_from([0, 1, MAX_TICK, -MAX_TICK - 1, MAX_TICK + 1, -MAX_TICK - 2])


@st.composite
def streams(draw: st.DrawFn) -> np.ndarray:
    rows = empty_rows(draw(st.integers(1, 12)))
    rows["seq"] = np.cumsum([draw(STEPS) for _ in rows]) + 5
    rows["recv_ns"] = np.cumsum([draw(STEPS) for _ in rows])
    rows["price"] = [draw(st.one_of(st.just(7), PRICES)) for _ in rows]
    rows["market"] = [draw(st.sampled_from([0, 1, 300])) for _ in rows]
    return rows


def fits(row: np.void, before: np.void | None) -> bool:
    if not -(2**31) <= int(row["price"]) < 2**31:
        return False
    return before is None or bool(row["seq"] > before["seq"] and row["recv_ns"] >= before["recv_ns"])


def first_wrong(rows: np.ndarray) -> int:
    """Plainly; how many rows when none is."""
    before = None
    for at, row in enumerate(rows):
        if not fits(row, before):
            return at
        before = row
    return len(rows)


@given(streams(), st.lists(st.integers(1, 11), max_size=4))
def test_rows_are_refused_where_the_order_breaks_whatever_the_batches(
    rows: np.ndarray, cuts: list[int]
) -> None:
    order, wrong, at = Order(), first_wrong(rows), 0
    for end in [*sorted({c for c in cuts if c < len(rows)}), len(rows)]:
        if wrong < end:
            with pytest.raises(BadInput, match=f"seq {rows['seq'][wrong]}|was {rows['seq'][wrong]};"):
                order.follow(rows[at:end])
            assert at == 0 or (order.last_seq, order.last_recv_ns) == (
                rows["seq"][at - 1],
                rows["recv_ns"][at - 1],
            ), "a batch that is refused changes nothing"
            return
        order.follow(rows[at:end])
        at = end
    assert (order.last_seq, order.last_recv_ns) == (rows["seq"][-1], rows["recv_ns"][-1])


@given(streams())
def test_a_tally_refuses_the_same_rows_and_counts_the_rest(rows: np.ndarray) -> None:
    sound, tally = rows[: first_wrong(rows)], Tally()
    for row in sound:
        tally.add(row.reshape(1))
    if len(sound):
        assert (tally.rows, tally.first_seq, tally.last_seq) == (
            len(sound),
            sound["seq"][0],
            sound["seq"][-1],
        )
        assert sum(tally.counts.values()) == len(sound)
    if len(sound) < len(rows):
        with pytest.raises(BadInput):
            tally.add(rows[len(sound) :][:1])


def test_rows_behind_a_restart_follow_what_was_there() -> None:
    rows = empty_rows(1)
    rows["seq"], rows["recv_ns"] = 8, 100
    Order(7, 100).follow(rows)
    with pytest.raises(BadInput, match="expected a seq above 8, was 8"):
        Order(8, 100).follow(rows)
    with pytest.raises(BadInput, match="seq 8 was received before the row before it"):
        Order(7, 101).follow(rows)


def test_rows_of_another_kind_and_rows_with_holes_between_are_no_trap() -> None:
    rows = empty_rows(6)
    rows["seq"] = range(1, 7)
    with pytest.raises(BadInput, match="expected EVENT rows"):
        Order().follow(np.zeros(3))
    order = Order()
    order.follow(rows[::2])  # not contiguous
    assert order.last_seq == 5
