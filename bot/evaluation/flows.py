"""What order flow, trades and the queues at the touch say about price: of the same interval and of the next.

Explaining is not forecasting: the flow of an interval always explains much of
the same interval's move (Cont, Kukanov & Stoikov 2014) and hardly any of the
next one's. The two are separate figures here and must stay so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.core.units import NS_PER_S
from bot.evaluation.metrics import Interval, auc, auc_value, correlation, r_squared, spearman, wilson
from bot.evaluation.resampling import correlation_interval
from bot.evaluation.samples import Touched

INTERVALS_S = (1, 10, 60)
FEWEST_INTERVALS = 10
QUEUE_S = 1.0
QUEUE_HORIZONS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
BLOCK_HORIZONS = 10
"""Horizons a block of the bootstrap, or a cluster of the AUC (signals.md 10.2)."""


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """One kind of flow over intervals of one length. R² are shares, in the sample."""

    market: str
    source: str  # of the touch: "ladder" or "bbo"
    flow: str  # "ofi", or "trades": signed volume
    interval_s: int
    n: int
    r2_same: float  # of the move of the same interval
    r2_same_interval: Interval
    r2_same_least: float  # over ten beginnings of the first interval: few intervals depend on it
    r2_same_most: float
    r2_next: float  # of the move of the next interval
    correlation_next: float


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Queue imbalance on a grid of 100 ms against the move of the mid."""

    market: str
    source: str
    n: int  # grid points after which the mid was another one a second later
    hit_rate: float  # of the sign of the imbalance there
    hit_interval: Interval  # as if only one point a second counted
    moves: int  # grid points with a next move
    next_auc: float  # of the direction of the next move, whenever it comes
    next_auc_interval: Interval
    decay: tuple[tuple[float, float, float], ...]  # (horizon s, IC, AUC)


def flow_figures(market: str, touched: Touched, rng: np.random.Generator) -> list[FlowFigures]:
    """Order flow and signed trades, for every length of interval the series is long enough for."""
    found = []
    for interval_s in INTERVALS_S:
        points = touched.points
        size = interval_s * NS_PER_S // points.step_ns
        count = max(0, points.mid.size - 1) // size
        if count < FEWEST_INTERVALS:
            continue
        for name, steps in (("ofi", points.flow), ("trades", touched.traded)):
            begun = [_intervals(points.mid, steps, size, k * size // 10) for k in range(10)]
            found.append(_flow(market, touched.source, name, interval_s, begun, rng))
    return found


def _intervals(mid: np.ndarray, steps: np.ndarray, size: int, begin: int) -> tuple[np.ndarray, np.ndarray]:
    """(flow, move) of whole intervals of `size` steps from the point `begin` on."""
    count = (mid.size - 1 - begin) // size
    end = begin + count * size
    return steps[begin + 1 : end + 1].reshape(count, size).sum(axis=1), np.diff(mid[begin : end + 1 : size])


def _flow(
    market: str,
    source: str,
    name: str,
    interval_s: int,
    begun: list[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> FlowFigures:
    flows, moves = begun[0]
    same_flows, same_moves = _known(flows, moves)
    explained = [r_squared(*_known(x, y)).r2 for x, y in begun]
    x, y = _known(flows[:-1], moves[1:])
    interval = correlation_interval(same_flows, same_moves, -(-BLOCK_HORIZONS // interval_s), rng)
    return FlowFigures(
        market,
        source,
        name,
        interval_s,
        n=same_flows.size,
        r2_same=explained[0],
        r2_same_interval=_squared(interval),
        r2_same_least=min(explained),
        r2_same_most=max(explained),
        r2_next=r_squared(x, y).r2,
        correlation_next=correlation(x, y),
    )


def _known(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    both = np.isfinite(x) & np.isfinite(y)
    return x[both], y[both]


def _squared(interval: Interval) -> Interval:
    """Of a correlation's interval, that of its square."""
    ends = interval.low**2, interval.high**2
    return Interval(0.0 if interval.low < 0.0 < interval.high else min(ends), max(ends))


def queue_figures(market: str, touched: Touched) -> QueueFigures | None:
    """None when the series is shorter than the window."""
    points = touched.points
    size = round(QUEUE_S * NS_PER_S) // points.step_ns
    if points.mid.size <= size:
        return None
    at = np.arange(points.mid.size)
    x = points.imbalance.astype(float)
    move = np.sign(points.mid_after(at, QUEUE_S) - points.mid)
    judged = np.isfinite(move) & (move != 0) & np.isfinite(x) & (x != 0)
    n = int(judged.sum())
    hit_rate = float(np.mean(np.sign(x[judged]) == move[judged])) if n else np.nan
    told = (points.move != 0) & np.isfinite(x)
    area = auc(x[told], points.move[told] > 0, at[told] // (BLOCK_HORIZONS * size))
    return QueueFigures(
        market,
        touched.source,
        n=n,
        hit_rate=hit_rate,
        hit_interval=wilson(hit_rate * n / size, n / size),
        moves=int(told.sum()),
        next_auc=area.auc,
        next_auc_interval=area.interval,
        decay=tuple(_at_horizon(touched, at, x, horizon_s) for horizon_s in QUEUE_HORIZONS_S),
    )


def _at_horizon(
    touched: Touched, at: np.ndarray, x: np.ndarray, horizon_s: float
) -> tuple[float, float, float]:
    move = touched.points.mid_after(at, horizon_s) - touched.points.mid
    known = np.isfinite(move) & np.isfinite(x)
    changed = known & (move != 0)
    return horizon_s, spearman(x[known], move[known]), auc_value(x[changed], move[changed] > 0)
