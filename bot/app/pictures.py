"""Pictures of a running session: what was seen lately, the walls that stand, and the trade there last was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.engine.kernel import State
from bot.market.instruments import Instrument
from bot.pictures.history import History
from bot.pictures.scene import Column, Mark, Scene, Tag
from bot.pictures.worker import Painter
from bot.signals.walls import WallStage

REMEMBERED_NS = 600 * NS_PER_S
"""How long a trade that is over is still shown."""


class Pictures:
    """`look` at every tick, `trade` at every change of one, `of` when somebody wants to see."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = tuple(instruments)
        self._history = History(len(self._instruments))
        self._painter = Painter()
        self._state: State | None = None
        self._trades: dict[int, Mapping[str, Any]] = {}  # the latest filled one of a market

    def start(self) -> None:
        """Make ready to draw."""
        self._painter.start()

    def look(self, now_ns: int, state: State) -> None:
        self._history.look(now_ns, state)
        self._state = state

    def trade(self, row: Mapping[str, Any]) -> None:
        """The latest row of a trade."""
        if row["filled_lots"]:
            self._trades[row["market"]] = row

    async def of(self, symbol: str, sentence: str) -> bytes | None:
        """A PNG, None where too little was seen or nothing can draw."""
        market = next((m for m, i in enumerate(self._instruments) if i.symbol == symbol), None)
        if market is None:
            return None
        columns = self._history.of(market)
        tags = () if self._state is None else tuple(tags_of(self._state, market))
        marks = marks_of(self._trades.get(market), columns[-1].now_ns if columns else 0)
        scene = scene_of(self._instruments[market], columns, tags, sentence, marks)
        try:
            return await self._painter.paint(scene)
        except BadInput:
            return None

    def close(self) -> None:
        self._painter.close()


def scene_of(
    instrument: Instrument,
    columns: tuple[Column, ...],
    tags: tuple[Tag, ...] = (),
    sentence: str = "",
    marks: tuple[Mark, ...] = (),
) -> Scene:
    tick, lot = float(instrument.tick), float(instrument.lot)
    return Scene(instrument.symbol, tick, lot, columns, marks, tags, sentence)


def marks_of(trade: Mapping[str, Any] | None, now_ns: int) -> tuple[Mark, ...]:
    """Prices of a trade that is open, or was over lately: entry, stop, the targets ahead, and its exit."""
    if trade is None or (trade["closed_ns"] and now_ns - trade["closed_ns"] > REMEMBERED_NS):
        return ()
    from_ns, until_ns = trade["filled_ns"], trade["closed_ns"]
    marks = [Mark("entry", trade["entry_price"], from_ns, until_ns)]
    marks += [Mark("stop", trade["stop"], from_ns, until_ns)] if trade["stop"] else []
    marks += [
        Mark(f"target {k}", ticks, from_ns, until_ns)
        for k, (ticks, _) in enumerate(trade["targets"], 1)
        if k > trade["targets_hit"]
    ]
    return (*marks, Mark("exit", trade["exit_price"], until_ns, until_ns)) if until_ns else tuple(marks)


def tags_of(state: State, market: int) -> list[Tag]:
    """The walls that stand, as claims."""
    signals = state.signals
    rows = signals.walls[market, : int(signals.grid["walls"][market])]
    return [
        Tag(
            Side.BUY if row["side"] > 0 else Side.SELL,
            float(row["near"]),
            float(row["quantity"]),
            float(row["genuineness"]),
            float(row["executed"]) / max(float(row["peak"]), 1e-9),
        )
        for row in rows[rows["stage"] >= WallStage.ACTIVE]
    ]
