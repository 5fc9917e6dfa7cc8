"""Signed endpoints about the account: balances, positions, what was booked, settings of a market."""

from __future__ import annotations

from typing import Any

from bot.rehearsal.account import COIN
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.params import Params
from bot.rehearsal.payloads import (
    MAX_NOTIONAL,
    Json,
    account_position_json,
    income_json,
    money,
    position_json,
    trade_json,
)


def account_v2(ex: Exchange, params: Params) -> Json:
    return _account(ex, 2)


def account_v3(ex: Exchange, params: Params) -> Json:
    return _account(ex, 3)


def _account(ex: Exchange, version: int) -> Json:
    """Version 3 lists only markets with a position or orders and leaves out what the key may do."""
    account = ex.account
    asset = _asset(ex)
    shown = [m for m in account.markets() if version == 2 or _busy(ex, m)]
    positions = [account_position_json(account, m, ex.orders.open(m), version) for m in shown]
    totals = {
        "totalInitialMargin": asset["initialMargin"],
        "totalMaintMargin": asset["maintMargin"],
        "totalWalletBalance": asset["walletBalance"],
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "totalMarginBalance": asset["marginBalance"],
        "totalPositionInitialMargin": asset["positionInitialMargin"],
        "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
        "totalCrossWalletBalance": asset["crossWalletBalance"],
        "totalCrossUnPnl": asset["crossUnPnl"],
        "availableBalance": asset["availableBalance"],
        "maxWithdrawAmount": asset["maxWithdrawAmount"],
        "assets": [asset],
        "positions": positions,
    }
    if version == 3:
        return totals
    rights = {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": account.withdrawals,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }
    return rights | totals


def _asset(ex: Exchange) -> Json:
    account = ex.account
    markets = [m for m in account.markets() if _busy(ex, m)]
    held = sum(account.position_margin_e8(m) for m in markets)
    both = sum(account.margin_e8(m, *account.order_values_e8(m, ex.orders.open(m))) for m in markets)
    unrealised = sum(account.unrealised_e8(m) for m in markets)
    free = max(0, ex.available_e8())
    wallet = account.wallet_e8()
    return {
        "asset": COIN,
        "walletBalance": money(wallet),
        "unrealizedProfit": money(unrealised),
        "marginBalance": money(wallet + unrealised),
        "maintMargin": money(sum(account.maintenance_e8(m) for m in markets)),
        "initialMargin": money(both),
        "positionInitialMargin": money(held),
        "openOrderInitialMargin": money(both - held),
        "crossWalletBalance": money(account.cross_wallet_e8()),
        "crossUnPnl": money(account.cross_unrealised_e8()),
        "availableBalance": money(free),
        "maxWithdrawAmount": money(min(free, max(0, account.cross_wallet_e8()))),
        "marginAvailable": True,
        "updateTime": account.changed_ms,
    }


def balance(ex: Exchange, params: Params) -> list[Json]:
    asset = _asset(ex)
    names = ("crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount", "marginAvailable")
    head = {"accountAlias": "rehearsal", "asset": COIN, "balance": asset["walletBalance"]}
    return [head | {name: asset[name] for name in (*names, "updateTime")}]


def position_risk_v2(ex: Exchange, params: Params) -> list[Json]:
    return [position_json(ex.account, m, ex.orders.open(m), 2) for m in _asked(ex, params)]


def position_risk_v3(ex: Exchange, params: Params) -> list[Json]:
    shown = [m for m in _asked(ex, params) if _busy(ex, m)]
    return [position_json(ex.account, m, ex.orders.open(m), 3) for m in shown]


def _asked(ex: Exchange, params: Params) -> list[int]:
    return [ex.market(params["symbol"])] if "symbol" in params else list(ex.account.markets())


def _busy(ex: Exchange, market: int) -> bool:
    return bool(ex.account.position(market)) or bool(ex.orders.open(market))


def user_trades(ex: Exchange, params: Params) -> list[Json]:
    from_ms, to_ms = params.span_ms()
    markets = _asked(ex, params)
    first, order_id = params.whole("fromId", 0), params.whole("orderId", 0)
    found = [
        trade
        for trade in ex.account.trades
        if trade.market in markets
        and from_ms <= trade.time_ms <= to_ms
        and trade.id >= first
        and order_id in (0, trade.order_id)
    ]
    limit = params.limit(500, 1000)
    chosen = found[:limit] if first or from_ms else found[-limit:]
    return [trade_json(trade, ex.world.instruments[trade.market]) for trade in chosen]


def income(ex: Exchange, params: Params) -> list[Json]:
    from_ms, to_ms = params.span_ms()
    kind = params.text("incomeType", "")
    asked = _asked(ex, params) if "symbol" in params else None
    found = [
        row
        for row in ex.account.income
        if from_ms <= row.time_ms <= to_ms
        and kind in ("", row.type)
        and (asked is None or row.market in asked)
    ]
    limit = params.limit(100, 1000)
    page = max(1, params.whole("page", 1)) - 1
    chosen = found[page * limit : (page + 1) * limit] if from_ms else found[-limit:]
    return [income_json(row, _symbol(ex, row.market)) for row in chosen]


def _symbol(ex: Exchange, market: int) -> str:
    return "" if market < 0 else ex.world.instruments[market].symbol


def set_leverage(ex: Exchange, params: Params) -> Json:
    leverage = params.whole("leverage")
    ex.set_leverage(ex.market(params["symbol"]), leverage)
    return {"leverage": leverage, "maxNotionalValue": MAX_NOTIONAL, "symbol": params["symbol"]}


def set_margin_type(ex: Exchange, params: Params) -> Json:
    kind = params["marginType"]
    if kind not in ("ISOLATED", "CROSSED"):
        raise VenueError(-1130, "marginType")
    ex.set_isolated(ex.market(params["symbol"]), kind == "ISOLATED")
    return {"code": 200, "msg": "success"}


def position_mode(ex: Exchange, params: Params) -> Json:
    return {"dualSidePosition": False}


def set_position_mode(ex: Exchange, params: Params) -> Json:
    """Hedge mode is not served."""
    raise VenueError(-4084 if params.flag("dualSidePosition") else -4059)


def multi_assets_mode(ex: Exchange, params: Params) -> Json:
    return {"multiAssetsMargin": False}


def commission_rate(ex: Exchange, params: Params) -> Json:
    instrument = ex.world.instruments[ex.market(params["symbol"])]
    return {
        "symbol": instrument.symbol,
        "makerCommissionRate": f"{instrument.maker_fee:f}",
        "takerCommissionRate": f"{instrument.taker_fee:f}",
        "rpiCommissionRate": "0",
    }


def symbol_config(ex: Exchange, params: Params) -> list[Json]:
    return [
        {
            "symbol": ex.world.instruments[m].symbol,
            "marginType": "ISOLATED" if ex.account.terms[m].isolated else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": ex.account.terms[m].leverage,
            "maxNotionalValue": MAX_NOTIONAL,
        }
        for m in _asked(ex, params)
    ]


def leverage_bracket(ex: Exchange, params: Params) -> Any:
    rows = [
        {
            "symbol": ex.world.instruments[m].symbol,
            "notionalCoef": 1.0,
            "brackets": [
                {
                    "bracket": 1,
                    "initialLeverage": ex.world.instruments[m].max_leverage,
                    "notionalCap": int(MAX_NOTIONAL),
                    "notionalFloor": 0,
                    "maintMarginRatio": float(ex.world.instruments[m].maintenance_rate),
                    "cum": 0.0,
                }
            ],
        }
        for m in _asked(ex, params)
    ]
    return rows[0] if "symbol" in params else rows


def key_rights(ex: Exchange, params: Params) -> Json:
    """What the key may do (sapi)."""
    return {
        "ipRestrict": True,
        "createTime": ex.account.opened_ms,
        "enableReading": True,
        "enableWithdrawals": ex.account.withdrawals,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": False,
        "enablePortfolioMarginTrading": False,
    }
