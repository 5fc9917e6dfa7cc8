"""Comparing a ladder with the book that REST shows.

The two are of different moments, so levels that any message changed since the
audit's update id are left out; all others must agree, within the prices the
audit covers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bot.market.events import Flag, Kind
from bot.market.venues.protocol import Audit

TOLERANCE = 0.02
"""Share of levels that may differ: RPI orders and rounding of a venue's own making."""


class Ladder(NamedTuple):
    """A book as it stands: ticks and lots of a side, best first."""

    bid_ticks: np.ndarray
    bid_lots: np.ndarray
    ask_ticks: np.ndarray
    ask_lots: np.ndarray


@dataclass(frozen=True, slots=True)
class Comparison:
    compared: int  # levels of the audit that nothing touched since
    differing: int

    @property
    def agrees(self) -> bool:
        return self.differing <= TOLERANCE * self.compared


@dataclass(slots=True)
class Witness:
    """The book messages of one market since a question was about to be asked."""

    market: int
    messages: list[np.ndarray] = field(default_factory=list)

    def note(self, rows: np.ndarray) -> None:
        """Rows of a frame, of any market and kind."""
        mine = rows[rows["market"] == self.market]
        if mine.size and mine["kind"][-1] == Kind.COMMIT and not mine["flags"][-1] & Flag.BBO:
            self.messages.append(mine)

    @property
    def heard(self) -> bool:
        return bool(self.messages)

    def covers(self, ref: int) -> bool:
        """Whether every change after `ref` is known here."""
        return not self.messages or int(self.messages[0]["ref"][-1]) <= ref

    def touched_since(self, ref: int) -> np.ndarray:
        """Prices, in ticks, of levels that messages after `ref` changed."""
        levels = [m["price"][m["kind"] == Kind.LEVEL] for m in self.messages if m["ref"][-1] > ref]
        return np.unique(np.concatenate(levels)) if levels else np.zeros(0, np.int64)


def compare(audit: Audit, ladder: Ladder, touched: np.ndarray) -> Comparison:
    """How many levels of the audit's reach differ; `touched` prices are left out."""
    levels = audit.rows[audit.rows["kind"] == Kind.LEVEL]
    compared = differing = 0
    for side, ticks, lots in (
        (1, ladder.bid_ticks, ladder.bid_lots),
        (-1, ladder.ask_ticks, ladder.ask_lots),
    ):
        shown = levels[levels["side"] == side]
        if not shown.size:
            continue
        low, high = int(shown["price"].min()), int(shown["price"].max())
        # nearer to the touch than the audit's best there must be nothing either
        within = ticks >= low if side > 0 else ticks <= high
        theirs = dict(zip(shown["price"].tolist(), shown["value"].tolist(), strict=True))
        ours = dict(zip(ticks[within].tolist(), lots[within].tolist(), strict=True))
        for tick in set(touched.tolist()):
            theirs.pop(tick, None)
            ours.pop(tick, None)
        compared += len(theirs)
        differing += len(set(theirs.items()) ^ set(ours.items()))
    return Comparison(compared, differing)
