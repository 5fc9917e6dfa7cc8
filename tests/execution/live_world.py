"""A trader on a live account without a network: the test plays the venue by news."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.core.enums import OrderRole, Side, TriggerBy
from bot.core.messages import Order, Plan
from bot.execution.desk import TraderRules
from bot.execution.live_desk import LiveDesk
from bot.execution.live_venue import LiveVenue, Request, Submit
from bot.execution.news import (
    AccountTold,
    Answer,
    FillTold,
    Found,
    News,
    OrderSeen,
    OrderTold,
    PositionSeen,
    Status,
    Verdict,
)
from bot.execution.trader import Trader
from bot.risk.trades import Trade, TradeBook
from tests.fakes import FakeJournal
from tests.trading import LINEAR, LONG, OTHER, T0, a_plan

MS = 1_000_000
SECOND = 1_000 * MS
WALLET = "10000"
STOPS_WORK = Found(what="stop_self_test", words="")


class LiveWorld:
    """Requests are noted in `sent`; `tell` lets a moment pass and hears one fact."""

    def __init__(self, *, started: bool = True) -> None:
        self.now = T0
        self.journal = FakeJournal()
        self.closed: list[Trade] = []
        self.venue = LiveVenue((LINEAR, OTHER))
        self.sent: list[Request] = []
        self._trades = 0
        self.trader, self.desk = self._make()
        if started:
            self.tell(self.account(), STOPS_WORK)

    def _make(self) -> tuple[Trader, LiveDesk]:
        trader = Trader(
            self.venue,
            self.journal,
            {0: LINEAR, 1: OTHER},
            TradeBook(),
            on_closed=self.closed.append,
            rules=TraderRules(backstop_ns=3 * SECOND),
        )
        return trader, LiveDesk(self.venue, trader, self.journal, TriggerBy.LAST)

    def restart(self) -> None:
        """As after a crash: what was kept, nothing else."""
        venue, trader, desk = self.venue.to_state(), self.trader.to_state(), self.desk.to_state()
        self.venue = LiveVenue((LINEAR, OTHER))
        self.sent.clear()
        self.trader, self.desk = self._make()
        self.venue.restore(venue)
        self.trader.restore(trader)
        self.desk.restore(desk)
        self.trader.resume(self.now, orders_survive=True)

    def account(
        self, *held: PositionSeen, wallet: str = WALLET, orders: tuple[OrderSeen, ...] = (), **more: Any
    ) -> AccountTold:
        return AccountTold(asked_ns=self.now, positions=held, wallet={"USDT": wallet}, orders=orders, **more)

    def tell(self, *news: News, after_ns: int = MS) -> LiveWorld:
        for item in news:
            self.now += after_ns
            self.desk.hear(item, self.now)
            self.trader.on_reports(self.venue.drain(self.now))
            self.sent += self.venue.take_requests()
        return self

    def wait(self, ns: int, price: float = 100_000.0) -> LiveWorld:
        self.now += ns
        self.trader.on_time(self.now, {0: price})
        self.sent += self.venue.take_requests()
        return self

    def open(self, lots: int = 10, **changes: Any) -> Order:
        """Open a plan (targets taken away unless given); returns its entry order."""
        plan: Plan = a_plan(replace(LONG, **{"targets": (), **changes}), lots)
        self.trader.open(plan, self.now)
        self.sent += self.venue.take_requests()
        return self.orders(OrderRole.ENTRY)[-1]

    def orders(self, role: OrderRole) -> list[Order]:
        return [r.order for r in self.sent if isinstance(r, Submit) and r.order.role is role]

    def requests(self, kind: type) -> list[Any]:
        return [r for r in self.sent if isinstance(r, kind)]

    @property
    def trade(self) -> Trade:
        return next(iter(self.trader.trades))

    def audits(self, what: str) -> list[dict[str, Any]]:
        return [detail for name, detail in self.journal.of("audit") if name == what]

    def placed(self, order: Order, venue_id: str = "") -> OrderTold:
        venue_id = venue_id or f"v-{order.client_id}"
        return OrderTold(client_id=order.client_id, status=Status.RESTING, venue_id=venue_id)

    def fill(self, order: Order, lots: int, price: str = "1000.02", **changes: Any) -> FillTold:
        self._trades += 1
        return FillTold(
            **{
                "trade_id": f"t{self._trades}",
                "market": order.market,
                "side": Side(order.side),
                "lots": lots,
                "price": price,
                "client_id": order.client_id,
                "fee": "0.01",
                "fee_coin": "USDT",
                "venue_ns": self.now,
                **changes,
            }
        )

    def ended(self, order: Order, status: Status, filled: int = 0, **more: Any) -> OrderTold:
        return OrderTold(client_id=order.client_id, status=status, filled_lots=filled, **more)

    def answer(self, order: Order, verdict: Verdict, **more: Any) -> Answer:
        return Answer(client_id=order.client_id, verdict=verdict, **more)

    def entered(self, lots: int = 10) -> tuple[Order, Order]:
        """An entry wholly filled with its stop proved: (entry, stop)."""
        entry = self.open(lots)
        self.tell(self.placed(entry), self.fill(entry, lots))
        stop = self.orders(OrderRole.STOP)[-1]
        self.tell(self.placed(stop))
        return entry, stop
