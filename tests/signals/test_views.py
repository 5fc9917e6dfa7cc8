"""The view strategies see and the block the decision hash covers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.core.enums import Agreement, Mode, Side, Trust
from bot.core.messages import MarketView
from bot.signals import cards
from bot.signals.readings import Readings
from bot.signals.registry import CARDS, card_names
from bot.signals.state import new_signals
from bot.signals.view import market_view
from tests import reference
from tests.signals.worlds import NS_PER_S, T0, OneMarket, one_market

MID = 100_000
BIDS = {MID - 5 - 10 * k: 30.0 for k in range(40)}
ASKS = {MID + 5 + 10 * k: 20.0 for k in range(40)}
WALL = ASKS | {MID + 125: 500.0}


AWAKE = [
    name
    for name in card_names()
    if name not in ("resil", "oi", "funding", "basis", "liq", "lsr", "xv_imb", "xv_lead", "xv_div")
]
"""With one venue, nothing told of the contract, and no shock to recover from."""


@pytest.fixture
def market() -> OneMarket:
    """A quarter of an hour of one book with an ask wall, a trade a second, cards every 10 s."""
    market = one_market()
    market.heads["mark"], market.heads["funding_rate"], market.heads["funding_ns"] = MID + 3.0, 1e-4, T0
    for second in range(900):
        now = T0 + second * NS_PER_S
        if second % 10 == 0:
            emit(market, now)
        # a touch that breathes, so that there is order flow
        market.book(BIDS | {MID - 5: 30.0 + second % 3}, WALL, now)
        market.trade(1 if second % 4 else -1, MID + 5, 2.0, now)
    emit(market, T0 + 900 * NS_PER_S)
    return market


def emit(market: OneMarket, now_ns: int) -> None:
    market.grid(now_ns)
    cards.emit(market.sig, market.books, market.heads, now_ns)


def view_of(market: OneMarket, mode: Mode, now_ns: int = T0 + 900 * NS_PER_S) -> MarketView:
    return market_view(market.sig, market.books, market.heads, 0, mode, now_ns, "ABCUSDT", Trust.TRUSTED)


def test_a_view_says_what_the_book_is(market):
    view = view_of(market, Mode.SCALP)
    bids, asks = BIDS | {MID - 5: 32.0}, WALL
    plain = ([list(level) for level in bids.items()], [list(level) for level in asks.items()])
    assert (view.symbol, view.mode, view.trust, view.now_ns) == (
        "ABCUSDT",
        Mode.SCALP,
        Trust.TRUSTED,
        T0 + 900 * NS_PER_S,
    )
    assert (view.bid, view.ask, view.bid_lots, view.ask_lots) == (MID - 5, MID + 5, 32.0, 20.0)
    assert view.mid == MID
    assert view.tick_bps == 0.1
    assert view.micro == pytest.approx(reference.weighted_mid(*plain))
    assert view.spread_bps == pytest.approx(1.0)
    assert view.spread_median_bps == pytest.approx(1.0)
    reach = 10.0 * view.volatility_unit
    assert view.depth_bid == reference.depth_within(plain[0], MID, reach)
    assert view.depth_ask == reference.depth_within(plain[1], MID, reach)
    assert (view.high_30s, view.low_30s) == (MID, MID)
    assert (view.mark, view.funding_rate, view.funding_ns) == (MID + 3.0, 1e-4, T0)
    trades = [[second, 2.0, 1 if second % 4 else -1] for second in range(900)]
    assert view.tfi_fast == pytest.approx(reference.trade_imbalance(trades, 5.0, 900.0))
    assert view.tfi_slow == pytest.approx(reference.trade_imbalance(trades, 30.0, 900.0))
    assert view.thin_ratio == pytest.approx(math.log((view.depth_bid + 1) / (view.depth_ask + 1)), rel=3e-2)


def test_a_view_lists_awake_cards_in_order_with_their_mode_and_windows(market):
    for mode in Mode:
        view = view_of(market, mode)
        assert [card.name for card in view.cards] == AWAKE
        for card in view.cards:
            i = card_names().index(card.name)
            row = market.sig.cards[0, i, mode.place]
            assert (card.score, card.strength, card.confidence) == (
                row["score"],
                row["strength"],
                row["confidence"],
            )
            assert card.agreement is Agreement(int(row["state"]))
            assert (card.direction, card.fresh) == (row["direction"], bool(row["fresh"]))
            assert card.windows == tuple(market.sig.scores[0, i])
        composite = market.sig.composites[0, mode.place]
        assert view.composite.bias == composite["score"]
        assert view.composite.direction == composite["direction"]
        assert view.composite.awake == sum(
            spec.weights[mode.place] > 0 for spec in CARDS if spec.name in AWAKE
        )


def test_a_sleeping_card_is_not_listed(market):
    now = T0 + 1_900 * NS_PER_S
    market.book(BIDS, WALL, now)
    emit(market, now)
    names = [card.name for card in view_of(market, Mode.SCALP, now).cards]
    # 1,000 s without a trade are more than five taus of the 5 minutes' window, not of the hour's
    (tfi,) = (card for card in view_of(market, Mode.SCALP, now).cards if card.name == "tfi")
    assert math.isnan(tfi.windows[0])
    assert math.isnan(tfi.windows[1])
    assert not math.isnan(tfi.windows[2])
    assert names == [name for name in AWAKE if name != "intensity"]
    market.heads["trade_ns"] = 0
    emit(market, now + 10 * NS_PER_S)
    names = [card.name for card in view_of(market, Mode.SCALP, now + 10 * NS_PER_S).cards]
    assert names == [name for name in AWAKE if name not in ("intensity", "tfi")]


def test_walls_are_shown_with_what_they_display_at_the_instant(market):
    (wall,) = view_of(market, Mode.DAY).walls
    assert (wall.side, wall.price, wall.far_price) == (Side.SELL, MID + 120, MID + 129)
    assert (wall.quantity, wall.peak) == (500.0, 500.0)
    assert wall.distance_bps == pytest.approx(12.0)
    assert wall.age_ns > 800 * NS_PER_S
    market.book(BIDS, WALL | {MID + 125: 320.0}, T0 + 900 * NS_PER_S + 1)
    (wall,) = view_of(market, Mode.DAY).walls
    # the scan has not run since
    assert (wall.quantity, wall.peak) == (320.0, 500.0)


def test_a_cold_market_has_a_view_with_nothing_to_say():
    market = one_market()
    market.book(BIDS, ASKS, T0)
    view = view_of(market, Mode.SWING, T0)
    assert view.cards == ()
    assert view.walls == ()
    assert (view.composite.bias, view.composite.confidence, view.composite.awake) == (0.0, 0.0, 0)
    assert view.composite.probability == 0.5
    assert view.composite.agreement is Agreement.ASLEEP
    assert math.isnan(view.alignment)
    assert math.isnan(view.sigma_h_bps)
    assert math.isnan(view.mark)


def block_of(sig):
    return Readings(sig).of(0).copy()


def test_the_reading_block_holds_every_figure_of_an_emission(market):
    """Any change of any card, window, composite, verdict or of the whole ladder shows."""
    block = block_of(market.sig)
    assert block.dtype == np.float64
    fields = [market.sig.raw, market.sig.scores, market.sig.verdicts, market.sig.ladder]
    records = [market.sig.cards, market.sig.composites]
    assert block.size == sum(a[0].size for a in fields) + sum(a[0].size * len(a.dtype.names) for a in records)
    views = [a[0].reshape(-1) for a in fields] + [a[0].view(np.float64).reshape(-1) for a in records]
    for flat in views:
        before = flat[-1]
        flat[-1] = 77.0
        changed = block_of(market.sig)
        assert np.sum(~((changed == block) | (np.isnan(changed) & np.isnan(block)))) == 1
        flat[-1] = before


def test_awake_cards_are_counted_once_a_card(market):
    assert Readings(market.sig).awake(0) == len(AWAKE)
    assert Readings(new_signals(1)).awake(0) == 0
