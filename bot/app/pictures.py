"""Pictures of a running session: what was seen lately, the walls that stand, and the trade that is open."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.engine.kernel import State
from bot.market.instruments import Instrument
from bot.pictures.history import History
from bot.pictures.scene import Column, Scene, Tag
from bot.pictures.worker import Painter
from bot.signals.walls import WallStage


class Pictures:
    """`look` at every tick, `of` when somebody wants to see."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = tuple(instruments)
        self._history = History(len(self._instruments))
        self._painter = Painter()
        self._tags: dict[int, tuple[Tag, ...]] = {}

    def start(self) -> None:
        """Make ready to draw."""
        self._painter.start()

    def look(self, now_ns: int, state: State) -> None:
        self._history.look(now_ns, state)
        self._tags = {market: tuple(tags_of(state, market)) for market in range(len(self._instruments))}

    async def of(self, symbol: str, sentence: str) -> bytes | None:
        """A PNG, None where too little was seen or nothing can draw."""
        market = next((m for m, i in enumerate(self._instruments) if i.symbol == symbol), None)
        if market is None:
            return None
        columns, tags = self._history.of(market), self._tags.get(market, ())
        try:
            return await self._painter.paint(scene_of(self._instruments[market], columns, tags, sentence))
        except BadInput:
            return None

    def close(self) -> None:
        self._painter.close()


def scene_of(
    instrument: Instrument, columns: tuple[Column, ...], tags: tuple[Tag, ...] = (), sentence: str = ""
) -> Scene:
    tick, lot = float(instrument.tick), float(instrument.lot)
    return Scene(instrument.symbol, tick, lot, columns, tags=tags, sentence=sentence)


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
