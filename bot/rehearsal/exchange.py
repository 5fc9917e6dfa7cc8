"""The trading half of the rehearsal exchange: orders in, kernel's reports out as orders, money and events.

Sans I/O: requests are method calls, refusals are `VenueError`, what the user
stream says goes to `emit`. Everything takes effect within the call, on the
book of that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count

import numpy as np

from bot.core.enums import Liquidity, OrderRole, OrderType, RejectReason, ReportKind, Side, TimeInForce
from bot.core.messages import Order, Report
from bot.core.units import NS_PER_MS, to_e8
from bot.market.book import ASK, BID
from bot.rehearsal import payloads
from bot.rehearsal.account import COIN, Account, Terms
from bot.rehearsal.candles import Candles
from bot.rehearsal.conditional import Conditionals
from bot.rehearsal.errors import VenueError
from bot.rehearsal.orders import Funding, Income, Status, Table, VenueOrder, VenueTrade
from bot.rehearsal.payloads import Json
from bot.rehearsal.rules import MAX_ORDERS, Wanted
from bot.rehearsal.world import World

DEFAULT_LEVERAGE = 20

FOK_LEVELS = 5_000
"""Levels a fill-or-kill order may need."""

_REFUSALS = {
    RejectReason.POST_ONLY_WOULD_TAKE: -5022,
    RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE: -2022,
    RejectReason.TABLE_FULL: -2025,
    RejectReason.BAD_QUANTITY: -4003,
}
_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.IOC,  # looked up before: it fills whole or is refused
    "GTX": TimeInForce.POST_ONLY,
}


class Exchange:
    """One account on the markets of a world."""

    def __init__(self, world: World, deposit: Decimal) -> None:
        self.world = world
        leverages = [min(DEFAULT_LEVERAGE, i.max_leverage) for i in world.instruments]
        self.account = Account(
            world, [Terms(leverage) for leverage in leverages], world.now_ns() // NS_PER_MS
        )
        self.orders: Table[VenueOrder] = Table()
        self.conditionals = Conditionals(self)
        self.candles = Candles(len(world.instruments))
        world.subscribe(self.candles.on_rows)
        self.listeners: list[Callable[[Json], None]] = []
        self.order_ids = count(8_000_000_001)
        self.client_ids = (f"web_{n:012d}" for n in count(1))  # for orders that come without one
        self._trade_ids = count(500_000_001)
        self._transaction_ids = count(900_000_001)
        self._kernel: dict[str, VenueOrder] = {}
        self._amending: VenueOrder | None = None
        self._countdowns: dict[int, int] = {}
        self._liquidation: dict[int, VenueOrder] = {}
        self._settled = np.zeros(len(world.instruments), np.int64)
        self._last_rate: list[tuple[float, float]] = []
        for market, leverage in enumerate(leverages):
            world.venue.mt.markets[market]["leverage"] = leverage
        self.deposit(to_e8(deposit))
        world.watch(self)

    def now_ms(self) -> int:
        return self.world.stamp_ns() // NS_PER_MS

    def emit(self, event: Json) -> None:
        for listener in list(self.listeners):
            listener(event)

    def market(self, symbol: str) -> int:
        try:
            return self.world.markets[symbol]
        except KeyError:
            raise VenueError(-1121) from None

    def place(self, wanted: Wanted) -> VenueOrder:
        """A new order. Raises the venue's refusal; a refused order was never there."""
        if self.orders.in_use(wanted.client_id):
            raise VenueError(-4116)
        if len(self.orders.open(wanted.market)) >= MAX_ORDERS:
            raise VenueError(-2025)
        at_ms = self.now_ms()
        order = VenueOrder(
            id=next(self.order_ids),
            client_id=wanted.client_id,
            market=wanted.market,
            side=wanted.side,
            type=wanted.type,
            time_in_force=wanted.time_in_force,
            lots=wanted.lots,
            price=wanted.price,
            reduce_only=wanted.reduce_only,
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        return self.send(order)

    def send(self, order: VenueOrder) -> VenueOrder:
        """Margin, fill-or-kill, then the kernel."""
        self._check_position(order)
        self._check_margin(order)
        if order.time_in_force == "FOK" and self._fillable(order) < order.lots:
            raise VenueError(-5021)
        self.orders.add(order)
        self._submit(order)
        if order.status is Status.REJECTED:
            self.orders.forget(order)
            raise VenueError(order.refused)
        return order

    def cancel(self, order: VenueOrder) -> VenueOrder:
        if not order.open:
            raise VenueError(-2011)
        self.world.venue.cancel(order.kernel_id, self.world.stamp_ns())
        self.world.settle(order.market)
        return order

    def amend(self, order: VenueOrder, lots: int, price: int) -> VenueOrder:
        """Another quantity or price; the order goes to the back of its queue."""
        if not order.open or order.type != "LIMIT":
            raise VenueError(-2013)
        if (lots, price) == (order.lots, order.price):
            raise VenueError(-5027)
        if lots <= order.filled_lots:
            return self.cancel(order)
        self._check_margin(order, lots, price)
        del self._kernel[order.kernel_id]  # what the kernel says of that version is no longer about the order
        self.world.venue.cancel(order.kernel_id, self.world.stamp_ns())
        self.world.settle(order.market)
        order.version += 1
        order.lots, order.price = lots, price
        self._amending = order
        self._submit(order)
        return order

    def cancel_all(self, market: int) -> None:
        for order in self.orders.open(market):
            self.cancel(order)

    def set_leverage(self, market: int, leverage: int) -> None:
        terms = self.account.terms[market]
        if not 1 <= leverage <= self.world.instruments[market].max_leverage:
            raise VenueError(-4028, leverage)
        if terms.isolated and self.account.position(market) and leverage < terms.leverage:
            raise VenueError(-4161)
        before, terms.leverage = terms.leverage, leverage
        if leverage < before and self.available_e8() < 0:
            terms.leverage = before
            raise VenueError(-2019)
        self.world.venue.mt.markets[market]["leverage"] = leverage
        self._renew_liquidation()

    def set_isolated(self, market: int, isolated: bool) -> None:
        terms = self.account.terms[market]
        if terms.isolated == isolated:
            raise VenueError(-4046)
        if self.orders.open(market):
            raise VenueError(-4047)
        if self.account.position(market):
            raise VenueError(-4048)
        terms.isolated = isolated

    def deposit(self, amount_e8: int) -> None:
        """Money put in, or taken out when negative."""
        self.world.venue.deposit(COIN, amount_e8)
        at_ms = self.now_ms()
        self.account.changed_ms = at_ms
        self._book(-1, "TRANSFER", amount_e8, at_ms)
        self.emit(payloads.account_event(self.account, "DEPOSIT", [], amount_e8, at_ms))
        self._renew_liquidation()

    def count_down(self, market: int, for_ms: int) -> None:
        """Cancel a market's orders unless this is called again in time; 0: no longer."""
        self._countdowns.pop(market, None)
        if for_ms > 0:
            self._countdowns[market] = self.world.alarm_ns() + for_ms * NS_PER_MS

    def tick(self) -> None:
        """What has fallen due."""
        due = [m for m, at_ns in self._countdowns.items() if at_ns <= self.world.alarm_ns()]
        for market in due:
            del self._countdowns[market]
            self.cancel_all(market)

    def available_e8(self, order: VenueOrder | None = None, lots: int = 0, price: int = 0) -> int:
        """What is free for new orders; with an order: what would be left after it (or its change)."""
        account = self.account
        free = account.cross_wallet_e8() + account.cross_unrealised_e8()
        for market in account.markets():
            open_orders = [o for o in self.orders.open(market) if o is not order]
            bids, asks = account.order_values_e8(market, open_orders)
            if order is not None and market == order.market and not order.reduce_only:
                value = account.value_e8(market, (lots - order.filled_lots) * price)
                bids, asks = (bids + value, asks) if order.side is Side.BUY else (bids, asks + value)
            needed = account.margin_e8(market, bids, asks)
            if account.terms[market].isolated:
                needed -= account.position_margin_e8(market)
            free -= needed
        return free

    def first_stop(self, rows: np.ndarray) -> int:
        return self.conditionals.first_hit(rows)

    def act(self) -> None:
        self.conditionals.trigger_reached()
        self._note_settlements()
        self._renew_liquidation()

    def on_reports(self, reports: Sequence[Report]) -> None:
        """Book and tell; the account's news precede the fills they come from, as at the venue."""
        events: list[Json] = []
        filled: dict[int, int] = {}  # market to where its account news belong
        for report in reports:
            at_ms = report.now_ns // NS_PER_MS
            if report.kind is ReportKind.FUNDING:
                events.append(self._funded(report, at_ms))
                continue
            order = self._order_of(report, at_ms)
            if order is None:
                continue
            order.updated_ms = at_ms
            self.account.terms[order.market].changed_ms = at_ms
            if report.kind in (ReportKind.FILL, ReportKind.LIQUIDATION):
                filled.setdefault(order.market, len(events))
                events += self._filled(order, report, at_ms)
            else:
                events += self._changed(order, report, at_ms)
        for market, place in sorted(filled.items(), key=lambda item: -item[1]):
            news = payloads.account_event(self.account, "ORDER", [market], 0, events[-1]["T"])
            events.insert(place, news)
        self._renew_liquidation()
        for event in events:
            self.emit(event)
        for order in [o for o in self._kernel.values() if not o.open]:
            self._ended(order)

    def _order_of(self, report: Report, at_ms: int) -> VenueOrder | None:
        """A forced close is an order of the venue's own."""
        if report.kind is not ReportKind.LIQUIDATION:
            return self._kernel.get(report.client_id)
        order = self._liquidation.get(report.market)
        if order is None or not order.open:
            order = VenueOrder(
                id=next(self.order_ids),
                client_id=f"autoclose-{at_ms}{report.market:04d}",
                market=report.market,
                side=report.side,
                type="LIMIT",
                time_in_force="IOC",
                lots=report.lots + report.left_lots,
                price=report.price,
                reduce_only=True,
                created_ms=at_ms,
                updated_ms=at_ms,
            )
            self._liquidation[report.market] = order
            self.orders.add(order)
        return order

    def _filled(self, order: VenueOrder, report: Report, at_ms: int) -> list[Json]:
        trade = VenueTrade(
            id=next(self._trade_ids),
            order_id=order.id,
            market=order.market,
            side=order.side,
            lots=report.lots,
            price=report.price,
            fee_e8=report.fee_e8,
            realised_e8=report.realised_e8,
            maker=report.liquidity is Liquidity.MAKER,
            time_ms=at_ms,
        )
        order.filled_lots += report.lots
        order.quote_ticks += report.lots * report.price
        order.status = Status.PARTIALLY_FILLED if order.left_lots else Status.FILLED
        if report.kind is ReportKind.LIQUIDATION and not order.left_lots:
            self.orders.ended(order)
        self._book_trade(trade)
        instrument = self.world.instruments[order.market]
        what = "CALCULATED" if report.kind is ReportKind.LIQUIDATION else "TRADE"
        fields = payloads.fill_fields(trade, instrument)
        lite = payloads.lite_event(order, trade, instrument)
        return [lite, payloads.order_event(order, instrument, what, at_ms, fields)]

    def _book_trade(self, trade: VenueTrade) -> None:
        terms = self.account.terms[trade.market]
        self.account.trades.append(trade)
        self.account.changed_ms = trade.time_ms
        self._book(trade.market, "COMMISSION", -trade.fee_e8, trade.time_ms, trade.id)
        if trade.realised_e8:
            self._book(trade.market, "REALIZED_PNL", trade.realised_e8, trade.time_ms, trade.id)
        terms.realised_e8 += trade.realised_e8
        terms.costs_e8 += trade.fee_e8 - trade.realised_e8
        if self.account.position(trade.market) == 0:
            terms.costs_e8 = 0

    def _book(self, market: int, what: str, amount_e8: int, at_ms: int, trade_id: int = 0) -> None:
        booked = Income(next(self._transaction_ids), market, what, amount_e8, at_ms, trade_id)
        self.account.income.append(booked)

    def _changed(self, order: VenueOrder, report: Report, at_ms: int) -> list[Json]:
        amending = self._amending is order
        if report.kind is ReportKind.REJECTED and not amending:
            order.status, order.refused = Status.REJECTED, _REFUSALS.get(report.reason, -2020)
            return []
        if report.kind is ReportKind.ACCEPTED:
            what = "AMENDMENT" if amending else "NEW"
        elif report.kind is ReportKind.CANCELED:
            what, order.status = "CANCELED", Status.CANCELED
        else:  # the rest of what never rests, or a change that would take
            what, order.status = "EXPIRED", Status.EXPIRED
        if amending:
            self._amending = None
        instrument = self.world.instruments[order.market]
        return [payloads.order_event(order, instrument, what, at_ms, {})]

    def _ended(self, order: VenueOrder) -> None:
        del self._kernel[order.kernel_id]
        self.orders.ended(order)
        self.conditionals.order_ended(order)

    def _funded(self, report: Report, at_ms: int) -> Json:
        self._book(report.market, "FUNDING_FEE", report.funding_e8, at_ms)
        self.account.changed_ms = at_ms
        shown = [report.market] if self.account.terms[report.market].isolated else []
        return payloads.account_event(self.account, "FUNDING_FEE", shown, report.funding_e8, at_ms)

    def _submit(self, order: VenueOrder) -> None:
        now_ns = self.world.stamp_ns()
        self._kernel[order.kernel_id] = order
        self.world.venue.submit(
            Order(
                client_id=order.kernel_id,
                intent_id="",
                market=order.market,
                symbol=self.world.instruments[order.market].symbol,
                side=order.side,
                type=OrderType.LIMIT if order.type == "LIMIT" else OrderType.MARKET,
                role=OrderRole.EXIT if order.reduce_only else OrderRole.ENTRY,
                lots=order.left_lots,
                price=order.price,
                time_in_force=_IN_FORCE[order.time_in_force],
                reduce_only=order.reduce_only,
                sent_ns=now_ns,
            ),
            now_ns,
        )
        self.world.settle(order.market)

    def _check_position(self, order: VenueOrder) -> None:
        if order.reduce_only and self.account.position(order.market) * order.side >= 0:
            raise VenueError(-2022)

    def _check_margin(self, order: VenueOrder, lots: int = 0, price: int = 0) -> None:
        """What adds to the position must leave nothing short; a market order counts at the far touch."""
        held = self.account.position(order.market)
        closing = held * order.side < 0 and (lots or order.lots) <= abs(held)
        if order.reduce_only or (closing and not self.orders.open(order.market)):
            return
        price = price or order.price
        if price == 0:
            touch = self.world.touch(order.market)
            if touch is None:
                raise VenueError(-2020)
            price = touch[1] if order.side is Side.BUY else touch[0]
        if self.available_e8(order, lots or order.lots, price) < 0:
            raise VenueError(-2019)

    def _fillable(self, order: VenueOrder) -> int:
        """Lots displayed at the order's price or better and not yet taken by us."""
        buying = order.side is Side.BUY
        taken = self._taken(order.market, ASK if buying else BID)
        bids, asks = self.world.depth(order.market, FOK_LEVELS)
        total = 0
        for tick, lots in asks if buying else bids:
            if order.type == "LIMIT" and (tick - order.price) * order.side > 0:
                break
            total += lots - taken.get(tick, 0)
        return total

    def _taken(self, market: int, side: int) -> dict[int, int]:
        """Lots of each displayed level that we took and the feed still shows."""
        mt = self.world.venue.mt
        found: dict[int, int] = {}
        entry = int(mt.markets[market]["taken"])
        while entry >= 0:
            row = mt.taken[entry]
            if row["side"] == side:
                found[int(row["tick"])] = int(row["lots"])
            entry = int(row["next"])
        return found

    def _renew_liquidation(self) -> None:
        """The kernel knows isolated margin; cross margin depends on everything else."""
        for market in self.account.markets():
            if self.account.position(market):
                row = self.world.venue.mt.markets[market]
                row["liquidation"] = self.account.liquidation_ticks(market)

    def _note_settlements(self) -> None:
        """Keep the history of funding: a settlement has passed when the next one is announced."""
        heads = self.world.state.heads
        for market in np.flatnonzero(heads["funding_ns"] != self._settled).tolist():
            before_ns = int(self._settled[market])
            self._settled[market] = heads[market]["funding_ns"]
            if before_ns and before_ns <= self.world.stamp_ns():
                rate, mark = self._last_rate[market]
                self.account.fundings.append(Funding(market, rate, mark, before_ns // NS_PER_MS))
        self._last_rate = [(float(h["funding_rate"]), float(h["mark"])) for h in heads]
