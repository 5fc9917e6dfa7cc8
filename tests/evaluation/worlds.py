"""Samples made by hand, so that what the figures must say is known."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from bot.evaluation.samples import LABEL_STEP_NS, TOUCH_STEP_NS, Samples, ThinChange, Touched
from bot.evaluation.touch import Points
from bot.evaluation.walls import End, WallTrack
from bot.market.instruments import Instrument

NS_PER_S = 1_000_000_000
T0 = 1_700_000_000 * NS_PER_S
INSTRUMENT = Instrument("test", "AAAUSDT", tick=Decimal("0.1"), lot=Decimal("0.01"))


def points(mid: np.ndarray, step_ns: int = LABEL_STEP_NS, **given: np.ndarray) -> Points:
    """A series on a grid from T0 on; next moves follow from the mids."""
    n = mid.size
    move, wait = np.zeros(n, np.int8), np.full(n, np.inf, np.float32)
    for k in range(n - 2, -1, -1):
        if mid[k + 1] != mid[k]:
            move[k] = np.nan_to_num(np.sign(mid[k + 1] - mid[k]))
            wait[k] = step_ns / NS_PER_S
        else:
            move[k], wait[k] = move[k + 1], wait[k + 1] + step_ns / NS_PER_S
    return Points(
        T0,
        step_ns,
        mid,
        given.get("imbalance", np.zeros(n, np.float32)),
        given.get("flow", np.zeros(n)),
        move,
        wait,
    )


def touched(mid: np.ndarray, traded: np.ndarray | None = None, **given: np.ndarray) -> Touched:
    return Touched(
        "bbo", points(mid, TOUCH_STEP_NS, **given), np.zeros(mid.size) if traded is None else traded
    )


def samples(
    mid: np.ndarray,
    scores: dict[str, np.ndarray],
    *,
    probability: dict[str, np.ndarray] | None = None,
    walls: Sequence[WallTrack] = (),
    thins: Sequence[ThinChange] = (),
) -> Samples:
    """One market with ladder mids every 250 ms from T0; a score a tick from T0 on, the same in all modes."""
    ticks = max((s.size for s in scores.values()), default=0)

    def table(columns: dict[str, np.ndarray]) -> np.ndarray:
        shaped = np.full((ticks, 1, len(scores), 3), np.nan, np.float32)
        for k, name in enumerate(scores):
            shaped[:, 0, k, :] = columns.get(name, np.full(ticks, np.nan))[:, None]
        return shaped

    return Samples(
        instruments=(INSTRUMENT,),
        names=tuple(scores),
        begin_ns=T0,
        end_ns=T0 + (mid.size - 1) * LABEL_STEP_NS,
        ticks_ns=T0 + 10 * NS_PER_S * np.arange(ticks, dtype=np.int64),
        scores=table(scores),
        probability=table(probability or {}),
        mids=[points(mid)],
        touches=[[touched(mid)]],
        thins=list(thins),
        walls=list(walls),
    )


def wall(begin_s: float, end_s: float, side: int = 1, near: int = 1000, **given: object) -> WallTrack:
    """A wall in the bucket of ten ticks that ends at `near`, confirmed 4 s after its first sight."""
    values: dict[str, object] = {
        "market": 0,
        "id": 1,
        "side": side,
        "near": near,
        "far": near - side * 9,
        "born_ns": T0 + round(begin_s * NS_PER_S),
        "confirmed_ns": T0 + round((begin_s + 4) * NS_PER_S),
        "last_ns": T0 + round(end_s * NS_PER_S),
        "peak": 100.0,
        "end": End.EXPIRED,
        **given,
    }
    return WallTrack(**values)  # type: ignore[arg-type]
