"""Positions inside the paper venue: what reduce-only, forced closing and funding need to know.

Money is not counted here (`ledger` does, exactly, from the reports); average
and liquidation price are float64 thresholds.
"""

from __future__ import annotations

import numpy as np

from bot.core.enums import ReportKind
from bot.core.jit import hot
from bot.execution.venue_state import BUY, FOREVER, SELL, ZERO, report

_FUNDING = np.int64(ReportKind.FUNDING)

# A settlement may be announced anew until this long before it; later news speaks of the next one.
_FIXED_NS = 60_000_000_000


@hot
def liquidation_ticks(position, average, leverage, maintenance, inverse):
    """Mark in ticks at which margin + unrealised = maintenance, nan when that cannot be.

    Isolated margin: entry value / leverage. Linear long: average/L + mark - average = r * mark.
    """
    if position == 0:
        return np.nan
    sign = 1.0 if position > 0 else -1.0
    if inverse:
        left = 1.0 + sign / leverage
        mark = average * (1.0 + sign * maintenance) / left if left > 0.0 else np.nan
    else:
        mark = average * (1.0 - sign / leverage) / (1.0 - sign * maintenance)
    return mark if mark > 0.0 else np.nan


@hot
def entry_average(held, average, lots, price, inverse):
    """Average entry after `lots` more at `price`; harmonic on inverse contracts (what they cost in coin)."""
    total = np.float64(held + lots)
    if inverse:
        return total / (held / average + lots / price) if held else np.float64(price)
    return (average * held + np.float64(price) * lots) / total


@hot
def move_position(mt, heads, m, side, lots, price, t):
    """Book a fill into the position and renew what depends on it."""
    row = mt.markets[m]
    old = row.position
    new = old + side * lots
    if old * side >= 0:
        row.average = entry_average(abs(old), row.average, lots, price, row.inverse)
    elif new == 0:
        row.average = 0.0
    elif new * side > 0:
        row.average = np.float64(price)
    row.position = new
    mt.watch[m] += (new != 0) - (old != 0)
    row.liquidation = liquidation_ticks(new, row.average, row.leverage, row.maintenance, row.inverse)
    arm_funding(mt, heads, m, t)


@hot
def arm_funding(mt, heads, m, t):
    """Remember the coming settlement of an open position and the rate last announced for it."""
    row = mt.markets[m]
    row.funding_seen = heads[m].funding_ns
    if row.position == 0:
        row.funding_ns = FOREVER
        return
    coming = heads[m].funding_ns
    if coming <= max(t, row.funding_done):
        return
    armed = row.funding_ns
    if armed == FOREVER or coming < armed or t < armed - _FIXED_NS:
        row.funding_ns = coming
    if coming == row.funding_ns:
        row.funding_rate = heads[m].funding_rate
    mt.clock[0] = min(mt.clock[0], row.funding_ns)


@hot
def settle_funding(mt, heads, m, t):
    """The armed settlement is reached: report position, mark and rate; the ledger makes it money.

    An unknown rate (nan) pays nothing.
    """
    row = mt.markets[m]
    head = heads[m]
    rate = head.funding_rate if head.funding_ns == row.funding_ns else row.funding_rate
    row.funding_done = row.funding_ns
    row.funding_ns = FOREVER
    if rate == rate:
        side = BUY if row.position > 0 else SELL
        last = head.trade_price if head.trade_price > 0 else np.int64(row.average + 0.5)
        i = report(mt, _FUNDING, ZERO, m, side, abs(row.position), last, ZERO, ZERO, ZERO, t)
        if i >= 0:
            mt.reports[i].mark = head.mark
            mt.reports[i].rate = rate
    arm_funding(mt, heads, m, t)


@hot
def mark_ticks(heads, m):
    """Mark price in ticks, whole where the venue's decimal is; nan when unknown."""
    ticks = heads[m].mark / heads[m].tick_size
    whole = np.floor(ticks + 0.5)
    # 100.1 / 0.1 is 1000.9999999999999, which would miss a trigger at 1001
    return whole if abs(ticks - whole) < 1e-6 else ticks
