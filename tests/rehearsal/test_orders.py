"""Orders on the exchange without sockets: what acts, what is refused, what is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.core.units import NS_PER_S
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from tests.rehearsing import ask, exchange_at, listen


@pytest.fixture
def exchange() -> Exchange:
    return exchange_at()


def touch(exchange: Exchange, market: int = 0) -> tuple[Decimal, Decimal]:
    at = exchange.world.touch(market)
    assert at is not None
    instrument = exchange.world.instruments[market]
    return instrument.price(at[0]), instrument.price(at[1])


def limit(exchange: Exchange, side: str, price: Decimal, quantity: str = "0.010", **more: object) -> Any:
    fields = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "side": side, "price": price}
    return ask(exchange, "POST order", **(fields | {"quantity": quantity} | more))


def market(exchange: Exchange, side: str, quantity: str = "0.010", **more: object) -> Any:
    fields = {"symbol": "BTCUSDT", "type": "MARKET", "side": side, "newOrderRespType": "RESULT"}
    return ask(exchange, "POST order", **(fields | {"quantity": quantity} | more))


def position(exchange: Exchange) -> Decimal:
    return Decimal(ask(exchange, "GET v2/positionRisk", symbol="BTCUSDT")[0]["positionAmt"])


def test_a_market_order_is_filled_in_its_own_answer(exchange: Exchange) -> None:
    _, best_ask = touch(exchange)
    answer = market(exchange, "BUY")
    assert (answer["status"], answer["executedQty"]) == ("FILLED", "0.010")
    assert Decimal(answer["avgPrice"]) == best_ask
    assert position(exchange) == Decimal("0.010")


def test_an_acknowledgement_says_nothing_of_fills(exchange: Exchange) -> None:
    answer = market(exchange, "BUY", newOrderRespType="ACK")
    assert (answer["status"], answer["executedQty"]) == ("NEW", "0.000")
    assert position(exchange) == Decimal("0.010")


def test_a_large_market_order_walks_the_book_and_what_it_took_is_gone(exchange: Exchange) -> None:
    _, asks = exchange.world.depth(0, 3)
    events = listen(exchange)
    lots = sum(lots for _, lots in asks[:2]) + 1
    quantity = f"{lots * Decimal('0.001'):f}"
    assert market(exchange, "BUY", quantity)["status"] == "FILLED"
    fills = [e["o"] for e in events if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["x"] == "TRADE"]
    assert [int(Decimal(f["l"]) * 1000) for f in fills] == [asks[0][1], asks[1][1], 1]
    again = market(exchange, "BUY", "0.001")
    assert Decimal(again["avgPrice"]) == exchange.world.instruments[0].price(asks[2][0])


def test_a_limit_order_rests_fills_by_the_flow_and_is_found_by_both_ids(exchange: Exchange) -> None:
    bid, _ = touch(exchange)
    made = limit(exchange, "BUY", bid, newClientOrderId="rests")
    assert made["status"] == "NEW"
    for _ in range(600):
        exchange.world.step(NS_PER_S)
        if not ask(exchange, "GET openOrders", symbol="BTCUSDT"):
            break
    found = ask(exchange, "GET order", symbol="BTCUSDT", origClientOrderId="rests")
    assert found == ask(exchange, "GET order", symbol="BTCUSDT", orderId=made["orderId"])
    assert (found["status"], Decimal(found["avgPrice"])) == ("FILLED", bid)
    trades = ask(exchange, "GET userTrades", symbol="BTCUSDT")
    assert {t["maker"] for t in trades} == {True}
    assert {t["orderId"] for t in trades} == {made["orderId"]}


@pytest.mark.parametrize("in_force", ["IOC", "FOK"])
def test_an_order_that_cannot_fill_at_once_leaves_nothing_resting(exchange: Exchange, in_force: str) -> None:
    bid, _ = touch(exchange)
    if in_force == "FOK":
        with pytest.raises(VenueError) as refused:
            limit(exchange, "BUY", bid, timeInForce=in_force)
        assert refused.value.code == -5021
        assert ask(exchange, "GET allOrders", symbol="BTCUSDT") == []
    else:
        answer = limit(exchange, "BUY", bid, timeInForce=in_force, newOrderRespType="RESULT")
        assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.000")
    assert ask(exchange, "GET openOrders", symbol="BTCUSDT") == []


def test_fill_or_kill_fills_whole_when_it_can(exchange: Exchange) -> None:
    _, asks = exchange.world.depth(0, 2)
    instrument = exchange.world.instruments[0]
    both = asks[0][1] + asks[1][1]
    price = instrument.price(asks[1][0])
    with pytest.raises(VenueError):
        limit(exchange, "BUY", price, str(instrument.quantity(both + 1)), timeInForce="FOK")
    more = {"timeInForce": "FOK", "newOrderRespType": "RESULT"}
    assert limit(exchange, "BUY", price, str(instrument.quantity(both)), **more)["status"] == "FILLED"


def test_post_only_that_would_take_is_refused_and_never_was(exchange: Exchange) -> None:
    _, best_ask = touch(exchange)
    events = listen(exchange)
    with pytest.raises(VenueError) as refused:
        limit(exchange, "BUY", best_ask, timeInForce="GTX", newClientOrderId="taker")
    assert refused.value.code == -5022
    assert events == []
    with pytest.raises(VenueError):
        ask(exchange, "GET order", symbol="BTCUSDT", origClientOrderId="taker")


def test_a_changed_order_keeps_its_ids_and_what_was_filled(exchange: Exchange) -> None:
    bid, _ = touch(exchange)
    events = listen(exchange)
    made = limit(exchange, "BUY", bid - 50, newClientOrderId="moved")
    new = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "orderId": made["orderId"],
        "quantity": "0.020",
        "price": bid - 100,
    }
    changed = ask(exchange, "PUT order", **new)
    assert (changed["orderId"], changed["origQty"], Decimal(changed["price"])) == (
        made["orderId"],
        "0.020",
        bid - 100,
    )
    assert [e["o"]["x"] for e in events] == ["NEW", "AMENDMENT"]
    with pytest.raises(VenueError) as refused:
        ask(exchange, "PUT order", **new)
    assert refused.value.code == -5027
    assert ask(exchange, "DELETE order", symbol="BTCUSDT", origClientOrderId="moved")["status"] == "CANCELED"
    assert [e["o"]["x"] for e in events] == ["NEW", "AMENDMENT", "CANCELED"]


def test_a_change_that_would_take_ends_a_post_only_order(exchange: Exchange) -> None:
    bid, best_ask = touch(exchange)
    made = limit(exchange, "BUY", bid - 50, timeInForce="GTX")
    fields = {"symbol": "BTCUSDT", "side": "BUY", "orderId": made["orderId"], "quantity": "0.010"}
    assert ask(exchange, "PUT order", price=best_ask + 50, **fields)["status"] == "EXPIRED"
    assert position(exchange) == 0


def test_reduce_only_never_opens_and_never_turns_a_position(exchange: Exchange) -> None:
    with pytest.raises(VenueError) as refused:
        market(exchange, "SELL", reduceOnly=True)
    assert refused.value.code == -2022
    market(exchange, "BUY", "0.010")
    answer = market(exchange, "SELL", "0.030", reduceOnly=True)
    assert answer["executedQty"] == "0.010"
    assert position(exchange) == 0


def test_a_client_id_is_unique_among_open_orders_only(exchange: Exchange) -> None:
    bid, _ = touch(exchange)
    first = limit(exchange, "BUY", bid - 50, newClientOrderId="once")
    with pytest.raises(VenueError) as refused:
        limit(exchange, "BUY", bid - 50, newClientOrderId="once")
    assert refused.value.code == -4116
    ask(exchange, "DELETE order", symbol="BTCUSDT", orderId=first["orderId"])
    second = limit(exchange, "BUY", bid - 50, newClientOrderId="once")
    found = ask(exchange, "GET order", symbol="BTCUSDT", origClientOrderId="once")
    assert found["orderId"] == second["orderId"] != first["orderId"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "NOPE"}, -1121),
        ({"side": "UP"}, -1117),
        ({"type": "STOP_MARKET"}, -4120),
        ({"type": "TRAILING_STOP_MARKET"}, -4120),
        ({"type": "ICEBERG"}, -1116),
        ({"quantity": "0"}, -4003),
        ({"quantity": "-1"}, -4003),
        ({"quantity": "0.0105"}, -1111),
        ({"quantity": "100000"}, -4005),
        ({"quantity": ""}, -1102),
        ({"quantity": "many"}, -1102),
        ({"quantity": "1e999999"}, -1102),
        ({"price": "1e-999999"}, -1102),
        ({"price": "50000.5"}, -1111),
        ({"price": "59993"}, -4014),
        ({"price": "0"}, -4013),
        ({"price": "90000"}, -4016),
        ({"side": "SELL", "price": "30000"}, -4024),
        ({"price": ""}, -1102),
        ({"timeInForce": ""}, -1102),
        ({"timeInForce": "DAY"}, -1115),
        ({"quantity": "0.001", "price": "4000"}, -4164),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newClientOrderId": "no spaces"}, -4015),
        ({"positionSide": "LONG"}, -4061),
        ({"quantity": "100", "price": "58000"}, -2019),
        ({"reduceOnly": "true"}, -2022),
        ({"reduceOnly": "maybe"}, -1130),
    ],
)
def test_an_order_is_refused_with_the_venue_s_code(
    exchange: Exchange, fields: dict[str, str], code: int
) -> None:
    good = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "side": "BUY", "quantity": "0.010"}
    with pytest.raises(VenueError) as refused:
        ask(exchange, "POST order", **(good | {"price": "58000"} | fields))
    assert refused.value.code == code
    assert ask(exchange, "GET openOrders", symbol="BTCUSDT") == []


def test_open_orders_take_margin_until_they_are_cancelled(exchange: Exchange) -> None:
    def free() -> Decimal:
        return Decimal(ask(exchange, "GET v3/account")["availableBalance"])

    ask(exchange, "POST leverage", symbol="BTCUSDT", leverage=10)
    limit(exchange, "BUY", Decimal(58000), "1.000")
    assert free() == Decimal(10000) - Decimal(5800)
    limit(exchange, "SELL", Decimal(62000), "0.500")  # the larger side counts
    assert free() == Decimal(4200)
    with pytest.raises(VenueError) as refused:
        limit(exchange, "BUY", Decimal(58000), "0.800")
    assert refused.value.code == -2019
    ask(exchange, "DELETE allOpenOrders", symbol="BTCUSDT")
    assert free() == Decimal(10000)


def test_two_hundred_orders_a_symbol_are_the_most(exchange: Exchange) -> None:
    for n in range(200):
        limit(exchange, "BUY" if n % 2 else "SELL", Decimal(58000 if n % 2 else 62000), "0.001")
    with pytest.raises(VenueError) as refused:
        limit(exchange, "BUY", Decimal(58000), "0.001")
    assert refused.value.code == -2025
    ask(exchange, "DELETE allOpenOrders", symbol="BTCUSDT")
    assert ask(exchange, "GET openOrders") == []


def test_the_countdown_cancels_orders_but_not_stops(exchange: Exchange) -> None:
    bid, _ = touch(exchange)
    limit(exchange, "BUY", bid - 100)
    stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "side": "SELL", "quantity": "0.010"}
    ask(exchange, "POST algoOrder", symbol="BTCUSDT", triggerPrice=bid - 500, **stop)
    ask(exchange, "POST countdownCancelAll", symbol="BTCUSDT", countdownTime=1000)
    exchange.tick()
    assert len(ask(exchange, "GET openOrders", symbol="BTCUSDT")) == 1
    exchange.world.step(2 * NS_PER_S)
    exchange.tick()
    assert ask(exchange, "GET openOrders", symbol="BTCUSDT") == []
    assert len(ask(exchange, "GET openAlgoOrders")) == 1


def test_a_batch_answers_each_order_for_itself(exchange: Exchange) -> None:
    fields = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "side": "BUY"}
    good = json.dumps(fields | {"quantity": "0.010", "price": "58000"})
    bad = good.replace("58000", "58001")
    answers = ask(exchange, "POST batchOrders", batchOrders=f"[{good},{bad}]")
    assert (answers[0]["status"], answers[1]["code"]) == ("NEW", -4014)
    ids = f"[{answers[0]['orderId']},7]"
    ended = ask(exchange, "DELETE batchOrders", symbol="BTCUSDT", orderIdList=ids)
    assert (ended[0]["status"], ended[1]["code"]) == ("CANCELED", -2011)
