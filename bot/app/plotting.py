"""`lopside plot`: the liquidity picture of a stretch of a tape."""

from __future__ import annotations

from pathlib import Path

from bot.app.inspect import market_of, on_grid
from bot.app.pictures import scene_of, tags_of
from bot.core.errors import BadInput
from bot.engine.kernel import State
from bot.market.tape import open_tape
from bot.pictures.history import History
from bot.pictures.liquidity import draw

COLUMNS = 180


def plot_tape(path: Path, symbol: str | None, at_ns: int | None, window_ns: int) -> bytes:
    """A PNG of the `window_ns` before `at_ns` (default: the tape's end). Raises BadInput."""
    tape = open_tape(path)
    market, instrument = market_of(tape, symbol)
    span = tape.span()
    if span is None:
        raise BadInput(f"{path}: the tape is empty")
    until_ns = span[1] if at_ns is None else at_ns
    if not span[0] < until_ns <= span[1]:
        raise BadInput(f"--at: expected a time from {span[0]} to {span[1]} ns, was {until_ns}")
    history = History(len(tape.header.instruments), COLUMNS)
    every_ns = max(window_ns // COLUMNS, 1)
    last: State | None = None
    for time_ns, state in on_grid(tape, every_ns):
        if time_ns > until_ns:
            break
        history.look(time_ns, state)
        last = state
    tags = () if last is None else tuple(tags_of(last, market))
    return draw(scene_of(instrument, history.of(market), tags))
