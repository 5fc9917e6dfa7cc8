"""Premium over the index, expected funding and basis (signals.md 4.1).

He, Manela, Ross & von Wachter 2022; Schmeling, Schrimpf & Todorov 2023. Rates
are shares of the notional per settlement interval.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.core.units import NS_PER_S
from bot.market.book import ASK, BID, best_tick
from bot.signals.decay import hold, mean_of
from bot.signals.derivatives.scores import contrarian
from bot.signals.fade import fade
from bot.signals.features import BUY, SELL, walk
from bot.signals.robust import robust_z
from bot.signals.rolling import push, window_of

INTEREST = 1e-4
"""Interest part of a settlement's rate."""
BAND = 5e-4
"""Premiums within this of the interest leave the rate at the interest."""
SETTLEMENTS = 90
LEAST_SETTLEMENTS = 9
RATE_FLOOR = 1e-5
CROWDED = 1.5
SILENCE_NS = 600 * NS_PER_S
HELD_S = 60.0
"""A premium that was not renewed for longer does not count for that time."""
BASIS_TAU_S = 1_800.0  # half of one hour
BASIS_MINUTES = 720
LEAST_MINUTES = 60
BASIS_FLOOR_BPS = 0.5
_MINUTE_NS = 60 * NS_PER_S
_HOUR_S = 3_600.0

PREMIUM = np.dtype(
    [
        ("noted_ns", "<i8"),  # when the premium was last noted
        ("premium", "<f8"),  # then; nan unknown
        ("numerator", "<f8"),  # time-weighted premium of this settlement interval
        ("weight", "<f8"),
        ("rate_ns", "<i8"),  # when the rate was last told
        ("rate", "<f8"),  # the venue's rate for the coming settlement; nan unknown
        ("settles_ns", "<i8"),  # the coming settlement, 0 unknown
        ("interval_ns", "<i8"),  # between settlements, 0 before it was told or one was seen to pass
        ("basis_ns", "<i8"),
        ("basis_numerator", "<f8"),  # slow mean of the basis, bps
        ("basis_weight", "<f8"),
        ("basis_bps", "<f8"),  # mid over index, held since basis_ns; nan unknown
        ("excess_bps", "<f8"),  # basis minus its slow mean
        ("excess_z", "<f8"),
        ("minute", "<i8"),  # of the last sample of the excess
        ("settled", window_of(SETTLEMENTS)),  # rates that were settled
        ("excess", window_of(BASIS_MINUTES)),  # one a minute, bps
    ],
    align=True,
)


def new_premium(markets: int) -> np.ndarray:
    """(M,) PREMIUM rows."""
    rows = np.zeros(markets, PREMIUM)
    for field in ("premium", "rate", "basis_bps", "excess_bps", "excess_z"):
        rows[field] = np.nan
    return rows


@hot
def premium_index(impact_bid, impact_ask, index):
    """How far the impact prices lie beyond the index, as a share of it; 0 while the index is between them."""
    return (max(0.0, impact_bid - index) - max(0.0, index - impact_ask)) / index


@rare
def book_premium(books, market, index_ticks, impact_lots):
    """Premium index of a book for market orders of the venue's impact size; nan when the book ends before."""
    bid, _, sold, _ = walk(books, market, SELL, impact_lots)
    ask, _, bought, _ = walk(books, market, BUY, impact_lots)
    if sold < impact_lots or bought < impact_lots or not index_ticks > 0.0:
        return np.nan
    return premium_index(bid, ask, index_ticks)


@hot
def funding_rate(mean_premium, interest, band, cap):
    """Rate of a settlement: the premium, pulled towards the interest by at most the band; cap inf: none."""
    rate = mean_premium + min(band, max(-band, interest - mean_premium))
    return min(cap, max(-cap, rate))


@hot
def annualised(rate, hours):
    """A rate per interval of so many hours as a simple yearly rate."""
    return rate * 24.0 / hours * 365.0


@hot
def on_funding(row, now_ns, rate, settles_ns, interval_s):
    """The venue's rate of the coming settlement. When the settlement moves on, the last one was settled.

    `interval_s`: between settlements where the venue tells it, 0 where it does not; it is then what was seen
    to pass. After a silence neither the settled rate nor an interval that nobody tells is known.
    """
    if row.settles_ns != 0 and settles_ns > row.settles_ns:
        if row.rate == row.rate and now_ns - row.rate_ns <= SILENCE_NS:
            push(row.settled, row.rate)
            row.interval_ns = settles_ns - row.settles_ns
        row.numerator = row.weight = 0.0
    if interval_s > 0:
        row.interval_ns = interval_s * NS_PER_S
    row.rate_ns = now_ns
    row.rate = rate
    row.settles_ns = settles_ns


@hot
def note(row, now_ns, premium):
    """The premium from now on (nan: unknown); called about once a second."""
    elapsed_s = (now_ns - row.noted_ns) / NS_PER_S
    if row.noted_ns != 0 and 0.0 < elapsed_s <= HELD_S and row.premium == row.premium:
        row.numerator += elapsed_s * row.premium
        row.weight += elapsed_s
    row.noted_ns = max(now_ns, row.noted_ns)
    row.premium = premium


@hot
def expected_funding(row, cap):
    """Rate the coming settlement is heading for, from the premium seen in this interval; nan before any."""
    if not row.weight > 0.0:
        return np.nan
    return funding_rate(row.numerator / row.weight, INTEREST, BAND, cap)


@hot
def yearly_funding(row):
    """The venue's rate as a yearly one; nan before the interval between settlements is known."""
    if row.interval_ns == 0:
        return np.nan
    return annualised(row.rate, row.interval_ns / NS_PER_S / _HOUR_S)


@rare
def funding_score(row, crowding):
    """Against an unusual rate, half as much again while open interest grows; nan before nine settlements."""
    if row.settled.count < LEAST_SETTLEMENTS or row.rate != row.rate:
        return np.nan
    score = contrarian(robust_z(row.settled, row.rate, RATE_FLOOR))
    return min(1.0, max(-1.0, CROWDED * score)) if crowding else score


@hot
def basis_bps(books, market, index_ticks):
    """How far the mid lies over the index."""
    bid, ask = best_tick(books, market, BID), best_tick(books, market, ASK)
    if not 0 <= bid < ask or not index_ticks > 0.0:
        return np.nan
    return 1e4 * (0.5 * (bid + ask) / index_ticks - 1.0)


@rare
def on_basis(row, now_ns, basis):
    """Every emission: the basis in bps (nan unknown), centred at its slow mean, and its z.

    A minute's first excess joins the twelve hours that later ones are judged by.
    """
    factor = fade(now_ns - row.basis_ns, BASIS_TAU_S)
    row.basis_numerator, row.basis_weight = hold(row.basis_numerator, row.basis_weight, row.basis_bps, factor)
    row.basis_ns = now_ns
    row.basis_bps = basis
    row.excess_bps = basis - mean_of(row.basis_numerator, row.basis_weight)
    row.excess_z = np.nan
    if row.excess_bps != row.excess_bps:
        return
    if row.excess.count >= LEAST_MINUTES:
        row.excess_z = robust_z(row.excess, row.excess_bps, BASIS_FLOOR_BPS)
    minute = now_ns // _MINUTE_NS
    if minute != row.minute:
        row.minute = minute
        push(row.excess, row.excess_bps)


@hot
def basis_score(row):
    """Against an unusual basis; nan while its z is unknown."""
    if row.excess_z != row.excess_z or math.isinf(row.excess_z):
        return np.nan
    return contrarian(row.excess_z)
