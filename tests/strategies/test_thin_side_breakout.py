from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bot.core.enums import Action, Agreement, Cascade, Entry, Mode, Side, Stage
from bot.core.messages import CardView, MarketView, TradeView, WallView, Zone
from strategies.thin_side_breakout import STRATEGY
from tests.strategies.mirror import mirrored, mirrored_trade
from tests.trading import MID, OPEN_TRADE, T0, VIEW

SET_UP = replace(
    VIEW,
    thin=1,
    thin_ratio=0.5,
    ofi_z=2.0,
    tfi_fast=0.4,
    alignment=0.1,
)
"""Ask side thin, flow towards it, mid at the edge of its last 30 s: everything holds."""

TRADE = replace(OPEN_TRADE, strategy="thin_side_breakout")


def a_wall(side: Side, away_bps: float, genuineness: float = 0.7) -> WallView:
    price = int(MID * (1 - side * away_bps / 1e4))
    return WallView(1, side, price, price - side * 5, 100.0, 100.0, 20.0, away_bps, 10**9, genuineness)


def with_composite(view: MarketView, **changes: Any) -> MarketView:
    return replace(view, composite=replace(view.composite, **changes))


def test_it_enters_when_everything_holds() -> None:
    (intent,) = STRATEGY.enter(SET_UP)

    assert (intent.action, intent.side, intent.entry) == (Action.ENTER, Side.BUY, Entry.IOC)
    assert intent.strategy == STRATEGY.name
    assert (intent.symbol, intent.market, intent.mode, intent.now_ns) == ("ABCUSDT", 0, Mode.SCALP, T0)
    # sigma over 30 s, tightened by the agreement of the windows
    distance = 0.8 * math.sqrt(30.0)
    assert intent.stop_bps == pytest.approx(max(distance, 3 * VIEW.spread_bps + 4.0))
    assert intent.invalidation == math.floor(VIEW.ask * (1 - intent.stop_bps / 1e4))
    assert intent.limit >= VIEW.ask
    assert intent.limit - VIEW.ask <= math.ceil(VIEW.ask * 2.0 / 1e4)
    prices = [price for price, _ in intent.targets]
    assert prices == sorted(prices)
    assert prices[0] > intent.limit
    assert sum(share for _, share in intent.targets) == pytest.approx(1.0)
    assert intent.time_stop_ns == 120 * 10**9
    assert intent.confidence == VIEW.composite.confidence


def a_zone(side: Side, away_bps: float, *, hold: float = 0.7, genuineness: float = 0.7) -> Zone:
    near = MID * (1 - side * away_bps / 1e4)
    low, high = sorted((near, near - side * 5.0))
    return Zone(3, side, low, high, away_bps, hold, genuineness, False, 0, 0, 0)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"thin": 0}, id="no thin side"),
        pytest.param({"alignment": -0.3}, id="price diverges"),
        pytest.param({"alignment": math.nan}, id="alignment unknown"),
        pytest.param({"sigma_1s_bps": math.nan}, id="volatility unknown"),
        pytest.param({"volatility_unit": math.nan}, id="volatility unit unknown"),
        pytest.param({"walls": (a_wall(Side.SELL, 5.0),)}, id="genuine wall in the way"),
        pytest.param({"zones": (a_zone(Side.SELL, 5.0),)}, id="zone that holds in the way"),
        pytest.param({"cascade": Cascade.EXHAUST, "cascade_side": 1}, id="what pushed it is spent"),
    ],
)
def test_one_missing_condition_of_the_set_up_prevents_everything(broken: dict[str, Any]) -> None:
    assert STRATEGY.enter(replace(SET_UP, **broken)) == ()


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"ofi_z": 1.4}, id="order flow too weak"),
        pytest.param({"ofi_z": math.nan}, id="order flow unknown"),
        pytest.param({"tfi_fast": 0.1}, id="trades too weak"),
        pytest.param({"tfi_fast": math.nan}, id="no trades"),
        pytest.param({"high_30s": MID + 1}, id="not at the edge"),
        pytest.param({"high_30s": math.nan}, id="edge unknown"),
        pytest.param({"high_30s": MID + 1, "last_price": 100_000, "last_ns": T0 - 10**10}, id="an old print"),
    ],
)
def test_a_set_up_without_its_trigger_is_watched_for_fifteen_seconds(broken: dict[str, Any]) -> None:
    (wish,) = STRATEGY.enter(replace(SET_UP, **broken))

    assert (wish.action, wish.side, wish.entry_ttl_ns) == (Action.WATCH, Side.BUY, 15 * 10**9)


def test_a_level_that_was_traded_through_triggers_too() -> None:
    through = replace(SET_UP, high_30s=MID + 1, last_price=100_000, last_ns=T0 - 10**9)

    assert [intent.action for intent in STRATEGY.enter(through)] == [Action.ENTER]


def test_a_vacuum_is_as_good_as_a_thin_side_and_leaves_only_when_it_is_filled() -> None:
    hollow = replace(SET_UP, thin=0, thin_ratio=0.0, vacuum=1)
    (intent,) = STRATEGY.enter(hollow)
    assert (intent.action, intent.side) == (Action.ENTER, Side.BUY)
    full = replace(hollow, thin_low_3s=0.0, thin_high_3s=0.1)
    assert STRATEGY.manage(full, TRADE) == ()
    assert len(STRATEGY.manage(replace(full, vacuum=0), TRADE)) == 1


def test_the_last_target_stays_before_the_next_zone() -> None:
    (free,) = STRATEGY.enter(SET_UP)
    reach = 1.675 * free.stop_bps
    (short,) = STRATEGY.enter(replace(SET_UP, zones=(a_zone(Side.SELL, reach + 2.0),)))

    assert short.targets[:2] == free.targets[:2]
    assert short.targets[2][0] == pytest.approx(VIEW.ask * (1 + (reach + 1.0) / 1e4), abs=1.0)
    assert short.target_bps < free.target_bps


@pytest.mark.parametrize(("times", "moved"), [(1.1, True), (1.4, False), (0.8, False)])
def test_the_stop_goes_behind_a_genuine_zone_that_is_near_enough(times: float, moved: bool) -> None:
    (free,) = STRATEGY.enter(SET_UP)
    edge = MID * (1 - times * free.stop_bps / 1e4)
    zone = replace(a_zone(Side.BUY, 1.0), low=edge, high=edge + 20.0)
    (intent,) = STRATEGY.enter(replace(SET_UP, zones=(zone,)))

    assert intent.stop_bps == pytest.approx(times * free.stop_bps + VIEW.tick_bps if moved else free.stop_bps)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"bias": 0.09}, id="bias too small"),
        pytest.param({"bias": -0.4}, id="bias against"),
        pytest.param({"fresh": False, "agreement": Agreement.MIXED}, id="old and mixed"),
    ],
)
def test_the_composite_must_be_behind_it(broken: dict[str, Any]) -> None:
    assert STRATEGY.enter(with_composite(SET_UP, **broken)) == ()


@pytest.mark.parametrize(
    "fine",
    [
        {"fresh": False, "agreement": Agreement.AGREED},
        {"fresh": True, "agreement": Agreement.MIXED},
    ],
)
def test_fresh_or_agreeing_is_enough(fine: dict[str, Any]) -> None:
    assert len(STRATEGY.enter(with_composite(SET_UP, **fine))) == 1


@pytest.mark.parametrize(
    "wall",
    [
        pytest.param(a_wall(Side.SELL, 5.0, genuineness=0.6), id="doubtful"),
        pytest.param(a_wall(Side.SELL, 300.0), id="beyond the last target"),
        pytest.param(a_wall(Side.BUY, 5.0), id="behind us"),
    ],
)
def test_other_walls_do_not_matter(wall: WallView) -> None:
    assert len(STRATEGY.enter(replace(SET_UP, walls=(wall,)))) == 1


def test_a_conflict_of_the_windows_widens_the_stop_and_is_said() -> None:
    wild = replace(SET_UP, sigma_1s_bps=3.0)
    (agreed,) = STRATEGY.enter(wild)
    (conflicted,) = STRATEGY.enter(with_composite(wild, agreement=Agreement.CONFLICTED))

    assert conflicted.conflicted
    assert not agreed.conflicted
    assert conflicted.stop_bps / agreed.stop_bps == pytest.approx(1.3 / 0.8)


@pytest.mark.parametrize(("mode", "window_s", "time_stop_s"), [("day", 120, 1200), ("swing", 900, 7200)])
def test_longer_modes_look_further(mode: str, window_s: int, time_stop_s: int) -> None:
    (intent,) = STRATEGY.enter(replace(SET_UP, mode=Mode(mode), sigma_1s_bps=1.5))

    assert intent.stop_bps == pytest.approx(0.8 * 1.5 * math.sqrt(window_s))
    assert intent.time_stop_ns == time_stop_s * 10**9


def test_the_stop_is_bounded_by_spread_and_volatility_unit() -> None:
    (calm,) = STRATEGY.enter(replace(SET_UP, sigma_1s_bps=1e-6, spread_bps=1.0))
    (wild,) = STRATEGY.enter(replace(SET_UP, sigma_1s_bps=1e3, volatility_unit=0.5))

    assert calm.stop_bps == 7.0
    assert wild.stop_bps == 30.0


OPEN_VIEW = replace(SET_UP, now_ns=T0 + 10**9)
SLOWING = CardView("ofi_int", 0.3, 0.5, 0.5, Agreement.AGREED, 1, False, (0.3, 0.3, 0.3), decelerating=True)


def test_a_conflict_of_the_windows_takes_half_and_brings_the_stop_to_half_its_distance() -> None:
    conflicted = with_composite(OPEN_VIEW, agreement=Agreement.CONFLICTED)
    half, stop = STRATEGY.manage(conflicted, TRADE)

    assert (half.action, half.fraction) == (Action.REDUCE, 0.5)
    assert (stop.action, stop.invalidation) == (Action.MOVE_STOP, 99_950)
    assert STRATEGY.manage(conflicted, replace(TRADE, reduced_for=(half.reason,))) == ()
    assert STRATEGY.manage(conflicted, replace(TRADE, conflicted=True)) == ()


def test_it_stays_while_the_reason_stands() -> None:
    assert STRATEGY.manage(OPEN_VIEW, TRADE) == ()


@pytest.mark.parametrize(
    ("view", "trade", "fraction"),
    [
        pytest.param(replace(OPEN_VIEW, thin_high_3s=0.18), TRADE, 1.0, id="refilled"),
        pytest.param(with_composite(OPEN_VIEW, decelerating=True), TRADE, 0.5, id="composite slows: half"),
        pytest.param(replace(OPEN_VIEW, cards=(SLOWING,)), TRADE, 0.5, id="flow slows: half"),
        pytest.param(with_composite(OPEN_VIEW, exhausted=True), TRADE, 1.0, id="exhausted"),
        pytest.param(with_composite(OPEN_VIEW, direction=-1), TRADE, 1.0, id="turned"),
        pytest.param(with_composite(OPEN_VIEW, bias=0.0), TRADE, 1.0, id="neutral"),
    ],
)
def test_it_leaves_when_the_reason_is_gone(view: MarketView, trade: TradeView, fraction: float) -> None:
    (intent,) = STRATEGY.manage(view, trade)

    assert (intent.action, intent.fraction, intent.side) == (Action.REDUCE, fraction, trade.side)
    assert intent.reason


@pytest.mark.parametrize(
    ("view", "trade"),
    [
        pytest.param(
            replace(OPEN_VIEW, thin_high_3s=0.0), replace(TRADE, targets_hit=1), id="refilled after a target"
        ),
        pytest.param(
            with_composite(OPEN_VIEW, decelerating=True),
            replace(TRADE, reduced_for=("flow or composite slows",)),
            id="already halved",
        ),
        pytest.param(
            with_composite(OPEN_VIEW, direction=-1), replace(TRADE, stage=Stage.ENTERING), id="not open yet"
        ),
        pytest.param(
            with_composite(OPEN_VIEW, direction=-1), replace(TRADE, stage=Stage.EXITING), id="leaving already"
        ),
    ],
)
def test_it_does_not_interfere(view: MarketView, trade: TradeView) -> None:
    assert STRATEGY.manage(view, trade) == ()


def test_equal_views_get_equal_intents() -> None:
    assert STRATEGY.enter(SET_UP) == STRATEGY.enter(replace(SET_UP))
    gone = replace(OPEN_VIEW, thin_high_3s=0.0)
    assert STRATEGY.manage(gone, TRADE) == STRATEGY.manage(gone, replace(TRADE))


def test_a_mirrored_market_gets_the_mirrored_entry() -> None:
    (up,) = STRATEGY.enter(SET_UP)
    (down,) = STRATEGY.enter(mirrored(SET_UP))

    assert down.side is Side.SELL
    assert down.drift_bps == pytest.approx(up.drift_bps)
    assert (down.stop_bps, down.target_bps) == (up.stop_bps, up.target_bps)
    # distances are shares of slightly different prices
    for own, other in ((up.limit, down.limit), (up.invalidation, down.invalidation)):
        assert other == pytest.approx(2 * MID - own, abs=2)
    for (own, _), (other, _) in zip(up.targets, down.targets, strict=True):
        assert other == pytest.approx(2 * MID - own, abs=2)


def test_a_mirrored_market_gets_the_mirrored_exit() -> None:
    for view in (
        replace(OPEN_VIEW, thin_low_3s=-0.1, thin_high_3s=0.0),
        with_composite(OPEN_VIEW, direction=-1),
    ):
        (up,) = STRATEGY.manage(view, TRADE)
        (down,) = STRATEGY.manage(mirrored(view), mirrored_trade(TRADE))
        assert (down.action, down.fraction, down.reason) == (up.action, up.fraction, up.reason)
        assert down.side == -up.side
