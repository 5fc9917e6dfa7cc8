"""While a live account has something unexplained every wish to enter is a refusal that says why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.core.enums import Action, DenyReason, Mode
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.wishes import watch
from tests.engine.world import Scripted, World, a_long, opened


@dataclass
class Account:
    """A live desk that only says what it has unexplained."""

    blocks: dict[str, str] = field(default_factory=lambda: {"link": "the private connection is down"})


class Patient:
    """Watches first, so that it is asked again between two cycles; then enters."""

    name = "scripted"

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        if view.market:
            return ()
        if view.now_ns % 30_000_000_000 < 2_000_000_000:
            return (watch(view, self.name, a_long().side, "soon", 20.0),)
        return (replace(a_long(), now_ns=view.now_ns),)

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        return ()


def world_of(strategy: Any, account: Account) -> World:
    world = World(strategy, modes=(Mode.SCALP,))
    assert world.engine.trading is not None
    world.engine.trading = replace(world.engine.trading, live=account)  # type: ignore[arg-type]
    return world


@pytest.mark.parametrize("strategy", [Scripted(a_long()), Patient()], ids=["at-a-cycle", "while-watching"])
def test_nothing_is_entered_and_the_refusal_names_the_cause(strategy: Any) -> None:
    world = world_of(strategy, Account())
    world.feed(opened().quiet(1.0, 45.0, 0.1))
    assert world.journal.of("order") == []
    denied = world.journal.of("denied")[0]
    assert (denied.intent.action, denied.reason) == (Action.ENTER, DenyReason.PAUSED)
    assert denied.figures == {"account_link": 1.0}
    assert world.engine.blocks == {"link": "the private connection is down"}


def test_entries_go_on_when_all_is_explained() -> None:
    world = world_of(Scripted(a_long()), Account({}))
    world.feed(opened().quiet(1.0, 45.0, 0.1))
    assert len(world.journal.of("order")) > 0
