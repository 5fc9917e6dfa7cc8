"""How long things last when some were still there at the end: Kaplan & Meier (1958)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Survival(NamedTuple):
    """`share[k]` of all still stood just after `age_s[k]`; starts at age 0 with 1."""

    age_s: np.ndarray
    share: np.ndarray


def kaplan_meier(age_s: np.ndarray, ended: np.ndarray) -> Survival:
    """From ages at the last sight; `ended` False: still there then (censored)."""
    age_s, ended = np.asarray(age_s, float), np.asarray(ended, bool)
    times, deaths = np.unique(age_s[ended], return_counts=True)
    at_risk = age_s.size - np.searchsorted(np.sort(age_s), times)
    share = np.cumprod(1.0 - deaths / at_risk) if times.size else np.empty(0)
    return Survival(np.concatenate([[0.0], times]), np.concatenate([[1.0], share]))
