"""Several venues (signals.md 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bot.market import trust
from bot.market.book import ASK, BID, best_tick
from bot.market.heads import HEAD
from bot.signals.cross import consolidated, hayashi_yoshida
from tests.signals.worlds import T0, none_if_nan, scaled


def consolidated_imbalance(venues, x_bps):
    bids, asks = [], []
    for venue in venues:
        book, heads = scaled(venue["bids"], venue["asks"]), np.zeros(1, HEAD)
        heads["tick_size"], heads["lot_size"], heads["contract_size"] = book.tick, book.lot, 1.0
        heads["synced"] = 1
        trust.judge(heads[0], best_tick(book.books, 0, BID), best_tick(book.books, 0, ASK), T0)
        bids.append(consolidated.band_notional(book.books, heads, 0, BID, x_bps))
        asks.append(consolidated.band_notional(book.books, heads, 0, ASK, x_bps))
    shares, ages = (np.array([float(v[field]) for v in venues]) for field in ("weight", "age_s"))
    return consolidated.consolidate(np.array(bids), np.array(asks), shares, ages)[0]


def hy_corr(tx, x, ty, y, lag):
    return none_if_nan(hayashi_yoshida.hy_correlation(tx, x, ty, y, lag))


def lead_lag(tx, x, ty, y, lags):
    found = hayashi_yoshida.lead_lag(tx, x, ty, y, lags)
    return {
        "rho": found.correlations.tolist(),
        "best_lag": found.best_lag,
        "llr": none_if_nan(found.lead_ratio),
    }


ADAPTERS: dict[str, Callable[..., Any]] = {
    "consolidated_imbalance": consolidated_imbalance,
    "hy_corr": hy_corr,
    "lead_lag": lead_lag,
}
