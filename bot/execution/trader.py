"""Drives every open trade from its plan to its last report.

After each event the trader looks at the trade and its orders and sends what is
missing (`_steer`): nothing depends on the order in which answers come, and a
restart continues from the same state. All closing orders are reduce-only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from bot.core.enums import Action, Entry, OrderRole, OrderState, ReportKind, Stage, TimeInForce
from bot.core.errors import IllegalTransition
from bot.core.ids import client_order_id
from bot.core.messages import Fill, Intent, Plan, Report, TradeView
from bot.core.protocols import Broker, Journal
from bot.execution import protector, targets
from bot.execution.desk import Desk, TraderRules
from bot.execution.orders import Ticket, Tickets
from bot.execution.reconciler import reconcile
from bot.market.instruments import Instrument
from bot.risk.sizing import quote_value
from bot.risk.trades import ExitReason, Trade, TradeBook, exit_reason

NEVER_NS = 2**63 - 1
_REMEMBERED = 8  # closed trades whose late fills are still recognised
_MAX_BACKOFF = 6  # a refused exit is tried again after 1, 2, 4 ... at most 32 times `retry_ns`
_TRIES_BEFORE_ASKING = 3  # refused exits after which the venue's position is believed


class Trader:
    """Orders go out through `broker`, each journaled before it is sent; answers come to `on_reports`.

    `trades` is shared with the risk manager; `on_closed` is told of every trade
    that ends (again, with `reopened` set, should a late fill revive one), `on_sent` of the time of
    every order.
    """

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        instruments: Mapping[int, Instrument],
        trades: TradeBook,
        on_closed: Callable[[Trade], None] = lambda trade: None,
        rules: TraderRules | None = None,
        on_sent: Callable[[int], None] = lambda now_ns: None,
    ) -> None:
        self.trades = trades
        self.strays = 0  # reports about nothing of ours
        self._broker = broker
        self._journal = journal
        self._instruments = instruments
        self._on_closed = [on_closed]
        self._desk = Desk(broker, journal, rules or TraderRules(), on_sent)
        self._closed: dict[str, Trade] = {}

    def tell(self, listener: Callable[[Trade], None]) -> None:
        """Have somebody else told of every trade that ends, after `on_closed`."""
        self._on_closed.append(listener)

    def open(self, plan: Plan, now_ns: int) -> Trade:
        """Send the entry of an approved plan. The same plan again changes nothing."""
        intent = plan.intent
        known = self.trades.get(intent.id) or self._closed.get(intent.id)
        if known is not None:
            return known
        if self.trades.of_market(intent.market) is not None:
            raise IllegalTransition(f"plan {intent.id}: {intent.symbol} already has an open trade")
        instrument = self._instruments[intent.market]
        trade = Trade(plan, now_ns, instrument.settle, instrument.inverse, plan.stop)
        self.trades.add(trade)
        self._journal.intent(intent)
        self._journal.plan(plan)
        force = TimeInForce.POST_ONLY if intent.entry is Entry.POST_ONLY else TimeInForce.IOC
        self._desk.send(trade, OrderRole.ENTRY, plan.lots, now_ns, price=intent.limit, time_in_force=force)
        self._journal.trade(trade.row())
        return trade

    def adopt(self, plan: Plan, price: int, now_ns: int) -> Trade:
        """Take over a position that is open without us, entered at `price` ticks: it gets the plan's stop."""
        intent = plan.intent
        if self.trades.of_market(intent.market) is not None:
            raise IllegalTransition(f"adopt {intent.id}: {intent.symbol} already has an open trade")
        instrument = self._instruments[intent.market]
        trade = Trade(plan, now_ns, instrument.settle, instrument.inverse, plan.stop, entry_working=False)
        trade.add_entry(plan.lots, price, now_ns)
        trade.step(Stage.OPEN)
        self.trades.add(trade)
        self._journal.intent(intent)
        self._journal.plan(plan)
        self._journal.trade(trade.row())
        self._measure(trade, now_ns)
        self._steer(trade, now_ns)
        return trade

    def apply(self, intent: Intent, now_ns: int) -> bool:
        """REDUCE, MOVE_STOP or CANCEL_ENTRY of the trade's own strategy and mode.

        False when there is nothing to do: no such trade, a stop that would
        loosen, the same intent again.
        """
        trade = self.trades.of_market(intent.market)
        if trade is None or (trade.strategy, trade.mode) != (intent.strategy, intent.mode):
            return False
        act = {
            Action.REDUCE: self._reduce,
            Action.MOVE_STOP: self._move_stop,
            Action.CANCEL_ENTRY: self._cancel_entry,
        }.get(intent.action)
        if act is None:
            raise ValueError(
                f"intent {intent.id}: entries go through risk to Trader.open, was {intent.action}"
            )
        if not act(trade, intent, now_ns):
            return False
        self._steer(trade, now_ns)
        return True

    def flatten(self, now_ns: int, reason: ExitReason, market: int | None = None) -> None:
        """Close everything (or one market) reduce-only and cancel what rests."""
        for trade in self.trades:
            if market is None or trade.market == market:
                self._begin_exit(trade, reason, now_ns)
                self._steer(trade, now_ns)

    def cancel_entries(self, now_ns: int, market: int) -> None:
        """Cancel the entry that waits in a market; what it has filled stays open and protected."""
        for trade in self.trades:
            if trade.market == market:
                self._desk.cancel_all(trade, OrderRole.ENTRY, now_ns)
                self._steer(trade, now_ns)

    def leave(self, trade_id: str, now_ns: int, reason: ExitReason) -> None:
        """Close one trade reduce-only, whatever its strategy says; again changes nothing."""
        trade = self.trades.get(trade_id)
        if trade is not None:
            self._begin_exit(trade, reason, now_ns)
            self._steer(trade, now_ns)

    def on_report(self, report: Report) -> None:
        self.on_reports((report,))

    def on_reports(self, reports: Iterable[Report]) -> None:
        """Take in what the venue said, in its order.

        Orders follow after the last report, so that a burst of fills makes one stop.
        """
        touched: dict[str, tuple[Trade, int]] = {}
        for report in reports:
            self._journal.report(report)
            trade = self._take(report)
            if trade is None:
                self._stray(report)
                continue
            self._measure(trade, report.venue_ns or report.now_ns)
            touched[trade.id] = trade, report.now_ns
        for trade, now_ns in touched.values():
            self._steer(trade, now_ns)

    def on_time(self, now_ns: int, prices: Mapping[int, float]) -> None:
        """Deadlines and excursions. `prices` holds mids in ticks by market; NaN or absent when unknown."""
        for trade in self.trades:
            price = prices.get(trade.market, float("nan"))
            trade.see_price(price)
            self._desk.mark_unanswered(trade, now_ns)
            self._watch_stop(trade, price, now_ns)
            if _time_is_up(trade, now_ns):
                self._begin_exit(trade, ExitReason.TIME, now_ns)
            if _entry_is_over(trade, now_ns, price):
                self._desk.cancel_all(trade, OrderRole.ENTRY, now_ns)
            self._steer(trade, now_ns)

    def next_deadline_ns(self) -> int:
        """When `on_time` next has something to do; NEVER_NS when nothing waits for time."""
        return min((due for trade in self.trades for due in self._deadlines(trade)), default=NEVER_NS)

    def views(self) -> tuple[TradeView, ...]:
        return tuple(trade.view() for trade in self.trades)

    def to_state(self) -> dict[str, Any]:
        """JSON-able; `restore` in a new trader continues with the same next order."""
        state = {
            "trades": self.trades.all(),
            "closed": tuple(self._closed.values()),
            "tickets": self._desk.tickets.all(),
            "strays": self.strays,
        }
        return dict(msgspec.json.decode(msgspec.json.encode(state)))  # nan becomes null

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the trades and orders of `to_state`; the shared trade book is filled."""
        for saved in state["trades"]:
            self.trades.add(_restored(saved))
        closed = [_restored(saved) for saved in state["closed"]]
        self._closed = {trade.id: trade for trade in closed}
        self._desk.tickets = Tickets(msgspec.convert(state["tickets"], list[Ticket], strict=False))
        self.strays = state["strays"]

    def resume(self, now_ns: int, *, orders_survive: bool = False) -> None:
        """After `restore`.

        Where orders did not survive the restart (paper), open quantities are reconciled with the venue,
        entries are over, and stops, targets and exits are placed anew. Where they did (live), what has
        become of each is asked and told as news; a stop that may never have left is not waited for.
        """
        if orders_survive:
            for trade in self.trades:
                self._doubt_stops(trade, now_ns)
            return
        for trade in self.trades:
            for ticket in self._desk.of(trade):
                if ticket.open:
                    ticket.gone(now_ns)
            trade.entry_working = False
            self.match_position(trade, self._broker.position_lots(trade.market), now_ns)

    def _doubt_stops(self, trade: Trade, now_ns: int) -> None:
        doubted = [t for t in self._desk.of(trade, OrderRole.STOP) if t.open and not t.proven]
        for ticket in doubted:
            ticket.doubted = True
        if doubted:
            self._steer(trade, now_ns)

    def match_position(self, trade: Trade, position_lots: int, now_ns: int) -> int:
        """Make a trade say what the venue holds, and send what is missing; the lots gained or lost."""
        gained = reconcile(trade, position_lots, now_ns)
        if gained:
            self._journal.audit(now_ns, "reconciled", {"trade": trade.id, "lots": gained})
        self._measure(trade, now_ns)
        self._steer(trade, now_ns)
        return gained

    def _reduce(self, trade: Trade, intent: Intent, now_ns: int) -> bool:
        asked = self._desk.tickets.get(client_order_id(intent.id, OrderRole.EXIT.value, 0))
        if trade.stage is Stage.EXITING or asked is not None:
            return False
        if trade.open_lots == 0:
            return self._cancel_entry(trade, intent, now_ns)
        self._journal.intent(intent)
        trade.detail = intent.reason
        free = trade.open_lots - self._desk.leaving_lots(trade)
        lots = max(1, round(trade.open_lots * intent.fraction))
        if lots >= free or self._is_dust(trade, free - lots):
            self._begin_exit(trade, exit_reason(intent), now_ns)
        else:
            trade.reduced_for.append(intent.reason)
            self._desk.send(trade, OrderRole.EXIT, lots, now_ns, intent_id=intent.id)
        return True

    def _is_dust(self, trade: Trade, lots: int) -> bool:
        """Whether so few lots are below what the venue takes as an order: they go with the rest."""
        instrument = self._instruments[trade.market]
        return quote_value(instrument, lots, trade.entry_price) < instrument.min_notional

    def _move_stop(self, trade: Trade, intent: Intent, now_ns: int) -> bool:
        if trade.stage is Stage.EXITING or not trade.tighter(intent.invalidation):
            return False
        self._journal.intent(intent)
        trade.stop = intent.invalidation
        return True

    def _cancel_entry(self, trade: Trade, intent: Intent, now_ns: int) -> bool:
        entry = next(iter(self._desk.of(trade, OrderRole.ENTRY)), None)  # an adopted trade has none
        if entry is None or not entry.open or entry.asked_ns:
            return False
        self._journal.intent(intent)
        trade.detail = intent.reason
        self._desk.cancel(entry, now_ns)
        return True

    def _take(self, report: Report) -> Trade | None:
        """Book one report; the trade it belongs to, None when it is nobody's."""
        if report.kind in (ReportKind.FUNDING, ReportKind.LIQUIDATION):
            return self._take_of_position(report)
        ticket = self._desk.tickets.get(report.client_id)
        trade = self._trade_of(ticket) if ticket else None
        if ticket is None or trade is None:
            return None
        ticket.apply(report)
        if report.kind is ReportKind.FILL:
            self._take_fill(trade, ticket, report)
        elif report.kind is ReportKind.TRIGGERED:
            trade.past_stop_ns = trade.past_stop_ns or report.now_ns
            self._begin_exit(trade, ExitReason.STOP, report.now_ns)
        elif ticket.state is OrderState.REJECTED:
            trade.detail = f"{ticket.role.value} rejected: {report.reason.name.lower()}"
        if ticket.role is OrderRole.ENTRY:
            trade.entry_working = ticket.open
        elif ticket.role is OrderRole.EXIT and ticket.lost and trade.stage is Stage.EXITING:
            self._exit_refused(trade, report.now_ns)
        if trade.stage is Stage.CLOSED and (ticket.open or trade.open_lots > 0):
            self._reopen(trade)
        return trade

    def _take_fill(self, trade: Trade, ticket: Ticket, report: Report) -> None:
        trade.book(report.realised_e8, report.fee_e8, report.funding_e8)
        self._journal.fill(_fill_of(report), trade.id)
        if ticket.role is OrderRole.ENTRY:
            self._add_entry(trade, report)
            return
        if ticket.role is OrderRole.STOP:
            self._begin_exit(trade, ExitReason.STOP, report.now_ns)
        why = {OrderRole.STOP: ExitReason.STOP, OrderRole.TARGET: ExitReason.TARGET}.get(ticket.role)
        self._close_lots(trade, report, why or trade.leaving or ExitReason.SIGNAL)
        if ticket.role is OrderRole.TARGET:
            self._count_targets(trade)

    def _add_entry(self, trade: Trade, report: Report) -> None:
        trade.add_entry(report.lots, report.price, report.now_ns)
        if trade.stage is Stage.ENTERING:
            trade.step(Stage.OPEN)
            self._journal.trade(trade.row())

    def _close_lots(self, trade: Trade, report: Report, why: ExitReason) -> None:
        """Lots left the position; ones written off before turn out to have been closed by this fill."""
        trade.written_off -= min(trade.written_off, report.lots)
        trade.add_exit(report.lots, report.price, report.now_ns)
        if trade.open_lots == 0:
            trade.reason = why
        if trade.stage is Stage.CLOSED:
            self._journal.trade(trade.row())

    def _take_of_position(self, report: Report) -> Trade | None:
        """Funding and liquidation name no order: they belong to the market's open trade."""
        trade = self.trades.of_market(report.market)
        if trade is None or trade.open_lots == 0:
            return None
        trade.book(report.realised_e8, report.fee_e8, report.funding_e8)
        if report.kind is ReportKind.LIQUIDATION:
            self._begin_exit(trade, ExitReason.LIQUIDATION, report.now_ns)
            self._journal.fill(_fill_of(report), trade.id)
            self._close_lots(trade, report, ExitReason.LIQUIDATION)
        return trade

    def _stray(self, report: Report) -> None:
        self.strays += 1
        detail = {"kind": report.kind.name, "client_id": report.client_id, "market": report.market}
        self._journal.audit(report.now_ns, "stray_report", detail)

    def _trade_of(self, ticket: Ticket) -> Trade | None:
        return self.trades.get(ticket.trade_id) or self._closed.get(ticket.trade_id)

    def _reopen(self, trade: Trade) -> None:
        """An order believed gone was not, or filled after its cancel was confirmed: get out of it."""
        del self._closed[trade.id]
        self.trades.add(trade)
        trade.step(Stage.EXITING)
        trade.leaving = ExitReason.UNPROTECTED
        trade.reopened, trade.closed_ns = True, 0

    def _exit_refused(self, trade: Trade, now_ns: int) -> None:
        trade.exit_tries += 1
        wait = self._desk.rules.retry_ns * 2 ** min(trade.exit_tries - 1, _MAX_BACKOFF - 1)
        trade.retry_ns = now_ns + wait
        gone = trade.exit_tries >= _TRIES_BEFORE_ASKING and self._broker.position_lots(trade.market) == 0
        if gone and trade.open_lots > 0:
            self._journal.audit(now_ns, "position_gone", {"trade": trade.id, "lots": trade.open_lots})
            trade.written_off += trade.open_lots
            trade.reason, trade.flat_ns = ExitReason.RECONCILED, now_ns

    def _count_targets(self, trade: Trade) -> None:
        tickets = self._desk.of(trade, OrderRole.TARGET)
        hit = len({t.slot for t in tickets if t.state is OrderState.FILLED})
        if hit > 0 and trade.targets_hit == 0:
            moved = targets.stop_after_first_target(trade)
            trade.stop = moved if trade.tighter(moved) else trade.stop
        trade.targets_hit = max(trade.targets_hit, hit)

    def _steer(self, trade: Trade, now_ns: int) -> None:
        """Send what the trade lacks, cancel what it no longer needs, close it when nothing is left."""
        if trade.stage is Stage.CLOSED:
            return
        if trade.stage is Stage.OPEN and trade.open_lots == 0:
            trade.step(Stage.EXITING)
        if trade.stage is Stage.OPEN:
            self._protect(trade, now_ns)
        if trade.stage is Stage.OPEN:
            self._aim(trade, now_ns)
        if trade.stage is Stage.EXITING:
            self._leave(trade, now_ns)
        self._desk.resolve(trade, now_ns)
        self._measure(trade, now_ns)
        if trade.open_lots == 0 and not any(t.open for t in self._desk.of(trade)):
            self._close(trade, now_ns)

    def _protect(self, trade: Trade, now_ns: int) -> None:
        rungs = protector.ladder(trade, self._desk.rules.trigger_by)
        stops = self._desk.of(trade, OrderRole.STOP)
        step = protector.next_step(trade.open_lots, rungs, stops)
        since_ns = protector.lost_since_ns(stops)
        if step.failed or (since_ns and now_ns - since_ns >= self._desk.rules.answer_ns):
            self._begin_exit(trade, ExitReason.UNPROTECTED, now_ns)
        elif step.place is not None:
            wanted = step.place
            self._desk.send(
                trade,
                OrderRole.STOP,
                trade.open_lots,
                now_ns,
                trigger=wanted.trigger,
                trigger_by=wanted.trigger_by,
            )
        for ticket in step.drop:
            self._desk.cancel(ticket, now_ns)

    def _watch_stop(self, trade: Trade, price: float, now_ns: int) -> None:
        """A price beyond the stop for too long: it does not work, whatever the venue says of it."""
        if trade.stage is Stage.OPEN and self._desk.rules.backstop_ns:
            if int(trade.side) * (price - trade.stop) >= 0:
                trade.past_stop_ns = 0
            elif price == price:
                trade.past_stop_ns = trade.past_stop_ns or now_ns
            if self._stop_failed(trade, now_ns):
                self._journal.audit(now_ns, "stop_did_not_fire", {"trade": trade.id, "stop": trade.stop})
                self._begin_exit(trade, ExitReason.STOP, now_ns)

    def _stop_failed(self, trade: Trade, now_ns: int) -> bool:
        patience_ns = self._desk.rules.backstop_ns
        return 0 < patience_ns <= now_ns - trade.past_stop_ns if trade.past_stop_ns else False

    def _aim(self, trade: Trade, now_ns: int) -> None:
        """Rest the targets, once the entry is over and its quantity is known."""
        goals = trade.plan.intent.targets
        if trade.entry_working or not goals:
            return
        by_slot: list[list[Ticket]] = [[] for _ in goals]
        for ticket in self._desk.of(trade, OrderRole.TARGET):
            by_slot[ticket.slot].append(ticket)
        shares = targets.allocate(trade.filled_lots, [share for _, share in goals])
        filled = [sum(t.filled for t in tickets) for tickets in by_slot]
        room = trade.open_lots - self._desk.leaving_lots(trade)
        for slot, lots in enumerate(targets.wanted_lots(room, shares, filled)):
            self._aim_at(trade, slot, lots, by_slot[slot], now_ns)

    def _aim_at(self, trade: Trade, slot: int, lots: int, tickets: list[Ticket], now_ns: int) -> None:
        """One target. One the venue refused or took away is given up: stop and time still end the trade."""
        if any(t.lost for t in tickets):
            return
        resting = next((t for t in tickets if t.open), None)
        if resting is not None:
            if resting.left != lots:
                self._desk.cancel(resting, now_ns)
        elif lots > 0:
            price = trade.plan.intent.targets[slot][0]
            self._desk.send(trade, OrderRole.TARGET, lots, now_ns, price=price, slot=slot)

    def _leave(self, trade: Trade, now_ns: int) -> None:
        self._desk.cancel_all(trade, OrderRole.ENTRY, now_ns)
        self._desk.cancel_all(trade, OrderRole.TARGET, now_ns)
        if trade.open_lots == 0:
            self._desk.cancel_all(trade, OrderRole.STOP, now_ns)  # until then it protects
            self._desk.cancel_all(trade, OrderRole.EXIT, now_ns)
        leaving = self._desk.exiting_lots(trade) if self._stop_failed(trade, now_ns) else None
        lacking = trade.open_lots - (self._desk.leaving_lots(trade) if leaving is None else leaving)
        if lacking > 0 and now_ns >= trade.retry_ns:
            self._desk.send(trade, OrderRole.EXIT, lacking, now_ns)

    def _close(self, trade: Trade, now_ns: int) -> None:
        if trade.filled_lots == 0:
            trade.reason = ExitReason.UNFILLED
        trade.step(Stage.CLOSED)
        trade.closed_ns = now_ns
        self.trades.remove(trade)
        self._closed[trade.id] = trade
        while len(self._closed) > _REMEMBERED:
            oldest = next(iter(self._closed))
            del self._closed[oldest]
            self._desk.tickets.forget(oldest)
        self._journal.trade(trade.row())
        for listener in self._on_closed:
            listener(trade)

    def _begin_exit(self, trade: Trade, reason: ExitReason, now_ns: int) -> None:
        if trade.stage in (Stage.EXITING, Stage.CLOSED):
            return
        trade.step(Stage.EXITING)
        trade.leaving = reason
        self._measure(trade, now_ns)
        self._journal.trade(trade.row())

    def _measure(self, trade: Trade, at_ns: int) -> None:
        protector.measure(trade, self._desk.of(trade, OrderRole.STOP), at_ns)

    def _deadlines(self, trade: Trade) -> Iterator[int]:
        intent = trade.plan.intent
        if trade.stage is Stage.OPEN and intent.time_stop_ns > 0:
            yield trade.filled_ns + intent.time_stop_ns
        patience_ns = self._desk.rules.backstop_ns
        if patience_ns and trade.past_stop_ns and trade.open_lots > self._desk.exiting_lots(trade):
            yield max(trade.past_stop_ns + patience_ns, trade.retry_ns)
        lost_ns = protector.lost_since_ns(self._desk.of(trade, OrderRole.STOP))
        if trade.stage is Stage.OPEN and lost_ns:
            yield lost_ns + self._desk.rules.answer_ns
        if trade.stage is Stage.EXITING and trade.open_lots > self._desk.leaving_lots(trade):
            yield trade.retry_ns
        unasked = trade.entry_working and not self._desk.of(trade, OrderRole.ENTRY)[0].asked_ns
        if unasked and intent.entry_ttl_ns > 0:
            yield trade.opened_ns + intent.entry_ttl_ns
        yield from self._desk.answers_due_ns(trade)


def _restored(saved: Mapping[str, Any]) -> Trade:
    """A trade from plain types; null among the figures is nan again."""
    plan = saved["plan"]
    intent = {**plan["intent"], "figures": _numbers(plan["intent"]["figures"])}
    plan = {**plan, "intent": intent, "figures": _numbers(plan["figures"])}
    return msgspec.convert({**saved, "plan": plan}, Trade, strict=False)


def _numbers(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float("nan") if value is None else value for name, value in figures.items()}


def _time_is_up(trade: Trade, now_ns: int) -> bool:
    limit = trade.plan.intent.time_stop_ns
    return trade.stage is Stage.OPEN and limit > 0 and now_ns >= trade.filled_ns + limit


def _entry_is_over(trade: Trade, now_ns: int, price: float) -> bool:
    """Waited long enough, or partly filled and already at the first target."""
    if not trade.entry_working:
        return False
    intent = trade.plan.intent
    if intent.entry_ttl_ns > 0 and now_ns >= trade.opened_ns + intent.entry_ttl_ns:
        return True
    arrived = bool(intent.targets) and int(trade.side) * (price - intent.targets[0][0]) >= 0
    return arrived and trade.filled_lots > 0


def _fill_of(report: Report) -> Fill:
    return Fill(
        client_id=report.client_id,
        symbol=report.symbol,
        side=report.side,
        lots=report.lots,
        price=report.price,
        liquidity=report.liquidity,
        fee_e8=report.fee_e8,
        realised_e8=report.realised_e8,
        now_ns=report.now_ns,
    )
