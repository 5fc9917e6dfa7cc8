"""Carries out a command of a person on a running engine. What it sends follows from rows and time as ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.core.commands import Answer, Command, Verb
from bot.core.errors import BadInput
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
    return misdirected(command, engine.instruments) or _DEEDS[command.verb](engine, command)


def misdirected(command: Command, instruments: Sequence[Instrument]) -> Answer | None:
    """The refusal of a command whose symbol is missing or not traded, None where it is right."""
    known = LIMITS if command.verb is Verb.RESET else tuple(i.symbol for i in instruments)
    if command.subject in known or (not command.subject and command.verb not in _NAMED):
        return None
    return Answer(False, f"{command.verb}: expected one of {', '.join(known)}, was {command.subject!r}")


_NAMED = frozenset((Verb.CLOSE, Verb.RESET, Verb.ADOPT, Verb.IGNORE))
"""Verbs that want their subject said."""


def _pause(engine: Engine, command: Command) -> Answer:
    engine.accepting = False
    return Answer(True, f"paused: no new entries; {_count(len(_trades(engine, '')))} managed on")


def _resume(engine: Engine, command: Command) -> Answer:
    if engine.halted:
        return Answer(False, "still halted by the drawdown limit: that has to be reset first")
    engine.accepting = True
    return Answer(True, "entries are allowed again")


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
    engine.accepting = False
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


_DEEDS = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.CANCEL: _cancel,
    Verb.CLOSE: _close,
    Verb.FLATTEN: _flatten,
    Verb.RESET: _reset,
    Verb.ADOPT: _unknown_position,
    Verb.IGNORE: _unknown_position,
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
