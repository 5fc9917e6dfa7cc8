"""The life cycle of forced orders at every card, against planted cascades (signals.md 4.3, 11.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.engine.kernel import State
from bot.evaluation.truth import Planted
from bot.signals.derivatives.liquidations import Cascade

CASCADE_TYPE = "cascade"
LEAST_FORCED = 0.1
"""Share of the planted lots that must have been liquidated: else the kick missed the levels."""


class Moment(NamedTuple):
    """What a market's forced orders looked like at one card. `direction`: +1 forced buys, 0 quiet."""

    time_ns: int
    market: int
    state: Cascade
    direction: int


@dataclass(slots=True)
class CascadeWatch:
    """Notes the state of every market at every card: `note` is for `Collector`."""

    moments: list[Moment] = field(default_factory=list)  # in order of time

    def note(self, state: State, now_ns: int) -> None:
        rows = state.signals.known["liquidations"]
        for market, row in enumerate(rows):
            self.moments.append(Moment(now_ns, market, Cascade(int(row["state"])), int(row["direction"])))


def onset_ns(planted: Planted) -> int:
    """When the first forced order came; 0: hardly any did, so there was no cascade to see."""
    if planted.params["executed"] < LEAST_FORCED * planted.params["lots"]:
        return 0
    return int(planted.params["touched_ns"])


def cards_to_cascade(planted: Planted, onset_ns: int, moments: Sequence[Moment]) -> int | None:
    """The number of the first card after the onset that says CASCADE the planted way; None: none did.

    Only cards up to the planted end count, and the next three: a cascade may be over in seconds.
    """
    cards = 0
    beyond = 0
    for moment in moments:
        if moment.market != planted.market or moment.time_ns <= onset_ns:
            continue
        cards += 1
        beyond += bool(planted.t1_ns) and moment.time_ns > planted.t1_ns
        if moment.state is Cascade.CASCADE and moment.direction == planted.side:
            return cards
        if beyond == 3:
            return None
    return None


def times_entered(moments: Sequence[Moment]) -> int:
    """How often a market came from BURST or QUIET to CASCADE."""
    before: dict[int, Cascade] = {}
    entered = 0
    for moment in moments:
        last = before.get(moment.market, Cascade.QUIET)
        entered += moment.state is Cascade.CASCADE and last in (Cascade.QUIET, Cascade.BURST)
        before[moment.market] = moment.state
    return entered
