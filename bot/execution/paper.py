"""The paper venue behind the `Broker` protocol: latency, matching, money, and what we have been told so far.

Requests travel for their latency, reports for theirs. Everything this face
answers (position, equity, open orders) is what the delivered reports say, so
wallet, position and reports always agree; the venue itself may be a report
ahead. Reports are booked when they are delivered.

A saved state holds money and positions with every report of the venue booked,
delivered or not. Orders do not survive a restart: the trader places them anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import nan
from typing import Any, NamedTuple

import numpy as np

from bot.core.enums import Liquidity, RejectReason, ReportKind, Side
from bot.core.errors import KernelError
from bot.core.messages import Order, Report
from bot.core.units import NS_PER_MS, to_e8
from bot.core.valuation import PriceSource, Unrealised
from bot.execution.ledger import Ledger
from bot.execution.positions import liquidation_ticks
from bot.execution.valuing import exact_ticks, valuation_ticks
from bot.execution.venue_state import FOREVER, Knob, Matching, QueueModel, Slot, enqueue, new_matching
from bot.market.heads import new_heads
from bot.market.instruments import Instrument
from bot.risk.sizing import lot_value

MAX_ORDERS = 256
"""Orders that may be open or on their way; further ones are REJECTED, TABLE_FULL."""

_ENDS = frozenset((ReportKind.FILL, ReportKind.REJECTED, ReportKind.CANCELED, ReportKind.EXPIRED))


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """How the simulated venue behaves. Fees are fractions of the value; None takes the instrument's."""

    order_latency_ns: int = 10 * NS_PER_MS  # from sending an order to its effect
    cancel_latency_ns: int = 10 * NS_PER_MS
    report_latency_ns: int = 5 * NS_PER_MS  # from an event at the venue to our learning of it
    queue_model: QueueModel = QueueModel.PESSIMISTIC
    leverage: int = 10  # isolated, capped by the instrument's
    initial_margin: bool = True  # refuse what the equity cannot carry; off, the wallet is not looked at
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    liquidation_fee: Decimal = Decimal("0.0125")  # of a forced close, in place of the taker fee


class Row(NamedTuple):
    """A REPORT record in Python's types."""

    visible_ns: int
    venue_ns: int
    id: int
    market: int
    kind: int
    reason: int
    side: int = 0
    lots: int = 0
    price: int = 0
    left: int = 0
    liquidity: int = 0
    mark: float = nan
    rate: float = nan


class PaperVenue:
    """A `Venue`. `mt` belongs to the compiled loop; `attach` tells which heads hold the prices."""

    orders_survive = False

    def __init__(
        self,
        instruments: Sequence[Instrument],
        settings: PaperSettings | None = None,
        heads: np.ndarray | None = None,
    ) -> None:
        self.settings = settings or PaperSettings()
        self.instruments = tuple(instruments)
        self.mt: Matching = new_matching(
            len(instruments),
            instruments,
            report_latency_ns=self.settings.report_latency_ns,
            queue_model=self.settings.queue_model,
            leverage=self.settings.leverage,
            orders=2 * MAX_ORDERS,
        )
        self.ledger = Ledger(instruments)
        self._heads = new_heads(instruments) if heads is None else heads
        self._next_id = 1
        self._orders: dict[int, Order] = {}  # by serial, until nothing more is expected about them
        self._left: dict[int, int] = {}  # lots still open, as told, of orders not known to have ended
        self._ids: dict[str, int] = {}  # client id to serial, of the same orders
        self._cancelling: set[int] = set()  # orders with a cancel on its way
        self._strays: dict[int, str] = {}  # serials of cancels that named no order of ours
        self._pending: deque[Row] = deque()  # reports on their way

    def attach(self, heads: np.ndarray) -> None:
        """The HEAD rows that marks and last trades are read from."""
        self._heads = heads

    def submit(self, order: Order, now_ns: int) -> None:
        """Send an order. A client id still in use is a retry of the same order and changes nothing."""
        if order.client_id in self._ids:
            return
        serial = self._serial()
        self._orders[serial] = order
        self._ids[order.client_id] = serial
        self._left[serial] = order.lots
        due_ns = now_ns + self.settings.order_latency_ns
        if len(self._left) > MAX_ORDERS:
            self._refuse(serial, order.market, due_ns, RejectReason.TABLE_FULL)
            return
        coin = self.instruments[order.market].settle
        if self.settings.initial_margin and not order.reduce_only and not self._has_margin(coin):
            self._refuse(serial, order.market, due_ns, RejectReason.INSUFFICIENT_MARGIN)
            return
        self._request(
            state=Slot.SENT,
            due_ns=due_ns,
            id=serial,
            market=order.market,
            type=order.type,
            side=order.side,
            lots=order.lots,
            price=order.price,
            trigger=order.trigger,
            trigger_by=order.trigger_by,
            time_in_force=order.time_in_force,
            reduce_only=order.reduce_only,
        )

    def cancel(self, client_id: str, now_ns: int) -> None:
        """Ask for a cancel; asking again while a cancel is on its way changes nothing.

        One that finds no live order is answered REJECTED, UNKNOWN_ORDER. That answer concerns
        the request only: the order has ended (its own reports say how) or has not arrived yet.
        """
        due_ns = now_ns + self.settings.cancel_latency_ns
        serial = self._ids.get(client_id)
        if serial is None:
            stray = self._serial()
            self._strays[stray] = client_id
            self._refuse(stray, -1, due_ns, RejectReason.UNKNOWN_ORDER)
        elif serial not in self._cancelling:
            self._cancelling.add(serial)
            market = self._orders[serial].market
            self._request(state=Slot.CANCEL, due_ns=due_ns, id=self._serial(), market=market, target=serial)

    def drain(self, now_ns: int) -> list[Report]:
        """Reports visible by now, in order, their money booked."""
        self._collect()
        told = []
        while self._pending and self._pending[0].visible_ns <= now_ns:
            told.append(self._deliver(self._pending.popleft(), now_ns))
        self._renew_clock()
        return told

    def position_lots(self, market: int) -> int:
        """Signed position, as the delivered reports say."""
        return self.ledger.position_lots(market)

    def open_orders(self) -> list[tuple[Order, int]]:
        """Orders sent and not known to have ended, oldest first, with the lots still open."""
        return [(self._orders[serial], left) for serial, left in self._left.items()]

    def fees(self, market: int) -> tuple[Decimal, Decimal]:
        """What the account pays for resting and for taking, as fractions of the value."""
        instrument, settings = self.instruments[market], self.settings
        return (
            instrument.maker_fee if settings.maker_fee is None else settings.maker_fee,
            instrument.taker_fee if settings.taker_fee is None else settings.taker_fee,
        )

    def deposit(self, coin: str, amount_e8: int) -> None:
        self.ledger.deposit(coin, amount_e8)

    def wallet_e8(self, coin: str) -> int:
        return self.ledger.account(coin).wallet_e8

    def unrealised(self, market: int) -> Unrealised:
        """Of the position, at mark; at the last trade where no mark is known."""
        price, source = self._price(market)
        return Unrealised(self.ledger.unrealised_e8(market, price) if price else 0, source)

    def equity_e8(self, coin: str) -> int:
        """Wallet plus unrealised of the markets that settle in the coin."""
        markets = (
            m for m, i in enumerate(self.instruments) if i.settle == coin and self.position_lots(m) != 0
        )
        return self.wallet_e8(coin) + sum(self.unrealised(m).amount_e8 for m in markets)

    def to_state(self) -> dict[str, Any]:
        """Money and positions in plain JSON types; open orders are left out on purpose."""
        self._collect()
        settled = Ledger.from_state(self.instruments, self.ledger.to_state())
        for row in self._pending:
            self._book(settled, row)
        return {"ledger": settled.to_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Start from a saved state; call it before the first row."""
        self.ledger = Ledger.from_state(self.instruments, state["ledger"])
        for m in range(len(self.instruments)):
            self._restore_position(m)

    def _restore_position(self, m: int) -> None:
        lots, average = self.ledger.position_lots(m), self.ledger.average_ticks(m)
        row = self.mt.markets[m]
        self.mt.watch[m] += int(lots != 0) - int(row["position"] != 0)
        row["position"] = lots
        row["average"] = float(average or 0)
        row["liquidation"] = liquidation_ticks.py_func(
            lots, row["average"], row["leverage"], row["maintenance"], row["inverse"]
        )
        row["funding_seen"] = -1  # the next commit arms the settlement

    def _has_margin(self, coin: str) -> bool:
        """Whether the coin's equity covers the initial margin of positions and of all that may add.

        Judged when an order is sent, with that order. One without a price counts at the last price known.
        """
        needed = Fraction(0)
        for market, instrument in enumerate(self.instruments):
            if instrument.settle == coin:
                needed += self._margin(market, abs(self.position_lots(market)), 0)
        for serial, left in self._left.items():
            order = self._orders[serial]
            if not order.reduce_only and self.instruments[order.market].settle == coin:
                needed += self._margin(order.market, left, order.price or order.trigger)
        return to_e8(needed) <= self.equity_e8(coin)

    def _margin(self, market: int, lots: int, price: int) -> Fraction:
        """Initial margin of `lots` at a price in ticks, or (0) at the last one known, or at the entry's."""
        at = Fraction(price) if price else self._price(market)[0] or self.ledger.average_ticks(market)
        if not lots or not at:
            return Fraction(0)
        leverage = min(self.settings.leverage, self.instruments[market].max_leverage)
        return lots * lot_value(self.instruments[market], at) / leverage

    def _serial(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _request(self, **fields: int) -> None:
        """Put a request on its way, in a free slot; one is left, as each order has at most one cancel."""
        slot = int(np.argmin(self.mt.orders["state"]))
        row = self.mt.orders[slot]
        if row["state"] != Slot.FREE:
            raise KernelError(f"paper venue: all {self.mt.orders.size} order slots are taken")
        self.mt.orders[slot] = 0
        for name, value in fields.items():
            row[name] = value
        enqueue(self.mt, slot)

    def _refuse(self, serial: int, market: int, at_ns: int, reason: RejectReason) -> None:
        """Answer for the venue what never reached its tables."""
        self._collect()
        visible = max(at_ns + self.settings.report_latency_ns, int(self.mt.knobs[Knob.LAST_VISIBLE]))
        self.mt.knobs[Knob.LAST_VISIBLE] = visible
        blank = Row(visible, at_ns, serial, market, int(ReportKind.REJECTED), int(reason))
        self._pending.append(blank)
        self._renew_clock()

    def _collect(self) -> None:
        """Move the kernel's reports over, so that its table is empty at every call."""
        knobs = self.mt.knobs
        if knobs[Knob.OVERFLOW]:
            raise KernelError(
                f"paper venue: {knobs[Knob.OVERFLOW]} reports found no room; expected at most "
                f"{self.mt.reports.size} between two messages"
            )
        self._pending.extend(Row(*fields) for fields in self.mt.reports[: knobs[Knob.REPORTS]].tolist())
        knobs[Knob.REPORTS] = 0

    def _renew_clock(self) -> None:
        self.mt.clock[1] = self._pending[0].visible_ns if self._pending else FOREVER

    def _deliver(self, row: Row, now_ns: int) -> Report:
        fee_e8, realised_e8, funding_e8 = self._book(self.ledger, row)
        kind, reason = ReportKind(row.kind), RejectReason(row.reason)
        order = self._orders.get(row.id)
        client_id = order.client_id if order else self._strays.pop(row.id, "")
        side = order.side if order else Side(row.side or 1)
        self._follow(row, kind, reason)
        return Report(
            kind=kind,
            client_id=client_id,
            market=row.market,
            symbol=self.instruments[row.market].symbol if row.market >= 0 else "",
            venue_ns=row.venue_ns,
            now_ns=max(row.visible_ns, now_ns),
            side=side,
            lots=row.lots,
            price=row.price,
            left_lots=row.left,
            liquidity=Liquidity(row.liquidity),
            reason=reason,
            fee_e8=fee_e8,
            realised_e8=realised_e8,
            funding_e8=funding_e8,
        )

    def _follow(self, row: Row, kind: ReportKind, reason: RejectReason) -> None:
        """What a delivered report says about our open orders."""
        refused_cancel = kind is ReportKind.REJECTED and reason is RejectReason.UNKNOWN_ORDER
        if refused_cancel or (kind is ReportKind.CANCELED and reason is RejectReason.NONE):
            self._cancelling.discard(row.id)
        if kind is ReportKind.FILL and row.left:
            self._left[row.id] = row.left
        elif kind in _ENDS and not refused_cancel and row.id in self._left:
            del self._left[row.id]
            del self._ids[self._orders[row.id].client_id]
        if row.id not in self._left and row.id not in self._cancelling:
            self._orders.pop(row.id, None)

    def _book(self, ledger: Ledger, row: Row) -> tuple[int, int, int]:
        """Fee, realised and funding of a report, e8, booked into `ledger`."""
        if row.kind in (ReportKind.FILL, ReportKind.LIQUIDATION):
            rate = self._fee_rate(row)
            booked = ledger.fill(row.market, Side(row.side), row.lots, row.price, rate)
            return booked.fee_e8, booked.realised_e8, 0
        if row.kind == ReportKind.FUNDING:
            mark = exact_ticks(self.instruments[row.market], row.mark) or Fraction(row.price)
            rate_fraction = Fraction(repr(row.rate))
            return 0, 0, ledger.funding(row.market, row.side * row.lots, mark, rate_fraction)
        return 0, 0, 0

    def _fee_rate(self, row: Row) -> Decimal:
        if row.kind == ReportKind.LIQUIDATION:
            return self.settings.liquidation_fee
        maker, taker = self.fees(row.market)
        return maker if row.liquidity == Liquidity.MAKER else taker

    def _price(self, market: int) -> tuple[Fraction | None, PriceSource]:
        return valuation_ticks(self._heads[market], self.instruments[market])
