"""A plain Decimal ledger from wire messages alone equals the exchange's account to the smallest unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from bot.core.units import NS_PER_S
from bot.rehearsal.errors import VenueError
from tests.rehearsal.plain_ledger import Plain, rounded
from tests.rehearsing import ask, exchange_at, listen


class Trader:
    """Sends whatever comes to its mind; refusals are part of it."""

    def __init__(self, seed: int, deposit: str = "10000") -> None:
        self.random = Random(seed)
        self.exchange = exchange_at(seed, deposit)
        self.refused: set[int] = set()
        self.actions = 0

    def act(self) -> None:
        self.actions += 1
        try:
            self.random.choices((self.order, self.cancel, self.amend, self.stop), (60, 15, 15, 10))[0]()
        except VenueError as refused:
            self.refused.add(refused.code)

    def order(self) -> None:
        symbol, fields = self._somewhere()
        if self.random.random() < 0.4:
            fields |= {"type": "MARKET"}
        else:
            fields |= {"type": "LIMIT", "price": self._price(symbol)}
            fields |= {"timeInForce": self.random.choice(("GTC", "GTC", "GTX", "IOC", "FOK"))}
        if self.random.random() < 0.2:
            fields |= {"reduceOnly": True}
        ask(self.exchange, "POST order", **fields)

    def stop(self) -> None:
        symbol, fields = self._somewhere()
        kind = self.random.choice(("STOP_MARKET", "TAKE_PROFIT_MARKET"))
        working = self.random.choice(("MARK_PRICE", "CONTRACT_PRICE"))
        fields |= {"algoType": "CONDITIONAL", "type": kind, "workingType": working}
        ask(self.exchange, "POST algoOrder", triggerPrice=self._price(symbol), **fields)

    def cancel(self) -> None:
        ask(self.exchange, "DELETE order", **self._some_order())

    def amend(self) -> None:
        named = self._some_order()
        side = ask(self.exchange, "GET order", **named)["side"]
        price, quantity = self._price(named["symbol"]), self._quantity(named["symbol"])
        ask(self.exchange, "PUT order", side=side, price=price, quantity=quantity, **named)

    def _some_order(self) -> dict[str, Any]:
        orders = ask(self.exchange, "GET openOrders")
        if not orders:
            raise VenueError(-2011)
        order = self.random.choice(orders)
        return {"symbol": order["symbol"], "orderId": order["orderId"]}

    def _somewhere(self) -> tuple[str, dict[str, Any]]:
        symbol = self.random.choice(("BTCUSDT", "ETHUSDT"))
        side = self.random.choice(("BUY", "SELL"))
        return symbol, {"symbol": symbol, "side": side, "quantity": self._quantity(symbol)}

    def _quantity(self, symbol: str) -> Decimal:
        lot = self.exchange.world.instruments[self.exchange.market(symbol)].lot
        return lot * self.random.randint(2, 400)

    def _price(self, symbol: str) -> Decimal:
        market = self.exchange.market(symbol)
        touch = self.exchange.world.touch(market)
        assert touch is not None
        return self.exchange.world.instruments[market].price(touch[0] + self.random.randint(-12, 12))


def check(plain: Plain, trader: Trader) -> None:
    account = ask(trader.exchange, "GET v2/account")
    assert Decimal(account["totalWalletBalance"]) == plain.wallet
    for row in account["positions"]:
        held = plain.held.get(row["symbol"], Fraction(0))
        assert Fraction(row["positionAmt"]) == held
        if held:
            entry = plain.entry[row["symbol"]]
            assert abs(Fraction(row["entryPrice"]) - entry) <= Fraction(1, 10**8)
            risk = ask(trader.exchange, "GET v2/positionRisk", symbol=row["symbol"])[0]
            mark = Fraction(repr(trader.exchange.account.mark(trader.exchange.market(row["symbol"]))))
            assert Decimal(risk["unRealizedProfit"]) == rounded(held * (mark - entry))


@pytest.mark.parametrize("seed", [11, 12])
def test_wire_messages_alone_give_the_account(seed: int) -> None:
    trader = Trader(seed)
    plain = Plain(Decimal(10_000))
    trader.exchange.listeners.append(plain.read)
    for n in range(500):
        trader.act()
        trader.exchange.world.step(trader.random.randint(0, 4) * NS_PER_S)
        if n % 20 == 0:
            check(plain, trader)
    check(plain, trader)
    assert plain.fills > 200
    assert plain.settlements > 0
    assert {-2022, -5022, -2021} <= trader.refused


def sum_of(income: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((Decimal(row["income"]) for row in income), Decimal(0))


def test_the_book_of_income_adds_up_to_the_wallet() -> None:
    trader = Trader(21)
    for _ in range(150):
        trader.act()
        trader.exchange.world.step(2 * NS_PER_S)
    pages: list[Any] = []
    while page := ask(trader.exchange, "GET income", limit=100, startTime=1, page=len(pages) + 1):
        pages.append(page)
    wallet = Decimal(ask(trader.exchange, "GET v2/account")["totalWalletBalance"])
    assert sum((sum_of(page) for page in pages), Decimal(0)) == wallet
    kinds = {row["incomeType"] for page in pages for row in page}
    assert {"TRANSFER", "COMMISSION", "REALIZED_PNL"} <= kinds


def test_equal_seeds_give_equal_histories() -> None:
    def history() -> list[dict[str, Any]]:
        trader = Trader(5)
        events = listen(trader.exchange)
        for _ in range(120):
            trader.act()
            trader.exchange.world.step(NS_PER_S)
        return events

    assert history() == history()


def test_a_position_beyond_its_margin_is_closed_by_force_and_booked() -> None:
    trader = Trader(31, deposit="320")
    exchange = trader.exchange
    plain = Plain(Decimal(320))
    exchange.listeners.append(plain.read)
    events = listen(exchange)
    ask(exchange, "POST order", symbol="BTCUSDT", type="MARKET", side="BUY", quantity="0.100")
    wanted = Decimal(ask(exchange, "GET v2/positionRisk", symbol="BTCUSDT")[0]["liquidationPrice"])
    assert wanted > 0
    ask(exchange, "POST order", symbol="BTCUSDT", type="LIMIT", timeInForce="GTC", side="SELL",
        quantity="0.010", price=62000)  # fmt: skip
    for _ in range(400):
        mark = Decimal(repr(exchange.account.mark(0)))
        if exchange.account.position(0) == 0:
            break
        if mark > wanted + 50:  # what the demo market does not do by itself, taking money away does
            exchange.deposit(-100_000_000)
            plain.wallet -= 1
            wanted = Decimal(ask(exchange, "GET v2/positionRisk", symbol="BTCUSDT")[0]["liquidationPrice"])
        exchange.world.step(NS_PER_S)
    assert exchange.account.position(0) == 0
    forced = [e["o"] for e in events if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["x"] == "CALCULATED"]
    assert forced
    assert all(order["c"].startswith("autoclose-") for order in forced)
    assert ask(exchange, "GET openOrders") == []
    check(plain, trader)
