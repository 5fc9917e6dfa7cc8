"""The table of limits: each entry refuses beyond its limit, at its edge, and on what is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.core.enums import DenyReason, Side, Trust
from bot.core.errors import BadInput
from bot.core.messages import Denied, Plan
from bot.core.units import NS_PER_DAY, NS_PER_S
from bot.risk.account import AccountTracker, AccountView
from bot.risk.breakers import BREAKERS, CUTTING, STANDING, Blocks, Sense
from bot.risk.gate import GateRules
from bot.risk.limits import RiskLimits
from bot.risk.manager import RiskManager
from bot.risk.trades import ExitReason, Trade, TradeBook
from tests.trading import ACCOUNT, CONDITIONS, INVERSE, LINEAR, LONG, OTHER, SHORT, T0, VIEW, a_depth, a_plan

NAN = float("nan")
S = NS_PER_S


def a_manager(**limits: Any) -> RiskManager:
    return RiskManager(
        RiskLimits(**limits), GateRules.paper(), {0: LINEAR, 1: OTHER, 2: INVERSE}, TradeBook()
    )


def reason(manager: RiskManager, **changes: Any) -> DenyReason | None:
    """Why LONG is refused with other arguments than the good ones; None: it is approved."""
    arguments = {"intent": LONG, "view": VIEW, "account": ACCOUNT, "conditions": CONDITIONS, **changes}
    answer = manager.decide(**arguments)
    return answer.reason if isinstance(answer, Denied) else None


def of(view: dict[str, Any] | None = None, **conditions: Any) -> dict[str, Any]:
    return {"view": replace(VIEW, **(view or {})), "conditions": replace(CONDITIONS, **conditions)}


def money(equity: int, day_pnl: int, peak: int) -> AccountView:
    return AccountView("USDT", equity, day_pnl, peak)


R = DenyReason
STANDING_CASES: list[tuple[dict[str, Any], DenyReason | None]] = [
    ({}, None),
    ({"account": money(9_801_0000_0000, -199_0000_0000, 10_000_0000_0000)}, None),
    ({"account": money(9_800, -200, 10_000)}, R.DAILY_LOSS),
    ({"account": money(9_400, 0, 10_000)}, R.DRAWDOWN),
    ({"account": money(0, 0, 10_000)}, R.DRAWDOWN),
    ({"account": money(-5, 0, 0)}, R.DRAWDOWN),
    (of({"trust": Trust.SUSPECT}), R.BOOK_UNTRUSTED),
    (of(since_gap_ns=10 * S - 1), R.BOOK_UNTRUSTED),
    (of(since_gap_ns=10 * S), None),
    (of(age_ns=12 * S), None),
    (of(age_ns=12 * S + 1), R.DATA_STALE),
    (of(skew_ns=5 * S), None),
    (of(skew_ns=-5 * S - 1), R.CLOCK_SKEW),
    (of({"spread_bps": 0.6}), None),
    (of({"spread_bps": 0.61}), R.SPREAD_WIDE),
    (of({"spread_bps": NAN}), R.SPREAD_WIDE),
    (of({"spread_median_bps": NAN}), R.SPREAD_WIDE),
    (of({"funding_ns": T0 + 9_999 * S, "funding_rate": 0.0019}), None),
    (of({"funding_ns": T0 + 9_999 * S, "funding_rate": 0.002}), R.FUNDING_EXTREME),
    (of({"funding_ns": T0 + 9_999 * S, "funding_rate": -0.002}), R.FUNDING_EXTREME),
    (of({"funding_ns": T0 + 9_999 * S, "funding_rate": NAN}), R.FUNDING_EXTREME),
    (of({"funding_ns": 0, "funding_rate": NAN}), None),
    (of(cascade=-1), R.CASCADE),
    (of(cascade=1), None),
    (of(stress=-1), R.CASCADE),
    (of({"sigma_h_bps": 0.0}), R.NO_VOLATILITY),
    (of({"sigma_h_bps": NAN}), R.NO_VOLATILITY),
    (of({"sigma_h_bps": float("inf")}), R.NO_VOLATILITY),
]


@pytest.mark.parametrize(("changes", "expected"), STANDING_CASES)
def test_an_entry_is_refused_beyond_a_limit_and_on_what_is_not_known(
    changes: dict[str, Any], expected: DenyReason | None
) -> None:
    # the median of the spread times 3 is a hair below 0.6
    manager = a_manager()
    manager.rules = replace(manager.rules, max_spread_ratio=3.0001)
    assert reason(manager, **changes) is expected


def trade_in(market: int, side: Side, **changes: Any) -> Trade:
    base = LONG if side > 0 else SHORT
    intent = replace(base, market=market, symbol=f"SYM{market}", id=f"trade{market}{side}")
    return Trade(a_plan(replace(intent, **changes)), T0, "USDT", False, intent.invalidation)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([], None),
        ([(1, Side.BUY), (2, Side.BUY)], None),
        ([(0, Side.BUY)], R.SYMBOL_BUSY),
        ([(0, Side.SELL)], R.OPPOSITE_OPEN),
        ([(1, Side.BUY), (2, Side.BUY), (3, Side.BUY)], R.MAX_SAME_SIDE),
        ([(1, Side.SELL), (2, Side.SELL), (3, Side.SELL)], None),
        ([(i, Side.SELL if i > 2 else Side.BUY) for i in range(1, 6)], R.MAX_POSITIONS),
    ],
)
def test_one_trade_a_symbol_few_in_all_fewer_on_a_side(
    held: list[tuple[int, Side]], expected: DenyReason | None
) -> None:
    many = dict.fromkeys(range(7), LINEAR)
    manager = RiskManager(RiskLimits(), GateRules.paper(), many, TradeBook())
    for market, side in held:
        manager.trades.add(trade_in(market, side))
    assert reason(manager) is expected


def test_the_same_symbol_at_another_venue_counts_as_open() -> None:
    manager = a_manager()
    manager.trades.add(trade_in(1, Side.BUY, symbol=LONG.symbol))
    assert reason(manager) is R.SYMBOL_BUSY


def test_orders_of_the_last_minute_count() -> None:
    manager = a_manager(max_order_rate=3)
    for second in range(3):
        manager.sent(T0 + second * S)
    assert reason(manager, intent=replace(LONG, now_ns=T0 + 60 * S - 1)) is R.ORDER_RATE
    assert reason(manager, intent=replace(LONG, now_ns=T0 + 60 * S)) is None


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_exposure": 3.0}, R.MAX_EXPOSURE),
        ({"max_beta": 4.5}, R.BETA_EXPOSURE),
        ({"portfolio_volatility": 0.09}, R.PORTFOLIO_VOLATILITY),
        ({"margin_leverage": 3.0}, R.NO_MARGIN),
    ],
)
def test_an_entry_is_cut_to_the_room_left_and_refused_without_any(
    limits: dict[str, Any], expected: DenyReason
) -> None:
    loose = {"max_exposure": 100.0, "max_beta": 100.0, "portfolio_volatility": 1.0, "margin_leverage": 20.0}
    manager = a_manager(**(loose | limits))
    whole = manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS)
    # 30,000 of another market at a volatility of 3 % a day; beta 1.5 while it is not known
    elsewhere = replace(LONG, market=1, symbol="XYZUSDT", id="other", limit=100_000)
    trade = Trade(a_plan(elsewhere, lots=29_980), T0, "USDT", False, LONG.invalidation)
    manager.trades.add(trade)
    answer = manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS)
    if isinstance(answer, Plan):
        assert isinstance(whole, Plan)
        assert answer.lots < whole.lots
    trade.add_entry(29_980, 100_400, T0)  # filled higher than planned: the same limit, no room
    answer = manager.decide(LONG, VIEW, ACCOUNT, CONDITIONS)
    assert isinstance(answer, Denied)
    assert answer.reason is expected
    assert answer.value >= answer.limit * 0.99
    assert answer.figures[f"room_{expected}"] < 30.0


@pytest.mark.parametrize(
    ("asks", "bids", "expected"),
    [(4.0, 5_000.0, R.BOOK_SHALLOW), (5_000.0, 9.0, R.EXIT_ILLIQUID)],
)
def test_a_book_without_depth_is_neither_entered_nor_relied_on_to_leave(
    asks: float, bids: float, expected: DenyReason
) -> None:
    depth = replace(CONDITIONS.depth, asks=a_depth(asks, 0.001).asks, bids=a_depth(bids, 0.001).bids)
    assert reason(a_manager(), conditions=replace(CONDITIONS, depth=depth)) is expected


def test_what_exits_need_is_in_no_limit() -> None:
    """Nothing in the table speaks of anything but entries, and flattening is the one thing beside."""
    assert {b.blocks for b in BREAKERS} == set(Blocks)
    assert [b.name for b in BREAKERS if b.blocks is Blocks.FLATTEN] == ["drawdown"]
    assert all((b.room is not None) is (b.blocks is Blocks.CUTS) for b in BREAKERS)
    assert len(STANDING) + len(CUTTING) == len(BREAKERS)


def test_every_limit_of_the_table_has_a_configuration_key_that_exists() -> None:
    from bot.app.config import known_keys

    assert {key for b in BREAKERS for key in b.keys} <= set(known_keys())


@pytest.mark.parametrize(("sense", "holds"), [
    (Sense.BELOW, (True, False, False)),
    (Sense.AT_MOST, (True, True, False)),
    (Sense.AT_LEAST, (False, True, True)),
    (Sense.ABOVE, (False, False, True)),
])  # fmt: skip
def test_senses_at_their_edges_and_for_the_unknown(sense: Sense, holds: tuple[bool, ...]) -> None:
    assert tuple(sense.holds(value, 1.0) for value in (0.5, 1.0, 1.5)) == holds
    assert not sense.holds(NAN, 1.0)


# what latches


LOST = money(9_700, -300, 10_000)
FALLEN = money(9_300, 0, 10_000)


def test_a_day_loss_stays_until_the_utc_day_is_over_even_when_equity_recovers() -> None:
    manager, noon = a_manager(), T0 + NS_PER_DAY // 2
    fresh, _ = manager.watch(LOST, noon)
    assert [(t.name, t.subject) for t in fresh] == [("daily_loss", "USDT")]
    assert fresh[0].value == pytest.approx(0.03)
    assert manager.watch(LOST, noon + S) == ((), ())
    assert reason(manager, intent=replace(LONG, now_ns=T0 + NS_PER_DAY - 1)) is R.DAILY_LOSS
    assert not manager.halted
    _, over = manager.watch(ACCOUNT, T0 + NS_PER_DAY)
    assert [t.name for t in over] == ["daily_loss"]
    assert reason(manager, intent=replace(LONG, now_ns=T0 + NS_PER_DAY)) is None


def test_a_limit_of_one_coin_does_not_stop_another() -> None:
    manager = a_manager()
    manager.watch(replace(LOST, coin="ABC"), T0)
    assert reason(manager) is None


def test_a_halt_closes_every_coin_and_so_stops_every_coin() -> None:
    manager = a_manager()
    manager.watch(replace(FALLEN, coin="ABC"), T0)
    assert manager.halted
    assert reason(manager) is R.DRAWDOWN


def test_a_drawdown_halts_until_the_operator_resets_it_and_counts_anew_from_there() -> None:
    manager, accounts = a_manager(), AccountTracker()
    accounts.update("USDT", 10_000, T0)
    view = accounts.update("USDT", 9_300, T0 + S)
    assert {t.name for t in manager.watch(view, T0 + S)[0]} == {"drawdown", "daily_loss"}
    manager.watch(accounts.update("USDT", 10_000, T0 + NS_PER_DAY), T0 + NS_PER_DAY)
    assert manager.halted
    tomorrow = replace(LONG, now_ns=T0 + NS_PER_DAY)
    assert reason(manager, intent=tomorrow) is R.DRAWDOWN
    accounts.update("USDT", 9_300, T0 + NS_PER_DAY)
    detail = manager.reset("drawdown", accounts, T0 + NS_PER_DAY)
    assert detail == {"name": "drawdown", "peaks_e8": {"USDT": (10_000, 9_300)}, "ended": ["USDT"]}
    assert not manager.halted
    assert accounts.update("USDT", 9_300, T0 + NS_PER_DAY + S).drawdown == 0.0


def closed(reason_of_exit: ExitReason, **changes: Any) -> Trade:
    trade = Trade(a_plan(), T0, "USDT", False, LONG.invalidation, **changes)
    trade.add_entry(10, 100_000, T0)
    trade.reason, trade.closed_ns = reason_of_exit, T0
    return trade


def test_stops_that_fail_block_entries_until_the_operator_resets_them() -> None:
    manager = a_manager()
    manager.closed(closed(ExitReason.UNPROTECTED))
    manager.closed(closed(ExitReason.TARGET))
    assert reason(manager) is None
    manager.closed(closed(ExitReason.UNPROTECTED))
    assert reason(manager) is R.STOPS_FAILING  # at once, and from the next reading on latched
    assert [t.name for t in manager.watch(ACCOUNT, T0)[0]] == ["stops_failing"]
    assert manager.reset("stops_failing", AccountTracker(), T0)["ended"] == ["all markets"]
    assert reason(manager) is None


def test_a_cool_down_can_be_ended_by_the_operator() -> None:
    manager = a_manager()
    for _ in range(3):
        manager.closed(closed(ExitReason.STOP))
    assert reason(manager) is R.COOL_DOWN
    assert manager.reset("cool_down", AccountTracker(), T0)["ended"] == ["breaker|scalp|ABCUSDT"]
    assert reason(manager) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("drawdwn", "did you mean 'drawdown'"),
        ("daily_loss", "ends at 00:00 UTC"),
        ("spread_wide", "by itself"),
        ("paused", "resumed"),
        ("drawdown", "nothing to reset"),
        ("cool_down", "nothing to reset"),
    ],
)
def test_what_cannot_be_reset_says_why(name: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        a_manager().reset(name, AccountTracker(), T0)


def test_what_is_latched_survives_a_restart() -> None:
    manager = a_manager()
    manager.watch(FALLEN, T0)
    manager.sent(T0)
    manager.closed(closed(ExitReason.UNPROTECTED))
    again = a_manager()
    again.restore(json.loads(json.dumps(manager.to_state())))
    assert again.to_state() == manager.to_state()
    assert again.halted
    assert again.watch(FALLEN, T0 + S) == ((), ())
    assert reason(again) is R.DRAWDOWN


def test_a_state_of_before_the_latches_is_taken_over() -> None:
    saved = a_manager().to_state()
    old = {key: saved[key] for key in ("records", "exploration", "cool_downs", "paused")}
    manager = a_manager()
    manager.restore({**old, "halted": True})
    assert manager.to_state() == saved
