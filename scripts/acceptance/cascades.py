"""S-CASCADE: liquidation cascades seen in time, and none where there is none (signals.md 4.3, 11.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bot.evaluation.cascades import CASCADE_TYPE, CascadeWatch, cards_to_cascade, onset_ns, times_entered
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

    cards: tuple[int, ...]  # from the first forced order, where there were some
    from_kick: tuple[int, ...]  # from the order that should set it off, whether it did or not
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
    begun = [(p, onset) for p in planted if (onset := onset_ns(p))]
    cards = tuple(cards_to_cascade(p, onset, watch.moments) or 0 for p, onset in begun)
    from_kick = tuple(cards_to_cascade(p, p.t0_ns, watch.moments) or 0 for p in planted)
    return Found(cards, from_kick, times_entered(watch.moments), run.samples.span_s / 86_400.0)


def rows(found: Mapping[str, Sequence[Found]]) -> list[Row]:
    cards = np.array([n for run in found[CASCADE] for n in run.cards])
    from_kick = np.array([n for run in found[CASCADE] for n in run.from_kick])
    interval = wilson(float(_quick(cards).sum()), float(cards.size))
    false, days = sum(run.entered for run in found[ZI]), sum(run.days for run in found[ZI])
    return [
        at_least(
            CASCADE,
            f"CASCADE within {CARDS} cards of the onset",
            _mean(_quick(cards)),
            0.9,
            f"95 % {interval.low:.2f} to {interval.high:.2f}, {cards.size} onsets",
        ),
        told(
            CASCADE,
            f"CASCADE within {CARDS} cards of the kick, also where it set off nothing",
            _mean(_quick(from_kick)),
            f"{from_kick.size} kicks",
        ),
        told(CASCADE, "CASCADE at any card while it lasts, or at the three after", _mean(cards > 0)),
        at_most(
            f"{ZI}, accounts liquidated",
            "false CASCADE a day",
            false / days if days else float("nan"),
            1.0,
            over_seeds([run.entered / run.days for run in found[ZI]], f"{false} in {days:.1f} days"),
        ),
    ]


def _quick(cards: np.ndarray) -> np.ndarray:
    return (cards > 0) & (cards <= CARDS)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


CASCADES = Check("cascade", (CASCADE, ZI), 9, LONG_S, measure, rows)
