"""S-THIN: planted thin sides found, in time, and little else (signals.md 1.8, 11.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

from bot.evaluation.detectors import Tally, tallies
from scripts.acceptance.runs import LONG_S, Check, play
from scripts.acceptance.table import Row, at_least, at_most, over_seeds

THIN = "s-thin"


def measure(scenario: str, seed: int, seconds: float) -> Tally:
    run = play(scenario, seed, seconds)
    return next(tally for tally in tallies(run.samples, run.planted) if tally.detector == "thin")


def rows(found: Mapping[str, Sequence[Tally]]) -> list[Row]:
    whole = reduce(add, found[THIN]).figures()
    each = [tally.figures() for tally in found[THIN]]
    return [
        at_least(
            THIN,
            "recall",
            whole.recall,
            0.9,
            over_seeds([f.recall for f in each], f"{whole.planted} planted"),
        ),
        at_least(
            THIN,
            "precision",
            whole.precision,
            0.8,
            over_seeds([f.precision for f in each], f"{whole.detections} detections"),
        ),
        at_most(
            THIN,
            "median latency, s",
            whole.latency_median_s,
            10.0,
            over_seeds([f.latency_median_s for f in each]),
        ),
        at_most(
            THIN, "false alarms an hour", whole.false_per_h, 10.0, over_seeds([f.false_per_h for f in each])
        ),
    ]


THIN_SIDES = Check("thin", (THIN,), 8, LONG_S, measure, rows)
