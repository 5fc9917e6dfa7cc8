from __future__ import annotations

import numpy as np
import pytest

from bot.market.events import Flag, Kind
from scripts.benchmarks.inputs import looped, unframe
from scripts.benchmarks.stream import (
    BID_SNAPSHOT,
    BUY_TRADE,
    FAR_TICKS,
    SELL_TRADE,
    SOURCE,
    Framer,
    Stream,
    moves_of,
    rows_of,
)

HOURS = 0.35  # long enough for the whole move


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    return np.concatenate(list(Stream(HOURS).pieces()))


def test_a_stream_made_in_small_pieces_is_the_same(source):
    pieces = np.concatenate(list(Stream(HOURS).pieces(steps=777)))
    assert pieces.tobytes() == source.tobytes()


def test_the_price_moves_by_six_per_cent(source):
    traded = source["price"][(source["kind"] == BUY_TRADE) | (source["kind"] == SELL_TRADE)]
    assert traded.max() / traded.min() > 1.06


def test_a_day_moves_up_and_back():
    up, down = moves_of(24)
    assert up.ticks_a_step * up.steps == -down.ticks_a_step * down.steps > 60_000


def test_rates_are_those_of_the_venue(source):
    hours = source["exch_ns"][-1] - source["exch_ns"][0]
    diffs = np.count_nonzero((source["kind"] < BUY_TRADE) & (source["last"] == 1))
    trades = np.count_nonzero((source["kind"] == BUY_TRADE) | (source["kind"] == SELL_TRADE))
    assert hours == HOURS * 3_600_000_000_000
    assert diffs == HOURS * 36_000
    assert 15 < trades / (HOURS * 3_600) < 25
    assert 24 < (rows_of(source) - trades) / diffs < 45


def test_a_plain_book_never_crosses_and_holds_far_levels_that_come_back(source):
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    far_changes = changes = back = 0
    seen_far: set[tuple[int, int]] = set()
    bid, ask = 0, 1 << 40
    recent: tuple[list[int], list[int]] = ([0], [1 << 40])
    for _, _, price, lots, kind, last in source.tolist():
        if kind in (BUY_TRADE, SELL_TRADE):
            assert price == (ask if kind == BUY_TRADE else bid)
            continue
        side = kind % 2
        if lots:
            sides[side][price] = lots
            recent[side].append(price)
        else:
            sides[side].pop(price, None)
        if last:
            bid, ask = max(bid, *recent[0]), min(ask, *recent[1])
            while bid not in sides[0]:
                bid -= 1
            while ask not in sides[1]:
                ask += 1
            recent = ([0], [1 << 40])
            assert bid < ask
        if kind < BID_SNAPSHOT:
            changes += 1
            if changes > 1_000 and abs(price - (bid if side == 0 else ask)) > FAR_TICKS + 200:
                far_changes += 1
                back += (side, price) in seen_far
                seen_far.add((side, price))
    assert far_changes / changes >= 0.05
    assert back / far_changes > 0.5


def test_both_clocks_go_forward_and_messages_have_stamps_of_their_own(source):
    starts = np.flatnonzero(np.concatenate([[1], source["last"][:-1]]))
    assert np.all(np.diff(source["exch_ns"]) >= 0)
    assert np.all(np.diff(source["recv_ns"][starts]) > 0)
    assert np.all(source["recv_ns"] - source["exch_ns"] >= 4_000_000)


def test_framed_rows_say_what_the_source_says_in_any_pieces(source):
    whole = Framer().frame(source)
    ends = np.flatnonzero(source["last"])
    cut = int(ends[ends.size // 2]) + 1
    framer = Framer()
    assert (
        np.concatenate([framer.frame(source[:cut]), framer.frame(source[cut:])]).tobytes() == whole.tobytes()
    )
    assert whole["seq"].tolist() == list(range(1, whole.size + 1))
    back = unframe(whole)
    for name in SOURCE.names or ():
        assert np.array_equal(back[name], source[name]), name


def test_every_diff_ends_in_one_commit_and_the_snapshot_in_a_marked_one(source):
    rows = Framer().frame(source)
    commits = rows[rows["kind"] == Kind.COMMIT]
    assert commits.size == np.count_nonzero(source["last"][source["kind"] != BUY_TRADE]) - np.count_nonzero(
        source["kind"] == SELL_TRADE
    )
    assert commits["flags"].tolist() == [Flag.SNAPSHOT] + [0] * (commits.size - 1)
    assert rows["kind"][0] == Kind.SNAPSHOT


def test_a_repeated_recording_starts_each_lap_with_the_first_book(source):
    rows = Framer().frame(source[source["recv_ns"] < source["recv_ns"][0] + 10_000_000_000])
    stray = rows[-1:].copy()
    stray["kind"] = Kind.TRADE
    stray["recv_ns"] = stray["exch_ns"] = rows["recv_ns"][0] - 1
    laps = list(looped(np.concatenate([stray, rows]), 25_000_000_000))
    joined = np.concatenate(laps)
    assert [lap["kind"][0] for lap in laps] == [Kind.SNAPSHOT] * 3
    assert np.array_equal(laps[0]["price"], rows["price"])
    assert np.array_equal(laps[1]["value"], rows["value"])
    assert np.all(np.diff(joined["recv_ns"]) >= 0)
    assert np.all(np.diff(joined["seq"]) == 1)
    for kind in (Kind.COMMIT, Kind.TRADE):
        ids = joined["ref"][joined["kind"] == kind]
        assert np.all(np.diff(ids) > 0)
    assert joined["recv_ns"][-1] < rows["recv_ns"][0] + 25_000_000_000
