"""What the price did after a decision: the counterfactual path of signals.md 9.5.

Followed are entries from their decision, trades from their end and refusals
(of a wish that is repeated only the first, until its horizon is over): the mid
at a sixth, a half and the whole of the mode's horizon, the excursions, and
whether the target or the stop would have come first. Sampled every 10 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.core.messages import Denied, Intent
from bot.core.protocols import Journal
from bot.core.units import NS_PER_S
from bot.risk.trades import Trade

SHARES = (6, 2, 1)  # the horizon divided by
MOST = 512
"""Followed at a time; what comes beyond is not followed, and counted."""


@dataclass(slots=True)
class Followup:
    """One decision and the path since; moves are bps towards its side."""

    intent: Intent
    what: str  # entered, left, refused
    reason: str
    from_ns: int
    mid: float
    path: dict[str, float] = field(default_factory=dict)  # seconds → move
    best_bps: float = 0.0
    worst_bps: float = 0.0
    first: str = ""  # target or stop, whichever was reached first

    @property
    def horizon_s(self) -> int:
        return self.intent.mode.horizon_s

    def see(self, mid: float, now_ns: int) -> bool:
        """Take in the mid of a tick; True once the horizon is over."""
        move = int(self.intent.side) * (mid / self.mid - 1.0) * 1e4
        self.best_bps, self.worst_bps = max(self.best_bps, move), min(self.worst_bps, move)
        if not self.first:
            stopped = -move >= self.intent.stop_bps > 0.0
            won = move >= self.intent.target_bps > 0.0
            self.first = "stop" if stopped else "target" if won else ""
        elapsed_ns = now_ns - self.from_ns
        for share in SHARES:
            due_s = self.horizon_s // share
            if elapsed_ns >= due_s * NS_PER_S:
                self.path.setdefault(str(due_s), move)
        return elapsed_ns >= self.horizon_s * NS_PER_S

    def row(self) -> dict[str, Any]:
        intent = self.intent
        return {
            "id": intent.id,
            "what": self.what,
            "symbol": intent.symbol,
            "market": intent.market,
            "strategy": intent.strategy,
            "mode": intent.mode.value,
            "side": int(intent.side),
            "reason": self.reason,
            "from_ns": self.from_ns,
            "mid": self.mid,
            "horizon_s": self.horizon_s,
            "best_bps": self.best_bps,
            "worst_bps": self.worst_bps,
            "first": self.first,
            "path": dict(self.path),
        }


class Followups:
    """Follows decisions and hands each to the journal when its horizon is over."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open: dict[tuple[str, ...], Followup] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._open)

    def entered(self, intent: Intent) -> None:
        self._follow(("entered", intent.id), intent, "entered", "", intent.now_ns, intent.mid)

    def refused(self, denied: Denied) -> None:
        intent, reason = denied.intent, denied.reason.value
        key = ("refused", intent.symbol, intent.strategy, intent.mode.value, str(int(intent.side)), reason)
        self._follow(key, intent, "refused", reason, intent.now_ns, intent.mid)

    def left(self, trade: Trade, mid: float, now_ns: int) -> None:
        """A trade ended; one that never filled is already followed from its decision."""
        if trade.filled_lots and trade.reason is not None:
            key = ("left", trade.id)
            self._follow(key, trade.plan.intent, "left", trade.reason.value, now_ns, mid)

    def tick(self, now_ns: int, mid_of: Callable[[int], float]) -> None:
        """Every 10 s; `mid_of` a market is nan while its book is not usable."""
        for key, one in list(self._open.items()):
            mid = mid_of(one.intent.market)
            if mid == mid and one.see(mid, now_ns):
                self._journal.outcome(one.row())
                del self._open[key]

    def end(self) -> None:
        """The session ends: what is known so far is kept."""
        for one in self._open.values():
            self._journal.outcome(one.row())
        self._open.clear()

    def _follow(
        self, key: tuple[str, ...], intent: Intent, what: str, reason: str, from_ns: int, mid: float
    ) -> None:
        if key in self._open or not mid > 0.0:
            return
        if len(self._open) >= MOST:
            self.dropped += 1
            return
        self._open[key] = Followup(intent, what, reason, from_ns, mid)
