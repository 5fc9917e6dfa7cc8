"""Messages and databases that store tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.core.enums import Action, DenyReason, Entry, Mode, Side
from bot.core.messages import Denied, Intent
from bot.store.database import Database

S = 1_000_000_000


def make_intent(nth: int = 0, **changes: Any) -> Intent:
    fields: dict[str, Any] = {
        "id": f"{nth:016x}",
        "now_ns": nth * S,
        "symbol": "BTCUSDT",
        "market": 0,
        "strategy": "wall_fade",
        "mode": Mode.SCALP,
        "action": Action.ENTER,
        "side": Side.BUY,
        "reason": "wall holds",
        "entry": Entry.POST_ONLY,
        "limit": 100,
        "invalidation": 90,
        "confidence": 0.75,
        "figures": {"wall_lots": 12.5},
    }
    return Intent(**{**fields, **changes})


def make_denied(
    nth: int = 0, reason: DenyReason = DenyReason.EDGE_BELOW_COST, value: float = 1.0, **changes: Any
) -> Denied:
    return Denied(make_intent(nth, **changes), reason, 2.0, value, {"edge_bps": value})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "paper") as opened:
        yield opened


@pytest.fixture
def intent() -> Callable[..., Intent]:
    return make_intent


@pytest.fixture
def denied() -> Callable[..., Denied]:
    return make_denied
