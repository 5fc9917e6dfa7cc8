"""Hand-written stand-ins for what the trader talks to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.core.messages import Denied, Fill, Intent, Order, Plan, Report


class FakeJournal:
    """Keeps everything in one list of (what, message), so that a test can see the order of things."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Any]] = []

    def of(self, what: str) -> list[Any]:
        return [message for kind, message in self.entries if kind == what]

    def intent(self, intent: Intent) -> None:
        self.entries.append(("intent", intent))

    def plan(self, plan: Plan) -> None:
        self.entries.append(("plan", plan))

    def denied(self, denied: Denied) -> bool:
        self.entries.append(("denied", denied))
        return True

    def order(self, order: Order) -> None:
        self.entries.append(("order", order))

    def report(self, report: Report) -> None:
        self.entries.append(("report", report))

    def fill(self, fill: Fill, trade_id: str) -> None:
        self.entries.append(("fill", fill))

    def trade(self, row: Mapping[str, Any]) -> None:
        self.entries.append(("trade", dict(row)))

    def readings(self, now_ns: int, symbol: str, cause: str, figures: Mapping[str, float]) -> None:
        self.entries.append(("readings", dict(figures)))

    def outcome(self, row: Mapping[str, Any]) -> None:
        self.entries.append(("outcome", dict(row)))

    def shadow(self, row: Mapping[str, Any]) -> None:
        self.entries.append(("shadow", dict(row)))

    def equity(self, now_ns: int, coin: str, wallet_e8: int, equity_e8: int) -> None:
        self.entries.append(("equity", equity_e8))

    def audit(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None:
        self.entries.append(("audit", (what, dict(detail))))

    def commit(self) -> None:
        self.entries.append(("commit", None))


class FakeBroker:
    """Takes orders and answers nothing; the test plays the venue. The journal sees when each was sent."""

    def __init__(self, journal: FakeJournal) -> None:
        self.orders: list[Order] = []
        self.cancels: list[str] = []
        self.positions: dict[int, int] = {}
        self._journal = journal

    def submit(self, order: Order, now_ns: int) -> None:
        self.orders.append(order)
        self._journal.entries.append(("submit", order))

    def cancel(self, client_id: str, now_ns: int) -> None:
        self.cancels.append(client_id)

    def position_lots(self, market: int) -> int:
        return self.positions.get(market, 0)

    def equity_e8(self, coin: str) -> int:
        return 0
