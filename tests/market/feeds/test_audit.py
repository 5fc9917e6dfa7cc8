"""An audit finds what differs, and only that."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.market.events import Kind, RowBuffer
from bot.market.feeds.audit import Ladder, Witness, compare
from bot.market.venues.protocol import Audit

BIDS = {99 - k: 10 + k for k in range(60)}
ASKS = {101 + k: 20 + k for k in range(60)}


def ladder(bids: dict[int, int], asks: dict[int, int]) -> Ladder:
    down, up = sorted(bids, reverse=True), sorted(asks)
    return Ladder(
        np.array(down),
        np.array([float(bids[t]) for t in down]),
        np.array(up),
        np.array([float(asks[t]) for t in up]),
    )


def audit(bids: dict[int, int], asks: dict[int, int], limit: int, ref: int = 7) -> Audit:
    out = RowBuffer()
    out.put(Kind.SNAPSHOT, 1, 1, 0)
    for side, ticks, book in (
        (1, sorted(bids, reverse=True)[:limit], bids),
        (-1, sorted(asks)[:limit], asks),
    ):
        for tick in ticks:
            out.put(Kind.LEVEL, 1, 1, 0, side=side, price=tick, value=float(book[tick]))
    out.put(Kind.COMMIT, 1, 1, 0, ref=ref)
    return Audit(0, "BTCUSDT", ref, 1, out.take())


def message(ref: int, *ticks: int, market: int = 0) -> np.ndarray:
    out = RowBuffer()
    for tick in ticks:
        out.put(Kind.LEVEL, 1, 1, market, side=1, price=tick, value=1.0)
    out.put(Kind.COMMIT, 1, 1, market, ref=ref)
    return out.take()


NOTHING = np.zeros(0, np.int64)


def test_equal_books_agree_as_far_as_the_audit_reaches() -> None:
    found = compare(audit(BIDS, ASKS, 20), ladder(BIDS, ASKS), NOTHING)
    assert (found.compared, found.differing, found.agrees) == (40, 0, True)


@given(st.sets(st.sampled_from(sorted(BIDS)[-20:]), min_size=1, max_size=8))
def test_every_other_size_is_found(ticks: set[int]) -> None:
    ours = BIDS | {tick: BIDS[tick] + 1 for tick in ticks}
    found = compare(audit(BIDS, ASKS, 20), ladder(ours, ASKS), NOTHING)
    assert found.differing == 2 * len(ticks)
    assert not found.agrees


def test_levels_that_should_be_gone_are_found_also_inside_the_spread() -> None:
    found = compare(audit(BIDS, ASKS, 20), ladder(BIDS | {100: 5}, ASKS), NOTHING)
    assert found.differing == 1


def test_what_changed_since_is_left_out() -> None:
    ours = BIDS | {90: 1}
    found = compare(audit(BIDS, ASKS, 20), ladder(ours, ASKS), np.array([90]))
    assert (found.compared, found.differing) == (39, 0)


def test_a_witness_knows_what_changed_after_an_id() -> None:
    witness = Witness(0)
    for rows in (message(5, 90), message(6, 91, 92), message(9, 93), message(9, 50, market=1)):
        witness.note(rows)
    assert witness.touched_since(5).tolist() == [91, 92, 93]
    assert witness.touched_since(9).tolist() == []
    assert witness.covers(5)
    assert not witness.covers(4), "what came before the first message heard is unknown"
