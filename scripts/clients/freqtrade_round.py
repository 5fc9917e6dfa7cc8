"""A trade's life through freqtrade's own exchange class, live, on a rehearsal exchange.

Run with the Python of an environment that has freqtrade:

    python scripts/clients/freqtrade_round.py http://127.0.0.1:18080 KEY SECRET

Prints one JSON object: what was done, step by step.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

PAIR = "BTC/USDT:USDT"


def config(base: str, key: str, secret: str) -> dict[str, Any]:
    versions = {"": "v1", "V2": "v2", "V3": "v3"}
    fapi = {
        f"fapi{side}{name}": f"{base}/fapi/{number}"
        for side in ("Public", "Private")
        for name, number in versions.items()
    }
    sockets = {"linear": base.replace("http", "ws", 1) + "/ws"}
    urls = {"api": {**fapi, "sapi": f"{base}/sapi/v1", "ws": sockets}}
    options = {"fetchCurrencies": False, "fetchMarkets": {"types": ["linear"]}}
    return {
        "dry_run": False,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_currency": "USDT",
        "candle_type_def": "futures",
        "runmode": "live",
        "exchange": {
            "name": "binance",
            "key": key,
            "secret": secret,
            "pair_whitelist": [PAIR],
            "enable_ws": False,
            "ccxt_config": {"urls": urls, "options": options},
        },
    }


def play(base: str, key: str, secret: str) -> dict[str, Any]:
    from freqtrade.resolvers import ExchangeResolver

    exchange = ExchangeResolver.load_exchange(
        config(base, key, secret), validate=False, load_leverage_tiers=True
    )
    done: dict[str, Any] = {"markets": sorted(exchange.markets)}
    try:
        book = exchange.fetch_l2_order_book(PAIR, 5)
        ask, bid = book["asks"][0][0], book["bids"][0][0]
        done["balance_before"] = exchange.get_balances()["USDT"]["total"]
        entry = exchange.create_order(
            pair=PAIR, ordertype="market", side="buy", amount=0.05, rate=ask, leverage=3.0
        )
        entry = exchange.fetch_order(entry["id"], PAIR)
        done["entry"] = [entry["status"], entry["filled"]]
        [position] = [p for p in exchange.fetch_positions(PAIR) if p["contracts"]]
        done["position"] = [position["side"], position["contracts"]]
        types = {"stoploss": "market", "stoploss_price_type": "mark"}
        stop = exchange.create_stoploss(PAIR, 0.05, round(bid * 0.97, 1), types, "sell", 3.0)
        stop = exchange.fetch_stoploss_order(stop["id"], PAIR)
        done["stop"] = stop["status"]
        exchange.cancel_stoploss_order(stop["id"], PAIR)
        done["stop_after"] = exchange.fetch_stoploss_order(stop["id"], PAIR)["status"]
        resting = exchange.create_order(
            pair=PAIR, ordertype="limit", side="sell", amount=0.05, rate=round(ask * 1.01, 1), leverage=3.0,
            reduceOnly=True,
        )  # fmt: skip
        done["target"] = exchange.fetch_order(resting["id"], PAIR)["status"]
        exchange.cancel_order(resting["id"], PAIR)
        leave = exchange.create_order(
            pair=PAIR, ordertype="market", side="sell", amount=0.05, rate=bid, leverage=3.0, reduceOnly=True
        )
        done["exit"] = exchange.fetch_order(leave["id"], PAIR)["status"]
        done["held_after"] = [p["contracts"] for p in exchange.fetch_positions(PAIR) if p["contracts"]]
        done["paid"] = exchange.get_balances()["USDT"]["total"] < done["balance_before"]
    finally:
        exchange.close()
    return done


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    print(json.dumps(play(*sys.argv[1:4])))
