"""All figures of an evaluation, from the samples of a pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bot.core.units import NS_PER_S
from bot.evaluation.cards import CardFigures, IcFigures, card_figures, ic_figures
from bot.evaluation.detectors import DetectorFigures, Judgement, detector_figures, judge_walls, which_planted
from bot.evaluation.flows import FlowFigures, QueueFigures, flow_figures, queue_figures
from bot.evaluation.oracle import with_oracle
from bot.evaluation.samples import Samples
from bot.evaluation.survival import Survival, kaplan_meier
from bot.evaluation.truth import Planted
from bot.evaluation.walls import End, WallTrack

SEED = 10
"""Of the bootstrap and the permutations: the same tapes give the same figures."""


@dataclass(frozen=True, slots=True)
class WallLives:
    """How long a group of confirmed walls stood. `ends` counts how they ended."""

    group: str
    walls: int
    ends: dict[str, int]
    survival: Survival


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of an evaluation; of detectors only where the truth is known."""

    tapes: tuple[str, ...]
    markets: tuple[str, ...]
    begin_ns: int
    end_ns: int
    flows: list[FlowFigures]
    queues: list[QueueFigures]
    cards: list[CardFigures]
    ics: list[IcFigures]
    walls: list[WallLives]
    truth: str | None
    planted: dict[str, int]
    detectors: list[DetectorFigures]
    judgement: Judgement | None

    @property
    def span_s(self) -> float:
        return (self.end_ns - self.begin_ns) / NS_PER_S

    def to_json(self) -> dict[str, Any]:
        """Plain types; nan, which is no JSON, as null; intervals as [low, high]."""
        found: dict[str, Any] = _plain(asdict(self) | {"span_s": self.span_s})
        for one, figure in zip(found["cards"], self.cards, strict=True):
            one["leaks"] = figure.leaks
        for one, ic in zip(found["ics"], self.ics, strict=True):
            one["significant"] = ic.significant
        return found


def judge(
    samples: Samples, tapes: Sequence[str], truth: str | None = None, planted: Sequence[Planted] = ()
) -> Evaluation:
    """Every figure. `tapes` and `truth` are the names of where samples and truth come from."""
    rng = np.random.default_rng(SEED)
    samples = with_oracle(samples, planted)
    keys = tuple(instrument.key for instrument in samples.instruments)
    touches = [(key, one) for key, found in zip(keys, samples.touches, strict=True) for one in found]
    queues = [queue_figures(key, one) for key, one in touches]
    return Evaluation(
        tapes=tuple(tapes),
        markets=keys,
        begin_ns=samples.begin_ns,
        end_ns=samples.end_ns,
        flows=[figure for key, one in touches for figure in flow_figures(key, one, rng)],
        queues=[figure for figure in queues if figure is not None],
        cards=card_figures(samples, rng),
        ics=ic_figures(samples),
        walls=wall_lives(samples, planted),
        truth=truth,
        planted=dict(Counter(one.type for one in planted)),
        detectors=detector_figures(samples, planted),
        judgement=judge_walls(samples, planted),
    )


def wall_lives(samples: Samples, planted: Sequence[Planted]) -> list[WallLives]:
    """Confirmed walls by what they were where that is known, else by their side."""
    groups: dict[str, list[WallTrack]] = {}
    for wall in samples.walls:
        name = "bid" if wall.side > 0 else "ask"
        if planted:
            match = which_planted(wall, planted, samples.end_ns)
            name = "not planted" if match is None else "genuine" if match.genuine else "spoofed"
        groups.setdefault(name, []).append(wall)
    return [_lives(name, groups[name]) for name in sorted(groups)]


def _lives(name: str, walls: Sequence[WallTrack]) -> WallLives:
    ages = np.array([wall.age_s for wall in walls])
    ended = np.array([wall.end not in (End.DROPPED, End.OPEN) for wall in walls])
    ends = Counter(wall.end.value for wall in walls)
    return WallLives(name, len(walls), dict(sorted(ends.items())), kaplan_meier(ages, ended))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return [_plain(inner) for inner in value.tolist()]
    if isinstance(value, tuple) and hasattr(value, "_asdict") and not hasattr(value, "low"):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
