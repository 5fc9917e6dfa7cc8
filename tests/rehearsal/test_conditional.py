"""Conditional orders: ids of their own, triggered at the very row, told in the venue's order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market.events import Kind
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from tests.rehearsing import ask, exchange_at, listen


@pytest.fixture
def exchange() -> Exchange:
    exchange = exchange_at()
    ask(exchange, "POST order", symbol="BTCUSDT", type="MARKET", side="BUY", quantity="0.020")
    return exchange


def conditional(exchange: Exchange, kind: str, side: str, trigger: Decimal | str, **more: object) -> Any:
    fields: dict[str, object] = {"symbol": "BTCUSDT", "algoType": "CONDITIONAL", "type": kind, "side": side}
    if "closePosition" not in more:
        fields["quantity"] = "0.020"
    return ask(exchange, "POST algoOrder", **(fields | {"triggerPrice": trigger} | more))


def last_price(exchange: Exchange) -> Decimal:
    return Decimal(ask(exchange, "GET v1/ticker/price", symbol="BTCUSDT")["price"])


def until_triggered(exchange: Exchange, algo_id: int) -> dict[str, Any]:
    for _ in range(200):
        exchange.world.step(10 * NS_PER_S)
        found: dict[str, Any] = ask(exchange, "GET algoOrder", algoId=algo_id)
        if found["algoStatus"] != "NEW":
            return found
    pytest.fail("the market never reached the trigger")


@pytest.mark.parametrize("kind", ["STOP_MARKET", "TAKE_PROFIT_MARKET"])
@pytest.mark.parametrize("by", ["MARK_PRICE", "CONTRACT_PRICE"])
def test_it_triggers_at_the_first_row_that_reaches_its_price(exchange: Exchange, kind: str, by: str) -> None:
    sign = -1 if kind == "STOP_MARKET" else 1
    trigger = (last_price(exchange) // 5) * 5 + sign * 60
    seen: list[np.ndarray] = []
    exchange.world.subscribe(lambda rows: seen.append(rows.copy()))
    algo = conditional(exchange, kind, "SELL", trigger, workingType=by, reduceOnly=True)
    found = until_triggered(exchange, algo["algoId"])
    rows = np.concatenate(seen)
    rows = rows[rows["market"] == 0]
    if by == "MARK_PRICE":
        prices = rows[rows["kind"] == Kind.MARK]
        beyond = prices["value"] * -sign <= float(trigger) * -sign
    else:
        prices = rows[rows["kind"] == Kind.TRADE]
        beyond = prices["price"] * 5 * -sign <= int(trigger) * -sign
    first = prices[np.flatnonzero(beyond)[0]]
    assert found["algoStatus"] == "FINISHED"
    trade = ask(exchange, "GET userTrades", symbol="BTCUSDT")[-1]
    assert found["triggerTime"] == trade["time"] == first["recv_ns"] // NS_PER_MS
    assert Decimal(ask(exchange, "GET v2/positionRisk", symbol="BTCUSDT")[0]["positionAmt"]) == 0


def test_the_order_it_sends_is_linked_and_told_before_its_own_trigger(exchange: Exchange) -> None:
    trigger = (last_price(exchange) // 5) * 5 - 30
    algo = conditional(exchange, "STOP_MARKET", "SELL", trigger, clientAlgoId="my-stop", reduceOnly=True)
    events = listen(exchange)
    found = until_triggered(exchange, algo["algoId"])
    order = ask(exchange, "GET order", symbol="BTCUSDT", orderId=found["actualOrderId"])
    assert (order["clientOrderId"], order["origType"], order["type"]) == ("my-stop", "STOP_MARKET", "MARKET")
    told = [
        e["o"]["X"] if e["e"] == "ALGO_UPDATE" else e["o"]["x"]
        for e in events
        if e["e"] in ("ALGO_UPDATE", "ORDER_TRADE_UPDATE")
    ]
    fills = told.count("TRADE")
    assert told == ["TRIGGERING", "NEW", *["TRADE"] * fills, "TRIGGERED", "FINISHED"]


@pytest.mark.parametrize(
    ("kind", "side", "offset", "refused"),
    [
        ("STOP_MARKET", "SELL", +100, True),
        ("STOP_MARKET", "SELL", -100, False),
        ("STOP_MARKET", "BUY", -100, True),
        ("STOP_MARKET", "BUY", +100, False),
        ("TAKE_PROFIT_MARKET", "SELL", -100, True),
        ("TAKE_PROFIT_MARKET", "BUY", +100, True),
        ("TAKE_PROFIT_MARKET", "BUY", -100, False),
    ],
)
def test_one_on_the_wrong_side_is_refused(
    exchange: Exchange, kind: str, side: str, offset: int, refused: bool
) -> None:
    trigger = (last_price(exchange) // 5) * 5 + offset
    if not refused:
        assert conditional(exchange, kind, side, trigger)["algoStatus"] == "NEW"
        return
    with pytest.raises(VenueError) as error:
        conditional(exchange, kind, side, trigger)
    assert error.value.code == -2021


def test_closing_the_position_takes_whatever_is_held_then(exchange: Exchange) -> None:
    trigger = (last_price(exchange) // 5) * 5 - 30
    algo = conditional(exchange, "STOP_MARKET", "SELL", trigger, closePosition=True)
    assert Decimal(algo["quantity"]) == 0
    with pytest.raises(VenueError) as second:
        conditional(exchange, "STOP_MARKET", "SELL", trigger - 100, closePosition=True)
    assert second.value.code == -4130
    ask(exchange, "POST order", symbol="BTCUSDT", type="MARKET", side="BUY", quantity="0.013")
    found = until_triggered(exchange, algo["algoId"])
    order = ask(exchange, "GET order", symbol="BTCUSDT", orderId=found["actualOrderId"])
    assert (order["origQty"], order["closePosition"], order["reduceOnly"]) == ("0.033", True, True)


def test_a_reduce_only_stop_without_a_position_is_rejected_when_it_triggers(exchange: Exchange) -> None:
    trigger = (last_price(exchange) // 5) * 5 - 30
    algo = conditional(exchange, "STOP_MARKET", "SELL", trigger, reduceOnly=True)
    ask(exchange, "POST order", symbol="BTCUSDT", type="MARKET", side="SELL", quantity="0.020")
    events = listen(exchange)
    assert until_triggered(exchange, algo["algoId"])["algoStatus"] == "REJECTED"
    assert events[-1]["o"]["rm"] == "ReduceOnly Order is rejected."


def test_it_is_cancelled_by_its_own_ids_only(exchange: Exchange) -> None:
    trigger = (last_price(exchange) // 5) * 5 - 500
    algo = conditional(exchange, "STOP_MARKET", "SELL", trigger, clientAlgoId="own")
    with pytest.raises(VenueError) as refused:
        ask(exchange, "DELETE order", symbol="BTCUSDT", orderId=algo["algoId"])
    assert refused.value.code == -2011
    assert ask(exchange, "GET openOrders", symbol="BTCUSDT") == []
    gone = ask(exchange, "DELETE algoOrder", clientAlgoId="own")
    assert (gone["algoId"], gone["code"]) == (algo["algoId"], "200")
    with pytest.raises(VenueError):
        ask(exchange, "DELETE algoOrder", algoId=algo["algoId"])
    assert ask(exchange, "GET allAlgoOrders", symbol="BTCUSDT")[0]["algoStatus"] == "CANCELED"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"closePosition": True, "quantity": "0.010"}, -4136),
        ({"closePosition": True, "reduceOnly": True}, -1106),
        ({"workingType": "INDEX"}, -1130),
        ({"algoType": "VP"}, -1130),
        ({"type": "LIMIT"}, -1116),
        ({"triggerPrice": "58001"}, -4014),
        ({"clientAlgoId": "taken"}, -4116),
    ],
)
def test_a_conditional_order_is_refused_with_the_venue_s_code(
    exchange: Exchange, more: dict[str, object], code: int
) -> None:
    conditional(exchange, "STOP_MARKET", "SELL", "57000", clientAlgoId="taken")
    fields = {"kind": "STOP_MARKET", "side": "SELL", "trigger": "58000"} | more
    kind, side, trigger = fields.pop("kind"), fields.pop("side"), fields.pop("trigger")
    with pytest.raises(VenueError) as refused:
        conditional(exchange, str(kind), str(side), str(trigger), **fields)
    assert refused.value.code == code
