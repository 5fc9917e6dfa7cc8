"""S-LAG: which of two venues moves first, and by how much (signals.md 5.2, 11.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bot.core.units import NS_PER_S
from bot.evaluation.lags import Lag, LagWatch, share_within_a_step
from bot.market.synthetic import SCENARIOS
from scripts.acceptance.runs import START_NS, Check, play
from scripts.acceptance.table import Row, at_least, over_seeds, told

LAG = "s-lag"


def measure(scenario: str, seed: int, seconds: float) -> np.ndarray:
    """(n, 3): a lag said of a pair after ten minutes, the one it goes by, the true one; ms."""
    watch = LagWatch()
    play(scenario, seed, seconds, on_tick=watch.note)
    said = [(lag.best_ms, lag.used_ms, true_lag_ms(lag)) for lag in watch.lags]
    return np.array(said, float).reshape(-1, 3)


def true_lag_ms(lag: Lag) -> float:
    """How much later the second learns of the price than the first, in the window that ends then."""
    settings = SCENARIOS[LAG].settings
    changed = settings.lag_change_s is not None and lag.time_ns > START_NS + settings.lag_change_s * NS_PER_S
    first, second = (settings.venues[k] for k in (lag.first, lag.second))
    return second.later_lag_ms - first.later_lag_ms if changed else second.lag_ms - first.lag_ms


def rows(found: Mapping[str, Sequence[np.ndarray]]) -> list[Row]:
    said = np.concatenate(found[LAG])
    best, used, true = said.T
    each = [share_within_a_step(run[:, 0], run[:, 2]) for run in found[LAG]]
    chosen = used != 0
    return [
        at_least(
            LAG,
            "best lag of ten minutes within a step of 50 ms",
            share_within_a_step(best, true),
            0.95,
            over_seeds(each, f"{best.size} windows of pairs"),
        ),
        told(
            LAG,
            "lag in use (chosen hourly) within a step, where one is",
            share_within_a_step(used[chosen], true[chosen]),
            f"one is in {chosen.mean():.0%} of the windows; the lags change once" if chosen.size else "",
        ),
    ]


LAGS = Check("lag", (LAG,), 10, 7_200.0, measure, rows)
