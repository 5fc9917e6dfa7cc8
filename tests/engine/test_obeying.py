"""Commands of a person, as rows of the stream."""

from __future__ import annotations

import numpy as np
import pytest

from bot.core.commands import Command, Verb
from bot.core.enums import Mode, OrderRole, Stage
from bot.core.errors import BadTape
from bot.engine.command_rows import LIMITS, command_of, command_row
from bot.market.events import Kind
from bot.risk.breakers import BREAKERS, Resets
from bot.risk.trades import ExitReason
from tests.engine.world import Scripted, World, a_long, opened
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


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("subject", ["", LINEAR.symbol, OTHER.symbol])
def test_a_command_survives_its_row(verb: Verb, subject: str) -> None:
    (row,) = command_row(Command(verb, subject, "local:ann"), (LINEAR, OTHER), T0)
    assert (row["kind"], row["recv_ns"]) == (Kind.COMMAND, T0)
    assert command_of(row, (LINEAR, OTHER)) == Command(verb, subject)


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_survives_its_row(name: str) -> None:
    (row,) = command_row(Command(Verb.RESET, name), (LINEAR, OTHER), T0)
    assert command_of(row, (LINEAR, OTHER)) == Command(Verb.RESET, name)


def test_what_can_be_reset_is_what_a_person_may_reset() -> None:
    assert set(LIMITS) == {b.name for b in BREAKERS if b.resets in (Resets.OPERATOR, Resets.TIME)} - {
        "paused"
    }


def test_a_verb_of_a_newer_version_is_refused() -> None:
    row = command_row(Command(Verb.PAUSE), (LINEAR,), T0)
    row["ref"] = 99
    with pytest.raises(BadTape, match="newer version"):
        command_of(row[0], (LINEAR,))


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


@pytest.mark.parametrize(
    ("verb", "subject", "words"),
    [
        (Verb.CLOSE, "", "expected one of"),
        (Verb.CLOSE, OTHER.symbol, "no open trade"),
        (Verb.RESET, "spread", "expected one of drawdown"),
        (Verb.ADOPT, LINEAR.symbol, "only a live account"),
    ],
)
def test_what_cannot_be_done_is_said(verb: Verb, subject: str, words: str) -> None:
    answer = open_world().tell(verb, subject)
    assert not answer.done
    assert words in answer.text


def test_cancel_takes_back_a_waiting_entry_only() -> None:
    from dataclasses import replace

    from bot.core.enums import Entry

    resting = replace(a_long(), entry=Entry.POST_ONLY, limit=99_900)
    world = World(Scripted(resting), modes=(Mode.SCALP,)).feed(opened().quiet(1.0, 35.0, 0.1))
    assert world.tell(Verb.CANCEL, LINEAR.symbol).trades
    more(world, 35.1, 45.0)
    assert world.journal.of("trade")[-1]["reason"] == ExitReason.UNFILLED
    assert world.tell(Verb.CANCEL).text == "no entry waits"


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
