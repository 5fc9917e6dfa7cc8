from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bot.core.enums import Action, Agreement, Cascade, Entry, Mode, Side, Stage, WallEnd
from bot.core.messages import EndedWall, MarketView, TradeView, WallView, Zone
from strategies.wall_fade import STRATEGY
from tests.strategies.mirror import mirrored, mirrored_trade
from tests.trading import MID, OPEN_TRADE, T0, VIEW

WALL = WallView(
    id=7,
    side=Side.BUY,
    price=99_950,  # 5 bps under the mid
    far_price=99_946,
    quantity=800.0,
    peak=1_000.0,
    executed=150.0,
    distance_bps=5.0,
    age_ns=60 * 10**9,
    genuineness=0.7,
)
HIT = replace(VIEW, walls=(WALL,), tfi_fast=-0.3, tfi_slow=-0.5, sigma_60s_bps=7.0, mid_average=MID + 10.0)
"""A genuine bid wall that was hit and stands; the selling into it is abating."""

TRADE = replace(
    OPEN_TRADE,
    strategy="wall_fade",
    entry_price=99_960.0,
    stop=99_920,
    first_stop=99_920,
    wall=7,
    wall_lots=800.0,
    wall_shown=800.0,
)
ENTERING = replace(TRADE, stage=Stage.ENTERING, open_lots=0, filled_ns=0)


def with_wall(**changes: Any) -> MarketView:
    return replace(HIT, walls=(replace(WALL, **changes),))


def with_composite(view: MarketView, **changes: Any) -> MarketView:
    return replace(view, composite=replace(view.composite, **changes))


def test_it_rests_in_front_of_a_wall_that_was_hit() -> None:
    (intent,) = STRATEGY.enter(HIT)

    assert (intent.action, intent.side, intent.entry) == (Action.ENTER, Side.BUY, Entry.POST_ONLY)
    assert WALL.price < intent.limit < HIT.ask
    assert intent.invalidation < WALL.far_price
    assert [price > intent.limit for price, _ in intent.targets] == [True, True]
    assert intent.targets[0][0] < intent.targets[1][0]
    assert sum(share for _, share in intent.targets) == pytest.approx(1.0)
    assert intent.stop_bps == pytest.approx(1e4 * (intent.limit - intent.invalidation) / intent.limit)
    assert (intent.time_stop_ns, intent.entry_ttl_ns) == (90 * 10**9, 30 * 10**9)


def test_it_says_which_wall_it_rests_on_and_how_much_of_it_must_stay() -> None:
    (intent,) = STRATEGY.enter(HIT)

    assert intent.wall == WALL.id
    assert intent.wall_span == (WALL.price, WALL.far_price)
    assert intent.wall_lots == WALL.quantity
    assert intent.wall_keep == (0.60, 0.30)
    assert intent.max_lots == pytest.approx(0.1 * WALL.quantity)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"executed": 99.0}, id="never really hit"),
        pytest.param({"quantity": 0.0}, id="not displayed any more"),
        pytest.param({"genuineness": 0.64}, id="doubtful"),
        pytest.param({"distance_bps": 0.9}, id="too near"),
        pytest.param({"distance_bps": 15.1}, id="too far"),
        pytest.param({"layering": 0.25}, id="one of several alike"),
    ],
)
def test_a_wall_that_does_not_qualify_is_left_alone(broken: dict[str, Any]) -> None:
    assert STRATEGY.enter(with_wall(**broken)) == ()


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(replace(HIT, walls=()), id="no wall"),
        pytest.param(replace(HIT, sigma_10s_bps=math.nan), id="volatility unknown"),
        pytest.param(with_composite(HIT, bias=-0.06), id="bias against"),
        pytest.param(replace(HIT, tfi_fast=-0.6), id="selling into it grows"),
        pytest.param(replace(HIT, tfi_slow=math.nan), id="flow before unknown"),
        pytest.param(replace(HIT, vpin_rank=0.95), id="toxic flow"),
        pytest.param(replace(HIT, cascade=Cascade.BURST, cascade_side=-1), id="forced selling"),
        pytest.param(replace(HIT, mid_average=MID - 60.0), id="nothing to win"),
    ],
)
def test_without_a_precondition_it_does_not_enter(view: MarketView) -> None:
    assert STRATEGY.enter(view) == ()


@pytest.mark.parametrize("flow", [{"tfi_fast": 0.9}, {"tfi_fast": 0.0}, {"tfi_fast": math.nan}])
def test_only_flow_into_the_wall_must_abate(flow: dict[str, Any]) -> None:
    assert len(STRATEGY.enter(replace(HIT, **flow))) == 1


def test_the_nearest_wall_is_chosen_whatever_their_order() -> None:
    far = replace(WALL, id=3, price=99_900, far_price=99_896, distance_bps=10.0)
    for walls in ((far, WALL), (WALL, far)):
        (intent,) = STRATEGY.enter(replace(HIT, walls=walls))
        assert intent.wall == WALL.id


def test_a_wall_at_the_touch_does_not_make_it_take() -> None:
    near = replace(WALL, price=99_998, far_price=99_995, distance_bps=1.0)
    (intent,) = STRATEGY.enter(replace(HIT, walls=(near,), tick_bps=1.0))

    assert intent.limit == HIT.ask - 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"tfi_fast": -0.6, "absorption": 0.3}, id="selling that is absorbed"),
        pytest.param({"cascade": Cascade.BURST, "cascade_side": 1}, id="forced buying"),
        pytest.param({"cascade": Cascade.EXHAUST, "cascade_side": -1}, id="forced selling that is spent"),
        pytest.param({"vpin_rank": math.nan}, id="toxicity unknown"),
    ],
)
def test_these_do_not_keep_it_from_entering(changes: dict[str, Any]) -> None:
    assert len(STRATEGY.enter(replace(HIT, **changes))) == 1


@pytest.mark.parametrize(("holds", "enters"), [(1, True), (0, False)])
def test_an_untested_wall_needs_a_zone_that_turned_the_price_before(holds: int, enters: bool) -> None:
    zone = Zone(4, Side.BUY, 99_940.0, 99_955.0, 4.5, 0.7, 0.7, False, holds, 1, 0)
    untested = replace(with_wall(executed=0.0), zones=(zone,))

    found = STRATEGY.enter(untested)

    assert len(found) == enters
    assert all((intent.zone, intent.zone_breaks) == (4, 1) for intent in found)


def test_the_first_target_is_the_nearer_of_the_way_back_and_a_minutes_sigma() -> None:
    (near,) = STRATEGY.enter(replace(HIT, mid_average=99_985.0))
    (wide,) = STRATEGY.enter(replace(HIT, sigma_60s_bps=4.0))

    assert near.targets[0][0] == 99_985
    assert wide.targets[0][0] == pytest.approx(wide.limit * (1 + 4.0 / 1e4), abs=1.0)


def test_it_stays_while_the_wall_stands() -> None:
    assert STRATEGY.manage(HIT, TRADE) == ()
    assert STRATEGY.manage(HIT, ENTERING) == ()


@pytest.mark.parametrize(
    ("view", "trade"),
    [
        pytest.param(replace(HIT, walls=()), ENTERING, id="wall ended"),
        pytest.param(HIT, replace(ENTERING, wall_shown=0.59 * 800), id="wall shrank"),
        pytest.param(with_wall(genuineness=0.49), ENTERING, id="wall doubtful"),
        pytest.param(with_composite(HIT, direction=-1), ENTERING, id="market turned"),
        pytest.param(replace(HIT, mid=MID * (1 + 3.3 / 1e4)), ENTERING, id="market ran away"),
    ],
)
def test_a_resting_entry_is_cancelled_when_its_reason_is_gone(view: MarketView, trade: TradeView) -> None:
    (intent,) = STRATEGY.manage(view, trade)

    assert (intent.action, intent.side) == (Action.CANCEL_ENTRY, Side.BUY)
    assert intent.reason


def ended(how: WallEnd) -> EndedWall:
    return EndedWall(WALL.id, Side.BUY, how, T0, 100.0, 600.0)


BROKEN = Zone(9, Side.BUY, 99_940.0, 99_955.0, 4.5, 0.4, 0.7, False, 1, 1, 0)


@pytest.mark.parametrize(
    ("view", "trade", "word"),
    [
        pytest.param(
            replace(HIT, walls=(), ended=(ended(WallEnd.PULLED),)), TRADE, "wall pulled", id="wall pulled"
        ),
        pytest.param(replace(HIT, ended=(ended(WallEnd.CONSUMED),)), TRADE, "wall consumed", id="consumed"),
        pytest.param(HIT, replace(TRADE, wall_shown=0.3 * 800), "wall consumed", id="hardly any left"),
        pytest.param(HIT, replace(TRADE, wall_shown=math.nan), "wall consumed", id="nobody knows"),
        pytest.param(replace(HIT, zones=(BROKEN,)), replace(TRADE, zone=9), "zone broken", id="zone broken"),
        pytest.param(with_composite(HIT, direction=-1), TRADE, "composite", id="market turned"),
    ],
)
def test_an_open_trade_is_closed_when_its_reason_is_gone(
    view: MarketView, trade: TradeView, word: str
) -> None:
    (intent,) = STRATEGY.manage(view, trade)

    assert (intent.action, intent.fraction) == (Action.REDUCE, 1.0)
    assert word in intent.reason


@pytest.mark.parametrize(
    ("view", "trade"),
    [
        pytest.param(HIT, replace(TRADE, wall_shown=0.5 * 800), id="open, half of the wall left"),
        pytest.param(
            replace(HIT, walls=(), ended=(ended(WallEnd.EXPIRED),)),
            TRADE,
            id="no wall any more, but it is there",
        ),
        pytest.param(with_composite(HIT, decelerating=True), TRADE, id="the composite slows in our favour"),
        pytest.param(with_wall(genuineness=0.1), TRADE, id="open, wall doubtful"),
        pytest.param(
            HIT, replace(TRADE, targets_hit=1, wall_shown=0.0), id="wall gone after the first target"
        ),
        pytest.param(HIT, replace(TRADE, stage=Stage.EXITING, wall_shown=0.0), id="leaving already"),
    ],
)
def test_it_does_not_interfere(view: MarketView, trade: TradeView) -> None:
    assert STRATEGY.manage(view, trade) == ()


@pytest.mark.parametrize(("mode", "time_stop_s"), [("day", 300), ("swing", 1800)])
def test_longer_modes_wait_longer(mode: str, time_stop_s: int) -> None:
    (intent,) = STRATEGY.enter(replace(HIT, mode=Mode(mode)))

    assert intent.time_stop_ns == time_stop_s * 10**9


def test_a_conflict_is_said() -> None:
    (intent,) = STRATEGY.enter(with_composite(HIT, agreement=Agreement.CONFLICTED))

    assert intent.conflicted


def test_equal_views_get_equal_intents() -> None:
    assert STRATEGY.enter(HIT) == STRATEGY.enter(replace(HIT))
    gone = replace(TRADE, wall_shown=0.0)
    assert STRATEGY.manage(HIT, gone) == STRATEGY.manage(HIT, replace(gone))


def test_a_mirrored_market_gets_the_mirrored_entry() -> None:
    (up,) = STRATEGY.enter(HIT)
    (down,) = STRATEGY.enter(mirrored(HIT))

    assert down.side is Side.SELL
    assert down.wall_span == tuple(2 * MID - tick for tick in up.wall_span)
    assert (down.max_lots, down.confidence) == (up.max_lots, up.confidence)
    assert down.drift_bps == pytest.approx(up.drift_bps)
    # distances are shares of slightly different prices
    for own, other in ((up.limit, down.limit), (up.invalidation, down.invalidation)):
        assert other == pytest.approx(2 * MID - own, abs=2)
    for (own, _), (other, _) in zip(up.targets, down.targets, strict=True):
        assert other == pytest.approx(2 * MID - own, abs=4)


@pytest.mark.parametrize("trade", [replace(TRADE, wall_shown=0.0), ENTERING])
@pytest.mark.parametrize("view", [replace(HIT, walls=()), with_composite(HIT, direction=-1)])
def test_a_mirrored_market_gets_the_mirrored_exit(view: MarketView, trade: TradeView) -> None:
    (up,) = STRATEGY.manage(view, trade)
    (down,) = STRATEGY.manage(mirrored(view), mirrored_trade(trade))

    assert (down.action, down.fraction, down.reason) == (up.action, up.fraction, up.reason)
    assert down.side == -up.side
