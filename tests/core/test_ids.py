from __future__ import annotations

import re
from typing import Any

import pytest

from bot.core.enums import Action, Mode, OrderRole
from bot.core.ids import client_order_id, intent_id

INTENT: dict[str, Any] = {
    "strategy": "breaker",
    "mode": "scalp",
    "symbol": "BTCUSDT",
    "action": "enter",
    "now_ns": 1_700_000_000_000_000_000,
    "nth": 0,
}


def test_equal_intents_have_the_equal_id_in_every_process_and_version() -> None:
    # written down: an id that moves would send a retried order twice
    assert intent_id(**INTENT) == "7b05e510d5dd2950"


@pytest.mark.parametrize(
    "change",
    [
        {"strategy": "fader"},
        {"mode": "day"},
        {"symbol": "ETHUSDT"},
        {"action": "reduce"},
        {"now_ns": INTENT["now_ns"] + 1},
        {"nth": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_tells_two_intents_apart_is_in_the_id(change: dict[str, Any]) -> None:
    assert intent_id(**{**INTENT, **change}) != intent_id(**INTENT)


def test_an_enum_names_the_same_intent_as_its_word() -> None:
    assert intent_id(**{**INTENT, "mode": Mode.SCALP, "action": Action.ENTER}) == intent_id(**INTENT)


def test_client_order_ids_are_what_venues_take_and_differ_by_role_and_number() -> None:
    intent = intent_id(**INTENT)
    ids = [client_order_id(intent, role.value, nth) for role in OrderRole for nth in (0, 1, 99_999)]

    assert len(set(ids)) == len(ids)
    # Binance: ^[\.A-Z\:/a-z0-9_-]{1,36}$
    assert all(re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", name) for name in ids)
