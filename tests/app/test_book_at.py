"""`book_at`: every level as it stood, exactly, after the whole messages received until then."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.app.inspect import book_at
from bot.core.errors import BadInput
from bot.market.events import Kind
from bot.market.instruments import Instrument
from bot.market.tape import TapeHeader, TapeWriter
from tests.engine.world import S, Stream
from tests.trading import INVERSE, LINEAR, T0

MARKETS = (LINEAR, INVERSE)
MESSAGES = 40
FAR = 3_000_000
"""Ticks beyond the ladder's first size: the far level of one message makes it grow."""


def drawn(seed: int = 7) -> np.ndarray:
    """Two markets' messages 100 ms apart with trades, best bids and offers, a gap and a second snapshot."""
    rng = np.random.default_rng(seed)
    stream = Stream()
    for market in (0, 1):
        at_s = 0.01 * market
        book = [{100_000 + away * k: int(rng.integers(1, 90)) for k in range(1, 30)} for away in (-1, 1)]
        stream.book(at_s, book[0], book[1], market=market, snapshot=True)
    for n in range(1, MESSAGES):
        market = int(rng.integers(2))
        at_s = 0.1 * n
        sides: list[dict[int, int]] = [{}, {}]
        for _ in range(int(rng.integers(1, 9))):
            side = int(rng.integers(2))
            away = 1 if side else -1
            sides[side][100_000 + away * int(rng.integers(1, 40))] = int(rng.choice([0, 0, 5, 70]))
        if n == 25:
            sides[1][FAR] = 3
        stream.book(at_s, sides[0], sides[1], market=market, snapshot=n == 30)
        stream.trade(at_s + 0.02, 1, 100_001, market=market)
        stream.put(at_s + 0.03, Kind.BBO, market, side=1, price=99_000, value=1.0)
        stream.put(at_s + 0.03, Kind.COMMIT, market, flags=2)
        if n == 20:
            stream.gap(at_s + 0.05)
    return stream.rows()


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return drawn()


@pytest.fixture(scope="module")
def tape(rows: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored in groups of a few rows, so that batches end inside messages."""
    path = tmp_path_factory.mktemp("book") / "two.tape"
    with TapeWriter(path, TapeHeader(MARKETS), group_rows=7) as writer:
        writer.append(rows)
    return path


def rebuilt(rows: np.ndarray, market: int, at_ns: int) -> tuple[dict[int, int], dict[int, int]]:
    """The plain way: a dictionary a side."""
    sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
    for row in rows:
        if row["market"] != market or row["recv_ns"] > at_ns:
            continue
        if row["kind"] == Kind.SNAPSHOT:
            sides = {1: {}, -1: {}}
        elif row["kind"] == Kind.LEVEL:
            sides[int(row["side"])].pop(int(row["price"]), None)
            if row["value"]:
                sides[int(row["side"])][int(row["price"])] = int(row["value"])
    return sides[1], sides[-1]


def as_decimals(
    levels: dict[int, int], instrument: Instrument, *, best_is_high: bool
) -> list[tuple[Any, Any]]:
    ordered = sorted(levels.items(), reverse=best_is_high)
    return [(instrument.tick * price, instrument.lot * lots) for price, lots in ordered]


def shown(side: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    assert all(isinstance(text, str) and "E" not in text for level in side for text in level)
    return [(Decimal(price), Decimal(quantity)) for price, quantity in side]


@pytest.mark.parametrize("market", [0, 1])
def test_every_level_equals_a_dictionary_book_at_at_between_and_after_messages(
    market: int, rows: np.ndarray, tape: Path
) -> None:
    instrument = MARKETS[market]
    stamps = np.unique(rows["recv_ns"])
    own = int(rows["recv_ns"][rows["market"] == market][0])
    instants = [own, *(int(s) + shift for s in stamps[5::9] for shift in (-1, 0, 1)), int(stamps[-1]) + S]
    for at_ns in instants:
        found = book_at(tape, at_ns, instrument.symbol)
        bids, asks = rebuilt(rows, market, at_ns)
        assert shown(found["bids"]) == as_decimals(bids, instrument, best_is_high=True)
        assert shown(found["asks"]) == as_decimals(asks, instrument, best_is_high=False)
        assert found["at_ns"] == at_ns
        assert found["commit_ns"] <= at_ns


def test_the_instant_counts_to_the_nanosecond(rows: np.ndarray, tape: Path) -> None:
    changes = rows[(rows["kind"] == Kind.LEVEL) & (rows["price"] == FAR)]
    at_ns, market = int(changes["recv_ns"][0]), int(changes["market"][0])
    price = f"{MARKETS[market].price(FAR):f}"

    def far(instant: int) -> bool:
        return any(p == price for p, _ in book_at(tape, instant, MARKETS[market].symbol)["asks"])

    assert not far(at_ns - 1)
    assert far(at_ns)


def test_a_market_says_whether_its_book_is_whole(rows: np.ndarray, tape: Path) -> None:
    (gap,) = rows[rows["kind"] == Kind.GAP]
    snapshot = rows[(rows["kind"] == Kind.SNAPSHOT)][-1]

    def synced(at_ns: int, market: int) -> bool:
        return bool(book_at(tape, at_ns, MARKETS[market].symbol)["synced"])

    assert synced(int(gap["recv_ns"]) - 1, 0)
    assert not synced(int(gap["recv_ns"]), 0)
    assert synced(int(gap["recv_ns"]), 1)
    if snapshot["market"] == 0:
        assert synced(int(snapshot["recv_ns"]), 0)


def test_a_market_may_be_named_with_its_venue(tape: Path) -> None:
    assert book_at(tape, T0 + S, LINEAR.key) == book_at(tape, T0 + S, LINEAR.symbol)
    assert book_at(tape, T0 + S, LINEAR.key)["symbol"] == LINEAR.key


def test_a_time_before_the_tape_is_refused_with_its_beginning(tape: Path) -> None:
    with pytest.raises(BadInput, match=f"begins at {T0} ns, --at was {T0 - 1}"):
        book_at(tape, T0 - 1, LINEAR.symbol)


def test_an_unknown_symbol_is_refused_with_those_there_are(tape: Path) -> None:
    with pytest.raises(BadInput, match=r"'NOPE'.*test:ABCUSDT, test:ABCUSD"):
        book_at(tape, T0, "NOPE")


def test_of_several_markets_one_must_be_named(tape: Path) -> None:
    with pytest.raises(BadInput, match="choose one with --symbol"):
        book_at(tape, T0)


def test_the_only_market_needs_no_name(tmp_path: Path) -> None:
    rows = Stream().book(0.0, {100: 1}, {101: 2}, snapshot=True).rows()
    with TapeWriter(tmp_path / "one.tape", TapeHeader((LINEAR,))) as writer:
        writer.append(rows)
    found = book_at(tmp_path / "one.tape", T0)

    assert (found["bids"], found["asks"]) == ([["1.00", "0.001"]], [["1.01", "0.002"]])


def test_an_empty_tape_has_no_book(tmp_path: Path) -> None:
    with TapeWriter(tmp_path / "none.tape", TapeHeader((LINEAR,))):
        pass
    with pytest.raises(BadInput, match="begins at nothing"):
        book_at(tmp_path / "none.tape", T0)
