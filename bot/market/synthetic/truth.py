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
from bot.market.synthetic.state import MAX_TRUTHS

TYPES = {1: "genuine_wall", 2: "spoof_wall", 3: "thin_side", 4: "sweep"}
OUTCOMES = {0: "open", 1: "consumed", 2: "pulled", 3: "expired", 4: "burst", 5: "quiet", 6: "swept"}
_PARAMS = ("lots", "reserve", "executed", "touched_ns", "scripted", "move_bps")


@dataclass(frozen=True, slots=True)
class Truth:
    """One planted phenomenon.

    `t0_ns`, `t1_ns` are true times (the venue's clock without its offset);
    t1_ns is 0 while it lasts. `price` is in ticks: of the wall, of the mid when
    a side became thin, the last one a sweep may reach. `side` is +1 for a bid
    wall, a thin ask side, a buying sweep: where the price should go. `params`:
    lots shown (walls) or executed (sweeps), reserve and executed lots, touched_ns (a tenth of the wall was
    executed, or the burst began; 0 never), scripted (the price was led to the
    wall), move_bps (walls: largest bounce after the touch; else the move of the
    mid towards `side` while it lasted). `group` is the id of the first of a
    layered set of spoofs, its own id otherwise.
    """

    id: str
    type: str
    symbol: str
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


def read_truth(symbol: str, rows: np.ndarray) -> list[Truth]:
    """TRUTH rows of one symbol as records."""
    records = []
    for row in rows[rows["type"] > 0]:
        records.append(
            Truth(
                id=f"{symbol}-{row['number']}",
                type=TYPES[int(row["type"])],
                symbol=symbol,
                t0_ns=int(row["t0_ns"]),
                t1_ns=int(row["t1_ns"]),
                price=int(row["price"]),
                side=int(row["side"]),
                outcome=OUTCOMES[int(row["outcome"])],
                group=f"{symbol}-{row['group']}",
                params={name: row[name].item() for name in _PARAMS},
            )
        )
    return records


def write_truth(records: Iterable[Truth], path: Path) -> None:
    """JSON lines, one record a line, in order of their start."""
    ordered = sorted(records, key=lambda r: (r.t0_ns, r.symbol, r.id))
    path.write_text("".join(json.dumps(asdict(record)) + "\n" for record in ordered))
