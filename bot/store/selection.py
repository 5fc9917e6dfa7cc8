"""Which runs and markets a report is about, and what their ticks are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.core.errors import BadInput
from bot.store.database import Database
from bot.store.encoding import decode


def chosen_runs(database: Database, run: int | None = None) -> list[dict[str, Any]]:
    """One run, or with None all paper runs, which share a wallet (else the last). Raises BadInput."""
    rows = database.query("SELECT id, kind, state FROM runs ORDER BY id")
    if not rows:
        raise BadInput(f"{database.path}: the session has no runs yet; start one with `lopside paper`")
    if run is None:
        return [row for row in rows if row["kind"] == "paper"] or rows[-1:]
    found = [row for row in rows if row["id"] == run]
    if not found:
        raise BadInput(f"{database.path}: no run {run}; runs are 1 to {rows[-1]['id']}")
    return found


def of_market(
    database: Database, table: str, runs: Sequence[Mapping[str, Any]], symbol: str | None
) -> list[dict[str, Any]]:
    """Rows of the runs and, with a symbol or `venue:SYMBOL`, of its markets, each with its market's `tick`.

    Raises BadInput when the runs knew no such market.
    """
    ticks = {row["id"]: _ticks(database, row["id"]) for row in runs}
    known = sorted({market for of_run in ticks.values() for market in of_run})
    wanted = [name for name in known if symbol in (None, name, name.partition(":")[2])]
    if symbol is not None and not wanted:
        raise BadInput(f"unknown symbol {symbol!r}: the session knows {', '.join(known) or 'no markets'}")
    marks = ", ".join("?" * len(runs))
    rows = database.query(f"SELECT * FROM {table} WHERE run IN ({marks})", [row["id"] for row in runs])
    return [
        {**row, "tick": ticks[row["run"]].get(row["market"])}
        for row in rows
        if symbol is None or row["market"] in wanted
    ]


def with_prices(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Ticks of the columns `NAME_ticks` as decimal strings under `NAME`, in place of `tick`; None unknown."""
    tick = row["tick"]
    made = {name: value for name, value in row.items() if name != "tick"}
    for name in names:
        ticks = row[f"{name}_ticks"]
        made[name] = None if tick is None or ticks is None else f"{tick * round(ticks):f}"
    return made


def _ticks(database: Database, run: int) -> dict[str, Decimal]:
    (row,) = database.query("SELECT header FROM runs WHERE id = ?", [run])
    instruments = decode(row["header"]).get("instruments", [])
    return {f"{each['venue']}:{each['symbol']}": Decimal(each["tick"]) for each in instruments}
