"""Detectors against what was planted: what they found, how late, how often wrongly (signals.md 10.2, 11.4).

When a detection is one of a planted thing (times of the venue and of receipt
differ by the latency, hence a second of slack):

* *walls*: same market and side; the planted price lies in the bucket of the
  wall; the wall was followed, from first sight to last, while the planted one
  stood. A wall is a detection once it is confirmed. Planted walls that stood
  less than 3 s are not asked for.
* *thin sides*: same market and side; thin while it was planted or up to 5 s
  later, which is what the smoothing remembers. Detections of one side with less
  than 3 s between them are one.

Planted things of the first minute are not asked for: the medians that walls
and thin sides are compared with are not known yet. What a detection is *not*
one of is a false alarm, also when the order flow by itself made it.

These figures are about a synthetic market on which the defaults were chosen:
tests of the plumbing, no evidence of profit on a real venue.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from bot.core.units import NS_PER_S
from bot.evaluation.metrics import Interval, auc, wilson
from bot.evaluation.samples import Samples, ThinChange
from bot.evaluation.truth import Planted
from bot.evaluation.walls import WallTrack
from bot.signals.walls import GENUINE, TRAP

WALL_TYPES = ("genuine_wall", "spoof_wall")
THIN_TYPE = "thin_side"
DETECTED = (*WALL_TYPES, THIN_TYPE)
"""Types of planted things there is a detector for."""
FADE_SHARE = 0.10
"""Executed share of a wall that an entry against the price needs (signals.md 2.2)."""
SLACK_NS = NS_PER_S
WARM_NS = 60 * NS_PER_S
LEAST_WALL_NS = 3 * NS_PER_S
THIN_MEMORY_NS = 5 * NS_PER_S
THIN_APART_NS = 3 * NS_PER_S


@dataclass(frozen=True, slots=True)
class DetectorFigures:
    """Latencies are from the planted beginning to the first detection, of what was found."""

    detector: str
    planted: int
    found: int
    recall: float
    recall_interval: Interval
    detections: int
    right: int
    precision: float
    precision_interval: Interval
    latency_median_s: float
    latency_p90_s: float
    false_per_h: float  # per market and hour


@dataclass(frozen=True, slots=True)
class Tally:
    """What a detector did in one run, or in several: `a + b`."""

    detector: str
    planted: int
    latencies_s: tuple[float, ...]  # of what was found
    detections: int
    right: int
    hours: float  # markets x hours

    def __add__(self, other: Tally) -> Tally:
        assert self.detector == other.detector
        return Tally(
            self.detector, *(getattr(self, f.name) + getattr(other, f.name) for f in fields(Tally)[1:])
        )

    def figures(self) -> DetectorFigures:
        found = len(self.latencies_s)
        return DetectorFigures(
            self.detector,
            planted=self.planted,
            found=found,
            recall=_share(found, self.planted),
            recall_interval=wilson(found, self.planted),
            detections=self.detections,
            right=self.right,
            precision=_share(self.right, self.detections),
            precision_interval=wilson(self.right, self.detections),
            latency_median_s=float(np.median(self.latencies_s)) if found else math.nan,
            latency_p90_s=float(np.quantile(self.latencies_s, 0.9)) if found else math.nan,
            false_per_h=(self.detections - self.right) / self.hours if self.hours > 0.0 else math.nan,
        )


@dataclass(frozen=True, slots=True)
class KnownWalls:
    """Detected walls that were planted, an element each, with what the bot thought of them.

    Of one run, or of several: `a + b`.
    """

    genuine: np.ndarray  # bool
    near_s: np.ndarray
    early: np.ndarray  # genuineness as of WallTrack, nan where never asked
    at_decision: np.ndarray
    verdict: np.ndarray
    last: np.ndarray
    executed_share: np.ndarray
    outcomes: tuple[str, ...]  # "planted outcome > label"

    def __add__(self, other: KnownWalls) -> KnownWalls:
        arrays: dict[str, Any] = {
            f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)])
            for f in fields(KnownWalls)
            if f.name != "outcomes"
        }
        return KnownWalls(**arrays, outcomes=self.outcomes + other.outcomes)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of detected walls that were planted: does genuineness tell the genuine from the spoofed?"""

    approached: int
    auc_hindsight: float  # of the last g: includes the pull itself, never a forecast
    decided: int
    auc_at_decision: float  # of g after 2 s near the wall
    genuine_share_decided: float
    genuine_share_passed: float  # of those with g >= 0.65 then
    judged: int  # of the approached: after 2 s near the wall, or at its end where that came first
    auc_verdict: float  # of g after 2 s near, or at the end of walls that ended before: hindsight for these
    genuine_share_verdict: float
    genuine_share_verdict_passed: float
    early: int
    auc_before_approach: float  # should be 1/2: nothing can be known yet
    traps: int
    trap_precision: float  # share of spoofs among approached walls with g <= 0.35
    trap_recall: float  # share of approached spoofs with g <= 0.35
    tested: int
    genuine_share_tested: float
    executed: int
    genuine_share_executed: float  # of those a tenth of which was executed while they stood
    outcomes: dict[str, int]  # "planted outcome > label" -> walls


def detector_figures(samples: Samples, planted: Sequence[Planted]) -> list[DetectorFigures]:
    """Walls and thin sides; only what was planted at all."""
    return [tally.figures() for tally in tallies(samples, planted)]


def tallies(samples: Samples, planted: Sequence[Planted]) -> list[Tally]:
    """The counts behind `detector_figures`."""
    warm_ns = samples.begin_ns + WARM_NS
    asked = [p for p in planted if warm_ns <= p.t0_ns < samples.end_ns]
    hours = samples.span_s / 3600.0 * len(samples.instruments)
    found = []
    walls = [p for p in planted if p.type in WALL_TYPES]
    if walls:
        long = [p for p in asked if p.type in WALL_TYPES and _end_ns(p, samples) - p.t0_ns >= LEAST_WALL_NS]
        confirmed = [track for track in samples.walls if track.confirmed_ns >= warm_ns]
        found.append(
            _tally("walls", confirmed, long, walls, lambda w, p: wall_is(w, p, samples.end_ns), hours)
        )
    thins = [p for p in planted if p.type == THIN_TYPE]
    if thins:
        episodes = [e for e in thin_episodes(samples.thins, samples.end_ns) if e.confirmed_ns >= warm_ns]
        asked_thins = [p for p in asked if p.type == THIN_TYPE]
        found.append(
            _tally("thin", episodes, asked_thins, thins, lambda e, p: thin_is(e, p, samples.end_ns), hours)
        )
    return found


@dataclass(frozen=True, slots=True)
class ThinEpisode:
    """One side of one market was thin from `confirmed_ns` to `last_ns`."""

    market: int
    side: int
    confirmed_ns: int
    last_ns: int


Detection = TypeVar("Detection", WallTrack, ThinEpisode)


def thin_episodes(changes: Sequence[ThinChange], end_ns: int) -> list[ThinEpisode]:
    """Changes of state as episodes, short interruptions bridged, in order of their beginning."""
    found: list[ThinEpisode] = []
    for market in sorted({change.market for change in changes}):
        own = [change for change in changes if change.market == market]
        ends = [change.time_ns for change in own[1:]] + [end_ns]
        last: dict[int, ThinEpisode] = {}
        for change, until_ns in zip(own, ends, strict=True):
            if change.side == 0:
                continue
            before = last.get(change.side)
            begin_ns = change.time_ns
            if before is not None and begin_ns - before.last_ns < THIN_APART_NS:
                begin_ns = before.confirmed_ns
                found.remove(before)
            last[change.side] = ThinEpisode(market, change.side, begin_ns, until_ns)
            found.append(last[change.side])
    return sorted(found, key=lambda episode: episode.confirmed_ns)


def wall_is(wall: WallTrack, planted: Planted, end_ns: int) -> bool:
    low, high = min(wall.near, wall.far), max(wall.near, wall.far)
    return (
        wall.market == planted.market
        and wall.side == planted.side
        and low <= planted.price <= high
        and _overlap_ns(wall, planted, end_ns, SLACK_NS) >= 0
    )


def thin_is(episode: ThinEpisode, planted: Planted, end_ns: int) -> bool:
    until_ns = (planted.t1_ns or end_ns) + THIN_MEMORY_NS
    return (
        episode.market == planted.market
        and episode.side == planted.side
        and episode.confirmed_ns <= until_ns
        and episode.last_ns >= planted.t0_ns
    )


def _overlap_ns(wall: WallTrack, planted: Planted, end_ns: int, slack_ns: int = 0) -> int:
    """Time both stood, below 0 when they did not meet."""
    until_ns = (planted.t1_ns or end_ns) + slack_ns
    return min(wall.last_ns, until_ns) - max(wall.born_ns, planted.t0_ns - slack_ns)


def _end_ns(planted: Planted, samples: Samples) -> int:
    return planted.t1_ns or samples.end_ns


def _tally(
    name: str,
    detections: Sequence[Detection],
    asked: Sequence[Planted],
    planted: Sequence[Planted],
    is_of: Callable[[Detection, Planted], bool],
    hours: float,
) -> Tally:
    latencies = []
    for one in asked:
        hits = [d.confirmed_ns for d in detections if is_of(d, one)]
        if hits:
            latencies.append(max(0, min(hits) - one.t0_ns) / NS_PER_S)
    right = sum(any(is_of(d, one) for one in planted) for d in detections)
    return Tally(name, len(asked), tuple(latencies), len(detections), right, hours)


def which_planted(wall: WallTrack, planted: Sequence[Planted], end_ns: int) -> Planted | None:
    """The planted wall a detected one is, by the longest time together; None for a false alarm."""
    mine = [p for p in planted if p.type in WALL_TYPES and wall_is(wall, p, end_ns)]
    return max(mine, key=lambda p: _overlap_ns(wall, p, end_ns)) if mine else None


def judge_walls(samples: Samples, planted: Sequence[Planted]) -> Judgement | None:
    """None when no detected wall was planted."""
    known = known_walls(samples, planted)
    return judge_known(known) if known.genuine.size else None


def known_walls(samples: Samples, planted: Sequence[Planted]) -> KnownWalls:
    """Every detected wall that was a planted one."""
    pairs = [
        (wall, match)
        for wall in samples.walls
        if (match := which_planted(wall, planted, samples.end_ns)) is not None
    ]
    near_s, early, at_decision, verdict, last, share = (
        np.array([getattr(wall, name) for wall, _ in pairs], float)
        for name in ("near_s", "early", "at_decision", "verdict", "genuineness", "executed_share")
    )
    return KnownWalls(
        np.array([match.genuine for _, match in pairs], bool),
        near_s,
        early,
        at_decision,
        verdict,
        last,
        share,
        tuple(f"{match.outcome} > {wall.end.value}" for wall, match in pairs),
    )


def judge_known(walls: KnownWalls) -> Judgement:
    """Does genuineness tell the genuine from the spoofed?"""
    genuine, early, at_decision, last = walls.genuine, walls.early, walls.at_decision, walls.last
    approached, decided, untouched = walls.near_s > 0.0, np.isfinite(at_decision), np.isfinite(early)
    judged = np.isfinite(walls.verdict)
    trap = approached & (last <= TRAP)
    tested = approached | (walls.executed_share > 0.0)
    executed = tested & (walls.executed_share >= FADE_SHARE)
    spoofs = approached & ~genuine
    return Judgement(
        approached=int(approached.sum()),
        auc_hindsight=auc(last[approached], genuine[approached]).auc,
        decided=int(decided.sum()),
        auc_at_decision=auc(at_decision[decided], genuine[decided]).auc,
        genuine_share_decided=_mean(genuine[decided]),
        genuine_share_passed=_mean(genuine[decided & (at_decision >= GENUINE)]),
        judged=int(judged.sum()),
        auc_verdict=auc(walls.verdict[judged], genuine[judged]).auc,
        genuine_share_verdict=_mean(genuine[judged]),
        genuine_share_verdict_passed=_mean(genuine[judged & (walls.verdict >= GENUINE)]),
        early=int(untouched.sum()),
        auc_before_approach=auc(early[untouched], genuine[untouched]).auc,
        traps=int(trap.sum()),
        trap_precision=_mean(~genuine[trap]),
        trap_recall=_mean(trap[spoofs]),
        tested=int(tested.sum()),
        genuine_share_tested=_mean(genuine[tested]),
        executed=int(executed.sum()),
        genuine_share_executed=_mean(genuine[executed]),
        outcomes=dict(Counter(walls.outcomes)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan
