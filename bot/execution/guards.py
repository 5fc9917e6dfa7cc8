"""Positions that no trade of ours explains: each gets a stop at once, and a question for its owner."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor

from bot.core.enums import Action, Mode, OrderRole, OrderType, Side, TriggerBy
from bot.core.ids import client_order_id, intent_id
from bot.core.messages import Intent, Order, Plan
from bot.execution.live_venue import ASIDE

ADOPTED_BY = "operator"
"""Strategy of adopted trades."""


class Choice(StrEnum):
    """What the owner may answer."""

    ADOPT = "adopt"  # manage it as a trade: our stop, closed by flatten or by the stop
    IGNORE = "ignore"  # leave it alone, without our stop; no entries in this market meanwhile
    FLATTEN = "flatten"


@dataclass(slots=True)
class Guard:
    """An unknown position of a market while its question is open."""

    market: int
    lots: int  # signed
    stop: int  # ticks
    since_ns: int
    nth: int = 0  # of its orders
    stop_id: str = ""  # client id of the resting stop
    choice: Choice | None = None


def stop_ticks(lots: int, price: Fraction, distance: Fraction) -> int:
    """Stop of a signed position, a share of the price away, rounded away from the price."""
    away = price * distance
    return max(1, floor(price - away) if lots > 0 else ceil(price + away))


def guard_order(guard: Guard, symbol: str, role: OrderRole, trigger_by: TriggerBy, now_ns: int) -> Order:
    """The guard's next order: its stop, or the market order that closes the position. Reduce-only."""
    guard.nth += 1
    mark = intent_id("guard", role.value, symbol, f"{guard.lots}", guard.since_ns, guard.nth)
    stop = role is OrderRole.STOP
    return Order(
        client_id=client_order_id(mark, role.value, 0),
        intent_id=f"{ASIDE}{mark}",
        market=guard.market,
        symbol=symbol,
        side=Side.SELL if guard.lots > 0 else Side.BUY,
        type=OrderType.STOP_MARKET if stop else OrderType.MARKET,
        role=role,
        lots=abs(guard.lots),
        trigger=guard.stop if stop else 0,
        trigger_by=trigger_by,
        reduce_only=True,
        sent_ns=now_ns,
    )


def adoption_plan(guard: Guard, symbol: str, now_ns: int) -> Plan:
    side = Side.BUY if guard.lots > 0 else Side.SELL
    intent = Intent(
        id=intent_id(ADOPTED_BY, Mode.SWING.value, symbol, "adopt", now_ns, 0),
        now_ns=now_ns,
        symbol=symbol,
        market=guard.market,
        strategy=ADOPTED_BY,
        mode=Mode.SWING,
        action=Action.ENTER,
        side=side,
        reason="adopted",
        invalidation=guard.stop,
    )
    return Plan(intent, abs(guard.lots), guard.stop, False, 0, {})
