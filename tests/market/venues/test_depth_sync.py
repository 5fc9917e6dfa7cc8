import pytest

from bot.market.venues.depth_sync import Change, DepthSync, Rule, Verdict

FUTURES, SPOT = Rule.FUTURES, Rule.SPOT


def held(rule: Rule, *changes: tuple[int, int, int], limit: int = 100) -> DepthSync[str]:
    sync: DepthSync[str] = DepthSync(rule, limit)
    for first, last, prev in changes:
        assert sync.on_change(first, last, prev) is Verdict.HOLD
        sync.hold(Change(first, last, prev, f"{first}-{last}"))
    return sync


def standing(rule: Rule, last_id: int) -> DepthSync[str]:
    """A book at `last_id`, one change past its snapshot."""
    sync = held(rule, (last_id, last_id, last_id - 1))
    sync.on_snapshot(last_id - 1, "snapshot")
    assert sync.join() is not None
    return sync


def joined_items(sync: DepthSync[str]) -> list[str] | None:
    joined = sync.join()
    return None if joined is None else [joined.snapshot, *(c.item for c in joined.changes)]


# futures ids leave holes: another symbol's changes
FUTURES_CHAIN = [(10, 19, 5), (22, 29, 19), (33, 39, 29)]
SPOT_CHAIN = [(10, 19, 0), (20, 29, 0), (30, 39, 0)]


@pytest.mark.parametrize(
    ("rule", "snapshot", "expected"),
    [
        (FUTURES, 4, None),  # before pu: changes are missing between
        (FUTURES, 5, ["10-19", "22-29", "33-39"]),  # at pu
        (FUTURES, 7, ["10-19", "22-29", "33-39"]),  # between pu and U, where nothing happened here
        (FUTURES, 10, ["10-19", "22-29", "33-39"]),  # U == id
        (FUTURES, 19, ["10-19", "22-29", "33-39"]),  # u == id is the last that counts
        (FUTURES, 20, ["22-29", "33-39"]),
        (FUTURES, 25, ["22-29", "33-39"]),
        (FUTURES, 39, ["33-39"]),
        (FUTURES, 40, []),  # newer than all: the book stands at the snapshot
        (SPOT, 8, None),
        (SPOT, 9, ["10-19", "20-29", "30-39"]),  # U == id + 1
        (SPOT, 18, ["10-19", "20-29", "30-39"]),  # u == id + 1
        (SPOT, 19, ["20-29", "30-39"]),
        (SPOT, 25, ["20-29", "30-39"]),
        (SPOT, 39, []),
    ],
)
def test_a_snapshot_meets_the_changes_that_waited_for_it(
    rule: Rule, snapshot: int, expected: list[str] | None
) -> None:
    sync = held(rule, *(FUTURES_CHAIN if rule is FUTURES else SPOT_CHAIN))
    assert sync.wants_snapshot()
    sync.on_snapshot(snapshot, "snapshot")
    assert joined_items(sync) == (None if expected is None else ["snapshot", *expected])
    assert sync.synced == (expected is not None)
    assert sync.stale_snapshots == (expected is None)
    assert sync.wants_snapshot() == (expected is None), "a stale answer is asked for again, a good one not"


@pytest.mark.parametrize(
    ("rule", "change", "verdict"),
    [
        (FUTURES, (103, 110, 100), Verdict.APPLY),  # U is not pu + 1, and need not be
        (FUTURES, (101, 110, 99), Verdict.BREAK),
        (FUTURES, (103, 110, 102), Verdict.BREAK),
        (FUTURES, (95, 100, 94), Verdict.OLD),
        (FUTURES, (90, 95, 89), Verdict.OLD),
        (SPOT, (101, 110, 0), Verdict.APPLY),
        (SPOT, (99, 110, 0), Verdict.APPLY),  # overlaps, nothing is missing
        (SPOT, (102, 110, 0), Verdict.BREAK),
        (SPOT, (95, 100, 0), Verdict.OLD),
    ],
)
def test_a_standing_book_takes_what_follows_it(
    rule: Rule, change: tuple[int, int, int], verdict: Verdict
) -> None:
    sync = standing(rule, 100)
    assert sync.on_change(*change) is verdict
    assert sync.synced == (verdict is not Verdict.BREAK)
    assert sync.gaps == (verdict is Verdict.BREAK)
    assert sync.duplicates == (verdict is Verdict.OLD)
    assert sync.last == (110 if verdict is Verdict.APPLY else 100)


@pytest.mark.parametrize(
    ("rule", "change", "verdict"),
    [
        (FUTURES, (40, 49, 30), Verdict.OLD),
        (FUTURES, (45, 50, 44), Verdict.APPLY),
        (FUTURES, (52, 60, 48), Verdict.APPLY),
        (FUTURES, (52, 60, 51), Verdict.BREAK),
        (SPOT, (45, 50, 0), Verdict.OLD),
        (SPOT, (45, 51, 0), Verdict.APPLY),
        (SPOT, (51, 60, 0), Verdict.APPLY),
        (SPOT, (52, 60, 0), Verdict.BREAK),
    ],
)
def test_the_first_change_behind_a_snapshot_must_bridge_it(
    rule: Rule, change: tuple[int, int, int], verdict: Verdict
) -> None:
    sync: DepthSync[str] = DepthSync(rule)
    sync.on_snapshot(50, "snapshot")
    assert joined_items(sync) == ["snapshot"]
    assert sync.on_change(*change) is verdict
    assert sync.duplicates == 0


def test_a_snapshot_is_asked_for_once_a_loss() -> None:
    sync = standing(FUTURES, 100)
    assert not sync.wants_snapshot()
    assert sync.on_change(200, 210, 190) is Verdict.BREAK
    sync.hold(Change(200, 210, 190, "200-210"))
    assert [sync.wants_snapshot(), sync.wants_snapshot()] == [True, False]
    sync.on_snapshot(205, "again")
    assert joined_items(sync) == ["again", "200-210"]
    assert (sync.gaps, sync.joins) == (1, 2)


def test_a_snapshot_that_came_before_the_break_it_heals_is_used() -> None:
    sync = standing(SPOT, 100)
    sync.on_snapshot(250, "early")
    assert sync.join() is None, "the standing book goes on"
    assert sync.on_change(251, 260, 0) is Verdict.BREAK
    sync.hold(Change(251, 260, 0, "251-260"))
    assert joined_items(sync) == ["early", "251-260"]


def test_a_kept_snapshot_the_book_has_overtaken_is_not_used() -> None:
    sync = standing(FUTURES, 100)
    sync.on_snapshot(105, "early")
    assert sync.on_change(101, 110, 100) is Verdict.APPLY
    assert sync.on_change(90, 130, 80) is Verdict.BREAK
    sync.hold(Change(90, 130, 80, "90-130"))
    assert sync.join() is None


def test_a_break_among_waiting_changes_forgets_those_before_it() -> None:
    sync = held(FUTURES, (10, 19, 5), (22, 29, 19), (40, 49, 35))
    assert [c.item for c in sync.held] == ["40-49"]
    sync.on_snapshot(15, "old")
    assert sync.join() is None
    sync.on_snapshot(45, "new")
    assert joined_items(sync) == ["new", "40-49"]


def test_a_repeated_change_that_waits_is_kept_once() -> None:
    sync = held(SPOT, (10, 19, 0), (10, 19, 0), (20, 29, 0))
    assert [c.item for c in sync.held] == ["10-19", "20-29"]
    assert sync.duplicates == 1


def test_the_buffer_is_bounded_and_the_oldest_go() -> None:
    sync = held(SPOT, *((n, n, 0) for n in range(10)), limit=4)
    assert [c.first for c in sync.held] == [6, 7, 8, 9]
    assert sync.overflowed == 6
    sync.on_snapshot(3, "old")
    assert sync.join() is None
    sync.on_snapshot(6, "new")
    assert joined_items(sync) == ["new", "7-7", "8-8", "9-9"]
