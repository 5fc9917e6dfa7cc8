"""An evaluation as tables of text, the same for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.enums import Mode
from bot.evaluation.cards import FEWEST_INDEPENDENT, SIGNIFICANT, CardFigures
from bot.evaluation.detectors import DETECTED
from bot.evaluation.evaluation import Evaluation, WallLives
from bot.evaluation.metrics import Interval
from bot.evaluation.walls import End

UNKNOWN = "–"
MOST_NAMED = 12
FEWEST_SHOWN = 10
"""Labels that do not overlap; with fewer only scalp is shown, with a warning. The JSON has all."""
CAUTION = "Explaining a move is not forecasting it, and a forecast is no profit: costs are not in here."


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` have as many cells as `columns`; the first `names` columns are words, the rest figures."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    names: int = 1


def tables(found: Evaluation) -> Iterator[Table]:
    """All tables that have rows."""
    for table in (_flows(found), _queues(found), *_cards(found), _walls(found), _detectors(found)):
        if table.rows:
            yield table
    if found.judgement is not None:
        yield _judgement(found)


def significance(found: Evaluation) -> str:
    """One sentence on what is left when all tests are counted."""
    tested = [ic for ic in found.ics if not math.isnan(ic.p)]
    if not tested:
        return (
            f"No correlation was tested: the tapes hold fewer than {FEWEST_INDEPENDENT} labels that do not"
            " overlap."
        )
    left = sorted((ic for ic in tested if ic.significant), key=lambda ic: ic.p)
    text = (
        f"{len(left)} of {len(tested)} correlations (cards, modes, horizons, markets) differ from 0 at"
        f" {SIGNIFICANT:.0%} after Holm's correction"
    )
    named = [
        f"{ic.card} {ic.mode} at {ic.horizon_s} s{f' of {ic.market}' if len(found.markets) > 1 else ''}"
        f" ({number(ic.ic, 2)})"
        for ic in left[:MOST_NAMED]
    ]
    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    return f"{text}: {', '.join(named)}{more}." if left else f"{text}."


def number(value: float, digits: int = 3) -> str:
    return UNKNOWN if math.isnan(value) else f"{value:.{digits}f}"


def with_interval(value: float, interval: Interval, digits: int = 2) -> str:
    if math.isnan(interval.low):
        return number(value, digits)
    return f"{value:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def share(value: float, interval: Interval | None = None) -> str:
    if math.isnan(value):
        return UNKNOWN
    known = interval is not None and not math.isnan(interval.low)
    span = f" [{100 * interval.low:.0f}, {100 * interval.high:.0f}]" if known and interval is not None else ""
    return f"{100 * value:.1f}{span} %"


def _flows(found: Evaluation) -> Table:
    return Table(
        "Flow against price",
        "R² of the same interval explains, of the next one forecasts: two different things. By beginning:"
        " lowest and highest when the first interval begins up to one interval later.",
        ("market", "touch", "flow", "s", "n", "R² same interval", "by beginning", "R² next", "corr. next"),
        [
            (
                *(one.market, one.source, one.flow, str(one.interval_s), f"{one.n:,}"),
                with_interval(one.r2_same, one.r2_same_interval, 3),
                f"{number(one.r2_same_least, 2)} to {number(one.r2_same_most, 2)}",
                number(one.r2_next),
                number(one.correlation_next),
            )
            for one in found.flows
        ],
        names=3,
    )


def _queues(found: Evaluation) -> Table:
    return Table(
        "Queue imbalance at the touch",
        "Every 100 ms. Hits: its sign against the move of the mid within 1 s, where there was one.",
        ("market", "touch", "n", "hits", "AUC next move", *(f"IC {s} s" for s in ("1", "10", "60"))),
        [
            (
                *(one.market, one.source, f"{one.n:,}"),
                share(one.hit_rate, one.hit_interval),
                with_interval(one.next_auc, one.next_auc_interval),
                *(number(ic) for horizon_s, ic, _ in one.decay if horizon_s in (1.0, 10.0, 60.0)),
            )
            for one in found.queues
        ],
        names=2,
    )


def _cards(found: Evaluation) -> Iterator[Table]:
    for market in found.markets:
        for mode in Mode:
            own = [one for one in found.cards if (one.market, one.mode) == (market, mode.value)]
            if not own:
                continue
            labels = own[0].independent
            if labels < FEWEST_SHOWN and mode is not Mode.SCALP:
                continue
            note = (
                f"Against the move of the next {mode.horizon_s} s; {own[0].n:,} labels, of which"
                f" {labels:.0f} do not overlap. Skill: of the Brier score against always 1/2. Late: inputs"
                " one horizon old. Permuted: labels shuffled in blocks, must be about 0."
            )
            if labels < FEWEST_INDEPENDENT:
                note += " Too few: nothing can be concluded from these rows."
            yield Table(
                f"Cards, {market}, {mode.value}",
                note,
                (
                    *("card", "IC", "AUC next move", "R² before", "R² next"),
                    *("skill", "hits", "IC late", "permuted"),
                ),
                [_card(one) for one in own],
            )


def _card(one: CardFigures) -> tuple[str, ...]:
    return (
        one.card,
        with_interval(one.ic, one.ic_interval),
        with_interval(one.auc_next, one.auc_next_interval),
        number(one.r2_same),
        number(one.r2_next),
        number(one.brier_skill),
        share(one.hit_rate, one.hit_interval),
        number(one.stale_ic, 2),
        number(one.permuted_ic, 2) + (" LEAK" if one.leaks else ""),
    )


def half_life_s(lives: WallLives) -> float:
    """Age at which half of the walls are gone; nan when more stood at the end."""
    gone = lives.survival.share <= 0.5
    return float(lives.survival.age_s[gone][0]) if gone.any() else math.nan


def _walls(found: Evaluation) -> Table:
    return Table(
        "Walls",
        "Confirmed ones. Half-life: until half of them are gone, since they were confirmed.",
        ("walls", "n", *(end.value for end in End), "half-life s"),
        [
            (
                *(one.group, str(one.walls)),
                *(str(one.ends.get(end.value, 0)) for end in End),
                number(half_life_s(one), 0),
            )
            for one in found.walls
        ],
    )


def _detectors(found: Evaluation) -> Table:
    note = "On the synthetic market the defaults were chosen on: a test of the plumbing, not of profit."
    others = [f"{count} {name}" for name, count in found.planted.items() if name not in DETECTED]
    if others:
        note += f" Planted, without a detector: {', '.join(others)}."
    return Table(
        "Detectors against what was planted",
        note,
        ("detector", "planted", "recall", "detections", "precision", "latency s", "90 % s", "false / h"),
        [
            (
                *(one.detector, str(one.planted), share(one.recall, one.recall_interval)),
                *(str(one.detections), share(one.precision, one.precision_interval)),
                *(number(one.latency_median_s, 1), number(one.latency_p90_s, 1), number(one.false_per_h, 1)),
            )
            for one in found.detectors
        ],
    )


def _judgement(found: Evaluation) -> Table:
    it = found.judgement
    assert it is not None
    return Table(
        "Genuine or spoofed? Detected walls that were planted",
        "Hindsight includes the pull itself: never a forecast.",
        ("question", "walls", "answer"),
        [
            (
                "AUC of g before any approach (1/2: nothing known yet)",
                *_answer(it.early, it.auc_before_approach),
            ),
            ("AUC of g after 2 s near", *_answer(it.decided, it.auc_at_decision)),
            ("AUC of the last g, hindsight", *_answer(it.approached, it.auc_hindsight)),
            ("genuine after 2 s near", str(it.decided), share(it.genuine_share_decided)),
            ("genuine after 2 s near, g ≥ 0.65", str(it.decided), share(it.genuine_share_passed)),
            ("genuine, tested", str(it.tested), share(it.genuine_share_tested)),
            ("genuine, a tenth executed", str(it.executed), share(it.genuine_share_executed)),
            ("spoofed, g ≤ 0.35 (precision of the trap)", str(it.traps), share(it.trap_precision)),
            ("approached spoofs with g ≤ 0.35 (its recall)", str(it.approached), share(it.trap_recall)),
        ],
    )


def _answer(count: int, value: float) -> tuple[str, str]:
    return str(count), number(value, 2)
