"""Where a session's decisions had an edge: the move towards their side after entries and refusals.

From the followed outcomes (signals.md 9.5): before costs, by strategy, mode and what
was decided. A refusal's edge is what was given away, or saved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from math import sqrt
from typing import Any

from bot.store.database import Database
from bot.store.selection import chosen_runs

WHAT = ("entered", "refused", "left")


@dataclass(frozen=True, slots=True)
class Markout:
    """Mean move towards the side so many seconds after the decision; `error_bps` is its standard error."""

    seconds: int
    count: int
    mean_bps: float
    error_bps: float | None  # None with a single one


@dataclass(frozen=True, slots=True)
class Edge:
    """One strategy and mode, one kind of decision."""

    strategy: str
    mode: str
    what: str  # entered, refused, left
    count: int
    target_first: int
    stop_first: int
    markouts: tuple[Markout, ...]  # shortest first


def edge_report(database: Database, run: int | None = None) -> dict[str, Any]:
    """Plain JSON types: session, runs, `edges`. Of one run, or with None of all paper runs (else the last).

    Raises BadInput when there is no such run.
    """
    runs = [row["id"] for row in chosen_runs(database, run)]
    marks = ", ".join("?" * len(runs))
    rows = database.query(
        f"SELECT strategy, mode, what, first, path FROM outcomes WHERE run IN ({marks}) AND what != ''", runs
    )
    groups = groupby(sorted(rows, key=_key), _key)
    edges = [edge_of(*key, list(group)) for key, group in groups]
    return {"session": database.path.parent.name, "runs": runs, "edges": [asdict(edge) for edge in edges]}


def edge_of(strategy: str, mode: str, what: str, rows: Sequence[Mapping[str, Any]]) -> Edge:
    moves: dict[int, list[float]] = {}
    for row in rows:
        for seconds, move in json.loads(row["path"]).items():
            moves.setdefault(int(seconds), []).append(move)
    return Edge(
        strategy,
        mode,
        what,
        len(rows),
        sum(row["first"] == "target" for row in rows),
        sum(row["first"] == "stop" for row in rows),
        tuple(_markout(seconds, moves[seconds]) for seconds in sorted(moves)),
    )


def _markout(seconds: int, moves: Sequence[float]) -> Markout:
    n = len(moves)
    mean = sum(moves) / n
    error = sqrt(sum((move - mean) ** 2 for move in moves) / (n - 1) / n) if n > 1 else None
    return Markout(seconds, n, mean, error)


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["strategy"], row["mode"], row["what"]
