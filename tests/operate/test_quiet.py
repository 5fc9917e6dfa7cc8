"""A bot that goes quiet is told once, reminded of, and told when it is back; an end in order is no alarm."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.core.alerts import KINDS, Alert, AlertKind, Urgency
from bot.core.units import NS_PER_S
from bot.operate.quiet import REMIND_NS, Look, Quiet, Seen

T0 = 1_767_225_600 * NS_PER_S
QUIET_S = 90


def at(second: float, *, rows: int | None = None, ended: bool = False, trades: int = 0) -> Look:
    """A look so many seconds after the first; `rows` None: nobody answered."""
    now_ns = T0 + int(second * NS_PER_S)
    return Look(now_ns, rows is not None, rows or 0, ended=ended, trades=trades)


def told(looks: list[Look]) -> list[tuple[float, AlertKind, str]]:
    quiet = Quiet("paper", QUIET_S * NS_PER_S)
    alerts = [quiet.look(seen) for seen in looks]
    return [((a.now_ns - T0) / NS_PER_S, a.kind, a.text.split("\n")[0]) for a in alerts if a is not None]


def test_a_bot_whose_market_moves_is_never_told_of() -> None:
    assert told([at(k * 15, rows=k) for k in range(500)]) == []


def test_a_bot_that_dies_is_told_after_the_silence_and_again_when_it_is_back() -> None:
    looks = [at(0, rows=1, trades=2), *(at(15.0 * k) for k in range(1, 9)), at(135, rows=5)]
    assert told(looks) == [
        (90.0, AlertKind.QUIET, "paper does not answer for 90 s"),
        (135.0, AlertKind.QUIET, "paper is well again"),
    ]
    quiet = Quiet("paper", QUIET_S * NS_PER_S)
    (alert,) = [a for a in map(quiet.look, looks[:8]) if a is not None]
    assert "answered: 2" in alert.text


def test_a_bot_that_answers_while_its_market_stands_still_is_told() -> None:
    looks = [at(15.0 * k, rows=7) for k in range(8)]
    assert told(looks) == [(90.0, AlertKind.QUIET, "paper answers, but its market stands still for 90 s")]


def test_an_end_in_order_is_said_and_is_no_alarm_however_long_it_lasts() -> None:
    looks = [at(0, rows=1), *(at(15.0 * k, ended=True) for k in range(1, 300))]
    assert told(looks) == [(15.0, AlertKind.SESSION, "paper has ended in order")]


def test_a_new_start_after_an_end_in_order_has_its_time() -> None:
    looks = [at(0, rows=1), *(at(15.0 * k, ended=True) for k in range(1, 300))]
    looks += [at(4500), at(4515), at(4530, rows=1), at(4545, rows=2)]
    assert [kind for _, kind, _ in told(looks)] == [AlertKind.SESSION] * 2


def test_a_bot_that_never_answered_is_told_too() -> None:
    assert [kind for _, kind, _ in told([at(0), at(89), at(90)])] == [AlertKind.QUIET]


def test_a_watcher_that_slept_alarms_nobody_about_that_time() -> None:
    assert told([at(0, rows=1), at(15, rows=2), at(40_000), at(40_015, rows=3)]) == []


def test_a_silence_that_lasts_is_told_again_every_half_hour() -> None:
    looks = [at(0, rows=1), *(at(15.0 * k) for k in range(1, 600))]
    seconds = [second for second, _, _ in told(looks)]
    assert seconds[0] == QUIET_S
    assert {later - earlier for earlier, later in pairwise(seconds)} == {REMIND_NS / NS_PER_S}
    assert len(seconds) == 5


def test_it_is_an_alarm() -> None:
    assert KINDS[AlertKind.QUIET].urgency is Urgency.ALARM


LOOKS = st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["moves", "stands", "silent", "ended"])))


@given(LOOKS)
def test_whatever_happens_alarms_alternate_with_all_clears(steps: list[tuple[int, str]]) -> None:
    quiet, second, rows, bad = Quiet("paper", QUIET_S * NS_PER_S), 0, 0, False
    for step, what in steps:
        second += step
        rows += what == "moves"
        seen = at(second, rows=None if what in ("silent", "ended") else rows, ended=what == "ended")
        alert: Alert | None = quiet.look(seen)
        if what == "moves":
            assert quiet.state is Seen.WELL
            assert (alert is not None) >= bad, "what was bad is told to be over"
            bad = False
        elif alert is not None and alert.kind is AlertKind.QUIET and quiet.state is not Seen.WELL:
            bad = True
