import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BadInput
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues.levels import decode_book, steps_of

STEPS = ["1", "0.1", "0.01", "0.00001", "0.5", "0.25", "0.0000001", "10", "2.5"]


def instrument(tick: str, lot: str) -> Instrument:
    return Instrument("binance-usdm", "XUSDT", Decimal(tick), Decimal(lot))


BTC = instrument("0.1", "0.001")


def decode(bids: str, asks: str, made: Instrument = BTC, snapshot: bool = False) -> list[tuple]:
    out = RowBuffer(capacity=1)
    n = decode_book(
        bids.encode(),
        asks.encode(),
        made,
        steps_of(made),
        out,
        recv_ns=5,
        exch_ns=4,
        market=2,
        ref=9,
        snapshot=snapshot,
    )
    out.keep(n)
    return [row.tolist() for row in out.take()]


def test_a_message_becomes_its_levels_and_a_commit() -> None:
    assert decode('[["61800.20","2.909"],["61800.10","0"]]', '[ [ "61800.3" , "1" ] ]\n') == [
        (0, 5, 4, 0, 618002, 2909.0, 2, Kind.LEVEL, 1, 0),
        (0, 5, 4, 0, 618001, 0.0, 2, Kind.LEVEL, 1, 0),
        (0, 5, 4, 0, 618003, 1000.0, 2, Kind.LEVEL, -1, 0),
        (0, 5, 4, 9, 0, 0.0, 2, Kind.COMMIT, 0, 0),
    ]


def test_a_snapshot_is_marked_at_both_ends() -> None:
    assert decode("[]", "[]", snapshot=True) == [
        (0, 5, 4, 9, 0, 0.0, 2, Kind.SNAPSHOT, 0, 0),
        (0, 5, 4, 9, 0, 0.0, 2, Kind.COMMIT, 0, Flag.SNAPSHOT),
    ]


def decimals(step: str) -> st.SearchStrategy[str]:
    """Multiples of a step as venues write them: with or without zeros at the end."""
    texts = st.integers(0, 2**31 - 1).map(lambda n: format(Decimal(step) * n, "f"))
    return st.tuples(texts, st.integers(0, 4)).map(lambda t: t[0] + "0" * t[1] if "." in t[0] else t[0])


@given(st.data(), st.sampled_from(STEPS), st.sampled_from(STEPS))
def test_any_level_equals_exact_decimal_arithmetic(data: st.DataObject, tick: str, lot: str) -> None:
    side = st.lists(st.tuples(decimals(tick), decimals(lot)), max_size=12)
    bids, asks = data.draw(side), data.draw(side)
    indent = data.draw(st.sampled_from([None, 1]))
    rows = decode(json.dumps(bids, indent=indent), json.dumps(asks, indent=indent), instrument(tick, lot))
    expected = [
        (Decimal(price) / Decimal(tick), Decimal(quantity) / Decimal(lot), sign)
        for sign, levels in ((1, bids), (-1, asks))
        for price, quantity in levels
    ]
    assert [(row[4], row[5], row[8]) for row in rows[:-1]] == expected


@pytest.mark.parametrize(
    "level",
    [
        '["61800.2","2.909","0","12"]',
        '["61800.2" , "2.909",0,12]',
        '{"px":"61800.2","sz":"2.909","n":12}',
        '{ "n" : 12, "sz":"2.909", "px" : "61800.2" }',
        '{"px":"61800.2","sz":"2.909","p":"7","price":"8"}',
    ],
)
def test_the_level_shapes_of_every_venue_mean_the_same(level: str) -> None:
    wanted = decode('[["61800.2","2.909"],["61800.2","2.909"]]', '[["61800.2","2.909"]]')
    assert decode(f"[{level}, {level}]", f"[{level}]") == wanted


@given(st.from_regex(r"[0-9.]{0,6}[0-9a-z .+-]{0,3}", fullmatch=True), st.sampled_from(STEPS))
def test_odd_text_is_refused_or_read_exactly(text: str, tick: str) -> None:
    try:
        rows = decode(json.dumps([[text, "1"]]), "[]", instrument(tick, "1"))
    except BadInput:
        return
    assert rows[0][4] * Decimal(tick) == Decimal(text)


@pytest.mark.parametrize(
    ("bids", "says"),
    [
        ('[["61800.25","1"]]', "multiple of the tick 0.1"),
        ('[["61800.2","1.0001"]]', "multiple of the lot 0.001"),
        ('[["-1","1"]]', "was -1"),
        ('[["abc","1"]]', "'abc'"),
        ('[["999999999999","1"]]', "expected 0 to"),
        ('[["1","99999999999999999999"]]', "expected 0 to"),
        ('[["1"]]', "expected"),
        ("[[1,2]]", "expected"),
        ('[["1","2"]', "expected"),
        ('[["1","2"],]', "expected"),
        ('[["1","2"]] []', "expected"),
        ('["1","2"]', "expected"),
        ("null", "expected"),
        ("{}", "expected"),
        ("", "expected"),
        ('[["1","2",[]]]', "expected"),
        ('[["1","2","3]]', "expected"),
        ('[["1","2",3', "expected"),
        ('[{"px":"1"}]', "expected"),
        ('[{"px":"1","px":"1","sz":"1"}]', "expected"),
        ('[{"px":1,"sz":"1"}]', "expected"),
        ('[{"px":"1","sz":"1","n":-1}]', "expected"),
        ('[{"px":"1","sz":"1"', "expected"),
        ('[{"px":"1.05","sz":"1"}]', "multiple of the tick 0.1"),
    ],
)
def test_anything_else_refuses_the_whole_message(bids: str, says: str) -> None:
    for sides in ((bids, "[]"), ('[["1","1"]]', bids)):
        with pytest.raises(BadInput, match=says):
            decode(*sides)


def test_no_cut_of_a_message_is_accepted_or_read_beyond() -> None:
    whole = '[["61800.20","2.909"],["61800.10","0.001"]]'
    for end in range(len(whole)):
        with pytest.raises(BadInput):
            decode(whole[:end], "[]")
