"""The compiled loop by itself: where it stops, what it applies before, what each row may touch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.enums import Trust
from bot.engine.kernel import Ctl, State, Stop, advance, new_state
from bot.execution.paper import PaperVenue
from bot.market import book as ladder
from bot.market.events import RAW, Flag, Kind, empty_rows
from bot.market.trust import trust_of
from tests.engine.world import ASKS, BIDS, MS, REPORT_NS, S, Stream, opened
from tests.trading import LINEAR, OTHER, T0

MARKETS = (LINEAR, OTHER)
WIDE = (1 << 17) - 1


def steps(state: State, rows: np.ndarray) -> Iterator[tuple[Stop, int, State]]:
    """Each stop with the index of the first row not applied, the last one END; growth is answered."""
    at, stop = 0, None
    while stop is not Stop.END:
        at = advance(state, rows, at)
        stop = Stop(int(state.ctl[Ctl.STOP]))
        if stop is Stop.GROW:
            state = state.with_books(ladder.grow(state.books, int(rows[at]["price"])))
        yield stop, at, state


def run(state: State, rows: np.ndarray) -> State:
    """All rows, whatever stops the loop; timers and deadlines must be off."""
    return list(steps(state, rows))[-1][2]


def arrays(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    else:
        for part in value.tables if isinstance(value, State) else value:
            yield from arrays(part)


def image(*parts: Any) -> list[bytes]:
    return [array.tobytes() for array in arrays(parts)]


def heads_but(state: State, *changing: str) -> dict[str, bytes]:
    """Every field of every head, without those whose names begin so."""
    names = state.heads.dtype.names or ()
    return {n: state.heads[n].tobytes() for n in names if not n.startswith(changing)}


def book_of(state: State, market: int = 0) -> tuple[dict[int, float], dict[int, float]]:
    sides = (ladder.levels(state.books, market, side) for side in (ladder.BID, ladder.ASK))
    bids, asks = (dict(zip(ticks.tolist(), lots.tolist(), strict=True)) for ticks, lots in sides)
    return bids, asks


def at_s(seconds: float) -> int:
    return T0 + round(seconds * S)


@pytest.mark.parametrize("first_s", [10.0, 10.000_000_001, 25.0])
def test_a_due_timer_stops_before_the_first_message_at_or_after_it(first_s: float) -> None:
    state = new_state(MARKETS, max_tick=WIDE)
    state.ctl[Ctl.NEXT_TIMER] = at_s(10.0)
    rows = opened(9.999_999_999).book(first_s, {99_991: 5}).rows()
    first = int(np.flatnonzero(rows["price"] == 99_991)[0])

    stops = steps(state, rows)
    assert next(stops)[:2] == (Stop.TIMER, first)
    assert state.ctl[Ctl.TIMER_DUE] == state.ctl[Ctl.NOW] == at_s(10.0)
    assert state.ctl[Ctl.SEQ] == rows["seq"][first - 1]
    assert 99_991 not in book_of(state)[0]
    state.ctl[Ctl.NEXT_TIMER] += 10 * S
    if first_s == 25.0:
        assert next(stops)[:2] == (Stop.TIMER, first)
        assert state.ctl[Ctl.NOW] == at_s(20.0)
        state.ctl[Ctl.NEXT_TIMER] += 10 * S
    assert next(stops)[:2] == (Stop.END, rows.size)
    assert state.ctl[Ctl.NOW] == at_s(first_s)
    assert state.ctl[Ctl.ROWS] == rows.size


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda rows: rows[::2], id="every other row"),
        pytest.param(lambda rows: rows.view(RAW), id="without fields"),
        pytest.param(lambda rows: rows["price"].copy(), id="one column"),
        pytest.param(lambda rows: rows[:2].reshape(1, 2), id="two dimensions"),
    ],
)
def test_what_is_no_run_of_rows_never_reaches_the_machine_code(
    spoil: Callable[[np.ndarray], np.ndarray],
) -> None:
    state = new_state(MARKETS, max_tick=WIDE)

    with pytest.raises((ValueError, TypeError)):
        advance(state, spoil(opened(10.0).rows()), 0)

    assert state.ctl[Ctl.ROWS] == 0


def test_no_rows_change_nothing() -> None:
    state = new_state(MARKETS, max_tick=WIDE)

    assert advance(state, empty_rows(0), 0) == 0
    assert state.ctl[Ctl.STOP] == Stop.END
    assert state.ctl[Ctl.ROWS] == 0


def test_a_batch_that_begins_inside_a_message_finishes_it_before_any_timer() -> None:
    state = new_state(MARKETS, max_tick=WIDE)
    rows = opened(10.0).rows()
    assert advance(state, rows[:3], 0) == 3
    state.ctl[Ctl.NEXT_TIMER] = at_s(10.0)

    assert advance(state, rows, 3) == rows.size
    assert state.ctl[Ctl.STOP] == Stop.END


def test_a_timer_of_the_stream_stops_after_it_with_its_due_time_and_its_arrival() -> None:
    state = new_state(MARKETS, max_tick=WIDE)
    rows = opened(9.0).timer(10.0, 10.25).book(11.0, {99_991: 5}).rows()
    timer = int(np.flatnonzero(rows["kind"] == Kind.TIMER)[0])

    stops = steps(state, rows)
    assert next(stops)[:2] == (Stop.TIMER_ROW, timer + 1)
    assert state.ctl[Ctl.TIMER_DUE] == at_s(10.0)
    assert state.ctl[Ctl.NOW] == at_s(10.25)
    assert next(stops)[:2] == (Stop.END, rows.size)


def when(state: State, stop: Stop) -> None:
    """What Python does about a stop, as far as the loop can tell."""
    if stop is Stop.TIMER:
        state.ctl[Ctl.NEXT_TIMER] = 2**62
    elif stop is Stop.DEADLINE:
        state.ctl[Ctl.DEADLINE] = 2**62


@pytest.mark.parametrize(
    ("timer_s", "deadline_s", "report_s", "order"),
    [
        (10.0, 11.0, 12.0, [Stop.TIMER, Stop.DEADLINE, Stop.REPORTS]),
        (12.0, 11.0, 10.0, [Stop.REPORTS, Stop.DEADLINE, Stop.TIMER]),
        (11.0, 12.0, 10.0, [Stop.REPORTS, Stop.TIMER, Stop.DEADLINE]),
        # at the same instant: what the venue said, what a trade waits for, the cycle that may act on both
        (10.0, 10.0, 10.0, [Stop.REPORTS, Stop.DEADLINE, Stop.TIMER]),
    ],
)
def test_what_falls_due_between_two_messages_comes_in_the_order_of_its_time(
    timer_s: float, deadline_s: float, report_s: float, order: list[Stop]
) -> None:
    venue = PaperVenue(MARKETS)
    state = new_state(MARKETS, mt=venue.mt, max_tick=WIDE)
    due = {Stop.TIMER: at_s(timer_s), Stop.DEADLINE: at_s(deadline_s), Stop.REPORTS: at_s(report_s)}
    state.ctl[Ctl.NEXT_TIMER], state.ctl[Ctl.DEADLINE] = due[Stop.TIMER], due[Stop.DEADLINE]
    # a cancel that names no order is answered after the way there and back
    venue.cancel("nobody", due[Stop.REPORTS] - 10 * MS - REPORT_NS)

    seen = []
    for stop, _, _ in steps(state, opened(1.0).book(30.0, {99_991: 5}).rows()):
        if stop is not Stop.END:
            seen.append(stop)
            assert state.ctl[Ctl.NOW] == due[stop]
        if stop is Stop.REPORTS:
            assert len(venue.drain(int(state.ctl[Ctl.NOW]))) == 1
        when(state, stop)
    assert seen == order


@given(st.lists(st.integers(-2_000, 2_000), min_size=1, max_size=12))
@settings(max_examples=20)
def test_receive_stamps_never_go_back(offsets_ms: list[int]) -> None:
    state = new_state(MARKETS, max_tick=WIDE)
    state = run(state, opened(0.0).rows())
    latest = at_s(0.0)
    for n, offset in enumerate(offsets_ms):
        rows = Stream().trade(offset / 1_000, 1, 100_010).rows()
        run(state, rows)
        latest = max(latest, at_s(offset / 1_000))
        head = state.heads[0]
        assert state.ctl[Ctl.NOW] == head["recv_ns"] == head["trade_ns"] == latest
        assert head["trades"] == n + 1


BBO = st.tuples(st.sampled_from([1, -1]), st.integers(99_980, 100_020), st.integers(1, 900))


@given(st.lists(BBO, min_size=1, max_size=8))
@settings(max_examples=20)
def test_a_best_bid_offer_message_never_edits_the_ladder(touches: list[tuple[int, int, int]]) -> None:
    state = run(new_state(MARKETS, max_tick=WIDE), opened(0.0).rows())
    before = image(state.books, state.signals), heads_but(state, "bbo", "recv", "exch")
    stream = Stream()
    told: dict[int, tuple[int, int]] = {}
    for n, (side, price, lots) in enumerate(touches):
        stream.put(0.1 + 0.001 * n, Kind.BBO, side=side, price=price, value=float(lots))
        stream.put(0.1 + 0.001 * n, Kind.COMMIT, flags=int(Flag.BBO), ref=77)
        told[side] = (price, lots)
    run(state, stream.rows())

    assert (image(state.books, state.signals), heads_but(state, "bbo", "recv", "exch")) == before
    head = state.heads[0]
    assert (head["bbo_bid"], head["bbo_bid_lots"]) == told.get(1, (0, 0))
    assert (head["bbo_ask"], head["bbo_ask_lots"]) == told.get(-1, (0, 0))


def test_prints_that_are_no_market_trades_are_counted_and_move_nothing() -> None:
    state = run(new_state(MARKETS, max_tick=WIDE), opened(0.0).trade(0.1, 1, 100_010).rows())
    untouched = "not_market", "recv", "exch"
    before = image(state.books, state.signals, state.matching), heads_but(state, *untouched)
    stream = Stream()
    for n in range(3):
        # far outside the spread, and large
        stream.put(0.2, Kind.TRADE, side=-1, price=90_000 - n, value=1e6, flags=int(Flag.NOT_MARKET))
    run(state, stream.rows())

    assert state.heads[0]["not_market"] == 3
    assert (image(state.books, state.signals, state.matching), heads_but(state, *untouched)) == before


def test_a_print_told_again_is_counted_and_moves_nothing() -> None:
    def prints(*ids: int) -> np.ndarray:
        stream = Stream()
        for n, trade_id in enumerate(ids):
            stream.put(0.2 + 0.001 * n, Kind.TRADE, side=1, price=100_010, value=2.0, ref=trade_id)
        return stream.rows()

    state = run(new_state(MARKETS, max_tick=WIDE), opened(0.0).rows())
    run(state, prints(500, 502, 501))  # one venue's ids need not come in order
    head = state.heads[0]
    assert (head["trades"], head["duplicates"]) == (3, 0)
    untouched = "duplicates", "recv", "exch"
    before = image(state.books, state.signals, state.matching), heads_but(state, *untouched)
    run(state, prints(501, 502, 500, 502))
    assert head["duplicates"] == 4
    assert (image(state.books, state.signals, state.matching), heads_but(state, *untouched)) == before
    run(state, prints(0, 0, 503))  # 0: the venue tells no ids
    assert (head["trades"], head["duplicates"]) == (6, 4)


def test_a_gap_makes_one_book_untrusted_until_the_next_snapshot_is_whole() -> None:
    state = new_state(MARKETS, max_tick=WIDE)
    both = opened(0.0).book(0.0, BIDS, ASKS, market=1, snapshot=True)
    run(state, both.rows())

    def trust(market: int = 0) -> Trust:
        return trust_of(state.heads[market], int(state.ctl[Ctl.NOW]))[0]

    assert (trust(0), trust(1)) == (Trust.TRUSTED, Trust.TRUSTED)
    ((stop, at, _), _) = steps(state, Stream().gap(1.0).rows())
    assert (stop, at) == (Stop.READING, 1)
    assert (trust(0), trust(1)) == (Trust.QUARANTINED, Trust.TRUSTED)

    run(state, Stream().book(1.1, {99_991: 5}).book(1.2, {99_992: 5}).rows())
    assert trust() is Trust.QUARANTINED, "changes cannot mend what was missed"

    snapshot = Stream().book(1.3, BIDS, ASKS, snapshot=True).rows()
    run(state, snapshot[:-1])
    assert trust() is Trust.QUARANTINED, "half a snapshot is none"
    run(state, snapshot[-1:])
    assert trust() is Trust.TRUSTED
    assert book_of(state) == (BIDS, ASKS)
    assert state.heads["gaps"].tolist() == [1, 0]


def test_after_a_gap_the_signals_conclude_nothing_until_the_snapshot() -> None:
    state = run(new_state(MARKETS, max_tick=WIDE), opened(0.0).book(0.1, {99_990: 60}).rows())
    assert state.signals.flow[0]["ofi_total"] == 10.0

    gap = Stream().gap(0.2).book(0.3, {99_990: 5_000}).book(0.4, BIDS, ASKS, snapshot=True)
    run(state, gap.book(0.5, {99_990: 53}).rows())
    assert state.signals.flow[0]["ofi_total"] == 10.0 + 3.0


def test_marks_rates_and_open_interest_land_in_their_market() -> None:
    state = new_state(MARKETS, max_tick=WIDE)
    stream = Stream().put(1.0, Kind.MARK, 1, value=1_000.5).put(1.1, Kind.INDEX, 1, value=1_000.25)
    stream.put(1.2, Kind.FUNDING, 1, value=-0.0001, ref=at_s(3_600)).put(
        1.3, Kind.OPEN_INTEREST, 1, value=7e6
    )
    run(state, stream.rows())

    head = state.heads[1]
    assert (head["mark"], head["mark_ns"], head["index"]) == (1_000.5, at_s(1.0), 1_000.25)
    assert (head["funding_rate"], head["funding_ns"], head["open_interest"]) == (-0.0001, at_s(3_600), 7e6)
    other = state.heads[0]
    assert np.isnan([other["mark"], other["index"], other["funding_rate"], other["open_interest"]]).all()


PRICES = st.sampled_from([500, 1_023, 1_024, 4_000, 70_000, 131_071, 131_072, 1_000_000])
LEVELS = st.lists(st.tuples(st.sampled_from([1, -1]), PRICES, st.integers(0, 9)), min_size=1, max_size=20)


@given(st.lists(LEVELS, min_size=1, max_size=4))
@settings(max_examples=25)
def test_growth_inside_a_message_loses_and_repeats_nothing(messages: list[Any]) -> None:
    state = new_state(MARKETS[:1], max_tick=1_023)
    state.ctl[Ctl.NEXT_TIMER] = at_s(1.0)
    oracle: dict[int, dict[int, float]] = {1: {}, -1: {}}
    stream = Stream()
    for n, levels in enumerate(messages):
        for side, price, lots in levels:
            stream.put(0.5 + n, Kind.LEVEL, side=side, price=price, value=float(lots))
            oracle[side][price] = float(lots)
        stream.put(0.5 + n, Kind.COMMIT, ref=n)
    rows = stream.rows()

    timers = 0
    for stop, _, now in steps(state, rows):
        state = now
        assert stop in (Stop.GROW, Stop.TIMER, Stop.END)
        if stop is Stop.TIMER:
            timers += 1
            state.ctl[Ctl.NEXT_TIMER] += S
    bids, asks = book_of(state)
    assert list(bids.items()) == sorted(((p, q) for p, q in oracle[1].items() if q), reverse=True)
    assert list(asks.items()) == sorted((p, q) for p, q in oracle[-1].items() if q)
    assert state.heads[0]["commits"] == len(messages)
    assert timers == len(messages) - 1
    assert (state.ctl[Ctl.ROWS], state.ctl[Ctl.SEQ]) == (rows.size, rows.size)


def test_the_loop_stops_at_a_row_that_cannot_be_with_everything_before_it_applied() -> None:
    rows = opened(0.0).book(0.1, {99_991: 5, 99_992: 6}).rows()
    bad = int(np.flatnonzero(rows["price"] == 99_992)[0])
    rows["market"][bad] = 2
    state = new_state(MARKETS, max_tick=WIDE)

    assert advance(state, rows, 0) == bad
    assert state.ctl[Ctl.STOP] == Stop.BAD_ROW
    assert (state.ctl[Ctl.ROWS], state.ctl[Ctl.SEQ]) == (bad, rows["seq"][bad - 1])
    assert book_of(state)[0] == {99_991: 5.0, **BIDS}


def test_stopping_at_messages_is_for_ladder_commits_and_trades_only() -> None:
    stream = opened(0.0).put(0.1, Kind.BBO, side=1, price=99_990, value=1.0)
    stream.put(0.1, Kind.COMMIT, flags=int(Flag.BBO)).trade(0.2, 1, 100_010).book(0.3, {99_991: 1})
    rows = stream.rows()
    state = new_state(MARKETS, max_tick=WIDE)
    state.ctl[Ctl.AT_MESSAGE] = 1
    ladder_commit = (rows["kind"] == Kind.COMMIT) & ~(rows["flags"] & Flag.BBO > 0)
    ends = np.flatnonzero(ladder_commit | (rows["kind"] == Kind.TRADE)) + 1

    stops = [(stop, at) for stop, at, _ in steps(state, rows)]
    assert stops == [(Stop.MESSAGE, at) for at in ends.tolist()] + [(Stop.END, rows.size)]


def test_one_row_at_a_time_is_the_same_as_all_at_once() -> None:
    stream = opened(0.0).book(0.0, BIDS, ASKS, market=1, snapshot=True)
    stream.trade(0.3, 1, 100_010).quiet(0.5, 3.0, 0.25).gap(3.0, market=1).trade(3.1, -1, 99_990, market=1)
    rows = stream.book(4.0, BIDS, ASKS, market=1, snapshot=True).timer(4.0, 4.1).rows()

    whole = run(new_state(MARKETS, max_tick=WIDE), rows)
    single = new_state(MARKETS, max_tick=WIDE)
    for n in range(rows.size):
        single = run(single, rows[n : n + 1])
    whole.ctl[Ctl.STOP] = single.ctl[Ctl.STOP] = 0
    assert image(single) == image(whole)


def test_a_copied_state_goes_on_with_arrays_of_its_own() -> None:
    rows = opened(0.0).book(1.0, {99_990: 7}).rows()
    first = run(new_state(MARKETS, max_tick=WIDE), rows[:-2])
    before = image(first)

    second = run(copy.deepcopy(first), rows[-2:])

    assert image(first) == before
    assert image(second) != before
