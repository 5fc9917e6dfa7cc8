"""Margin, liquidation, funding and settings against formulas written out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from bot.core.units import NS_PER_S
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from tests.rehearsing import ask, exchange_at, listen

MAINTENANCE = Fraction("0.004")


@pytest.fixture
def exchange() -> Exchange:
    return exchange_at()


def buy(exchange: Exchange, quantity: str, side: str = "BUY", symbol: str = "BTCUSDT") -> None:
    ask(exchange, "POST order", symbol=symbol, type="MARKET", side=side, quantity=quantity)


def risk(exchange: Exchange, symbol: str = "BTCUSDT") -> dict[str, str]:
    return {k: str(v) for k, v in ask(exchange, "GET v2/positionRisk", symbol=symbol)[0].items()}


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("leverage", [3, 10, 20])
def test_an_isolated_position_is_liquidated_where_its_own_margin_ends(
    exchange: Exchange, side: str, leverage: int
) -> None:
    ask(exchange, "POST marginType", symbol="BTCUSDT", marginType="ISOLATED")
    ask(exchange, "POST leverage", symbol="BTCUSDT", leverage=leverage)
    buy(exchange, "0.020", side)
    row = risk(exchange)
    entry, sign = Fraction(row["entryPrice"]), 1 if side == "BUY" else -1
    wanted = entry * (1 - Fraction(sign, leverage)) / (1 - sign * MAINTENANCE)
    assert abs(Fraction(row["liquidationPrice"]) - wanted) < Fraction(1, 10**4)
    assert Fraction(row["isolatedWallet"]) == pytest.approx(entry * Fraction("0.020") / leverage)
    assert row["marginType"] == "isolated"


def test_cross_positions_share_the_wallet(exchange: Exchange) -> None:
    """At its liquidation price, all else as now, margin balance equals maintenance margin."""
    buy(exchange, "0.500")
    buy(exchange, "4.00", "SELL", "ETHUSDT")
    btc, eth = risk(exchange), risk(exchange, "ETHUSDT")
    account = ask(exchange, "GET v2/account")
    at = Fraction(btc["liquidationPrice"])
    unrealised = Fraction("0.500") * (at - Fraction(btc["entryPrice"])) + Fraction(eth["unRealizedProfit"])
    needed = MAINTENANCE * (Fraction("0.500") * at + abs(Fraction(eth["notional"])))
    balance = Fraction(account["totalWalletBalance"]) + unrealised
    assert abs(balance - needed) < Fraction(1, 1000)


def test_a_small_position_on_much_money_is_never_liquidated(exchange: Exchange) -> None:
    buy(exchange, "0.010")
    assert risk(exchange)["liquidationPrice"] == "0"


def test_the_account_adds_up(exchange: Exchange) -> None:
    buy(exchange, "0.100")
    exchange.world.step(120 * NS_PER_S)
    for version in ("v2", "v3"):
        account = ask(exchange, f"GET {version}/account")
        wallet, unrealised = Decimal(account["totalWalletBalance"]), Decimal(account["totalUnrealizedProfit"])
        assert Decimal(account["totalMarginBalance"]) == wallet + unrealised
        free = wallet + unrealised - Decimal(account["totalInitialMargin"])
        assert Decimal(account["availableBalance"]) == free
        assert unrealised == Decimal(risk(exchange)["unRealizedProfit"])


def test_the_break_even_price_pays_the_fees(exchange: Exchange) -> None:
    buy(exchange, "0.100")
    row = risk(exchange)
    fee = Fraction(ask(exchange, "GET userTrades", symbol="BTCUSDT")[0]["commission"])
    gained = Fraction("0.100") * (Fraction(row["breakEvenPrice"]) - Fraction(row["entryPrice"]))
    assert abs(gained - fee) < Fraction(1, 10**7)


def test_funding_is_paid_on_the_position_at_its_mark(exchange: Exchange) -> None:
    buy(exchange, "0.200")
    events = listen(exchange)
    exchange.world.step(1300 * NS_PER_S)
    settled = ask(exchange, "GET fundingRate", symbol="BTCUSDT")
    paid = ask(exchange, "GET income", incomeType="FUNDING_FEE")
    assert len(settled) == len(paid) == 2
    assert all(row["fundingTime"] % 600_000 == 0 for row in settled)
    for row, payment in zip(settled, paid, strict=True):
        wanted = -Fraction("0.200") * Fraction(row["markPrice"]) * Fraction(row["fundingRate"])
        # the history shows eight digits of the mark and the rate
        assert abs(Fraction(payment["income"]) - wanted) < Fraction(1, 10**3)
        assert 0 <= payment["time"] - row["fundingTime"] < 2000
    told = [e["a"] for e in events if e["e"] == "ACCOUNT_UPDATE"]
    assert [a["B"][0]["bc"] for a in told] == [p["income"] for p in paid]
    assert {(a["m"], len(a["P"])) for a in told} == {("FUNDING_FEE", 0)}


def test_settings_that_change_nothing_or_come_too_late_are_refused(exchange: Exchange) -> None:
    def code(what: str, **params: object) -> int:
        with pytest.raises(VenueError) as refused:
            ask(exchange, what, **params)
        return refused.value.code

    assert code("POST marginType", symbol="BTCUSDT", marginType="CROSSED") == -4046
    assert code("POST positionSide/dual", dualSidePosition=False) == -4059
    assert code("POST positionSide/dual", dualSidePosition=True) == -4084
    assert code("POST leverage", symbol="BTCUSDT", leverage=126) == -4028
    ask(exchange, "POST order", symbol="BTCUSDT", type="LIMIT", timeInForce="GTC", side="BUY",
        quantity="0.010", price="58000")  # fmt: skip
    assert code("POST marginType", symbol="BTCUSDT", marginType="ISOLATED") == -4047
    ask(exchange, "DELETE allOpenOrders", symbol="BTCUSDT")
    buy(exchange, "3.000")
    assert code("POST marginType", symbol="BTCUSDT", marginType="ISOLATED") == -4048
    assert code("POST leverage", symbol="BTCUSDT", leverage=5) == -2019
    assert risk(exchange)["leverage"] == "20"
