"""The liquidity picture: depth over time, the touch, walls as claims, a trade's prices, and the flow below.

Depth is coloured by its logarithm between percentiles of the symbol itself, so
that a quiet book and a busy one read alike. Grey: the book was not trusted.
Drawn for small screens, on a dark ground of its own, so that it reads the same
in light and dark clients.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.pictures.scene import Column, Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_IN, DPI = (6.4, 4.4), 150
BINS = 120
"""Price bins of the heat map."""
LEAST_RANGE_BPS = 8.0
MOST_RANGE_BPS = 60.0
_GROUND, _INK, _DIM = "#10141b", "#e8ebf0", "#8b94a3"
_BUY, _SELL, _TOUCH = "#35c08b", "#ef5f6b", "#f4f6fa"
_MARKS = {"entry": "#4ea1ff", "stop": "#ef5f6b", "target": "#35c08b"}
_HEAT = ("#10141b", "#17325c", "#1f6f8b", "#4fb477", "#f2d13e", "#ffffff")


def draw(scene: Scene) -> bytes:
    """A PNG. Raises BadInput when there is nothing to draw, or matplotlib is missing."""
    seen = [c for c in scene.columns if c.bid == c.bid]
    if len(seen) < 2:
        raise BadInput(f"{scene.symbol}: expected at least two looks at a usable book, was {len(seen)}")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise BadInput("pictures need matplotlib: pip install 'lopside[charts]'") from None
    figure = Figure(figsize=SIZE_IN, dpi=DPI, facecolor=_GROUND, layout="constrained")
    FigureCanvasAgg(figure)
    heat, flow = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    low, high = _range(scene)
    times = _minutes(scene.columns)
    _heat_map(heat, scene, times, low, high)
    _touch(heat, scene, times)
    _distrust(heat, scene.columns, times)
    _marks(heat, scene, times)
    _tags(heat, scene, low, high)
    _flow(flow, scene.columns, times)
    _dress(heat, flow, scene, low, high)
    out = io.BytesIO()
    figure.savefig(out, format="png", facecolor=_GROUND, metadata={"Software": None})
    return out.getvalue()


def _minutes(columns: Sequence[Column]) -> np.ndarray[Any, Any]:
    """Minutes before the last column, ≤ 0."""
    stamps = np.array([c.now_ns for c in columns], np.float64)
    return np.asarray((stamps - stamps[-1]) / 60e9)


def _range(scene: Scene) -> tuple[float, float]:
    """Prices shown, in ticks: all the mids, with room, and the trade's marks when near enough."""
    mids = np.array([0.5 * (c.bid + c.ask) for c in scene.columns])
    mids = mids[~np.isnan(mids)]
    last = mids[-1]
    room = last * LEAST_RANGE_BPS / 1e4
    most = last * MOST_RANGE_BPS / 1e4
    marks = [m.price for m in scene.marks if abs(m.price - last) <= most]
    low, high = min([mids.min(), *marks]) - room, max([mids.max(), *marks]) + room
    return max(low, last - most), min(high, last + most)


def heat(columns: Sequence[Column], low: float, high: float) -> np.ndarray[Any, Any]:
    """(BINS, columns) lots in each price bin."""
    grid = np.zeros((BINS, len(columns)))
    for k, one in enumerate(columns):
        if len(one.levels):
            places = ((one.levels[:, 0] - low) / (high - low) * BINS).astype(np.int64)
            inside = (places >= 0) & (places < BINS)
            np.add.at(grid[:, k], places[inside], np.abs(one.levels[inside, 1]))
    return grid


def _heat_map(axes: Axes, scene: Scene, times: Any, low: float, high: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    grid = np.log1p(heat(scene.columns, low, high))
    filled = grid[grid > 0.0]
    bottom, top = np.percentile(filled, (20.0, 99.5)) if filled.size else (0.0, 1.0)
    axes.imshow(
        grid,
        origin="lower",
        aspect="auto",
        extent=(float(times[0]), float(times[-1]), low * scene.tick, high * scene.tick),
        cmap=LinearSegmentedColormap.from_list("depth", _HEAT),
        vmin=float(bottom),
        vmax=max(float(top), float(bottom) + 1e-6),
        interpolation="nearest",
    )


def _touch(axes: Axes, scene: Scene, times: Any) -> None:
    for name in ("bid", "ask"):
        prices = [getattr(c, name) * scene.tick for c in scene.columns]
        axes.step(times, prices, where="post", color=_TOUCH, linewidth=0.8)


def _distrust(axes: Axes, columns: Sequence[Column], times: Any) -> None:
    for k in range(len(columns) - 1):
        if not columns[k].trusted:
            axes.axvspan(times[k], times[k + 1], color="#9aa0a6", alpha=0.45, linewidth=0)


def _marks(axes: Axes, scene: Scene, times: Any) -> None:
    last_ns = scene.columns[-1].now_ns
    for mark in scene.marks:
        start = max(float(times[0]), (mark.from_ns - last_ns) / 60e9)
        colour = _MARKS.get(mark.name.split()[0], _INK)
        price = mark.price * scene.tick
        style = "-" if mark.name == "entry" else "--"
        axes.plot([start, 0.0], [price, price], color=colour, linewidth=1.4, linestyle=style)
        box = {"boxstyle": "round,pad=0.15", "facecolor": _GROUND, "edgecolor": "none", "alpha": 0.85}
        axes.annotate(mark.name, (start, price), color=colour, fontsize=7, va="center", ha="right", bbox=box)


def _tags(axes: Axes, scene: Scene, low: float, high: float) -> None:
    """A wall is a claim: an outline while nothing has traded into it, filled once it was tested."""
    for tag in scene.tags:
        if low <= tag.price <= high:
            colour = _BUY if tag.side is Side.BUY else _SELL
            tested = tag.executed > 0.0
            words = f"{tag.lots * scene.lot:.4g}  {100 * tag.genuineness:.0f}%"
            box = {
                "boxstyle": "round,pad=0.25",
                "facecolor": colour if tested else _GROUND,
                "edgecolor": colour,
                "linewidth": 1.0,
            }
            axes.annotate(
                words,
                (0.0, tag.price * scene.tick),
                xytext=(-4, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=7,
                color=_GROUND if tested else colour,
                bbox=box,
            )


def _flow(axes: Axes, columns: Sequence[Column], times: Any) -> None:
    """Bought above, sold below, and what has summed up."""
    bought = np.array([c.bought for c in columns])
    sold = np.array([c.sold for c in columns])
    width = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    axes.bar(times, bought, width=width, color=_BUY, linewidth=0)
    axes.bar(times, -sold, width=width, color=_SELL, linewidth=0)
    sums = np.cumsum(bought - sold)
    highest = max(float(bought.max()), float(sold.max()), 1e-9)
    axes.plot(times, sums * highest / max(float(np.abs(sums).max()), 1e-9), color=_INK, linewidth=1.0)
    axes.axhline(0.0, color=_DIM, linewidth=0.5)


def _dress(axes: Axes, flow: Axes, scene: Scene, low: float, high: float) -> None:
    last = next(c for c in reversed(scene.columns) if c.bid == c.bid)
    mid = 0.5 * (last.bid + last.ask)
    axes.set_ylim(low * scene.tick, high * scene.tick)
    title = f"{scene.symbol}  {scene.sentence}".rstrip()
    axes.set_title(title, color=_INK, fontsize=9, loc="left")
    bps = axes.secondary_yaxis("right", functions=_bps_of(mid * scene.tick))
    bps.set_ylabel("bp from the mid", color=_DIM, fontsize=7)
    flow.set_xlabel("minutes", color=_DIM, fontsize=7)
    flow.set_yticks([])
    flow.set_ylabel("flow", color=_DIM, fontsize=7)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    for one in (axes, flow):
        one.set_facecolor(_GROUND)
        one.tick_params(colors=_DIM, labelsize=7)
        for spine in one.spines.values():
            spine.set_color(_DIM)
            spine.set_linewidth(0.5)
    bps.tick_params(colors=_DIM, labelsize=7)
    for spine in bps.spines.values():
        spine.set_visible(False)


def _bps_of(mid: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Price to bp from the mid, and back."""
    return lambda price: (price / mid - 1.0) * 1e4, lambda bps: mid * (1.0 + bps / 1e4)
