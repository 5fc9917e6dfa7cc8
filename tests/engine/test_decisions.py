from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bot.core.enums import DenyReason, Liquidity, OrderRole, OrderType, Side
from bot.core.messages import Denied, Fill, Order
from bot.engine.decisions import DecisionHash, HashingJournal
from tests.fakes import FakeJournal
from tests.trading import LONG, SHORT

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
