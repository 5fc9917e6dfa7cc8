"""How positions move together: correlations and betas, and what they allow (signals.md 9.4).

Two rules keep a limit true whatever happens after an entry: exits are never
blocked, so what protects today may be gone tomorrow. A hedge therefore gets no
credit (neither in the volatility nor in the beta of a direction), and what is
not known counts as moving together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import Any

import numpy as np

SHRINK = 0.5
USUAL_CORRELATION = 0.7
"""What correlations are drawn towards: crypto perpetuals rise and fall together when it matters."""

EVERY_NS = 60_000_000_000
HALF_LIFE = 240  # samples, that is four hours
ENOUGH = 30  # samples before an estimate counts
UNKNOWN_BETA = 1.5
"""Beta to bitcoin of a symbol that is not known yet: most altcoins move more than bitcoin does."""


def portfolio_sigma(
    notionals: Sequence[float],
    sigmas: Sequence[float],
    correlations: Sequence[Sequence[float]] | np.ndarray,
    shrink: float = SHRINK,
    towards: float = USUAL_CORRELATION,
) -> float:
    """Standard deviation of the portfolio's value over the period of `sigmas`, in the notionals' coin.

    `notionals` are signed (a short is negative), `sigmas` the positions' return
    volatilities, `correlations` an estimate that is shrunk by the share `shrink`
    towards the constant `towards`. An unknown (nan) estimate makes the answer nan.
    """
    n = len(notionals)
    estimate = np.asarray(correlations, float).reshape(n, n)
    matrix = (1.0 - shrink) * estimate + shrink * (towards + (1.0 - towards) * np.eye(n))
    exposure = np.asarray(notionals, float) * np.asarray(sigmas, float)
    variance = float(exposure @ matrix @ exposure)
    # an estimate that is no correlation matrix can make it negative; max(0, nan) would hide unknowns
    return variance if variance != variance else max(0.0, variance) ** 0.5


@dataclass(frozen=True, slots=True)
class Holding:
    """A position, or an entry that may still become one, at full size."""

    market: int
    side: int
    notional: float  # settle coin, unsigned
    sigma_day: float


class Ties:
    """Exponentially weighted covariances of one-minute log returns of the mids, half-life four hours.

    `benchmark` is the market that betas refer to (bitcoin's, where the session has it).
    """

    def __init__(self, markets: int, benchmark: int = 0) -> None:
        self._benchmark = benchmark
        self._last_ns = 0
        self._mids = np.full(markets, nan)
        self._products = np.zeros((markets, markets))  # weighted sums of r_i r_j where both were known
        self._weights = np.zeros((markets, markets))
        self._counts = np.zeros((markets, markets), np.int64)

    def observe(self, now_ns: int, mids: Mapping[int, float]) -> None:
        """Take a sample when a minute has passed; a market without a mid misses it."""
        if now_ns - self._last_ns < EVERY_NS:
            return
        fresh = np.array([mids.get(market, nan) for market in range(self._mids.size)])
        # after a pause the change since the last sample is not one minute's
        if now_ns - self._last_ns < 2 * EVERY_NS:
            moves = np.log(fresh / self._mids)
            known = np.isfinite(moves)
            both = np.outer(known, known)
            moves[~known] = 0.0
            keep = 0.5 ** (1.0 / HALF_LIFE)
            self._products = np.where(both, keep * self._products + np.outer(moves, moves), self._products)
            self._weights = np.where(both, keep * self._weights + 1.0, self._weights)
            self._counts += both
        self._mids, self._last_ns = fresh, now_ns

    def correlation(self, one: int, other: int) -> float:
        """Of two markets, nan until enough is known."""
        if one == other:
            return 1.0
        spread = sqrt(self._variance(one) * self._variance(other))
        if self._counts[one, other] < ENOUGH or not spread > 0:
            return nan
        return float(max(-1.0, min(1.0, self._covariance(one, other) / spread)))

    def beta(self, market: int) -> float:
        """To the benchmark, drawn half-way towards 1 and never below 0 (a hedge gets no credit)."""
        if market == self._benchmark:
            return 1.0
        variance = self._variance(self._benchmark)
        if self._counts[market, self._benchmark] < ENOUGH or not variance > 0:
            return UNKNOWN_BETA
        return max(0.0, 0.5 + 0.5 * self._covariance(market, self._benchmark) / variance)

    def _covariance(self, one: int, other: int) -> float:
        weight = self._weights[one, other]
        return float(self._products[one, other] / weight) if weight > 0 else nan

    def _variance(self, market: int) -> float:
        return self._covariance(market, market)

    def to_state(self) -> dict[str, Any]:
        """JSON-able; an unknown mid is null."""
        return {
            "last_ns": self._last_ns,
            "mids": [float(mid) if isfinite(mid) else None for mid in self._mids],
            "products": self._products.tolist(),
            "weights": self._weights.tolist(),
            "counts": self._counts.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `to_state` saved; of other markets nothing is known."""
        if len(state["mids"]) != self._mids.size:
            return
        self._last_ns = state["last_ns"]
        self._mids = np.array([nan if mid is None else mid for mid in state["mids"]])
        shape = self._products.shape
        self._products = np.array(state["products"], float).reshape(shape)
        self._weights = np.array(state["weights"], float).reshape(shape)
        self._counts = np.array(state["counts"], np.int64).reshape(shape)


def together(one: Holding, other: Holding, ties: Ties) -> float:
    """Correlation of two holdings' results as the limit sees it: shrunk, unknown as 1, a hedge as 0."""
    if one.market == other.market:
        return 1.0
    sign = one.side * other.side
    estimate = ties.correlation(one.market, other.market)
    signed = 1.0 if estimate != estimate else sign * estimate
    return max(0.0, (1.0 - SHRINK) * signed + SHRINK * sign * USUAL_CORRELATION)


def worst_sigma(holdings: Sequence[Holding], ties: Ties) -> float:
    """Daily volatility of all holdings together, no hedge counted: never below any part of them."""
    matrix = [[together(one, other, ties) for other in holdings] for one in holdings]
    return portfolio_sigma(
        [h.notional for h in holdings], [h.sigma_day for h in holdings], np.array(matrix), shrink=0.0
    )


def sigma_room(held: Sequence[Holding], new: Holding, ties: Ties, most: float) -> float:
    """Largest notional of `new` (its own is not read) that keeps the daily volatility at or below `most`."""
    variance, before = new.sigma_day**2, worst_sigma(held, ties) if held else 0.0
    if not variance > 0 or not before <= most:
        return 0.0
    shared = new.sigma_day * sum(h.notional * h.sigma_day * together(h, new, ties) for h in held)
    return (sqrt(shared**2 + variance * (most**2 - before**2)) - shared) / variance


def directed_beta(held: Sequence[Holding], side: int, ties: Ties) -> float:
    """Sum of beta x notional of the holdings of one direction."""
    return sum(ties.beta(h.market) * h.notional for h in held if h.side == side)


def beta_room(held: Sequence[Holding], new: Holding, ties: Ties, most: float) -> float:
    """Largest notional of `new` that keeps its direction's beta exposure at or below `most`."""
    beta = ties.beta(new.market)
    return max(0.0, most - directed_beta(held, new.side, ties)) / beta if beta > 0 else inf
