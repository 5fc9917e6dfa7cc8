"""What is looked at every second while a trade is open, whatever its strategy says.

The stop rests at the venue and triggers there. This looks at it a second time,
on mark *and* last price (signals.md 9.2): a trade whose stop one of them has
passed and that is still open is closed by a market order; the mark less the
basis it had at the fill. And a book that was unusable for
more than five seconds closes its trade as soon as it can be traded on again.
"""

from __future__ import annotations

import numpy as np

from bot.core.enums import Stage
from bot.core.protocols import Journal
from bot.core.units import NS_PER_S
from bot.execution.trader import Trader
from bot.market.heads import OK
from bot.risk.trades import ExitReason, Trade

BLIND_NS = 5 * NS_PER_S
UNTRIGGERED_NS = NS_PER_S
"""How long the venue's own stop may take to trigger on a last price beyond it."""


class Minder:
    """Closes what must not stay open. Never asks a strategy."""

    def __init__(self, trader: Trader, journal: Journal) -> None:
        self._trader = trader
        self._journal = journal
        self._blind: dict[int, int] = {}  # market → since when its book is unusable
        self._lost: set[int] = set()  # of them, those told about

    def look(self, heads: np.ndarray, now_ns: int) -> None:
        """Once a second."""
        open_trades = self._trader.trades.all()
        markets = {trade.market for trade in open_trades}
        self._blind = {market: since for market, since in self._blind.items() if market in markets}
        self._lost &= markets
        for trade in open_trades:
            self._look_at_book(trade, heads[trade.market], now_ns)
            head = heads[trade.market]
            if _passed_by_mark(trade, head) or _untriggered(trade, head, now_ns):
                self._trader.leave(trade.id, now_ns, ExitReason.STOP)

    def touched(self, trade: Trade, head: np.void, now_ns: int) -> None:
        """Something touched a stop at this row: the mark is ours to act on, the last price the venue's."""
        if _passed_by_mark(trade, head):
            self._trader.leave(trade.id, now_ns, ExitReason.STOP)

    def _look_at_book(self, trade: Trade, head: np.void, now_ns: int) -> None:
        market = trade.market
        if head["status"] == OK and head["synced"]:
            self._blind.pop(market, None)
            if market in self._lost:
                self._lost.discard(market)
                self._trader.leave(trade.id, now_ns, ExitReason.BOOK_LOST)
            return
        since_ns = self._blind.setdefault(market, now_ns)
        if now_ns - since_ns > BLIND_NS and market not in self._lost:
            self._lost.add(market)
            detail = {"symbol": trade.symbol, "trade": trade.id, "open_lots": trade.open_lots}
            self._journal.audit(now_ns, "book_lost", detail)


def _passed_by_mark(trade: Trade, head: np.void) -> bool:
    """NaN, an unknown mark, compares false."""
    beyond = trade.side * (head["mark"] / head["tick_size"] - trade.mark_stop) <= 0.0
    return trade.stage is Stage.OPEN and bool(beyond)


def _untriggered(trade: Trade, head: np.void, now_ns: int) -> bool:
    """The last print is beyond the stop, and the order that should have reacted did not."""
    return (
        trade.stage is Stage.OPEN
        and head["trade_ns"] > trade.filled_ns
        and now_ns - head["trade_ns"] > UNTRIGGERED_NS
        and bool(trade.side * (head["trade_price"] - trade.stop) <= 0)
    )
