"""A slow venue in plain Python: dictionaries, sorting, and one token for each lot of a queue.

Written from the rules in words, sharing nothing with the kernels. One market.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bot.core.enums import OrderType, ReportKind, TimeInForce, TriggerBy
from bot.core.enums import RejectReason as Why
from bot.core.messages import Order

K = ReportKind


@dataclass(eq=False)
class Live:
    order: Order
    left: int
    stop: bool
    ahead: int = 0
    printed: int = 0  # at its price since the level's last row


class ReferenceVenue:
    """Same calls as `World`; `told` gathers (kind, client id, lots, price, left, reason, time)."""

    def __init__(self, order_latency: int, cancel_latency: int, proportional: bool, leverage: int) -> None:
        self.latency = {"order": order_latency, "cancel": cancel_latency}
        self.proportional = proportional
        self.leverage = leverage
        self.maintenance = Fraction("0.004")
        self.book_of: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.consumed: dict[tuple[int, int], int] = {}
        self.live: list[Live] = []
        self.requests: list[tuple[int, int, str, Any]] = []
        self.sent = 0
        self.position = 0
        self.entry = Fraction(0)
        self.last: int | None = None
        self.mark_ticks: Fraction | None = None
        self.announced: tuple[int, float] | None = None
        self.armed: int | None = None
        self.told: list[tuple[Any, ...]] = []

    # what the market says

    def begin(self, t: int) -> None:
        while True:
            due: list[tuple[int, int, int, Any]] = [(r[0], 1, r[1], r) for r in self.requests if r[0] <= t]
            if self.armed is not None and self.armed <= t:
                due.append((self.armed, 0, 0, None))
            if not due:
                return
            request = min(due, key=lambda d: d[:3])[3]
            if request is None:
                self.armed = None
                self.tell(K.FUNDING, "", abs(self.position), 0, 0, Why.NONE, t)
                continue
            self.requests.remove(request)
            if request[2] == "order":
                self.arrive(request[3], request[0])
            else:
                self.withdraw(request[3], request[0])

    def rows(self, t: int, rows: list[tuple[int, int, int]], snapshot: bool) -> None:
        self.begin(t)
        if snapshot:
            self.book_of = {1: {}, -1: {}}
            self.consumed = {}
        for side, tick, lots in rows:
            self.level(side, tick, lots, snapshot)
        if snapshot:
            for o in self.resting():
                o.ahead = min(o.ahead, self.book_of[o.order.side].get(o.order.price, 0))
                o.printed = 0
        self.commit(t)

    def level(self, side: int, tick: int, lots: int, snapshot: bool) -> None:
        before = self.book_of[side].get(tick, 0)
        self.book_of[side][tick] = lots
        if lots == 0:
            del self.book_of[side][tick]
        if (side, tick) in self.consumed:
            self.consumed[side, tick] = min(self.consumed[side, tick], lots)
        for o in self.resting():
            if o.order.side == side and o.order.price == tick:
                if self.proportional and lots < before:
                    by_trades = min(o.printed, before - lots)
                    line = before - by_trades
                    if line > lots:
                        o.ahead -= (line - lots) * o.ahead // line
                o.ahead = min(o.ahead, lots)
                o.printed = 0

    def commit(self, t: int) -> None:
        for side in (1, -1):
            for o in self.by_priority(side):
                reached = [p for p in self.displayed(-side) if (p - o.order.price) * side <= 0]
                got = 0
                for p in reached:
                    take = min(self.may_trade(o) - got, self.available(-side, p))
                    self.consume(-side, p, take)
                    got += take
                if got:
                    self.fill(o, got, o.order.price, t)
        self.arm(t)
        self.end_of_event(t)

    def trade(self, t: int, aggressor: int, tick: int, lots: int) -> None:
        self.begin(t)
        self.last = tick
        left = lots
        for side in (1, -1):
            if aggressor != side:
                left = self.printed_against(side, tick, left, t)
        self.trigger_stops(TriggerBy.LAST, Fraction(tick), t)
        if self.mark_ticks is None:
            self.maybe_liquidate(Fraction(tick), t)
        self.end_of_event(t)

    def printed_against(self, side: int, tick: int, lots: int, t: int) -> int:
        total = lots
        for o in self.by_priority(side):
            if (o.order.price - tick) * side > 0:
                o.ahead = 0
                got = min(lots, self.may_trade(o))
                if got:
                    lots -= got
                    self.fill(o, got, o.order.price, t)
        here = [o for o in self.resting() if o.order.side == side and o.order.price == tick]
        line: list[Live | None] = []
        for o in here:
            line += [None] * (o.ahead - line.count(None)) + [o] * o.left
            o.printed += total
        got_by = dict.fromkeys(here, 0)
        left_line = list(line)
        while lots and left_line:
            token = left_line.pop(0)
            if token is not None:
                room = self.may_trade(token) - got_by[token]
                if token.order.reduce_only:
                    room = min(room, abs(self.position) - sum(g for o, g in got_by.items()))
                if room <= 0:
                    continue
                got_by[token] += 1
            lots -= 1
        used_up = line.count(None) - left_line.count(None)
        for o, got in got_by.items():
            o.ahead = max(0, o.ahead - used_up)
            if got:
                self.fill(o, got, tick, t)
        return lots + used_up

    def mark(self, t: int, ticks: Fraction) -> None:
        self.begin(t)
        self.mark_ticks = ticks
        self.arm(t)
        self.trigger_stops(TriggerBy.MARK, ticks, t)
        self.maybe_liquidate(ticks, t)
        self.end_of_event(t)

    def funding(self, t: int, rate: float, settles_ns: int) -> None:
        self.begin(t)
        self.announced = (settles_ns, rate)

    def arm(self, t: int) -> None:
        if self.position and self.announced and self.announced[0] > t:
            self.armed = self.announced[0]

    # what we ask

    def send(self, order: Order, t: int) -> None:
        self.sent += 1
        self.requests.append((t + self.latency["order"], self.sent, "order", order))

    def cancel(self, client_id: str, t: int) -> None:
        self.sent += 1
        self.requests.append((t + self.latency["cancel"], self.sent, "cancel", client_id))

    def arrive(self, order: Order, t: int) -> None:
        why = self.refusal(order)
        if why is not Why.NONE:
            self.tell(K.REJECTED, order.client_id, 0, 0, order.lots, why, t)
            return
        o = Live(order, order.lots, order.type is OrderType.STOP_MARKET)
        self.live.append(o)
        self.tell(K.ACCEPTED, order.client_id, 0, 0, order.lots, Why.NONE, t)
        if o.stop:
            price = self.mark_ticks if order.trigger_by is TriggerBy.MARK else self.last
            if price is not None and (price - order.trigger) * order.side >= 0:
                self.fire(o, t)
        elif order.type is OrderType.MARKET:
            self.take_or_expire(o, None, t)
        elif order.time_in_force is TimeInForce.IOC:
            self.take_or_expire(o, order.price, t)
        else:
            self.take(o, order.price, t)
            o.ahead = self.book_of[order.side].get(order.price, 0)
        self.end_of_event(t)

    def refusal(self, order: Order) -> Why:
        if order.lots <= 0:
            return Why.BAD_QUANTITY
        if order.reduce_only and self.position * order.side >= 0:
            return Why.REDUCE_ONLY_NOTHING_TO_REDUCE
        crossing = [p for p in self.displayed(-order.side) if (p - order.price) * order.side <= 0]
        if order.time_in_force is TimeInForce.POST_ONLY and any(
            self.available(-order.side, p) for p in crossing
        ):
            return Why.POST_ONLY_WOULD_TAKE
        return Why.NONE

    def withdraw(self, client_id: str, t: int) -> None:
        for o in self.live:
            if o.order.client_id == client_id:
                self.end(o, K.CANCELED, Why.NONE, t)
                return
        self.tell(K.REJECTED, client_id, 0, 0, 0, Why.UNKNOWN_ORDER, t)

    # trading

    def take(self, o: Live, limit: int | None, t: int) -> None:
        side = o.order.side
        for p in self.displayed(-side):
            if limit is not None and (p - limit) * side > 0:
                break
            got = min(self.may_trade(o), self.available(-side, p))
            if got:
                self.consume(-side, p, got)
                self.fill(o, got, p, t)

    def take_or_expire(self, o: Live, limit: int | None, t: int) -> None:
        self.take(o, limit, t)
        if o in self.live:
            gone = o.order.reduce_only and self.position * o.order.side >= 0
            self.end(o, K.EXPIRED, Why.REDUCE_ONLY_NOTHING_TO_REDUCE if gone else Why.NO_LIQUIDITY, t)

    def trigger_stops(self, by: TriggerBy, price: Fraction, t: int) -> None:
        for o in list(self.live):
            reached = o.stop and o.order.trigger_by is by and (price - o.order.trigger) * o.order.side >= 0
            if reached and o in self.live:
                self.fire(o, t)

    def fire(self, o: Live, t: int) -> None:
        self.tell(K.TRIGGERED, o.order.client_id, 0, 0, o.left, Why.NONE, t)
        self.take_or_expire(o, None, t)

    def maybe_liquidate(self, price: Fraction, t: int) -> None:
        held = self.position
        margin = abs(held) * self.entry / self.leverage
        if held == 0 or margin + held * (price - self.entry) > self.maintenance * abs(held) * price:
            return
        for o in list(self.live):
            self.end(o, K.CANCELED, Why.INSUFFICIENT_MARGIN, t)
        side = -1 if held > 0 else 1
        for p in self.displayed(-side):
            got = min(abs(self.position), self.available(-side, p))
            if got:
                self.consume(-side, p, got)
                left = abs(self.position) - got
                self.move(side, got, p, t)
                self.tell(K.LIQUIDATION, "", got, p, left, Why.NONE, t)

    def fill(self, o: Live, lots: int, price: int, t: int) -> None:
        o.left -= lots
        if o.left == 0:
            self.live.remove(o)
        self.move(o.order.side, lots, price, t)
        self.tell(K.FILL, o.order.client_id, lots, price, o.left, Why.NONE, t)

    def move(self, side: int, lots: int, price: int, t: int) -> None:
        before, self.position = self.position, self.position + side * lots
        if before * side >= 0:
            self.entry = (abs(before) * self.entry + lots * price) / abs(self.position)
        elif self.position * side > 0:
            self.entry = Fraction(price)
        if self.position == 0:
            self.armed = None
        self.arm(t)

    def end(self, o: Live, kind: ReportKind, why: Why, t: int) -> None:
        self.live.remove(o)
        self.tell(kind, o.order.client_id, 0, 0, o.left, why, t)

    def end_of_event(self, t: int) -> None:
        for o in list(self.live):
            if o.order.reduce_only and self.position * o.order.side >= 0:
                self.end(o, K.EXPIRED, Why.REDUCE_ONLY_NOTHING_TO_REDUCE, t)

    # looking

    def resting(self) -> list[Live]:
        return [o for o in self.live if not o.stop]

    def by_priority(self, side: int) -> list[Live]:
        """Best price first, then by arrival."""
        mine = [o for o in self.resting() if o.order.side == side]
        return sorted(mine, key=lambda o: -o.order.price * side)

    def may_trade(self, o: Live) -> int:
        if not o.order.reduce_only:
            return o.left
        return max(0, min(o.left, -self.position * o.order.side))

    def displayed(self, side: int) -> list[int]:
        """Prices of a book side, best first."""
        return sorted(self.book_of[side], key=lambda p: -p * side)

    def available(self, side: int, price: int) -> int:
        return self.book_of[side][price] - self.consumed.get((side, price), 0)

    def consume(self, side: int, price: int, lots: int) -> None:
        self.consumed[side, price] = self.consumed.get((side, price), 0) + lots

    def tell(self, *what: Any) -> None:
        self.told.append(what)
