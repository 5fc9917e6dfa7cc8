"""Plots of an evaluation as inline SVG, with matplotlib (the extra `charts`).

Lines of axes and text are drawn in `currentColor`, so that a page shows them in
its own colour, by day and by night.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.core.enums import Mode
from bot.core.errors import BadInput
from bot.evaluation.cards import CardFigures, IcFigures
from bot.evaluation.evaluation import Evaluation, WallLives
from bot.evaluation.flows import FlowFigures, QueueFigures
from bot.evaluation.samples import COMPOSITE
from bot.evaluation.tables import FEWEST_SHOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#123456"  # stands for the page's colour until the SVG is written
_COLOURS = ("#4a90d9", "#e08a3c", "#4fa66a", "#b46fc2", "#c95c5c", "#8a8f98")
_STYLE: dict[Any, Any] = {
    **{f"{name}.color": _INK for name in ("text", "xtick", "ytick")},
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "font.size": 8,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
}
_PANELS_A_ROW = 4


def require_matplotlib() -> None:
    """Raises BadInput, saying how to get it, when matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise BadInput(
            "--html needs matplotlib for its plots; install it, or lopside with its extra `charts`:"
            " pip install matplotlib"
        ) from None


def charts(found: Evaluation) -> Iterator[tuple[str, str]]:
    """(caption, SVG) of every plot there are data for. Raises BadInput without matplotlib."""
    require_matplotlib()
    if found.flows:
        yield (
            "Share of the variance of price moves. Explaining the same interval is not forecasting the next.",
            _svg("flows", 8.0, 0.5 + 0.28 * len(found.flows), partial(_flows, flows=found.flows)),
        )
    if found.queues:
        yield (
            "Queue imbalance against the move after it, by horizon.",
            _svg("queues", 8.0, 3.0, partial(_queues, queues=found.queues)),
        )
    for market in found.markets:
        ics = [ic for ic in found.ics if ic.market == market and not math.isnan(ic.p)]
        if ics:
            names = list(dict.fromkeys(ic.card for ic in ics))
            height = 0.6 + 1.5 * -(-len(names) // _PANELS_A_ROW)
            yield (
                f"{market}: decay of each card with the horizon (bars: ± 2 standard errors).",
                _svg(f"decay {market}", 9.0, height, partial(_decay, ics=ics, names=names)),
            )
            yield (
                f"{market}: AUC of the direction of the move, scalp scores, by horizon.",
                _svg(f"auc {market}", 8.0, 3.2, partial(_areas, ics=ics, names=names)),
            )
        composites = [
            c
            for c in found.cards
            if c.market == market and c.card == COMPOSITE and c.independent >= FEWEST_SHOWN
        ]
        if composites:
            yield (
                f"{market}: calibration of the composite's probability of a rise, ten bins of equal count;"
                " the line is what it would be if it were right.",
                _svg(f"calibration {market}", 8.0, 3.0, partial(_calibration, composites=composites)),
            )
    if found.walls:
        yield (
            "How long confirmed walls stood (Kaplan-Meier; walls lost from sight are censored).",
            _svg("walls", 8.0, 3.0, partial(_survival, walls=found.walls)),
        )


def _svg(name: str, width: float, height: float, draw: Callable[[Figure], None]) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # ids are hashed with the name: several drawings share a page
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", written.getvalue(), flags=re.DOTALL)
    return svg[svg.index("<svg") :].replace(_INK, "currentColor")


def _flows(figure: Figure, flows: Sequence[FlowFigures]) -> None:
    axes = figure.subplots()
    place = np.arange(len(flows))
    axes.barh(place - 0.2, [f.r2_same for f in flows], 0.38, color=_COLOURS[0], label="same interval")
    axes.barh(place + 0.2, [f.r2_next for f in flows], 0.38, color=_COLOURS[1], label="next interval")
    axes.set_yticks(place, [f"{f.market} {f.source} {f.flow} {f.interval_s} s" for f in flows])
    axes.invert_yaxis()
    axes.set_xlabel("R²")
    axes.legend()


def _queues(figure: Figure, queues: Sequence[QueueFigures]) -> None:
    left, right = figure.subplots(1, 2)
    for k, one in enumerate(queues):
        horizons, ics, areas = zip(*one.decay, strict=True)
        label = f"{one.market} {one.source}"
        left.plot(horizons, ics, "o-", ms=3, color=_COLOURS[k % len(_COLOURS)], label=label)
        right.plot(horizons, areas, "o-", ms=3, color=_COLOURS[k % len(_COLOURS)], label=label)
    _horizons(left, "IC", 0.0)
    _horizons(right, "AUC", 0.5)
    right.legend()


def _horizons(axes: Axes, label: str, nothing: float) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("horizon, s")
    axes.set_ylabel(label)
    axes.axhline(nothing, color=_INK, lw=0.8)


def _decay(figure: Figure, ics: Sequence[IcFigures], names: Sequence[str]) -> None:
    rows = -(-len(names) // _PANELS_A_ROW)
    panels = figure.subplots(rows, _PANELS_A_ROW, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        for k, mode in enumerate(Mode):
            own = [ic for ic in ics if (ic.card, ic.mode) == (name, mode.value)]
            if own:
                panel.errorbar(
                    [ic.horizon_s for ic in own],
                    [ic.ic for ic in own],
                    [2.0 * ic.error for ic in own],
                    fmt="o-",
                    ms=2,
                    elinewidth=0.6,
                    color=_COLOURS[k],
                    label=mode.value,
                )
        panel.set_xscale("log")
        panel.set_title(name)
        panel.axhline(0.0, color=_INK, lw=0.8)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    if panels[0].get_legend_handles_labels()[0]:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    figure.supxlabel("horizon, s", color=_INK, size=9)
    figure.supylabel("IC", color=_INK, size=9)


def _areas(figure: Figure, ics: Sequence[IcFigures], names: Sequence[str]) -> None:
    axes = figure.subplots()
    for k, name in enumerate(names):
        own = [ic for ic in ics if (ic.card, ic.mode) == (name, Mode.SCALP.value)]
        style: dict[str, Any] = {"color": _COLOURS[k % len(_COLOURS)], "ls": ("-", "--", ":", "-.")[k // 6]}
        axes.plot([ic.horizon_s for ic in own], [ic.auc for ic in own], label=name, **style)
    _horizons(axes, "AUC", 0.5)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=2)


def _calibration(figure: Figure, composites: Sequence[CardFigures]) -> None:
    panels = figure.subplots(1, len(Mode), squeeze=False).ravel()
    for panel, mode in zip(panels, Mode, strict=True):
        panel.set_title(mode.value)
        own = [c for c in composites if c.mode == mode.value and c.calibration]
        for one in own:
            forecast, happened = ([getattr(b, n) for b in one.calibration] for n in ("forecast", "happened"))
            panel.plot(forecast, happened, "o", ms=4, color=_COLOURS[0])
            ends = [min(forecast), max(forecast)]
            panel.plot(ends, ends, color=_INK, lw=0.8)
        panel.set_xlabel("forecast")
    panels[0].set_ylabel("happened")


def _survival(figure: Figure, walls: Sequence[WallLives]) -> None:
    axes = figure.subplots()
    for k, one in enumerate(walls):
        axes.step(
            one.survival.age_s,
            one.survival.share,
            where="post",
            color=_COLOURS[k],
            label=f"{one.group} ({one.walls})",
        )
    axes.set_ylim(0.0, 1.02)
    axes.set_xlabel("s since confirmed")
    axes.set_ylabel("share still standing")
    axes.legend()
