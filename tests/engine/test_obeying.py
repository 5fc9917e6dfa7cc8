"""Commands of a person, as rows of the stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.core.commands import LONGEST_LEASE_H, SUBJECTS, About, Command, Verb
from bot.core.enums import Entry, Mode, OrderRole, Stage, Trust
from bot.core.errors import BadTape
from bot.core.messages import Intent, MarketView
from bot.core.units import NS_PER_S
from bot.engine.command_rows import LIMITS, command_of, command_row
from bot.engine.obeying import misdirected
from bot.market.events import MAX_TICK, Kind
from bot.risk.breakers import BREAKERS, Resets
from bot.risk.trades import ExitReason
from tests.engine.world import Scripted, Stream, World, a_long, opened
from tests.trading import LINEAR, OTHER, T0


def open_world() -> World:
    """A long is open in the first market since 30 s."""
    world = World(Scripted(a_long()), modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 40.0, 0.1))
    assert world.trader.trades.all()[0].stage is Stage.OPEN
    return world


def more(world: World, from_s: float, to_s: float) -> None:
    later = opened(from_s).quiet(from_s + 0.1, to_s, 0.1).rows()
    later["seq"] += 100_000
    world.engine.feed(later)


SAID = {
    About.NOTHING: [""],
    About.ANY_MARKET: ["", LINEAR.symbol, OTHER.symbol],
    About.MARKET: [LINEAR.symbol, OTHER.symbol],
    About.LIMIT: LIMITS,
    About.MODES: ["scalp", "day,swing", "scalp,day,swing"],
    About.HOURS: ["1", str(LONGEST_LEASE_H)],
    About.STRATEGY: ["thin_side_breakout", "wall_fade"],
}


@pytest.mark.parametrize(("verb", "subject"), [(v, said) for v in Verb for said in SAID[SUBJECTS[v]]])
def test_a_command_survives_its_row(verb: Verb, subject: str) -> None:
    (row,) = command_row(Command(verb, subject, "local:ann"), (LINEAR, OTHER), T0)
    assert (row["kind"], row["recv_ns"]) == (Kind.COMMAND, T0)
    assert 0 <= row["price"] <= MAX_TICK, "a tape keeps prices in 32 bits"
    assert command_of(row, (LINEAR, OTHER), SAID[About.STRATEGY]) == Command(verb, subject)


def test_a_strategy_that_a_replay_does_not_have_is_refused_there() -> None:
    (row,) = command_row(Command(Verb.RESTART, "mine"), (LINEAR,), T0)
    command = command_of(row, (LINEAR,), ["other"])
    refused = misdirected(command, (LINEAR,), ["other"])
    assert refused is not None
    assert "expected one of other" in refused.text


def test_what_can_be_reset_is_what_a_person_may_reset() -> None:
    assert set(LIMITS) == {b.name for b in BREAKERS if b.resets in (Resets.OPERATOR, Resets.TIME)} - {
        "paused"
    }


def test_a_verb_of_a_newer_version_is_refused() -> None:
    row = command_row(Command(Verb.PAUSE), (LINEAR,), T0)
    row["ref"] = 99
    with pytest.raises(BadTape, match="newer version"):
        command_of(row[0], (LINEAR,))


def test_more_than_is_needed_may_be_said_to_stop_but_not_to_go_on() -> None:
    assert misdirected(Command(Verb.FLATTEN, "now"), (LINEAR,), []) is None
    assert misdirected(Command(Verb.PAUSE, LINEAR.symbol), (LINEAR,), []) is None
    refused = misdirected(Command(Verb.RESUME, LINEAR.symbol), (LINEAR,), [])
    assert refused is not None
    assert "nothing behind it" in refused.text


def test_pause_stops_entries_and_resume_allows_them() -> None:
    strategy = Scripted()
    world = World(strategy, modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 31.0, 0.1))
    asked = len(strategy.asked)
    assert asked > 0
    assert world.tell(Verb.PAUSE).done
    more(world, 31.1, 61.0)
    paused = len(strategy.asked)
    assert world.tell(Verb.RESUME).done
    more(world, 61.1, 91.0)
    assert paused == asked
    assert len(strategy.asked) > paused


def test_pause_leaves_the_open_trade_managed() -> None:
    world = open_world()
    strategy_calls = len(world.journal.of("order"))
    world.tell(Verb.PAUSE)
    more(world, 40.1, 65.0)
    (trade,) = world.trader.trades
    assert trade.stage is Stage.OPEN
    assert any(o.role is OrderRole.STOP for o in world.journal.of("order")[:strategy_calls])


def test_close_leaves_other_symbols_and_entries_alone() -> None:
    world = open_world()
    answer = world.tell(Verb.CLOSE, LINEAR.symbol)
    assert answer.done
    assert answer.trades == (world.trader.trades.all()[0].id,)
    more(world, 40.1, 50.0)
    assert world.journal.of("trade")[-1]["reason"] == ExitReason.OPERATOR
    assert world.venue.position_lots(0) == 0
    assert world.engine.accepting


def test_flatten_sends_its_exit_while_market_data_is_down() -> None:
    world = open_world()
    gap = Stream().gap(40.2).rows()
    gap["seq"] += 100_000
    world.engine.feed(gap)
    assert world.engine.trust(0)[0] is Trust.QUARANTINED
    assert world.orders("exit") == []
    assert world.tell(Verb.FLATTEN).done
    (leaving,) = world.orders("exit")
    assert leaving.reduce_only
    assert not world.engine.accepting


@pytest.mark.parametrize(
    ("verb", "subject", "words"),
    [
        (Verb.CLOSE, "", "expected one of"),
        (Verb.CLOSE, OTHER.symbol, "no open trade"),
        (Verb.RESET, "spread", "expected one of drawdown"),
        (Verb.ADOPT, LINEAR.symbol, "only a live account"),
        (Verb.MODE, "scalp,noon", "expected some of scalp, day, swing"),
        (Verb.MODE, "", "expected some of scalp, day, swing"),
        (Verb.ARM, "0", "expected hours from 1"),
        (Verb.ARM, "1e9", "expected hours from 1"),
        (Verb.RESTART, "scripted", "was not switched off"),
        (Verb.RESTART, "nobody", "expected one of scripted"),
    ],
)
def test_what_cannot_be_done_is_said(verb: Verb, subject: str, words: str) -> None:
    answer = open_world().tell(verb, subject)
    assert not answer.done
    assert words in answer.text


def test_cancel_takes_back_a_waiting_entry_only() -> None:
    resting = replace(a_long(), entry=Entry.POST_ONLY, limit=99_900)
    world = World(Scripted(resting), modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 35.0, 0.1))
    assert world.tell(Verb.CANCEL, LINEAR.symbol).trades
    more(world, 35.1, 45.0)
    assert world.journal.of("trade")[-1]["reason"] == ExitReason.UNFILLED
    assert world.tell(Verb.CANCEL).text == "no entry waits"


def test_a_mode_that_rests_is_not_asked_for_entries() -> None:
    strategy = Scripted()
    world = World(strategy, modes=(Mode.SCALP, Mode.DAY)).feed(opened().quiet(1.0, 61.0, 0.1))
    assert {mode for _, mode, _ in strategy.asked} == {Mode.SCALP, Mode.DAY}
    strategy.asked.clear()
    assert world.tell(Verb.MODE, "day").text == "entries in day; scalp and swing only managed on"
    more(world, 61.1, 121.0)
    assert {mode for _, mode, _ in strategy.asked} == {Mode.DAY}


def test_armed_entries_end_by_themselves_and_disarm_takes_back_what_waits() -> None:
    strategy = Scripted()
    world = World(strategy, modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 31.0, 0.1))
    world.tell(Verb.PAUSE)
    assert "for 1 h" in world.tell(Verb.ARM, "1").text
    assert world.engine.accepting
    world.engine.armed_until_ns = world.engine.now_ns + 5 * NS_PER_S
    more(world, 31.1, 61.0)
    assert not world.engine.accepting
    assert len(world.audits("lease_over")) == 1
    assert world.tell(Verb.RESUME).done
    more(world, 61.1, 91.0)
    assert world.engine.accepting, "resume has no end"
    assert world.tell(Verb.DISARM).text == "disarmed: no new entries; no entry waits"
    assert not world.engine.accepting


def test_disarm_takes_back_a_waiting_entry() -> None:
    resting = replace(a_long(), entry=Entry.POST_ONLY, limit=99_900)
    world = World(Scripted(resting), modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 35.0, 0.1))
    assert world.tell(Verb.DISARM).trades
    more(world, 35.1, 45.0)
    assert world.journal.of("trade")[-1]["reason"] == ExitReason.UNFILLED


class Raises(Scripted):
    """Raises the first time it is asked."""

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        answer = super().enter(view)
        if len(self.asked) == 1:
            raise ValueError("a bad day")
        return answer


def test_a_strategy_that_raised_is_asked_again_after_its_restart() -> None:
    strategy = Raises()
    world = World(strategy, modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 91.0, 0.1))
    assert (len(strategy.asked), list(world.engine.counts.disabled)) == (1, ["scripted"])
    assert "a bad day" in world.tell(Verb.RESTART, "scripted").text
    more(world, 91.1, 121.0)
    assert len(strategy.asked) > 1
    assert not world.engine.counts.disabled


def test_an_engine_that_only_watches_obeys_nothing() -> None:
    world = World(trades=False).feed(opened().quiet(1.0, 5.0))
    assert not world.tell(Verb.FLATTEN).done


def test_the_stream_with_its_command_replays_to_the_same_decisions() -> None:
    live = open_world()
    live.tell(Verb.CLOSE, LINEAR.symbol)
    more(live, 40.1, 50.0)

    first = opened().quiet(1.0, 40.0, 0.1).rows()
    later = opened(40.1).quiet(40.2, 50.0, 0.1).rows()
    later["seq"] += 100_000
    command = command_row(Command(Verb.CLOSE, LINEAR.symbol), (LINEAR, OTHER), int(first["recv_ns"][-1]))
    again = World(Scripted(a_long()), modes=(Mode.SCALP,))
    again.engine.feed(np.concatenate([first, command, later]))

    assert again.engine.decisions.hexdigest() == live.engine.decisions.hexdigest()
