"""A session's database with walls, zones and learned weights in it, written the way a run writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bot.signals.learning.frozen import Keys
from bot.signals.learning.state import PUBLISHED_LOSS
from bot.signals.registry import card_names
from bot.store.database import Database
from bot.store.journal import StoreJournal
from bot.store.learned import LearnedKeeper
from tests.store.signal_arrays import MARKETS, T0, S, fake_signals

KEYS = Keys(MARKETS, card_names())
HEADER = {
    "instruments": [
        {"venue": "binance", "symbol": "BTCUSDT", "tick": "0.1"},
        {"venue": "binance", "symbol": "ETHUSDT", "tick": "0.01"},
    ]
}


def wall(number: int, end: str | None, lived_s: float, *, tested: int = 1, market: int = 0) -> dict[str, Any]:
    seen_ns = T0 + int(lived_s * S)
    return {
        "market": MARKETS[market],
        "id": number,
        "side": 1,
        "near_ticks": 10_000,
        "far_ticks": 9_991,
        "stage": "tested",
        "end": end,
        "born_ns": T0,
        "seen_ns": seen_ns,
        "tested": tested,
        "ended_ns": seen_ns if end not in (None, "lost") else None,
        "peak_lots": 80.0,
        "executed_lots": 5.0,
        "genuineness": 0.7,
        "distance_bps": 3.0,
        "touches": 2,
    }


def zone(number: int, *, holds: int = 0, breaks: int = 0, pulls: int = 0, **values: Any) -> dict[str, Any]:
    return {
        "market": MARKETS[0],
        "id": number,
        "side": 1,
        "kind": "support",
        "grade": "A",
        "rank": 1,
        "sources": "wall",
        "low_ticks": 9_990.5,
        "high_ticks": 10_000.0,
        "centre_ticks": 9_995.0,
        "born_ns": T0,
        "changed_ns": T0 + 30 * S,
        "gone_ns": None,
        "hold": 0.7,
        "bias": 0.3,
        "mass": 0.5,
        "presence": 1.0,
        "touches": holds + breaks + pulls,
        "holds": holds,
        "breaks": breaks,
        "pulls": pulls,
        "walls": 1,
        "wall_lots": 80.0,
        "genuineness": 0.7,
        **values,
    }


WALLS = (
    wall(1, "consumed", 10),
    wall(2, "pulled", 20),
    wall(3, "expired", 30),
    wall(4, "expired", 40, tested=0),
    wall(5, "lost", 5),
    wall(6, None, 100),
    wall(7, None, 100, market=1),
)
ZONES = (
    zone(1, holds=3, breaks=1),
    zone(2, pulls=1, gone_ns=T0 + 50 * S, rank=0),
)


def learned_signals() -> Any:
    """Learners after a hundred labels: the first market's scalp weights moved to the second card."""
    signals = fake_signals()
    learning = signals.learning
    for weights in (learning.published, learning.weights):
        weights[0, 0, 0] -= 0.02
        weights[0, 0, 1] += 0.02
    learning.learners["labels"][0, 0] = 100
    learning.learners["losses"][0, 0, :100] = 0.25
    learning.learners["losses"][0, 0, :100, PUBLISHED_LOSS] = 0.2
    learning.theta[0, 0, 1] = 1.5
    signals.zones.model["labels"], signals.zones.model["squares"] = 4, 0.8
    signals.zones.model["held"] = 2.0
    return signals


def fill(folder: Path) -> None:
    """A first run that ended and a second with the contents above."""
    with Database.open(folder) as database:
        database.remember_session(folder.name, {}, T0)
        database.end_run(database.start_run("paper", HEADER, T0), {}, T0, interrupted=False)
        journal = StoreJournal(database, database.start_run("paper", HEADER, T0))
        for row in WALLS:
            journal.wall(row)
        for row in ZONES:
            journal.zone(row)
        LearnedKeeper(journal, KEYS, learned_signals()).keep(T0 + 60 * S)
        before, after = np.float64(0.10), np.float64(0.08)
        journal.weight(T0, MARKETS[0], "scalp", card_names()[0], before, after, "learned")
        journal.weight(T0 + S, MARKETS[1], "day", "null", 0.0, 1.0, "killed")
        journal.commit()
