from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import getmembers, isfunction
from typing import Any

import numpy as np
import pytest

from bot.core.enums import DenyReason, Liquidity, OrderRole, OrderType, ReportKind, Side
from bot.core.messages import Denied, Fill, Order, Report
from bot.core.protocols import Journal
from bot.engine.decisions import DecisionHash, HashingJournal
from tests.fakes import FakeJournal
from tests.trading import LONG, SHORT, a_plan

BLOCK = np.array([0.25, -1.0, np.nan, 0.0])
FILL = Fill("c", "ABCUSDT", Side.BUY, 3, 100_001, Liquidity.TAKER, 10, 0, 5)
ORDER = Order("c", "i", 0, "ABCUSDT", Side.BUY, OrderType.LIMIT, OrderRole.ENTRY, 3, price=100_001)


def of_block(block: np.ndarray, now_ns: int = 1) -> str:
    decisions = DecisionHash()
    decisions.readings(now_ns, block, 1)
    return decisions.hexdigest()


def test_figures_count_to_the_ninth_decimal() -> None:
    assert of_block(BLOCK) == of_block(BLOCK + 1e-11)
    assert of_block(BLOCK) != of_block(BLOCK + 1e-8)
    assert of_block(BLOCK) != of_block(BLOCK, now_ns=2)


def test_equal_figures_of_other_bits_are_equal() -> None:
    other = BLOCK.copy()
    other[3] = -0.0
    other[2] = np.uint64(0xFFF8000000000123).view(np.float64)

    assert np.isnan(other[2])
    assert of_block(other) == of_block(BLOCK)


def test_what_rounds_to_minus_zero_is_zero_and_nothing_is_no_nan() -> None:
    assert of_block(np.array([-4e-10])) == of_block(np.array([0.0]))
    assert of_block(np.array([np.nan])) != of_block(np.array([0.0]))


def test_figures_count_at_their_place_and_blocks_in_their_order() -> None:
    one, other = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    forth, back = DecisionHash(), DecisionHash()
    for decisions, blocks in ((forth, (one, other)), (back, (other, one))):
        for block in blocks:
            decisions.readings(1, block, 4)

    assert of_block(one) != of_block(other)
    assert forth.hexdigest() != back.hexdigest()
    assert forth.counts["readings"] == 8, "counted by the cards that spoke"


def test_the_block_is_not_touched() -> None:
    block = np.array([np.nan, -0.0, 1.0 / 3.0])
    before = block.tobytes()
    of_block(block)

    assert block.tobytes() == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda d: d.fill(FILL), lambda d: d.fill(replace(FILL, lots=4))),
        (lambda d: d.order(ORDER), lambda d: d.order(replace(ORDER, trigger=1))),
        (lambda d: d.intent(LONG), lambda d: d.intent(replace(LONG, figures={"x": 1.0}))),
        (
            lambda d: d.refusal(Denied(LONG, DenyReason.DAILY_LOSS, 1.0, 2.0)),
            lambda d: d.refusal(Denied(LONG, DenyReason.DAILY_LOSS, 1.0, 3.0)),
        ),
        (lambda d: (d.intent(LONG), d.intent(SHORT)), lambda d: (d.intent(SHORT), d.intent(LONG))),
    ],
)
def test_every_figure_and_the_order_of_things_are_covered(
    one: Callable[[DecisionHash], object], other: Callable[[DecisionHash], object]
) -> None:
    a, same, b = DecisionHash(), DecisionHash(), DecisionHash()
    one(a)
    one(same)
    other(b)

    assert a.hexdigest() == same.hexdigest()
    assert a.hexdigest() != b.hexdigest()
    assert a.counts == b.counts


def test_the_journal_passes_everything_on_and_hashes_decisions_once() -> None:
    kept, decisions = FakeJournal(), DecisionHash()
    journal = HashingJournal(kept, decisions)
    journal.order(ORDER)
    journal.fill(FILL, "t")
    journal.denied(Denied(LONG, DenyReason.DAILY_LOSS, 1.0, 2.0))
    before = decisions.hexdigest()
    journal.intent(LONG)  # the engine hashed it when the strategy said it
    journal.audit(1, "x", {})
    journal.equity(1, "USDT", 1, 1)

    assert decisions.hexdigest() == before
    assert decisions.counts == {"readings": 0, "refusals": 1, "intents": 0, "orders": 1, "fills": 1}
    assert [what for what, _ in kept.entries] == ["order", "fill", "denied", "intent", "audit", "equity"]


class Recorder:
    """A journal that takes down every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, args))


CALLS: dict[str, tuple[Any, ...]] = {
    "intent": (LONG,),
    "plan": (a_plan(),),
    "denied": (Denied(LONG, DenyReason.DAILY_LOSS, 1.0, 2.0),),
    "order": (ORDER,),
    "report": (Report(ReportKind.ACCEPTED, "c", 0, "ABCUSDT", 1, 2),),
    "fill": (FILL, "trade"),
    "trade": ({"id": "trade"},),
    "readings": (5, "ABCUSDT", "cause", {"bias": 0.5}),
    "equity": (5, "USDT", 1, 2),
    "outcome": ({"id": "x"},),
    "shadow": ({"trade_id": "x"},),
    "audit": (5, "what", {"k": 1}),
    "commit": (),
}


def test_the_calls_below_are_the_whole_journal() -> None:
    assert set(CALLS) == {name for name, _ in getmembers(Journal, isfunction) if name[0] != "_"}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_reaches_the_journal_as_it_was_made(name: str) -> None:
    recorder = Recorder()
    getattr(HashingJournal(recorder, DecisionHash()), name)(*CALLS[name])

    assert recorder.calls == [(name, CALLS[name])]
