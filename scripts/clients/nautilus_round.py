"""A trade's life through nautilus_trader's Binance adapter, live, on a rehearsal exchange.

Run with the Python of an environment that has nautilus_trader:

    python scripts/clients/nautilus_round.py http://127.0.0.1:18080 KEY SECRET

Prints one JSON object: which events its strategy saw.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import (
    InstrumentProviderConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide, OrderType, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.model.objects import Quantity
from nautilus_trader.trading.strategy import Strategy

BTC = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
PATIENCE_S = 40.0


class Round(Strategy):
    """Buys at market, rests a bid far away, takes it back, asks for a stop, leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.quotes = self.trades = 0
        self.fate = ""
        self.gone = False

    @property
    def over(self) -> bool:
        return self.gone and self.trades > 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(BTC)
        self.subscribe_trade_ticks(BTC)

    def on_quote_tick(self, tick: Any) -> None:
        self.quotes += 1
        if self.quotes == 1:
            self.far = self.cache.instrument(BTC).make_price(float(tick.bid_price) * 0.97)
            self.submit_order(self.order_factory.market(BTC, OrderSide.BUY, Quantity.from_str("0.020")))

    def on_trade_tick(self, tick: Any) -> None:
        self.trades += 1

    def on_event(self, event: Any) -> None:
        name = type(event).__name__
        if name.startswith(("Order", "Position")):
            self.said.append(name)
        if name == "PositionOpened":
            self.submit_order(
                self.order_factory.limit(
                    BTC,
                    OrderSide.BUY,
                    Quantity.from_str("0.010"),
                    self.far,
                    time_in_force=TimeInForce.GTC,
                    post_only=True,
                )
            )
        elif name == "OrderAccepted" and self.cache.order(event.client_order_id).is_post_only:
            self.cancel_order(self.cache.order(event.client_order_id))
        elif name == "OrderCanceled" and self.cache.order(event.client_order_id).is_post_only:
            self.submit_order(
                self.order_factory.stop_market(
                    BTC,
                    OrderSide.SELL,
                    Quantity.from_str("0.020"),
                    self.far,
                    trigger_type=TriggerType.MARK_PRICE,
                    reduce_only=True,
                )
            )
        elif name in ("OrderRejected", "OrderAccepted"):
            order = self.cache.order(event.client_order_id)
            if order.order_type == OrderType.STOP_MARKET:
                self.fate = getattr(event, "reason", "") or "taken"
                self.cancel_all_orders(BTC)
                self.close_all_positions(BTC)
        elif name == "PositionClosed":
            self.gone = True


def node_at(base: str, key: str, secret: str) -> TradingNode:
    common: dict[str, Any] = {
        "api_key": key,
        "api_secret": secret,
        "account_type": BinanceAccountType.USDT_FUTURES,
        "base_url_http": base,
        "base_url_ws": base.replace("http", "ws", 1),
        "instrument_provider": InstrumentProviderConfig(load_ids=frozenset((BTC,))),
    }
    node = TradingNode(
        TradingNodeConfig(
            trader_id=TraderId("ROUND-001"),
            logging=LoggingConfig(log_level="WARNING"),
            exec_engine=LiveExecEngineConfig(reconciliation=True),
            data_clients={BINANCE: BinanceDataClientConfig(**common)},
            exec_clients={BINANCE: BinanceExecClientConfig(**common)},
            timeout_connection=20.0,
            timeout_reconciliation=10.0,
        )
    )
    node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
    return node


async def play(base: str, key: str, secret: str) -> dict[str, Any]:
    node, strategy = node_at(base, key, secret), Round()
    node.trader.add_strategy(strategy)
    node.build()
    running = asyncio.create_task(node.run_async())
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_S
    while not strategy.over and loop.time() < until and not running.done():
        await asyncio.sleep(0.1)
    flat = node.portfolio.is_flat(BTC)
    await node.stop_async()
    running.cancel()
    counts = {"quotes": strategy.quotes, "trades": strategy.trades}
    return {"said": strategy.said, "stop": strategy.fate, "flat": flat, **counts}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(*sys.argv[1:4]))))
