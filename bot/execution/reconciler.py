"""After a restart: make a trade say what the venue holds. The money of missed fills is in the wallet only."""

from __future__ import annotations

from bot.core.enums import Stage
from bot.risk.trades import ExitReason, Trade


def reconcile(trade: Trade, position_lots: int, now_ns: int) -> int:
    """Bring the trade's open lots to the venue's signed position; returns the lots gained (+) or lost (-).

    Lots the venue lacks are written off. Lots it has beyond ours are fills of
    the entry that were never reported: they are adopted at the entry's limit
    price, at most as many as were planned.
    """
    held = max(0, int(trade.side) * position_lots)
    gained = held - trade.open_lots
    if gained < 0:
        trade.written_off -= gained
        if trade.open_lots == 0:
            trade.reason, trade.flat_ns = ExitReason.RECONCILED, now_ns
    elif gained > 0:
        gained = _adopt(trade, gained, now_ns)
    return gained


def _adopt(trade: Trade, lots: int, now_ns: int) -> int:
    found = min(lots, trade.written_off)
    trade.written_off -= found
    filled = min(lots - found, trade.plan.lots - trade.filled_lots)
    if filled > 0:
        trade.add_entry(filled, trade.plan.intent.limit, now_ns)
        if trade.stage is Stage.ENTERING:
            trade.step(Stage.OPEN)
    return found + filled
