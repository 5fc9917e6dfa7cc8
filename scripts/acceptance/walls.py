"""S-WALL: planted walls found, and the genuine told from the spoofed (signals.md 2, 11.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add

from bot.evaluation.detectors import Judgement, KnownWalls, Tally, judge_known, known_walls, tallies
from scripts.acceptance.runs import LONG_S, Check, play
from scripts.acceptance.table import Row, at_least, between, over_seeds, told

EASY, HARD_A, HARD_B = "s-wall-easy", "s-wall-hard-a", "s-wall-hard-b"
PULL_8, PULL_3 = "s-wall-pull-8", "s-wall-pull-3"
HINDSIGHT = {EASY: 0.85, HARD_A: 0.85, HARD_B: 0.78}
AT_DECISION = {EASY: 0.70, HARD_A: 0.63, HARD_B: 0.60}
EXECUTED = {EASY: 0.95, HARD_A: 0.88, HARD_B: 0.75}
LIFT, TRAP_PRECISION, DETECTION = 0.03, 0.9, 0.95

Found = tuple[Tally, KnownWalls]


def measure(scenario: str, seed: int, seconds: float) -> Found:
    run = play(scenario, seed, seconds)
    (tally,) = tallies(run.samples, run.planted)
    return tally, known_walls(run.samples, run.planted)


def rows(found: Mapping[str, Sequence[Found]]) -> list[Row]:
    """All walls of all seeds taken together; spreads are of single seeds."""
    table = []
    for scenario in (EASY, HARD_A, HARD_B):
        table += _required(scenario, found[scenario])
    for scenario in (PULL_8, PULL_3):
        table += _mismatch(scenario, found[scenario])
    equal = [one for scenario in (HARD_A, HARD_B) for one in found[scenario]]
    table.append(_before_approach(equal))
    return table


def _required(scenario: str, found: Sequence[Found]) -> list[Row]:
    figures = reduce(add, (tally for tally, _ in found)).figures()
    runs = [tally.figures() for tally, _ in found]
    whole, each = _judged(found)
    shares = f"{whole.genuine_share_verdict:.2f} -> {whole.genuine_share_verdict_passed:.2f}"

    def spread(of: Callable[[Judgement], float], count: int) -> str:
        return over_seeds([of(one) for one in each], f"{count} walls")

    return [
        at_least(
            scenario,
            "detection, precision",
            figures.precision,
            DETECTION,
            over_seeds([run.precision for run in runs], f"{figures.detections} detections"),
        ),
        at_least(
            scenario,
            "detection, recall, walls of 3 s and more",
            figures.recall,
            DETECTION,
            over_seeds([run.recall for run in runs], f"{figures.planted} planted"),
        ),
        at_least(
            scenario,
            "AUC of g at the end, approached walls (hindsight)",
            whole.auc_hindsight,
            HINDSIGHT[scenario],
            spread(lambda j: j.auc_hindsight, whole.approached),
        ),
        at_least(
            scenario,
            "AUC of g after 2 s near, or at its end where a wall ended before",
            whole.auc_verdict,
            AT_DECISION[scenario],
            spread(lambda j: j.auc_verdict, whole.judged),
        ),
        at_least(
            scenario,
            "lift of the genuine share by g >= 0.65, then",
            whole.genuine_share_verdict_passed - whole.genuine_share_verdict,
            LIFT,
            over_seeds([j.genuine_share_verdict_passed - j.genuine_share_verdict for j in each], shares),
        ),
        told(
            scenario,
            "AUC of g after 2 s near, only walls that still stand: who decides then knows no more",
            whole.auc_at_decision,
            spread(lambda j: j.auc_at_decision, whole.decided)
            + f"; genuine {whole.genuine_share_decided:.2f} -> {whole.genuine_share_passed:.2f}",
        ),
        at_least(
            scenario,
            "TRAP, precision",
            whole.trap_precision,
            TRAP_PRECISION,
            spread(lambda j: j.trap_precision, whole.traps),
        ),
        told(scenario, "TRAP, recall on approached spoofs", whole.trap_recall),
        at_least(
            scenario,
            "genuine share of walls a tenth executed",
            whole.genuine_share_executed,
            EXECUTED[scenario],
            spread(lambda j: j.genuine_share_executed, whole.executed)
            + f"; of all tested {whole.genuine_share_tested:.2f}",
        ),
    ]


def _mismatch(scenario: str, found: Sequence[Found]) -> list[Row]:
    whole, each = _judged(found)
    return [
        told(
            scenario,
            "genuine share of walls a tenth executed",
            whole.genuine_share_executed,
            over_seeds(
                [one.genuine_share_executed for one in each],
                f"{whole.executed} walls; of all tested {whole.genuine_share_tested:.2f}",
            ),
        ),
        told(scenario, "TRAP, recall on approached spoofs", whole.trap_recall),
    ]


def _before_approach(found: Sequence[Found]) -> Row:
    whole, each = _judged(found)
    return between(
        "s-wall, equal lives",
        "AUC of g before any approach, 5 s old (higher: leak)",
        whole.auc_before_approach,
        0.45,
        0.55,
        over_seeds([one.auc_before_approach for one in each], f"{whole.early} walls"),
    )


def _judged(found: Sequence[Found]) -> tuple[Judgement, list[Judgement]]:
    """All runs taken together, and each by itself."""
    known = [walls for _, walls in found]
    return judge_known(reduce(add, known)), [judge_known(one) for one in known]


WALLS = Check("walls", (EASY, HARD_A, HARD_B, PULL_8, PULL_3), 6, LONG_S, measure, rows)
