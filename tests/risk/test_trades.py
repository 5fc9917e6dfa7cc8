from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import Stage
from bot.core.errors import IllegalTransition
from bot.risk.trades import ExitReason, Trade, TradeBook, average_price, exit_reason
from tests.trading import LONG, SHORT, T0, a_plan


def a_trade(intent=LONG, lots: int = 10, inverse: bool = False) -> Trade:
    return Trade(a_plan(intent, lots), T0, "USDT", inverse, intent.invalidation)


@pytest.mark.parametrize(
    ("path", "legal"),
    [
        ((Stage.OPEN, Stage.EXITING, Stage.CLOSED), True),
        ((Stage.OPEN, Stage.CLOSED), True),
        ((Stage.CLOSED,), True),
        ((Stage.EXITING, Stage.CLOSED, Stage.EXITING), True),
        ((Stage.OPEN, Stage.ENTERING), False),
        ((Stage.EXITING, Stage.OPEN), False),
        ((Stage.CLOSED, Stage.OPEN), False),
        ((Stage.OPEN, Stage.OPEN), False),
    ],
)
def test_stages_follow_the_table(path: tuple[Stage, ...], legal: bool) -> None:
    trade = a_trade()
    for stage in path[:-1]:
        trade.step(stage)
    if legal:
        trade.step(path[-1])
        assert trade.stage is path[-1]
    else:
        with pytest.raises(IllegalTransition, match=path[-1].value):
            trade.step(path[-1])


def test_more_than_planned_cannot_be_filled_and_more_than_open_cannot_be_closed() -> None:
    trade = a_trade(lots=10)
    trade.add_entry(6, 100_000, T0 + 1)
    with pytest.raises(IllegalTransition, match="planned"):
        trade.add_entry(5, 100_000, T0 + 2)
    with pytest.raises(IllegalTransition, match="open"):
        trade.add_exit(7, 100_000, T0 + 2)


@given(fills=st.lists(st.tuples(st.integers(1, 100), st.integers(1, 200_000)), min_size=1, max_size=8))
def test_average_is_exact_in_cost_for_linear_and_in_coin_for_inverse(fills: list[tuple[int, int]]) -> None:
    by_price: dict[int, int] = {}
    for lots, price in fills:
        by_price[price] = by_price.get(price, 0) + lots
    lots = sum(n for n, _ in fills)
    assert average_price(by_price, inverse=False) * lots == sum(n * p for n, p in fills)
    assert lots / average_price(by_price, inverse=True) == sum(Fraction(n, p) for n, p in fills)


def test_excursions_are_towards_the_trade_and_counted_only_while_open() -> None:
    trade = a_trade(SHORT)
    trade.see_price(50_000.0)
    trade.add_entry(10, 100_000, T0)
    for price in (99_900.0, 100_200.0, float("nan")):
        trade.see_price(price)
    trade.add_exit(10, 99_800, T0 + 5)
    trade.see_price(10.0)
    assert [trade.best_bps, trade.worst_bps] == pytest.approx([20.0, -20.0])


def test_the_row_holds_the_sums_of_what_was_booked() -> None:
    trade = a_trade()
    trade.add_entry(4, 100_000, T0 + 10)
    trade.add_entry(6, 100_010, T0 + 20)
    trade.book(fee_e8=7)
    trade.book(funding_e8=-3)
    trade.add_exit(10, 100_106, T0 + 500)
    trade.book(realised_e8=100, fee_e8=5)
    row = trade.row()
    assert (row["gross_e8"], row["fees_e8"], row["funding_e8"], row["net_e8"]) == (100, 12, -3, 85)
    assert (row["entry_price"], row["exit_price"]) == (100_006.0, 100_106.0)
    assert (row["open_lots"], row["hold_ns"]) == (0, 490)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("operator", ExitReason.OPERATOR),
        ("wall_pulled: 20 % left", ExitReason.WALL_PULLED),
        ("wall shrank", ExitReason.WALL_PULLED),
        ("composite turned", ExitReason.SIGNAL),
    ],
)
def test_a_closing_intent_names_its_reason(words: str, reason: ExitReason) -> None:
    assert exit_reason(replace(LONG, reason=words)) is reason


@pytest.mark.parametrize(("intent", "tighter"), [(LONG, 99_900), (SHORT, 100_100)])
def test_a_tighter_stop_is_nearer_to_the_market(intent, tighter: int) -> None:
    trade = a_trade(intent)
    looser = 2 * intent.invalidation - tighter
    assert trade.tighter(tighter)
    assert not trade.tighter(looser)
    assert not trade.tighter(intent.invalidation)


def test_the_book_finds_trades_by_id_and_market() -> None:
    book, trade = TradeBook(), a_trade()
    book.add(trade)
    assert book.of_market(0) is trade
    assert book.get(trade.id) is trade
    assert book.of_market(1) is None
    book.remove(trade)
    assert len(book) == 0
