"""The pass over a stream: what it keeps is what the bot saw, whatever the batches, and never from later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.app.inspect import on_grid, signal_lines
from bot.core.errors import KernelError
from bot.engine.kernel import State, read_cards
from bot.evaluation.cards import ic_figures
from bot.evaluation.samples import COMPOSITE, Collector, Samples, bbo_touches, signed_trades, whole_bbos
from bot.evaluation.walls import End
from bot.market.events import Flag, Kind
from bot.market.instruments import Instrument
from bot.market.synthetic import SyntheticMarket
from bot.market.tape import TapeHeader, TapeWriter, open_tape
from bot.signals.registry import card_names

S = 1_000_000_000
START_NS = 1_767_225_600 * S
SYMBOLS = ("BTCUSDT", "ETHUSDT")
MODES = ("scalp", "day", "swing")


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(3, SYMBOLS, START_NS, 300.0)


@pytest.fixture(scope="module")
def rows(market: SyntheticMarket) -> np.ndarray:
    return np.concatenate(list(market.batches()))


def collected(instruments: Sequence[Instrument], *parts: np.ndarray) -> Samples:
    collector = Collector(instruments)
    for part in parts:
        collector.feed(part)
    return collector.finish()


@pytest.fixture(scope="module")
def whole(market: SyntheticMarket, rows: np.ndarray) -> Samples:
    return collected(market.instruments, rows)


def assert_equal(got: Samples, want: Samples) -> None:
    for name in ("ticks_ns", "scores", "probability"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)
    assert (got.begin_ns, got.end_ns, got.thins) == (want.begin_ns, want.end_ns, want.thins)
    assert repr(got.walls) == repr(want.walls)  # nan is not equal to itself
    for market in range(len(want.mids)):
        pairs = [(got.mids[market], want.mids[market])]
        for a, b in zip(got.touches[market], want.touches[market], strict=True):
            assert a.source == b.source
            np.testing.assert_allclose(a.traded, b.traded, rtol=1e-12)
            pairs.append((a.points, b.points))
        for one, other in pairs:
            for name in ("mid", "imbalance", "move", "wait_s"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
            np.testing.assert_allclose(one.flow, other.flow, rtol=1e-12)


def test_who_watches_is_asked_after_the_cards_of_every_tick(market, rows, whole):
    emitted: list[tuple[int, int]] = []

    def note(state: State, now_ns: int) -> None:
        emitted.append((now_ns, int(state.signals.grid["emitted_ns"][0])))

    collector = Collector(market.instruments, note)
    collector.feed(rows)
    assert_equal(collector.finish(), whole)
    assert emitted == [(now_ns, now_ns) for now_ns in whole.ticks_ns.tolist()]


@pytest.mark.parametrize("seed", range(3))
def test_where_batches_end_changes_nothing(market, rows, whole, seed):
    cuts = np.sort(np.random.default_rng(seed).integers(1, rows.size, 40))
    assert_equal(collected(market.instruments, *np.split(rows, cuts)), whole)


def test_nothing_is_lost_when_there_is_more_than_one_can_note_at_once(market, rows, whole, monkeypatch):
    monkeypatch.setattr("bot.evaluation.samples._ROOM", 3)
    assert_equal(collected(market.instruments, rows), whole)


def test_scores_are_the_signals_of_the_tape(market, rows, whole, tmp_path):
    with TapeWriter(tmp_path / "t.tape", TapeHeader(market.instruments)) as writer:
        writer.append(rows)
    lines = list(signal_lines(tmp_path / "t.tape"))
    assert whole.names == (*card_names(), COMPOSITE)
    assert len(lines) == 2 * whole.ticks_ns.size
    spoke = 0
    for n, line in enumerate(lines):
        tick, m = divmod(n, 2)
        assert line["time_ns"] == whole.ticks_ns[tick]
        for place, mode in enumerate(MODES):
            told = [line["cards"][name][mode]["score"] for name in card_names()]
            told.append(line["composites"][mode]["score"])
            np.testing.assert_array_equal(whole.scores[tick, m, :, place], np.array(told, np.float32))
            chance = whole.probability[tick, m, -1, place]
            np.testing.assert_array_equal(chance, np.float32(line["composites"][mode]["probability"]))
        spoke += int(np.isfinite(whole.scores[tick, m]).sum())
    assert spoke > 100


def test_the_chance_a_card_gives_is_that_of_its_prior_calibration(market):
    """sigmoid(0.4 x score x confidence), a quarter of it when the card is exhausted (signals.md 6.8, 7.1)."""
    collector = Collector(market.instruments)
    cards = collector._state.signals.cards
    cards["score"][0, 1, 2], cards["confidence"][0, 1, 2] = -0.8, 0.5
    cards["score"][1, 0, 0], cards["confidence"][1, 0, 0], cards["exhausted"][1, 0, 0] = 0.8, 0.5, 1.0
    collector._read(START_NS)
    found = collector.finish().probability[0]
    assert found[0, 1, 2] == pytest.approx(1 / (1 + np.exp(0.4 * 0.4)))
    assert found[1, 0, 0] == pytest.approx(1 / (1 + np.exp(-0.4 * 0.1)))
    assert np.isfinite(found).sum() == 2


def test_nothing_is_known_from_later(market, rows, whole):
    """The stream cut at any time gives the same readings up to then: no reading can see beyond."""
    for cut_s in (95.0, 200.5):
        until = int(np.searchsorted(rows["recv_ns"], rows["recv_ns"][0] + int(cut_s * S)))
        part = collected(market.instruments, rows[:until])
        n = part.ticks_ns.size
        assert n == int(cut_s // 10)
        np.testing.assert_array_equal(part.scores, whole.scores[:n])
        np.testing.assert_array_equal(part.probability, whole.probability[:n])
        for market_ in range(2):
            known = part.mids[market_].mid
            np.testing.assert_array_equal(known, whole.mids[market_].mid[: known.size])


def test_mids_are_those_of_the_ladder_on_its_grid(market, rows, whole, tmp_path):
    with TapeWriter(tmp_path / "t.tape", TapeHeader(market.instruments)) as writer:
        writer.append(rows)
    from bot.signals.features import mid_of

    for time_ns, state in on_grid(open_tape(tmp_path / "t.tape"), 10 * S):
        read_cards(state, time_ns)
        for m in range(2):
            points = whole.mids[m]
            # the grid knows what was received at its very instant, a timer what was received before
            place = (time_ns - points.origin_ns) // points.step_ns
            same_instant = (rows["recv_ns"] == time_ns) & (rows["market"] == m)
            if not same_instant.any():
                assert points.mid[place] == mid_of(state.books, m)


def test_the_second_touch_is_that_of_its_messages(rows, whole):
    for m in range(2):
        own = rows[rows["market"] == m]
        (bbo,) = [one for one in whole.touches[m] if one.source == "bbo"]
        bids = own[(own["kind"] == Kind.BBO) & (own["side"] > 0)]
        asks = own[(own["kind"] == Kind.BBO) & (own["side"] < 0)]
        assert bbo.points.origin_ns == bids["recv_ns"][0]
        for k in range(0, bbo.points.mid.size, 97):
            last = (
                np.searchsorted(bids["recv_ns"], bbo.points.origin_ns + k * bbo.points.step_ns, "right") - 1
            )
            assert bbo.points.mid[k] == 0.5 * (bids["price"][last] + asks["price"][last])


def test_every_trade_after_the_first_touch_is_counted_once(rows, whole):
    for m in range(2):
        own = rows[(rows["market"] == m) & (rows["kind"] == Kind.TRADE)]
        for one in whole.touches[m]:
            last_ns = one.points.origin_ns + (one.points.mid.size - 1) * one.points.step_ns
            inside = (own["recv_ns"] > one.points.origin_ns) & (own["recv_ns"] <= last_ns)
            wanted = (own["side"] * own["value"])[inside].sum()
            assert one.traded.sum() == pytest.approx(wanted)
            assert np.abs(one.traded).sum() > 0.0


def test_walls_have_a_life_and_an_end(whole):
    assert whole.walls
    for wall in whole.walls:
        assert wall.born_ns < wall.confirmed_ns <= wall.last_ns <= whole.end_ns
        assert wall.peak > 0.0
        assert 0.0 <= wall.genuineness <= 1.0
        assert (wall.end is End.OPEN) <= (whole.end_ns - wall.last_ns <= 4 * S)


def message(kind: Kind, at: int, *sides: tuple[int, int, float], flags: int = 0) -> list[tuple]:
    return [(kind, at, side, price, value, flags) for side, price, value in sides]


def made_rows(*messages: list[tuple]) -> np.ndarray:
    from bot.market.events import EVENT

    flat = [row for one in messages for row in one]
    rows = np.zeros(len(flat), EVENT)
    for k, (kind, at, side, price, value, flags) in enumerate(flat):
        rows[k]["kind"], rows[k]["recv_ns"], rows[k]["side"] = kind, START_NS + at, side
        rows[k]["price"], rows[k]["value"], rows[k]["flags"] = price, value, flags
    rows["seq"] = np.arange(1, rows.size + 1)
    return rows


def test_best_bid_and_offer_messages_become_touches_and_gaps_end_them():
    rows = made_rows(
        message(Kind.BBO, 1, (1, 100, 5.0), (-1, 102, 7.0)),
        message(Kind.GAP, 2, (0, 0, 0.0)),
        message(Kind.BBO, 3, (1, 103, 5.0), (-1, 103, 7.0)),  # locked: no touch
        message(Kind.BBO, 4, (1, 101, 2.0), (-1, 104, 3.0)),
    )
    found = bbo_touches(rows)
    assert found["bid"].tolist() == [100, 0, 0, 101]
    assert found["ask"].tolist() == [102, 0, 0, 104]
    assert found["ask_lots"].tolist() == [7.0, 0.0, 0.0, 3.0]
    assert whole_bbos(rows) == rows.size
    assert whole_bbos(rows[:-1]) == rows.size - 2


def test_prints_that_are_not_market_trades_do_not_count():
    rows = made_rows(
        message(Kind.TRADE, 1, (1, 100, 5.0)),
        message(Kind.TRADE, 2, (-1, 100, 2.0)),
        message(Kind.TRADE, 3, (1, 100, 9.0), flags=int(Flag.NOT_MARKET)),
    )
    assert signed_trades(rows)[1].tolist() == [5.0, -2.0]


def test_a_gap_makes_the_mid_unknown_until_the_next_whole_book(market, rows):
    """A feed that loses messages for 20 s: no mid, no flow and no label is made up across it."""
    gap_ns = int(rows["recv_ns"][0]) + 60 * S
    at = int(np.searchsorted(rows["recv_ns"], gap_ns))
    while rows["kind"][at - 1] != Kind.COMMIT:
        at += 1
    gap = rows[at : at + 1].copy()
    gap["kind"], gap["market"], gap["side"], gap["value"], gap["flags"] = Kind.GAP, 0, 0, 0.0, 0
    samples = collected(market.instruments, rows[:at], gap, rows[at:])
    broken, sound = samples.mids
    after = (gap_ns - broken.origin_ns) // broken.step_ns + 2
    assert np.isnan(broken.mid[after:]).all(), "the demo's feed sends no new snapshot"
    assert not np.isnan(broken.mid[4 : after - 4]).any()
    assert not np.isnan(sound.mid[4:]).any()


def test_a_row_that_cannot_be_applied_is_said(market, rows):
    bad = rows[:100].copy()
    bad["market"][50] = 7
    with pytest.raises(KernelError, match="tape verify"):
        collected(market.instruments, bad)


def test_nothing_fed_nothing_found(market):
    samples = collected(market.instruments, np.zeros(0, rows_dtype()))
    assert samples.ticks_ns.size == 0
    assert samples.touches == [[], []]


def rows_dtype() -> np.dtype:
    from bot.market.events import EVENT

    return EVENT


def test_no_card_is_significant_on_the_market_without_edge():
    """Two hours of the zero-intelligence book; Holm at 1 % over all cards, modes and horizons."""
    market = SyntheticMarket(6, ("BTCUSDT",), START_NS, 2 * 3600.0, scenario="s-zi")
    found = ic_figures(collected(market.instruments, *market.batches()))
    tested = [f for f in found if not np.isnan(f.p)]
    assert len(tested) > 100
    # the queues do say where the very next tick goes, also here (signals.md 11.4)
    allowed = {("queue", 1), ("micro", 1)}
    assert not [f for f in tested if f.significant and (f.card, f.horizon_s) not in allowed]


def test_what_is_there_is_found_on_the_demo_market(tmp_path: Path):
    """The same test sees the planted edge: it is not blind."""
    market = SyntheticMarket(6, ("BTCUSDT",), START_NS, 2 * 3600.0)
    found = ic_figures(collected(market.instruments, *market.batches()))
    assert {"ob_near", COMPOSITE} <= {f.card for f in found if f.significant and f.ic > 0.0}
