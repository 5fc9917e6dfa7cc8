"""What was really planted, to judge detectors and strategies by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.core.jit import njit
from bot.market.synthetic.ladder import mid_of
from bot.market.synthetic.state import MAX_TRUTHS, REGIME, VALUE_EVERY_NS

TYPES = dict(
    enumerate(
        (
            "genuine_wall",
            "spoof_wall",
            "thin_side",
            "sweep",
            "cascade",
            "exhaustion",
            "cross_lag",
            "regime",
            "gap",
            "duplicate",
            "out_of_order",
            "crossed",
            "stale",
        ),
        start=1,
    )
)
OUTCOMES = (
    "open", "consumed", "pulled", "expired", "burst", "quiet", "swept", "spent", "absorbed", "changed",
    "over",
)  # fmt: skip
REGIMES = ("flow", "depth", "none")
_PARAMS = ("lots", "reserve", "executed", "touched_ns", "scripted", "move_bps")


@dataclass(frozen=True, slots=True)
class Truth:
    """One planted phenomenon or fault.

    `t0_ns`, `t1_ns` are true times (the venue's clock without its offset);
    t1_ns is 0 while it lasts. `price` is in ticks: of the wall, the last one a
    sweep may reach, else of the mid when it began. `side` is +1 for a bid wall,
    a thin ask side, a buying sweep, a rising cascade or drive: where the price
    should go; 0 where there is none. `group` is the id of the first of a
    layered set of spoofs, its own id otherwise.

    `params` of phenomena: lots shown (walls), executed (sweeps) or planted
    (cascades), reserve, executed lots, touched_ns (a tenth of the wall was
    executed, the burst, the forced orders or the absorption began; 0 never),
    scripted (the price was led to the wall), move_bps (walls: largest bounce
    after the touch; else the move of the mid towards `side` while it lasted).
    `cross_lag` has before_ms and after_ms, `efficient_price` (a sample of it, for
    an oracle) has ticks; the outcome of a `regime` says where the efficient price
    shows: flow, depth or none. Faults have no params.
    """

    id: str
    type: str
    symbol: str
    venue: str
    t0_ns: int
    t1_ns: int
    price: int
    side: int
    outcome: str
    group: str
    params: dict[str, float]


@njit
def open_truth(lane: Any, type_: int, price: int, side: int) -> int:
    """Starts a record in place of the oldest; returns its slot."""
    slot = lane.n_truths % MAX_TRUTHS
    record = lane.truth[slot]
    record.type, record.t0_ns, record.price, record.side = type_, lane.now_ns, price, side
    record.t1_ns, record.outcome, record.lots, record.reserve, record.executed = 0, 0, 0, 0, 0
    record.touched_ns, record.scripted, record.move_bps = 0, 0, 0.0
    record.before, record.after = 0.0, 0.0
    record.number = record.group = lane.n_truths
    lane.n_truths += 1
    return slot


@njit
def close_truth(lane: Any, slot: int, outcome: int) -> None:
    record = lane.truth[slot]
    record.t1_ns = lane.now_ns
    record.outcome = outcome


@njit
def moved_bps(lane: Any, side: int, since: float) -> float:
    """Move of the mid towards `side` since it was at `since` ticks, bps."""
    return side * (mid_of(lane) - since) / since * 1e4


def _params(row: np.void, type_: str) -> dict[str, float]:
    if type_ == "cross_lag":
        return {"before_ms": row["before"].item(), "after_ms": row["after"].item()}
    if row["type"] >= REGIME:
        return {}
    return {name: row[name].item() for name in _PARAMS}


def read_truth(venue: str, symbol: str, rows: np.ndarray) -> list[Truth]:
    """TRUTH rows of one market as records."""
    records = []
    for row in rows[rows["type"] > 0]:
        type_ = TYPES[int(row["type"])]
        records.append(
            Truth(
                id=f"{venue}:{symbol}-{row['number']}",
                type=type_,
                symbol=symbol,
                venue=venue,
                t0_ns=int(row["t0_ns"]),
                t1_ns=int(row["t1_ns"]),
                price=int(row["price"]),
                side=int(row["side"]),
                outcome=REGIMES[int(row["after"])] if type_ == "regime" else OUTCOMES[int(row["outcome"])],
                group=f"{venue}:{symbol}-{row['group']}",
                params=_params(row, type_),
            )
        )
    return records


def read_values(venue: str, symbol: str, rows: np.ndarray) -> list[Truth]:
    """VALUE rows of one market as records."""
    records = []
    for t_ns, ticks in rows.tolist():
        id_ = f"{venue}:{symbol}-v{t_ns // VALUE_EVERY_NS}"
        params = {"ticks": ticks}
        records.append(
            Truth(id_, "efficient_price", symbol, venue, t_ns, t_ns, round(ticks), 0, "over", id_, params)
        )
    return records


def write_truth(records: Iterable[Truth], path: Path) -> None:
    """JSON lines, one record a line, in order of their start."""
    ordered = sorted(records, key=lambda r: (r.t0_ns, r.symbol, r.id))
    path.write_text("".join(json.dumps(asdict(record)) + "\n" for record in ordered))
