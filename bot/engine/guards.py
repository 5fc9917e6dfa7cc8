"""The sentinels of open trades: the wall a trade rests on, and its stop on mark and last price."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.core.enums import Stage
from bot.engine import sentinels
from bot.engine.sentinels import Sentinels, Watch
from bot.market.book import ASK, BID
from bot.risk.trades import Trade, TradeBook


@dataclass(frozen=True, slots=True)
class Guard:
    """One armed sentinel of a trade and what it was armed for; slot NONE once it fired."""

    slot: int
    kind: Watch
    bound: float  # threshold in lots, or the stop in ticks


class Guards:
    """Keeps the sentinels what the trades need; the table itself belongs to the compiled loop."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Guard] = {}  # by trade and what is guarded

    def follow(self, table: Sentinels, trades: TradeBook) -> None:
        """Arm what the trades need now, disarm what no trade needs any more."""
        if not len(trades) and not self._held:
            return
        wanted = {
            (trade.id, what): bound
            for trade in trades
            for what, bound in (("wall", wall_threshold(trade)), ("stop", _stop(trade)))
            if bound > 0.0
        }
        for key, guard in list(self._held.items()):
            if wanted.get(key) != guard.bound:
                sentinels.disarm(table, guard.slot)
                del self._held[key]
        for (trade_id, what), bound in wanted.items():
            trade = trades.get(trade_id)
            if trade is not None and (trade_id, what) not in self._held:
                guard = (_guard_wall if what == "wall" else _guard_stop)(table, trade, bound)
                self._held[trade_id, what] = guard

    def fired(self, slots: set[int]) -> tuple[set[str], set[str]]:
        """The trades whose wall shrank, and whose stop was touched; neither is armed again by itself."""
        hit: dict[str, set[str]] = {"wall": set(), "stop": set()}
        for (trade_id, what), guard in self._held.items():
            if guard.slot in slots:
                hit[what].add(trade_id)
                self._held[trade_id, what] = Guard(sentinels.NONE, guard.kind, guard.bound)
        return hit["wall"], hit["stop"]

    def again(self, trade_id: str, what: str) -> None:
        """Forget that a sentinel fired, so that `follow` arms it anew."""
        guard = self._held.get((trade_id, what))
        if guard is not None and guard.slot == sentinels.NONE:
            del self._held[trade_id, what]


def wall_threshold(trade: Trade) -> float:
    """Lots below which the wall of a trade must be looked at, 0 when none matters any more."""
    intent = trade.plan.intent
    if intent.wall == 0 or trade.stage not in (Stage.ENTERING, Stage.OPEN) or trade.targets_hit:
        return 0.0
    return intent.wall_lots * intent.wall_keep[0 if trade.stage is Stage.ENTERING else 1]


def _stop(trade: Trade) -> float:
    """The tick at which the mark passes the stop; the last price is the venue's own stop's to watch."""
    if trade.stage is not Stage.OPEN or trade.mark_basis is None:
        return 0.0
    return float(math.floor(trade.mark_stop) if trade.side > 0 else math.ceil(trade.mark_stop))


def _guard_wall(table: Sentinels, trade: Trade, threshold: float) -> Guard:
    near, far = trade.plan.intent.wall_span
    side = BID if trade.side > 0 else ASK
    kind = Watch.WALL_SHRANK
    slot = sentinels.arm(table, trade.market, kind, near, far=far, side=side, threshold=threshold)
    return Guard(slot, kind, threshold)


def _guard_stop(table: Sentinels, trade: Trade, tick: float) -> Guard:
    kind = Watch.TOUCH_BELOW if trade.side > 0 else Watch.TOUCH_ABOVE
    return Guard(sentinels.arm(table, trade.market, kind, int(tick)), kind, tick)
