"""The zones of a session: those that stand, the last that went, how they held, and what touches taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.signals.zones import learning
from bot.signals.zones.state import FEATURES, PRIOR, new_zones
from bot.store.database import Database
from bot.store.learned import ZONES, saved_of, zones_from
from bot.store.lifetimes import median_life_s
from bot.store.report import wilson
from bot.store.selection import chosen_runs, of_market, with_prices


@dataclass(frozen=True, slots=True)
class ZoneStatistics:
    """How the zones of a market fared that were ever spoken of; labels are ended approaches (8.6)."""

    market: str
    zones: int
    standing: int
    touches: int
    holds: int
    breaks: int
    pulls: int
    hold_rate: float | None  # of the labels
    hold_low: float | None  # Wilson interval, 95 %
    hold_high: float | None
    median_life_s: float | None  # None: more than half were not seen to go


def zone_report(
    database: Database, run: int | None = None, symbol: str | None = None, last: int = 20
) -> dict[str, Any]:
    """Plain JSON types: session, runs, `statistics` a market, `standing` of the last run, the `last` gone,
    and `learned`: coefficients and how good the hold probability was, None where none were kept.

    Of one run, or with None of all paper runs (else the last). Raises BadInput
    when there is no such run or market, or what was learned is damaged.
    """
    runs = chosen_runs(database, run)
    rows = of_market(database, "zones", runs, symbol)
    rows = [with_prices(row, ("low", "high", "centre")) for row in rows]
    markets = sorted({row["market"] for row in rows})
    standing = [row for row in rows if row["gone_ns"] is None and row["run"] == runs[-1]["id"]]
    gone = [row for row in rows if row["gone_ns"] is not None]
    return {
        "session": database.path.parent.name,
        "runs": [row["id"] for row in runs],
        "statistics": [
            asdict(zone_statistics(name, [row for row in rows if row["market"] == name])) for name in markets
        ],
        "standing": sorted(standing, key=lambda row: (row["market"], -row["side"], row["rank"] or 9)),
        "gone": sorted(gone, key=lambda row: (row["run"], row["gone_ns"]))[-last:] if last else [],
        "learned": _learned(database),
    }


def zone_statistics(market: str, rows: Sequence[Mapping[str, Any]]) -> ZoneStatistics:
    touches, holds, breaks, pulls = (
        sum(row[name] for row in rows) for name in ("touches", "holds", "breaks", "pulls")
    )
    labels = holds + breaks + pulls
    low, high = wilson(holds, labels)
    return ZoneStatistics(
        market=market,
        zones=len(rows),
        standing=sum(row["gone_ns"] is None for row in rows),
        touches=touches,
        holds=holds,
        breaks=breaks,
        pulls=pulls,
        hold_rate=holds / labels if labels else None,
        hold_low=low if labels else None,
        hold_high=high if labels else None,
        median_life_s=median_life_s(
            (((row["gone_ns"] or row["changed_ns"]) - row["born_ns"]) / NS_PER_S, row["gone_ns"] is not None)
            for row in rows
        ),
    )


def _learned(database: Database) -> dict[str, Any] | None:
    saved = saved_of(database, ZONES)
    if saved is None:
        return None
    model = new_zones(1).model
    try:
        learning.thaw(model, zones_from(saved.data))
    except BadInput as error:
        raise BadInput(f"{database.path}: {error}") from None
    made = learning.report(model)
    return {
        "at_ns": saved.now_ns,
        "coefficients": dict(zip(FEATURES, model["theta"][0].tolist(), strict=True)),
        "prior": dict(zip(FEATURES, PRIOR, strict=True)),
        **made._asdict(),
        "calibration": [tenth._asdict() for tenth in made.calibration],
    }
