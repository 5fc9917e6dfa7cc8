"""What the signal added: each strategy's trades against the shadows that ran beside them.

All in bps of the value at entry, fees included, funding not. A coin's shadow is
the mean of the two directions; the momentum shadow took the direction of the
move before the decision, and is flat where there was none; flat earns 0.
Intervals are 95 % percentile bootstrap intervals over trades, which are taken
to be independent: trades of one symbol hardly ever overlap, but a session is
one market, and its trades share its luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from bot.store.database import Database

DRAWS = 2_000
FEWEST = 10
"""Trades below which no interval is told."""


@dataclass(frozen=True, slots=True)
class Versus:
    """Trades minus one kind of shadow, bps a trade."""

    shadow: str  # flat, random, momentum
    shadow_bps: float  # what the shadow earned, after fees
    added_bps: float
    low_bps: float | None  # 95 %, None with too few trades
    high_bps: float | None


@dataclass(frozen=True, slots=True)
class Added:
    """One strategy's trades of one kind, and what they earned beyond their shadows."""

    strategy: str
    explore: bool
    trades: int  # with both shadows closed
    gross_bps: float
    net_bps: float
    versus: tuple[Versus, ...]


def what_was_added(database: Database, runs: Sequence[int]) -> tuple[Added, ...]:
    """By strategy, exploration apart; strategies without a compared trade are left out."""
    marks = ", ".join("?" * len(runs))
    rows = database.query(
        "SELECT t.strategy, t.explore, t.side, t.gross_e8, t.fees_e8, t.filled_lots, a.lots, a.value_e8,"
        " a.momentum, a.net_bps AS with_bps, b.net_bps AS against_bps"
        " FROM trades t JOIN shadows a ON a.run = t.run AND a.trade_id = t.id AND a.same = 1"
        " JOIN shadows b ON b.run = t.run AND b.trade_id = t.id AND b.same = 0"
        f" WHERE t.run IN ({marks}) AND t.stage = 'closed' AND a.value_e8 > 0"
        " ORDER BY t.strategy, t.explore, t.opened_ns, t.id",
        list(runs),
    )
    return tuple(
        _added(strategy, bool(explore), list(group))
        for (strategy, explore), group in groupby(rows, lambda row: (row["strategy"], row["explore"]))
    )


def mean_interval(values: np.ndarray, draws: int = DRAWS) -> tuple[float | None, float | None]:
    """95 % bootstrap interval of a mean; None with fewer than FEWEST values. The same for equal values."""
    if values.size < FEWEST:
        return None, None
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, values.size, values.size)].mean() for _ in range(draws)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _added(strategy: str, explore: bool, rows: Sequence[Mapping[str, Any]]) -> Added:
    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows], float)

    value = column("value_e8") * column("filled_lots") / column("lots")
    gross = 1e4 * column("gross_e8") / value
    net = gross - 1e4 * column("fees_e8") / value
    same, against = column("with_bps"), column("against_bps")
    towards = column("momentum") * column("side")
    shadows = {
        "flat": np.zeros(net.size),
        "random": 0.5 * (same + against),
        "momentum": np.select([towards > 0.0, towards < 0.0], [same, against], 0.0),
    }
    return Added(
        strategy=strategy,
        explore=explore,
        trades=len(rows),
        gross_bps=float(gross.mean()),
        net_bps=float(net.mean()),
        versus=tuple(
            Versus(name, float(shadow.mean()), float((net - shadow).mean()), *mean_interval(net - shadow))
            for name, shadow in shadows.items()
        ),
    )
