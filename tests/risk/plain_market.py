"""Several markets and their venue in plain Python, whose moves the test chooses, and a bot in front of it.

The venue respects reduce-only and books with the bot's ledger; a second
bookkeeper in `Decimal` sees the same reports and must come to the same money.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from bot.core.enums import Liquidity, OrderRole, OrderType, RejectReason, ReportKind, Side, TimeInForce
from bot.core.messages import Denied, Intent, MarketView, Order, Plan, Report
from bot.execution.ledger import Ledger
from bot.execution.trader import Trader
from bot.risk.account import AccountTracker
from bot.risk.conditions import Conditions
from bot.risk.gate import GateRules
from bot.risk.limits import RiskLimits
from bot.risk.manager import RiskManager
from bot.risk.portfolio import EVERY_NS, Ties
from bot.risk.trades import ExitReason, TradeBook
from tests.execution.plain_ledger import PlainLedger
from tests.fakes import FakeJournal
from tests.trading import CONDITIONS, INVERSE, LINEAR, OTHER, T0, VIEW, a_depth

BITCOIN = replace(LINEAR, symbol="BTCUSDT")
MARKETS = (BITCOIN, LINEAR, OTHER, INVERSE)
COINS = {"USDT": 10_000 * 10**8, "ABC": 10 * 10**8}
LIMITS = RiskLimits(
    max_positions=3,
    max_same_side=2,
    max_order_rate=25,
    max_exposure=3.0,
    max_drawdown=0.03,
    portfolio_volatility=0.015,
    cool_down_stops=1,
)


@dataclass
class Live:
    """An order at the venue."""

    order: Order
    left: int
    accepted: bool = False
    triggered: bool = False


class Venue:
    """Orders and cancels travel until told to arrive, reports until told to be delivered."""

    def __init__(self) -> None:
        self.now = T0
        self.mids = dict.fromkeys(range(len(MARKETS)), 100_000)
        self.ledger = Ledger(MARKETS)
        self.plain = {m: PlainLedger(i, Decimal(0)) for m, i in enumerate(MARKETS)}
        self.travelling: list[Order] = []
        self.book: dict[str, Live] = {}
        self.cancels: deque[str] = deque()
        self.reports: deque[Report] = deque()
        self.sent: set[str] = set()
        self.changes = 0  # of money or prices
        self._equity: dict[str, int] = {}  # until the next of them
        for coin, amount in COINS.items():
            self.ledger.deposit(coin, amount)

    # what the bot asks

    def submit(self, order: Order) -> None:
        assert order.client_id not in self.sent, "an id was used twice"
        assert order.lots > 0
        self.sent.add(order.client_id)
        self.travelling.append(order)

    def position_lots(self, market: int) -> int:
        return self.ledger.position_lots(market)

    def equity_e8(self, coin: str) -> int:
        if coin not in self._equity:
            markets = [m for m, i in enumerate(MARKETS) if i.settle == coin]
            unrealised = sum(self.ledger.unrealised_e8(m, Fraction(self.mids[m])) for m in markets)
            self._equity[coin] = self.ledger.account(coin).wallet_e8 + unrealised
        return self._equity[coin]

    def _changed(self) -> None:
        """Money or prices did."""
        self.changes += 1
        self._equity.clear()

    # what the venue does

    def say(self, kind: ReportKind, order: Order, **fields: Any) -> None:
        base = Report(kind, order.client_id, order.market, order.symbol, self.now, self.now, side=order.side)
        self.reports.append(replace(base, **fields))

    def arrive(self) -> None:
        """What travels reaches the venue: takers fill, crossing post-only orders are refused."""
        waiting, self.travelling = self.travelling, []
        for order in waiting:
            live = self.book[order.client_id] = Live(order, order.lots)
            mid = self.mids[order.market]
            crosses = int(order.side) * (order.price - mid) > 0
            if order.type is OrderType.MARKET:
                self.fill(live, live.left, mid)
            elif order.time_in_force is TimeInForce.IOC:
                if crosses:
                    self.fill(live, live.left, order.price)
                if order.client_id in self.book:
                    self.end(live, ReportKind.EXPIRED, RejectReason.NO_LIQUIDITY)
            elif order.time_in_force is TimeInForce.POST_ONLY and crosses:
                self.end(live, ReportKind.REJECTED, RejectReason.POST_ONLY_WOULD_TAKE)
            else:
                self.accept(live)
        while self.cancels:
            self.work_cancel()

    def accept(self, live: Live) -> None:
        live.accepted = True
        self.say(ReportKind.ACCEPTED, live.order)

    def end(self, live: Live, kind: ReportKind, reason: RejectReason) -> None:
        del self.book[live.order.client_id]
        self.say(kind, live.order, reason=reason)

    def work_cancel(self) -> None:
        client_id = self.cancels.popleft()
        live = self.book.get(client_id)
        if live is not None:
            self.end(live, ReportKind.CANCELED, RejectReason.NONE)
        else:
            base = Report(ReportKind.REJECTED, client_id, 0, "", self.now, self.now)
            self.reports.append(replace(base, reason=RejectReason.UNKNOWN_ORDER))

    def fill(self, live: Live, lots: int, price: int) -> None:
        order = live.order
        room = -self.position_lots(order.market) * order.side if order.reduce_only else live.left
        lots = min(lots, live.left, room)
        if lots <= 0:
            kind = ReportKind.EXPIRED if live.accepted else ReportKind.REJECTED
            self.end(live, kind, RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE)
            return
        live.left -= lots
        if live.left == 0:
            del self.book[order.client_id]
        self._changed()
        instrument = MARKETS[order.market]
        maker = order.type is OrderType.LIMIT and live.accepted
        rate = instrument.maker_fee if maker else instrument.taker_fee
        booked = self.ledger.fill(order.market, order.side, lots, price, rate)
        liquidity = Liquidity.MAKER if maker else Liquidity.TAKER
        money = {"fee_e8": booked.fee_e8, "realised_e8": booked.realised_e8, "liquidity": liquidity}
        self.say(ReportKind.FILL, order, lots=lots, price=price, left_lots=live.left, **money)
        assert self.plain[order.market].take(self.reports[-1]) == (booked.fee_e8, booked.realised_e8, 0)

    def move(self, market: int, mid: int, lots: int) -> None:
        """The price goes to `mid`: limits it passes fill (up to `lots`), stops it passes trigger there."""
        self.mids[market] = mid
        self._changed()
        for live in [o for o in self.book.values() if o.order.market == market]:
            order, side = live.order, int(live.order.side)
            if live.order.client_id not in self.book:
                continue
            if order.type is OrderType.LIMIT and side * (order.price - mid) >= 0:
                self.fill(live, lots, order.price)
            elif order.type is OrderType.STOP_MARKET and side * (mid - order.trigger) >= 0:
                live.triggered = True
                self.say(ReportKind.TRIGGERED, order)
                self.fill(live, live.left, mid)

    def fund(self, market: int, rate: Decimal) -> None:
        """Every position of the market pays or receives."""
        held = self.position_lots(market)
        if held == 0:
            return
        self._changed()
        mid = self.mids[market]
        paid = self.ledger.funding(market, held, Fraction(mid), Fraction(rate))
        side = Side.BUY if held > 0 else Side.SELL
        report = Report(
            ReportKind.FUNDING, "", market, MARKETS[market].symbol, self.now, self.now, side, funding_e8=paid
        )
        self.reports.append(report)
        plain = self.plain[market]
        assert plain.take(report, rate, MARKETS[market].tick * mid) == (0, 0, paid)

    def plain_equity_e8(self, coin: str) -> int:
        """By the second bookkeeper."""
        markets = [m for m, i in enumerate(MARKETS) if i.settle == coin]
        return COINS[coin] + sum(self.plain[m].equity_e8(MARKETS[m].tick * self.mids[m]) for m in markets)

    def at_stake(self, market: int) -> int:
        """Lots held and, in full, lots of entries that may still fill."""
        waiting = [o.left for o in self.book.values() if _enters(o.order, market)]
        waiting += [o.lots for o in self.travelling if _enters(o, market)]
        return abs(self.position_lots(market)) + sum(waiting)


def _enters(order: Order, market: int) -> bool:
    return order.role is OrderRole.ENTRY and order.market == market


def _ties() -> dict[str, Any]:
    ties = Ties(len(MARKETS))
    for minute in range(40):
        moved = {m: 100.0 + (minute % 3) + m * (minute % 2) for m in range(len(MARKETS))}
        ties.observe((minute + 2) * EVERY_NS, moved)
    return ties.to_state()


KNOWN_TIES = _ties()


class Bot:
    """Risk and trader as the engine drives them. A shadow sends nothing: its orders are only noted."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.shadow = False
        self.asked: list[Any] = []  # of the venue, in order
        self.journal = FakeJournal()
        by_market = dict(enumerate(MARKETS))
        self.book = TradeBook()
        self.risk = RiskManager(LIMITS, GateRules.paper(), by_market, self.book)
        self.accounts = AccountTracker()
        self.trader = Trader(
            self, self.journal, by_market, self.book, on_closed=self.risk.closed, on_sent=self.risk.sent
        )
        self.risk.ties.restore(KNOWN_TIES)  # and they stay as they are

    def submit(self, order: Order, now_ns: int) -> None:
        self.asked.append(order)
        if not self.shadow:
            self.venue.submit(order)

    def cancel(self, client_id: str, now_ns: int) -> None:
        self.asked.append(client_id)
        if not self.shadow:
            self.venue.cancels.append(client_id)

    def position_lots(self, market: int) -> int:
        return self.venue.position_lots(market)

    def equity_e8(self, coin: str) -> int:
        return self.venue.equity_e8(coin)

    def watch(self) -> tuple[Any, ...]:
        """The money of every coin, and what its limits want; as the engine does at each tick and entry."""
        now, found = self.venue.now, []
        for coin in COINS:
            account = self.accounts.update(coin, self.venue.equity_e8(coin), now)
            found.append(self.risk.watch(account, now))
            if self.risk.halted:
                self.trader.flatten(now, ExitReason.HALT)
        return tuple(found)

    def want(self, intent: Intent, view: MarketView, conditions: Conditions) -> Plan | Denied:
        self.watch()
        coin = MARKETS[intent.market].settle
        account = self.accounts.update(coin, self.venue.equity_e8(coin), intent.now_ns)
        answer = self.risk.decide(intent, view, account, conditions)
        if isinstance(answer, Plan):
            self.trader.open(answer, intent.now_ns)
        return answer

    def to_state(self) -> dict[str, Any]:
        state = {
            "risk": self.risk.to_state(),
            "accounts": self.accounts.to_state(),
            "trader": self.trader.to_state(),
        }
        return dict(json.loads(json.dumps(state)))

    @staticmethod
    def restored(venue: Venue, state: Mapping[str, Any]) -> Bot:
        bot = Bot(venue)
        bot.risk.restore(state["risk"])
        bot.accounts.restore(state["accounts"])
        bot.trader.restore(state["trader"])
        return bot


def view_of(venue: Venue, market: int) -> MarketView:
    mid = venue.mids[market]
    return replace(
        VIEW, market=market, symbol=MARKETS[market].symbol, now_ns=venue.now, mid=float(mid),
        micro=float(mid), mark=float(mid), bid=mid - 1, ask=mid + 1,
    )  # fmt: skip


def conditions_of(venue: Venue, market: int) -> Conditions:
    """A deep book around the mid."""
    if venue.mids[market] == 100_000:
        return CONDITIONS
    return replace(CONDITIONS, depth=a_depth(levels=30, mid=venue.mids[market]))
