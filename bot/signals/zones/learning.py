"""What touches teach: the coefficients of the hold probability, and how good it was (signals.md 8.6, 8.7).

An online Newton step of a logistic loss with forgetting, whose forgotten part
is replaced by the prior: without labels nothing moves, with few or old ones
the coefficients stay near it. A coefficient may vanish, never change its sign.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bot.core.errors import BadInput
from bot.core.jit import hot, rare
from bot.signals.zones.scoring import hold_probability
from bot.signals.zones.state import BINS, FEATURES, FIRST_PRECISION, PRIOR

FORGET = 1.0 - 0.9995
MOST_TIMES_PRIOR = 3.0
VERSION = 1


@rare
def learn(model, features, held):
    """One label: `held` 1.0 or 0.0 for a zone that had these features when the approach began."""
    hold = hold_probability(model.theta, features)
    for k in range(len(FEATURES)):
        x, prior = features[k], PRIOR[k]
        model.precision[k] += FORGET * (FIRST_PRECISION - model.precision[k]) + x * x * hold * (1.0 - hold)
        gradient = x * (held - hold) - FORGET * FIRST_PRECISION * (model.theta[k] - prior)
        theta = model.theta[k] + gradient / model.precision[k]
        most = MOST_TIMES_PRIOR * prior
        model.theta[k] = min(max(theta, min(0.0, most)), max(0.0, most))


@hot
def tally(model, said, held, trap, pulled):
    """Count a label against what was said when the approach began."""
    place = min(np.int64(said * BINS), BINS - 1)
    model.labels += 1
    model.squares += (said - held) ** 2
    model.held += held
    model.said[place] += said
    model.came[place] += held
    model.counts[place] += 1.0
    model.traps[trap, pulled] += 1


class Calibration(NamedTuple):
    """Labels whose said probability was in one tenth."""

    said: float  # mean
    came: float  # share that held
    labels: int


class Report(NamedTuple):
    """How good the hold probability and the word trap were, over all labels; None where there are none."""

    labels: int
    brier: float | None
    brier_of_base_rate: float | None  # what always saying the share that held would have scored
    calibration: tuple[Calibration, ...]  # non-empty tenths, rising
    trap_precision: float | None  # of approaches to traps, the share that was pulled
    trap_recall: float | None  # of pulled ones, the share that was called a trap before


def report(model: np.ndarray) -> Report:
    """Of the (1,) model."""
    row = model[0]
    n = int(row["labels"])
    share = float(row["held"]) / n if n else 0.0
    missed, caught = row["traps"][0, 1], row["traps"][1, 1]
    return Report(
        labels=n,
        brier=float(row["squares"]) / n if n else None,
        brier_of_base_rate=share * (1.0 - share) if n else None,
        calibration=tuple(
            Calibration(float(said / count), float(came / count), int(count))
            for said, came, count in zip(row["said"], row["came"], row["counts"], strict=True)
            if count
        ),
        trap_precision=_share(caught, row["traps"][1].sum()),
        trap_recall=_share(caught, missed + caught),
    )


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


_TALLIES = ("squares", "held", "said", "came", "counts", "traps")


def freeze(model: np.ndarray) -> dict[str, Any]:
    """What was learned, as plain JSON types; coefficients by name."""
    row = model[0]
    return {
        "version": VERSION,
        "theta": dict(zip(FEATURES, row["theta"].tolist(), strict=True)),
        "precision": dict(zip(FEATURES, row["precision"].tolist(), strict=True)),
        "labels": int(row["labels"]),
        **{name: row[name].tolist() for name in _TALLIES},
    }


def thaw(model: np.ndarray, saved: Any) -> None:
    """Fill the (1,) model. Raises BadInput, changing nothing, when the data are not those of `freeze`."""
    row = model.copy()
    try:
        if saved["version"] != VERSION:
            raise BadInput(f"zones: expected version {VERSION}, was {saved['version']}")
        for name in ("theta", "precision"):
            if set(saved[name]) != set(FEATURES):
                raise BadInput(
                    f"zones: expected {name} of {', '.join(FEATURES)}, was {', '.join(saved[name])}"
                )
            row[name][0] = [saved[name][feature] for feature in FEATURES]
        for name in ("labels", *_TALLIES):
            row[name] = np.reshape(saved[name], row[name].shape)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"zones: what was learned cannot be read ({error})") from None
    theta, prior = row["theta"][0], np.array(PRIOR)
    times = theta / prior
    sound = np.all((times >= 0.0) & (times <= MOST_TIMES_PRIOR + 1e-9)) and np.all(
        (row["precision"] > 0.0) & np.isfinite(row["precision"])
    )
    if not sound:
        raise BadInput("zones: what was learned holds impossible coefficients")
    model[...] = row
