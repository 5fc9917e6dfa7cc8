"""Features and signals of a tape whose every level is known."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.app.inspect import features_table, signal_lines
from bot.core.errors import BadInput
from bot.market.events import EVENT, Flag, Kind
from bot.market.instruments import Instrument
from bot.market.tape import TapeHeader, TapeWriter
from bot.signals.registry import CARDS
from tests import reference

NS_PER_S = 1_000_000_000
T0 = 1_700_000_000 * NS_PER_S
SECONDS = 45
SYMBOLS = ("AAAUSDT", "BBBUSDT")
TICK, LOT = Decimal("0.5"), Decimal("0.01")
MID = 20_000  # ticks


class Drawn:
    """What is on the tape: for each second and market the book and the trades of that second."""

    def __init__(self) -> None:
        rng = np.random.default_rng(4)
        self.books: list[list[tuple[dict[int, float], dict[int, float]]]] = []
        self.trades: list[list[tuple[int, int, float]]] = []
        for _ in range(SECONDS):
            books, trades = [], []
            for market in range(2):
                mid = MID * (market + 1) + int(rng.integers(-3, 4))
                bids = {mid - d: float(rng.integers(1, 60)) for d in range(1, 60, 2)}
                asks = {mid + d: float(rng.integers(1, 60)) for d in range(1, 60, 2)}
                books.append((bids, asks))
                trades.append((int(rng.choice([1, -1])), mid, float(rng.integers(1, 9))))
            self.books.append(books)
            self.trades.append(trades)

    def rows(self) -> np.ndarray:
        """A snapshot a second and market 200 ms after it, its trade 600 ms after; a gap at the end of one."""
        made: list[tuple[int, Kind, int, int, int, float, int]] = []
        for second in range(SECONDS):
            for market in range(2):
                at = T0 + second * NS_PER_S + (200 + market) * 1_000_000
                bids, asks = self.books[second][market]
                made.append((at, Kind.SNAPSHOT, market, 0, 0, 0.0, 0))
                made += [(at, Kind.LEVEL, market, 1, tick, lots, 0) for tick, lots in bids.items()]
                made += [(at, Kind.LEVEL, market, -1, tick, lots, 0) for tick, lots in asks.items()]
                made.append((at, Kind.COMMIT, market, 0, 0, 0.0, int(Flag.SNAPSHOT)))
            for market in range(2):
                at = T0 + second * NS_PER_S + (600 + market) * 1_000_000
                made.append((at, Kind.TRADE, market, *self.trades[second][market], 0))
        made.append((T0 + SECONDS * NS_PER_S + 1, Kind.GAP, 1, 0, 0, 0.0, 0))
        made.append((T0 + (SECONDS + 6) * NS_PER_S, Kind.MARK, 0, 0, 0, 10_000.0, 0))
        rows = np.zeros(len(made), EVENT)
        for i, name in enumerate(("recv_ns", "kind", "market", "side", "price", "value", "flags")):
            rows[name] = [row[i] for row in made]
        rows["exch_ns"] = rows["recv_ns"]
        rows["seq"] = np.arange(1, rows.size + 1)
        return rows


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


@pytest.fixture(scope="module")
def tape(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inspect") / "two.tape"
    instruments = tuple(Instrument("test", symbol, tick=TICK, lot=LOT) for symbol in SYMBOLS)
    with TapeWriter(path, TapeHeader(instruments)) as writer:
        writer.append(drawn.rows())
    return path


def prices(levels: dict[int, float]) -> list[list[float]]:
    return [[float(TICK) * tick, lots] for tick, lots in levels.items()]


def test_features_are_those_of_the_book_as_it_stood_at_each_point(tape, drawn):
    rows = list(features_table(tape, NS_PER_S))
    assert [(r["time_ns"], r["symbol"]) for r in rows[:4]] == [
        (T0 + s * NS_PER_S, f"test:{symbol}") for s in (1, 2) for symbol in SYMBOLS
    ]
    for row in rows:
        second = (row["time_ns"] - T0) // NS_PER_S - 1
        if second >= SECONDS:
            continue
        market = SYMBOLS.index(row["symbol"].split(":")[1])
        bids, asks = (prices(side) for side in drawn.books[second][market])
        want = {
            "bid": bids[0][0],
            "ask": asks[0][0],
            "mid": reference.mid_spread(bids, asks)["mid"],
            "micro": reference.weighted_mid(bids, asks),
            "spread_bps": reference.mid_spread(bids, asks)["spread_bps"],
            "slope_imbalance_25bps": reference.book_slope(bids, asks, 25.0)["imbalance"],
        }
        for n in (1, 5, 10, 20):
            want[f"bid_depth_top{n}"] = sum(lots for _, lots in bids[:n])
            want[f"ask_depth_top{n}"] = sum(lots for _, lots in asks[:n])
            want[f"imbalance_top{n}"] = reference.topn_imbalance(bids, asks, n)
        for bps in (5, 10, 25, 50):
            want[f"bid_depth_{bps}bps"] = reference.depth_within(bids, want["mid"], bps)
            want[f"ask_depth_{bps}bps"] = reference.depth_within(asks, want["mid"], bps)
            want[f"imbalance_{bps}bps"] = reference.band_imbalance(bids, asks, bps)
        for lots in (10, 100, 1000):
            for name, side in (("up", "buy"), ("down", "sell")):
                walked = reference.walk_cost(bids, asks, side, lots)
                want[f"cost_{name}_bps_{lots}lots"] = math.nan if walked["exhausted"] else walked["cost_bps"]
        for name, value in want.items():
            assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


def test_trades_are_summed_over_the_interval_they_came_in(tape, drawn):
    every_s = 5
    for row in features_table(tape, every_s * NS_PER_S, symbol=SYMBOLS[1]):
        last = (row["time_ns"] - T0) // NS_PER_S
        trades = [drawn.trades[s][1] for s in range(max(0, last - every_s), min(last, SECONDS))]
        assert row["symbol"] == f"test:{SYMBOLS[1]}"
        assert row["bought"] == sum(lots for side, _, lots in trades if side > 0)
        assert row["sold"] == sum(lots for side, _, lots in trades if side < 0)
        # every book of this tape is a snapshot, across which no order flow is concluded
        assert row["ofi"] == 0.0


def test_features_are_undefined_after_a_gap_and_defined_in_the_other_market(tape):
    last = {row["symbol"]: row for row in features_table(tape, NS_PER_S)}
    broken, whole = (last[f"test:{symbol}"] for symbol in reversed(SYMBOLS))
    undefined = {"time_ns", "symbol", "ofi", "bought", "sold"}
    assert all(math.isnan(value) for name, value in broken.items() if name not in undefined)
    assert not math.isnan(whole["mid"])


def test_signals_come_every_ten_seconds_for_every_market(tape):
    lines = list(signal_lines(tape))
    assert [(line["time_ns"], line["symbol"]) for line in lines] == [
        (T0 + s * NS_PER_S, f"test:{symbol}") for s in (10, 20, 30, 40, 50) for symbol in SYMBOLS
    ]
    for line in lines[:-2]:
        assert set(line["cards"]) == {card.name for card in CARDS}
        assert set(line["composites"]) == {"scalp", "day", "swing"}
        near = line["cards"]["ob_near"]
        assert set(near["raw"]) == set(near["scores"]) == {"60s", "300s", "3600s"}
        assert -1 < near["scalp"]["score"] < 1
        assert line["bias_scalp"] == line["composites"]["scalp"]["score"]
        assert line["walls"] == []
    broken = lines[-1]
    assert broken["trust"] == "quarantined"
    assert math.isnan(broken["cards"]["ob_near"]["scalp"]["score"])
    assert broken["cards"]["ob_near"]["scalp"]["agreement"] == "asleep"


def test_an_unknown_symbol_is_named_with_those_there_are(tape):
    with pytest.raises(BadInput, match=r"CCCUSDT.*AAAUSDT"):
        next(signal_lines(tape, symbol="CCCUSDT"))
