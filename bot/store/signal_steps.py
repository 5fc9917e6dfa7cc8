"""Steps of the signals, for the database: trust in a book, its thin side, the direction of a composite.

Full readings are in the Parquet files of `bot.store.readings`; here is only when one of these changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from bot.core.enums import Mode
from bot.market.doubts import verdict_with
from bot.market.trust import trust_of
from bot.signals.state import PROBABILITY

_UNSEEN, _ASLEEP = -9, -8
_DIRECTIONS = {1: "up", 0: "none", -1: "down", _ASLEEP: "asleep", _UNSEEN: ""}
_THIN = {1: "ask", 0: "none", -1: "bid", _UNSEEN: ""}
_MODES = tuple(mode.value for mode in Mode)


class StepJournal(Protocol):
    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None: ...


class StepArrays(Protocol):
    """What is read of `bot.signals.state.Signals`."""

    @property
    def grid(self) -> np.ndarray: ...

    @property
    def composites(self) -> np.ndarray: ...

    @property
    def verdicts(self) -> np.ndarray: ...


class SignalSteps:
    """`look` at every tick; the first state of everything is a step from nothing."""

    def __init__(self, journal: StepJournal, markets: Sequence[str]) -> None:
        self._journal = journal
        self._markets = tuple(markets)
        self._trust = [""] * len(markets)
        self._thin = np.full(len(markets), _UNSEEN, np.int64)
        self._directions = np.full((len(markets), len(Mode)), _UNSEEN, np.int64)
        self._seen: tuple[bytes, ...] = ()

    def look(
        self, now_ns: int, heads: np.ndarray, arrays: StepArrays, doubts: np.ndarray | None = None
    ) -> None:
        for market, name in enumerate(self._markets):
            trust, why = trust_of(heads[market], now_ns)
            if doubts is not None:
                trust, why = verdict_with(doubts[market], trust, why)
            old, new = self._trust[market], trust.name.lower()
            if new != old:
                self._trust[market] = new
                self._journal.transition(now_ns, "trust", name, old, new, {"why": why} if why else {})
        readings = arrays.composites
        asleep = np.isnan(readings["score"])
        seen = (arrays.grid["thin"].tobytes(), readings["direction"].tobytes(), asleep.tobytes())
        if seen == self._seen:  # nine ticks of ten
            return
        self._seen = seen
        self._look_at_thin_sides(now_ns, arrays)
        self._look_at_composites(now_ns, arrays, asleep)

    def _look_at_thin_sides(self, now_ns: int, arrays: StepArrays) -> None:
        before, self._thin = self._thin, arrays.grid["thin"].copy()
        for (market,) in np.argwhere(self._thin != before).tolist():
            old, new = _THIN[int(before[market])], _THIN[int(self._thin[market])]
            ratio = arrays.grid["thin_ratio"][market].item()
            self._journal.transition(now_ns, "thin", self._markets[market], old, new, {"ratio": ratio})

    def _look_at_composites(self, now_ns: int, arrays: StepArrays, asleep: np.ndarray) -> None:
        readings = arrays.composites
        before, self._directions = self._directions, np.where(asleep, _ASLEEP, readings["direction"])
        for market, place in np.argwhere(self._directions != before).tolist():
            old, new = (_DIRECTIONS[int(array[market, place])] for array in (before, self._directions))
            detail = {
                "bias": readings["score"][market, place].item(),
                "confidence": readings["confidence"][market, place].item(),
                "probability": arrays.verdicts[market, place, PROBABILITY].item(),
            }
            subject = f"{self._markets[market]} {_MODES[place]}"
            self._journal.transition(now_ns, "composite", subject, old, new, detail)
