"""Hand-written stand-ins for the arrays of the signals: only the fields that the store reads by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from bot.market.heads import HEAD, OK
from bot.signals.learning.state import new_learning
from bot.signals.state import READING
from bot.signals.zones.state import new_zones

S = 1_000_000_000
T0 = 1_767_225_600 * S
MARKETS = ("binance:BTCUSDT", "binance:ETHUSDT")
CARDS = ("ob_near", "wall")

WALL = np.dtype(
    [
        *((name, "<i8") for name in ("id", "side", "near", "far", "stage", "touches", "born_ns")),
        *((name, "<f8") for name in ("peak", "executed", "pending", "genuineness", "distance_bps")),
    ]
)
ENDED = np.dtype([*WALL.descr, ("label", "<i8"), ("ended_ns", "<i8")])


def fake_heads(markets: int) -> np.ndarray:
    """Books that are whole and fresh at T0."""
    heads = np.zeros(markets, HEAD)
    heads["synced"], heads["status"], heads["commit_ns"] = 1, OK, T0
    return heads


def fake_signals(markets: int = 2, cards: int = 2) -> Any:
    """Cold: nothing known, no walls, no zones."""
    readings = np.zeros((markets, cards, 3), READING)
    readings["state"], readings["score"] = -1.0, np.nan
    composites = np.zeros((markets, 3), READING)
    composites["state"], composites["score"] = -1.0, np.nan
    return SimpleNamespace(
        heads=fake_heads(markets),
        grid=np.zeros(markets, [("walls", "<i8"), ("thin", "<i8"), ("thin_ratio", "<f8")]),
        walls=np.zeros((markets, 8), WALL),
        ended=np.zeros((markets, 4), ENDED),
        cards=readings,
        composites=composites,
        verdicts=np.full((markets, 3, 3), np.nan),
        learning=new_learning(markets),
        zones=new_zones(markets),
    )
