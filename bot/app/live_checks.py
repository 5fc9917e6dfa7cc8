"""Checked at the venue before anything is traded: the key, the modes, the clock, and that stops work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from bot.core.enums import OrderRole, OrderType, Side, TriggerBy
from bot.core.errors import BadInput
from bot.core.ids import client_order_id, intent_id
from bot.core.messages import Order
from bot.execution.ccxt_broker import CcxtBroker
from bot.execution.news import Refusal, Status
from bot.execution.sender import RequestFailed
from bot.market.instruments import Instrument

MOST_SKEW_MS = 1_000.0
FAR = Decimal("0.6")
"""Of the price: where the stop of the self-test lies, for the moment that it rests."""
PROOF_S = 5.0


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the venue told, for people."""

    hedge: bool | None
    leverage: dict[int, float]
    margin: dict[int, str]
    skew_ms: float
    words: str


def unreadable(venue: str, failed: RequestFailed) -> BadInput:
    """What to tell a person who wants to trade an account that does not answer."""
    todo = "check the key" if failed.outcome.refusal is Refusal.PERMISSION else "try again later"
    return BadInput(f"{venue}: the account cannot be read: {failed.words}; {todo}")


async def check_account(broker: CcxtBroker) -> AccountFacts:
    """Changes nothing at the venue. Raises BadInput with what is wrong and what to do, RequestFailed
    when the venue does not answer."""
    name = broker.dialect.name
    skew_ms = await broker.skew_ms()
    key = await broker.key_check()
    hedge, leverage, margin = await broker.settings()
    if key.can_withdraw:
        raise BadInput(f"{name}: this key can withdraw; make one that can only trade futures")
    if key.can_trade is False:
        raise BadInput(f"{name}: this key may not trade futures; allow it at the venue")
    if hedge:
        raise BadInput(f"{name}: expected one-way mode, was hedge mode; switch it at the venue when flat")
    if abs(skew_ms) > MOST_SKEW_MS:
        raise BadInput(f"this machine's clock is {skew_ms:+.0f} ms off {name}'s; synchronise it (NTP)")
    return AccountFacts(hedge, leverage, margin, skew_ms, key.words)


async def self_test_order(
    broker: CcxtBroker, instrument: Instrument, market: int, trigger_by: TriggerBy, now_ns: int
) -> Order:
    """A stop far away and tiny."""
    mid = await broker.mid(market)
    trigger = max(1, int(mid * FAR / instrument.tick))
    smallest = int(instrument.min_notional / (instrument.price(trigger) * instrument.lot)) + 1
    mark = intent_id("self-test", "stop", instrument.symbol, "test", now_ns, 0)
    client_id = client_order_id(mark, "test", 0)
    return _a_stop(client_id, instrument, market, smallest, trigger, trigger_by, now_ns)


async def clear_self_test(broker: CcxtBroker, client_id: str, instrument: Instrument, market: int) -> None:
    """Take away what an earlier test may have left resting when its process died. Raises RequestFailed."""
    left = _a_stop(client_id, instrument, market, 1, 1, TriggerBy.MARK, 0)
    found = await broker.find(left, "")
    if found is not None and found.status is Status.RESTING:
        await _take_away(broker, left)


def _a_stop(
    client_id: str,
    instrument: Instrument,
    market: int,
    lots: int,
    trigger: int,
    trigger_by: TriggerBy,
    now_ns: int,
) -> Order:
    return Order(
        client_id,
        "self-test",
        market,
        instrument.symbol,
        Side.SELL,
        OrderType.STOP_MARKET,
        OrderRole.STOP,
        lots,
        trigger=trigger,
        trigger_by=trigger_by,
        sent_ns=now_ns,
    )


async def stop_self_test(broker: CcxtBroker, order: Order) -> str:
    """Place the stop, see it rest, take it away; what went wrong in words, "" nothing."""
    try:
        await broker.submit(order)
        rests = await _becomes(broker, order, Status.RESTING)
    except RequestFailed as failed:
        return f"a stop was refused ({broker.dialect.stop_self_test}): {failed.words}"
    finally:
        gone = await _take_away(broker, order)
    if not rests:
        return f"a stop was taken and is not shown as resting ({broker.dialect.stop_self_test})"
    return "" if gone else "a stop could not be cancelled; look at the account's open orders"


async def _take_away(broker: CcxtBroker, order: Order) -> bool:
    try:
        await broker.cancel(order, "")
        return await _becomes(broker, order, Status.CANCELED)
    except RequestFailed:
        return False


async def _becomes(broker: CcxtBroker, order: Order, status: Status) -> bool:
    """Asked until the order shows the status."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + PROOF_S
    while loop.time() < until_s:
        found = await broker.find(order, "")
        if found is not None and found.status is status:
            return True
        await asyncio.sleep(0.2)
    return False
