"""What may sleep in a market changes nothing for what is awake."""

from __future__ import annotations

import numpy as np
import pytest

from bot.engine.kernel import Ctl, State, Stop, advance, new_state
from bot.market.book import grow
from bot.market.synthetic import SyntheticMarket
from bot.signals.state import Awake
from tests.trading import T0


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(3, ("BTCUSDT",), T0, 900.0)


@pytest.fixture(scope="module")
def rows(market: SyntheticMarket) -> np.ndarray:
    return np.concatenate(list(market.batches()))


def played(market: SyntheticMarket, rows: np.ndarray, awake: Awake) -> State:
    state = new_state(market.instruments)
    state.signals.rows["active"] = awake
    at = 0
    while (at := advance(state, rows, at)) < rows.size:
        if state.ctl[Ctl.STOP] == Stop.GROW:
            state = state.with_books(grow(state.books, int(rows[at]["price"])))
    return state


@pytest.fixture(scope="module")
def whole(market: SyntheticMarket, rows: np.ndarray) -> State:
    return played(market, rows, Awake.ALL)


def test_walls_are_the_same_without_the_other_features(
    market: SyntheticMarket, rows: np.ndarray, whole: State
) -> None:
    alone = played(market, rows, Awake.WALLS)
    for name in ("walls", "ended", "attribution", "mids", "minute_lots"):
        assert getattr(alone.signals, name).tobytes() == getattr(whole.signals, name).tobytes(), name
    assert whole.signals.ended["id"].any(), "no wall ended: nothing was compared"


def test_features_sleep_where_only_walls_are_awake(market: SyntheticMarket, rows: np.ndarray) -> None:
    known = played(market, rows, Awake.WALLS).signals.known
    cold = new_state(market.instruments).signals.known
    for name in ("microprice", "multilevel", "resiliency", "intensity", "impact"):
        left = known[name].copy()
        if name == "multilevel":  # what the book covers is told at a reset
            left["low"], left["high"] = cold[name]["low"], cold[name]["high"]
        assert left.tobytes() == cold[name].tobytes(), name


@pytest.mark.parametrize("awake", [Awake.NOTHING, Awake.WALLS, Awake.ALL])
def test_the_book_does_not_depend_on_what_is_awake(
    market: SyntheticMarket, rows: np.ndarray, whole: State, awake: Awake
) -> None:
    state = played(market, rows, awake)
    for name in ("lots", "occupied", "sums", "best"):
        assert np.array_equal(getattr(state.books, name), getattr(whole.books, name)), name
    assert state.heads.tobytes() == whole.heads.tobytes()
    assert (awake is Awake.NOTHING) <= (not state.signals.grid["walls"].any())
