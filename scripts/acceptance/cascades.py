"""S-CASCADE: liquidation cascades seen in time, and none where there is none (signals.md 4.3, 11.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bot.evaluation.cascades import CASCADE_TYPE, CascadeWatch, cards_to_cascade, times_entered
from bot.evaluation.metrics import wilson
from bot.market.synthetic import SCENARIOS
from scripts.acceptance.runs import LONG_S, Check, play
from scripts.acceptance.table import Row, at_least, at_most, over_seeds, told

CASCADE, ZI = "s-cascade", "s-zi"
CARDS = 3
WARM_S = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """Cards until each planted cascade was called one, 0 never; how often CASCADE was entered at all."""

    cards: tuple[int, ...]
    entered: int
    days: float


def measure(scenario: str, seed: int, seconds: float) -> Found:
    """S-ZI is played with leveraged accounts: without them nobody is ever liquidated."""
    watch = CascadeWatch()
    settings = SCENARIOS[scenario].settings
    run = play(scenario, seed, seconds, settings=replace(settings, perpetual=True), on_tick=watch.note)
    begin_ns = run.samples.begin_ns + int(WARM_S * 1e9)
    end_ns = run.samples.end_ns - 10 * (CARDS + 1) * 1_000_000_000
    planted = [p for p in run.planted if p.type == CASCADE_TYPE and begin_ns <= p.t0_ns <= end_ns]
    cards = tuple(cards_to_cascade(p, watch.moments) or 0 for p in planted)
    return Found(cards, times_entered(watch.moments), run.samples.span_s / 86_400.0)


def rows(found: Mapping[str, Sequence[Found]]) -> list[Row]:
    cards = np.array([n for run in found[CASCADE] for n in run.cards])
    quick = (cards > 0) & (cards <= CARDS)
    interval = wilson(float(quick.sum()), float(cards.size))
    share = float(quick.mean()) if cards.size else float("nan")
    false, days = sum(run.entered for run in found[ZI]), sum(run.days for run in found[ZI])
    return [
        at_least(
            CASCADE,
            f"CASCADE within {CARDS} cards of the onset",
            share,
            0.9,
            f"95 % {interval.low:.2f} to {interval.high:.2f}, {cards.size} onsets",
        ),
        told(
            CASCADE,
            "CASCADE at any card while it lasts, or at the three after",
            float((cards > 0).mean()) if cards.size else float("nan"),
        ),
        at_most(
            f"{ZI}, accounts liquidated",
            "false CASCADE a day",
            false / days if days else float("nan"),
            1.0,
            over_seeds([run.entered / run.days for run in found[ZI]], f"{false} in {days:.1f} days"),
        ),
    ]


CASCADES = Check("cascade", (CASCADE, ZI), 9, LONG_S, measure, rows)
