"""How long things last when some of them were not seen to end."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

ROUNDING = 1e-12


def median_life_s(lives: Iterable[tuple[float, bool]]) -> float | None:
    """Age by which half are gone (Kaplan & Meier 1958); None when so many were never seen to go.

    A life is (age in seconds when it was last seen, whether it ended then).
    """
    ordered = sorted(lives)
    share, at_risk = 1.0, len(ordered)
    for age, group in groupby(ordered, key=itemgetter(0)):
        ended = [gone for _, gone in group]
        share *= 1.0 - sum(ended) / at_risk
        at_risk -= len(ended)
        if share <= 0.5 + ROUNDING:
            return age
    return None
