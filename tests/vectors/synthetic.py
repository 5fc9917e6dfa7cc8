"""Exact results of queueing theory (signals.md 11.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.market.synthetic import theory


def race_up_probability(lam, mu, theta):
    return theory.race_up_probability(lam, mu, theta).tolist()


def cdl_up_probability(n, p):
    return theory.cdl_up_probability(n, p)


ADAPTERS: dict[str, Callable[..., Any]] = {
    "race_up_probability": race_up_probability,
    "cdl_up_probability": cdl_up_probability,
}
