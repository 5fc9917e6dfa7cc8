"""What we answer has the keys and types of recorded and documented messages of the venue."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.core.units import NS_PER_S
from bot.rehearsal.exchange import Exchange
from tests.rehearsing import ask, exchange_at, listen

Json = dict[str, Any]

# Of the messages' own kind of order or mode, or named differently there than in the documentation.
NOT_OURS = {
    "order_update_new": {"AP", "cr"},  # of trailing stops only
    "order_update_trade": {"AP", "cr"},
    "order_update_trade_partial": {"AP", "cr"},
    "order_update_calculated": {"AP", "cr"},
    "open_algo_orders": {"type"},  # `orderType` in the documentation
}
NUMBERS = (int, float)


def shape(value: Any, ours: Any, path: str, skip: set[str]) -> list[str]:
    """Where `ours` lacks a key of `value` or has another type."""
    if isinstance(value, dict):
        wrong = []
        for key, below in value.items():
            if key in skip:
                continue
            if not isinstance(ours, dict) or key not in ours:
                wrong.append(f"{path}.{key} is missing")
            else:
                wrong += shape(below, ours[key], f"{path}.{key}", skip)
        return wrong
    if isinstance(value, list):
        assert isinstance(ours, list), path
        return shape(value[0], ours[0], f"{path}[0]", skip) if value and ours else []
    same = isinstance(ours, NUMBERS) if isinstance(value, NUMBERS) else isinstance(ours, type(value))
    if isinstance(value, bool) or isinstance(ours, bool):
        same = isinstance(value, bool) and isinstance(ours, bool)
    return [] if same else [f"{path} is {ours!r}, recorded {value!r}"]


@pytest.fixture
def traded() -> tuple[Exchange, list[Json]]:
    """An exchange with a position, a resting order, a conditional one; and its events."""
    exchange = exchange_at(deposit="400")
    events = listen(exchange)
    ask(exchange, "POST order", symbol="BTCUSDT", type="MARKET", side="BUY", quantity="0.100")
    ask(exchange, "POST order", symbol="BTCUSDT", type="LIMIT", timeInForce="GTC", side="BUY",
        quantity="0.001", price="58000")  # fmt: skip
    algo = ask(exchange, "POST algoOrder", symbol="BTCUSDT", algoType="CONDITIONAL", type="STOP_MARKET",
               side="SELL", quantity="0.001", triggerPrice="57500")  # fmt: skip
    ask(exchange, "DELETE algoOrder", algoId=algo["algoId"])
    ask(exchange, "POST algoOrder", symbol="BTCUSDT", algoType="CONDITIONAL", type="STOP_MARKET",
        side="SELL", quantity="0.001", triggerPrice="57000")  # fmt: skip
    return exchange, events


def forced(exchange: Exchange, events: list[Json]) -> Json:
    for _ in range(100):
        exchange.deposit(-1_000_000_000)
        exchange.world.step(2 * NS_PER_S)
        for event in events:
            if event["e"] == "ORDER_TRADE_UPDATE" and event["o"]["x"] == "CALCULATED":
                return event
    pytest.fail("never closed by force")


ANSWERS: dict[str, str] = {
    "order_response": "GET openOrders",
    "account_info_v2": "GET v2/account",
    "balance": "GET v2/balance",
    "position_risk": "GET v2/positionRisk",
    "open_algo_orders": "GET openAlgoOrders",
}


@pytest.mark.parametrize(("name", "what"), ANSWERS.items(), ids=list(ANSWERS))
def test_answers_have_the_recorded_shape(
    data_dir: Path, traded: tuple[Exchange, list[Json]], name: str, what: str
) -> None:
    recorded = json.loads((data_dir / f"nautilus_trader/binance/futures/http_json/{name}.json").read_text())
    ours = ask(traded[0], what)
    if isinstance(recorded, dict) and isinstance(ours, list):
        ours = ours[0]
    assert shape(recorded, ours, name, NOT_OURS.get(name, set())) == []


def update(what: str) -> Callable[[Exchange, list[Json]], Json]:
    return lambda _, events: next(e for e in events if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["x"] == what)


def named(kind: str) -> Callable[[Exchange, list[Json]], Json]:
    return lambda _, events: next(e for e in events if e["e"] == kind)


EVENTS: dict[str, Callable[[Exchange, list[Json]], Json]] = {
    "order_update_new": update("NEW"),
    "order_update_trade": update("TRADE"),
    "order_update_trade_partial": update("TRADE"),
    "order_update_calculated": forced,
    "account_update": named("ACCOUNT_UPDATE"),
    "algo_update_new": named("ALGO_UPDATE"),
    "algo_update_canceled": named("ALGO_UPDATE"),
    "trade_lite": named("TRADE_LITE"),
}


@pytest.mark.parametrize(("name", "find"), EVENTS.items(), ids=list(EVENTS))
def test_events_have_the_recorded_shape(
    data_dir: Path,
    traded: tuple[Exchange, list[Json]],
    name: str,
    find: Callable[[Exchange, list[Json]], Json],
) -> None:
    folder = data_dir / "nautilus_trader/binance/futures/user_data_json"
    recorded = json.loads((folder / f"{name}.json").read_text())
    assert shape(recorded, find(*traded), name, NOT_OURS.get(name, set())) == []


def test_the_rules_of_a_market_have_the_recorded_shape(data_dir: Path) -> None:
    """Against a real exchangeInfo of 2021; what the venue has dropped since is not asked for."""
    with gzip.open(data_dir / "cryptofeed/BINANCE_FUTURES.0.gz", "rt") as file:
        line = file.readline()
    assert "exchangeInfo" in line[:60]
    recorded = json.loads(line[line.index("{") : line.rindex("}") + 1])
    symbol = next(s for s in recorded["symbols"] if s["symbol"] == "BTCUSDT")
    ours = ask(exchange_at(), "GET exchangeInfo")["symbols"][0]
    dropped = {"filters", "settlePlan", "underlyingSubType", "orderTypes", "timeInForce"}
    assert shape(symbol, ours, "BTCUSDT", dropped) == []
    kinds = {f["filterType"]: f for f in ours["filters"]}
    for recorded_filter in symbol["filters"]:
        kind = recorded_filter["filterType"]
        if kind != "MAX_NUM_ALGO_ORDERS":  # removed from the venue in December 2025
            assert shape(recorded_filter, kinds[kind], kind, set()) == []
