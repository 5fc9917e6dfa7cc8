from decimal import Decimal

import pytest

from bot.core.errors import BadInput
from bot.market.events import MAX_TICK
from bot.market.instruments import Contract, Instrument, find, parse_override, shipped


def test_the_shipped_table_holds_the_liquid_perpetuals() -> None:
    symbols = {i.symbol for i in shipped().values() if i.venue == "binance-usdm"}
    liquid = "BTC ETH SOL XRP BNB DOGE ADA LINK AVAX SUI LTC DOT BCH TRX NEAR APT ARB UNI AAVE HYPE 1000PEPE"
    assert symbols >= {f"{coin}USDT" for coin in liquid.split()}


def test_every_shipped_instrument_is_sane() -> None:
    for key, instrument in shipped().items():
        assert instrument.key == key
        assert 0 < instrument.tick < 1
        assert 0 < instrument.lot <= 100
        assert Decimal(0) < instrument.maker_fee <= instrument.taker_fee < Decimal("0.01")
        assert (instrument.contract is Contract.SPOT) == (instrument.max_leverage == 1)


def test_inverse_contracts_are_worth_quote_and_settle_in_coin() -> None:
    perp = find("binance-coinm:BTCUSD_PERP")
    assert perp.inverse
    assert (perp.contract_size, perp.settle) == (Decimal(100), "BTC")
    assert (perp.tick, perp.lot) == (Decimal("0.1"), Decimal(1))


def test_prices_and_quantities_are_exact_integers() -> None:
    btc = find("binance-usdm:BTCUSDT")
    assert btc.ticks("61800.20") == 618002
    assert btc.lots("2.909") == 2909
    assert btc.price(618002) == Decimal("61800.2")
    assert btc.quantity(2909) == Decimal("2.909")


@pytest.mark.parametrize("price", ["61800.25", "-1", "nan", "Infinity", "", "12,5", str(MAX_TICK + 1)])
def test_a_price_off_the_tick_is_refused(price: str) -> None:
    with pytest.raises(BadInput):
        find("binance-usdm:BTCUSDT").ticks(price)


def test_an_unknown_symbol_names_the_nearest_and_says_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"did you mean 'binance-usdm:BTCUSDT'.*--instrument"):
        find("binance-usdm:BTCUSD")
    with pytest.raises(BadInput, match=r"'zzz:QQQ'\. Describe it with --instrument"):
        find("zzz:QQQ")


def test_an_override_starts_from_the_table_and_gets_the_next_version() -> None:
    made = parse_override("binance-usdm:BTCUSDT,tick=0.5")
    assert (made.tick, made.lot, made.version) == (Decimal("0.5"), Decimal("0.001"), 2)
    assert find("binance-usdm:BTCUSDT", [made]) == made


def test_an_override_can_describe_a_new_instrument() -> None:
    made = parse_override("binance-coinm:XYZUSD_PERP, tick=0.01, lot=1, contract=inverse, contract_size=10")
    assert made == Instrument(
        "binance-coinm", "XYZUSD_PERP", Decimal("0.01"), Decimal(1), Contract.INVERSE, Decimal(10)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BTCUSDT,tick=1", "venue:SYMBOL"),
        ("binance-usdm:NEWUSDT,tick=1", "lot="),
        ("binance-usdm:BTCUSDT,tick", "tick="),
        ("binance-usdm:BTCUSDT,tick=zero", "--instrument"),
        ("binance-usdm:BTCUSDT,tick=0", "above 0"),
        ("binance-usdm:BTCUSDT,tock=1", "'tock'"),
        ("binance-usdm:BTCUSDT,contract=quanto", "quanto"),
    ],
)
def test_a_wrong_override_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        parse_override(text)


def test_instruments_survive_json() -> None:
    for instrument in shipped().values():
        assert Instrument.from_json(instrument.to_json()) == instrument
