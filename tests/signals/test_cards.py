"""Card and composite readings over a random history against the plain twin."""

from __future__ import annotations

import random

import numpy as np
import pytest

from bot.core.enums import Agreement
from bot.signals import cards
from bot.signals.registry import CARDS, OFI_INT, TFI, card_names
from bot.signals.state import AWAKE, PROBABILITY, new_signals
from tests.signals.plain_cards import PlainCards
from tests.signals.worlds import NS_PER_S, T0, give_sigma, one_market

FIGURES = ("score", "agreement", "strength", "confidence")
FLAGS = ("direction", "fresh", "decelerating", "exhausted")


def agree(reading: np.void, want: dict | None) -> None:
    if want is None:
        assert Agreement(int(reading["state"])) is Agreement.ASLEEP
        assert all(np.isnan(reading[name]) for name in FIGURES)
        assert not any(reading[name] for name in FLAGS)
        return
    for name in FIGURES:
        assert reading[name] == pytest.approx(want[name], rel=1e-9, abs=1e-12), name
    assert Agreement(int(reading["state"])).name == want["state"]
    for name in FLAGS:
        assert reading[name] == want[name], name


STALL = range(150, 170)
"""Steps at which every card says more and more while the move stops: what exhausts."""


def raw_values(rng: random.Random, step: int, drift: float) -> list[list[float | None]]:
    """Windows that lean one way for a while, some of them asleep, one card mostly 0."""
    if step in STALL:
        return [[spec.scale * (2.0 + step - STALL[0])] * 3 for spec in CARDS]
    if rng.random() < 0.03:
        return [[None] * 3 for _ in CARDS]
    out = []
    for spec in CARDS:
        lean = drift * rng.choice((1.0, 1.0, 1.0, 0.3, -1.0))
        values = [spec.scale * (lean + rng.gauss(0, 0.7)) for _ in range(3)]
        if spec.name == "wall" and rng.random() < 0.8:
            values = [0.0, 0.0, 0.0]
        out.append([None if rng.random() < 0.04 else x for x in values])
    return out


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_reading_equals_the_plain_twin_over_a_random_history(seed):
    """Two hours of emissions around 60 samples, with sleep, gaps, stale books, strong and stalling moves."""
    rng = random.Random(seed)
    # as at first, then as learned, with cards that were found to foretell nothing
    theta = [[0.4 if seed == 1 else rng.choice((0.0, 0.1, 0.4, 1.3)) for _ in CARDS] for _ in range(3)]
    sig, twin = new_signals(1), PlainCards(theta)
    sig.learning.rows["theta"][0] = theta
    give_sigma(sig, 6.0)
    sig.grid["returns_h"], sig.grid["weight_h"] = 100, 1.0
    sig.grid["square_h"] = np.array([3.0, 6.0, 12.0]) ** 2
    mid, drift, seen = 60_000.0, 0.0, set()
    for step in range(220):
        if step % 25 == 0:
            drift = rng.choice((-4.0, -1.0, 0.0, 1.0, 4.0))
        mid *= 1 + (12e-4 if step in STALL[:6] else 1e-4 * drift if step % 25 < 12 else rng.gauss(0, 1e-5))
        now_s = (step + 1) * 10
        gaps = 0 if step in STALL else rng.choice((0, 0, 0, 3, 50))
        age_s = 0.0 if step in STALL else rng.choice((0.0, 0.4, 0.4, 2.5, 16.0))
        raw = raw_values(rng, step, drift if step % 25 < 20 else 0.2 * drift)
        sig.raw[0] = np.array([[np.nan if x is None else x for x in row] for row in raw])
        sig.grid["second"] = now_s
        sig.mids[0, now_s % sig.mids.shape[1]] = mid
        sig.grid["bad_seconds"] = (1 << gaps) - 1 << 3
        cards.read(sig.rows[0], sig.learning.rows[0], T0 + now_s * NS_PER_S, age_s)
        windows, readings, composites = twin.read(
            raw, mid, now_s, age_s, min(gaps, 57) / 60, [3.0, 6.0, 12.0]
        )
        for card in range(len(CARDS)):
            for w in range(3):
                want = np.nan if windows[card][w] is None else windows[card][w]
                assert sig.scores[0, card, w] == pytest.approx(want, rel=1e-9, nan_ok=True)
            for mode in range(3):
                agree(sig.cards[0, card, mode], readings[card][mode])
                seen |= {name for name in FLAGS if sig.cards[0, card, mode][name]}
        for mode in range(3):
            agree(sig.composites[0, mode], composites[mode])
            awake = composites[mode]["awake"] if composites[mode] else 0
            assert sig.verdicts[0, mode, AWAKE] == awake
            if awake:
                want = composites[mode]["probability"]
                assert sig.verdicts[0, mode, PROBABILITY] == pytest.approx(want, rel=1e-9)
                seen |= {"composite " + name for name in FLAGS if sig.composites[0, mode][name]}
    assert seen >= {
        "direction",
        "fresh",
        "decelerating",
        "exhausted",
        "composite direction",
    }


def test_bounds_hold_for_extreme_raw_values():
    sig = new_signals(1)
    rng = np.random.default_rng(5)
    for step in range(80):
        sig.raw[0] = rng.choice([-1e30, -1.0, 0.0, 1e-30, 1.0, 1e30], size=sig.raw[0].shape)
        cards.read(sig.rows[0], sig.learning.rows[0], T0 + step * 10 * NS_PER_S, 0.0)
        for block in (sig.cards, sig.composites):
            assert (np.abs(block["score"]) <= 1).all()
            for name in ("strength", "confidence", "agreement", "coverage"):
                assert ((block[name] >= 0) & (block[name] <= 1)).all(), name


def test_turning_every_raw_value_around_turns_every_score_around():
    there, back = new_signals(1), new_signals(1)
    rng = np.random.default_rng(6)
    for step in range(90):
        raw = rng.normal(size=there.raw[0].shape)
        there.raw[0], back.raw[0] = raw, -raw
        for sig in (there, back):
            cards.read(sig.rows[0], sig.learning.rows[0], T0 + step * 10 * NS_PER_S, 0.0)
        for block in ("cards", "composites"):
            a, b = getattr(there, block), getattr(back, block)
            for name in ("score", "direction"):
                np.testing.assert_array_equal(a[name], -b[name])
            for name in ("strength", "confidence", "state", "fresh", "decelerating"):
                np.testing.assert_array_equal(a[name], b[name])


def test_what_is_mostly_zero_is_not_blown_up_by_its_own_scale():
    """Half a day without walls must not make the first small wall a full score."""
    sig = new_signals(1)
    wall = card_names().index("wall")
    sig.raw[0] = 0.0
    for step in range(400):
        cards.read(sig.rows[0], sig.learning.rows[0], T0 + step * 10 * NS_PER_S, 0.0)
    sig.raw[0] = 0.03
    cards.read(sig.rows[0], sig.learning.rows[0], T0 + 4_000 * NS_PER_S, 0.0)
    assert sig.scores[0, wall, 0] == pytest.approx(np.tanh(0.05))


def test_cards_sleep_without_a_book_and_speak_with_one():
    market = one_market()
    now = T0
    emit_at(market, now)
    assert np.isnan(market.sig.cards["score"]).all()
    assert not market.sig.composites["direction"].any()
    for second in range(12):
        now = T0 + second * NS_PER_S
        bids = {60_000 - d: 30.0 for d in range(1, 40)}
        asks = {60_000 + d: 10.0 + second for d in range(1, 40)}
        market.book(bids, asks, now)
        market.trade(1, 60_001, 2.0, now)
    emit_at(market, now)
    scores = dict(zip(card_names(), market.sig.scores[0, :, 0].tolist(), strict=True))
    for name in ("ob_near", "ob_deep", "queue", "micro", "thin", "tfi"):
        assert scores[name] > 0, name
    assert scores["wall"] == 0.0
    assert np.isnan(scores["oi"])  # nobody told it
    market.heads["synced"] = 0
    emit_at(market, now + 10 * NS_PER_S)
    assert np.isnan(market.sig.cards["score"]).all()


def test_a_level_is_averaged_over_its_windows_by_time():
    market = one_market()
    values, means = [], []
    for step, ask in enumerate((10.0, 30.0, 50.0, 20.0)):
        market.book({59_999: 30.0}, {60_001: ask}, T0 + step * 10 * NS_PER_S)
        emit_at(market, T0 + step * 10 * NS_PER_S)
        values.append((30.0 - ask) / (30.0 + ask))
        means.append(market.sig.raw[0, card_names().index("queue")].tolist())
    for w, tau in enumerate((30.0, 150.0, 1800.0)):
        mean = values[0]
        assert means[0][w] == pytest.approx(mean)
        for value, got in zip(values[1:], means[1:], strict=True):
            fade = np.exp(-10.0 / tau)
            mean = fade * mean + (1 - fade) * value
            assert got[w] == pytest.approx(mean, rel=1e-9)


def emit_at(market, now_ns):
    market.grid(now_ns)
    cards.emit(market.sig, market.books, market.heads, now_ns)


def test_levels_come_before_flows_in_the_registry():
    assert card_names()[OFI_INT:] == ("ofi_int", "tfi")
    assert len(CARDS) - 1 == TFI


def test_without_a_card_that_foretells_anything_the_composite_says_nothing():
    sig = new_signals(1)
    give_sigma(sig, 6.0)
    sig.mids[0, 10] = 60_000.0
    sig.grid["second"] = 10
    sig.raw[0] = 1.0
    sig.learning.rows["theta"][0] = 0.0
    cards.read(sig.rows[0], sig.learning.rows[0], T0 + 10 * NS_PER_S, 0.0)
    for mode in range(3):
        composite = sig.composites[0, mode]
        assert (composite["score"], composite["confidence"]) == (0.0, 0.0)
        assert sig.verdicts[0, mode, PROBABILITY] == 0.5
