"""Features and signals of a demo tape against a plain pass over its rows, and against the engine."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.app.inspect import features_table, signal_lines
from bot.market.events import Flag, Kind
from bot.market.synthetic import SyntheticMarket
from bot.market.tape import TapeHeader, TapeWriter
from bot.signals import intensity
from bot.signals.registry import card_names
from tests.sessions import wired

S = 1_000_000_000
START_NS = 1_767_225_600 * S
EVERY_NS = 2_500_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(3, SYMBOLS, START_NS, 45.0)


@pytest.fixture(scope="module")
def rows(market: SyntheticMarket) -> np.ndarray:
    return np.concatenate(list(market.batches()))


@pytest.fixture(scope="module")
def tape(market: SyntheticMarket, rows: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.tape"
    with TapeWriter(path, TapeHeader(market.instruments), group_rows=1_000) as writer:
        writer.append(rows)
    return path


class PlainMarket:
    """Ladder, trades and order flow of one market, by a plain loop over dictionaries."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, float]] = {1: {}, -1: {}}
        self.touch: tuple[int, float, int, float] | None = None
        self.flow = self.bought = self.sold = 0.0

    def take(self, kind: int, side: int, price: int, value: float, flags: int) -> None:
        if kind == Kind.SNAPSHOT:
            self.sides, self.touch = {1: {}, -1: {}}, None
        elif kind == Kind.LEVEL:
            self.sides[side].pop(price, None)
            if value:
                self.sides[side][price] = value
        elif kind == Kind.COMMIT and not flags & Flag.BBO:
            self.commit()
        elif kind == Kind.TRADE and not flags & Flag.NOT_MARKET:
            self.bought += value if side > 0 else 0.0
            self.sold += value if side < 0 else 0.0

    def commit(self) -> None:
        """Cont, Kukanov & Stoikov (2014), section 2."""
        bid, ask = max(self.sides[1]), min(self.sides[-1])
        now = bid, self.sides[1][bid], ask, self.sides[-1][ask]
        if self.touch is not None:
            was_bid, was_bid_lots, was_ask, was_ask_lots = self.touch
            self.flow += now[1] * (bid >= was_bid) - was_bid_lots * (bid <= was_bid)
            self.flow += was_ask_lots * (ask >= was_ask) - now[3] * (ask <= was_ask)
        self.touch = now

    def sums(self) -> np.ndarray:
        return np.array([self.flow, self.bought, self.sold])


def plain_table(rows: np.ndarray, tick: list[float]) -> list[dict[str, Any]]:
    """A few of the features at each grid point, from all rows received before it."""
    markets = [PlainMarket(), PlainMarket()]
    before = [np.zeros(3), np.zeros(3)]
    due = int(rows["recv_ns"][0]) // EVERY_NS * EVERY_NS + EVERY_NS
    table = []
    names = ("recv_ns", "market", "kind", "side", "price", "value", "flags")
    for recv_ns, m, *row in zip(*(rows[name].tolist() for name in names), strict=True):
        while recv_ns >= due:
            for k, one in enumerate(markets):
                flow, bought, sold = one.sums() - before[k]
                before[k] = one.sums()
                bid, ask = max(one.sides[1]), min(one.sides[-1])
                table.append(
                    {
                        "time_ns": due,
                        "bid": bid * tick[k],
                        "ask": ask * tick[k],
                        "bid_depth_top5": sum(q for _, q in sorted(one.sides[1].items())[-5:]),
                        "ask_depth_top10": sum(q for _, q in sorted(one.sides[-1].items())[:10]),
                        "imbalance_top1": (one.sides[1][bid] - one.sides[-1][ask])
                        / (one.sides[1][bid] + one.sides[-1][ask]),
                        "ofi": flow,
                        "bought": bought,
                        "sold": sold,
                    }
                )
            due += EVERY_NS
        markets[m].take(*row)
    return table


def test_features_equal_plain_sums_over_the_rows(
    market: SyntheticMarket, rows: np.ndarray, tape: Path
) -> None:
    expected = plain_table(rows, [float(i.tick) for i in market.instruments])
    found = list(features_table(tape, EVERY_NS))

    assert len(found) == len(expected) == 2 * 17
    for got, wanted in zip(found, expected, strict=True):
        assert {name: got[name] for name in wanted} == pytest.approx(wanted, rel=1e-12)
    for name in ("ofi", "bought", "sold"):
        assert any(row[name] for row in found), f"a stretch in which something happens to {name}"


def test_a_finer_grid_sums_to_a_coarser_one(tape: Path) -> None:
    fine = [row for row in features_table(tape, EVERY_NS) if row["symbol"].endswith("BTCUSDT")]
    coarse = [row for row in features_table(tape, 2 * EVERY_NS) if row["symbol"].endswith("BTCUSDT")]

    by_time = {row["time_ns"]: row for row in fine}
    for before, row in pairwise(coarse):
        inside = [f for t, f in by_time.items() if before["time_ns"] < t <= row["time_ns"]]
        assert len(inside) == 2
        for name in ("ofi", "bought", "sold"):
            assert row[name] == pytest.approx(sum(f[name] for f in inside))
        assert row["mid"] == by_time[row["time_ns"]]["mid"]


def test_signal_lines_are_what_an_engine_reads_at_the_same_ticks(
    market: SyntheticMarket, rows: np.ndarray, tape: Path
) -> None:
    read: list[tuple[int, np.ndarray, np.ndarray, list[float]]] = []
    engine = wired(market.instruments, trades=False).engine

    def note(due_ns: int) -> None:
        sig = engine.state.signals
        bursts = [float(intensity.burst(known["intensity"])) for known in sig.known]
        read.append((due_ns, sig.cards["score"].copy(), sig.composites["score"].copy(), bursts))

    engine._on_tick = note
    engine.feed(rows)

    lines = list(signal_lines(tape))
    assert len(lines) == 2 * len(read) == 8
    spoke = 0
    for n, line in enumerate(lines):
        due_ns, scores, biases, bursts = read[n // 2]
        m = n % 2
        assert (line["time_ns"], line["symbol"]) == (due_ns, market.instruments[m].key)
        assert line["trust"] == "trusted"
        told = [
            [line["cards"][name][mode]["score"] for mode in ("scalp", "day", "swing")]
            for name in card_names()
        ]
        np.testing.assert_array_equal(told, scores[m])
        np.testing.assert_array_equal([line[f"bias_{mode}"] for mode in ("scalp", "day", "swing")], biases[m])
        spoke += int(np.isfinite(scores[m]).any())
        assert line["trading"]["burst"] == bursts[m] > 0.0
        assert line["vacuum"] in (-1, 0, 1)
        assert line["cascade"] == "quiet"
        assert np.isnan(line["trading"]["branching_buys"])  # an hour is not over
    assert spoke, "at least one card speaks within the stretch"
