"""S-ZI and S-DRIFT: cards know nothing where nothing is to be known, and something where there is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bot.core.enums import Mode
from bot.evaluation.cards import LATENCY_S, SIGNIFICANT, IcFigures, ic_figures, moves_bps
from bot.evaluation.metrics import spearman
from bot.evaluation.oracle import ORACLE, with_oracle
from bot.evaluation.samples import COMPOSITE, Samples
from scripts.acceptance.runs import LONG_S, Check, for_scores, play
from scripts.acceptance.table import Row, at_least, told

ZI, DRIFT = "s-zi", "s-drift"
MOST_ERRORS = 3.0
ALLOWED = {("queue", 1), ("micro", 1)}
"""The queues do say where the very next tick goes, also in a book without edge."""
SHARE_OF_ORACLE = 0.5
MOST_NAMED = 5
DRAWS = 1000


def measure_no_edge(scenario: str, seed: int, seconds: float) -> Samples:
    return for_scores(play(scenario, seed, seconds).samples)


def no_edge_rows(found: Mapping[str, Sequence[Samples]]) -> list[Row]:
    figures = ic_figures(*found[ZI])
    tested = [ic for ic in figures if not math.isnan(ic.p)]
    at_h = [ic for ic in tested if ic.horizon_s == Mode(ic.mode).horizon_s]
    days = sum(samples.span_s for samples in found[ZI]) / 86_400.0
    sooner = [ic for ic in tested if ic.horizon_s < Mode(ic.mode).horizon_s]
    return [_significant(at_h, len(tested)), _largest(at_h, found[ZI], days), _sooner(sooner)]


def _largest(at_h: Sequence[IcFigures], runs: Sequence[Samples], days: float) -> Row:
    """The largest |IC| in standard errors of all cards and modes, at the mode's horizon: told only."""
    sizes = [abs(ic.ic) / ic.error for ic in at_h]
    metric = "largest absolute IC of a card at its mode's H, standard errors"
    if not sizes:
        return told(ZI, metric, math.nan, "nothing could be tested")
    value, which = max(sizes), at_h[int(np.argmax(sizes))]
    chance = 1.0 - (1.0 - math.erfc(MOST_ERRORS / math.sqrt(2.0))) ** len(sizes)
    return told(
        ZI,
        metric,
        value,
        f"{which.card} {which.mode}, IC {which.ic:+.4f}, {_by_runs(which, runs):.2f} by runs;"
        f" {len(sizes)} tests over {days:.1f} days; luck alone exceeds {MOST_ERRORS:g} in {chance:.0%} of"
        " such tables",
    )


def _by_runs(which: IcFigures, runs: Sequence[Samples]) -> float:
    """The mean of the runs' own ICs in its standard errors: runs are independent, readings are not."""
    mode = Mode(which.mode)
    own = []
    for run in runs:
        market = [instrument.key for instrument in run.instruments].index(which.market)
        score = run.scores[:, market, run.names.index(which.card), mode.place]
        label = moves_bps(run, market, LATENCY_S, which.horizon_s)
        known = np.isfinite(score) & np.isfinite(label)
        own.append(spearman(score[known].astype(float), label[known]))
    values = np.array([ic for ic in own if not math.isnan(ic)])
    if values.size < 2:
        return math.nan
    return float(abs(values.mean()) / (values.std(ddof=1) / math.sqrt(values.size)))


def _significant(at_h: Sequence[IcFigures], tests: int) -> Row:
    """What is left at the modes' horizons after Holm's correction over all cards, modes and horizons."""
    wrong = [ic for ic in at_h if ic.significant]
    return Row(
        ZI,
        f"cards whose IC at their mode's H differs from 0 at {SIGNIFICANT:.0%} (Holm)",
        float(len(wrong)),
        f"{len(wrong)} of {len(at_h)}, corrected for {tests} tests" + _named(wrong),
        "none",
        bool(at_h) and not wrong,
    )


def _sooner(sooner: Sequence[IcFigures]) -> Row:
    """Told, not required: the queues foretell the very next tick in this book too, and a tick stays made."""
    left = [ic for ic in sooner if ic.significant and (ic.card, ic.horizon_s) not in ALLOWED]
    longest = max((ic.horizon_s for ic in left), default=0)
    measured = f"{len(left)} of {len(sooner)}" + (f", none beyond {longest} s" if left else "")
    largest = sorted(left, key=lambda ic: -abs(ic.ic))[:MOST_NAMED]
    metric = "the same at shorter horizons, but queue and micro at 1 s"
    return Row(ZI, metric, float(len(left)), measured + _named(largest), "", None)


def _named(figures: Sequence[IcFigures]) -> str:
    names = [f"{ic.card} {ic.mode} {ic.horizon_s} s ({ic.ic:+.3f})" for ic in figures]
    return f": {', '.join(names)}" if names else ""


def measure_drift(scenario: str, seed: int, seconds: float) -> Samples:
    run = play(scenario, seed, seconds)
    return for_scores(with_oracle(run.samples, run.planted), COMPOSITE, ORACLE)


def drift_rows(found: Mapping[str, Sequence[Samples]]) -> list[Row]:
    """Required of scalp: what informed traders lean towards is reached, and moves on, within minutes."""
    runs = found[DRIFT]
    whole = _by_name(ic_figures(*runs))
    each = [_by_name(ic_figures(run)) for run in runs]
    table = []
    for mode in Mode:
        names = [(name, mode.value, mode.horizon_s) for name in (COMPOSITE, ORACLE)]
        composite, oracle = (whole.get(name) for name in names)
        if composite is None or oracle is None:
            continue
        pairs = np.array([[one[n].ic if n in one else math.nan for n in names] for one in each])
        spread = (
            f"IC {composite.ic:.3f} of {oracle.ic:.3f}, s.e. {composite.error:.3f} and {oracle.error:.3f};"
            f" 95 % {_ratio_interval(pairs)} over {len(runs)} seeds"
        )
        metric = f"IC of the composite over the oracle's, {mode.value} at {mode.horizon_s} s"
        ratio = composite.ic / oracle.ic
        if mode is Mode.SCALP:
            table.append(at_least(DRIFT, metric, ratio, SHARE_OF_ORACLE, spread))
        else:
            table.append(told(DRIFT, metric, ratio, spread))
    return table


def _by_name(figures: Sequence[IcFigures]) -> dict[tuple[str, str, int], IcFigures]:
    return {(ic.card, ic.mode, ic.horizon_s): ic for ic in figures}


def _ratio_interval(pairs: np.ndarray) -> str:
    """Percentiles of mean(first) / mean(second) over redrawn runs."""
    known = pairs[np.isfinite(pairs).all(axis=1)]
    if len(known) < 3:
        return "unknown"
    draws = np.random.default_rng(0).integers(0, len(known), (DRAWS, len(known)))
    means = known[draws].mean(axis=1)
    low, high = np.quantile(means[:, 0] / means[:, 1], (0.025, 0.975))
    return f"{low:.2f} to {high:.2f}"


NO_EDGE = Check("cards", (ZI,), 20, LONG_S, measure_no_edge, no_edge_rows)
WITH_EDGE = Check("drift", (DRIFT,), 20, LONG_S, measure_drift, drift_rows)
