"""Carries out a command of a person on a running engine. What it sends follows from rows and time as ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.core.commands import (
    LONGEST_LEASE_H,
    SUBJECTS,
    About,
    Answer,
    Command,
    Verb,
    hours_named,
    modes_named,
)
from bot.core.enums import Mode
from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.engine.command_rows import LIMITS
from bot.execution.guards import Choice
from bot.market.instruments import Instrument
from bot.risk.trades import ExitReason, Trade

if TYPE_CHECKING:
    from bot.engine.loop import Engine


def obey(engine: Engine, command: Command) -> Answer:
    """Do it, or say why not. Everything that lowers risk is always possible."""
    if engine.trading is None:
        return Answer(False, "this session only watches: it has nothing to pause, cancel or close")
    wrong = misdirected(command, engine.instruments, engine.strategies)
    return wrong or _DEEDS[command.verb](engine, command)


def misdirected(
    command: Command, instruments: Sequence[Instrument], strategies: Sequence[str]
) -> Answer | None:
    """The refusal of a command whose subject is missing or unknown, None where it is right."""
    about, subject = SUBJECTS[command.verb], command.subject
    symbols = tuple(i.symbol for i in instruments)
    fits, wanted = {
        # whoever pauses in a hurry may say more than is needed; entries ask for care
        About.NOTHING: (not subject or command.verb is not Verb.RESUME, "nothing behind it"),
        About.ANY_MARKET: (subject in ("", *symbols), f"one of {', '.join(symbols)}"),
        About.MARKET: (subject in symbols, f"one of {', '.join(symbols)}"),
        About.LIMIT: (subject in LIMITS, f"one of {', '.join(LIMITS)}"),
        About.STRATEGY: (subject in strategies, f"one of {', '.join(strategies)}"),
        About.MODES: (bool(modes_named(subject)), f"some of {', '.join(Mode)}"),
        About.HOURS: (bool(hours_named(subject)), f"hours from 1 to {LONGEST_LEASE_H}"),
    }[about]
    return None if fits else Answer(False, f"{command.verb}: expected {wanted}, was {subject!r}")


def _pause(engine: Engine, command: Command) -> Answer:
    engine.allow(False)
    return Answer(True, f"paused: no new entries; {_count(len(_trades(engine, '')))} managed on")


def _resume(engine: Engine, command: Command) -> Answer:
    if engine.halted:
        return _HALTED
    engine.allow(True)
    return Answer(True, "entries are allowed again")


def _arm(engine: Engine, command: Command) -> Answer:
    if engine.halted:
        return _HALTED
    hours = hours_named(command.subject)
    engine.allow(True, until_ns=engine.now_ns + hours * 3600 * NS_PER_S)
    return Answer(True, f"entries are allowed for {hours} h; the bot pauses by itself then")


def _disarm(engine: Engine, command: Command) -> Answer:
    engine.allow(False)
    waiting = _cancel(engine, Command(Verb.CANCEL))
    return Answer(True, f"disarmed: no new entries; {waiting.text}", waiting.trades)


def _mode(engine: Engine, command: Command) -> Answer:
    engine.modes = modes_named(command.subject)
    resting = [mode.value for mode in Mode if mode not in engine.modes]
    rest = f"; {' and '.join(resting)} only managed on" if resting else ""
    return Answer(True, f"entries in {', '.join(engine.modes)}{rest}")


def _restart(engine: Engine, command: Command) -> Answer:
    error = engine.counts.disabled.pop(command.subject, None)
    if error is None:
        return Answer(False, f"{command.subject} was not switched off")
    return Answer(True, f"{command.subject} is asked again; it was off because of {error}")


def _cancel(engine: Engine, command: Command) -> Answer:
    waiting = [t for t in _trades(engine, command.subject) if t.entry_working]
    for trade in waiting:
        engine.cancel_entry(trade.market)
    if not waiting:
        return Answer(True, "no entry waits", ())
    return Answer(True, f"cancelling the entries of {_names(waiting)}", _ids(waiting))


def _close(engine: Engine, command: Command) -> Answer:
    trades = _trades(engine, command.subject)
    if not trades:
        return Answer(False, f"{command.subject} has no open trade")
    for trade in trades:
        engine.close(ExitReason.OPERATOR, trade.market)
    return Answer(True, f"closing {_names(trades)}, reduce-only at the market", _ids(trades))


def _flatten(engine: Engine, command: Command) -> Answer:
    trades = _trades(engine, "")
    engine.allow(False)
    engine.close(ExitReason.OPERATOR)
    what = f"closing {_names(trades)}, reduce-only at the market" if trades else "no trade is open"
    return Answer(True, f"paused; {what}", _ids(trades))


def _reset(engine: Engine, command: Command) -> Answer:
    try:
        ended = engine.reset_limit(command.subject)
    except BadInput as error:
        return Answer(False, str(error))
    return Answer(True, f"{command.subject} is reset: {', '.join(ended)}; entries follow with /resume")


def _unknown_position(engine: Engine, command: Command) -> Answer:
    assert engine.trading is not None
    if engine.trading.live is None:
        return Answer(False, "only a live account can hold a position that is not ours")
    market = next(m for m, i in enumerate(engine.instruments) if i.symbol == command.subject)
    if market not in engine.trading.live.guards:
        return Answer(False, f"{command.subject}: there is no unknown position")
    return Answer(True, engine.trading.live.answer(market, Choice(command.verb.value), engine.now_ns))


_HALTED = Answer(False, "still halted by the drawdown limit: that has to be reset first")
_DEEDS = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.CANCEL: _cancel,
    Verb.CLOSE: _close,
    Verb.FLATTEN: _flatten,
    Verb.RESET: _reset,
    Verb.ADOPT: _unknown_position,
    Verb.IGNORE: _unknown_position,
    Verb.MODE: _mode,
    Verb.ARM: _arm,
    Verb.DISARM: _disarm,
    Verb.RESTART: _restart,
}


def _trades(engine: Engine, symbol: str) -> list[Trade]:
    assert engine.trading is not None
    return [t for t in engine.trading.trader.trades if not symbol or t.symbol == symbol]


def _ids(trades: list[Trade]) -> tuple[str, ...]:
    return tuple(trade.id for trade in trades)


def _names(trades: list[Trade]) -> str:
    return ", ".join(sorted({trade.symbol for trade in trades}))


def _count(trades: int) -> str:
    return "1 open trade is" if trades == 1 else f"{trades or 'no'} open trades are"
