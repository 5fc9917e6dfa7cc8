"""A live account behind the `Venue` protocol, without I/O: requests out, news in, money booked once.

`submit` and `cancel` put requests in a queue that the sender empties
(`take_requests`); whatever the venue says comes back as news (`hear`), in the
order of the inbox, and leaves as reports (`drain`). Given the same calls it
does the same, so a replay of rows and news repeats a live session.

Every fill is booked once, by the venue's trade id, whoever caused it: wallet
and position follow the account, reports go to the orders of ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np

from bot.core.enums import Liquidity, OrderRole, RejectReason, ReportKind, Side
from bot.core.messages import Order, Report
from bot.core.units import to_e8
from bot.core.valuation import Unrealised
from bot.execution.ledger import Ledger
from bot.execution.live_orders import LiveOrder, Step
from bot.execution.news import Answer, FillTold, FundingTold, OrderTold, Status, Verdict
from bot.execution.valuing import valuation_ticks
from bot.market.heads import new_heads
from bot.market.instruments import Instrument

REMEMBERED_ORDERS = 100
REMEMBERED_TRADES = 500
REMEMBERED_SELF_TESTS = 3
"""Ended orders whose late news is recognised; trade ids a market, against booking a fill twice.

Both are written with every commit, so they are no larger than what a catching-up can bring again.
"""

ASIDE = "aside-"
"""Intents that start with this are of no trade: their orders' news changes money and position only."""


@dataclass(frozen=True, slots=True)
class Submit:
    order: Order


@dataclass(frozen=True, slots=True)
class Cancel:
    order: Order
    venue_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What has become of the order? Asked until it is found or proved absent."""

    order: Order
    venue_id: str


@dataclass(frozen=True, slots=True)
class FetchFills:
    """Fills of a market are missing. Not `always`: only when they still are after a moment."""

    market: int
    always: bool = False


@dataclass(frozen=True, slots=True)
class FetchPayments:
    """Funding of a market may have been settled."""

    market: int


Request = Submit | Cancel | Ask | FetchFills | FetchPayments


@dataclass(slots=True)
class Seen:
    """Ids that were booked, the oldest forgotten."""

    most: int
    ids: dict[str, None] = field(default_factory=dict)

    def add(self, key: str) -> bool:
        """Whether it is new."""
        if key in self.ids:
            return False
        self.ids[key] = None
        if len(self.ids) > self.most:
            del self.ids[next(iter(self.ids))]
        return True


class LiveVenue:
    """The account of one venue. Everything said about it comes through `hear`."""

    orders_survive = True

    def __init__(self, instruments: Sequence[Instrument], heads: np.ndarray | None = None) -> None:
        self.instruments = tuple(instruments)
        self.ledger = Ledger(instruments)
        self.orders: dict[str, LiveOrder] = {}  # by client id, the oldest ended ones forgotten
        self.foreign_fills = 0
        self.self_tests: list[str] = []  # client ids of the latest stops that only prove that stops work
        self.opened_ns = 0  # when the account was first read: what came before is in its wallet
        self.booked = 0  # fills and payments so far: an account told before the latest is old news
        self.last_fill_ns = [0] * len(self.instruments)  # venue time, for catching up
        self.heads = new_heads(instruments) if heads is None else heads
        self._by_venue_id: dict[str, str] = {}
        self._requests: list[Request] = []
        self._reports: deque[Report] = deque()
        self._trades = [Seen(REMEMBERED_TRADES) for _ in self.instruments]
        self._payments = Seen(REMEMBERED_TRADES)
        self._unclaimed: list[tuple[FillTold, int, int]] = []  # with fee and realised, e8
        self.notes: list[tuple[str, dict[str, Any]]] = []  # for the journal

    def attach(self, heads: np.ndarray) -> None:
        """The HEAD rows that marks and last trades are read from."""
        self.heads = heads

    def submit(self, order: Order, now_ns: int) -> None:
        """Queue an order. A client id that is known is a retry of the same order and changes nothing."""
        if order.client_id in self.orders:
            return
        self.orders[order.client_id] = LiveOrder(order)
        self._requests.append(Submit(order))
        self._forget_ended()

    def cancel(self, client_id: str, now_ns: int) -> None:
        """Queue a cancel. What became of the order is told as its state, never as an answer to this."""
        known = self.orders.get(client_id)
        if known is not None and known.open:
            self._requests.append(Cancel(known.order, known.venue_id))

    def cancel_ended(self, client_id: str) -> None:
        """Queue a cancel of an order that should be gone and is shown."""
        known = self.orders[client_id]
        self._requests.append(Cancel(known.order, known.venue_id))

    def ask(self, client_id: str) -> None:
        known = self.orders[client_id]
        self._requests.append(Ask(known.order, known.venue_id))

    def fetch_fills(self, market: int) -> None:
        self._requests.append(FetchFills(market, always=True))

    def self_test(self, client_id: str) -> None:
        """A stop of no trade is about to be sent, to prove that stops work: it is nobody else's."""
        self.self_tests = [*self.self_tests, client_id][-REMEMBERED_SELF_TESTS:]

    def fetch_payments(self, market: int) -> None:
        self._requests.append(FetchPayments(market))

    def lacks_fills(self, market: int) -> bool:
        """Whether fills were told of that have not come, or came that no order explains."""
        if any(fill.market == market for fill, _, _ in self._unclaimed):
            return True
        return any(k.lacks_fills and k.order.market == market for k in self.orders.values())

    def fills_from_ns(self, market: int) -> int:
        """From when on fills may be missing: the last one known, else since the oldest order was sent
        that may have filled while nobody listened; 0 when nothing is known of the market."""
        waiting = (k.order for k in self.orders.values() if k.open or k.lacks_fills)
        sent = (order.sent_ns for order in waiting if order.market == market)
        return self.last_fill_ns[market] or min(sent, default=0)

    def take_requests(self) -> tuple[Request, ...]:
        """What is to be sent, in order, once the journal holds it."""
        requests, self._requests = tuple(self._requests), []
        return requests

    def drain(self, now_ns: int) -> list[Report]:
        told = list(self._reports)
        self._reports.clear()
        return told

    def position_lots(self, market: int) -> int:
        return self.ledger.position_lots(market)

    def deposit(self, coin: str, amount_e8: int) -> None:
        self.ledger.deposit(coin, amount_e8)

    def wallet_e8(self, coin: str) -> int:
        return self.ledger.account(coin).wallet_e8

    def unrealised(self, market: int) -> Unrealised:
        """Of the position, at mark; at the last trade where no mark is known."""
        price, source = valuation_ticks(self.heads[market], self.instruments[market])
        return Unrealised(self.ledger.unrealised_e8(market, price) if price else 0, source)

    def equity_e8(self, coin: str) -> int:
        """Wallet plus unrealised of the markets that settle in the coin."""
        held = (m for m, i in enumerate(self.instruments) if i.settle == coin and self.position_lots(m))
        return self.wallet_e8(coin) + sum(self.unrealised(m).amount_e8 for m in held)

    def open_orders(self) -> Iterator[LiveOrder]:
        """Orders not proved to have ended, oldest first."""
        return (known for known in self.orders.values() if known.open)

    @property
    def at_stake(self) -> bool:
        """Whether a position is held, or an order may rest, as far as is known."""
        held = any(self.position_lots(market) for market in range(len(self.instruments)))
        return held or any(self.open_orders())

    def hear(self, news: Answer | OrderTold | FillTold | FundingTold, now_ns: int) -> None:
        """Take in one fact; the reports it causes are in `drain`."""
        if isinstance(news, FillTold):
            self._hear_fill(news, now_ns)
        elif isinstance(news, FundingTold):
            self._hear_funding(news, now_ns)
        else:
            self._hear_of_order(news, now_ns)

    def ask_open(self) -> None:
        """After a start or an outage: what has become of every order that may still be there?"""
        for known in self.open_orders():
            self._requests.append(Ask(known.order, known.venue_id))

    def ask_missing_fills(self) -> None:
        """Again, for what was told and has not come."""
        lacking = (m for m in range(len(self.instruments)) if self.lacks_fills(m))
        self._requests += [FetchFills(market, always=True) for market in lacking]

    def give_up_unclaimed(self, now_ns: int) -> int:
        """Fills that no order of ours explains were somebody else's: lots are on the account all the same."""
        for fill, _, _ in self._unclaimed:
            self._note("foreign_fill", fill)
        count = len(self._unclaimed)
        self.foreign_fills += count
        self._unclaimed.clear()
        return count

    @property
    def unclaimed(self) -> int:
        return len(self._unclaimed)

    def _hear_of_order(self, news: Answer | OrderTold, now_ns: int) -> None:
        known = self.orders.get(news.client_id) or self._owner(news.venue_id)
        if known is None:
            if news.client_id not in self.self_tests:
                self._note("news_of_no_order", news)
            return
        was_ended = not known.open
        steps = known.answered(news) if isinstance(news, Answer) else known.told(news)
        for venue_id in (known.venue_id, known.child_id):
            if venue_id:
                self._by_venue_id[venue_id] = known.order.client_id
        if was_ended and isinstance(news, OrderTold) and news.status in (Status.RESTING, Status.TRIGGERED):
            self._back_from_the_dead(known, news)
        if isinstance(news, Answer) and news.verdict in (Verdict.UNKNOWN, Verdict.REFUSED, Verdict.ABSENT):
            self._note(f"order_{news.verdict.value}", news)
        if known.lacks_fills:
            self._requests.append(FetchFills(known.order.market))
        if isinstance(news, Answer) and news.verdict is Verdict.UNKNOWN:
            self._requests.append(Ask(known.order, known.venue_id))
        self._say(known, steps, news.venue_ns or now_ns, now_ns)
        self._claim(now_ns)

    def _back_from_the_dead(self, known: LiveOrder, news: OrderTold) -> None:
        """Declared absent and there after all: take it away; a fill before that is still taken."""
        if known.ending is None and known.left > 0 and not known.lacks_fills and known.words:
            self._note("order_turned_up", news)
            self._requests.append(Cancel(known.order, known.venue_id))

    def _hear_fill(self, news: FillTold, now_ns: int) -> None:
        if not self._trades[news.market].add(news.trade_id):
            return
        self.booked += 1
        self.last_fill_ns[news.market] = max(self.last_fill_ns[news.market], news.venue_ns)
        price = self._ticks(news)
        fee_e8, coin = self._fee(news, price)
        realised_e8 = self.ledger.told_fill(
            news.market, news.side, news.lots, price, fee_e8, coin
        ).realised_e8
        if coin:
            self._note("fee_in_other_coin", news)
            fee_e8 = 0  # it left another wallet; the settle coin's is not smaller for it
        if news.forced:
            self._report_fill("", ReportKind.LIQUIDATION, news, fee_e8, realised_e8, 0, now_ns)
        elif not self._assign(news, fee_e8, realised_e8, now_ns):
            self._unclaimed.append((news, fee_e8, realised_e8))
            self._requests.append(FetchFills(news.market))
            self._requests += [
                Ask(k.order, k.venue_id) for k in self.open_orders() if k.order.market == news.market
            ]

    def _assign(self, news: FillTold, fee_e8: int, realised_e8: int, now_ns: int) -> bool:
        """Give a fill to its order; False when it is not known whose it is."""
        known = self.orders.get(news.client_id) or self._owner(news.venue_id)
        if known is None or known.left < news.lots or known.order.side is not news.side:
            return False
        if known.order.role is OrderRole.STOP and not known.triggered:
            known.triggered = True
            self._say(known, [(ReportKind.TRIGGERED, RejectReason.NONE)], news.venue_ns or now_ns, now_ns)
        known.add_fill(news.lots)
        if not known.order.intent_id.startswith(ASIDE):
            client_id = known.order.client_id
            self._report_fill(client_id, ReportKind.FILL, news, fee_e8, realised_e8, known.left, now_ns)
        self._say(known, known.settle(), news.venue_ns or now_ns, now_ns)
        return True

    def _claim(self, now_ns: int) -> None:
        """Ids have become known: fills that waited for their owner may have one now."""
        waiting, self._unclaimed = self._unclaimed, []
        self._unclaimed = [entry for entry in waiting if not self._assign(*entry, now_ns)]

    def _hear_funding(self, news: FundingTold, now_ns: int) -> None:
        if not self._payments.add(news.id):
            return
        self.booked += 1
        amount_e8 = to_e8(Decimal(news.amount))
        self.ledger.told_funding(news.coin, amount_e8)
        instrument = self.instruments[news.market]
        self._reports.append(
            Report(
                ReportKind.FUNDING,
                "",
                news.market,
                instrument.symbol,
                news.venue_ns or now_ns,
                now_ns,
                funding_e8=amount_e8 if news.coin == instrument.settle else 0,
            )
        )

    def _owner(self, venue_id: str) -> LiveOrder | None:
        client_id = self._by_venue_id.get(venue_id) if venue_id else None
        return self.orders.get(client_id) if client_id else None

    def _ticks(self, news: FillTold) -> Fraction:
        return Fraction(Decimal(news.price)) / Fraction(self.instruments[news.market].tick)

    def _fee(self, news: FillTold, price: Fraction) -> tuple[int, str]:
        """Fee paid in e8, and its coin ("" the settle coin); by the instrument's rate where none was told."""
        instrument = self.instruments[news.market]
        if news.fee:
            coin = "" if news.fee_coin in ("", instrument.settle) else news.fee_coin
            return to_e8(Decimal(news.fee)), coin
        rate = instrument.maker_fee if news.liquidity is Liquidity.MAKER else instrument.taker_fee
        self._note("fee_not_told", news)
        return self.ledger.fee_e8(news.market, news.lots, price, rate), ""

    def _report_fill(
        self,
        client_id: str,
        kind: ReportKind,
        news: FillTold,
        fee_e8: int,
        realised_e8: int,
        left: int,
        now_ns: int,
    ) -> None:
        self._reports.append(
            Report(
                kind,
                client_id,
                news.market,
                self.instruments[news.market].symbol,
                news.venue_ns or now_ns,
                now_ns,
                side=Side(news.side),
                lots=news.lots,
                price=round(self._ticks(news)),
                left_lots=left,
                liquidity=news.liquidity,
                fee_e8=fee_e8,
                realised_e8=realised_e8,
            )
        )

    def _say(self, known: LiveOrder, steps: Sequence[Step], venue_ns: int, now_ns: int) -> None:
        order = known.order
        if order.intent_id.startswith(ASIDE):
            steps = ()
        for kind, reason in steps:
            self._reports.append(
                Report(
                    kind,
                    order.client_id,
                    order.market,
                    order.symbol,
                    venue_ns,
                    now_ns,
                    side=order.side,
                    left_lots=known.left,
                    reason=reason,
                )
            )
        if not known.open and not known.ended_ns:
            known.ended_ns = now_ns

    def _note(self, what: str, news: msgspec.Struct) -> None:
        self.notes.append((what, msgspec.to_builtins(news)))

    def _forget_ended(self) -> None:
        if len(self.orders) <= 2 * REMEMBERED_ORDERS:
            return
        ended = [key for key, known in self.orders.items() if not known.open and not known.lacks_fills]
        for key in ended[:-REMEMBERED_ORDERS]:
            known = self.orders.pop(key)
            for venue_id in (known.venue_id, known.child_id):
                self._by_venue_id.pop(venue_id, None)

    def to_state(self) -> dict[str, Any]:
        """Plain JSON types: money, positions, orders with what is proved of each, ids already booked."""
        return {
            "ledger": self.ledger.to_state(),
            "orders": msgspec.to_builtins(list(self.orders.values())),
            "trades": {i.key: list(s.ids) for i, s in zip(self.instruments, self._trades, strict=True)},
            "payments": list(self._payments.ids),
            "last_fill_ns": {i.key: ns for i, ns in zip(self.instruments, self.last_fill_ns, strict=True)},
            "unclaimed": msgspec.to_builtins(self._unclaimed),
            "foreign_fills": self.foreign_fills,
            "opened_ns": self.opened_ns,
            "self_tests": self.self_tests,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Start from a saved state, before the first news; then `ask_open`."""
        self.ledger = Ledger.from_state(self.instruments, state["ledger"])
        orders = msgspec.convert(state["orders"], list[LiveOrder], strict=False)
        self.orders = {known.order.client_id: known for known in orders}
        self._by_venue_id = {
            venue_id: known.order.client_id
            for known in orders
            for venue_id in (known.venue_id, known.child_id)
            if venue_id
        }
        for market, instrument in enumerate(self.instruments):
            self._trades[market].ids = dict.fromkeys(state["trades"].get(instrument.key, ()))
            self.last_fill_ns[market] = state["last_fill_ns"].get(instrument.key, 0)
        self._payments.ids = dict.fromkeys(state["payments"])
        self._unclaimed = [
            (msgspec.convert(news, FillTold, strict=False), fee, realised)
            for news, fee, realised in state["unclaimed"]
        ]
        self.foreign_fills = state["foreign_fills"]
        self.opened_ns = state.get("opened_ns", 0)
        self.self_tests = list(state.get("self_tests", ()))
