"""Order flow and trades as they come.

Sums decay exactly at irregular times (signals.md 3.0); the touch is the
ladder's. A window of length w decays with tau = w/2.
"""

from __future__ import annotations

from bot.core.jit import hot
from bot.signals.decay import decay_factors, scale_all
from bot.signals.features import ofi_increment


@hot
def on_commit(row, bid, bid_lots, ask, ask_lots, now_ns):
    """A usable ladder was committed: the order-flow increment of its touch (1.6).

    `row`: FLOW. Returns whether the touch changed. The first touch after a reset only
    seeds: it counts towards the mean touch size and gives no increment.
    """
    if (
        bid == row.bid
        and ask == row.ask
        and bid_lots == row.bid_lots
        and ask_lots == row.ask_lots
        and row.seeded
    ):
        return False
    flow = 0.0
    if row.seeded:
        flow = ofi_increment(row.bid, row.bid_lots, row.ask, row.ask_lots, bid, bid_lots, ask, ask_lots)
    age_quotes(row, now_ns)
    row.ofi_total += flow
    depth = 0.5 * (bid_lots + ask_lots)
    for k in range(row.ofi.size):
        row.ofi[k] += flow
        row.depth[k] += depth
        row.quotes[k] += 1.0
    row.seeded = 1
    row.bid, row.ask, row.bid_lots, row.ask_lots = bid, ask, bid_lots, ask_lots
    return True


@hot
def on_trade(row, side, lots, now_ns):
    """A market trade by an aggressor of `side` (+1 buys, -1 sells; 0, not told, counts for neither)."""
    age_trades(row, now_ns)
    if side > 0:
        for k in range(row.bought.size):
            row.bought[k] += lots
    elif side < 0:
        for k in range(row.sold.size):
            row.sold[k] += lots
    row.cvd += side * lots
    row.traded += lots
    row.minute_lots += lots


@hot
def age_quotes(row, now_ns):
    """Decay the order-flow sums to a time."""
    factors = decay_factors(now_ns - row.quote_ns)
    scale_all(row.ofi, factors)
    scale_all(row.depth, factors)
    scale_all(row.quotes, factors)
    row.quote_ns = max(row.quote_ns, now_ns)


@hot
def age_trades(row, now_ns):
    """Decay the trade sums to a time."""
    factors = decay_factors(now_ns - row.trade_ns)
    scale_all(row.bought, factors)
    scale_all(row.sold, factors)
    row.trade_ns = max(row.trade_ns, now_ns)
