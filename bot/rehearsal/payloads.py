"""The JSON the venue speaks: orders, account, positions, and the events of the user stream.

Keys and texts follow the documentation of Binance USDⓈ-M (REST of July 2026)
and recorded messages. Prices and quantities are plain decimals with the
market's own digits, money has eight.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from bot.core.units import from_e8
from bot.market.instruments import Instrument
from bot.rehearsal.account import COIN, Account
from bot.rehearsal.orders import AlgoOrder, Income, VenueOrder, VenueTrade, average_price

Json = dict[str, Any]


def money(amount_e8: int) -> str:
    return f"{from_e8(amount_e8):.8f}"


def digits(step: Decimal) -> int:
    """Decimals of a tick or lot."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def price_text(instrument: Instrument, ticks: int) -> str:
    return f"{instrument.price(ticks):.{digits(instrument.tick)}f}"


def quantity_text(instrument: Instrument, lots: int) -> str:
    return f"{instrument.quantity(lots):.{digits(instrument.lot)}f}"


def exact_text(instrument: Instrument, ticks: Fraction | float | None) -> str:
    """A price that need not be a whole tick, eight decimals; "0.0" for none."""
    if ticks is None or ticks != ticks:
        return "0.0"
    return f"{Decimal(round(Fraction(ticks) * Fraction(instrument.tick) * 10**8)).scaleb(-8):.8f}"


def order_json(order: VenueOrder, instrument: Instrument) -> Json:
    average = average_price(order, instrument.tick)
    spent = instrument.tick * instrument.lot * order.quote_ticks
    return {
        "orderId": order.id,
        "symbol": instrument.symbol,
        "status": order.status.value,
        "clientOrderId": order.client_id,
        "price": price_text(instrument, order.price),
        "avgPrice": f"{average:.{max(2, digits(instrument.tick) + 2)}f}",
        "origQty": quantity_text(instrument, order.lots),
        "executedQty": quantity_text(instrument, order.filled_lots),
        "cumQty": quantity_text(instrument, order.filled_lots),
        "cumQuote": f"{spent:.8f}",
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side.name,
        "positionSide": "BOTH",
        "stopPrice": price_text(instrument, order.trigger),
        "workingType": order.working_type,
        "priceProtect": False,
        "origType": order.original_type or order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def algo_json(algo: AlgoOrder, instrument: Instrument) -> Json:
    order = algo.order
    average = average_price(order, instrument.tick) if order else Decimal(0)
    return {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": instrument.symbol,
        "side": algo.side.name,
        "positionSide": "BOTH",
        "timeInForce": algo.time_in_force,
        "quantity": quantity_text(instrument, algo.lots),
        "algoStatus": algo.status.value,
        "actualOrderId": str(order.id) if order else "",
        "actualPrice": f"{average:.{max(2, digits(instrument.tick) + 2)}f}",
        "triggerPrice": price_text(instrument, algo.trigger),
        "price": price_text(instrument, algo.price),
        "icebergQuantity": None,
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": algo.working_type,
        "priceMatch": "NONE",
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": 0,
    }


def trade_json(trade: VenueTrade, instrument: Instrument) -> Json:
    quote = instrument.price(trade.price) * instrument.quantity(trade.lots)
    return {
        "symbol": instrument.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "side": trade.side.name,
        "price": price_text(instrument, trade.price),
        "qty": quantity_text(instrument, trade.lots),
        "realizedPnl": money(trade.realised_e8),
        "quoteQty": f"{quote:.8f}",
        "commission": money(trade.fee_e8),
        "commissionAsset": COIN,
        "time": trade.time_ms,
        "positionSide": "BOTH",
        "buyer": trade.side > 0,
        "maker": trade.maker,
    }


def income_json(income: Income, symbol: str) -> Json:
    return {
        "symbol": symbol,
        "incomeType": income.type,
        "income": money(income.amount_e8),
        "asset": COIN,
        "info": str(income.trade_id or income.type),
        "time": income.time_ms,
        "tranId": income.id,
        "tradeId": str(income.trade_id or ""),
    }


def position_json(account: Account, market: int, orders: list[VenueOrder], version: int) -> Json:
    """A row of positionRisk; version 2 also says leverage and margin type."""
    instrument, terms = account.world.instruments[market], account.terms[market]
    bids, asks = account.order_values_e8(market, orders)
    held_e8, both_e8 = account.position_margin_e8(market), account.margin_e8(market, bids, asks)
    isolated_e8 = account.isolated_wallet_e8(market)
    row = {
        "symbol": instrument.symbol,
        "positionSide": "BOTH",
        "positionAmt": quantity_text(instrument, account.position(market)),
        "entryPrice": exact_text(instrument, account.entry_ticks(market)),
        "breakEvenPrice": exact_text(instrument, account.break_even_ticks(market)),
        "markPrice": f"{account.mark(market):.8f}",
        "unRealizedProfit": money(account.unrealised_e8(market)),
        "liquidationPrice": _liquidation_text(account, market),
        "isolatedMargin": money(isolated_e8 + account.unrealised_e8(market) if isolated_e8 else 0),
        "notional": money(account.notional_e8(market)),
        "isolatedWallet": money(isolated_e8),
        "updateTime": terms.changed_ms,
    }
    if version == 2:
        return row | {
            "leverage": str(terms.leverage),
            "maxNotionalValue": MAX_NOTIONAL,
            "marginType": "isolated" if terms.isolated else "cross",
            "isAutoAddMargin": "false",
        }
    return row | {
        "marginAsset": COIN,
        "initialMargin": money(both_e8),
        "maintMargin": money(account.maintenance_e8(market)),
        "positionInitialMargin": money(held_e8),
        "openOrderInitialMargin": money(both_e8 - held_e8),
        "adl": 0,
        "bidNotional": money(bids),
        "askNotional": money(asks),
    }


MAX_NOTIONAL = "1000000000"
"""The one bracket every market has here."""


def _liquidation_text(account: Account, market: int) -> str:
    ticks = account.liquidation_ticks(market)
    return "0" if ticks != ticks else exact_text(account.world.instruments[market], ticks)


def account_position_json(account: Account, market: int, orders: list[VenueOrder], version: int) -> Json:
    """A row of the account's `positions`."""
    row = position_json(account, market, orders, 3)
    terms = account.terms[market]
    names = {
        "symbol": row["symbol"],
        "initialMargin": row["initialMargin"],
        "maintMargin": row["maintMargin"],
        "unrealizedProfit": row["unRealizedProfit"],
        "positionSide": "BOTH",
        "positionAmt": row["positionAmt"],
        "updateTime": terms.changed_ms,
        "notional": row["notional"],
        "isolatedWallet": row["isolatedWallet"],
    }
    if version == 3:
        return names | {"isolatedMargin": row["isolatedMargin"]}
    return names | {
        "positionInitialMargin": row["positionInitialMargin"],
        "openOrderInitialMargin": row["openOrderInitialMargin"],
        "leverage": str(terms.leverage),
        "isolated": terms.isolated,
        "entryPrice": row["entryPrice"],
        "breakEvenPrice": row["breakEvenPrice"],
        "maxNotional": MAX_NOTIONAL,
        "bidNotional": row["bidNotional"],
        "askNotional": row["askNotional"],
    }


def order_event(order: VenueOrder, instrument: Instrument, what: str, at_ms: int, trade: Json) -> Json:
    """ORDER_TRADE_UPDATE; `trade` holds the fields of the fill, if it is one."""
    body = {
        "s": instrument.symbol,
        "c": order.client_id,
        "S": order.side.name,
        "o": order.type,
        "f": order.time_in_force,
        "q": quantity_text(instrument, order.lots),
        "p": price_text(instrument, order.price),
        "ap": f"{average_price(order, instrument.tick):.{max(2, digits(instrument.tick) + 2)}f}",
        "sp": price_text(instrument, order.trigger),
        "x": what,
        "X": order.status.value,
        "i": order.id,
        "l": "0",
        "z": quantity_text(instrument, order.filled_lots),
        "L": "0",
        "N": COIN,
        "n": "0",
        "T": at_ms,
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.original_type or order.type,
        "ps": "BOTH",
        "cp": order.close_position,
        "rp": "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
    }
    return {"e": "ORDER_TRADE_UPDATE", "T": at_ms, "E": at_ms, "o": body | trade}


def fill_fields(trade: VenueTrade, instrument: Instrument) -> Json:
    """What a fill adds to its ORDER_TRADE_UPDATE."""
    return {
        "l": quantity_text(instrument, trade.lots),
        "L": price_text(instrument, trade.price),
        "N": COIN,
        "n": money(trade.fee_e8),
        "t": trade.id,
        "m": trade.maker,
        "rp": money(trade.realised_e8),
    }


def lite_event(order: VenueOrder, trade: VenueTrade, instrument: Instrument) -> Json:
    """TRADE_LITE: a fill in short, ahead of the others."""
    return {
        "e": "TRADE_LITE",
        "E": trade.time_ms,
        "T": trade.time_ms,
        "s": instrument.symbol,
        "q": quantity_text(instrument, order.lots),
        "p": price_text(instrument, order.price),
        "m": trade.maker,
        "c": order.client_id,
        "S": order.side.name,
        "L": price_text(instrument, trade.price),
        "l": quantity_text(instrument, trade.lots),
        "t": trade.id,
        "i": order.id,
    }


def algo_event(algo: AlgoOrder, instrument: Instrument, at_ms: int) -> Json:
    """ALGO_UPDATE."""
    order = algo.order
    row = algo_json(algo, instrument)
    body = {
        "caid": algo.client_id,
        "aid": algo.id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": instrument.symbol,
        "S": algo.side.name,
        "ps": "BOTH",
        "f": algo.time_in_force,
        "q": row["quantity"],
        "X": algo.status.value,
        "ai": row["actualOrderId"],
        "ap": row["actualPrice"],
        "aq": quantity_text(instrument, order.filled_lots if order else 0),
        "act": order.type if order else "0",
        "tp": row["triggerPrice"],
        "p": row["price"],
        "V": "EXPIRE_MAKER",
        "wt": algo.working_type,
        "pm": "NONE",
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.triggered_ms,
        "gtd": 0,
        "rm": algo.refusal,
    }
    return {"e": "ALGO_UPDATE", "T": at_ms, "E": at_ms, "o": body}


def account_event(account: Account, why: str, markets: list[int], change_e8: int, at_ms: int) -> Json:
    """ACCOUNT_UPDATE; `change_e8`: what came or went other than by trading."""
    balance = {
        "a": COIN,
        "wb": money(account.wallet_e8()),
        "cw": money(account.cross_wallet_e8()),
        "bc": money(change_e8) if change_e8 else "0",
    }
    positions = [_event_position(account, market) for market in markets]
    return {
        "e": "ACCOUNT_UPDATE",
        "T": at_ms,
        "E": at_ms,
        "a": {"m": why, "B": [balance], "P": positions},
    }


def _event_position(account: Account, market: int) -> Json:
    instrument = account.world.instruments[market]
    return {
        "s": instrument.symbol,
        "pa": quantity_text(instrument, account.position(market)),
        "ep": exact_text(instrument, account.entry_ticks(market)),
        "bep": exact_text(instrument, account.break_even_ticks(market)),
        "cr": money(account.terms[market].realised_e8),
        "up": money(account.unrealised_e8(market)),
        "mt": "isolated" if account.terms[market].isolated else "cross",
        "iw": money(account.isolated_wallet_e8(market)),
        "ps": "BOTH",
    }
