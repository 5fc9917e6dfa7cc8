"""What limits are told of a market, read from the loop's arrays after real rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.enums import Side
from bot.engine.conditions import conditions_of
from bot.market.instruments import Instrument
from bot.risk.conditions import NEVER_NS
from bot.risk.gate import GateRules
from bot.risk.limits import RiskLimits
from bot.risk.manager import RiskManager
from bot.signals.derivatives.liquidations import Cascade
from tests.engine.world import ASKS, BIDS, LINEAR, OTHER, Stream, World, opened

S = 1_000_000_000
BITCOIN = replace(LINEAR, symbol="BTCUSDT")


def test_both_sides_are_walked_from_the_touch() -> None:
    world = World().feed(opened(1.0))
    depth = world.engine.conditions(0).depth
    bids, asks = sorted(BIDS.items(), reverse=True), sorted(ASKS.items())
    assert depth.mid == 0.5 * (bids[0][0] + asks[0][0])
    for side, levels in ((Side.SELL, bids), (Side.BUY, asks)):
        book = depth.ahead(side)
        assert book.ticks.tolist() == [tick for tick, _ in levels]
        assert book.lots[-1] == sum(lots for _, lots in levels)


def test_age_and_the_time_since_a_gap_are_of_the_market_asked_for() -> None:
    stream = opened(1.0).book(1.0, BIDS, ASKS, market=1, snapshot=True).gap(2.0, market=1)
    stream.book(3.0, BIDS, ASKS, market=1, snapshot=True).book(7.0, {90_000: 3}, market=1)
    engine = World().feed(stream).engine
    first, second = engine.conditions(0), engine.conditions(1)
    assert (first.age_ns, first.since_gap_ns) == (6 * S, NEVER_NS)
    assert (second.age_ns, second.since_gap_ns) == (0, 5 * S)


def test_the_offset_of_the_venues_clock_is_its_skew() -> None:
    ahead = Stream().book(1.0, BIDS, ASKS, snapshot=True).rows()
    ahead["exch_ns"] += 3 * S
    world = World()
    world.engine.feed(ahead)
    assert world.engine.conditions(0).skew_ns == 3 * S


@pytest.mark.parametrize(
    ("first", "direction", "here", "elsewhere"),
    [(BITCOIN, -1, (-1, 0), (0, -1)), (BITCOIN, 1, (1, 0), (0, 0)), (LINEAR, -1, (-1, 0), (0, 0))],
)
def test_a_cascade_of_bitcoin_is_felt_in_every_market(
    first: Instrument, direction: int, here: tuple[int, int], elsewhere: tuple[int, int]
) -> None:
    instruments = (first, OTHER)
    stream = opened(1.0).book(1.0, BIDS, ASKS, market=1, snapshot=True)
    state = World(instruments=instruments).feed(stream).engine.state
    known = state.signals.rows["known"]["liquidations"]
    known["state"][0], known["direction"][0] = Cascade.CASCADE, direction
    seen = [conditions_of(state, instruments, market, S) for market in (0, 1)]
    assert [(c.cascade, c.stress) for c in seen] == [here, elsewhere]


def test_looking_at_the_limits_changes_nothing() -> None:
    instruments = {0: LINEAR, 1: OTHER}
    world = World(risk=lambda book: RiskManager(RiskLimits(), GateRules.paper(), instruments, book))
    world.feed(opened(0.5).quiet(1.0, 20.0).trade(20.5, 1, 100_001))
    trading = world.engine.trading
    assert trading is not None
    before = trading.risk.to_state(), trading.accounts.to_state(), world.engine.decisions.hexdigest()
    world.venue.deposit("USDT", 5 * 10**8)
    rows = {(row.name, row.subject): row for row in world.engine.limits()}
    after = trading.risk.to_state(), trading.accounts.to_state(), world.engine.decisions.hexdigest()
    assert after == before
    assert rows["drawdown", "USDT"].value == 0.0
    assert rows["data_stale", LINEAR.key].value == 1.5
    assert ("data_stale", OTHER.key) not in rows  # it has no book
    assert not rows["paused", ""].broken
    world.engine.accepting = False
    assert next(row for row in world.engine.limits() if row.name == "paused").broken


def test_without_trading_there_are_no_limits() -> None:
    assert World(trades=False).feed(opened(0.5)).engine.limits() == ()
