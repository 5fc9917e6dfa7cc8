from __future__ import annotations

import numpy as np
import pytest

from bot.core.errors import LopsideError
from bot.engine.kernel import Ctl, State, Stop, advance, new_state
from bot.engine.sentinels import CAPACITY, NONE, Watch, arm, disarm, new_sentinels, take_fired
from bot.market.book import ASK, BID
from bot.market.events import Flag, Kind
from tests.engine.world import ASKS, BIDS, Stream, opened
from tests.trading import LINEAR, OTHER


@pytest.fixture
def state() -> State:
    """Two markets with the same full book, 99,990 to 100,010."""
    made = new_state((LINEAR, OTHER), max_tick=(1 << 17) - 1)
    rows = opened(0.0).book(0.0, BIDS, ASKS, market=1, snapshot=True).rows()
    assert advance(made, rows, 0) == rows.size
    return made


def fired_at(state: State, stream: Stream) -> list[tuple[int, list[int]]]:
    """Seq of the rows at which sentinels fired, with their slots."""
    rows, at, found = stream.rows(), 0, []
    while at < rows.size:
        at = advance(state, rows, at)
        if state.ctl[Ctl.STOP] == Stop.SENTINEL:
            found.append((int(rows[at - 1]["seq"]), take_fired(state.sentinels)))
    return found


def bbo(stream: Stream, at_s: float, side: int, price: int) -> Stream:
    stream.put(at_s, Kind.BBO, side=side, price=price, value=1.0)
    return stream.put(at_s, Kind.COMMIT, flags=int(Flag.BBO))


WALL_CASES = [
    # (side, tick, far, threshold, change of the bids, of the asks, fires)
    pytest.param(BID, 99_980, 99_980, 300.0, {99_980: 300}, {}, False, id="at the threshold"),
    pytest.param(BID, 99_980, 99_980, 300.0, {99_980: 299}, {}, True, id="one lot below"),
    pytest.param(BID, 99_980, 99_980, 300.0, {99_980: 0}, {}, True, id="gone"),
    pytest.param(BID, 99_980, 99_980, 300.0, {99_981: 1, 99_979: 1}, {}, False, id="its neighbours"),
    pytest.param(
        BID, 99_985, 99_975, 300.0, {99_980: 100, 99_976: 200}, {}, False, id="moved inside its span"
    ),
    pytest.param(
        BID, 99_985, 99_975, 300.0, {99_980: 100, 99_974: 200}, {}, True, id="moved out of its span"
    ),
    pytest.param(BID, 99_975, 99_985, 300.0, {99_980: 299}, {}, True, id="edges the other way round"),
    pytest.param(ASK, 100_020, 100_030, 300.0, {}, {100_020: 299}, True, id="an ask wall"),
    pytest.param(
        ASK, 100_020, 100_030, 300.0, {}, {100_020: 100, 100_030: 200}, False, id="inside an ask span"
    ),
    pytest.param(ASK, 100_020, 100_030, 300.0, {99_980: 0}, {}, False, id="the other side"),
]


@pytest.mark.parametrize(("side", "tick", "far", "threshold", "bids", "asks", "fires"), WALL_CASES)
def test_a_wall_that_shrank_below_its_threshold_fires_at_the_commit(
    side: int, tick: int, far: int, threshold: float, bids: dict, asks: dict, fires: bool, state: State
) -> None:
    slot = arm(state.sentinels, 0, Watch.WALL_SHRANK, tick, far=far, side=side, threshold=threshold)
    stream = Stream().book(1.0, bids, asks)
    last = len(bids) + len(asks) + 1

    assert fired_at(state, stream) == ([(last, [slot])] if fires else [])


TOUCH_CASES = [
    pytest.param(Watch.TOUCH_BELOW, 99_985, lambda s: s.trade(1.0, -1, 99_985), True, id="a print at it"),
    pytest.param(Watch.TOUCH_BELOW, 99_985, lambda s: s.trade(1.0, -1, 99_986), False, id="a print above"),
    pytest.param(Watch.TOUCH_ABOVE, 100_015, lambda s: s.trade(1.0, 1, 100_015), True, id="a print up at it"),
    pytest.param(
        Watch.TOUCH_ABOVE, 100_015, lambda s: s.trade(1.0, 1, 100_014), False, id="a print below it"
    ),
    pytest.param(
        Watch.TOUCH_BELOW,
        99_985,
        lambda s: s.put(1.0, Kind.TRADE, side=-1, price=90_000, value=1.0, flags=int(Flag.NOT_MARKET)),
        False,
        id="a print that is no market trade",
    ),
    pytest.param(
        Watch.TOUCH_BELOW, 99_985, lambda s: s.put(1.0, Kind.MARK, value=999.85), True, id="the mark"
    ),
    pytest.param(Watch.TOUCH_BELOW, 99_985, lambda s: s.put(1.0, Kind.MARK, value=999.854), False, id="mark"),
    pytest.param(
        Watch.TOUCH_ABOVE, 100_015, lambda s: s.put(1.0, Kind.MARK, value=1_000.2), True, id="mark up"
    ),
    pytest.param(Watch.TOUCH_BELOW, 99_985, lambda s: s.book(1.0, {99_990: 0}), True, id="the bid falls"),
    pytest.param(Watch.TOUCH_BELOW, 99_979, lambda s: s.book(1.0, {99_990: 0}), False, id="not so far"),
    pytest.param(
        Watch.TOUCH_ABOVE, 100_020, lambda s: s.book(1.0, {}, {100_010: 0}), True, id="the ask rises"
    ),
    pytest.param(
        Watch.TOUCH_BELOW,
        99_985,
        lambda s: s.book(1.0, dict.fromkeys(BIDS, 0)),
        False,
        id="no bid at all is no price",
    ),
    pytest.param(
        Watch.TOUCH_ABOVE,
        100_015,
        lambda s: s.book(1.0, {}, dict.fromkeys(ASKS, 0)),
        False,
        id="nor is no ask",
    ),
    pytest.param(Watch.TOUCH_BELOW, 99_985, lambda s: bbo(s, 1.0, 1, 99_000), False, id="the second touch"),
]


@pytest.mark.parametrize(("kind", "tick", "say", "fires"), TOUCH_CASES)
def test_a_price_that_is_reached_fires_at_its_row(
    kind: Watch, tick: int, say, fires: bool, state: State
) -> None:
    slot = arm(state.sentinels, 0, kind, tick)
    stream = say(Stream())
    last = int(stream.rows()["seq"][-1])

    assert fired_at(state, say(Stream())) == ([(last, [slot])] if fires else [])


def test_a_fired_sentinel_is_spent() -> None:
    made = new_state((LINEAR,), max_tick=(1 << 17) - 1)
    rows = opened(0.0).rows()
    advance(made, rows, 0)
    arm(made.sentinels, 0, Watch.TOUCH_BELOW, 99_985)
    stream = Stream().trade(1.0, -1, 99_980).trade(1.1, -1, 99_970).book(1.2, {99_990: 0})

    assert len(fired_at(made, stream)) == 1
    assert made.sentinels.armed.tolist() == [0]


def test_all_that_fire_at_one_row_are_told_together_lowest_slot_first(state: State) -> None:
    slots = [arm(state.sentinels, 0, Watch.TOUCH_BELOW, 99_985 + n) for n in range(3)]
    stays = arm(state.sentinels, 0, Watch.TOUCH_BELOW, 90_000)

    assert fired_at(state, Stream().trade(1.0, -1, 99_985)) == [(1, slots)]
    assert state.sentinels.table["armed"].nonzero()[0].tolist() == [stays]


def test_another_market_fires_nothing(state: State) -> None:
    arm(state.sentinels, 1, Watch.TOUCH_BELOW, 99_985)
    arm(state.sentinels, 1, Watch.WALL_SHRANK, 99_980, threshold=300.0)
    stream = Stream().trade(1.0, -1, 99_000).put(1.1, Kind.MARK, value=990.0).book(1.2, {99_980: 0})

    assert fired_at(state, stream) == []


def test_a_wall_is_judged_at_commits_not_in_the_middle_of_a_message(state: State) -> None:
    arm(state.sentinels, 0, Watch.WALL_SHRANK, 99_985, far=99_975, threshold=300.0)
    stream = Stream()
    stream.put(1.0, Kind.LEVEL, side=1, price=99_980, value=0.0)  # taken away and, one row on, put back
    stream.put(1.0, Kind.LEVEL, side=1, price=99_981, value=500.0).put(1.0, Kind.COMMIT, ref=9)

    assert fired_at(state, stream) == []


def test_a_snapshot_without_the_wall_fires(state: State) -> None:
    slot = arm(state.sentinels, 0, Watch.WALL_SHRANK, 99_980, threshold=300.0)
    stream = Stream().book(1.0, {99_990: 50}, ASKS, snapshot=True)

    ((_, slots),) = fired_at(state, stream)
    assert slots == [slot]


def test_disarming_frees_the_slot_and_doing_it_twice_is_harmless() -> None:
    sentinels = new_sentinels(2)
    first = arm(sentinels, 1, Watch.TOUCH_BELOW, 5)
    second = arm(sentinels, 1, Watch.TOUCH_BELOW, 6)
    disarm(sentinels, first)
    disarm(sentinels, first)
    disarm(sentinels, NONE)

    assert sentinels.armed.tolist() == [0, 1]
    assert arm(sentinels, 0, Watch.TOUCH_ABOVE, 7) == first != second
    assert sentinels.armed.tolist() == [1, 1]


def test_there_is_an_end_of_slots_and_it_is_said() -> None:
    sentinels = new_sentinels(1)
    slots = [arm(sentinels, 0, Watch.TOUCH_BELOW, n) for n in range(CAPACITY)]
    assert sorted(slots) == list(range(CAPACITY))

    with pytest.raises(LopsideError, match=f"all {CAPACITY} sentinels"):
        arm(sentinels, 0, Watch.TOUCH_BELOW, 1)
    assert sentinels.armed[0] == CAPACITY
    assert np.array_equal(sentinels.table["tick"], np.arange(CAPACITY))


def test_the_full_table_may_fire_at_one_row(state: State) -> None:
    for _ in range(CAPACITY):
        arm(state.sentinels, 0, Watch.TOUCH_BELOW, 99_985)

    assert fired_at(state, Stream().trade(1.0, -1, 99_985)) == [(1, list(range(CAPACITY)))]
    assert state.sentinels.armed.tolist() == [0, 0]
