from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.evaluation.cards import ic_figures
from bot.evaluation.oracle import ORACLE, with_oracle
from bot.evaluation.truth import Planted
from tests.evaluation.test_truth_and_detectors import planted
from tests.evaluation.worlds import samples


def value(at_s: float, ticks: float) -> Planted:
    return replace(planted("efficient_price", at_s, at_s, price=round(ticks)), params={"ticks": ticks})


def test_the_oracle_says_how_far_the_efficient_price_is_away():
    made = samples(np.full(241, 10_000.0), {"card": np.zeros(4)})
    found = with_oracle(made, [value(5, 10_005.0), value(19, 9_995.0), value(20, 10_000.0)])
    assert found.names == ("card", ORACLE)
    assert made.names == ("card",)
    told = found.scores[:, 0, 1, 0]
    assert np.isnan(told[0]), "before the first sample it knows nothing"
    assert told[1:].tolist() == pytest.approx([np.tanh(1.0), 0.0, 0.0])
    assert np.isnan(found.probability[:, 0, 1]).all()


def test_without_efficient_prices_nothing_is_added():
    made = samples(np.full(241, 10_000.0), {"card": np.zeros(4)})
    assert with_oracle(made, [planted("sweep", 5, 5)]) is made


def test_where_the_mid_follows_the_efficient_price_the_oracle_forecasts():
    price = 10_000.0 + 20.0 * np.sin(np.arange(40 * 600) / 300.0)
    mid = np.concatenate([np.full(80, 10_000.0), price[:-80]])  # 20 s late
    every_10_s = [value(10.0 * k, price[40 * k]) for k in range(600)]
    found = ic_figures(with_oracle(samples(mid, {"card": np.zeros(500)}), every_10_s))
    (ic,) = [f.ic for f in found if (f.card, f.mode, f.horizon_s) == (ORACLE, "scalp", 10)]
    assert ic > 0.95
