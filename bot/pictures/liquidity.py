"""The liquidity picture: depth over time, the touch, walls as claims, a trade's prices, and the flow below.

Words stand in a margin on the right, where no data is, and make room for each other.

Depth is coloured by its logarithm between percentiles of the symbol itself, so
that a quiet book and a busy one read alike. Grey: the book was not trusted.
Drawn for small screens: at 360 points wide, as phones show it, the smallest
words are 9 points. On a dark ground of its own, so that it reads the same in
light and dark clients.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.pictures.scene import Column, Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_IN, DPI = (6.4, 5.0), 150
SMALL, LARGE = 11.5, 13.0
"""Points on the figure, of which a phone shows three quarters to four fifths."""
BINS = 120
"""Most price bins of the heat map; each holds the same number of ticks."""
MARGIN = 0.26
"""Of the width of the data, beside it on the right: for words."""
ROOM = 0.062
"""Of the height, between two words."""
LONGEST_TITLE = 52
LEAST_RANGE_BPS = 8.0
MOST_RANGE_BPS = 60.0
_GROUND, _INK, _DIM = "#10141b", "#e8ebf0", "#8b94a3"
_BUY, _SELL, _TOUCH = "#35c08b", "#ef5f6b", "#f4f6fa"
_MARKS = {"entry": "#6cb2ff", "stop": "#ff7a85", "target": "#35c08b", "exit": "#f2d13e"}
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
    low, high, bins = whole_bins(*_range(scene))
    times = _minutes(scene.columns)
    _heat_map(heat, scene, times, low, high, bins)
    _touch(heat, scene, times)
    _distrust(heat, scene.columns, times)
    _labels(heat, [*_marks(heat, scene, times), *_tags(scene)], times, (low, high), scene.tick)
    _flow(flow, scene.columns, times)
    _dress(heat, flow, scene, times, (low, high))
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


def whole_bins(low: float, high: float) -> tuple[float, float, int]:
    """The range widened to whole bins, each of the same number of ticks, and how many bins."""
    first, ticks = floor(low), ceil(high) - floor(low) + 1
    step = ceil(ticks / BINS)
    bins = ceil(ticks / step)
    return first - 0.5, first - 0.5 + bins * step, bins


def heat(columns: Sequence[Column], low: float, high: float, bins: int = BINS) -> np.ndarray[Any, Any]:
    """(bins, columns) lots in each price bin."""
    grid = np.zeros((bins, len(columns)))
    for k, one in enumerate(columns):
        if len(one.levels):
            ticks = one.levels[:, 0].astype(np.float64)
            places = np.floor((ticks - low) * (bins / (high - low))).astype(np.int64)
            inside = (places >= 0) & (places < bins)
            np.add.at(grid[:, k], places[inside], np.abs(one.levels[inside, 1]))
    return grid


def _heat_map(axes: Axes, scene: Scene, times: Any, low: float, high: float, bins: int) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    grid = np.log1p(heat(scene.columns, low, high, bins))
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


@dataclass(frozen=True, slots=True)
class _Label:
    """Words in the margin, beside a price in ticks."""

    price: float
    words: str
    colour: str
    filled: bool = False
    boxed: bool = False


def _marks(axes: Axes, scene: Scene, times: Any) -> list[_Label]:
    """Lines of a trade while it lasted, on into the margin while it is open; an exit is a point."""
    last_ns, edge = scene.columns[-1].now_ns, -MARGIN * float(times[0])
    labels = []
    for mark in scene.marks:
        start, end = (min((t - last_ns) / 60e9, 0.0) for t in (mark.from_ns, mark.until_ns or last_ns))
        name = mark.name.split()[0]
        colour, price = _MARKS.get(name, _INK), mark.price * scene.tick
        if name == "exit":
            axes.plot([end], [price], marker="o", markersize=7, color=colour, markeredgecolor=_GROUND)
        else:
            span = [max(float(times[0]), start), end if mark.until_ns else 0.12 * edge]
            style = "-" if name == "entry" else "--"
            axes.plot(span, [price, price], color=colour, linewidth=2.0, linestyle=style)
        labels.append(_Label(mark.price, mark.name, colour))
    return labels


def _tags(scene: Scene) -> list[_Label]:
    """A wall is a claim: an outline while nothing has traded into it, filled once it was tested."""
    return [
        _Label(
            tag.price,
            f"{_short(tag.lots * scene.lot)} {100 * tag.genuineness:.0f}%",
            _BUY if tag.side is Side.BUY else _SELL,
            filled=tag.executed > 0.0,
            boxed=True,
        )
        for tag in scene.tags
    ]


def _labels(axes: Axes, labels: Sequence[_Label], times: Any, span: tuple[float, float], tick: float) -> None:
    low, high = span
    shown = sorted((label for label in labels if low <= label.price <= high), key=lambda label: label.price)
    places = spread([(label.price - low) / (high - low) for label in shown], ROOM)
    left = -0.16 * MARGIN * float(times[0])
    for label, place in zip(shown, places, strict=True):
        box = {
            "boxstyle": "round,pad=0.2",
            "facecolor": label.colour if label.filled else _GROUND,
            "edgecolor": label.colour if label.boxed else "none",
        }
        height = (low + place * (high - low)) * tick
        axes.plot([0.0, left], [label.price * tick, height], color=label.colour, linewidth=0.8)
        axes.annotate(
            label.words,
            (left, height),
            color=_GROUND if label.filled else label.colour,
            fontsize=SMALL,
            va="center",
            ha="left",
            bbox=box,
        )


def spread(places: Sequence[float], room: float) -> list[float]:
    """Rising places in 0..1, moved as little as needed to lie `room` apart, all inside while they fit."""
    made: list[float] = []
    for place in places:
        made.append(max(place, made[-1] + room if made else 0.5 * room))
    top = 1.0 - 0.5 * room
    for k in range(len(made) - 1, -1, -1):
        made[k], top = min(made[k], top), min(made[k], top) - room
    return made


def _short(value: float) -> str:
    """Three digits and a thousand's sign."""
    for factor, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{sign}"
    return f"{value:.3g}"


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


def _dress(axes: Axes, flow: Axes, scene: Scene, times: Any, span: tuple[float, float]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    last = next(c for c in reversed(scene.columns) if c.bid == c.bid)
    mid = 0.5 * (last.bid + last.ask)
    axes.set_xlim(float(times[0]), -MARGIN * float(times[0]))
    axes.set_ylim(span[0] * scene.tick, span[1] * scene.tick)
    axes.set_title(title_of(scene), color=_INK, fontsize=LARGE, loc="left")
    bps = axes.secondary_yaxis("right", functions=_bps_of(mid * scene.tick))
    bps.yaxis.set_major_locator(MaxNLocator(5))
    bps.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.0f}" if value else "0 bp"))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    flow.xaxis.set_major_locator(MaxNLocator(6))
    flow.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _minutes_ago(value)))
    flow.set_yticks([])
    for one in (axes, flow):
        one.set_facecolor(_GROUND)
        one.tick_params(colors=_DIM, labelsize=SMALL)
        for spine in one.spines.values():
            spine.set_color(_DIM)
            spine.set_linewidth(0.5)
    bps.tick_params(colors=_DIM, labelsize=SMALL)
    for spine in bps.spines.values():
        spine.set_visible(False)


def title_of(scene: Scene) -> str:
    """The symbol and the sentence, which often names it already, in the width of a phone."""
    sentence = scene.sentence if scene.symbol in scene.sentence else f"{scene.symbol}  {scene.sentence}"
    return shorten(sentence.strip(), LONGEST_TITLE, placeholder=" …")


def _minutes_ago(value: float) -> str:
    if value > 1e-9:
        return ""
    return "now" if value > -1e-9 else f"{value:g} min"


def _bps_of(mid: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Price to bp from the mid, and back."""
    return lambda price: (price / mid - 1.0) * 1e4, lambda bps: mid * (1.0 + bps / 1e4)
