"""S-ZI: the base book is the one of the specification (signals.md 11.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bot.market.synthetic.calibration import TARGETS, run_figures
from scripts.acceptance.runs import LONG_S, SYMBOLS, Check
from scripts.acceptance.table import Row

ZI = "s-zi"
MOST_SD = 4.0


def measure(scenario: str, seed: int, seconds: float) -> dict[str, float]:
    return run_figures(seed, SYMBOLS, seconds)[0]


def rows(found: Mapping[str, Sequence[dict[str, float]]]) -> list[Row]:
    means = {name: float(np.mean([run[name] for run in found[ZI]])) for name in TARGETS}
    away = {name: abs(means[name] - target.mean) / target.sd for name, target in TARGETS.items()}
    worst = max(away, key=lambda name: away[name])
    measured = (
        f"{away[worst]:.2f} sd ({worst}: {means[worst]:.4f} for {TARGETS[worst].mean:g}; {len(away)} figures)"
    )
    return [
        Row(
            ZI,
            "base market, farthest from its target",
            away[worst],
            measured,
            f"<= {MOST_SD:g} sd",
            away[worst] <= MOST_SD,
        )
    ]


BOOK = Check("book", (ZI,), 8, LONG_S, measure, rows)
