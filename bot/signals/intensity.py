"""How densely trades follow each other: exponential Hawkes sums (signals.md 3.3; Bacry et al. 2015).

lambda(t) = mu + alpha S(t-), where S decays with beta and every trade adds 1.
Three betas are kept for each side. Prints of one order (same stamp, same side)
are one event. Parameters are fitted hourly by expectation-maximisation, which
needs no optimiser and cannot leave the valid range.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.signals.features import ratio

BETAS = (0.2, 1.0, 5.0)  # 1/s
CARD_BANK = 1
"""The bank of the `intensity` card."""
BURST_S = (5.0, 300.0)
QUIET_TAUS = 5.0
MOST_BRANCHING = 0.95
EVENTS = 2_048  # a side, remembered for the fit
LEAST_EVENTS = 50
REFIT_NS = 3_600 * NS_PER_S
_STEPS = 100
_SETTLED = 1e-5
_RATES = (*BETAS, 1.0 / BURST_S[0], 1.0 / BURST_S[1])
_BANKS = len(_RATES)
_FAST, _SLOW = _BANKS - 2, _BANKS - 1

INTENSITY = np.dtype(
    [
        ("aged_ns", "<i8"),  # when the sums were last decayed
        ("sums", "<f8", (2, _BANKS)),  # buyers, sellers: of events strictly before aged_ns
        ("pending", "<f8", (2,)),  # events at aged_ns itself
        ("stamp", "<i8", (2,)),  # of the side's last print
        ("last_ns", "<i8"),  # receive time of the last event, 0 none
        ("events", "<i8", (2,)),
        ("times_ns", "<i8", (2, EVENTS)),  # rings
        ("fitted_ns", "<i8"),
        ("fit", "<f8", (2, 3)),  # mu, alpha, beta a side; nan before a fit
    ],
    align=True,
)


def new_intensity(markets: int) -> np.ndarray:
    """(M,) INTENSITY rows."""
    rows = np.zeros(markets, INTENSITY)
    rows["fit"] = np.nan
    return rows


@hot
def age(row, now_ns):
    """Decay the sums to a time. Events at that very time are not in them yet."""
    elapsed_ns = now_ns - row.aged_ns
    if elapsed_ns <= 0:
        return
    for bank in range(_BANKS):
        factor = math.exp(-1e-9 * elapsed_ns * _RATES[bank])
        for side in range(2):
            row.sums[side, bank] = factor * (row.sums[side, bank] + row.pending[side])
    row.pending[0] = row.pending[1] = 0.0
    row.aged_ns = now_ns


@hot
def on_trade(row, side, now_ns, stamp):
    """A market trade by an aggressor of `side` (+1, -1); `stamp` tells orders apart.

    It is the venue's time, or the receive time where the venue tells none.
    """
    if side == 0:
        return
    which = 0 if side > 0 else 1
    if row.events[which] > 0 and stamp == row.stamp[which]:
        return
    age(row, now_ns)
    row.stamp[which] = stamp
    row.pending[which] += 1.0
    row.times_ns[which, row.events[which] % EVENTS] = row.aged_ns
    row.events[which] += 1
    row.last_ns = row.aged_ns


@hot
def imbalance(row, bank, now_ns):
    """After `age`: (S buyers - S sellers) / their sum just before now; nan after 5/beta without a trade."""
    if row.last_ns == 0 or now_ns - row.last_ns > QUIET_TAUS / BETAS[bank] * NS_PER_S:
        return np.nan
    return ratio(row.sums[0, bank], row.sums[1, bank])


@hot
def burst(row):
    """After `age`: trade rate of the last seconds over that of the last minutes; nan without any."""
    slow = row.sums[0, _SLOW] + row.sums[1, _SLOW]
    if not slow > 1e-12:
        return np.nan
    return (row.sums[0, _FAST] + row.sums[1, _FAST]) / BURST_S[0] / (slow / BURST_S[1])


@hot
def fitted_rate(row, side):
    """After `age`: expected trades a second by aggressors of `side` (+1, -1) just now; nan before a fit."""
    which = 0 if side > 0 else 1
    for bank in range(len(BETAS)):
        if row.fit[which, 2] == BETAS[bank]:
            return row.fit[which, 0] + row.fit[which, 1] * row.sums[which, bank]
    return np.nan


@rare
def excitations(times_s, beta, out):
    """S just before each of the sorted times. Equal times do not excite each other."""
    before = together = 0.0
    for i in range(times_s.size):
        if i > 0 and times_s[i] > times_s[i - 1]:
            before = (before + together) * math.exp(-beta * (times_s[i] - times_s[i - 1]))
            together = 0.0
        out[i] = before
        together += 1.0


def log_likelihood(times_s: np.ndarray, mu: float, alpha: float, beta: float, horizon_s: float) -> float:
    """Of sorted event times in [0, horizon], by Ozaki's recursion (1979)."""
    before = np.empty(len(times_s))
    excitations(times_s, beta, before)
    expected = mu * horizon_s + alpha * _exposure(times_s, beta, horizon_s)
    return float(np.log(mu + alpha * before).sum()) - expected


def _exposure(times_s: np.ndarray, beta: float, horizon_s: float) -> float:
    """Integral of S over [0, horizon]."""
    return float((1.0 - np.exp(-beta * (horizon_s - times_s))).sum()) / beta


class Fit(NamedTuple):
    """Of one side's trades: base rate and jump per second, decay per second, log-likelihood."""

    mu: float
    alpha: float
    beta: float
    log_likelihood: float

    @property
    def branching(self) -> float:
        """Share of trades that earlier trades brought about."""
        return self.alpha / self.beta


def _climb(times_s: np.ndarray, beta: float, horizon_s: float) -> tuple[float, float]:
    """(mu, alpha) by expectation-maximisation: who caused each event, then the rates that follow from it."""
    before = np.empty(len(times_s))
    excitations(times_s, beta, before)
    exposure = _exposure(times_s, beta, horizon_s)
    mu, alpha = 0.5 * len(times_s) / horizon_s, 0.5 * beta
    for _ in range(_STEPS):
        rates = mu + alpha * before
        new_mu = float((mu / rates).sum()) / horizon_s
        new_alpha = min(float((alpha * before / rates).sum()) / exposure, MOST_BRANCHING * beta)
        settled = abs(new_alpha - alpha) < _SETTLED * beta and abs(new_mu - mu) < _SETTLED * mu
        mu, alpha = new_mu, new_alpha
        if settled:
            break
    return mu, alpha


def fit(times_s: np.ndarray, horizon_s: float) -> Fit:
    """The likeliest parameters for sorted times in [0, horizon], beta out of the three banks."""
    fits = []
    for beta in BETAS:
        mu, alpha = _climb(times_s, beta, horizon_s)
        fits.append(Fit(mu, alpha, beta, log_likelihood(times_s, mu, alpha, beta, horizon_s)))
    return max(fits, key=lambda f: f.log_likelihood)


def refit(row: np.ndarray, now_ns: int) -> bool:
    """Fit each side's remembered trades anew when an hour has passed; True when done."""
    if row["fitted_ns"] == 0 or now_ns < row["fitted_ns"]:
        row["fitted_ns"] = now_ns
    if now_ns - row["fitted_ns"] < REFIT_NS:
        return False
    row["fitted_ns"] = now_ns
    for side in range(2):
        row["fit"][side] = np.nan
        count = min(int(row["events"][side]), EVENTS)
        if count < LEAST_EVENTS:
            continue
        times = np.sort(row["times_ns"][side, :count])
        found = fit((times - times[0]) / NS_PER_S, (now_ns - int(times[0])) / NS_PER_S)
        row["fit"][side] = found[:3]
    return True
