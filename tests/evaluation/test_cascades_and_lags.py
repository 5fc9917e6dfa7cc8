"""Cascades and lags as the bot saw them, against hand-made truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.evaluation.cascades import Moment, cards_to_cascade, onset_ns, times_entered
from bot.evaluation.lags import Lag, lags_of, share_within_a_step
from bot.evaluation.truth import Planted
from bot.market.instruments import Instrument
from bot.signals.cross.lead_lag import LAGS, LEAST_STEPS
from bot.signals.derivatives.liquidations import Cascade
from bot.signals.listings import listings_of
from bot.signals.state import new_signals
from tests.evaluation.worlds import INSTRUMENT, T0

S = 1_000_000_000
QUIET, BURST, CASCADE, EXHAUST = Cascade


def planted(begin_s: float, end_s: float, executed: int = 1_000) -> Planted:
    """A thousand lots; the first forced order comes 2 s after the kick."""
    begin_ns = T0 + round(begin_s * S)
    params = {"lots": 1_000, "executed": executed, "touched_ns": begin_ns + 2 * S}
    return Planted("c", "cascade", 0, begin_ns, T0 + round(end_s * S), 1000.0, 1, "spent", params)


def moments(*states: Cascade, direction: int = 1, market: int = 0) -> list[Moment]:
    """A card every 10 s from T0 on."""
    return [Moment(T0 + 10 * S * k, market, state, direction) for k, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "cards"),
    [
        ((CASCADE, QUIET, BURST, CASCADE), 3),  # what was said before the onset does not count
        ((QUIET, CASCADE), 1),
        ((QUIET, BURST, BURST, BURST, EXHAUST), None),
        ((QUIET, BURST, BURST, BURST, BURST, CASCADE), None),  # three cards after its end it is too late
    ],
)
def test_cards_are_counted_from_the_onset(states, cards):
    assert cards_to_cascade(planted(5, 15), T0 + 5 * S, moments(*states)) == cards


def test_a_cascade_the_other_way_or_of_another_market_is_none():
    one, onset = planted(5, 95), T0 + 5 * S
    assert cards_to_cascade(one, onset, moments(QUIET, CASCADE, direction=-1)) is None
    assert cards_to_cascade(one, onset, moments(QUIET, CASCADE, market=1)) is None


def test_a_cascade_begins_with_its_first_forced_order_if_it_begins_at_all():
    assert onset_ns(planted(5, 95)) == T0 + 7 * S
    assert onset_ns(planted(5, 95, executed=100)) == T0 + 7 * S
    assert onset_ns(planted(5, 95, executed=99)) == 0


def test_a_second_wave_is_not_another_cascade():
    said = moments(QUIET, BURST, CASCADE, CASCADE, EXHAUST, CASCADE, QUIET, BURST, CASCADE)
    assert times_entered(said) == 2
    assert times_entered([*said, *moments(CASCADE, market=1)]) == 3


def venues(*names: str) -> list[Instrument]:
    return [Instrument(name, "AAAUSDT", INSTRUMENT.tick, INSTRUMENT.lot) for name in names]


def test_the_best_lag_of_each_pair_is_that_of_its_largest_correlation():
    signals = new_signals(3, listings_of(venues("a", "b", "c")))
    signals.pairs["steps"] = LEAST_STEPS
    signals.pairs["steps"][1] -= 1  # of a and c: not followed for long enough
    signals.pairs["cross"][0, LAGS + 3] = 2.0
    signals.pairs["cross"][2, LAGS - 4] = -5.0
    signals.pairs["lag"][0] = 2
    assert lags_of(signals, T0) == [Lag(T0, 0, 1, 150, 100), Lag(T0, 1, 2, -200, 0)]


def test_markets_of_different_symbols_are_no_pair():
    signals = new_signals(
        2, listings_of([INSTRUMENT, Instrument("b", "BBB", INSTRUMENT.tick, INSTRUMENT.lot)])
    )
    assert lags_of(signals, T0) == []


def test_one_step_off_is_within_a_step():
    said, true = np.array([150.0, 100.0, 90.0, 250.0]), np.array([100.0, 150.0, 150.0, 100.0])
    assert share_within_a_step(said, true) == 0.5
    assert math.isnan(share_within_a_step(said[:0], true[:0]))
