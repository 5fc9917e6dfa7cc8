"""The zones' steps the slow and obvious way: recursion, lists, dictionaries."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple


class Candidate(NamedTuple):
    price: float
    side: int
    mass: float
    source: int


class Span(NamedTuple):
    low: float
    high: float
    centre: float
    mass: float
    side: int
    sources: int


def linked(ordered: list[Candidate], gap: float) -> list[list[Candidate]]:
    """Runs of neighbours at most the gap apart."""
    runs: list[list[Candidate]] = []
    for one in ordered:
        if runs and one.price - runs[-1][-1].price <= gap:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def split(run: list[Candidate], extent: float) -> list[list[Candidate]]:
    """Cut at the largest gap, the lowest of equals, until every piece is narrow enough."""
    if run[-1].price - run[0].price <= extent:
        return [run]
    gaps = [b.price - a.price for a, b in pairwise(run)]
    at = gaps.index(max(gaps)) + 1
    return split(run[:at], extent) + split(run[at:], extent)


def spans_of(found: list[Candidate], gap: float, extent: float) -> list[Span]:
    """Step 2, resistances first."""
    spans = []
    for side in (-1, 1):
        ordered = sorted((c for c in found if c.side == side), key=lambda c: c.price)
        pieces = [piece for run in linked(ordered, gap) for piece in split(run, extent)]
        for k, piece in enumerate(pieces):
            low, high = piece[0].price, piece[-1].price
            below = low - pieces[k - 1][-1].price if k else math.inf
            above = pieces[k + 1][0].price - high if k + 1 < len(pieces) else math.inf
            mass = sum(c.mass for c in piece)
            missing = math.prod(1.0 - c.mass for c in piece)
            sources = 0
            for c in piece:
                sources |= c.source
            spans.append(
                Span(
                    low - min(gap, below / 2),
                    high + min(gap, above / 2),
                    sum(c.mass * c.price for c in piece) / mass,
                    1.0 - missing,
                    side,
                    sources,
                )
            )
    return spans


def hold_probability(theta: dict[str, float], zone: dict[str, Any], around: dict[str, Any]) -> float:
    """Step 6, from named figures; None is unknown."""
    side = zone["side"]
    g = min(0.99, max(0.01, zone["genuineness"]))
    p = around["book_probability"]
    x = {
        "genuineness": math.log(g / (1 - g)) / 2,
        "upside": 0.0 if p is None else side * max(-1.0, min(1.0, 5 * (2 * p - 1))),
        "absorption": side * zone["absorbed"],
        "refill": 0.0 if zone["refilled"] is None else zone["refilled"],
        "cascade": 1.0 if around["cascade"] == -side else 0.0,
        "touches": min(1.0, max(0.0, zone["touches"] - 2) / 3),
    }
    return 1 / (1 + math.exp(-sum(theta[name] * value for name, value in x.items())))


def kind_of(side: int, hold: float, thin: int, genuineness: float, pulls: list[bool]) -> str:
    """Steps 5 and 7; `pulls`: of the last three approaches."""
    if genuineness <= 0.35 or sum(pulls) >= 2:
        return "TRAP"
    if hold <= 0.4 or thin == -side:
        return "BREAKABLE"
    if hold >= 0.6:
        return "SUPPORT" if side > 0 else "RESISTANCE"
    return "UNCERTAIN"


def utility(hold: float, mass: float, presence: float, distance_bps: float, unit: float) -> float:
    return abs(2 * hold - 1) * mass * presence * math.exp(-distance_bps / (30 * unit))
