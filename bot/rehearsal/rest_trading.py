"""Signed endpoints that trade: orders and conditional orders."""

from __future__ import annotations

from typing import Any

from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.orders import AlgoOrder, Status, VenueOrder
from bot.rehearsal.params import Params
from bot.rehearsal.payloads import Json, algo_json, order_json
from bot.rehearsal.rules import lots_of, side_of, ticks_of, wanted_conditional, wanted_order

_RESULT_AT_ONCE = ("IOC", "FOK")


def new_order(ex: Exchange, params: Params) -> Json:
    """Answers as of the acceptance, unless RESULT was asked for what never rests."""
    market = ex.market(params["symbol"])
    wanted = wanted_order(
        params, market, ex.world.instruments[market], ex.account.mark(market), next(ex.client_ids)
    )
    order = ex.place(wanted)
    answer = _told(ex, order)
    result = params.text("newOrderRespType", "ACK") == "RESULT"
    if not (result and (order.type == "MARKET" or order.time_in_force in _RESULT_AT_ONCE)):
        nothing = "0" if "." not in answer["origQty"] else f"{0:.{len(answer['origQty'].split('.')[1])}f}"
        answer |= {
            "status": Status.NEW.value,
            "executedQty": nothing,
            "cumQty": nothing,
            "cumQuote": "0",
            "avgPrice": "0.00",
        }
    return answer


def batch_orders(ex: Exchange, params: Params) -> list[Json]:
    """Up to five; each is answered for itself."""
    listed = params.listed("batchOrders")
    if not 1 <= len(listed) <= 5 or not all(isinstance(fields, dict) for fields in listed):
        raise VenueError(-1130, "batchOrders")
    answers: list[Json] = []
    for fields in listed:
        try:
            answers.append(new_order(ex, Params({name: _plain(value) for name, value in fields.items()})))
        except VenueError as refused:
            answers.append(refused.to_json())
    return answers


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def amend_order(ex: Exchange, params: Params) -> Json:
    order = _named(ex, params, -2013)
    instrument = ex.world.instruments[order.market]
    if side_of(params) is not order.side:
        raise VenueError(-1130, "side")
    lots, price = lots_of(params, instrument), ticks_of(params, instrument)
    return _told(ex, ex.amend(order, lots, price))


def cancel_order(ex: Exchange, params: Params) -> Json:
    return _told(ex, ex.cancel(_named(ex, params, -2011)))


def cancel_batch(ex: Exchange, params: Params) -> list[Json]:
    market = ex.market(params["symbol"])
    ids = params.listed("orderIdList")
    names = params.listed("origClientOrderIdList")
    answers: list[Json] = []
    for order_id, name in [(i, None) for i in ids] + [(None, n) for n in names]:
        try:
            answers.append(_told(ex, ex.cancel(ex.orders.find(order_id, name, market, -2011))))
        except VenueError as refused:
            answers.append(refused.to_json())
    return answers


def get_order(ex: Exchange, params: Params) -> Json:
    return _told(ex, _named(ex, params, -2013))


def open_order(ex: Exchange, params: Params) -> Json:
    order = _named(ex, params, -2013)
    if not order.open:
        raise VenueError(-2013)
    return _told(ex, order)


def open_orders(ex: Exchange, params: Params) -> list[Json]:
    return [_told(ex, order) for order in ex.orders.open(_market(ex, params))]


def all_orders(ex: Exchange, params: Params) -> list[Json]:
    from_ms, to_ms = params.span_ms()
    first = params.whole("orderId", 0)
    found = [
        order
        for order in ex.orders.all(_market(ex, params))
        if order.id >= first and from_ms <= order.created_ms <= to_ms
    ]
    limit = params.limit(500, 1000)
    return [_told(ex, order) for order in (found[:limit] if first else found[-limit:])]


def cancel_all(ex: Exchange, params: Params) -> Json:
    ex.cancel_all(ex.market(params["symbol"]))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def count_down(ex: Exchange, params: Params) -> Json:
    market = ex.market(params["symbol"])
    ex.count_down(market, params.whole("countdownTime"))
    return {"symbol": params["symbol"], "countdownTime": params["countdownTime"]}


def new_algo(ex: Exchange, params: Params) -> Json:
    market = ex.market(params["symbol"])
    wanted = wanted_conditional(params, market, ex.world.instruments[market], next(ex.client_ids))
    return _told_algo(ex, ex.conditionals.place(wanted))


def cancel_algo(ex: Exchange, params: Params) -> Json:
    algo = ex.conditionals.cancel(_named_algo(ex, params, -2011))
    return {"algoId": algo.id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}


def get_algo(ex: Exchange, params: Params) -> Json:
    return _told_algo(ex, _named_algo(ex, params, -2013))


def open_algos(ex: Exchange, params: Params) -> list[Json]:
    return [_told_algo(ex, algo) for algo in ex.conditionals.table.open(_market(ex, params))]


def all_algos(ex: Exchange, params: Params) -> list[Json]:
    from_ms, to_ms = params.span_ms()
    market = ex.market(params["symbol"])
    found = [a for a in ex.conditionals.table.all(market) if from_ms <= a.created_ms <= to_ms]
    return [_told_algo(ex, algo) for algo in found[-params.limit(500, 1000) :]]


def cancel_all_algos(ex: Exchange, params: Params) -> Json:
    ex.conditionals.cancel_all(ex.market(params["symbol"]))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _market(ex: Exchange, params: Params) -> int | None:
    return ex.market(params["symbol"]) if "symbol" in params else None


def _named(ex: Exchange, params: Params, code: int) -> VenueOrder:
    market = ex.market(params["symbol"])
    if "orderId" not in params and "origClientOrderId" not in params:
        raise VenueError(-1102, "orderId")
    order_id = params.whole("orderId") if "orderId" in params else None
    return ex.orders.find(order_id, params.text("origClientOrderId", "") or None, market, code)


def _named_algo(ex: Exchange, params: Params, code: int) -> AlgoOrder:
    if "algoId" not in params and "clientAlgoId" not in params:
        raise VenueError(-1102, "algoid")
    algo_id = params.whole("algoId") if "algoId" in params else None
    return ex.conditionals.table.find(algo_id, params.text("clientAlgoId", "") or None, None, code)


def _told(ex: Exchange, order: VenueOrder) -> Json:
    return order_json(order, ex.world.instruments[order.market])


def _told_algo(ex: Exchange, algo: AlgoOrder) -> Json:
    return algo_json(algo, ex.world.instruments[algo.market])
