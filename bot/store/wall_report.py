"""The walls of a session: those that stand, the last that ended, and how they fared, a market at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.core.units import NS_PER_S
from bot.store.database import Database
from bot.store.encoding import decode
from bot.store.lifetimes import median_life_s
from bot.store.report import wilson
from bot.store.selection import chosen_runs, of_market, with_prices
from bot.store.wall_ledger import LOST

AWAY = (LOST, "moved")
"""Ends that say nothing of the wall: it went out of sight, or the price went away from it."""
GIVEN_UP = ("consumed", "pulled")
"""Ends after which the price could go on; of a tested wall, any other is a hold."""


@dataclass(frozen=True, slots=True)
class WallStatistics:
    """How the walls of a market fared.

    A life is counted from the first sight. Walls still there, or out of sight,
    count as outliving what was seen of them.
    """

    market: str
    walls: int
    standing: int  # now, or when the run ended
    ends: Mapping[str, int]  # by cause, most frequent first
    shares: Mapping[str, float]  # of those that ended
    median_life_s: float | None  # None: more than half were not seen to end
    tested: int  # that ended after the price had come near or had traded into them
    held: int
    hold_rate: float | None
    hold_low: float | None  # Wilson interval, 95 %
    hold_high: float | None


def wall_report(
    database: Database, run: int | None = None, symbol: str | None = None, last: int = 20
) -> dict[str, Any]:
    """Plain JSON types: session, runs, `statistics` a market, `standing` of the last run, the `last` ended.

    Of one run, or with None of all paper runs (else the last). Raises BadInput
    when there is no such run or market.
    """
    runs = chosen_runs(database, run)
    rows = of_market(database, "walls", runs, symbol)
    rows = [{**with_prices(row, ("near", "far")), "figures": decode(row["figures"])} for row in rows]
    markets = sorted({row["market"] for row in rows})
    ended = [row for row in rows if row["end"]]
    return {
        "session": database.path.parent.name,
        "runs": [row["id"] for row in runs],
        "statistics": [
            asdict(wall_statistics(name, [row for row in rows if row["market"] == name])) for name in markets
        ],
        "standing": sorted(
            (row for row in rows if not row["end"] and row["run"] == runs[-1]["id"]),
            key=lambda row: (row["market"], row["distance_bps"] or 0.0),
        ),
        "ended": sorted(ended, key=lambda row: (row["run"], row["seen_ns"]))[-last:] if last else [],
    }


def wall_statistics(market: str, rows: Sequence[Mapping[str, Any]]) -> WallStatistics:
    ends = Counter(row["end"] for row in rows if row["end"])
    tested = [row for row in rows if row["tested"] and row["end"] and row["end"] not in AWAY]
    held = sum(row["end"] not in GIVEN_UP for row in tested)
    low, high = wilson(held, len(tested))
    lives = [
        ((row["seen_ns"] - row["born_ns"]) / NS_PER_S, bool(row["end"]) and row["end"] not in AWAY)
        for row in rows
        if row["born_ns"]
    ]
    return WallStatistics(
        market=market,
        walls=len(rows),
        standing=sum(not row["end"] for row in rows),
        ends=dict(ends.most_common()),
        shares={end: count / ends.total() for end, count in ends.most_common()},
        median_life_s=median_life_s(lives),
        tested=len(tested),
        held=held,
        hold_rate=held / len(tested) if tested else None,
        hold_low=low if tested else None,
        hold_high=high if tested else None,
    )
