"""The account as the venue shows it against what we believe: pure comparison, no action.

News and questions cross on the way, so a difference counts only when two
looks in a row, with nothing booked in between and nothing in flight, show the
same one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.core.units import to_e8
from bot.execution.live_orders import Known, LiveOrder
from bot.execution.live_venue import LiveVenue
from bot.execution.news import AccountTold, OrderSeen

OUR_PREFIX = "lop-"


@dataclass(frozen=True, slots=True)
class Differences:
    """What the venue shows beyond (+) or short of (-) our books."""

    lots: tuple[tuple[int, int], ...] = ()  # market, signed lots
    wallet_e8: tuple[tuple[str, int], ...] = ()
    booked: int = -1  # how much was booked when they were seen

    def __bool__(self) -> bool:
        return bool(self.lots or self.wallet_e8)


def differences(venue: LiveVenue, told: AccountTold) -> Differences:
    held = {seen.market: seen.lots for seen in told.positions}
    lots = tuple(
        (market, held.get(market, 0) - venue.position_lots(market))
        for market in range(len(venue.instruments))
        if held.get(market, 0) != venue.position_lots(market)
    )
    settled_in = {i.settle for i in venue.instruments}
    wallet = tuple(
        (coin, to_e8(Decimal(amount)) - venue.wallet_e8(coin))
        for coin, amount in sorted(told.wallet.items())
        if coin in settled_in and to_e8(Decimal(amount)) != venue.wallet_e8(coin)
    )
    return Differences(lots, wallet, venue.booked)


def in_flight(orders: Iterable[LiveOrder]) -> bool:
    """Whether an order's fate, or a fill it spoke of, is still to come."""
    return any(k.known in (Known.SENT, Known.UNKNOWN) or k.lacks_fills for k in orders)


@dataclass(frozen=True, slots=True)
class OrderFindings:
    lost: tuple[LiveOrder, ...]  # we count on them and they are not shown: ask
    orphans: tuple[OrderSeen, ...]  # ours, ended or of no trade in our books: cancel
    others: tuple[OrderSeen, ...]  # carry our prefix and were never ours: a second instance
    foreign: tuple[OrderSeen, ...]  # somebody else's: left alone


def order_findings(
    orders: Mapping[str, LiveOrder], told: AccountTold, self_tests: Collection[str] = ()
) -> OrderFindings:
    """Only orders that had been proved before the venue was asked can be missed.

    Stops of self-tests are looked after by whoever sent them.
    """
    shown = {seen.client_id for seen in told.orders}
    lost = tuple(
        k
        for k in orders.values()
        if k.known is Known.PLACED
        and k.order.sent_ns < told.asked_ns
        and not k.triggered
        and k.order.client_id not in shown
    )
    orphans, others, foreign = [], [], []
    for seen in told.orders:
        known = orders.get(seen.client_id)
        if known is not None:
            # one that ended while the answer was on its way is no orphan
            if known.known is Known.ENDED and known.ended_ns < told.asked_ns:
                orphans.append(seen)
        elif seen.client_id in self_tests:
            continue
        elif seen.client_id.startswith(OUR_PREFIX):
            others.append(seen)
        else:
            foreign.append(seen)
    return OrderFindings(lost, tuple(orphans), tuple(others), tuple(foreign))
