"""Carries out a command of a person on a running engine. What it sends follows from rows and time as ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.core.commands import Answer, Command, Verb
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
    symbols = [i.symbol for i in instruments]
    if command.verb is Verb.CLOSE and not command.subject:
        return Answer(False, f"close: expected a symbol, one of {', '.join(symbols)}")
    if command.subject and command.subject not in symbols:
        known = ", ".join(symbols)
        return Answer(False, f"{command.verb}: expected one of {known}, was {command.subject!r}")
    return None


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


_DEEDS = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.CANCEL: _cancel,
    Verb.CLOSE: _close,
    Verb.FLATTEN: _flatten,
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
