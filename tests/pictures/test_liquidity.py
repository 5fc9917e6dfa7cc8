"""The picture holds what it claims to show, and looks as it did when it was last looked at."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from itertools import pairwise
from math import nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app.pictures import REMEMBERED_NS, marks_of
from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.pictures.history import History
from bot.pictures.liquidity import BINS, draw, heat, spread, title_of, whole_bins
from bot.pictures.scene import Column, Mark, Scene, Tag
from bot.pictures.worker import Painter
from tests.engine.world import World, opened

pytest.importorskip("matplotlib")
GOLDEN = Path(__file__).resolve().parents[1] / "data" / "liquidity.png"
S = 1_000_000_000


def a_scene() -> Scene:
    """Forty looks at a book that rises, with a wall above, a stretch without trust, and a trade."""
    draw_lots = np.random.default_rng(7)
    columns = []
    for k in range(40):
        bid = 100_000 + 10 * k
        bids = [(bid - 10 * j, draw_lots.integers(1, 60)) for j in range(30)]
        asks = [(bid + 10 + 10 * j, draw_lots.integers(1, 60)) for j in range(30)]
        levels = np.array([*bids, *((tick, -lots) for tick, lots in asks), (100_600, -900)], np.float32)
        bought, sold = draw_lots.integers(0, 40, 2).tolist()
        columns.append(Column(k * 10 * S, levels, bid, bid + 10, not 12 <= k < 16, bought, sold))
    marks = (
        Mark("entry", 100_150, 150 * S),
        Mark("stop", 100_020, 150 * S),
        Mark("target 1", 100_450, 150 * S),
    )
    tags = (Tag(Side.SELL, 100_600, 900, 0.74, 0.12), Tag(Side.BUY, 100_200, 300, 0.4, 0.0))
    return Scene("BTCUSDT", 0.1, 0.001, tuple(columns), marks, tags, "ask side thin, flow towards it")


def pixels(png: bytes) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(io.BytesIO(png)))[:, :, :3]


def test_the_picture_is_the_one_that_was_looked_at() -> None:
    """After a change that is meant: `python -m tests.pictures.test_liquidity`, and look at it."""
    drawn, golden = pixels(draw(a_scene())), pixels(GOLDEN.read_bytes())
    assert drawn.shape == golden.shape
    assert np.abs(drawn - golden).mean() < 0.01


def test_the_heat_map_holds_every_lot_in_range_at_its_price() -> None:
    scene = a_scene()
    low, high = 99_000.0, 102_000.0
    grid = heat(scene.columns, low, high)
    assert grid.shape == (BINS, 40)
    for k, one in enumerate(scene.columns):
        assert grid[:, k].sum() == pytest.approx(np.abs(one.levels[:, 1]).sum())
    wall = int((100_600 - low) / (high - low) * BINS)
    assert grid[wall].min() >= 900


@given(st.lists(st.floats(0.0, 1.0), max_size=14).map(sorted), st.floats(0.01, 0.07))
def test_words_beside_prices_never_overlap_and_stay_inside_and_in_order(
    places: list[float], room: float
) -> None:
    made = spread(places, room)
    assert len(made) == len(places)
    assert all(b - a >= room - 1e-9 for a, b in pairwise(made))
    assert all(0.5 * room - 1e-9 <= place <= 1.0 - 0.5 * room + 1e-9 for place in made)


def test_words_with_room_stay_at_their_price() -> None:
    assert spread([0.2, 0.5, 0.8], 0.1) == [0.2, 0.5, 0.8]


@given(st.floats(10.0, 1e6), st.floats(0.5, 1e5))
def test_bins_hold_whole_ticks_and_cover_the_range(low: float, width: float) -> None:
    first, last, bins = whole_bins(low, low + width)
    assert first <= low
    assert low + width <= last
    assert 1 <= bins <= BINS
    step = (last - first) / bins
    assert step == pytest.approx(round(step))
    assert (first * 2) % 2 == 1, "edges lie between ticks"


def test_a_level_at_every_tick_makes_an_even_picture() -> None:
    levels = np.array([(tick, 5.0) for tick in range(900, 1100)], np.float32)
    low, high, bins = whole_bins(920.3, 1079.1)
    grid = heat((Column(0, levels, 999, 1001, True, 0, 0),), low, high, bins)
    assert len(set(grid[:, 0].tolist())) == 1


@pytest.mark.parametrize(
    ("sentence", "title"),
    [
        ("", "BTCUSDT"),
        ("ask side thin", "BTCUSDT ask side thin"),
        ("long 1 BTCUSDT at 5", "long 1 BTCUSDT at 5"),
        ("long 1 BTCUSDT " + "word " * 30, "long 1 BTCUSDT word word word word word word word …"),
    ],
)
def test_the_title_names_the_symbol_once_and_fits(sentence: str, title: str) -> None:
    assert title_of(replace(a_scene(), sentence=sentence)) == title


TRADE = {
    "filled_lots": 3,
    "market": 0,
    "entry_price": 100.5,
    "stop": 90,
    "targets": [[110, 0.5], [120, 0.5]],
    "targets_hit": 1,
    "filled_ns": 5,
    "closed_ns": 0,
    "exit_price": 0.0,
}


def test_marks_are_those_of_the_trade_while_it_is_open_and_for_a_while_after() -> None:
    open_marks = marks_of(TRADE, 50)
    assert open_marks == (Mark("entry", 100.5, 5), Mark("stop", 90, 5), Mark("target 2", 120, 5))
    over = {**TRADE, "closed_ns": 60, "exit_price": 104.0}
    assert marks_of(over, 70)[-1] == Mark("exit", 104.0, 60, 60)
    assert marks_of(over, 60 + REMEMBERED_NS + 1) == ()
    assert marks_of(None, 5) == ()


def test_a_mark_far_away_does_not_squeeze_the_picture() -> None:
    far = replace(a_scene(), marks=(Mark("stop", 50_000, 0),))
    near = replace(a_scene(), marks=())
    assert np.abs(pixels(draw(far)) - pixels(draw(near))).mean() < 0.01


def test_without_a_usable_book_there_is_no_picture() -> None:
    blind = tuple(replace(c, bid=nan, ask=nan, levels=c.levels[:0]) for c in a_scene().columns)
    with pytest.raises(BadInput, match="usable book"):
        draw(replace(a_scene(), columns=blind))


def test_history_keeps_the_last_looks_of_every_market() -> None:
    world = World().feed(opened().trade(0.6, 1, 100_010, 3).quiet(1.0, 5.0))
    history = History(2, most=3)
    for k in range(5):
        history.look(world.engine.now_ns + k, world.engine.state)
    columns = history.of(0)
    assert len(columns) == 3
    assert (columns[-1].bid, columns[-1].ask) == (99_990, 100_010)
    assert {tuple(row) for row in columns[-1].levels.tolist()} >= {(99_990.0, 50.0), (100_010.0, -50.0)}
    assert history.of(1)[-1].bid != history.of(1)[-1].bid, "the other market has no book"


def test_flow_is_what_was_traded_since_the_look_before() -> None:
    world = World().feed(opened().trade(0.6, 1, 100_010, 3))
    history = History(2)
    history.look(1, world.engine.state)
    later = opened(1.0).trade(1.1, -1, 99_990, 2).rows()
    later["seq"] += 1000
    world.engine.feed(later)
    history.look(2, world.engine.state)
    first, second = history.of(0)
    assert (first.bought, first.sold) == (3.0, 0.0)
    assert (second.bought, second.sold) == (0.0, 2.0)


def test_the_painter_draws_in_another_process() -> None:
    async def scene() -> bytes:
        painter = Painter()
        try:
            return await painter.paint(a_scene())
        finally:
            painter.close()

    assert asyncio.run(scene()).startswith(b"\x89PNG")


if __name__ == "__main__":
    GOLDEN.write_bytes(draw(a_scene()))
