"""What a session has learned of its cards: weights, what they would be, how good they were, what changed."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np

from bot.core.enums import Mode
from bot.core.errors import BadInput
from bot.signals.learning.frozen import Keys, thaw
from bot.signals.learning.report import Summary, summary
from bot.signals.learning.state import new_learning
from bot.signals.registry import CARDS
from bot.store.database import Database
from bot.store.learned import CARDS as LEARNED_CARDS
from bot.store.learned import NULL_EXPERT, saved_of


def weight_report(database: Database, symbol: str | None = None, last: int = 20) -> dict[str, Any]:
    """Plain JSON types: session, `at_ns`, `notes`, `learners` a market and mode, the `last` changes.

    Brier scores are over the last 500 labels; None before the first. `notes` says
    what of it starts from the prior in this version. Raises BadInput when
    nothing was kept, it is damaged, or knows no such market.
    """
    saved = saved_of(database, LEARNED_CARDS)
    if saved is None:
        raise BadInput(
            f"{database.path}: nothing learned is kept yet; "
            "`lopside paper` keeps it every minute and at its end"
        )
    keys = Keys(saved.detail["markets"], [card.name for card in CARDS])
    learning = new_learning(len(keys.markets))
    try:
        notes = thaw(learning, keys, saved.data)
    except BadInput as error:
        raise BadInput(f"{database.path}: {error}") from None
    chosen = [k for k, name in enumerate(keys.markets) if symbol in (None, name, name.partition(":")[2])]
    if not chosen:
        raise BadInput(f"unknown symbol {symbol!r}: the session knows {', '.join(keys.markets)}")
    experts = [*keys.cards, NULL_EXPERT]
    names = [keys.markets[k] for k in chosen]
    return {
        "session": database.path.parent.name,
        "run": saved.run,
        "at_ns": saved.now_ns,
        "notes": notes,
        "learners": [
            {
                "market": keys.markets[k],
                "mode": mode.value,
                **_figures(summary(learning, k, mode.place), learning.priors[mode.place], experts),
            }
            for k in chosen
            for mode in Mode
        ],
        "changes": _changes(database, names, last),
    }


def _figures(made: Summary, prior: np.ndarray, experts: list[str]) -> dict[str, Any]:
    rows = zip(experts, made.weights, made.unconstrained, prior, [*made.theta, np.nan], made.ic, strict=True)
    own, pooled, of_prior = made.omega
    return {
        "labels": made.labels,
        "killed": made.killed,
        "trust": {"own": own, "pooled": pooled, "prior": of_prior},
        "brier": {
            "published": _known(made.brier_published),
            "unconstrained": _known(made.brier_unconstrained),
            "null": _known(made.brier_null),
        },
        "ic": _known(made.ic[-1]),
        "experts": [
            {
                "expert": name,
                "weight": float(weight),
                "learned": float(learned),
                "prior": float(before),
                "theta": _known(theta),
                "ic": None if name == NULL_EXPERT else _known(ic),
            }
            for name, weight, learned, before, theta, ic in rows
        ],
    }


def _changes(database: Database, markets: list[str], last: int) -> list[dict[str, Any]]:
    """Newest last."""
    marks = ", ".join("?" * len(markets))
    rows = database.query(
        f"SELECT * FROM weights WHERE market IN ({marks}) ORDER BY rowid DESC LIMIT ?", [*markets, last]
    )
    return rows[::-1]


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)
